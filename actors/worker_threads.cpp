#include <caf/all.hpp>

#include "actors/worker_actor.hpp"

// The threads of a worker, and who looks at them.

namespace troupe {

void WorkerActor::start_pool() {
  PoolConfig config;
  config.threads = options_.threads;
  config.running = page_.get();
  seceded_ = std::make_shared<Seceded>();
  config.functions = options_.registry;
  const auto self = address();
  config.notify = [self] {
    if (auto actor = caf::actor_cast<caf::actor>(self)) caf::anon_send(actor, PoolReady{});
  };
  config.seceded = [self, seceded = seceded_](TaskId task, RunId run, bool rejoined) {
    {
      const std::lock_guard lock(seceded->mutex);
      seceded->events.push_back({task, run, rejoined});
    }
    if (auto actor = caf::actor_cast<caf::actor>(self)) caf::anon_send(actor, PoolReady{});
  };
  config.log = [log = task_log_](TaskId task, std::string_view text) { log->line(task, text); };
  pool_ = std::make_shared<Pool>(std::move(config));
  start_profiler();
}

void WorkerActor::start_profiler() {
  if (options_.profile_interval <= Duration{0}) return;
  const auto microseconds = [](Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration);
  };
  auto started = ContinuousProfiler::start(
      *pool_, {microseconds(options_.profile_interval), microseconds(options_.profile_cycle)});
  if (started)
    profiler_ = std::move(*started);
  else
    node_.log(LogLevel::info, "profile_off", profile_is_off_ = "no continuous profile: " + started.error().text);
}

}  // namespace troupe
