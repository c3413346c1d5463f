#pragma once

#include <memory>

namespace troupe {

class Client;
class Node;
struct ConnectOptions;

/// Offers tasks that run in this process a client of their own cluster, opened when the first task asks. Owned by who
/// runs workers in the process, destroyed before the node. With several in one process, tasks get the one offered last.
class TaskClients {
public:
  TaskClients(Node& node, const ConnectOptions& connect);
  ~TaskClients();  ///< closes the client
  TaskClients(const TaskClients&) = delete;
  TaskClients& operator=(const TaskClients&) = delete;

private:
  struct Shared;
  friend Client& task_client();
  std::shared_ptr<Shared> shared_;
};

Client& task_client();

namespace this_task {

/// A client of the cluster that runs this task: tasks may submit tasks, and wait for them without deadlock, since a
/// waiting task gives its slot away. Throws Disconnected outside of tasks, and where nobody offers one.
inline Client& client() { return task_client(); }

}  // namespace this_task

}  // namespace troupe
