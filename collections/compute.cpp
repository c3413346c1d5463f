#include "collections/compute.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/graph_places.hpp"
#include "collections/compute_config.hpp"

namespace troupe {
namespace {

constexpr std::array<std::string_view, 5> scheduler_names{"automatic", "threads", "sync", "processes", "cluster"};

thread_local ComputeScope* innermost = nullptr;

/// Teams live as long as the process: their threads sleep when there is nothing to compute.
Team& team_of(unsigned threads) {
  static std::mutex mutex;
  static std::map<unsigned, std::unique_ptr<Team>> teams;
  const std::lock_guard lock(mutex);
  auto& team = teams[threads];
  if (!team) team = std::make_unique<Team>(threads);
  return *team;
}

void fill(ComputeOptions& options, const ComputeOptions& from) {
  if (options.scheduler == SchedulerKind::automatic && options.client == nullptr) options.scheduler = from.scheduler;
  if (options.client == nullptr &&
      (options.scheduler == SchedulerKind::automatic || options.scheduler == SchedulerKind::cluster))
    options.client = from.client;
  if (options.threads == 0) options.threads = from.threads;
  if (options.ahead_max == 0) options.ahead_max = from.ahead_max;
  if (options.observer == nullptr) options.observer = from.observer;
  if (options.cancel == nullptr) options.cancel = from.cancel;
  if (options.cache == nullptr) options.cache = from.cache;
}

/// Read once: a process has one configuration. One that is wrong is told each time.
const ComputeOptions& from_files() {
  static const ComputeOptions options = compute_config(config_files());
  return options;
}

Value value_of(const FutureHandle& future) {
  const auto place = detail::await_value(future, {});
  if (place.value != nullptr) return *place.value;
  auto value = decode_inline(place.inline_value);
  if (!value) detail::throw_decode(value.error());
  return std::move(*value);
}

/// The calls between one that failed and what was asked for, by their names.
std::string needed_by(const Collected& collected, std::span<const std::uint32_t> path) {
  constexpr std::size_t shown = 8;
  if (path.size() < 2) return {};
  std::string text = "needed by ";
  for (std::size_t i = 1; i < std::min(path.size(), shown); ++i) text += (i == 1 ? "" : ", ") + collected.name(path[i]);
  if (path.size() > shown) text += ", … , " + collected.name(path.back());
  return text;
}

[[noreturn]] void throw_failure(const Collected& collected, LocalFailure failure) {
  if (failure.path.size() > 1) failure.error.message += fmt::format(" ({})", needed_by(collected, failure.path));
  throw TaskFailed(std::make_shared<const TaskError>(std::move(failure.error)));
}

/// A way from `task` to something that was wanted.
std::vector<std::uint32_t> path_from(const Collected& collected, std::uint32_t task) {
  std::vector<std::uint32_t> from(collected.size(), collected.size());  // the task by which one was reached
  std::vector<bool> wanted(collected.size());
  for (const auto each : collected.wanted) wanted[each] = true;
  from[task] = task;
  std::uint32_t last = task;
  for (std::uint32_t next = task; next < collected.size() && !wanted[last]; ++next) {  // inputs come first
    for (const auto input : collected.inputs_of(next))
      if (from[next] == collected.size() && from[input] != collected.size()) from[next] = input;
    if (from[next] != collected.size()) last = wanted[next] ? next : last;
  }
  if (!wanted[last]) return {task};
  std::vector<std::uint32_t> path{last};
  while (path.back() != task) path.push_back(from[path.back()]);
  return {path.rbegin(), path.rend()};
}

/// Tells a cache of the tasks that ran, and who watches too.
class Learning final : public LocalObserver {
public:
  Learning(CachedRun& cached, const std::vector<std::uint32_t>& tasks, LocalObserver* other)
      : cached_(cached), tasks_(tasks), other_(other) {}
  void begun(std::uint64_t tasks) noexcept override {
    if (other_ != nullptr) other_->begun(tasks);
  }
  void ended(const LocalSpan& span) noexcept override {
    if (span.value != nullptr) cached_.ran(tasks_[span.task], *span.value, span.end - span.begin);
    if (other_ != nullptr) other_->ended(span);
  }

private:
  CachedRun& cached_;
  const std::vector<std::uint32_t>& tasks_;
  LocalObserver* other_;
};

/// The tasks whose values are needed, ascending: what stands behind a value that is known is not.
std::vector<std::uint32_t> needed_tasks(const Collected& collected, CachedRun& cached) {
  std::vector<bool> needed(collected.size());
  for (const auto task : collected.wanted) needed[task] = true;
  for (std::uint32_t task = collected.size(); task-- > 0;) {
    if (!needed[task]) continue;
    if (cached.known(task) != nullptr)
      cached.spared();
    else
      for (const auto input : collected.inputs_of(task)) needed[input] = true;
  }
  std::vector<std::uint32_t> tasks;
  for (std::uint32_t task = 0; task < collected.size(); ++task)
    if (needed[task]) tasks.push_back(task);
  return tasks;
}

std::vector<Value> compute_here(Collected collected, const ComputeOptions& options) {
  std::optional<CachedRun> cached;
  if (options.cache != nullptr) cached.emplace(*options.cache, collected);
  const bool all = !cached;  // each at its own place, then
  const auto tasks = all ? std::vector<std::uint32_t>() : needed_tasks(collected, *cached);
  const auto task_at = [&](std::uint32_t at) { return all ? at : tasks[at]; };
  const auto count = all ? collected.size() : static_cast<std::uint32_t>(tasks.size());
  std::vector<std::uint32_t> place(all ? 0 : collected.size());
  LocalGraph graph;
  graph.tasks.reserve(count);
  for (std::uint32_t at = 0; at < count; ++at) {
    const auto task = task_at(at);
    const auto& expression = *collected.expressions[task];
    const Value* known = cached ? cached->known(task) : nullptr;
    const bool runs = expression.is_call() && known == nullptr;
    if (runs && expression.options() && expression.options()->isolate)
      throw InvalidRequest(fmt::format(
          "compute: '{}' is to be isolated, which takes the scheduler 'processes' or 'cluster'", collected.name(task)));
    if (!runs) {
      graph.given.emplace_back(graph.size(), known != nullptr     ? *known
                                             : expression.value() ? expression.value()
                                                                  : value_of(expression.future()));
    } else if (!all) {
      for (const auto input : collected.inputs_of(task)) graph.inputs.push_back(place[input]);
    }
    if (!all) {
      place[task] = graph.size();
      graph.offsets.push_back(static_cast<std::uint32_t>(graph.inputs.size()));
    }
    graph.tasks.push_back(runs ? LocalGraph::Task{&expression.site()->local, expression.arguments()}
                               : LocalGraph::Task{});
  }
  if (all) {
    graph.offsets = std::move(collected.offsets);
    graph.inputs = std::move(collected.inputs);
  }
  for (const auto task : collected.wanted) graph.wanted.push_back(all ? task : place[task]);
  LocalRunOptions how;
  how.observer = options.observer;
  std::optional<Learning> learning;
  if (cached) how.observer = &learning.emplace(*cached, tasks, options.observer);
  how.ahead_max = options.ahead_max;
  how.cancelled = options.cancel != nullptr ? options.cancel->flag() : nullptr;
  how.name = [&](std::uint32_t task) { return collected.name(task_at(task)); };
  std::optional<ComputeScope> in_order;
  if (options.scheduler == SchedulerKind::sync)
    in_order.emplace(ComputeOptions{.scheduler = SchedulerKind::sync});  // what tasks compute, too
  else                                                                   // inside a task the team that runs it
    how.team = Team::joined() != nullptr ? Team::joined() : &team_of(options.threads);
  auto outcome = run_local(graph, how);
  if (!outcome) throw_error(outcome.error());
  if (outcome->failure) {
    for (auto& task : outcome->failure->path) task = task_at(task);
    throw_failure(collected, std::move(*outcome->failure));
  }
  if (outcome->cancelled) throw Cancelled("the computation was cancelled");
  return std::move(outcome->values);
}

/// The names of pipelines' tasks; many have the same parts.
class PipelineNames {
public:
  const std::string& of(std::span<const std::byte> arguments) {
    std::vector<std::uint64_t> ids;
    for (const auto& part : read_pipeline(arguments).parts) ids.push_back(part.id);
    const auto [found, is_new] = names_.try_emplace(std::move(ids));
    if (is_new) found->second = pipeline_prefix(arguments);
    return found->second;
  }

private:
  std::map<std::vector<std::uint64_t>, std::string> names_;
};

/// What was asked for, and where its tasks stand on the cluster.
struct Submitted {
  std::vector<FutureHandle> futures;
  std::vector<std::uint32_t> task_of;  ///< of the graph's tasks: which was collected
  GraphPlaces places;
};

Submitted submit(const Collected& collected, ClientCore& core) {
  Submitted result;
  Graph graph;
  graph.reserve(collected.size(), collected.inputs.size());
  std::vector<std::uint32_t> place(collected.size());  // a task of the graph, or an external of it
  std::vector<FutureHandle> given(collected.size());
  std::vector<std::uint32_t> inputs;
  static const TaskOptions none;
  PipelineNames pipelines;
  for (std::uint32_t task = 0; task < collected.size(); ++task) {
    const auto& expression = *collected.expressions[task];
    if (!expression.is_call()) {
      given[task] = expression.future() ? expression.future() : scatter_values(core, {expression.value()}, {}).front();
      place[task] = graph.external(given[task]);
      continue;
    }
    inputs.clear();
    for (const auto input : collected.inputs_of(task)) inputs.push_back(place[input]);
    const TaskOptions* options = expression.options().get();
    std::optional<TaskOptions> own;
    if (options != nullptr && !options->key.empty()) {
      own = *options;  // keys are for people: tasks that differ in nothing else share a template
      own->key.clear();
    }
    if (expression.site() == &detail::pipeline_site && (options == nullptr || options->prefix.empty())) {
      if (!own) own = options != nullptr ? *options : none;
      own->prefix = pipelines.of(expression.arguments());
    }
    if (own) options = &*own;
    place[task] = graph.add(graph.function(expression.site()->id, options != nullptr ? *options : none), inputs,
                            expression.arguments());
    result.task_of.push_back(task);
  }
  std::vector<std::uint32_t> wanted;
  for (const auto task : collected.wanted)
    if (!given[task]) wanted.push_back(place[task]);
  std::vector<FutureHandle> computed;
  if (!wanted.empty()) computed = submit_graph(core, std::move(graph), wanted, result.places);
  auto next = computed.begin();
  for (const auto task : collected.wanted) result.futures.push_back(given[task] ? given[task] : std::move(*next++));
  return result;
}

/// Tells who watches what has ended, until all has. Throws for what fails, and Cancelled when the token says so.
void watch(const std::vector<FutureHandle>& futures, ClientCore& core, const ComputeOptions& options) {
  constexpr std::chrono::milliseconds every{50};
  if (options.observer != nullptr) options.observer->begun(futures.size());
  std::vector<FutureHandle> pending = futures;
  for (;;) {
    std::uint64_t ended = 0;
    std::uint64_t failures = 0;
    FutureHandle failed;
    std::erase_if(pending, [&](const FutureHandle& future) {
      const auto status = detail::status_of(future);
      if (status == FutureStatus::pending) return false;
      ++ended;
      if (status != FutureStatus::finished) {
        ++failures;
        failed = future;
      }
      return true;
    });
    if (options.observer != nullptr && ended > 0) options.observer->ended_elsewhere(ended, failures);
    if (failed) (void)value_of(failed);  // throws
    if (pending.empty()) return;
    if (options.cancel != nullptr && options.cancel->cancelled()) {
      cancel_futures(core, pending, "the computation was cancelled");
      throw Cancelled("the computation was cancelled");
    }
    (void)detail::await_done(pending.front(), every);
  }
}

/// What failed, by the names that the caller knows, and who needed it.
[[noreturn]] void throw_failure(const Collected& collected, const Submitted& submitted, const TaskFailed& failed) {
  const auto task = submitted.places.task_of(failed.error().root, submitted.futures);
  if (!task) throw failed;
  auto error = failed.error();
  const auto at = submitted.task_of[*task];
  std::string more = needed_by(collected, path_from(collected, at));
  const auto& options = collected.expressions[at]->options();
  if (options && !options->key.empty()) {
    more = error.key + (more.empty() ? "" : ", ") + more;  // by that name the cluster knows it
    error.key = options->key;
  }
  if (!more.empty()) error.message += fmt::format(" ({})", more);
  throw TaskFailed(std::make_shared<const TaskError>(std::move(error)));
}

std::vector<Value> compute_on(const Collected& collected, ClientCore& core, const ComputeOptions& options) {
  const auto submitted = submit(collected, core);
  std::vector<Value> values;
  values.reserve(submitted.futures.size());
  try {
    if (options.observer != nullptr || options.cancel != nullptr) watch(submitted.futures, core, options);
    for (const auto& future : submitted.futures) values.push_back(value_of(future));
  } catch (const TaskFailed& failed) {
    throw_failure(collected, submitted, failed);
  }
  return values;
}

std::vector<Value> compute_in_processes(const Collected& collected, const ComputeOptions& options) {
  std::vector<const Module*> seen;
  LocalClusterOptions cluster{.workers = options.threads, .processes = true, .history = false};
  for (const auto* expression : collected.expressions) {
    if (!expression->is_call() || expression->site()->module == nullptr) continue;
    const Module& module = expression->site()->module();
    if (std::find(seen.begin(), seen.end(), &module) != seen.end()) continue;
    seen.push_back(&module);
    cluster.modules.push_back(module);
  }
  LocalCluster processes(std::move(cluster));
  Client client(processes);
  return compute_on(collected, client.core(), options);
}

ClientCore& core_of(const ComputeOptions& options) {
  if (options.client != nullptr) return options.client->core();
  if (auto* core = Client::latest()) return *core;
  throw InvalidRequest("compute: scheduler 'cluster' needs a Client, and none is open");
}

}  // namespace

std::string_view name_of(SchedulerKind kind) { return scheduler_names.at(static_cast<std::size_t>(kind)); }

SchedulerKind scheduler_named(std::string_view name) {
  for (std::size_t i = 0; i < scheduler_names.size(); ++i)
    if (scheduler_names[i] == name) return static_cast<SchedulerKind>(i);
  throw InvalidRequest(fmt::format("no scheduler '{}'; there are {}", name, fmt::join(scheduler_names, ", ")));
}

ComputeScope::ComputeScope(ComputeOptions options) : options_(options), outer_(innermost) { innermost = this; }
ComputeScope::~ComputeScope() { innermost = outer_; }

ComputeOptions resolved(const ComputeOptions& asked) {
  ComputeOptions options = asked;
  for (auto* scope = innermost; scope != nullptr; scope = scope->outer_) fill(options, scope->options_);
  fill(options, compute_variables());
  fill(options, from_files());
  if (options.scheduler == SchedulerKind::automatic)
    options.scheduler = options.client != nullptr     ? SchedulerKind::cluster
                        : Team::joined() != nullptr   ? SchedulerKind::threads
                        : Client::latest() != nullptr ? SchedulerKind::cluster
                                                      : SchedulerKind::threads;
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  return options;
}

std::vector<Value> compute_expressions(std::span<const ExpressionRef> wanted, const ComputeOptions& asked) {
  const auto options = resolved(asked);
  auto collected = fuse(collect(wanted));
  switch (options.scheduler) {
    case SchedulerKind::processes: return compute_in_processes(collected, options);
    case SchedulerKind::cluster: return compute_on(collected, core_of(options), options);
    case SchedulerKind::automatic:
    case SchedulerKind::threads:
    case SchedulerKind::sync: break;
  }
  return compute_here(std::move(collected), options);
}

std::vector<ExpressionRef> persist_expressions(std::span<const ExpressionRef> wanted, const ComputeOptions& asked) {
  const auto options = resolved(asked);
  std::vector<ExpressionRef> result;
  if (options.scheduler == SchedulerKind::cluster) {
    auto futures = submit(fuse(collect(wanted)), core_of(options)).futures;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      result.push_back(make_future(std::move(futures[i]), wanted[i]->site()));
    return result;
  }
  auto values = compute_expressions(wanted, options);
  for (std::size_t i = 0; i < wanted.size(); ++i) result.push_back(make_value(std::move(values[i]), wanted[i]->site()));
  return result;
}

}  // namespace troupe
