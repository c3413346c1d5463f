#include "actors/child.hpp"

#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "actors/child_command.hpp"
#include "actors/connect.hpp"
#include "actors/nanny.hpp"
#include "actors/node.hpp"
#include "actors/task_client.hpp"
#include "actors/worker_node.hpp"
#include "runtime/exec/isolation.hpp"

namespace troupe {
namespace {

bool asked = false;  // of the whole program: there is one main()

/// Runs until the worker has ended, or SIGTERM or SIGINT says so: the first lets it finish what runs.
int run_worker(const WorkerHandle& worker, const sigset_t& signals) {
  bool told = false;
  WorkerHandle handle = worker;
  while (!worker.stopped()) {
    const timespec patience{0, 50'000'000};
    if (::sigtimedwait(&signals, nullptr, &patience) < 0) continue;
    if (told) {
      handle.stop("a second signal");
    } else {
      handle.drain("a signal");
    }
    told = true;
  }
  const auto ended = worker.wait();
  if (ended || told) return 0;
  std::fprintf(stderr, "%s\n", ended.error().text.c_str());
  return 1;
}

}  // namespace

bool is_child(int argc, char** argv) {
  asked = true;
  return argc > 1 && (argv[1] == child_argument || argv[1] == isolated_argument);
}

bool can_be_child() { return asked; }

int run_child(int argc, char** argv, const Modules& modules) {
  const auto refuse = [](const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
    return 2;
  };
  auto registry = std::make_shared<FunctionRegistry>();
  for (const auto& module : modules)
    if (auto added = registry->add(module.get()); !added) return refuse(added.error().text);
  if (argc > 1 && argv[1] == isolated_argument) return run_isolated_child(argc, argv, *registry);
  auto command = ChildCommand::parse(argc, argv);
  if (!command) return refuse(command.error().text);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts, so that they inherit it

  auto access = AccessFile::read(command->access_file);
  if (!access) return refuse(access.error().text);

  Node node;
  WorkerOptions options;
  options.access = *access;
  options.name = command->name;
  options.threads = command->threads;
  options.memory_limit = command->memory_limit;
  options.own_process = true;
  options.local_directory = command->local_directory;
  options.profile_interval = std::chrono::milliseconds(command->profile_ms);
  options.resources = command->resources;
  options.registry = std::move(registry);
  adopt_nanny(options);
  ConnectOptions connect;
  connect.access = std::move(*access);
  const TaskClients clients(node, connect);
  const auto worker = start_worker(node, std::move(options));
  if (!worker) return refuse(worker.error().text);
  return run_worker(*worker, signals);
}

}  // namespace troupe
