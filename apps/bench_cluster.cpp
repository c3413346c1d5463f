#include "apps/bench_cluster.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "apps/client_door.hpp"
#include "apps/door.hpp"
#include "apps/http_client.hpp"

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

/// Somebody with the dashboard open, and a Prometheus: two threads that read what they are sent. Their own processor
/// time is not counted as the client's.
class BenchCluster::Watcher {
public:
  explicit Watcher(const Door& door) : http_(door) {
    viewer_ = std::jthread([this](const std::stop_token& stop) {
      http_.follow("/api/v1/stream?topics=summary,workers,prefixes,events", [&](std::string_view part) {
        seen_ += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
        note_time(viewer_ns_);
        return !stop.stop_requested();
      });
    });
    scraper_ = std::jthread([this](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any ended;
      std::unique_lock lock(mutex);
      while (!stop.stop_requested()) {
        if (!http_.get_text("/metrics").empty()) ++seen_;
        note_time(scraper_ns_);
        ended.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
      }
    });
  }

  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  [[nodiscard]] std::chrono::nanoseconds cpu() const { return std::chrono::nanoseconds(viewer_ns_ + scraper_ns_); }

private:
  static void note_time(std::atomic<std::int64_t>& into) {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    into = std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
  }

  HttpClient http_;
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<std::int64_t> viewer_ns_{0};
  std::atomic<std::int64_t> scraper_ns_{0};
  std::jthread viewer_;
  std::jthread scraper_;
};

std::uint64_t BenchCluster::seen() const { return watcher_ ? watcher_->seen() : 0; }

BenchCluster::BenchCluster(const Options& options) : folder_(make_folder()), access_file_(folder_ / "access.json") {
  std::vector<std::string> scheduler{"scheduler",           "--port",      "0",      "--scheduler-file",
                                     access_file_.string(), "--log-level", "warning"};
  if (options.watched)
    scheduler.insert(scheduler.end(), {"--dashboard-address", "127.0.0.1:0"});
  else
    scheduler.emplace_back("--no-dashboard");
  start(std::move(scheduler));
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
  if (options.watched) watcher_ = std::make_unique<Watcher>(door);
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
  watcher_.reset();
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
  use.client = cpu_time(::getpid()) - (watcher_ ? watcher_->cpu() : std::chrono::nanoseconds(0));
  use.scheduler = cpu_time(processes_.front().pid());
  for (std::size_t i = 1; i < processes_.size(); ++i) use.workers += cpu_time(processes_[i].pid());
  return use;
}

}  // namespace troupe::apps
