#include "runtime/store/spill_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <numeric>
#include <random>
#include <string>

#include "runtime/store/buffer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

/// A directory of the test's own, and the io thread's queue.
class SpillStoreTest : public ::testing::Test {
protected:
  ~SpillStoreTest() override { store_.reset(); }

  SpillStore& open(SpillStoreOptions options = {}) {
    options.directory = base_.path() / "scratch";
    options.release_memory = [this] { post([this] { released_ = true; }); };
    auto opened = SpillStore::open(std::move(options), [this](std::function<void()> work) { post(std::move(work)); });
    EXPECT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
    return *store_;
  }
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    changed_.notify_one();
  }
  /// Runs what was posted, one by one, until `done`.
  void run_until(const std::function<bool()>& done) {
    while (!done()) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !posted_.empty(); });
      const auto work = std::move(posted_.front());
      posted_.erase(posted_.begin());
      lock.unlock();
      work();
    }
  }
  Result<std::vector<SpillStore::Written>> write(std::vector<std::pair<TaskId, Value>> values) {
    std::optional<Result<std::vector<SpillStore::Written>>> result;
    store_->write(std::move(values), [&](auto written) { result = std::move(written); });
    run_until([&] { return result.has_value(); });
    return std::move(*result);
  }
  void spill(std::vector<std::pair<TaskId, Value>> values) {
    auto written = write(values);
    ASSERT_TRUE(written) << written.error().text;
    for (std::size_t i = 0; i < values.size(); ++i) store_->keep(values[i].first, (*written)[i], 1);
  }
  Result<EncodedValue> read(TaskId task) {
    std::optional<Result<EncodedValue>> result;
    store_->read(task, [&](auto value) { result = std::move(value); });
    run_until([&] { return result.has_value(); });
    return std::move(*result);
  }
  /// Until the disk thread has removed what was dropped before: what it drops itself it removes in its next round.
  void drain() {
    for (int round = 0; round < 2; ++round) {
      released_ = false;
      store_->release_memory();
      run_until([&] { return released_; });
    }
  }
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> result;
    for (const auto& entry : fs::directory_iterator(store_->path()))
      if (entry.path().extension() == ".spill") result.push_back(entry.path());
    return result;
  }

  troupe::testing::TemporaryFolder base_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> posted_;
  bool released_{};
  std::unique_ptr<SpillStore> store_;
};

std::vector<double> noise(std::size_t n, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> numbers(n);
  for (auto& number : numbers) number = std::bit_cast<double>(random() >> 2);
  return numbers;
}

template <class T>
T decoded(Result<EncodedValue> encoded) {
  EXPECT_TRUE(encoded) << encoded.error().text;
  const auto value = Value::from_encoded(std::move(*encoded));
  const auto found = value.as<T>();
  EXPECT_TRUE(found) << found.error().text;
  return **found;
}

TEST_F(SpillStoreTest, gives_back_what_it_was_given_packed_or_not) {
  open();
  const auto random = noise(400'000, 1);
  std::vector<double> steps(300'000);
  std::iota(steps.begin(), steps.end(), 0.0);
  const std::vector<double> zeros(1'000'000);
  const std::string text(100, 'x');
  const std::vector<std::string> words{"one", "", std::string(3'000'000, 'y'), "four"};
  spill({{TaskId{1}, Value::make(random)},
         {TaskId{2}, Value::make(steps)},
         {TaskId{3}, Value::make(zeros)},
         {TaskId{4}, Value::make(text)},
         {TaskId{5}, Value::make(words)},
         {TaskId{6}, Value::make(7.5)}});
  EXPECT_EQ(decoded<std::vector<double>>(read(TaskId{1})), random);
  EXPECT_EQ(decoded<std::vector<double>>(read(TaskId{2})), steps);
  EXPECT_EQ(decoded<std::vector<double>>(read(TaskId{3})), zeros);
  EXPECT_EQ(decoded<std::string>(read(TaskId{4})), text);
  EXPECT_EQ(decoded<std::vector<std::string>>(read(TaskId{5})), words);
  EXPECT_EQ(decoded<double>(read(TaskId{6})), 7.5);
  const auto counters = store_->counters();
  EXPECT_EQ(counters.written_values, 6U);
  EXPECT_EQ(counters.read_values, 6U);
  EXPECT_EQ(counters.read_bytes, counters.written_bytes);
  EXPECT_EQ(counters.errors, 0U);
}

TEST_F(SpillStoreTest, packs_only_what_gets_smaller) {
  const auto frames = [](const std::vector<double>& numbers) { return Value::make(numbers).encode(); };
  EXPECT_EQ(choose_spill_codec(frames(noise(100'000, 2))), SpillCodec::none);
  EXPECT_EQ(choose_spill_codec(frames(std::vector<double>(100'000))), SpillCodec::zstd);
  open();
  spill({{TaskId{1}, Value::make(std::vector<double>(1'000'000))}});
  EXPECT_LT(store_->counters().disk_bytes, 100'000U);
  spill({{TaskId{2}, Value::make(noise(1'000'000, 3))}});
  EXPECT_GT(store_->counters().disk_bytes, 8'000'000U);
  EXPECT_LT(store_->counters().disk_bytes, 8'200'000U);
}

TEST_F(SpillStoreTest, a_file_goes_with_the_last_value_in_it_that_is_dropped) {
  open();
  spill({{TaskId{1}, Value::make(std::string(5000, 'a'))}, {TaskId{2}, Value::make(std::string(5000, 'b'))}});
  spill({{TaskId{3}, Value::make(std::string(5000, 'c'))}});
  EXPECT_EQ(files().size(), 2U);
  store_->erase(TaskId{1});
  drain();
  EXPECT_EQ(decoded<std::string>(read(TaskId{2})), std::string(5000, 'b'));
  store_->erase(TaskId{2});
  store_->clear();
  drain();
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(store_->size(), 0U);
}

TEST_F(SpillStoreTest, what_is_written_and_not_kept_leaves_nothing_behind) {
  open();
  (void)write({{TaskId{1}, Value::make(std::string(100'000, 'a'))}});
  EXPECT_FALSE(store_->contains(TaskId{1}));
  drain();
  EXPECT_TRUE(files().empty());
}

TEST_F(SpillStoreTest, a_value_that_is_read_may_be_dropped_meanwhile) {
  open();
  spill({{TaskId{1}, Value::make(std::string(100'000, 'a'))}});
  std::optional<Result<EncodedValue>> result;
  store_->read(TaskId{1}, [&](auto value) { result = std::move(value); });
  store_->erase(TaskId{1});
  run_until([&] { return result.has_value(); });
  EXPECT_EQ(decoded<std::string>(std::move(*result)), std::string(100'000, 'a'));
}

/// Every byte of every region: header, sizes, chunks.
TEST_F(SpillStoreTest, any_changed_or_missing_byte_is_noticed) {
  open();
  std::vector<double> numbers(200);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  for (const bool packed : {false, true}) {
    store_->clear();
    drain();
    spill({{TaskId{1}, packed ? Value::make(numbers) : Value::make(noise(60, 4))}});
    ASSERT_EQ(files().size(), 1U);
    const auto file = files().front();
    std::string bytes;
    {
      std::ifstream in(file, std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(in), {});
    }
    ASSERT_GT(bytes.size(), 100U);
    const auto put = [&](const std::string& content) {
      std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    };
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      auto changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
      put(changed);
      ASSERT_FALSE(read(TaskId{1})) << "byte " << i << " was changed, packed " << packed;
    }
    for (std::size_t size = 0; size < bytes.size(); size += 7) {
      put(bytes.substr(0, size));
      ASSERT_FALSE(read(TaskId{1})) << "cut to " << size;
    }
    put(bytes);
    EXPECT_TRUE(read(TaskId{1}));
    fs::remove(file);
    const auto gone = read(TaskId{1});
    ASSERT_FALSE(gone);
    EXPECT_NE(gone.error().text.find(file.string()), std::string::npos) << gone.error().text;
  }
}

TEST_F(SpillStoreTest, the_record_of_another_task_is_refused) {
  open();
  auto written = write({{TaskId{1}, Value::make(std::string(5000, 'a'))}});
  ASSERT_TRUE(written);
  store_->keep(TaskId{2}, written->front(), 1);
  EXPECT_FALSE(read(TaskId{2}));
}

TEST_F(SpillStoreTest, says_that_the_allowed_space_is_used_up_and_takes_more_when_it_is_free_again) {
  SpillStoreOptions options;
  options.disk_bytes_max = 1'000'000;
  open(std::move(options));
  spill({{TaskId{1}, Value::make(noise(100'000, 5))}});
  const auto refused = write({{TaskId{2}, Value::make(noise(100'000, 6))}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::overloaded);
  EXPECT_NE(refused.error().text.find("worker.memory.max-spill"), std::string::npos) << refused.error().text;
  EXPECT_EQ(files().size(), 1U);
  EXPECT_TRUE(read(TaskId{1}));
  store_->erase(TaskId{1});
  EXPECT_TRUE(write({{TaskId{2}, Value::make(noise(100'000, 6))}}));
}

TEST(SpillFile, a_full_disk_is_told_as_such) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const auto refused = write_spill_record(full, 0, TaskId{1}, Value::make(std::string(10'000, 'x')).encode());
  ::close(full);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::overloaded);
  EXPECT_NE(refused.error().text.find("No space left on device"), std::string::npos) << refused.error().text;
}

TEST_F(SpillStoreTest, removes_what_dead_processes_left_and_nothing_else) {
  const auto scratch = base_.path() / "scratch";
  fs::create_directories(scratch / "worker-1-left");
  fs::permissions(scratch, fs::perms::owner_all);
  std::ofstream(scratch / "worker-1-left" / "lock") << "";
  std::ofstream(scratch / "worker-1-left" / "1.spill") << "old";
  fs::create_directories(scratch / "mine");
  std::ofstream(scratch / "mine" / "notes") << "keep";
  open();
  const auto first = store_->path();
  EXPECT_FALSE(fs::exists(scratch / "worker-1-left"));
  EXPECT_TRUE(fs::exists(scratch / "mine" / "notes"));
  auto second = SpillStore::open({scratch}, [](const auto&) {});
  ASSERT_TRUE(second);
  EXPECT_TRUE(fs::exists(first)) << "one that is in use was removed";
  store_.reset();
  EXPECT_FALSE(fs::exists(first));
}

TEST_F(SpillStoreTest, refuses_a_directory_that_others_may_write_to) {
  const auto open_to_all = base_.path() / "shared";
  fs::create_directories(open_to_all);
  ASSERT_EQ(::chmod(open_to_all.c_str(), 0777), 0);
  const auto refused = SpillStore::open({open_to_all}, [](const auto&) {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("--local-directory"), std::string::npos) << refused.error().text;
  const auto link = base_.path() / "link";
  fs::create_directory_symlink(open_to_all, link);
  EXPECT_FALSE(SpillStore::open({link}, [](const auto&) {}));
}

}  // namespace
}  // namespace troupe
