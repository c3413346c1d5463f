#include "runtime/store/spill_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace troupe {

namespace {

/// What is done first of all that waits: room is made on a full disk before it is asked for.
enum class Urgency : std::uint8_t { read, removal, write };
constexpr std::size_t urgencies = 3;

/// An open file, closed in the end.
class OpenFile {
public:
  OpenFile(int directory, const std::string& name, int flags)
      : descriptor_(::openat(directory, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }

private:
  int descriptor_;
};

}  // namespace

/// The directory and the thread that works in it. Shared with the files, so that each can be removed whoever drops it
/// last.
class SpillStore::Disk : public std::enable_shared_from_this<Disk> {
public:
  Disk(SpillStoreOptions options, ScratchDirectory directory, Post post)
      : options_(std::move(options)), directory_(std::move(directory)), post_(std::move(post)) {}

  void submit(Urgency urgency, std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      queues_[static_cast<std::size_t>(urgency)].push_back(std::move(work));
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    }
    changed_.notify_one();
  }

  void stop() {
    std::array<std::deque<std::function<void()>>, urgencies> dropped;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      dropped.swap(queues_);
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  void close() { closed_ = true; }

  /// On the io thread, unless the store is gone by then.
  void answer(std::function<void()> call) {
    post_([self = shared_from_this(), call = std::move(call)] {
      if (!self->closed_) call();
    });
  }

  Result<std::vector<Written>> write(const std::vector<std::pair<TaskId, Value>>& values);
  Result<EncodedValue> read(const Written& place, TaskId task);
  void remove(const std::string& name, std::uint64_t nbytes) {
    submit(Urgency::removal, [this, name, nbytes] {
      ::unlinkat(directory_.descriptor(), name.c_str(), 0);
      count([&](SpillCounters& c) { c.disk_bytes -= nbytes; });
    });
  }

  [[nodiscard]] SpillCounters counters() const {
    const std::lock_guard lock(counters_mutex_);
    return counters_;
  }
  [[nodiscard]] const SpillStoreOptions& options() const { return options_; }
  [[nodiscard]] const ScratchDirectory& directory() const { return directory_; }

private:
  void run() {
    ::pthread_setname_np(::pthread_self(), "troupe-disk");
    std::unique_lock lock(mutex_);
    for (;;) {
      auto queue = queues_.begin();
      while (queue != queues_.end() && queue->empty()) ++queue;
      if (queue == queues_.end()) {
        if (stopping_) return;
        changed_.wait(lock);
        continue;
      }
      auto work = std::move(queue->front());
      queue->pop_front();
      lock.unlock();
      work();
      work = nullptr;  // may drop the last reference to a file, which comes back here
      lock.lock();
    }
  }

  template <class Change>
  void count(Change change) {
    const std::lock_guard lock(counters_mutex_);
    change(counters_);
  }
  tl::unexpected<Error> failed(Error error, const std::string& name) {
    count([](SpillCounters& c) { ++c.errors; });
    error.text = fmt::format("{}: {}", (directory_.path() / name).string(), error.text);
    return tl::unexpected(std::move(error));
  }

  SpillStoreOptions options_;
  ScratchDirectory directory_;
  Post post_;
  std::atomic<bool> closed_{};
  std::uint64_t last_file_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::deque<std::function<void()>>, urgencies> queues_;  ///< by Urgency; guarded by mutex_, as what follows
  bool stopping_{};
  std::thread thread_;

  mutable std::mutex counters_mutex_;
  SpillCounters counters_;
};

/// Removed with the last that refers to it.
class SpillStore::File {
public:
  File(std::shared_ptr<Disk> disk, std::string name, std::uint64_t nbytes)
      : disk_(std::move(disk)), name_(std::move(name)), nbytes_(nbytes) {}
  ~File() { disk_->remove(name_, nbytes_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] const std::string& name() const { return name_; }

private:
  std::shared_ptr<Disk> disk_;
  std::string name_;
  std::uint64_t nbytes_;
};

Result<std::vector<SpillStore::Written>> SpillStore::Disk::write(const std::vector<std::pair<TaskId, Value>>& values) {
  const auto begin = std::chrono::steady_clock::now();
  const auto name = fmt::format("{}.spill", ++last_file_);
  const auto give_up = [&](Error error) {
    ::unlinkat(directory_.descriptor(), name.c_str(), 0);
    return failed(std::move(error), name);
  };
  const auto full = [&] {
    return give_up({ErrorKind::overloaded,
                    fmt::format("the {} bytes of worker.memory.max-spill are used up", options_.disk_bytes_max)});
  };
  const auto on_disk = counters().disk_bytes;
  if (options_.disk_bytes_max > 0 && on_disk >= options_.disk_bytes_max) return full();
  const OpenFile file(directory_.descriptor(), name, O_WRONLY | O_CREAT | O_EXCL);
  if (file.descriptor() < 0)
    return give_up({ErrorKind::failed, fmt::format("cannot make the file: {}", std::strerror(errno))});
  std::vector<Written> written(values.size());
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto record = write_spill_record(file.descriptor(), size, values[i].first, values[i].second.encode());
    if (!record) return give_up(std::move(record.error()));
    written[i].record_ = *record;
    size += record->length;
  }
  if (options_.disk_bytes_max > 0 && on_disk + size > options_.disk_bytes_max) return full();
  const auto shared = std::make_shared<const File>(shared_from_this(), name, size);
  for (auto& one : written) one.file_ = shared;
  count([&](SpillCounters& c) {
    c.written_bytes += size;
    c.disk_bytes += size;
    c.written_values += values.size();
    c.write_ns += static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begin).count());
  });
  return written;
}

Result<EncodedValue> SpillStore::Disk::read(const Written& place, TaskId task) {
  const auto begin = std::chrono::steady_clock::now();
  const OpenFile file(directory_.descriptor(), place.file_->name(), O_RDONLY);
  if (file.descriptor() < 0)
    return failed({ErrorKind::failed, fmt::format("cannot be opened: {}", std::strerror(errno))}, place.file_->name());
  auto value = read_spill_record(file.descriptor(), place.record_, task);
  if (!value) return failed(std::move(value.error()), place.file_->name());
  count([&](SpillCounters& c) {
    c.read_bytes += place.record_.length;
    ++c.read_values;
    c.read_ns += static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begin).count());
  });
  return value;
}

Result<std::unique_ptr<SpillStore>> SpillStore::open(SpillStoreOptions options, Post post) {
  auto directory = ScratchDirectory::open(options.directory, "worker");
  if (!directory) return tl::unexpected(std::move(directory.error()));
  return std::unique_ptr<SpillStore>(
      new SpillStore(std::make_shared<Disk>(std::move(options), std::move(*directory), std::move(post))));
}

SpillStore::~SpillStore() {
  close();
  values_.clear();
  disk_->stop();
}

void SpillStore::write(std::vector<std::pair<TaskId, Value>> values, WriteDone done) {
  auto* disk = disk_.get();
  disk->submit(Urgency::write, [disk, values = std::move(values), done = std::move(done)]() mutable {
    auto written = std::make_shared<Result<std::vector<Written>>>(disk->write(values));
    disk->answer([written, done = std::move(done), values = std::move(values)] { done(std::move(*written)); });
  });
}

void SpillStore::close() { disk_->close(); }

void SpillStore::keep(TaskId task, Written written, std::uint64_t nbytes) {
  written.nbytes_ = nbytes;
  values_[task] = std::move(written);
}

void SpillStore::read(TaskId task, ReadDone done) {
  auto* disk = disk_.get();
  disk->submit(Urgency::read, [disk, task, place = values_.at(task), done = std::move(done)] {
    auto value = std::make_shared<Result<EncodedValue>>(disk->read(place, task));
    disk->answer([value, done] { done(std::move(*value)); });
  });
}

void SpillStore::release_memory() {
  if (!disk_->options().release_memory) return;
  disk_->submit(Urgency::removal, disk_->options().release_memory);
}

SpillCounters SpillStore::counters() const { return disk_->counters(); }
const std::filesystem::path& SpillStore::path() const { return disk_->directory().path(); }
bool SpillStore::in_memory() const { return disk_->directory().in_memory(); }
std::uint64_t SpillStore::file_bytes() const { return disk_->options().file_bytes; }

}  // namespace troupe
