#include <fmt/format.h>
#include <malloc.h>

#include <caf/all.hpp>
#include <utility>

#include "actors/worker_actor.hpp"
#include "runtime/exec/process_memory.hpp"

/// What a worker's memory and disk have to do with each other: the machine says which value goes where. And what is
/// counted of both, and of values on their way; and what is written down of all that the machine is told.
namespace troupe {

std::optional<Error> WorkerActor::open_disk() {
  const auto& memory = options_.config.memory;
  if (memory.limit == 0 || (memory.target <= 0 && memory.spill <= 0)) return {};
  SpillStoreOptions options;
  options.directory = options_.local_directory;
  options.disk_bytes_max = options_.spill_bytes_max;
  options.release_memory = options_.release_memory;
  if (!options.release_memory && options_.own_process) options.release_memory = [] { ::malloc_trim(0); };
  auto opened = SpillStore::open(std::move(options),
                                 [node = &node_](std::function<void()> work) { node->post(std::move(work)); });
  if (!opened) return std::move(opened.error());
  disk_ = std::move(*opened);
  if (disk_->in_memory())
    node_.log(LogLevel::warning, "spill_in_memory",
              fmt::format("{} is kept in memory, so that values written there free none; name a directory on a disk "
                          "with --local-directory",
                          disk_->path().string()));
  return {};
}

std::optional<Error> WorkerActor::open_event_log() {
  if (options_.event_log.empty()) return {};
  auto created = WorkerEventLogWriter::create(options_.event_log, options_.event_log_bytes);
  if (!created) return std::move(created.error());
  event_log_ = std::move(*created);
  return {};
}

void WorkerActor::make_machine() {
  state_ = std::make_unique<WorkerState>(options_.config);
  if (event_log_) recorded(event_log_->write(MachineMade{name_, options_.config}, now_));
}

void WorkerActor::settle() {
  state_->settle(now_, effects_);
  if (event_log_) recorded(event_log_->write(Settled{digest_of(effects_)}, now_));
}

void WorkerActor::recorded(const std::optional<Error>& error) {
  if (error) node_.log(LogLevel::error, "event_log_ended", error->text);
}

/// The disk, if values may go there, and the graphics processors.
void WorkerActor::watch_machine() {
  SystemMonitorOptions options;
  if (disk_) options.disk = disk_->path();
  options.own_process = options_.own_process;
  monitor_ = SystemMonitor::start(std::move(options));
}

/// What is on disk of the same task is no longer its value.
void WorkerActor::put(TaskId task, Value value, std::uint64_t nbytes) {
  store_.put(task, std::move(value), nbytes);
  if (disk_ && disk_->size() > 0) disk_->erase(task);
}

void WorkerActor::drop(const std::vector<TaskId>& tasks) {
  for (const auto task : tasks) store_.erase(task);
  if (!disk_ || disk_->size() == 0) return;
  for (const auto task : tasks) disk_->erase(task);
}

/// Small values together, so that there are not too many files.
void WorkerActor::spill(const std::vector<TaskId>& tasks) {
  std::vector<std::pair<TaskId, Value>> values;
  std::uint64_t sum = 0;
  const auto write = [&] {
    if (values.empty()) return;
    auto kept = values;
    disk_->write(std::move(values), [this, kept = std::move(kept), generation = generation_](auto written) mutable {
      caf::anon_send(caf::actor_cast<caf::actor>(this), SpillEnded{generation, std::move(kept), std::move(written)});
    });
    values = {};
    sum = 0;
  };
  for (const auto task : tasks) {
    const Value* value = store_.find(task);
    TROUPE_ASSERT(value, "a value is to be written that is not in memory");
    const auto nbytes = value->nbytes();
    if (sum + nbytes > disk_->file_bytes()) write();
    values.emplace_back(task, *value);
    sum += nbytes;
  }
  write();
}

void WorkerActor::spill_ended(SpillEnded& event) {
  if (event.generation != generation_) return;
  ValuesSpilled ended;
  for (std::size_t i = 0; i < event.values.size(); ++i) {
    const auto& [task, value] = event.values[i];
    const Value* now = store_.find(task);
    ended.tasks.push_back(task);
    if (!event.written) {
      ended.outcomes.push_back(SpillOutcome::refused);
    } else if (now == nullptr || !now->same_object(value)) {
      ended.outcomes.push_back(SpillOutcome::obsolete);
    } else {
      ended.outcomes.push_back(SpillOutcome::written);
      const auto nbytes = store_.erase(task);
      disk_->keep(task, (*event.written)[i], nbytes);
    }
  }
  if (!event.written && !std::exchange(disk_refused_, true)) {
    node_.log(
        LogLevel::error, "spill_failed",
        fmt::format("{}: no value leaves memory now: {}; all stay where they are, and it is tried again every {} "
                    "seconds",
                    name_, event.written.error().text,
                    std::chrono::duration_cast<std::chrono::seconds>(options_.config.memory.spill_retry).count()));
  } else if (event.written && std::exchange(disk_refused_, false)) {
    node_.log(LogLevel::info, "spill_works_again", fmt::format("{}: values go to disk again", name_));
  }
  release_due_ = true;
  handle(std::move(ended));
  stirred_ = true;
}

void WorkerActor::load(const std::vector<TaskId>& tasks) {
  for (const auto task : tasks) {
    disk_->read(task, [this, task, generation = generation_](Result<EncodedValue> value) {
      caf::anon_send(caf::actor_cast<caf::actor>(this), LoadEnded{generation, task, std::move(value)});
    });
  }
}

void WorkerActor::load_ended(LoadEnded& event) {
  if (event.generation != generation_) return;
  auto outcome = LoadOutcome::obsolete;
  if (disk_->contains(event.task)) {
    if (event.value) {
      outcome = LoadOutcome::loaded;
      store_.put(event.task, Value::from_encoded(std::move(*event.value)), disk_->nbytes(event.task));
    } else {
      outcome = LoadOutcome::lost;
      log_lost(event.task, event.value.error());
    }
    disk_->erase(event.task);
  }
  handle(ValuesLoaded{{event.task}, {outcome}});
  stirred_ = true;
}

void WorkerActor::log_lost(TaskId task, const Error& error) {
  node_.log(LogLevel::error, "value_lost",
            fmt::format("{}: the value of task {}-{} is lost: {}", name_, task.group(), task.index(), error.text),
            task_log_->about(task));
}

void WorkerActor::add_spill_counters(WorkerCounters& counters) const {
  if (!disk_) return;
  const auto spill = disk_->counters();
  counters.spilled = disk_->size();
  counters.spill_written_bytes = spill.written_bytes;
  counters.spill_read_bytes = spill.read_bytes;
  counters.spill_writes = spill.written_values;
  counters.spill_reads = spill.read_values;
  counters.spill_write_ns = spill.write_ns;
  counters.spill_read_ns = spill.read_ns;
  counters.spill_errors = spill.errors;
  counters.spill_disk_bytes = spill.disk_bytes;
}

WorkerCounters WorkerActor::counters() {
  if (!state_) return {};
  auto counters = state_->counters();
  counters.stored = store_.size();
  counters.managed_bytes = store_.nbytes();
  counters.received_bytes += received_bytes_;
  counters.sent_bytes = sent_bytes_;
  counters.transfers_sent = transfers_sent_;
  counters.transfers_outgoing = server_ ? server_->serving() : 0;
  counters.copied_bytes = copied_bytes();
  add_spill_counters(counters);
  return counters;
}

Surroundings WorkerActor::surroundings() const {
  Surroundings around;
  if (monitor_) around = monitor_->last();
  around.round_trip_us = static_cast<std::uint64_t>(skew_.round_trip().count() / 1000);
  around.clock_skew_us = skew_.skew().count() / 1000;
  return around;
}

Traffic WorkerActor::traffic() {
  const WorkerCounters now = counters();
  Traffic traffic;
  traffic.received_bytes = now.received_bytes;
  traffic.sent_bytes = now.sent_bytes;
  traffic.received = now.transfers_received;
  traffic.sent = now.transfers_sent;
  traffic.incoming = static_cast<std::uint32_t>(now.transfers_incoming);
  traffic.outgoing = static_cast<std::uint32_t>(now.transfers_outgoing);
  traffic.disk_read_bytes = now.spill_read_bytes;
  traffic.disk_written_bytes = now.spill_written_bytes;
  if (options_.own_process) traffic.open_files = open_files();
  return traffic;
}

}  // namespace troupe
