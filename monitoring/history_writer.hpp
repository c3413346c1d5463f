#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "monitoring/api.hpp"
#include "monitoring/history_file.hpp"
#include "monitoring/history_format.hpp"
#include "monitoring/recorder.hpp"

namespace troupe::monitoring {

struct HistoryOptions {
  std::filesystem::path directory;    ///< with one directory for each scheduler; empty: no history
  std::uint64_t bytes_max{1U << 30};  ///< of all of them; one takes at most a quarter
};

/// What a history is written from, beside what its recorder shows it.
struct HistorySources {
  std::shared_ptr<ClusterSource> source;
  std::shared_ptr<EventRing> events;
  std::function<LogPage(std::uint64_t after, std::size_t most)> log;
  std::function<void(std::string_view text)> warn;
  BuildInfo build;
  std::shared_ptr<WorkerLog> worker_log{};  ///< null: workers log with the scheduler
};

/// Writes down what a cluster does, so that it can be looked at when it is over, however it ends. Owned by the
/// dashboard; on the recorder's thread, so that the scheduler waits for no disk.
///
/// Runs, events and log lines are written as they come, pictures of the cluster every two seconds, tasks and groups
/// every five, both only if something has changed. When the disk refuses, or others may write where the histories are,
/// that is said once, and nothing more is written.
class HistoryWriter final : public RecorderSink {
public:
  HistoryWriter(HistoryOptions options, HistorySources sources)
      : options_(std::move(options)), sources_(std::move(sources)) {}
  ~HistoryWriter() override;

  void take(const Picture& picture, const TaskHistory::Snapshot& history, const WallClock& clock) override;
  /// The last words, once the recorder has finished. `alive`: the scheduler still answers.
  void end(std::string_view reason, bool alive);

private:
  bool begin(const Picture& picture, const WallClock& clock);
  void add(HistoryKind kind, const std::string& bytes);
  void give_up(const Error& error);
  void add_runs(const TaskHistory::Snapshot& history);
  void add_events_and_log();
  void write_state(double unix_ms);

  const HistoryOptions options_;
  const HistorySources sources_;
  std::unique_ptr<HistoryFiles> files_;
  std::string start_;
  bool given_up_{};
  std::uint64_t runs_{};
  std::uint64_t event_{};
  std::uint64_t line_{};
  std::uint64_t worker_line_{};
  double picture_at_ms_{};
  double state_at_ms_{};
  std::uint64_t picture_transitions_{};
  std::uint64_t state_transitions_{~std::uint64_t{0}};
  std::shared_ptr<Picture> last_;
};

/// Where histories are if nobody says where: `$XDG_STATE_HOME/troupe/history`, or that below ~/.local/state, or else in
/// /tmp.
std::filesystem::path default_history_directory();

/// In a directory of histories, the one of clusters inside programs, so that what these leave behind takes no room from
/// schedulers.
inline constexpr const char* local_histories = "local";

inline constexpr std::size_t most_histories = 500;
/// Makes room: deletes the oldest histories in a directory, but none that is being written and nothing else, until the
/// rest takes no more than `bytes_max` and is fewer than `most_histories`.
void prune_histories(const std::filesystem::path& directory, std::uint64_t bytes_max);

}  // namespace troupe::monitoring
