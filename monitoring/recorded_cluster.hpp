#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitoring/api.hpp"
#include "monitoring/history_file.hpp"
#include "monitoring/history_format.hpp"

namespace troupe::monitoring {

/// A history, read as a whole: a cluster that answers as it did when it was last seen. It changes no more, and does
/// nothing that it is asked to do.
class RecordedCluster {
public:
  /// Errors name file and byte.
  static Result<std::shared_ptr<RecordedCluster>> read(const std::filesystem::path& directory);

  /// What its pages are made from, but for who may look.
  [[nodiscard]] ApiSources sources() const;
  [[nodiscard]] const HistoryStart& start() const { return start_; }
  [[nodiscard]] const Recorded& recorded() const { return recorded_; }
  [[nodiscard]] std::uint64_t torn_bytes() const { return torn_bytes_; }
  [[nodiscard]] std::uint64_t runs() const { return runs_; }

private:
  RecordedCluster() = default;
  bool take(HistoryKind kind, std::string_view bytes);
  void add_runs(const HistoryRuns& runs);
  void thin_pictures();
  void finish(const std::filesystem::path& directory, bool being_written);

  HistoryStart start_;
  std::optional<HistoryEnd> end_;
  HistoryState state_;
  std::vector<Picture> pictures_;
  std::size_t views_{};  ///< of workers and prefixes, in all of them
  std::vector<std::shared_ptr<TaskRuns>> blocks_;
  std::uint64_t runs_{};           ///< that were read
  std::uint64_t recorded_runs_{};  ///< that there were
  std::vector<Event> events_;
  // Read once, then shared with those who answer.
  std::shared_ptr<std::vector<LogLine>> lines_{std::make_shared<std::vector<LogLine>>()};
  std::shared_ptr<std::vector<WorkerLine>> worker_lines_{std::make_shared<std::vector<WorkerLine>>()};
  std::shared_ptr<std::map<WorkerId, std::string>> names_{std::make_shared<std::map<WorkerId, std::string>>()};
  Recorded recorded_;
  std::uint64_t torn_bytes_{};
  std::shared_ptr<ClusterSource> source_;
  std::shared_ptr<Recorder> recorder_;
  std::shared_ptr<EventRing> ring_;
};

/// A line of `troupe history list`.
struct HistoryEntry {
  std::filesystem::path directory;
  std::uint64_t bytes{};
  std::optional<HistoryStart> start;
  std::string problem;  ///< why there is no start
  bool being_written{};
  double changed_unix_ms{};
};
/// Those that lie in a directory itself.
std::vector<HistoryEntry> list_histories(const std::filesystem::path& directory);
/// Whether there is anything to look at: a picture, or a run.
bool shows_anything(const std::filesystem::path& history);

}  // namespace troupe::monitoring
