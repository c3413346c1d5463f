#include "monitoring/history_format.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "monitoring/history_file.hpp"

namespace troupe::monitoring {
namespace {

/// Numbers for the fields of a sample: no two are the same, so that fields that change places are seen.
class Numbers {
public:
  template <class... T>
  void operator()(T&... fields) {
    (set(fields), ...);
  }

private:
  template <class T>
  void set(T& field) {
    field = static_cast<T>(++last_);
  }
  template <class T, std::size_t N>
  void set(std::array<T, N>& fields) {
    for (T& field : fields) set(field);
  }
  std::uint32_t last_{};
};

LogLine a_line(Numbers& n) {
  LogLine line;
  n(line.number, line.unix_us, line.level, line.about.task.value, line.about.client.value, line.about.span.trace.high,
    line.about.span.trace.low);
  line.text = "text";
  line.about.span.name = "span";
  line.about.event = "event";
  return line;
}

void fill(Numbers& n, FunctionTime& function) {
  n(function.runs, function.cpu_us, function.noncpu_us, function.unsplit_us);
  function.prefix = "prefix";
  function.span = "span";
}

void fill(Numbers& n, WorkerView& worker) {
  n(worker.address.worker.value, worker.pid, worker.threads, worker.memory_limit, worker.heartbeat_at.nanoseconds,
    worker.value_bytes, worker.processing, worker.stored, worker.finished, worker.occupancy_us,
    worker.joined.nanoseconds, worker.last_seen.nanoseconds);
  worker.address.name = "name";
  worker.address.address = "address";
  worker.address.host = "host";
  worker.http_address = "http";
  worker.status = WorkerStatus::closing;
  worker.retiring = true;
  worker.resources = {{"GPU", 1.5}};
  worker.modules = {"module"};
  Heartbeat& beat = worker.heartbeat;
  n(beat.managed_bytes, beat.process_bytes, beat.executing, beat.ready, beat.fetching, beat.cpu_ms, beat.spilled_bytes,
    beat.unmanaged_old_bytes, beat.free_bytes, beat.bandwidth);
  Traffic& traffic = beat.traffic;
  n(traffic.received_bytes, traffic.sent_bytes, traffic.received, traffic.sent, traffic.incoming, traffic.outgoing,
    traffic.disk_read_bytes, traffic.disk_written_bytes, traffic.open_files);
  Surroundings& around = beat.surroundings;
  n(around.disk_free_bytes, around.disk_total_bytes, around.round_trip_us, around.clock_skew_us);
  around.gpus.resize(1);
  around.gpus[0].name = "gpu";
  n(around.gpus[0].utilization_percent, around.gpus[0].memory_used, around.gpus[0].memory_total,
    around.gpus[0].memory_own);
}

void fill(Numbers& n, TaskTally& tally) { n(tally.states, tally.memory_bytes); }

void fill(Numbers& n, SchedulerCounters& c) {
  n(c.tasks, c.clients, c.clients_opened, c.clients_closed, c.workers_running, c.workers_paused, c.workers_retiring,
    c.workers_suspect, c.workers_idle, c.workers_saturated, c.workers_added, c.workers_drained, c.workers_lost,
    c.groups, c.submissions, c.submitted_tasks, c.finished, c.erred, c.retried, c.poisoned, c.recomputed,
    c.late_completions, c.steal_requests, c.steals_confirmed, c.steals_rejected, c.steal_requests_us,
    c.steals_confirmed_us, c.replicas_dropped, c.transitions, c.bandwidth, c.retries, c.queue_age_s, c.failed);
}

Picture a_picture() {
  Numbers n;
  Picture picture;
  ClusterView& view = picture.view;
  n(view.now.nanoseconds, view.cluster.high, view.cluster.low, view.epoch.value, view.history_records,
    view.history_recorded, view.history_capacity, view.history_oldest_ns, view.history_latest_ns, picture.own.cpu,
    picture.own.memory_bytes, picture.own.open_files, picture.own.lag_ms);
  view.address = "address";
  view.version = "version";
  fill(n, view.counters);
  view.workers.resize(1);
  fill(n, view.workers[0]);
  view.prefixes.resize(1);
  view.prefixes[0].name = "prefix";
  PrefixCounters& prefix = view.prefixes[0].counters;
  n(prefix.finished, prefix.erred, prefix.retried, prefix.suspicious, prefix.compute_us, prefix.output_bytes,
    prefix.duration_us, prefix.duration_variance, prefix.entered);
  fill(n, view.prefixes[0].tasks);
  view.clients.resize(1);
  view.clients[0].name = "client";
  n(view.clients[0].id.value, view.clients[0].wants);
  return picture;
}

HistoryState a_state() {
  Numbers n;
  HistoryState state;
  n(state.unix_ms, state.known);
  TaskView task;
  n(task.id.value, task.prefix, task.worker.value, task.nbytes, task.waiting_for, task.run);
  task.key = "key";
  task.state = TaskState::memory;
  task.worker_name = "worker";
  state.tasks = {task};
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = 3;
  chunk->template_of = {0, 1, 0};
  chunk->dependency_offsets = {0, 0, 1, 3};
  chunk->dependencies = {0, 3, 1};
  GroupView group;
  n(group.number, group.external.emplace_back().value, group.prefixes.emplace_back(), group.prefixes.emplace_back(),
    group.origin.group, group.origin.client.value, group.origin.span.trace.high, group.origin.span.trace.low);
  group.name = "group";
  group.data = true;
  group.chunk = chunk;
  group.origin.span.name = "span";
  fill(n, group.counts.emplace_back());
  fill(n, group.counts.emplace_back());
  state.groups = {group};
  state.graph = {{group, {TaskState::waiting, TaskState::erred}, {{1}, {2}}}};
  TaskError error;
  n(error.attempts, error.root.value);
  error.kind = TaskError::Kind::killed;
  error.type = "type";
  error.message = "message";
  error.function = "function";
  error.key = "key";
  error.worker = "worker";
  FailedTask failed;
  n(failed.at.nanoseconds, failed.task.value, failed.prefix);
  failed.key = "key";
  failed.error = std::make_shared<const TaskError>(error);
  state.failures = {failed};
  StolenTask stolen;
  n(stolen.at.nanoseconds, stolen.task.value, stolen.from.value);
  stolen.key = "key";
  stolen.given = true;
  state.steals = {stolen};
  TimeView& times = state.times;
  fill(n, times.functions.emplace_back());
  TimeView::Pair& pair = times.pairs.emplace_back();
  n(pair.to.value, pair.from.value, pair.moved.values, pair.moved.bytes, pair.moved.us, times.serialize_us,
    times.disk_read_us, times.disk_write_us, times.moved.values, times.other_pairs.values);
  times.types.emplace_back().type = "type";
  SpanView& span = state.spans.emplace_back();
  n(span.submissions, span.submitted, span.finished, span.erred, span.compute_us, span.output_bytes,
    span.submitted_first.nanoseconds, span.changed_last.nanoseconds);
  span.span.name = "span";
  fill(n, span.tasks);
  fill(n, span.functions.emplace_back());
  TaskStep& step = state.steps.emplace_back();
  n(step.task.value, step.step.at_ns, step.step.run);
  step.step.from = TaskState::queued;
  step.step.to = TaskState::processing;
  step.step.cause = "cause";
  step.step.worker = "worker";
  return state;
}

/// Size and FNV-1a of the bytes.
template <class T>
std::string print_of(const T& value) {
  const std::string bytes = packed(value);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return fmt::format("{} {:016x}", bytes.size(), hash);
}

/// Whoever makes this test fail writes another format: `history_magic` gets the next number together with these.
TEST(HistoryFormat, changes_only_together_with_the_number_in_its_first_line) {
  EXPECT_EQ(history_magic, "troupe history 4\n");
  Numbers n;
  HistoryStart start;
  n(start.cluster.high, start.cluster.low, start.epoch.value, start.pid, start.started_unix_ms, start.clock_offset_ms);
  start.address = "address";
  start.version = "version";
  start.revision = "revision";
  EXPECT_EQ(print_of(start), "45 592d0c93b1296c6c");
  EXPECT_EQ(print_of(HistoryEnd{1.5, "reason"}), "15 f1c1f9d9af64c506");
  EXPECT_EQ(print_of(a_picture()), "278 e96d063fec496593");
  EXPECT_EQ(print_of(a_state()), "306 06359418a478608b");
  EXPECT_EQ(print_of(std::vector<Event>{{1, 2.5, "topic", EventLevel::warning, "text", {3}}}), "23 d1e7aa1e949d8495");
  EXPECT_EQ(print_of(std::vector<LogLine>{a_line(n)}), "24 d9e8804fde148be0");
  EXPECT_EQ(print_of(std::vector<WorkerLine>{{100, {101}, a_line(n)}}), "26 700d17237d913f3f");
}

TEST(HistoryFormat, samples_come_back_as_they_were) {
  Picture picture;
  ASSERT_TRUE(unpack(packed(a_picture()), picture));
  EXPECT_EQ(packed(picture), packed(a_picture()));
  HistoryState state;
  ASSERT_TRUE(unpack(packed(a_state()), state));
  EXPECT_EQ(packed(state), packed(a_state()));
}

TEST(HistoryFormat, numbers_that_nobody_can_reckon_with_are_clamped) {
  constexpr auto furthest = std::numeric_limits<std::int64_t>::max() / 4;
  Picture picture = a_picture();
  picture.view.workers[0].heartbeat.surroundings.clock_skew_us = std::numeric_limits<std::int64_t>::min();
  picture.view.workers[0].joined.nanoseconds = std::numeric_limits<std::int64_t>::max();
  Picture read;
  ASSERT_TRUE(unpack(packed(picture), read));
  EXPECT_EQ(read.view.workers[0].heartbeat.surroundings.clock_skew_us, -furthest);
  EXPECT_EQ(read.view.workers[0].joined.nanoseconds, furthest);
}

}  // namespace
}  // namespace troupe::monitoring
