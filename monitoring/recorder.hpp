#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "monitoring/cluster_source.hpp"
#include "monitoring/histogram.hpp"

namespace troupe::monitoring {

/// Wall-clock time of an instant, by one offset for the life of a process, so that differences stay true.
class WallClock {
public:
  WallClock();
  /// Of a scheduler that is over: it stands still where that ended.
  WallClock(double offset_ms, double stands_at_ms) : offset_ms_(offset_ms), stands_at_ms_(stands_at_ms) {}
  [[nodiscard]] double unix_ms(std::int64_t steady_ns) const {
    return offset_ms_ + static_cast<double>(steady_ns) * 1e-6;
  }
  [[nodiscard]] double now_ms() const;
  [[nodiscard]] std::int64_t steady_ns(double unix_ms) const {
    return static_cast<std::int64_t>((unix_ms - offset_ms_) * 1e6);
  }

private:
  double offset_ms_{};
  double stands_at_ms_{};  ///< 0: it runs
};

/// What follows from two heartbeats of a worker.
struct WorkerRates {
  double cpu{};  ///< cores
  double received_bytes_per_s{};
  double sent_bytes_per_s{};
  double disk_read_bytes_per_s{};
  double disk_write_bytes_per_s{};
};

struct ClusterRates {
  double finished_per_s{};
  double erred_per_s{};
  double steals_per_s{};
};

/// The scheduler's own process.
struct OwnProcess {
  double cpu{};  ///< cores, since the picture before
  double memory_bytes{};
  double open_files{};
  double lag_ms{};  ///< how long the scheduler let a question wait
};

/// The cluster as all viewers see it: one for all of them.
struct Picture {
  std::uint64_t number{};  ///< grows
  ClusterView view;
  double unix_ms{};
  std::vector<WorkerRates> rates;  ///< by worker of the view
  ClusterRates cluster;
  OwnProcess own;
};

/// Columns over time, each as long as `times_unix_ms`.
struct Series {
  unsigned interval_ms{};
  std::vector<double> times_unix_ms;
  std::map<std::string, std::vector<double>> columns;
};

/// Is shown what a recorder takes, in order, on its thread.
class RecorderSink {
public:
  virtual ~RecorderSink() = default;
  virtual void take(const Picture& picture, const TaskHistory::Snapshot& history, const WallClock& clock) = 0;
};

struct RecorderOptions {
  std::chrono::milliseconds interval{500};
  std::size_t most_samples{1200};        ///< ten minutes
  std::size_t most_worker_samples{600};  ///< of every second picture: ten minutes
};

/// Takes a picture of the cluster at an interval, and keeps the last minutes of its figures; asked for a fresher one,
/// it takes that, once for all who ask. Owned by the dashboard; a thread of its own; from any thread.
class Recorder {
public:
  Recorder(std::shared_ptr<ClusterSource> source, RecorderOptions options = {});
  /// Takes nothing: it is shown pictures that were taken long ago, and keeps the last one.
  Recorder(std::shared_ptr<ClusterSource> source, const WallClock& clock, RecorderOptions options);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// From the next picture on.
  void show_to(std::shared_ptr<RecorderSink> sink);
  /// Takes a last picture, and no more; false if the scheduler has ended before. From one thread.
  bool finish();

  /// Of one that takes nothing: what comes next. From one thread, before it is asked anything.
  void show(Picture picture);
  void show_runs() { (void)count_runs(); }
  void know(WorkerId worker, std::string name);

  /// The latest picture, if it is not older; else a new one. Null if the scheduler has ended.
  [[nodiscard]] std::shared_ptr<const Picture> picture(std::chrono::milliseconds most_age);
  /// The latest, or a new one if none was taken since this worker came; ids grow. Null as above.
  [[nodiscard]] std::shared_ptr<const Picture> picture_since(WorkerId came);
  [[nodiscard]] Series cluster_series(std::chrono::seconds back) const;
  /// None: it was never seen, or so long ago that it is forgotten.
  [[nodiscard]] std::optional<Series> worker_series(WorkerId worker, std::chrono::seconds back) const;
  /// Also of workers that are gone, as far as they are remembered; else a word for it.
  [[nodiscard]] std::string name_of(WorkerId worker) const;
  /// Whether that is its name.
  [[nodiscard]] bool knows(WorkerId worker) const;
  [[nodiscard]] const WallClock& clock() const { return clock_; }

  /// How long runs took since the start, by index of their prefix.
  [[nodiscard]] std::vector<DurationHistogram> run_durations() const;
  /// How long the scheduler let its questions wait.
  [[nodiscard]] DurationHistogram lag() const;

private:
  static constexpr std::size_t cluster_columns = 24;
  static constexpr std::size_t worker_columns = 9;
  static const std::array<const char*, cluster_columns> cluster_names;
  static const std::array<const char*, worker_columns> worker_names;
  static constexpr std::size_t most_gone_workers = 10'000;

  struct Sample {
    double unix_ms{};
    std::array<double, cluster_columns> values{};
  };
  struct WorkerSample {
    double unix_ms{};
    std::array<float, worker_columns> values{};
  };
  struct WorkerPast {
    std::string name;
    Heartbeat heartbeat;
    Instant heartbeat_at{};
    WorkerRates rates;
    std::deque<WorkerSample> samples;
    std::uint64_t seen{};  ///< number of the last picture with it
  };
  struct Reading {
    std::int64_t at_ns{};
    std::uint64_t finished{};
    std::uint64_t erred{};
    std::uint64_t steals{};
  };

  void run();
  void stop();
  bool take_and_note();
  std::shared_ptr<const Picture> take();
  void note_rates(Picture& picture);
  void measure_own(Picture& picture, std::chrono::steady_clock::time_point asked);
  void sample(const Picture& picture);
  TaskHistory::Snapshot count_runs();
  [[nodiscard]] static std::array<double, cluster_columns> values_of(const Picture& picture);

  const std::shared_ptr<ClusterSource> source_;
  const RecorderOptions options_;
  const WallClock clock_;
  const bool live_{true};

  std::mutex take_mutex_;  ///< held while a picture is taken, so that those who want one wait for the same
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_{};
  std::shared_ptr<RecorderSink> sink_;
  std::shared_ptr<const Picture> latest_;
  WorkerId newest_;  ///< no picture lacks a worker up to it because it was taken too early
  std::uint64_t taken_{};
  std::uint64_t sampled_{};
  std::deque<Sample> samples_;
  std::map<WorkerId, WorkerPast> workers_;
  std::deque<Reading> readings_;
  std::vector<DurationHistogram> durations_;
  DurationHistogram lag_;
  std::uint64_t counted_runs_{};
  double own_cpu_s_{};
  double own_cpu_{};
  std::int64_t own_at_ns_{};
  std::thread thread_;
};

}  // namespace troupe::monitoring
