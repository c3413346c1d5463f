#include "monitoring/history_writer.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "runtime/store/private_directory.hpp"

namespace troupe::monitoring {

namespace fs = std::filesystem;

namespace {

constexpr double picture_interval_ms = 2000;
constexpr double idle_interval_ms = 30'000;  ///< of pictures while nothing happens
constexpr double state_interval_ms = 5000;
constexpr std::size_t most_tasks = 5000;
constexpr std::size_t most_groups = 500;
constexpr std::uint32_t most_outlined = 20'000;  ///< tasks of all groups whose edges are kept
constexpr std::size_t most_lines = 5000;
constexpr std::size_t most_steps = 5000;
constexpr std::uint64_t share = 4;  ///< one history takes at most this part of what all may take

std::uint64_t size_of(const fs::path& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const auto size = entry->file_size(error);
    if (!error) bytes += size;
  }
  return bytes;
}

Result<void> make_private(const fs::path& directory) {
  if (directory.filename() == local_histories)
    if (auto made = make_private_directory(directory.parent_path()); !made) return made;
  return make_private_directory(directory);
}

}  // namespace

fs::path default_history_directory() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto base = variable("XDG_STATE_HOME"); !base.empty()) return fs::path(base) / "troupe" / "history";
  if (const auto home = variable("HOME"); !home.empty())
    return fs::path(home) / ".local" / "state" / "troupe" / "history";
  return fmt::format("/tmp/troupe-history-{}", ::getuid());  // made by whom is asked before it is used
}

void prune_histories(const fs::path& directory, std::uint64_t bytes_max) {
  std::vector<std::pair<std::string, std::uint64_t>> found;
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->is_directory() || !fs::exists(entry->path() / "lock")) continue;
    found.emplace_back(entry->path().string(), size_of(entry->path()));
    bytes += found.back().second;
  }
  std::sort(found.begin(), found.end());  // their names begin with the time
  std::size_t left = found.size();
  for (const auto& [path, size] : found) {
    if (bytes <= bytes_max && left < most_histories) return;
    if (is_being_written(path)) continue;
    std::error_code ignored;
    fs::remove_all(path, ignored);
    bytes -= size;
    --left;
  }
}

HistoryWriter::~HistoryWriter() = default;

void HistoryWriter::give_up(const Error& error) {
  given_up_ = true;
  sources_.warn(fmt::format("{}: {}", files_ ? "the history ends here" : "no history is written", error.text));
  files_.reset();
}

void HistoryWriter::add(HistoryKind kind, const std::string& bytes) {
  if (given_up_) return;
  if (auto added = files_->add(kind, bytes, start_); !added) give_up(added.error());
}

bool HistoryWriter::begin(const Picture& picture, const WallClock& clock) {
  const double now_ms = clock.now_ms();
  HistoryStart start;
  start.cluster = picture.view.cluster;
  start.epoch = picture.view.epoch;
  start.address = picture.view.address;
  start.version = sources_.build.version;
  start.revision = sources_.build.revision;
  start.pid = static_cast<std::uint64_t>(::getpid());
  start.started_unix_ms = now_ms;
  start.clock_offset_ms = clock.unix_ms(0);
  start_ = packed(start);
  if (auto ours = make_private(options_.directory); !ours) {
    give_up(ours.error());
    return false;
  }
  prune_histories(options_.directory, options_.bytes_max - options_.bytes_max / share);
  const auto name = fmt::format("{:%Y%m%dT%H%M%S}-{}", fmt::gmtime(static_cast<std::time_t>(now_ms / 1000)),
                                start.cluster.hex().substr(0, 8));
  auto files = HistoryFiles::create(options_.directory / name, options_.bytes_max / share);
  if (!files) {
    give_up(files.error());
    return false;
  }
  files_ = std::make_unique<HistoryFiles>(std::move(*files));
  return true;
}

void HistoryWriter::take(const Picture& picture, const TaskHistory::Snapshot& history, const WallClock& clock) {
  if (given_up_ || (!files_ && !begin(picture, clock))) return;
  const auto transitions = picture.view.counters.transitions;
  const double wait =
      transitions == picture_transitions_ && picture_at_ms_ > 0 ? idle_interval_ms : picture_interval_ms;
  // What is new is written at once, so that there are no runs of workers or prefixes that nobody knows.
  const bool others = !last_ || last_->view.workers.size() != picture.view.workers.size() ||
                      last_->view.prefixes.size() != picture.view.prefixes.size();
  if (others || picture.unix_ms >= picture_at_ms_ + wait) {
    picture_at_ms_ = picture.unix_ms;
    picture_transitions_ = transitions;
    add(HistoryKind::picture, packed(picture));
  }
  last_ = std::make_shared<Picture>(picture);
  add_runs(history);
  add_events_and_log();
  if (!given_up_ && transitions != state_transitions_ && picture.unix_ms >= state_at_ms_ + state_interval_ms) {
    state_at_ms_ = picture.unix_ms;
    state_transitions_ = transitions;
    write_state(picture.unix_ms);
  }
}

void HistoryWriter::add_runs(const TaskHistory::Snapshot& history) {
  std::uint64_t first = history.recorded - history.records;
  for (const auto& block : history.blocks) {
    const std::uint64_t skip = runs_ > first ? std::min<std::uint64_t>(runs_ - first, block->size) : 0;
    if (skip < block->size)
      add(HistoryKind::runs, packed_runs(block->runs.data() + skip, block->size - skip, first + skip));
    first += block->size;
  }
  runs_ = history.recorded;
}

void HistoryWriter::add_events_and_log() {
  if (sources_.events) {
    const auto [events, last] = sources_.events->since(event_, most_lines);
    if (!events.empty()) add(HistoryKind::events, packed(events));
    event_ = last;
  }
  if (sources_.worker_log) {
    const auto lines = sources_.worker_log->since(worker_line_, most_lines);
    if (!lines.empty()) {
      worker_line_ = lines.back().seq;
      add(HistoryKind::worker_log, packed(lines));
    }
  }
  if (!sources_.log) return;
  const LogPage page = sources_.log(line_, most_lines);
  if (page.lines.empty()) return;
  line_ = page.lines.back().number;
  add(HistoryKind::log, packed(page.lines));
}

void HistoryWriter::write_state(double unix_ms) {
  HistoryState state;
  state.unix_ms = unix_ms;
  ClusterSource& source = *sources_.source;
  TaskPage page = source.tasks({}, 0, most_tasks, most_tasks);
  state.tasks = std::move(page.tasks);
  if (last_)
    for (std::size_t i = 0; i + 1 < task_state_count; ++i) state.known += last_->view.counters.tasks[i];
  state.graph = source.graph(most_tasks, 0);
  for (GroupTasks& tasks : state.graph)
    tasks.group = outline_of(tasks.group, static_cast<std::uint32_t>(std::max<std::size_t>(1, tasks.states.size())));
  std::uint32_t left = most_outlined;
  state.groups = source.groups(most_groups);
  for (GroupView& group : state.groups) {
    group = outline_of(group, left);
    left -= std::min(left, group.chunk->size);
  }
  state.failures = source.failures();
  state.steals = source.steals();
  state.times = source.times();
  state.spans = source.spans();
  state.steps = source.steps(most_steps);
  if (auto written = files_->replace_state(packed(state), start_); !written) give_up(written.error());
}

void HistoryWriter::end(std::string_view reason, bool alive) {
  if (!files_ || !last_) return;
  add_events_and_log();
  if (!given_up_ && alive) write_state(last_->unix_ms);
  add(HistoryKind::picture, packed(*last_));
  const double now_ms =
      std::chrono::duration<double, std::milli>(std::chrono::system_clock::now().time_since_epoch()).count();
  add(HistoryKind::end, packed(HistoryEnd{now_ms, std::string(reason)}));
  files_.reset();
}

}  // namespace troupe::monitoring
