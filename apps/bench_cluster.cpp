#include "apps/bench_cluster.hpp"

#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

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
  for (unsigned i = 0; i < options.workers; ++i)
    start({"worker", "--no-nanny", "--nthreads", std::to_string(options.threads), "--name", fmt::format("w{}", i),
           "--scheduler-file", access_file_.string(), "--log-level", "warning"});
  Door door;
  door.access_file = access_file_.string();
  client_ = std::make_unique<Client>("", client_options(door));
  client_->wait_for_workers(options.workers, start_patience);
}

void BenchCluster::start(std::vector<std::string> command) {
  command.insert(command.begin(), ChildProcess::self());
  auto child = ChildProcess::start(command);
  if (!child) throw CommandError(ExitCode::failed, child.error().text);
  if (!child->read_line(start_patience))
    throw CommandError(ExitCode::failed, fmt::format("`troupe {}` did not get ready", command[1]));
  processes_.push_back(std::move(*child));
}

BenchCluster::~BenchCluster() {
  client_.reset();
  for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) process->stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

CpuUse BenchCluster::cpu() const {
  CpuUse use;
  use.client = cpu_time(::getpid());
  use.scheduler = cpu_time(processes_.front().pid());
  for (std::size_t i = 1; i < processes_.size(); ++i) use.workers += cpu_time(processes_[i].pid());
  return use;
}

}  // namespace troupe::apps
