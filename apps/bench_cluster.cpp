#include "apps/bench_cluster.hpp"

#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "apps/client_door.hpp"
#include "apps/door.hpp"

namespace troupe::apps {

namespace {

constexpr std::chrono::seconds start_patience{20};

std::filesystem::path make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "troupe-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw CommandError(ExitCode::failed, pattern + ": no folder can be made there");
  return pattern;
}

}  // namespace

BenchCluster::BenchCluster(const Options& options) : folder_(make_folder()), access_file_(folder_ / "access.json") {
  start({"scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", access_file_.string(), "--log-level",
         "warning"});
  for (unsigned i = 0; i < options.workers; ++i) {
    const auto line =
        start({"worker", "--no-nanny", "--nthreads", std::to_string(options.threads), "--name", fmt::format("w{}", i),
               "--memory-limit", std::to_string(options.memory_limit), "--local-directory",
               (folder_ / "scratch").string(), "--scheduler-file", access_file_.string(), "--log-level", "warning"});
    constexpr std::string_view before = "http://";
    const auto at = line.find(before);
    if (at == std::string::npos) throw CommandError(ExitCode::failed, "a worker did not say where its pages are");
    const auto begin = at + before.size();
    worker_pages_.push_back(line.substr(begin, line.find_first_of(" \n", begin) - begin));
  }
  Door door;
  door.access_file = access_file_.string();
  client_ = std::make_unique<Client>("", client_options(door));
  client_->wait_for_workers(options.workers, start_patience);
}

std::string BenchCluster::start(std::vector<std::string> command) {
  command.insert(command.begin(), ChildProcess::self());
  auto child = ChildProcess::start(command);
  if (!child) throw CommandError(ExitCode::failed, child.error().text);
  auto line = child->read_line(start_patience);
  if (!line) throw CommandError(ExitCode::failed, fmt::format("`troupe {}` did not get ready", command[1]));
  processes_.push_back(std::move(*child));
  return std::move(*line);
}

BenchCluster::~BenchCluster() {
  client_.reset();
  for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) process->stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

double BenchCluster::worker_metric(std::string_view name) const {
  namespace asio = boost::asio;
  double sum = 0;
  for (const std::string& page : worker_pages_) {
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    const auto colon = page.rfind(':');
    asio::connect(socket, asio::ip::tcp::resolver(context).resolve(page.substr(0, colon), page.substr(colon + 1)));
    asio::write(socket,
                asio::buffer(std::string("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")));
    std::string text;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(text), end);
    const auto line = text.find(fmt::format("\n{} ", name));
    if (line == std::string::npos) throw CommandError(ExitCode::failed, fmt::format("{} has no metric {}", page, name));
    sum += std::strtod(text.c_str() + line + name.size() + 2, nullptr);
  }
  return sum;
}

CpuUse BenchCluster::cpu() const {
  CpuUse use;
  use.client = cpu_time(::getpid());
  use.scheduler = cpu_time(processes_.front().pid());
  for (std::size_t i = 1; i < processes_.size(); ++i) use.workers += cpu_time(processes_[i].pid());
  return use;
}

}  // namespace troupe::apps
