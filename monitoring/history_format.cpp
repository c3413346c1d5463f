#include "monitoring/history_format.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

namespace troupe::monitoring {

namespace {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsArray : std::false_type {};
template <class T, std::size_t N>
struct IsArray<std::array<T, N>> : std::true_type {};
template <class T>
struct IsPair : std::false_type {};
template <class A, class B>
struct IsPair<std::pair<A, B>> : std::true_type {};
template <class T>
struct IsShared : std::false_type {};
template <class T>
struct IsShared<std::shared_ptr<const T>> : std::true_type {};

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

/// Walks over a value and writes it down. What `fields` names of a type is what is written of it.
class Packer {
public:
  template <class... T>
  void operator()(T&... values) {
    (put(values), ...);
  }
  std::string out;

private:
  template <class T>
  void put(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      out += value ? '\1' : '\0';
    } else if constexpr (std::is_enum_v<T>) {
      put_varint(out, static_cast<std::uint64_t>(value));
    } else if constexpr (std::unsigned_integral<T>) {
      put_varint(out, value);
    } else if constexpr (std::signed_integral<T>) {
      put_varint(out, zigzag(value));
    } else if constexpr (std::is_same_v<T, double>) {
      const auto bits = std::bit_cast<std::array<char, 8>>(value);
      out.append(bits.data(), bits.size());
    } else if constexpr (std::is_same_v<T, std::string>) {
      put_varint(out, value.size());
      out += value;
    } else if constexpr (IsVector<T>::value) {
      put_varint(out, value.size());
      for (auto& element : value) put(element);
    } else if constexpr (IsArray<T>::value) {
      for (auto& element : value) put(element);
    } else if constexpr (IsPair<T>::value) {
      put(value.first);
      put(value.second);
    } else if constexpr (IsShared<T>::value) {
      out += value ? '\1' : '\0';
      if (value) put(const_cast<std::remove_const_t<std::remove_reference_t<decltype(*value)>>&>(*value));
    } else {
      fields(*this, value);
    }
  }
};

/// The same walk, reading. Once something is wrong nothing more is read.
class Unpacker {
public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  [[nodiscard]] bool whole() const { return good_ && rest_.empty(); }
  [[nodiscard]] bool good() const { return good_; }
  void refuse() { good_ = false; }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }

private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) good_ = false;
    if (!good_) return {};
    const auto part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }

  template <class T>
  void get(T& value) {
    if (!good_) return;
    if constexpr (std::is_same_v<T, bool>) {
      const auto byte = take(1);
      if (good_) value = byte.front() != 0;
    } else if constexpr (std::is_same_v<T, TaskState>) {
      const auto number = varint();
      if (number >= task_state_count) good_ = false;
      if (good_) value = static_cast<TaskState>(number);
    } else if constexpr (std::is_enum_v<T>) {
      const auto number = varint();
      if (number > 255) good_ = false;
      if (good_) value = static_cast<T>(number);
    } else if constexpr (std::unsigned_integral<T>) {
      const auto number = varint();
      if (number > std::numeric_limits<T>::max()) good_ = false;
      value = static_cast<T>(number);
    } else if constexpr (std::signed_integral<T>) {
      // Nearer to 0 than what differences of two times overflow at.
      constexpr std::int64_t furthest = std::int64_t{std::numeric_limits<T>::max()} / (sizeof(T) == 8 ? 4 : 1);
      value = static_cast<T>(std::clamp(unzigzag(varint()), -furthest, furthest));
    } else if constexpr (std::is_same_v<T, double>) {
      const auto bytes = take(8);
      if (good_) std::memcpy(&value, bytes.data(), 8);
      // Columns of JSON hold no such thing.
      if (!(value >= -std::numeric_limits<double>::max() && value <= std::numeric_limits<double>::max())) good_ = false;
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = take(varint());
    } else if constexpr (IsVector<T>::value) {
      const auto size = varint();
      if (size > rest_.size()) good_ = false;  // an element takes a byte at least
      for (std::uint64_t i = 0; good_ && i < size; ++i) {
        typename T::value_type element{};
        get(element);
        value.push_back(std::move(element));
      }
    } else if constexpr (IsArray<T>::value) {
      for (auto& element : value) get(element);
    } else if constexpr (IsPair<T>::value) {
      get(value.first);
      get(value.second);
    } else if constexpr (IsShared<T>::value) {
      bool there = false;
      get(there);
      if (!good_ || !there) return;
      auto made = std::make_shared<std::remove_const_t<typename T::element_type>>();
      get(*made);
      value = std::move(made);
    } else {
      fields(*this, value);
    }
  }

  std::string_view rest_;
  bool good_{true};
};

// ---- what is written of each type -----------------------------------------------------------------------------------
// The order is the format: it changes only together with `history_magic`.

template <class A, class Tag, class Rep>
void fields(A& a, Id<Tag, Rep>& v) {
  a(v.value);
}
template <class A>
void fields(A& a, TaskId& v) {
  a(v.value);
}
template <class A>
void fields(A& a, Instant& v) {
  a(v.nanoseconds);
}
template <class A>
void fields(A& a, Token& v) {
  a(v.high, v.low);
}
template <class A>
void fields(A& a, ResourceAmount& v) {
  a(v.name, v.amount);
}
template <class A>
void fields(A& a, WorkerAddress& v) {
  a(v.worker, v.name, v.address, v.host);
}
template <class A>
void fields(A& a, Traffic& v) {
  a(v.received_bytes, v.sent_bytes, v.received, v.sent, v.incoming, v.outgoing, v.disk_read_bytes, v.disk_written_bytes,
    v.open_files);
}
template <class A>
void fields(A& a, GpuFigures& v) {
  a(v.name, v.utilization_percent, v.memory_used, v.memory_total, v.memory_own);
}
template <class A>
void fields(A& a, Surroundings& v) {
  a(v.disk_free_bytes, v.disk_total_bytes, v.round_trip_us, v.clock_skew_us, v.gpus);
}
template <class A>
void fields(A& a, Heartbeat& v) {
  a(v.managed_bytes, v.process_bytes, v.executing, v.ready, v.fetching, v.cpu_ms, v.spilled_bytes,
    v.unmanaged_old_bytes, v.free_bytes, v.bandwidth, v.traffic, v.surroundings);
}
template <class A>
void fields(A& a, WorkerView& v) {
  a(v.address, v.http_address, v.pid, v.threads, v.status, v.suspect, v.retiring, v.nannied, v.memory_limit,
    v.heartbeat, v.heartbeat_at, v.value_bytes, v.processing, v.stored, v.finished, v.occupancy_us, v.joined,
    v.last_seen, v.resources, v.modules);
}
template <class A>
void fields(A& a, PrefixCounters& v) {
  a(v.finished, v.erred, v.retried, v.suspicious, v.compute_us, v.output_bytes, v.duration_us, v.duration_variance,
    v.entered);
}
template <class A>
void fields(A& a, TaskTally& v) {
  a(v.states, v.memory_bytes);
}
template <class A>
void fields(A& a, PrefixView& v) {
  a(v.name, v.counters, v.tasks);
}
template <class A>
void fields(A& a, ClientView& v) {
  a(v.id, v.name, v.wants);
}
template <class A>
void fields(A& a, SchedulerCounters& v) {
  a(v.tasks, v.clients, v.clients_opened, v.clients_closed, v.workers_running, v.workers_paused, v.workers_retiring,
    v.workers_suspect, v.workers_idle, v.workers_saturated, v.workers_added, v.workers_drained, v.workers_lost,
    v.groups, v.submissions, v.submitted_tasks, v.finished, v.erred, v.failed, v.retried, v.poisoned, v.recomputed,
    v.late_completions, v.steal_requests, v.steals_confirmed, v.steals_rejected, v.steal_requests_us,
    v.steals_confirmed_us, v.replicas_dropped, v.transitions, v.bandwidth, v.retries, v.queue_age_s);
}
template <class A>
void fields(A& a, ClusterView& v) {
  a(v.now, v.cluster, v.epoch, v.address, v.version, v.counters, v.workers, v.prefixes, v.clients, v.history_records,
    v.history_recorded, v.history_capacity, v.history_oldest_ns, v.history_latest_ns);
}
template <class A>
void fields(A& a, OwnProcess& v) {
  a(v.cpu, v.memory_bytes, v.open_files, v.lag_ms);
}
template <class A>
void fields(A& a, Picture& v) {
  a(v.view, v.own);
}  // the rest follows from these
template <class A>
void fields(A& a, TaskView& v) {
  a(v.id, v.key, v.prefix, v.state, v.worker, v.worker_name, v.nbytes, v.waiting_for, v.run);
}
template <class A>
void fields(A& a, TaskError& v) {
  a(v.kind, v.type, v.message, v.function, v.key, v.root, v.worker, v.attempts);
}
template <class A>
void fields(A& a, FailedTask& v) {
  a(v.at, v.task, v.key, v.prefix, v.error);
}
template <class A>
void fields(A& a, StolenTask& v) {
  a(v.at, v.task, v.key, v.from, v.given);
}
template <class A>
void fields(A& a, GraphChunk& v) {
  a(v.size, v.template_of, v.dependency_offsets, v.dependencies);
}
template <class A>
void fields(A& a, SpanContext& v) {
  a(v.name, v.trace);
}
template <class A>
void fields(A& a, TaskOrigin& v) {
  a(v.group, v.client, v.span);
}
template <class A>
void fields(A& a, LogContext& v) {
  a(v.task, v.client, v.span, v.event);
}
template <class A>
void fields(A& a, GroupView& v) {
  a(v.number, v.name, v.data, v.chunk, v.external, v.counts, v.prefixes, v.origin);
}
template <class A>
void fields(A& a, GroupTasks& v) {
  a(v.group, v.states, v.workers);
}
template <class A>
void fields(A& a, HistoryStart& v) {
  a(v.cluster, v.epoch, v.address, v.version, v.revision, v.pid, v.started_unix_ms, v.clock_offset_ms);
}
template <class A>
void fields(A& a, HistoryEnd& v) {
  a(v.unix_ms, v.reason);
}
template <class A>
void fields(A& a, FunctionTime& v) {
  a(v.prefix, v.runs, v.cpu_us, v.noncpu_us, v.unsplit_us, v.span);
}
template <class A>
void fields(A& a, ValuesMoved& v) {
  a(v.values, v.bytes, v.us);
}
template <class A>
void fields(A& a, TimeView::Pair& v) {
  a(v.to, v.from, v.moved);
}
template <class A>
void fields(A& a, MovedType& v) {
  a(v.type, v.moved);
}
template <class A>
void fields(A& a, TimeView& v) {
  a(v.functions, v.pairs, v.types, v.other_pairs, v.moved, v.serialize_us, v.disk_read_us, v.disk_write_us);
}
template <class A>
void fields(A& a, SpanView& v) {
  a(v.span, v.submissions, v.submitted, v.finished, v.erred, v.compute_us, v.output_bytes, v.tasks, v.submitted_first,
    v.changed_last, v.functions);
}
template <class A>
void fields(A& a, TransitionView& v) {
  a(v.at_ns, v.from, v.to, v.cause, v.run, v.worker);
}
template <class A>
void fields(A& a, TaskStep& v) {
  a(v.task, v.step);
}
template <class A>
void fields(A& a, HistoryState& v) {
  a(v.unix_ms, v.tasks, v.known, v.groups, v.graph, v.failures, v.steals, v.times, v.spans, v.steps);
}
template <class A>
void fields(A& a, Event& v) {
  a(v.seq, v.at_unix_ms, v.topic, v.level, v.text, v.worker);
}
template <class A>
void fields(A& a, LogLine& v) {
  a(v.number, v.unix_us, v.level, v.text, v.about);
}
template <class A>
void fields(A& a, WorkerLine& v) {
  a(v.seq, v.worker, v.line);
}

// ---- what those who draw rely on ------------------------------------------------------------------------------------

bool is_sound(const GroupView& group) {
  if (!group.chunk || group.chunk->size == 0 || group.counts.empty() || group.counts.size() != group.prefixes.size())
    return false;
  const GraphChunk& chunk = *group.chunk;
  if (!chunk.template_of.empty() && chunk.template_of.size() != chunk.size) return false;
  for (const auto which : chunk.template_of)
    if (which >= group.counts.size()) return false;
  if (chunk.dependency_offsets.empty()) return chunk.dependencies.empty();
  if (chunk.dependency_offsets.size() != std::size_t{chunk.size} + 1 || chunk.dependency_offsets.front() != 0 ||
      chunk.dependency_offsets.back() != chunk.dependencies.size() ||
      !std::is_sorted(chunk.dependency_offsets.begin(), chunk.dependency_offsets.end()))
    return false;
  const auto known = std::uint64_t{chunk.size} + group.external.size();
  return std::all_of(chunk.dependencies.begin(), chunk.dependencies.end(),
                     [&](std::uint32_t dependency) { return dependency < known; });
}

bool is_sound(const GroupTasks& tasks) {
  return is_sound(tasks.group) && tasks.states.size() <= tasks.group.chunk->size &&
         tasks.workers.size() == tasks.states.size();
}

bool is_sound(const HistoryState& state) {
  return std::all_of(state.groups.begin(), state.groups.end(), [](const auto& group) { return is_sound(group); }) &&
         std::all_of(state.graph.begin(), state.graph.end(), [](const auto& tasks) { return is_sound(tasks); }) &&
         std::all_of(state.failures.begin(), state.failures.end(), [](const auto& failed) { return failed.error; });
}

}  // namespace

template <class T>
std::string packed(const T& value) {
  Packer packer;
  packer(const_cast<T&>(value));  // one walk for both ways; this one changes nothing
  return std::move(packer.out);
}
template <class T>
bool unpack(std::string_view bytes, T& value) {
  Unpacker unpacker(bytes);
  unpacker(value);
  if (!unpacker.whole()) return false;
  if constexpr (std::is_same_v<T, HistoryState>)
    return is_sound(value);
  else
    return true;
}

template std::string packed(const HistoryStart&);
template std::string packed(const HistoryEnd&);
template std::string packed(const HistoryState&);
template std::string packed(const Picture&);
template std::string packed(const std::vector<Event>&);
template std::string packed(const std::vector<LogLine>&);
template std::string packed(const std::vector<WorkerLine>&);
template bool unpack(std::string_view, HistoryStart&);
template bool unpack(std::string_view, HistoryEnd&);
template bool unpack(std::string_view, HistoryState&);
template bool unpack(std::string_view, Picture&);
template bool unpack(std::string_view, std::vector<Event>&);
template bool unpack(std::string_view, std::vector<LogLine>&);
template bool unpack(std::string_view, std::vector<WorkerLine>&);

std::string packed_runs(const TaskRun* runs, std::size_t count, std::uint64_t first) {
  constexpr std::size_t most_of_one = 48;  // bytes; as many numbers as below, each as long as it can be
  std::string out((count + 1) * most_of_one, '\0');
  char* at = out.data();
  const auto put = [&at](std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
    *at++ = static_cast<char>(value);
  };
  put(first);
  put(count);
  TaskRun before{};
  for (std::size_t i = 0; i < count; ++i) {
    const TaskRun& run = runs[i];
    put(zigzag(static_cast<std::int64_t>(run.task.value - before.task.value)));
    put(zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(run.start_ns) -
                                         static_cast<std::uint64_t>(before.start_ns))));
    put(run.duration_us);
    const bool same = i > 0 && run.worker == before.worker && run.prefix == before.prefix && run.run == before.run;
    put(std::uint64_t{run.thread} << 2 | std::uint64_t{run.erred} << 1 | (same ? 1U : 0U));
    if (!same) {
      put(run.worker.value);
      put(run.prefix);
      put(run.run);
    }
    before = run;
  }
  out.resize(static_cast<std::size_t>(at - out.data()));
  return out;
}

template <>
bool unpack(std::string_view bytes, HistoryRuns& runs) {
  Unpacker in(bytes);
  runs.first = in.varint();
  const std::uint64_t count = in.varint();
  if (count > bytes.size()) return false;
  runs.runs.reserve(count);
  TaskRun run{};
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    run.task.value += static_cast<std::uint64_t>(unzigzag(in.varint()));
    run.start_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(run.start_ns) +
                                             static_cast<std::uint64_t>(unzigzag(in.varint())));
    const auto duration = in.varint();
    const auto mixed = in.varint();
    // So that the end of each run is a number of nanoseconds too.
    constexpr std::int64_t furthest = std::numeric_limits<std::int64_t>::max() / 4;
    if (duration > UINT32_MAX || mixed >> 2 > UINT16_MAX || run.start_ns > furthest || run.start_ns < -furthest)
      in.refuse();
    run.duration_us = static_cast<std::uint32_t>(duration);
    run.thread = static_cast<std::uint16_t>(mixed >> 2);
    run.erred = (mixed >> 1) & 1;
    if ((mixed & 1) == 0) {
      const auto worker = in.varint();
      const auto prefix = in.varint();
      const auto attempt = in.varint();
      if (worker > UINT32_MAX || prefix > UINT16_MAX || attempt > 0x7fffffff) in.refuse();
      run.worker.value = static_cast<std::uint32_t>(worker);
      run.prefix = static_cast<std::uint16_t>(prefix);
      run.run = static_cast<std::uint32_t>(attempt) & 0x7fffffffU;
    }
    runs.runs.push_back(run);
  }
  return in.whole();
}

GroupView outline_of(const GroupView& group, std::uint32_t most) {
  GroupView outline = group;
  const GraphChunk& whole = *group.chunk;
  auto chunk = std::make_shared<GraphChunk>();
  const std::uint32_t size = std::max<std::uint32_t>(1, std::min(whole.size, most));
  chunk->size = size;
  if (!whole.template_of.empty())
    chunk->template_of.assign(whole.template_of.begin(), whole.template_of.begin() + size);
  if (!whole.dependency_offsets.empty()) {
    chunk->dependency_offsets.assign(whole.dependency_offsets.begin(), whole.dependency_offsets.begin() + size + 1);
    chunk->dependencies.assign(whole.dependencies.begin(), whole.dependencies.begin() + whole.dependency_offsets[size]);
    // Dependencies come before their dependents, so that only those outside the group get another number.
    for (auto& dependency : chunk->dependencies)
      if (dependency >= whole.size) dependency = dependency - whole.size + size;
  }
  outline.chunk = std::move(chunk);
  return outline;
}

}  // namespace troupe::monitoring
