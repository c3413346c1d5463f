#include "actors/worker_event_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <type_traits>
#include <vector>

#include "actors/inspection.hpp"
#include "runtime/store/container_codec.hpp"

namespace troupe::event_log {

/// Events as they stand in the file, where their own members have no codec.
struct StoredError {
  std::uint8_t kind{};
  std::string type, message, function, key;
  TaskId root;
  std::string worker;
  std::uint32_t attempts{};
};
struct StoredExecutions {
  std::vector<TaskId> tasks;
  std::vector<std::uint32_t> runs;
  std::vector<ExecutionOutcome> outcomes;
  std::vector<std::uint64_t> nbytes;
  std::vector<std::uint32_t> duration_us;
  std::vector<std::optional<StoredError>> errors;
  std::vector<std::uint32_t> value_offsets;
  std::string values;
  std::vector<std::int64_t> ended_ns;
  std::vector<std::uint16_t> threads;
};
struct StoredResource {
  std::string name;
  double amount{};
};
struct StoredMachine {
  std::string name;
  std::uint32_t threads{};
  std::uint64_t memory_limit{};
  std::array<double, 4> fractions{};    ///< target, spill, pause, transfer
  std::array<std::int64_t, 5> times{};  ///< recent_to_old, monitor_interval, spill_retry, busy_retry, ready_horizon
  std::uint64_t spill_bytes_min{};
  std::uint32_t max_concurrent_fetches{};
  std::uint64_t fetch_bytes_limit{};
  std::vector<StoredResource> resources;
};

}  // namespace troupe::event_log

TROUPE_FIELDS(troupe::event_log::StoredError, kind, type, message, function, key, root, worker, attempts)
TROUPE_FIELDS(troupe::event_log::StoredExecutions, tasks, runs, outcomes, nbytes, duration_us, errors, value_offsets,
              values, ended_ns, threads)
TROUPE_FIELDS(troupe::event_log::StoredResource, name, amount)
TROUPE_FIELDS(troupe::event_log::StoredMachine, name, threads, memory_limit, fractions, times, spill_bytes_min,
              max_concurrent_fetches, fetch_bytes_limit, resources)
TROUPE_FIELDS(troupe::FetchDone, fetch, outcome, received, nbytes, missing)
TROUPE_FIELDS(troupe::ValuesPut, tasks, nbytes)
TROUPE_FIELDS(troupe::ValuesServed, tasks, begin)
TROUPE_FIELDS(troupe::ValuesSpilled, tasks, outcomes)
TROUPE_FIELDS(troupe::ValuesLoaded, tasks, outcomes)
TROUPE_FIELDS(troupe::ValuesLost, tasks)

namespace troupe {
namespace {

using event_log::StoredError;
using event_log::StoredExecutions;
using event_log::StoredMachine;

/// A new layout gets a new number: old logs are refused, not misread.
constexpr std::string_view magic = "troupe worker event log 1\n";

/// Of records: an event's is its place in WorkerEvent.
constexpr std::uint32_t machine_made = 100;
constexpr std::uint32_t settled = 101;

static_assert(sizeof(MemoryLimits) == 64 && sizeof(WorkerConfig) == 136,
              "an option more or less: to be written and read here, and a new magic");

StoredMachine pack(const MachineMade& made) {
  const WorkerConfig& c = made.config;
  StoredMachine machine{made.name,
                        c.threads,
                        c.memory.limit,
                        {c.memory.target, c.memory.spill, c.memory.pause, c.memory.transfer},
                        {c.memory.recent_to_old.count(), c.memory.monitor_interval.count(),
                         c.memory.spill_retry.count(), c.busy_retry.count(), c.ready_horizon.count()},
                        c.spill_bytes_min,
                        c.max_concurrent_fetches,
                        c.fetch_bytes_limit,
                        {}};
  for (const ResourceAmount& resource : c.resources) machine.resources.push_back({resource.name, resource.amount});
  return machine;
}

MachineMade unpack(StoredMachine machine) {
  MachineMade made{std::move(machine.name), {}};
  WorkerConfig& c = made.config;
  c.threads = machine.threads;
  c.memory.limit = machine.memory_limit;
  c.memory.target = machine.fractions[0];
  c.memory.spill = machine.fractions[1];
  c.memory.pause = machine.fractions[2];
  c.memory.transfer = machine.fractions[3];
  c.memory.recent_to_old = Duration{machine.times[0]};
  c.memory.monitor_interval = Duration{machine.times[1]};
  c.memory.spill_retry = Duration{machine.times[2]};
  c.busy_retry = Duration{machine.times[3]};
  c.ready_horizon = Duration{machine.times[4]};
  c.spill_bytes_min = machine.spill_bytes_min;
  c.max_concurrent_fetches = machine.max_concurrent_fetches;
  c.fetch_bytes_limit = machine.fetch_bytes_limit;
  for (auto& resource : machine.resources) c.resources.push_back({std::move(resource.name), resource.amount});
  return made;
}

StoredExecutions pack(const ExecutionsDone& done) {
  StoredExecutions stored{done.tasks,       {},          done.outcomes,       done.nbytes,
                          done.duration_us, {},          done.values.offsets, std::string(done.values.bytes.text()),
                          done.ended_ns,    done.threads};
  for (const RunId run : done.runs) stored.runs.push_back(run.value);
  for (const auto& error : done.errors) {
    auto& to = stored.errors.emplace_back();
    if (error)
      to = StoredError{static_cast<std::uint8_t>(error->kind),
                       error->type,
                       error->message,
                       error->function,
                       error->key,
                       error->root,
                       error->worker,
                       error->attempts};
  }
  return stored;
}

ExecutionsDone unpack(StoredExecutions stored) {
  ExecutionsDone done;
  done.tasks = std::move(stored.tasks);
  for (const auto run : stored.runs) done.runs.push_back({run});
  done.outcomes = std::move(stored.outcomes);
  done.nbytes = std::move(stored.nbytes);
  done.duration_us = std::move(stored.duration_us);
  for (auto& error : stored.errors)
    done.errors.push_back(error ? std::make_shared<const TaskError>(TaskError{
                                      static_cast<TaskError::Kind>(error->kind), std::move(error->type),
                                      std::move(error->message), std::move(error->function), std::move(error->key),
                                      error->root, std::move(error->worker), error->attempts})
                                : nullptr);
  done.values.offsets = std::move(stored.value_offsets);
  done.values.bytes = Bytes::own(std::move(stored.values));
  done.ended_ns = std::move(stored.ended_ns);
  done.threads = std::move(stored.threads);
  return done;
}

/// Which executions ended, and so on: as many of each as there are tasks, or none where that is allowed.
bool consistent(const ExecutionsDone& done) {
  const auto tasks = done.tasks.size();
  const auto fits = [&](std::size_t size) { return size == tasks; };
  const auto may_fit = [&](std::size_t size) { return size == 0 || size == tasks; };
  const auto& offsets = done.values.offsets;
  return fits(done.runs.size()) && fits(done.outcomes.size()) && fits(done.nbytes.size()) &&
         fits(done.duration_us.size()) && may_fit(done.errors.size()) && may_fit(done.ended_ns.size()) &&
         may_fit(done.threads.size()) &&
         (offsets.empty() || (offsets.size() == tasks + 1 && std::is_sorted(offsets.begin(), offsets.end()) &&
                              offsets.back() <= done.values.bytes.size()));
}

template <class T>
std::string_view encoded(const T& value, std::vector<std::byte>& out) {
  out.clear();
  Encoder encoder(out);
  encode_value(value, encoder);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

template <class T>
T decoded(const Bytes& payload) {
  Decoder in(payload.span());
  T value = decode_value<T>(in);
  in.finish();
  return value;
}

using Seceded = std::tuple<std::uint64_t, std::uint32_t, bool>;
using Tick = std::tuple<std::uint64_t, std::uint64_t, std::int64_t>;

template <std::size_t I = 0>
WorkerEvent decoded_event(std::size_t index, const Bytes& payload) {
  using E = std::variant_alternative_t<I, WorkerEvent>;
  if constexpr (I + 1 < std::variant_size_v<WorkerEvent>)
    if (index != I) return decoded_event<I + 1>(index, payload);
  if constexpr (std::is_same_v<E, SchedulerSaid>) {
    auto message = decode<ToWorker>(payload);
    if (!message) throw DecodeError(message.error().text);
    return SchedulerSaid{std::move(*message)};
  } else if constexpr (std::is_same_v<E, ExecutionsDone>) {
    auto done = unpack(decoded<StoredExecutions>(payload));
    if (!consistent(done)) throw DecodeError("executions that ended do not fit together");
    return done;
  } else if constexpr (std::is_same_v<E, ExecutionSeceded>) {
    const auto [task, run, rejoined] = decoded<Seceded>(payload);
    return ExecutionSeceded{{task}, {run}, rejoined};
  } else if constexpr (std::is_same_v<E, WorkerTick>) {
    const auto [process, cpu, sent] = decoded<Tick>(payload);
    return WorkerTick{.process_bytes = process, .cpu_ms = cpu, .sent_ns = sent};
  } else {
    return decoded<E>(payload);
  }
}

}  // namespace

std::uint64_t digest_of(const WorkerEffects& effects) {
  Digest digest;
  const auto add = [&](const std::vector<TaskId>& tasks) {
    digest.add(tasks.size());
    for (const TaskId task : tasks) digest.add(task.value);
  };
  digest.add(effects.to_scheduler.size());
  for (const auto& message : effects.to_scheduler) digest.add(message.index());
  add(effects.execute.tasks);
  for (const RunId run : effects.execute.runs) digest.add(run.value);
  add(effects.retract);
  add(effects.stop);
  for (const Fetch& fetch : effects.fetch) {
    digest.add(fetch.peer.value);
    add(fetch.tasks);
  }
  add(effects.drop);
  add(effects.spill);
  add(effects.load);
  digest.add(effects.run.size());
  digest.add(effects.share.size());
  digest.add(effects.close ? 1 : 0);
  return digest.value;
}

Result<std::unique_ptr<WorkerEventLogWriter>> WorkerEventLogWriter::create(const std::filesystem::path& path,
                                                                           std::uint64_t most_bytes) {
  auto file = RecordWriter::create(path, magic, most_bytes);
  if (!file) return tl::unexpected(std::move(file.error()));
  return std::unique_ptr<WorkerEventLogWriter>(new WorkerEventLogWriter(std::move(*file)));
}

std::optional<Error> WorkerEventLogWriter::write(const MachineMade& made, Instant now) {
  return file_.put(machine_made, 0, now, encoded(pack(made), payload_));
}

std::optional<Error> WorkerEventLogWriter::write(const Settled& event, Instant now) {
  if (auto error = file_.put(settled, event.digest, now, {})) return error;
  return file_.flush();  // what the machine decided is in the file before it is done: it may be the end of the process
}

std::optional<Error> WorkerEventLogWriter::write(const WorkerEvent& event, Instant now) {
  const auto kind = static_cast<std::uint32_t>(event.index());
  return std::visit(
      [&](const auto& e) -> std::optional<Error> {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, SchedulerSaid>)
          return file_.put_message(kind, 0, now, e.message);
        else if constexpr (std::is_same_v<E, ExecutionsDone>)
          return file_.put(kind, 0, now, encoded(pack(e), payload_));
        else if constexpr (std::is_same_v<E, ExecutionSeceded>)
          return file_.put(kind, 0, now, encoded(Seceded{e.task.value, e.run.value, e.rejoined}, payload_));
        else if constexpr (std::is_same_v<E, WorkerTick>)
          return file_.put(kind, 0, now, encoded(Tick{e.process_bytes, e.cpu_ms, e.sent_ns}, payload_));
        else
          return file_.put(kind, 0, now, encoded(e, payload_));
      },
      event);
}

Result<WorkerEventLogReader> WorkerEventLogReader::open(const std::filesystem::path& path) {
  auto file = RecordReader::open(path, magic);
  if (!file) return tl::unexpected(std::move(file.error()));
  return WorkerEventLogReader(std::move(*file));
}

Result<std::optional<WorkerLogRecord>> WorkerEventLogReader::next() {
  auto read = file_.next();
  if (!read) return tl::unexpected(std::move(read.error()));
  if (!*read) return std::nullopt;
  const FileRecord& record = **read;
  if (records() == 1 && record.kind != machine_made) return file_.damaged("no machine was made before");
  try {
    if (record.kind == machine_made) return WorkerLogRecord{record.now, unpack(decoded<StoredMachine>(record.payload))};
    if (record.kind == settled) return WorkerLogRecord{record.now, Settled{record.number}};
    if (record.kind >= std::variant_size_v<WorkerEvent>)
      return file_.damaged(fmt::format("kind {} is none", record.kind));
    return WorkerLogRecord{record.now, decoded_event(record.kind, record.payload)};
  } catch (const DecodeError& error) {
    return file_.damaged(error.what());
  }
}

bool is_worker_event_log(const std::filesystem::path& path) { return WorkerEventLogReader::open(path).has_value(); }

}  // namespace troupe
