// Many workers in one process, each with a session of its own to a scheduler elsewhere, and a client that lets them run many
// tasks: a large cluster, to look at with a dashboard. Says `ready` when all tasks have run, and keeps workers and values until
// its standard input ends.
//
//   many_workers ACCESS_FILE WORKERS TASKS
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "actors/connect.hpp"
#include "actors/node.hpp"
#include "actors/worker_node.hpp"
#include "protocol/access.hpp"
#include "troupe/troupe.hpp"

namespace many {

int nothing(int i) { return i; }
int count(const std::vector<int>& values) { return static_cast<int>(values.size()); }

}  // namespace many

TROUPE_MODULE(many_module, many::nothing, many::count);

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("many_workers ACCESS_FILE WORKERS TASKS\n", stderr);
    return 2;
  }
  auto access = troupe::AccessFile::read(argv[1]);
  if (!access) {
    std::fprintf(stderr, "%s\n", access.error().text.c_str());
    return 1;
  }
  const auto workers = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  const auto tasks = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
  troupe::Node node;
  std::vector<troupe::WorkerHandle> handles;
  for (unsigned i = 0; i < workers; ++i) {
    troupe::WorkerOptions options;
    options.access = *access;
    options.name = fmt::format("worker-{}", i);
    options.machine = fmt::format("machine-{}", i / 8);
    options.memory_limit = std::uint64_t{4} << 30;
    options.profile_interval = {};  // what workers cost is not looked at
    options.registry = std::make_shared<troupe::FunctionRegistry>();
    if (auto added = options.registry->add(many_module); !added) return 1;
    auto started = troupe::start_worker(node, std::move(options));
    if (!started) {
      std::fprintf(stderr, "%s\n", started.error().text.c_str());
      return 1;
    }
    handles.push_back(std::move(*started));
  }
  troupe::ConnectOptions connect;
  connect.access = *access;
  {
    troupe::Client client(node, connect, troupe::ClientOptions{.name = "many"});
    client.wait_for_workers(workers, std::chrono::minutes(2));
    std::vector<int> numbers(tasks);
    for (unsigned i = 0; i < tasks; ++i) numbers[i] = static_cast<int>(i);
    const auto futures = client.map<many::nothing>(numbers);
    client.wait(futures);
    std::puts("ready");
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
    }
  }
  for (auto& worker : handles) worker.stop("the benchmark is over");
  for (auto& worker : handles) (void)worker.wait_for(std::chrono::seconds(5));
  return 0;
}
