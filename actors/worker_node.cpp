#include "actors/worker_node.hpp"

#include <unistd.h>

#include <caf/all.hpp>

#include "actors/worker_actor.hpp"
#include "runtime/exec/running_page.hpp"

namespace troupe {

const std::string& WorkerHandle::address() const { return shared_->address; }

Incarnation WorkerHandle::incarnation() const {
  return shared_->node->call([shared = shared_] { return shared->incarnation; });
}

WorkerCounters WorkerHandle::counters() const {
  return shared_->node->call(
      [shared = shared_] { return shared->running ? shared->running->counters() : shared->last; });
}

monitoring::WorkerDurations WorkerHandle::durations() const {
  return shared_->node->call(
      [shared = shared_] { return shared->running ? shared->running->durations() : shared->last_durations; });
}

Surroundings WorkerHandle::surroundings() const {
  return shared_->node->call(
      [shared = shared_] { return shared->running ? shared->running->surroundings() : shared->last_surroundings; });
}

WorkerId WorkerHandle::id() const {
  return shared_->node->call([shared = shared_] { return shared->running ? shared->running->id() : WorkerId{}; });
}

namespace {

void say_stop(const caf::actor_addr& worker, StopWorker::How how, std::string reason) {
  if (auto actor = caf::actor_cast<caf::actor>(worker)) caf::anon_send(actor, StopWorker{how, std::move(reason)});
}

}  // namespace

void WorkerHandle::leave(std::string reason) { say_stop(shared_->actor, StopWorker::leave, std::move(reason)); }
void WorkerHandle::drain(std::string reason) { say_stop(shared_->actor, StopWorker::drain, std::move(reason)); }
void WorkerHandle::stop(std::string reason) { say_stop(shared_->actor, StopWorker::now, std::move(reason)); }

bool WorkerHandle::outlived() const { return shared_->outlived; }

Result<std::string> WorkerHandle::wait() const {
  std::unique_lock lock(shared_->mutex);
  TROUPE_ASSERT(shared_->stopped || !shared_->node->on_loop(), "waits for a worker on its own loop");
  shared_->changed.wait(lock, [&] { return shared_->stopped; });
  if (shared_->error) return tl::unexpected(*shared_->error);
  return shared_->reason;
}

bool WorkerHandle::wait_for(Duration patience) const {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, patience, [&] { return shared_->stopped; });
}

bool WorkerHandle::stopped() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->stopped;
}

Result<WorkerHandle> start_worker(Node& node, WorkerOptions options) {
  auto page = options.running_fd >= 0 ? RunningPage::open(options.running_fd) : RunningPage::create();
  if (!page) return tl::unexpected(std::move(page.error()));
  auto shared_page = std::make_shared<RunningPage>(std::move(*page));
  if (options.machine.empty()) {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    options.machine = name;
  }
  if (options.scheduler) {
    options.access.cluster = options.scheduler->cluster();
    options.access.epoch = options.scheduler->epoch();
  }
  auto shared = std::make_shared<WorkerHandle::Shared>();
  shared->node = &node;
  shared->incarnation = options.incarnation ? options.incarnation : Incarnation{Node::random() | 1};
  return node.call([&]() -> Result<WorkerHandle> {
    std::optional<Error> failure;
    shared->actor = caf::actor_cast<caf::actor_addr>(
        node.spawn<WorkerActor>(&node, std::move(options), shared, std::move(shared_page), &failure));
    if (failure) return tl::unexpected(std::move(*failure));
    return WorkerHandle(shared);
  });
}

}  // namespace troupe
