#include "tests/chaos/cluster.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "protocol/access.hpp"

namespace troupe::chaos_tests {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::ip::tcp;

namespace {

std::uint16_t port_of(const boost::json::object& said, const char* field) {
  const std::string text(said.at(field).as_string());
  return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
}

/// A port that nobody listens at, below those that the kernel gives to outgoing connections: a worker that is started
/// again finds it as it was.
std::uint16_t quiet_port() {
  static std::uint16_t next = static_cast<std::uint16_t>(20'000 + ::getpid() % 10'000);
  for (;;) {
    asio::io_context io;
    tcp::acceptor acceptor(io, tcp::v4());
    boost::system::error_code taken;
    acceptor.bind({asio::ip::address_v4::loopback(), ++next}, taken);
    if (!taken) return next;
  }
}

/// Why a worker process ended that did nothing wrong; its nanny starts another.
bool expected_end(std::string_view line) {
  // The name of one killed together with its nanny is free only after its session's grace.
  const bool refused = line.starts_with("troupe: the name '") && line.find("' is taken by ") != line.npos;
  // The scheduler had given it up, and said so when it could be reached again.
  return refused || (line.starts_with("troupe: 127.0.0.1:") && line.ends_with(" said goodbye"));
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::size_t entries_of(const fs::path& directory) {
  std::error_code gone;
  std::size_t count = 0;
  for (fs::directory_iterator at(directory, gone), end; !gone && at != end; at.increment(gone)) ++count;
  return count;
}

}  // namespace

Footprint footprint(int pid) {
  const auto process = fs::path("/proc") / std::to_string(pid);
  return {apps::resident_memory(pid).now, entries_of(process / "fd"), entries_of(process / "task")};
}

std::vector<int> children_of(int pid) {
  std::vector<int> found;
  std::error_code gone;
  for (fs::directory_iterator at(fs::path("/proc") / std::to_string(pid) / "task", gone), end; !gone && at != end;
       at.increment(gone)) {
    std::ifstream in(at->path() / "children");
    for (int child = 0; in >> child;) found.push_back(child);
  }
  return found;
}

void Findings::add(std::string what) {
  ++count_;
  std::printf("FOUND: %s\n", what.c_str());
  std::fflush(stdout);
}

int WorkerSlot::worker_pid() const {
  const auto children = nanny ? children_of(nanny->pid()) : std::vector<int>{};
  return children.empty() ? 0 : children.front();
}

Cluster::Cluster(Programs programs, std::uint64_t seed, Findings& findings)
    : programs_(std::move(programs)), seed_(seed), findings_(findings) {
  std::string pattern = (fs::temp_directory_path() / "troupe-chaos-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  environment_ = {{"HOME", folder_},
                  {"XDG_CONFIG_HOME", path("config")},
                  {"XDG_RUNTIME_DIR", folder_},
                  {"XDG_STATE_HOME", path("state")},
                  {"TMPDIR", folder_},
                  {"TROUPE_ACCESS_FILE", ""},
                  {"TROUPE_CONFIG", path("config.yaml")},
                  {"TROUPE_SCHEDULER", ""},
                  {"TROUPE_OUTPUT", ""}};
  // A task may meet more faults here than anybody's patience elsewhere; a silent worker is lost within a short run.
  std::ofstream(path("config.yaml")) << "scheduler: {allowed-failures: 1000, suspect-after: 3s, worker-ttl: 10s, "
                                        "client-grace: 45s}\nworker: {death-timeout: 120s}\n";
  start_scheduler();
}

Cluster::~Cluster() {
  clients_.clear();
  workers_.clear();
  scheduler_.reset();
  if (findings_.count() == 0) {
    fs::remove_all(folder_);
  } else {
    std::printf("logs are kept in %s\n", folder_.c_str());
  }
}

ChildProcess Cluster::start(const std::string& name, std::vector<std::string> command) {
  std::vector<std::string> words{
      "/bin/sh", "-c", fmt::format("exec \"$0\" \"$@\" 2>'{}'", path(fmt::format("{}.{}.log", name, lives_++)))};
  words.insert(words.end(), command.begin(), command.end());
  auto child = ChildProcess::start(words, {.environment = environment_});
  if (!child) throw std::runtime_error(child.error().text);
  return std::move(*child);
}

void Cluster::start_scheduler() {
  scheduler_ = start("scheduler", {programs_.troupe, "scheduler", "--port", "0", "--dashboard-address", ":0", "-o",
                                   "json", "--scheduler-file", path("access.json")});
  const auto line = scheduler_->read_line(seconds(60));
  if (!line) throw std::runtime_error("the scheduler did not get ready; see " + folder_);
  const auto said = boost::json::parse(*line).as_object();
  scheduler_port_ = port_of(said, "address");
  http_port_ = port_of(said, "http");
  const auto access = AccessFile::read(path("access.json"));
  if (!access) throw std::runtime_error(access.error().text);
  token_ = access->http_token.reveal_hex();
}

void Cluster::start_workers(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto& slot = workers_.emplace_back();
    slot.name = fmt::format("worker-{}", i);
    slot.port = quiet_port();
    slot.control->set_target(scheduler_port_);
    slot.data->set_target(slot.port);
  }
  for (auto& slot : workers_) start_worker(slot);
}

void Cluster::start_worker(WorkerSlot& slot) {
  slot.may_end = false;
  slot.nanny =
      start(slot.name, {programs_.troupe, "worker", slot.control->address(), "--scheduler-file", path("access.json"),
                        "--name", slot.name, "--nthreads", "2", "--worker-port", std::to_string(slot.port),
                        "--contact-address", slot.data->address(), "--module", programs_.module, "-o", "json"});
}

void Cluster::start_clients(std::size_t count) {
  while (clients_.size() < count) {
    auto& slot = clients_.emplace_back();
    slot.name = fmt::format("client-{}", clients_.size() - 1);
    slot.control->set_target(scheduler_port_);
  }
  for (auto& slot : clients_) start_client(slot);
}

void Cluster::start_client(ClientSlot& slot) {
  slot.process = start(slot.name, {programs_.client, path("access.json"), slot.control->address(), slot.name,
                                   std::to_string(seed_ * 1'000 + lives_), folder_});
}

void Cluster::kill_client(ClientSlot& slot) {
  orphans_.insert(fmt::format("aborted.{}.", slot.process->pid()));
  slot.process->signal(SIGKILL);
  (void)slot.process->wait(seconds(10));
}

void Cluster::read_lines(ClientSlot& client) {
  while (const auto line = client.process->read_line(milliseconds(0))) {
    std::istringstream words(*line);
    std::string job;
    std::uint64_t tasks = 0;
    std::uint64_t ms = 0;
    if (line->starts_with("slow: ")) std::printf("%s: %s\n", client.name.c_str(), line->c_str());
    if (!(words >> job >> tasks >> ms)) continue;
    ++client.jobs[job];
    client.tasks += tasks;
    client.slowest_ms = std::max(client.slowest_ms, ms);
  }
}

void Cluster::look() {
  if (scheduler_) {
    if (const auto status = scheduler_->wait(milliseconds(0))) {
      findings_.add(fmt::format("the scheduler ended with {}", *status));
      scheduler_.reset();
      throw std::runtime_error("nothing goes on without a scheduler");
    }
  }
  for (auto& slot : workers_) {
    if (!slot.nanny) continue;
    while (slot.nanny->read_line(milliseconds(0))) {
    }
    const auto status = slot.nanny->wait(milliseconds(0));
    if (!status) continue;
    if (!slot.may_end) findings_.add(fmt::format("the nanny of {} ended with {}", slot.name, *status));
    start_worker(slot);
  }
  for (auto& slot : clients_) {
    if (!slot.process) continue;
    read_lines(slot);
    if (const auto status = slot.process->wait(milliseconds(0))) {
      findings_.add(fmt::format("{} ended with {}", slot.name, *status));
      start_client(slot);
    }
  }
}

void Cluster::stop_clients(seconds patience) {
  for (auto& slot : clients_)
    if (slot.process) slot.process->signal(SIGTERM);
  const auto deadline = Clock::now() + patience;
  for (auto& slot : clients_) {
    if (!slot.process) continue;
    std::optional<int> status;
    while (!status && Clock::now() < deadline) {
      read_lines(slot);
      status = slot.process->wait(milliseconds(20));
    }
    read_lines(slot);
    if (status != 0)
      findings_.add(status ? fmt::format("{} ended with {}", slot.name, *status) : slot.name + " does not end");
    slot.process.reset();
  }
}

void Cluster::stop(seconds patience) {
  for (auto& slot : workers_)
    if (slot.nanny) slot.nanny->signal(SIGTERM);
  for (auto& slot : workers_) {
    if (!slot.nanny) continue;
    const auto status = slot.nanny->wait(patience);
    if (status != 0)
      findings_.add(status ? fmt::format("{} ended with {}", slot.name, *status) : slot.name + " does not end");
    slot.nanny.reset();
  }
  scheduler_->signal(SIGTERM);
  const auto status = scheduler_->wait(patience);
  if (status != 0)
    findings_.add(status ? fmt::format("the scheduler ended with {}", *status) : "the scheduler does not end");
  scheduler_.reset();
}

std::optional<boost::json::object> Cluster::page(const std::string& target) const {
  asio::io_context io;
  tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), http_port_}, error);
  if (error) return std::nullopt;
  const timeval patience{10, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  asio::write(
      socket,
      asio::buffer("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer " +
                   token_ + "\r\n\r\n"),
      error);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), error);
  const auto body = answer.find("\r\n\r\n");
  if (body == std::string::npos || !answer.starts_with("HTTP/1.1 200")) return std::nullopt;
  return boost::json::parse(answer.substr(body + 4)).as_object();
}

std::optional<boost::json::object> Cluster::counts() const { return page("/json/counts.json"); }

std::uint64_t Cluster::in_flight() const {
  const auto now = counts();
  if (!now) return 0;
  std::uint64_t sum = 0;
  for (const char* state : {"waiting", "waiting_data", "processing", "unrunnable"})
    sum += now->at(state).to_number<std::uint64_t>();
  return sum;
}

void Cluster::wait_until_empty(seconds patience, std::size_t workers) {
  const auto deadline = Clock::now() + patience;
  std::optional<boost::json::object> now;
  do {
    look();
    now = counts();
    const auto of = [&](const char* field) { return now->at(field).to_number<std::uint64_t>(); };
    if (now && of("tasks") == 0 && of("clients") == 0 && of("bytes") == 0 && of("workers") == workers) return;
    std::this_thread::sleep_for(milliseconds(100));
  } while (Clock::now() < deadline);
  findings_.add("the cluster does not come to rest: " + (now ? boost::json::serialize(*now) : "no answer"));
}

std::uint64_t Cluster::jobs_done() const {
  std::uint64_t sum = 0;
  for (const auto& client : clients_)
    for (const auto& [name, count] : client.jobs) sum += count;
  return sum;
}

void Cluster::check_folder() {
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    const auto file = entry.path();
    if (file.filename() == "config.yaml" || entry.is_directory()) continue;
    if (file.filename() == ".lock" && entry.file_size() == 0) continue;  // beside the workers' directories; it stays
    if (file.parent_path().parent_path().filename() == "history") continue;  // what was stays, so much of it as is said
    const std::string name = file.filename().string();
    if (std::ranges::any_of(orphans_, [&](const auto& mark) { return name.starts_with(mark); })) continue;
    if (file.extension() != ".log") {
      findings_.add("left behind: " + file.string());
      continue;
    }
    std::istringstream lines(text_of(file));
    for (std::string line; std::getline(lines, line);) {
      boost::system::error_code error;
      const auto parsed = boost::json::parse(line, error);
      if (expected_end(line)) continue;
      const bool object = !error && parsed.is_object() && parsed.as_object().contains("level");
      if (!object || parsed.at("level") == "error") findings_.add(file.filename().string() + ": " + line);
    }
  }
}

}  // namespace troupe::chaos_tests
