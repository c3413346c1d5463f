#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "runtime/store/scratch_directory.hpp"
#include "runtime/store/spill_file.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

struct SpillStoreOptions {
  std::filesystem::path directory;         ///< where each worker makes one of its own; empty: see ScratchDirectory
  std::uint64_t disk_bytes_max{};          ///< of all files together; 0 = what the disk holds
  std::uint64_t file_bytes{8U << 20};      ///< small values are written together, up to so much in a file
  std::function<void()> release_memory{};  ///< give freed memory back to the system; on the disk thread
};

/// What was done so far. Seconds are of the disk thread: encoding, packing and the system calls.
struct SpillCounters {
  std::uint64_t written_bytes{};  ///< to disk, as packed
  std::uint64_t read_bytes{};     ///< from disk, as packed
  std::uint64_t written_values{};
  std::uint64_t read_values{};
  std::uint64_t write_ns{};
  std::uint64_t read_ns{};
  std::uint64_t errors{};      ///< writes that failed, and values that could not be read back
  std::uint64_t disk_bytes{};  ///< of the files that are there now
};

/// The values of one worker that lie on disk. Owned by the worker's shell and used on its io thread alone; encoding,
/// packing and all that touches the disk is done on a thread of its own, which starts with the first value.
///
/// A write goes in two steps, for the value may be dropped or replaced meanwhile: write() makes the file and hands out
/// what is in it; keep() takes it over. Copies of Written that are not kept, and erase(), give the disk space back.
/// Always true: a file is there as long as one of its values is, or is being read, and no longer.
class SpillStore {
  class Disk;
  class File;

public:
  /// A value in a file. Cheap to copy.
  class Written {
    friend class SpillStore;
    std::shared_ptr<const File> file_;
    SpillRecord record_;
    std::uint64_t nbytes_{};
  };
  using WriteDone = std::function<void(Result<std::vector<Written>>)>;  ///< all, in order, or none
  using ReadDone = std::function<void(Result<EncodedValue>)>;
  /// Runs something on the io thread, soon.
  using Post = std::function<void(std::function<void()>)>;

  static Result<std::unique_ptr<SpillStore>> open(SpillStoreOptions options, Post post);
  /// Waits for what the disk thread is at, and removes all files. On any thread, if it was closed before.
  ~SpillStore();
  SpillStore(const SpillStore&) = delete;
  SpillStore& operator=(const SpillStore&) = delete;

  /// Writes values, at least one, to one file. `done` is called on the io thread, unless the store is gone by then.
  void write(std::vector<std::pair<TaskId, Value>> values, WriteDone done);
  /// `nbytes` are what the value takes in memory.
  void keep(TaskId task, Written written, std::uint64_t nbytes);
  /// Reads a value back, which stays on disk. An error: it is damaged. Reads go before removals, those before writes.
  /// Precondition: it is here.
  void read(TaskId task, ReadDone done);
  [[nodiscard]] bool contains(TaskId task) const { return values_.contains(task); }
  /// Precondition: it is here.
  [[nodiscard]] std::uint64_t nbytes(TaskId task) const { return values_.at(task).nbytes_; }
  void erase(TaskId task) { values_.erase(task); }
  void clear() { values_.clear(); }
  /// From now on nobody is called.
  void close();

  /// Has the memory of what was dropped given back to the system, on the disk thread.
  void release_memory();

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] SpillCounters counters() const;
  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] bool in_memory() const;
  [[nodiscard]] std::uint64_t file_bytes() const;

private:
  explicit SpillStore(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

  std::shared_ptr<Disk> disk_;
  std::unordered_map<TaskId, Written> values_;
};

}  // namespace troupe
