#include "actors/task_client.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "actors/client.hpp"
#include "actors/connect.hpp"
#include "actors/node.hpp"
#include "runtime/exec/call_frame.hpp"

namespace troupe {

struct TaskClients::Shared {
  Node& node;
  ConnectOptions connect;
  std::mutex mutex;
  std::optional<Client> client;  ///< guarded by mutex
};

namespace {

/// What is on offer in this process, the last one on top: a task knows its process, but not its cluster.
struct Offers {
  std::mutex mutex;
  std::vector<std::shared_ptr<void>> all;
};

Offers& offers() {
  static Offers instance;
  return instance;
}

}  // namespace

TaskClients::TaskClients(Node& node, const ConnectOptions& connect) : shared_(new Shared{node, connect, {}, {}}) {
  const std::lock_guard lock(offers().mutex);
  offers().all.push_back(shared_);
}

TaskClients::~TaskClients() {
  {
    const std::lock_guard lock(offers().mutex);
    std::erase(offers().all, shared_);
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->client.reset();
}

Client& task_client() {
  if (!this_task::id()) throw Disconnected("this_task::client: this thread runs no task");
  std::shared_ptr<TaskClients::Shared> shared;
  {
    const std::lock_guard lock(offers().mutex);
    if (!offers().all.empty()) shared = std::static_pointer_cast<TaskClients::Shared>(offers().all.back());
  }
  if (!shared) throw Disconnected("this_task::client: this worker has no client to offer");
  const std::lock_guard lock(shared->mutex);
  if (!shared->client) shared->client.emplace(shared->node, shared->connect, ClientOptions{.name = "task"});
  return *shared->client;
}

}  // namespace troupe
