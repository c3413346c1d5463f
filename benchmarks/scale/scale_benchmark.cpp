// What the scheduler machine costs as the cluster and the graph grow: CPU time and memory a task, alone, with workers
// that answer at once. Nothing is simulated but the messages: the time of those who answer is not counted.
//
//   scale_benchmark                     the whole table, as docs/scale.md has it; half an hour
//   scale_benchmark --workers N --tasks N [--shape NAME]
//                                       one row, or one of each shape
#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "benchmarks/scale/shapes.hpp"
#include "runtime/core/scheduler_state.hpp"

namespace troupe::scale {
namespace {

double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

struct Cost {
  double us_a_task{};
  double bytes_a_task{};
};

/// One client, and workers of one thread. Every task takes a millisecond; what workers report comes in the order in
/// which they were given it, so many reports at a time as a busy mailbox has.
class Cluster {
public:
  explicit Cluster(std::uint32_t workers) : workers_(workers) {
    SchedulerConfig config;
    config.story_length = 1;
    scheduler_ = std::make_unique<SchedulerState>(config, Token{1, 2}, Epoch{1}, 7);
    client_ = scheduler_->next_client();
    scheduler_->handle(ClientJoined{client_, {"scale"}}, now_);
    for (std::uint32_t i = 0; i < workers; ++i) {
      RegisterWorker registration;
      registration.address = fmt::format("10.0.{}.{}:7000", i / 250, i % 250);
      registration.threads = 1;
      scheduler_->handle(WorkerJoined{scheduler_->next_worker(), std::move(registration)}, now_);
    }
    SchedulerEffects effects;
    while (scheduler_->place(now_, effects)) {
    }
  }

  /// Nothing if not every task was done once and forgotten.
  std::optional<Cost> run(const std::shared_ptr<const GraphChunk>& chunk) {
    const auto heap_before = ::mallinfo2();
    double cpu = measure([&] {
      SubmitGraph message;
      message.submission = message.graph = 1;
      message.chunk = chunk;
      scheduler_->handle(ClientSaid{client_, std::move(message)}, now_);
    });
    // All tasks are known now, and nothing has been handed out: what the scheduler keeps of them.
    const auto heap_after = ::mallinfo2();
    const auto chunk_bytes =
        4.0 * static_cast<double>(chunk->dependencies.size() + chunk->dependency_offsets.size() + chunk->wanted.size());
    const auto grown = static_cast<double>(heap_after.uordblks + heap_after.hblkhd) -
                       static_cast<double>(heap_before.uordblks + heap_before.hblkhd);
    for (bool more = true; more || !reports_.empty();) {
      SchedulerEffects effects;
      const std::size_t now = std::min(reports_.size(), reports_at_once);
      cpu += measure([&] {
        for (std::size_t i = 0; i < now; ++i) scheduler_->handle(std::move(reports_[i]), now_);
        more = scheduler_->place(now_, effects);
      });
      reports_.erase(reports_.begin(), reports_.begin() + static_cast<std::ptrdiff_t>(now));
      now_ = now_ + std::chrono::microseconds(1 + 1000 * now / workers_);
      answer(effects);
    }
    const auto& counters = scheduler_->counters();
    const auto tasks = static_cast<double>(chunk->size);
    if (done_ != chunk->size || counters.groups != 0) return {};
    return Cost{cpu * 1e6 / tasks, (grown + chunk_bytes) / tasks};
  }

private:
  static constexpr std::size_t reports_at_once = 64;

  template <class Work>
  static double measure(Work&& work) {
    const double begin = cpu_seconds();
    work();
    return cpu_seconds() - begin;
  }

  /// What workers and client say to that.
  void answer(SchedulerEffects& effects) {
    for (auto& [worker, messages] : effects.workers)
      for (ToWorker& message : messages) {
        auto* compute = std::get_if<ComputeTasks>(&message);
        if (compute == nullptr) continue;
        done_ += compute->tasks.size();
        TasksFinished done;
        done.nbytes.resize(compute->tasks.size(), 8);
        done.duration_us.resize(compute->tasks.size(), 1000);
        done.tasks = std::move(compute->tasks);
        done.runs = std::move(compute->runs);
        reports_.emplace_back(WorkerSaid{worker, std::move(done)});
      }
    for (auto& [id, messages] : effects.clients)
      for (ToClient& message : messages)
        if (auto* ready = std::get_if<KeysReady>(&message)) {
          ReleaseKeys release;
          for (const ClientKey key : ready->keys) release.keys.push_back({key, 1});
          reports_.emplace_back(ClientSaid{id, std::move(release)});
        }
  }

  std::uint32_t workers_;
  std::unique_ptr<SchedulerState> scheduler_;
  ClientId client_;
  Instant now_{std::int64_t{1'000'000'000}};
  std::uint64_t done_{};
  std::deque<SchedulerEvent> reports_;
};

/// The least of some runs: what others take from the machine only adds.
Cost measure(const Shape& shape, std::uint32_t workers, std::uint32_t tasks) {
  Cost best;
  const int runs = tasks <= 1'000'000 ? 3 : 1;
  for (int i = 0; i < runs; ++i) {
    const auto cost = Cluster(workers).run(shape.build(tasks));
    if (!cost) {
      fmt::print(stderr, "scale_benchmark: {} with {} tasks on {} workers: not all was done once\n", shape.name, tasks,
                 workers);
      std::exit(1);
    }
    if (i == 0 || cost->us_a_task < best.us_a_task) best = *cost;
  }
  return best;
}

void row(const Shape& shape, std::uint32_t workers, std::uint32_t tasks) {
  const Cost cost = measure(shape, workers, tasks);
  fmt::print("| {} | {} | {} | {:.2f} | {:.0f} |\n", shape.name, workers, tasks, cost.us_a_task, cost.bytes_a_task);
  std::fflush(stdout);
}

void whole_table() {
  fmt::print("| graph | workers | tasks | scheduler CPU, us a task | memory, bytes a task |\n|---|---|---|---|---|\n");
  for (const Shape& shape : shapes()) {
    for (const std::uint32_t workers : {10U, 100U, 1000U, 10'000U}) row(shape, workers, 1'000'000);
    for (const std::uint32_t tasks : {10'000U, 100'000U, 10'000'000U}) row(shape, 100, tasks);
    row(shape, 10'000, 10'000'000);
  }
}

bool parse(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0;
}

int main(int argc, char** argv) {
  std::uint32_t workers = 0;
  std::uint32_t tasks = 0;
  std::string_view wanted;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    const bool good = (flag == "--workers" && parse(value, workers)) || (flag == "--tasks" && parse(value, tasks)) ||
                      (flag == "--shape" && !(wanted = value).empty());
    if (!good) {
      std::fprintf(stderr, "usage: scale_benchmark [--workers N --tasks N [--shape NAME]]\n");
      return 2;
    }
  }
  if (workers == 0 || tasks == 0) {
    whole_table();
    return 0;
  }
  for (const Shape& shape : shapes())
    if (wanted.empty() || wanted == shape.name) row(shape, workers, tasks);
  return 0;
}

}  // namespace
}  // namespace troupe::scale

int main(int argc, char** argv) { return troupe::scale::main(argc, argv); }
