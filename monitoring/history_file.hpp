#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

/// The files of one scheduler's history: a directory with segments, `000001.troupe` and so on, that records are added
/// to, and `state.troupe`, which is replaced as a whole. Each file begins with `history_magic`; a record is a head with
/// its kind, its sizes and a checksum, then its bytes, packed if that makes them fewer.
namespace troupe::monitoring {

inline constexpr std::string_view history_magic = "troupe history 4\n";

enum class HistoryKind : std::uint8_t { start = 1, picture, runs, events, log, state, end, worker_log };

/// Adds to a history. From one thread. Nothing is kept in a buffer: what `add` has taken survives the process.
class HistoryFiles {
public:
  /// Makes the directory, for this user alone, and holds it until the end: others see that it is written to.
  static Result<HistoryFiles> create(const std::filesystem::path& directory, std::uint64_t bytes_max);
  HistoryFiles(HistoryFiles&& other) noexcept;
  HistoryFiles& operator=(HistoryFiles&&) = delete;
  ~HistoryFiles();

  /// `start` is what every segment begins with. When a segment is full the next one is begun, and the oldest is deleted
  /// when all of them are too large.
  Result<void> add(HistoryKind kind, std::string_view bytes, std::string_view start);
  Result<void> replace_state(std::string_view bytes, std::string_view start);

private:
  HistoryFiles(std::filesystem::path directory, std::uint64_t bytes_max, int lock)
      : directory_(std::move(directory)), bytes_max_(bytes_max), lock_(lock) {}
  Result<void> begin_segment(std::string_view start);
  [[nodiscard]] std::filesystem::path segment(std::uint64_t number) const;

  std::filesystem::path directory_;
  std::uint64_t bytes_max_;
  int lock_{-1};
  int file_{-1};
  std::uint64_t first_{1};
  std::uint64_t number_{};
  std::uint64_t segment_bytes_{};
  std::uint64_t state_bytes_{};
};

/// Whether a scheduler that lives writes to this history.
bool is_being_written(const std::filesystem::path& directory);

struct HistoryRead {
  std::uint64_t bytes{};
  std::uint64_t torn_bytes{};  ///< at the end of the last segment: what a killed scheduler did not finish
};

/// Calls `take` with each record in order. An error names file and byte, and is ErrorKind::unsupported if an older
/// version wrote the history; a last segment that ends in the middle of a record is none. `take` returns false if it
/// cannot use the bytes, which is an error too.
Result<HistoryRead> read_history(const std::filesystem::path& directory,
                                 const std::function<bool(HistoryKind, std::string_view)>& take);

/// The same with the first record alone.
Result<HistoryRead> read_history_start(const std::filesystem::path& directory,
                                       const std::function<bool(HistoryKind, std::string_view)>& take);

}  // namespace troupe::monitoring
