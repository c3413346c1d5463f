#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitoring/history_file.hpp"
#include "monitoring/history_format.hpp"
#include "monitoring/history_writer.hpp"
#include "monitoring/recorded_cluster.hpp"
#include "tests/monitoring/fake_source.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe::monitoring {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
void overwrite(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::vector<TaskRun> some_runs(std::size_t count) {
  std::vector<TaskRun> runs;
  for (std::size_t i = 0; i < count; ++i) {
    TaskRun run;
    run.task = TaskId::of(i / 100 + 1, static_cast<std::uint32_t>(i % 100));
    run.start_ns = 1'000'000'000 + static_cast<std::int64_t>(i * 1000 - i % 7 * 333);
    run.duration_us = static_cast<std::uint32_t>(i % 5000);
    run.worker = {static_cast<std::uint32_t>(1 + i / 10 % 3)};
    run.prefix = static_cast<std::uint16_t>(i / 50 % 2);
    run.thread = static_cast<std::uint16_t>(i % 4);
    run.run = 1 + i % 2;
    run.erred = i % 11 == 0;
    runs.push_back(run);
  }
  return runs;
}

class HistoryTest : public ::testing::Test {
protected:
  HistoryTest() {
    source_->cluster.address = "127.0.0.1:8786";
    source_->cluster.cluster = {1, 2};
    source_->cluster.prefixes = {{"load", {}, {}}, {"add", {}, {}}};
    WorkerView worker;
    worker.address = {{1}, "alpha", "127.0.0.1:1", "here"};
    worker.threads = 2;
    source_->cluster.workers = {worker};
    source_->cluster.counters.tasks[static_cast<std::size_t>(TaskState::memory)] = 2;
    source_->cluster.counters.transitions = 1;
    auto chunk = std::make_shared<GraphChunk>();
    chunk->size = 2;
    chunk->templates.resize(2);
    chunk->template_of = {0, 1};
    chunk->dependency_offsets = {0, 0, 1};
    chunk->dependencies = {0};
    GroupView group;
    group.number = 7;
    group.chunk = chunk;
    group.counts.resize(2);
    group.prefixes = {0, 1};
    source_->group_list = {group};
    source_->graph_list = {{group, {TaskState::memory, TaskState::erred}, {{1}, {}}}};
    source_->rows = {{TaskId::of(7, 0), "load-7-0", 0, TaskState::memory, {1}, "alpha", 8, 0, 1},
                     {TaskId::of(7, 1), "add-7-1", 1, TaskState::erred, {}, "", 0, 0, 1}};
    source_->past.keep(100'000);
    TaskError error;
    error.type = "std::runtime_error";
    error.message = "no such file";
    source_->past.add(FailedTask{{5}, TaskId::of(7, 1), "add-7-1", 1, std::make_shared<const TaskError>(error)});
    for (const TaskRun& run : some_runs(10'000)) source_->past.add(run);
    TaskRun run;
    run.task = TaskId::of(7, 0);
    run.start_ns = 2'000'000'000;
    run.duration_us = 1500;
    run.worker = {1};
    run.run = 1;
    source_->past.add(run);
    events_->add(EventLevel::warning, "worker", {1}, "alpha was lost");
    source_->step_list = {
        {TaskId::of(7, 0), {1'900'000'000, TaskState::waiting, TaskState::queued, "ready", 0, ""}},
        {TaskId::of(7, 0), {2'002'000'000, TaskState::processing, TaskState::memory, "finished", 1, "alpha"}}};
    worker_log_->add({1}, {{1, 1'000'000, 1, "task 7-0: hello", {TaskId::of(7, 0), {3}, {"nightly", {1, 2}}}},
                           {2, 1'000'001, 2, "paused", {}}});
  }

  std::shared_ptr<HistoryWriter> writer(std::uint64_t bytes_max = 64U << 20) {
    HistorySources sources;
    sources.source = source_;
    sources.events = events_;
    sources.log = [](std::uint64_t after, std::size_t) {
      LogPage page;
      if (after == 0) page.lines.push_back({1, 1'000'000, 1, "listening", {}});
      page.last = 1;
      return page;
    };
    sources.warn = [this](std::string_view text) { warned_.emplace_back(text); };
    sources.build.version = "9.9";
    sources.worker_log = worker_log_;
    return std::make_shared<HistoryWriter>(HistoryOptions{folder_.path(), bytes_max}, std::move(sources));
  }
  /// Takes one picture, and ends, or not.
  void write(bool end) {
    RecorderOptions options;
    options.interval = std::chrono::hours(1);
    const auto history = writer();
    Recorder recorder(source_, options);
    recorder.show_to(history);
    const bool alive = recorder.finish();
    if (end) history->end("signal 15", alive);
  }
  [[nodiscard]] fs::path the_one() const {
    for (const auto& entry : fs::directory_iterator(folder_.path())) return entry.path();
    return {};
  }

  troupe::testing::TemporaryFolder folder_;
  std::shared_ptr<FakeSource> source_{std::make_shared<FakeSource>()};
  std::shared_ptr<EventRing> events_{std::make_shared<EventRing>(100)};
  std::shared_ptr<WorkerLog> worker_log_{std::make_shared<WorkerLog>()};
  std::vector<std::string> warned_;
};

TEST_F(HistoryTest, nothing_is_written_where_others_may_write) {
  const fs::path open = folder_.path() / "open";
  fs::create_directory(open);
  fs::permissions(open, fs::perms::all);
  ASSERT_TRUE(HistoryFiles::create(open / "old", 1U << 20));
  const auto tried = [&](const fs::path& where) {
    HistorySources sources;
    sources.source = source_;
    sources.warn = [this](std::string_view text) { warned_.emplace_back(text); };
    HistoryWriter history({where, 1}, std::move(sources));
    history.take({}, source_->history(), WallClock());
  };
  tried(open);
  ASSERT_EQ(warned_.size(), 1U);
  EXPECT_THAT(warned_[0], AllOf(HasSubstr("no history is written"), HasSubstr("others may write to it")));
  EXPECT_EQ(std::distance(fs::directory_iterator(open), {}), 1) << "and nothing is deleted";
  tried(open / local_histories);
  EXPECT_EQ(warned_.size(), 2U) << "who may write there may put something else in its place";
  fs::create_directory_symlink(folder_.path(), folder_.path() / "link");
  tried(folder_.path() / "link");
  EXPECT_EQ(warned_.size(), 3U);
  tried(folder_.path() / "new" / "er");
  EXPECT_EQ(warned_.size(), 3U);
  EXPECT_EQ(fs::status(folder_.path() / "new" / "er").permissions(), fs::perms::owner_all);
  if (::geteuid() != 0) return;  // who else may give a directory away?
  fs::create_directory(folder_.path() / "theirs");
  ASSERT_EQ(::chown((folder_.path() / "theirs").c_str(), 12345, 12345), 0);
  tried(folder_.path() / "theirs");
  EXPECT_EQ(warned_.size(), 4U);
}

TEST_F(HistoryTest, no_link_is_followed_to_a_file) {
  ASSERT_TRUE(HistoryFiles::create(folder_.path() / "one", 1U << 20));
  overwrite(folder_.path() / "mine", "precious");
  fs::create_symlink(folder_.path() / "mine", folder_.path() / "one" / "000001.troupe");
  fs::create_symlink(folder_.path() / "mine", folder_.path() / "one" / "state.new");
  auto files = HistoryFiles::create(folder_.path() / "one", 1U << 20);
  ASSERT_TRUE(files);
  EXPECT_FALSE(files->add(HistoryKind::log, "x", ""));
  EXPECT_FALSE(files->replace_state("x", ""));
  EXPECT_EQ(contents(folder_.path() / "mine"), "precious");
}

TEST_F(HistoryTest, one_of_an_older_version_is_not_called_damaged) {
  write(true);
  const fs::path file = the_one() / "000001.troupe";
  overwrite(file, "troupe history 2\n" + contents(file).substr(history_magic.size()));
  auto read = RecordedCluster::read(the_one());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(read.error().text, HasSubstr("older version"));
  overwrite(file, "troupe history 1000000\n");
  EXPECT_EQ(RecordedCluster::read(the_one()).error().kind, ErrorKind::invalid);
}

TEST_F(HistoryTest, one_with_a_picture_or_a_run_shows_something) {
  write(false);
  EXPECT_TRUE(shows_anything(the_one()));
  auto files = HistoryFiles::create(folder_.path() / "empty", 1U << 20);
  ASSERT_TRUE(files->add(HistoryKind::events, packed(std::vector<Event>{}), packed(HistoryStart{})));
  EXPECT_FALSE(shows_anything(folder_.path() / "empty"));
  EXPECT_FALSE(shows_anything(folder_.path() / "nowhere"));
}

TEST_F(HistoryTest, runs_come_back_as_they_were_in_about_ten_bytes_each) {
  const auto runs = some_runs(4096);
  const std::string bytes = packed_runs(runs.data(), runs.size(), 12);
  EXPECT_LT(bytes.size(), runs.size() * 11);
  HistoryRuns read;
  ASSERT_TRUE(unpack(bytes, read));
  EXPECT_EQ(read.first, 12U);
  ASSERT_EQ(read.runs.size(), runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i)
    ASSERT_EQ(std::memcmp(&read.runs[i], &runs[i], sizeof(TaskRun)), 0) << i;
}

TEST_F(HistoryTest, a_cluster_that_stopped_answers_as_it_did) {
  write(true);
  EXPECT_THAT(warned_, ::testing::IsEmpty());
  const auto read = RecordedCluster::read(the_one());
  ASSERT_TRUE(read) << read.error().text;
  const auto& recorded = (*read)->recorded();
  EXPECT_EQ(recorded.ending, "stopped");
  EXPECT_EQ(recorded.reason, "signal 15");
  EXPECT_EQ((*read)->runs(), 10'001U);
  const ApiSources api = (*read)->sources();
  const auto picture = api.recorder->picture(std::chrono::milliseconds(0));
  ASSERT_TRUE(picture);
  ASSERT_EQ(picture->view.workers.size(), 1U);
  EXPECT_EQ(picture->view.workers[0].address.name, "alpha");
  EXPECT_EQ(api.recorder->clock().now_ms(), recorded.ended_unix_ms);
  EXPECT_FALSE(api.recorder->cluster_series(std::chrono::seconds(600)).times_unix_ms.empty());
  TaskFilter erred;
  erred.state = TaskState::erred;
  ASSERT_EQ(api.source->tasks(erred, 0, 10, 100).tasks.size(), 1U);
  const auto task = api.source->detail("add-7-1");
  ASSERT_TRUE(task);
  EXPECT_EQ(task->error->message, "no such file");
  ASSERT_EQ(task->dependencies.total, 1U);
  EXPECT_EQ(task->dependencies.tasks[0].key, "load-7-0");
  const auto story = api.source->detail("load-7-0")->story;
  ASSERT_EQ(story.size(), 2U) << "its transitions, and not its run once more";
  EXPECT_EQ(story.front().cause, "ready");
  EXPECT_EQ(story.back().to, TaskState::memory);
  EXPECT_EQ(api.ask.log("alpha", 0, 10)->lines.size(), 2U);
  EXPECT_EQ(api.ask.log("alpha", 0, 1)->lines.at(0).text, "paused") << "the last ones";
  EXPECT_EQ(api.ask.log("alpha", 1, 10)->lines.at(0).text, "paused");
  EXPECT_THAT(api.ask.log("beta", 0, 10)->lines, ::testing::IsEmpty());
  const auto said = api.ask.task_log({}, TaskId::of(7, 0), 10)->lines.at("alpha");
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].about, (LogContext{TaskId::of(7, 0), {3}, {"nightly", {1, 2}}}));
  EXPECT_TRUE(api.source->detail("load-12-3")) << "only its run is known";
  EXPECT_FALSE(api.source->detail("load-4000-3"));
  EXPECT_EQ(api.source->groups(10).size(), 1U);
  EXPECT_EQ(api.source->graph(10, 0).size(), 1U);
  EXPECT_EQ(api.events->since(0, 10).first.at(0).text, "alpha was lost");
  EXPECT_EQ(api.log(0, 10).lines.at(0).text, "listening");
  EXPECT_FALSE(api.source->restart("alpha"));
  EXPECT_EQ(api.source->times(), source_->spent);
  EXPECT_EQ(api.source->spans(), source_->span_list);
}

TEST_F(HistoryTest, what_a_killed_scheduler_did_not_finish_is_left_out_and_told) {
  write(false);
  const fs::path file = the_one() / "000001.troupe";
  const std::string whole = contents(file);
  ASSERT_GT(whole.size(), 10'000U);
  for (const std::size_t cut : {std::size_t{1}, std::size_t{20}, whole.size() / 3, whole.size() - 20}) {
    overwrite(file, whole.substr(0, whole.size() - cut));
    const auto read = RecordedCluster::read(the_one());
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ((*read)->recorded().ending, "killed");
    EXPECT_GT((*read)->torn_bytes(), 0U);
  }
  overwrite(file, whole);
  EXPECT_EQ((*RecordedCluster::read(the_one()))->torn_bytes(), 0U);
  EXPECT_EQ((*RecordedCluster::read(the_one()))->runs(), 10'001U);
}

TEST_F(HistoryTest, a_damaged_file_is_refused_with_its_name_and_the_byte) {
  write(true);
  const fs::path file = the_one() / "000001.troupe";
  std::string text = contents(file);
  text[history_magic.size() + 18] ^= 1;
  overwrite(file, text);
  const auto read = RecordedCluster::read(the_one());
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().text, AllOf(HasSubstr(file.string()),
                                       HasSubstr(fmt::format("byte {}", history_magic.size())), HasSubstr("checksum")));
  overwrite(file, "something else");
  EXPECT_THAT(RecordedCluster::read(the_one()).error().text, HasSubstr("no history that this version"));
  EXPECT_THAT(RecordedCluster::read(folder_.path()).error().text, HasSubstr("there is no history here"));
}

TEST_F(HistoryTest, whatever_bytes_stand_in_it_reading_ends_with_a_cluster_or_an_error) {
  write(true);
  const fs::path file = the_one() / "000001.troupe";
  const fs::path state = the_one() / "state.troupe";
  const std::string whole = contents(file);
  const std::string whole_state = contents(state);
  std::mt19937_64 random(7);
  for (int i = 0; i < 400; ++i) {
    std::string text = i % 2 == 0 ? whole : whole_state;
    for (int changes = 0; changes < 1 + i % 4; ++changes) text[random() % text.size()] = static_cast<char>(random());
    if (i % 3 == 0) text.resize(random() % text.size());
    overwrite(i % 2 == 0 ? file : state, text);
    const auto read = RecordedCluster::read(the_one());
    if (!read) {
      EXPECT_THAT(read.error().text, HasSubstr("byte"));
    }
  }
}

/// With right checksums around them, so that the decoding itself is what meets them.
TEST_F(HistoryTest, whatever_a_record_holds_it_is_decoded_or_refused) {
  write(true);
  std::string state;
  std::string picture;
  std::string runs;
  ASSERT_TRUE(read_history(the_one(), [&](HistoryKind kind, std::string_view bytes) {
    if (kind == HistoryKind::state) state = bytes;
    if (kind == HistoryKind::picture) picture = bytes;
    if (kind == HistoryKind::runs) runs = bytes.substr(0, 400);
    return true;
  }));
  std::mt19937_64 random(8);
  std::size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = i % 3 == 0 ? state : i % 3 == 1 ? picture : runs;
    for (int changes = 0; changes < 1 + i % 5; ++changes) bytes[random() % bytes.size()] = static_cast<char>(random());
    HistoryState some_state;
    Picture some_picture;
    HistoryRuns some_runs;
    const bool taken = i % 3 == 0   ? unpack(bytes, some_state)
                       : i % 3 == 1 ? unpack(bytes, some_picture)
                                    : unpack(bytes, some_runs);
    refused += taken ? 0 : 1;
  }
  EXPECT_GT(refused, 1000U);
}

TEST_F(HistoryTest, it_stays_below_its_size_and_keeps_the_end) {
  constexpr std::uint64_t most = 80'000;
  std::uint64_t written = 0;
  {
    auto files = HistoryFiles::create(folder_.path() / "one", most);
    ASSERT_TRUE(files);
    EXPECT_TRUE(is_being_written(folder_.path() / "one"));
    for (std::uint64_t i = 0; i < 500; ++i) {
      const auto runs = some_runs(100);
      ASSERT_TRUE(
          files->add(HistoryKind::runs, packed_runs(runs.data(), runs.size(), i * 100), packed(HistoryStart{})));
      ++written;
      std::uint64_t size = 0;
      for (const auto& file : fs::directory_iterator(folder_.path() / "one")) size += file.file_size();
      ASSERT_LE(size, most);
    }
  }
  EXPECT_FALSE(is_being_written(folder_.path() / "one"));
  const auto read = RecordedCluster::read(folder_.path() / "one");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ((*read)->sources().source->history().recorded, 50'000U);
  EXPECT_LT((*read)->runs(), 50'000U);
  EXPECT_GT((*read)->runs(), 3'000U);
}

TEST_F(HistoryTest, the_oldest_of_many_go_and_none_that_is_written_to) {
  for (const char* name : {"1", "2", "3"}) {
    auto files = HistoryFiles::create(folder_.path() / name, 1U << 20);
    ASSERT_TRUE(files->replace_state(std::string(100'000, 'x') + name, ""));
  }
  overwrite(folder_.path() / "2" / "filler", std::string(50'000, 'x'));
  overwrite(folder_.path() / "3" / "filler", std::string(50'000, 'x'));
  fs::create_directories(folder_.path() / "not ours");
  ASSERT_TRUE(HistoryFiles::create(folder_.path() / local_histories / "1", 1U << 20));
  const auto held = HistoryFiles::create(folder_.path() / "0", 1U << 20);
  prune_histories(folder_.path(), 60'000);
  EXPECT_TRUE(fs::exists(folder_.path() / "0"));
  EXPECT_FALSE(fs::exists(folder_.path() / "1"));
  EXPECT_FALSE(fs::exists(folder_.path() / "2"));
  EXPECT_TRUE(fs::exists(folder_.path() / "3"));
  EXPECT_TRUE(fs::exists(folder_.path() / "not ours"));
  EXPECT_TRUE(fs::exists(folder_.path() / local_histories / "1"));
  EXPECT_EQ(list_histories(folder_.path()).size(), 2U) << "those of clusters inside programs are listed apart";
}

TEST_F(HistoryTest, there_are_never_more_than_five_hundred) {
  for (std::size_t i = 0; i < most_histories + 3; ++i)
    ASSERT_TRUE(HistoryFiles::create(folder_.path() / fmt::format("{:04}", i), 1U << 20));
  prune_histories(folder_.path(), 1U << 30);
  const auto left = std::distance(fs::directory_iterator(folder_.path()), {});
  EXPECT_EQ(left, static_cast<std::ptrdiff_t>(most_histories) - 1) << "and one more has room";
  EXPECT_FALSE(fs::exists(folder_.path() / "0000"));
}

TEST_F(HistoryTest, a_disk_that_refuses_ends_the_history_with_one_warning) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 20'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  write(true);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_EQ(warned_.size(), 1U);
  EXPECT_THAT(warned_[0], AllOf(HasSubstr("the history ends here"), HasSubstr("File too large")));
  EXPECT_TRUE(RecordedCluster::read(the_one())) << "what was written is read";
}

}  // namespace
}  // namespace troupe::monitoring
