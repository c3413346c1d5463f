#include "monitoring/recorder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "monitoring/process_figures.hpp"

namespace troupe::monitoring {

namespace {

using Steady = std::chrono::steady_clock;

std::int64_t nanoseconds(Steady::time_point at) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

double system_now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double number(std::uint64_t value) { return static_cast<double>(value); }

/// Of a counter that starts again at 0 with its process.
double rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before && seconds > 0 ? number(now - before) / seconds : 0;
}

}  // namespace

WallClock::WallClock() : offset_ms_(system_now_ms() - static_cast<double>(nanoseconds(Steady::now())) * 1e-6) {}
double WallClock::now_ms() const { return stands_at_ms_ > 0 ? stands_at_ms_ : unix_ms(nanoseconds(Steady::now())); }

const std::array<const char*, Recorder::cluster_columns> Recorder::cluster_names{"cpu",
                                                                                 "memory_process_bytes",
                                                                                 "memory_managed_bytes",
                                                                                 "memory_spilled_bytes",
                                                                                 "finished_per_s",
                                                                                 "erred_per_s",
                                                                                 "processing",
                                                                                 "queued",
                                                                                 "waiting",
                                                                                 "executing",
                                                                                 "received_bytes_per_s",
                                                                                 "disk_read_bytes_per_s",
                                                                                 "disk_write_bytes_per_s",
                                                                                 "workers",
                                                                                 "idle",
                                                                                 "saturated",
                                                                                 "occupancy_s",
                                                                                 "steals_per_s",
                                                                                 "scheduler_cpu",
                                                                                 "scheduler_memory_bytes",
                                                                                 "scheduler_open_files",
                                                                                 "scheduler_lag_ms",
                                                                                 "bandwidth_bytes_per_s",
                                                                                 "memory_limit_bytes"};

const std::array<const char*, Recorder::worker_columns> Recorder::worker_names{"cpu",
                                                                               "memory_process_bytes",
                                                                               "memory_managed_bytes",
                                                                               "memory_spilled_bytes",
                                                                               "executing",
                                                                               "received_bytes_per_s",
                                                                               "sent_bytes_per_s",
                                                                               "disk_read_bytes_per_s",
                                                                               "disk_write_bytes_per_s"};

Recorder::Recorder(std::shared_ptr<ClusterSource> source, RecorderOptions options)
    : source_(std::move(source)), options_(std::move(options)) {
  thread_ = std::thread([this] { run(); });
}

Recorder::Recorder(std::shared_ptr<ClusterSource> source, const WallClock& clock, RecorderOptions options)
    : source_(std::move(source)), options_(std::move(options)), clock_(clock), live_(false) {}

void Recorder::show(Picture picture) {
  picture.unix_ms = clock_.unix_ms(picture.view.now.nanoseconds);
  auto shown = std::make_shared<Picture>(std::move(picture));
  {
    const std::lock_guard lock(mutex_);
    shown->number = ++taken_;
    note_rates(*shown);
    latest_ = shown;
  }
  sample(*shown);
}

Recorder::~Recorder() { stop(); }

void Recorder::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

bool Recorder::finish() {
  stop();
  return take_and_note();
}

bool Recorder::take_and_note() {
  const auto picture = take();
  if (!picture) return false;
  sample(*picture);
  const TaskHistory::Snapshot history = count_runs();
  const auto sink = [&] {
    const std::lock_guard lock(mutex_);
    return sink_;
  }();
  if (sink) sink->take(*picture, history, clock_);
  return true;
}

void Recorder::show_to(std::shared_ptr<RecorderSink> sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
}

void Recorder::run() {
  for (;;) {
    take_and_note();
    std::unique_lock lock(mutex_);
    if (stopped_.wait_for(lock, options_.interval, [this] { return stop_; })) return;
  }
}

std::shared_ptr<const Picture> Recorder::picture(std::chrono::milliseconds most_age) {
  const auto fresh = [&]() -> std::shared_ptr<const Picture> {
    const std::lock_guard lock(mutex_);
    if (!live_) return latest_;
    const auto oldest = Instant{nanoseconds(Steady::now())} - most_age;
    return latest_ && latest_->view.now >= oldest ? latest_ : nullptr;
  };
  if (auto known = fresh()) return known;
  {
    const std::lock_guard waiting(take_mutex_);  // whoever had it may have taken one meanwhile
    if (auto known = fresh()) return known;
  }
  return take();
}

std::shared_ptr<const Picture> Recorder::picture_since(WorkerId came) {
  {
    const std::lock_guard lock(mutex_);
    if (latest_ && came <= newest_) return latest_;
  }
  auto taken = picture(std::chrono::milliseconds(0));
  const std::lock_guard lock(mutex_);
  newest_ = std::max(newest_, came);  // if it is not in that picture it is gone already
  return taken;
}

std::shared_ptr<const Picture> Recorder::take() {
  const std::lock_guard taking(take_mutex_);
  const auto asked = Steady::now();
  auto view = source_->view();
  auto picture = std::make_shared<Picture>();
  if (view) {
    picture->view = std::move(*view);
    picture->unix_ms = clock_.unix_ms(picture->view.now.nanoseconds);
  }
  const std::lock_guard lock(mutex_);
  if (!view) return latest_ = nullptr;
  picture->number = ++taken_;
  note_rates(*picture);
  measure_own(*picture, asked);
  return latest_ = std::move(picture);
}

/// Rates of workers come from heartbeats, those of the cluster from the last two seconds.
void Recorder::note_rates(Picture& picture) {
  for (const WorkerView& worker : picture.view.workers) {
    WorkerPast& past = workers_[worker.address.worker];
    past.seen = picture.number;
    newest_ = std::max(newest_, worker.address.worker);
    if (past.name.empty()) past.name = worker.address.name;
    if (worker.heartbeat_at > past.heartbeat_at) {
      if (past.heartbeat_at.nanoseconds != 0) {
        const double seconds = std::chrono::duration<double>(worker.heartbeat_at - past.heartbeat_at).count();
        const Traffic& before = past.heartbeat.traffic;
        const Traffic& now = worker.heartbeat.traffic;
        past.rates = {rate(past.heartbeat.cpu_ms, worker.heartbeat.cpu_ms, seconds) / 1000,
                      rate(before.received_bytes, now.received_bytes, seconds),
                      rate(before.sent_bytes, now.sent_bytes, seconds),
                      rate(before.disk_read_bytes, now.disk_read_bytes, seconds),
                      rate(before.disk_written_bytes, now.disk_written_bytes, seconds)};
      }
      past.heartbeat = worker.heartbeat;
      past.heartbeat_at = worker.heartbeat_at;
    }
    picture.rates.push_back(past.rates);
  }
  const SchedulerCounters& counters = picture.view.counters;
  const Reading now{picture.view.now.nanoseconds, counters.finished, counters.erred, counters.steals_confirmed};
  constexpr std::int64_t window_ns = 2'000'000'000;
  while (readings_.size() > 1 && readings_[1].at_ns <= now.at_ns - window_ns) readings_.pop_front();
  if (!readings_.empty()) {
    const Reading& then = readings_.front();
    const double seconds = static_cast<double>(now.at_ns - then.at_ns) * 1e-9;
    picture.cluster = {rate(then.finished, now.finished, seconds), rate(then.erred, now.erred, seconds),
                       rate(then.steals, now.steals, seconds)};
  }
  readings_.push_back(now);
}

void Recorder::measure_own(Picture& picture, Steady::time_point asked) {
  const auto now = Steady::now();
  picture.own.lag_ms = std::chrono::duration<double, std::milli>(now - asked).count();
  lag_.add(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now - asked).count()));
  const ProcessFigures own = process_figures();
  picture.own.memory_bytes = own.resident_bytes;
  picture.own.open_files = own.open_files;
  const double cpu_s = own.cpu_seconds;
  const std::int64_t at_ns = nanoseconds(now);
  if (own_at_ns_ != 0 && at_ns - own_at_ns_ >= 100'000'000) {
    own_cpu_ = (cpu_s - own_cpu_s_) / (static_cast<double>(at_ns - own_at_ns_) * 1e-9);
    own_cpu_s_ = cpu_s;
    own_at_ns_ = at_ns;
  } else if (own_at_ns_ == 0) {
    own_cpu_s_ = cpu_s;
    own_at_ns_ = at_ns;
  }
  picture.own.cpu = own_cpu_;
}

std::array<double, Recorder::cluster_columns> Recorder::values_of(const Picture& picture) {
  const ClusterView& view = picture.view;
  const auto tasks = [&](TaskState state) { return number(view.counters.tasks[static_cast<std::size_t>(state)]); };
  double cpu = 0, process = 0, values = 0, spilled = 0, executing = 0, received = 0, disk_read = 0, disk_write = 0;
  double occupancy_us = 0, limit = 0;
  for (std::size_t i = 0; i < view.workers.size(); ++i) {
    const WorkerView& worker = view.workers[i];
    cpu += picture.rates[i].cpu;
    received += picture.rates[i].received_bytes_per_s;
    disk_read += picture.rates[i].disk_read_bytes_per_s;
    disk_write += picture.rates[i].disk_write_bytes_per_s;
    process += number(worker.heartbeat.process_bytes);
    values += number(worker.value_bytes);
    spilled += number(worker.heartbeat.spilled_bytes);
    executing += worker.heartbeat.executing;
    occupancy_us += worker.occupancy_us;
    limit += number(worker.memory_limit);
  }
  return {cpu,
          process,
          std::max(0.0, values - spilled),
          spilled,
          picture.cluster.finished_per_s,
          picture.cluster.erred_per_s,
          tasks(TaskState::processing),
          tasks(TaskState::queued),
          tasks(TaskState::waiting),
          executing,
          received,
          disk_read,
          disk_write,
          number(view.workers.size()),
          number(view.counters.workers_idle),
          number(view.counters.workers_saturated),
          occupancy_us * 1e-6,
          picture.cluster.steals_per_s,
          picture.own.cpu,
          picture.own.memory_bytes,
          picture.own.open_files,
          picture.own.lag_ms,
          view.counters.bandwidth,
          limit};
}

void Recorder::sample(const Picture& picture) {
  const std::lock_guard lock(mutex_);
  if (samples_.size() == options_.most_samples) samples_.pop_front();
  samples_.push_back({picture.unix_ms, values_of(picture)});
  if (++sampled_ % 2 == 0) return;
  for (std::size_t i = 0; i < picture.view.workers.size(); ++i) {
    const WorkerView& worker = picture.view.workers[i];
    const WorkerRates& rates = picture.rates[i];
    auto& samples = workers_[worker.address.worker].samples;
    if (samples.size() == options_.most_worker_samples) samples.pop_front();
    const Heartbeat& beat = worker.heartbeat;
    const std::uint64_t managed = worker.value_bytes - std::min(worker.value_bytes, beat.spilled_bytes);
    samples.push_back(
        {picture.unix_ms,
         {static_cast<float>(rates.cpu), static_cast<float>(beat.process_bytes), static_cast<float>(managed),
          static_cast<float>(beat.spilled_bytes), static_cast<float>(beat.executing),
          static_cast<float>(rates.received_bytes_per_s), static_cast<float>(rates.sent_bytes_per_s),
          static_cast<float>(rates.disk_read_bytes_per_s), static_cast<float>(rates.disk_write_bytes_per_s)}});
  }
  // Of workers that are gone the past is dropped, oldest first; their names stay longest.
  while (workers_.size() > picture.view.workers.size() + most_gone_workers) {
    const auto gone = std::find_if(workers_.begin(), workers_.end(),
                                   [&](const auto& entry) { return entry.second.seen < picture.number; });
    if (gone == workers_.end()) return;
    workers_.erase(gone);
  }
  for (auto& [id, past] : workers_)
    if (past.seen + 2 * options_.most_worker_samples < picture.number) past.samples.clear();
}

/// Takes up the runs that were recorded since the last time. Those that were forgotten meanwhile are missed: that would
/// take more than the whole history in one interval.
TaskHistory::Snapshot Recorder::count_runs() {
  TaskHistory::Snapshot history = source_->history();
  std::uint64_t number = history.recorded - history.records;  // of the first run that is kept
  const std::lock_guard lock(mutex_);
  for (const auto& block : history.blocks) {
    if (number + block->size <= counted_runs_) {
      number += block->size;
      continue;
    }
    const double at_unix_ms = clock_.unix_ms(block->last_ns);
    for (std::uint32_t i = 0; i < block->size; ++i, ++number) {
      if (number < counted_runs_) continue;
      const TaskRun& run = block->runs[i];
      if (durations_.size() <= run.prefix) durations_.resize(run.prefix + 1U);
      durations_[run.prefix].add(run.duration_us, run.task, at_unix_ms);
    }
  }
  counted_runs_ = history.recorded;
  return history;
}

std::vector<DurationHistogram> Recorder::run_durations() const {
  const std::lock_guard lock(mutex_);
  return durations_;
}

DurationHistogram Recorder::lag() const {
  const std::lock_guard lock(mutex_);
  return lag_;
}

Series Recorder::cluster_series(std::chrono::seconds back) const {
  const std::lock_guard lock(mutex_);
  Series series;
  series.interval_ms = static_cast<unsigned>(options_.interval.count());
  const double from = clock_.now_ms() - std::chrono::duration<double, std::milli>(back).count();
  for (const char* name : cluster_names) series.columns[name];
  for (const Sample& sample : samples_) {
    if (sample.unix_ms < from) continue;
    series.times_unix_ms.push_back(sample.unix_ms);
    for (std::size_t i = 0; i < cluster_columns; ++i) series.columns[cluster_names[i]].push_back(sample.values[i]);
  }
  return series;
}

std::optional<Series> Recorder::worker_series(WorkerId worker, std::chrono::seconds back) const {
  const std::lock_guard lock(mutex_);
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return std::nullopt;
  Series series;
  series.interval_ms = static_cast<unsigned>(2 * options_.interval.count());
  const double from = clock_.now_ms() - std::chrono::duration<double, std::milli>(back).count();
  for (const char* name : worker_names) series.columns[name];
  for (const WorkerSample& sample : found->second.samples) {
    if (sample.unix_ms < from) continue;
    series.times_unix_ms.push_back(sample.unix_ms);
    for (std::size_t i = 0; i < worker_columns; ++i)
      series.columns[worker_names[i]].push_back(static_cast<double>(sample.values[i]));
  }
  return series;
}

void Recorder::know(WorkerId worker, std::string name) {
  const std::lock_guard lock(mutex_);
  workers_[worker].name = std::move(name);
}

bool Recorder::knows(WorkerId worker) const {
  const std::lock_guard lock(mutex_);
  return workers_.contains(worker);
}

std::string Recorder::name_of(WorkerId worker) const {
  const std::lock_guard lock(mutex_);
  const auto found = workers_.find(worker);
  return found == workers_.end() ? fmt::format("worker {}", worker.value) : found->second.name;
}

}  // namespace troupe::monitoring
