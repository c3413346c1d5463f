#include "monitoring/recorded_cluster.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "monitoring/history_file.hpp"

namespace troupe::monitoring {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_neighbours = 20;

Error over() { return {ErrorKind::failed, "this cluster is a record of one that was: it can be looked at only"}; }

std::string name_in(const std::map<WorkerId, std::string>& names, WorkerId worker) {
  const auto found = names.find(worker);
  return found == names.end() ? fmt::format("worker {}", worker.value) : found->second;
}

void keep_last(std::vector<LogLine>& lines, std::size_t most) {
  if (lines.size() > most) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
}

/// Answers from what was written last.
class RecordedSource final : public ClusterSource {
public:
  RecordedSource(HistoryState state, TaskHistory::Snapshot history, ClusterView view,
                 std::shared_ptr<const std::map<WorkerId, std::string>> names)
      : state_(std::move(state)), history_(std::move(history)), view_(std::move(view)), names_(std::move(names)) {}

  std::optional<ClusterView> view() override { return view_; }
  TaskPage tasks(const TaskFilter& filter, std::uint64_t from, std::size_t most, std::size_t most_scanned) override {
    TaskPage page;
    for (std::uint64_t i = from; i < state_.tasks.size(); ++i) {
      if (page.tasks.size() == most || page.scanned == most_scanned) {
        page.next = i;
        break;
      }
      ++page.scanned;
      if (fits(filter, state_.tasks[i])) page.tasks.push_back(state_.tasks[i]);
    }
    return page;
  }
  std::optional<TaskFacts> detail(std::string_view task) override;
  std::vector<TaskStep> steps(std::size_t) override { return state_.steps; }
  std::vector<GroupView> groups(std::size_t most) override {
    const auto count = std::min(most, state_.groups.size());
    return {state_.groups.end() - static_cast<std::ptrdiff_t>(count), state_.groups.end()};
  }
  std::vector<GroupTasks> graph(std::size_t most, std::uint64_t only_group) override {
    std::vector<GroupTasks> found;
    for (auto tasks = state_.graph.rbegin(); tasks != state_.graph.rend(); ++tasks) {
      if (only_group != 0 && tasks->group.number != only_group) continue;
      if (tasks->states.size() > most) break;
      most -= tasks->states.size();
      found.push_back(*tasks);
    }
    std::reverse(found.begin(), found.end());
    return found;
  }
  TaskHistory::Snapshot history() override { return history_; }
  std::vector<FailedTask> failures() override { return state_.failures; }
  std::vector<StolenTask> steals() override { return state_.steals; }
  TurnDurations turns() override { return {}; }
  TimeView times() override { return state_.times; }
  std::vector<SpanView> spans() override { return state_.spans; }
  Result<void> control(TaskControl, const std::vector<std::string>&, const std::string&) override {
    return tl::unexpected(over());
  }
  Result<void> retire(const std::string&) override { return tl::unexpected(over()); }
  Result<void> restart(const std::string&) override { return tl::unexpected(over()); }

private:
  [[nodiscard]] bool fits(const TaskFilter& filter, const TaskView& task) const {
    if (filter.state && task.state != *filter.state) return false;
    if (filter.worker && task.worker != filter.worker) return false;
    if (filter.group != 0 && task.id.group() != filter.group) return false;
    if (filter.prefix && (task.prefix >= view_.prefixes.size() || view_.prefixes[task.prefix].name != *filter.prefix))
      return false;
    return filter.text.empty() || task.key.find(filter.text) != std::string::npos;
  }
  [[nodiscard]] std::string prefix(std::uint32_t index) const {
    return index < view_.prefixes.size() ? view_.prefixes[index].name : "?";
  }
  [[nodiscard]] std::string worker(WorkerId id) const { return name_in(*names_, id); }
  [[nodiscard]] TaskView view_of(TaskId id) const;
  void add_neighbours(TaskFacts& facts) const;
  void add_story(TaskFacts& facts) const;

  const HistoryState state_;
  const TaskHistory::Snapshot history_;
  const ClusterView view_;
  const std::shared_ptr<const std::map<WorkerId, std::string>> names_;
};

/// `prefix-group-index` as a task's number; 0: it has none.
TaskId numbered(std::string_view key) {
  const auto number = [&]() -> std::optional<std::uint64_t> {
    const std::size_t dash = key.rfind('-');
    if (dash == std::string_view::npos) return std::nullopt;
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(key.data() + dash + 1, key.data() + key.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != key.data() + key.size()) return std::nullopt;
    key = key.substr(0, dash);
    return value;
  };
  const auto index = number();
  const auto group = index ? number() : std::nullopt;
  if (!group || *group > TaskId::group_max || *index > TaskId::index_mask) return {};
  return TaskId::of(*group, static_cast<std::uint32_t>(*index));
}

TaskView RecordedSource::view_of(TaskId id) const {
  for (const TaskView& task : state_.tasks)
    if (task.id == id) return task;
  TaskView view;
  view.id = id;
  view.key = fmt::format("task {}-{}", id.group(), id.index());
  for (const GroupTasks& tasks : state_.graph) {
    if (tasks.group.number != id.group() || id.index() >= tasks.states.size()) continue;
    view.prefix = tasks.group.prefixes[tasks.group.chunk->template_index(id.index())];
    view.state = tasks.states[id.index()];
    view.worker = tasks.workers[id.index()];
    view.worker_name = view.worker ? worker(view.worker) : std::string();
    view.key = fmt::format("{}-{}-{}", prefix(view.prefix), id.group(), id.index());
  }
  return view;
}

void RecordedSource::add_neighbours(TaskFacts& facts) const {
  const auto add = [&](TaskNeighbours& to, TaskId id) {
    ++to.total;
    if (to.tasks.size() < most_neighbours) to.tasks.push_back(view_of(id));
  };
  const TaskId own = facts.task.id;
  for (const GroupTasks& tasks : state_.graph) {
    const GroupView& group = tasks.group;
    const GraphChunk& chunk = *group.chunk;
    for (std::uint32_t i = 0; i < chunk.size; ++i)
      for (auto edge = chunk.dependencies_begin(i); edge < chunk.dependencies_end(i); ++edge) {
        const auto dependency = chunk.dependencies[edge];
        const TaskId from =
            dependency < chunk.size ? TaskId::of(group.number, dependency) : group.external[dependency - chunk.size];
        const TaskId to = TaskId::of(group.number, i);
        if (to == own) add(facts.dependencies, from);
        if (from == own) add(facts.dependents, to);
      }
  }
}

/// Its transitions, if they were among the last ones; of others its runs are known.
void RecordedSource::add_story(TaskFacts& facts) const {
  for (const TaskStep& step : state_.steps)
    if (step.task == facts.task.id) facts.story.push_back(step.step);
  const auto is_told = [told = facts.story](std::uint32_t run) {
    return std::any_of(told.begin(), told.end(), [&](const TransitionView& step) {
      return step.run == run && step.from == TaskState::processing;
    });
  };
  for (const auto& block : history_.blocks)
    for (std::uint32_t i = 0; i < block->size; ++i) {
      const TaskRun& run = block->runs[i];
      if (run.task != facts.task.id) continue;
      if (facts.function.empty()) facts.function = prefix(run.prefix);
      if (is_told(run.run)) continue;
      const std::string name = worker(run.worker);
      facts.story.push_back({run.start_ns, TaskState::queued, TaskState::processing, "began", run.run, name});
      facts.story.push_back({run.end_ns(), TaskState::processing, run.erred ? TaskState::erred : TaskState::memory,
                             run.erred ? "failed" : "finished", run.run, name});
    }
  std::stable_sort(facts.story.begin(), facts.story.end(),
                   [](const auto& a, const auto& b) { return a.at_ns < b.at_ns; });
}

std::optional<TaskFacts> RecordedSource::detail(std::string_view key) {
  TaskFacts facts;
  const auto known = std::find_if(state_.tasks.begin(), state_.tasks.end(), [&](const TaskView& task) {
    return task.key == key || std::to_string(task.id.value) == key;
  });
  if (known != state_.tasks.end()) {
    facts.task = *known;
    facts.function = prefix(known->prefix);
    facts.why_code = "recorded";
    facts.why = {fmt::format("it was {} when it was written down last", name_of(known->state))};
  } else {
    facts.task.id = numbered(key);
    facts.task.key = key;
    facts.task.state = TaskState::forgotten;
    facts.why_code = "recorded";
    facts.why = {"nothing but its runs was written down"};
  }
  for (const GroupView& group : state_.groups)
    if (group.number == facts.task.id.group()) facts.origin = group.origin;
  add_story(facts);
  for (const FailedTask& failed : state_.failures)
    if (failed.task == facts.task.id) facts.error = failed.error;
  if (known == state_.tasks.end() && (!facts.task.id || facts.story.empty())) return std::nullopt;
  if (known == state_.tasks.end())
    facts.task = [&] {
      TaskView view = view_of(facts.task.id);
      view.key = key;
      return view;
    }();
  add_neighbours(facts);
  if (facts.task.worker) facts.holders = {{facts.task.worker, facts.task.worker_name}};
  return facts;
}

}  // namespace

bool RecordedCluster::take(HistoryKind kind, std::string_view bytes) {
  switch (kind) {
    case HistoryKind::start: start_ = {}; return unpack(bytes, start_);
    case HistoryKind::picture: {
      if (!unpack(bytes, pictures_.emplace_back())) return false;
      for (const WorkerView& worker : pictures_.back().view.workers)
        names_->try_emplace(worker.address.worker, worker.address.name);
      thin_pictures();
      return true;
    }
    case HistoryKind::state: state_ = {}; return unpack(bytes, state_);
    case HistoryKind::end: return unpack(bytes, end_.emplace());
    case HistoryKind::runs: {
      HistoryRuns runs;
      if (!unpack(bytes, runs)) return false;
      add_runs(runs);
      return true;
    }
    case HistoryKind::events: {
      std::vector<Event> events;
      if (!unpack(bytes, events)) return false;
      std::move(events.begin(), events.end(), std::back_inserter(events_));
      return true;
    }
    case HistoryKind::worker_log: {
      std::vector<WorkerLine> lines;
      if (!unpack(bytes, lines)) return false;
      for (WorkerLine& line : lines) {
        line.line.number = line.seq;  // its own begin again when its process does
        worker_lines_->push_back(std::move(line));
      }
      return true;
    }
    case HistoryKind::log: {
      std::vector<LogLine> lines;
      if (!unpack(bytes, lines)) return false;
      std::move(lines.begin(), lines.end(), std::back_inserter(*lines_));
      return true;
    }
  }
  return false;
}

/// Every second one is dropped when there are too many: their figures over time get coarser, the last one stays.
void RecordedCluster::thin_pictures() {
  constexpr std::size_t most_views = 500'000;
  views_ += 1 + pictures_.back().view.workers.size() + pictures_.back().view.prefixes.size();
  if (views_ <= most_views || pictures_.size() < 3) return;
  std::vector<Picture> kept;
  views_ = 0;
  for (std::size_t i = pictures_.size() % 2; i < pictures_.size(); i += 2) {
    // Of a pair the later one, so that the last one there is stays.
    kept.push_back(std::move(pictures_[i + 1 < pictures_.size() ? i + 1 : i]));
    views_ += 1 + kept.back().view.workers.size() + kept.back().view.prefixes.size();
  }
  pictures_ = std::move(kept);
}

void RecordedCluster::add_runs(const HistoryRuns& runs) {
  for (const TaskRun& run : runs.runs) {
    if (blocks_.empty() || blocks_.back()->size == TaskRuns::most) blocks_.push_back(std::make_shared<TaskRuns>());
    TaskRuns& block = *blocks_.back();
    if (block.size == 0 || run.start_ns < block.first_ns) block.first_ns = run.start_ns;
    if (block.size == 0 || run.end_ns() > block.last_ns) block.last_ns = run.end_ns();
    block.runs[block.size++] = run;
    ++runs_;
  }
  recorded_runs_ = std::max(recorded_runs_, runs.first + runs.runs.size());
}

void RecordedCluster::finish(const fs::path& directory, bool being_written) {
  if (pictures_.empty()) pictures_.emplace_back();
  ClusterView& last = pictures_.back().view;
  TaskHistory::Snapshot history;
  history.blocks.assign(blocks_.begin(), blocks_.end());
  history.records = last.history_records = runs_;
  history.recorded = last.history_recorded = std::max(recorded_runs_, runs_);
  history.capacity = last.history_capacity = runs_;
  last.history_oldest_ns = blocks_.empty() ? 0 : blocks_.front()->first_ns;
  last.history_latest_ns = 0;
  for (const auto& block : blocks_) last.history_latest_ns = std::max(last.history_latest_ns, block->last_ns);

  double seen_ms = std::max(state_.unix_ms, start_.started_unix_ms);
  const auto unix_ms = [&](std::int64_t ns) { return start_.clock_offset_ms + static_cast<double>(ns) * 1e-6; };
  seen_ms = std::max(seen_ms, unix_ms(last.now.nanoseconds));
  if (last.history_latest_ns != 0) seen_ms = std::max(seen_ms, unix_ms(last.history_latest_ns));
  if (!events_.empty()) seen_ms = std::max(seen_ms, events_.back().at_unix_ms);
  recorded_.directory = directory.string();
  recorded_.ending = end_ ? "stopped" : being_written ? "running" : "killed";
  recorded_.ended_unix_ms = end_ ? end_->unix_ms : seen_ms;
  recorded_.reason = end_ ? end_->reason : std::string();

  const WallClock clock(start_.clock_offset_ms, recorded_.ended_unix_ms);
  RecorderOptions options;
  options.interval = std::chrono::milliseconds(2000);
  options.most_samples = options.most_worker_samples = std::max<std::size_t>(1, pictures_.size());
  source_ = std::make_shared<RecordedSource>(std::move(state_), std::move(history), last, names_);
  recorder_ = std::make_shared<Recorder>(source_, clock, options);
  for (const WorkerLine& line : *worker_lines_) names_->try_emplace(line.worker, name_in({}, line.worker));
  for (const auto& [worker, name] : *names_) recorder_->know(worker, name);
  for (Picture& picture : pictures_) recorder_->show(std::move(picture));
  pictures_.clear();
  recorder_->show_runs();
  ring_ = std::make_shared<EventRing>(std::max<std::size_t>(1, events_.size()));
  for (Event& event : events_) ring_->restore(std::move(event));
}

Result<std::shared_ptr<RecordedCluster>> RecordedCluster::read(const fs::path& directory) {
  std::shared_ptr<RecordedCluster> cluster(new RecordedCluster);
  const bool being_written = is_being_written(directory);
  auto read =
      read_history(directory, [&](HistoryKind kind, std::string_view bytes) { return cluster->take(kind, bytes); });
  if (!read) return tl::unexpected(read.error());
  cluster->torn_bytes_ = read->torn_bytes;
  cluster->finish(directory, being_written);
  return cluster;
}

ApiSources RecordedCluster::sources() const {
  ApiSources api;
  api.source = source_;
  api.recorder = recorder_;
  api.events = ring_;
  api.log = [shared = lines_](std::uint64_t after, std::size_t most) {
    const std::vector<LogLine>& lines = *shared;
    auto first = std::upper_bound(lines.begin(), lines.end(), after,
                                  [](std::uint64_t number, const LogLine& line) { return number < line.number; });
    if (after == 0) first = lines.end() - static_cast<std::ptrdiff_t>(std::min(most, lines.size()));
    const auto count = std::min<std::size_t>(most, static_cast<std::size_t>(lines.end() - first));
    return LogPage{{first, first + static_cast<std::ptrdiff_t>(count)}, lines.empty() ? 0 : lines.back().number};
  };
  api.warn = [](std::string_view) {};
  api.ask.log = [lines = worker_lines_, names = names_](const std::string& worker, std::uint64_t after,
                                                        std::size_t most) -> Result<LogPage> {
    std::set<WorkerId> ids;  // several, if a nanny started it again
    for (const auto& [id, name] : *names)
      if (name == worker) ids.insert(id);
    LogPage page;
    for (const WorkerLine& each : *lines)
      if (each.seq > after && ids.contains(each.worker)) page.lines.push_back(each.line);
    page.last = page.lines.empty() ? after : page.lines.back().number;
    // As of a live one: the last lines, or those that follow.
    if (after == 0)
      keep_last(page.lines, most);
    else if (page.lines.size() > most)
      page.lines.resize(most);
    return page;
  };
  api.ask.profile = [](const auto&...) -> Result<StackSamples> { return tl::unexpected(over()); };
  api.ask.past = [](const auto&...) -> Result<PastSamples> { return tl::unexpected(over()); };
  api.ask.loop_past = [](const auto&...) -> Result<PastSamples> { return tl::unexpected(over()); };
  api.ask.task_log = [workers = worker_lines_, own = lines_, names = names_](
                         const std::vector<std::string>&, TaskId task, std::size_t most) -> Result<TaskLog> {
    TaskLog log;
    for (const WorkerLine& each : *workers)
      if (each.line.about.task == task) log.lines[name_in(*names, each.worker)].push_back(each.line);
    for (const LogLine& line : *own)  // of workers in threads of the same process
      if (line.about.task == task) log.lines["scheduler"].push_back(line);
    for (auto& [worker, lines] : log.lines) keep_last(lines, most);
    return log;
  };
  api.identity.build = {start_.version, start_.revision, {}};
  api.identity.started_unix_ms = start_.started_unix_ms;
  api.identity.recorded = recorded_;
  return api;
}

bool shows_anything(const fs::path& history) {
  bool found = false;
  (void)read_history(history, [&](HistoryKind kind, std::string_view) {
    found = found || kind == HistoryKind::picture || kind == HistoryKind::runs;
    return !found;  // what follows is not read
  });
  return found;
}

std::vector<HistoryEntry> list_histories(const fs::path& directory) {
  std::vector<HistoryEntry> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->is_directory() || !fs::exists(entry->path() / "lock")) continue;
    HistoryEntry& history = found.emplace_back();
    history.directory = entry->path();
    history.being_written = is_being_written(entry->path());
    std::error_code ignored;
    for (const auto& file : fs::directory_iterator(entry->path(), ignored)) {
      history.bytes += file.file_size(ignored);
      const auto age = fs::file_time_type::clock::now() - file.last_write_time(ignored);
      const auto changed =
          std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::microseconds>(age);
      history.changed_unix_ms = std::max(history.changed_unix_ms,
                                         std::chrono::duration<double, std::milli>(changed.time_since_epoch()).count());
    }
    HistoryStart start;
    const auto read = read_history_start(entry->path(), [&](HistoryKind kind, std::string_view bytes) {
      if (kind != HistoryKind::start || !unpack(bytes, start)) return false;
      history.start = start;
      return true;
    });
    if (!read) history.problem = read.error().text;
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.directory < b.directory; });
  return found;
}

}  // namespace troupe::monitoring
