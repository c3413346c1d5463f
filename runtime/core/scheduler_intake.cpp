#include <algorithm>
#include <limits>

#include "protocol/error.hpp"
#include "runtime/core/mutant.hpp"
#include "runtime/core/scheduler_inline.hpp"
#include "runtime/core/scheduler_state.hpp"

// How a submission becomes tasks: names are resolved, equal groups meet, edges are linked, and what is needed comes
// into play.

namespace troupe {
namespace {

constexpr std::size_t kept_unused_templates = 1000;

std::size_t combine(std::size_t seed, std::size_t value) { return IdHash::mix(seed ^ (value + 0x9e3779b97f4a7c15ULL)); }

std::size_t hash_of(const TaskTemplate& task) {
  const std::hash<std::string_view> text;
  std::size_t seed = combine(text(task.function.name), text(task.function.module));
  seed = combine(seed, task.function.build);
  seed = combine(seed, text(task.prefix));
  seed = combine(seed, text(task.arguments.text()));
  seed = combine(seed, text(task.function.payload.text()));
  seed = combine(seed, static_cast<std::size_t>(task.annotations.priority));
  for (const auto& worker : task.annotations.workers) seed = combine(seed, text(worker));
  for (const auto& resource : task.annotations.resources) seed = combine(seed, text(resource.name));
  return seed;
}

}  // namespace

void SchedulerState::on_message(ClientRecord& client, SubmitGraph& message) {
  auto answer = [&](std::uint64_t group, std::optional<Error> error) {
    if (error && message.last) release_held(client, message.graph);
    tell_client(client, Accepted{message.submission, group, std::move(error)});
  };
  const std::uint64_t next = client.first_submission + client.groups.size();
  if (message.submission < next) {
    const std::uint64_t slot = message.submission - client.first_submission;
    return answer(slot < client.groups.size() ? client.groups[slot] : 0, {});
  }
  if (message.submission - next > 1'000'000)
    return answer(0, Error{ErrorKind::invalid, "submission numbers must ascend one by one"});
  while (client.first_submission + client.groups.size() <= message.submission) client.groups.push_back(0);
  ++counters_.submissions;

  const GraphChunk& chunk = *message.chunk;
  if (live_tasks_ + chunk.size > config_.max_tasks)
    return answer(
        0, Error{ErrorKind::overloaded,
                 std::to_string(live_tasks_) + " tasks are known and " + std::to_string(chunk.size) +
                     " more were submitted; the limit is scheduler.max-tasks = " + std::to_string(config_.max_tasks)});
  std::vector<TaskId> external;
  if (auto error = resolve_external(client, chunk, external)) return answer(0, std::move(error));
  std::optional<Error> error;
  if (Group* known = joinable_group(message, external, error); known != nullptr) {
    subscribe(*known, client, message.submission, chunk);
    answer(known->number, {});
    tell_how_it_stands(*known, client, message.submission);
    if (message.last) release_held(client, message.graph);
    return;
  }
  if (error) return answer(0, std::move(error));

  Group& group = make_group(client, message.submission, message.token, message.chunk);
  group.name = std::move(message.name);
  group.external = std::move(external);
  group.graph = message.held.empty() ? 0 : message.graph;
  take_span(group, message);
  take_place(client, group, message);
  for (const TaskTemplate& task : chunk.templates) group.templates.push_back(intern(task));
  for (std::size_t i = 0; i < group.templates.size(); ++i) {
    prefixes_[group.templates[i]->prefix].tasks += group.counts[i];
    if (group.counted_span != nullptr) group.counted_span->sums.tasks += group.counts[i];
  }
  answer(group.number, {});
  intake(group, message);
  if (!message.held.empty()) client.held_graphs[message.graph].push_back(group.number);
  if (message.last) release_held(client, message.graph);
}

/// To the last subscriber, of what it wants; what is not there is made again. First what has ended: whatever follows
/// from making the rest it is told like everybody else.
void SchedulerState::tell_how_it_stands(Group& group, ClientRecord& client, std::uint64_t submission) {
  const auto for_each_wanted = [&](auto visit) {
    for (std::uint32_t i = 0; i < group.tasks.size(); ++i)
      if (group.subscribers.back().wanted[i]) visit(TaskRef{&group, i}, ClientKey::of(submission, i));
  };
  for_each_wanted([&](TaskRef task, ClientKey key) {
    if (task->state == TaskState::memory) tell_ready(client, key, task, {});
    if (task->state != TaskState::erred || TROUPE_MUTANT(dask_5503_who_comes_late_is_not_told_of_an_error)) return;
    auto& erred = last<KeysErred>(client);
    erred.keys.push_back(key);
    erred.errors.push_back(*errors_.find(task.id()));
  });
  for_each_wanted([&](TaskRef task, ClientKey) {
    if (task->state == TaskState::released) activate(task, "wanted again");
  });
}

std::optional<Error> SchedulerState::resolve_external(ClientRecord& client, const GraphChunk& chunk,
                                                      std::vector<TaskId>& out) const {
  out.reserve(chunk.external.size());
  for (const ClientKey key : chunk.external) {
    const TaskRef task = find(client, key);
    if (!task || task->state == TaskState::forgotten)
      return Error{ErrorKind::invalid, "a dependency is not known to the scheduler (submission " +
                                           std::to_string(key.submission()) + ", task " + std::to_string(key.index()) +
                                           "): it was refused, cancelled or released before this submission"};
    out.push_back(task.id());
  }
  return {};
}

/// The live group of the same token, if it is the same in all that matters and all its wanted tasks can be had.
Group* SchedulerState::joinable_group(const SubmitGraph& message, const std::vector<TaskId>& external,
                                      std::optional<Error>& error) {
  if (!message.token) return nullptr;
  const auto found = tokens_.find(message.token);
  if (found == tokens_.end()) return nullptr;
  Group* group = find_group(found->second);
  if (group == nullptr || group->data) return nullptr;
  const GraphChunk& a = *group->chunk;
  const GraphChunk& b = *message.chunk;
  const bool same = a.size == b.size && a.templates == b.templates && a.template_of == b.template_of &&
                    a.dependencies == b.dependencies && a.dependency_offsets == b.dependency_offsets &&
                    a.arguments == b.arguments && a.argument_offsets == b.argument_offsets &&
                    group->external == external;
  if (!same) {
    error = Error{ErrorKind::invalid,
                  "key '" + (message.name.empty() ? message.token.hex() : message.name) +
                      "' is in use with another function or other arguments; release it first, or choose another key"};
    return nullptr;
  }
  for (const TaskRecord& task : group->tasks)
    if (task.state == TaskState::forgotten) return nullptr;
  return group;
}

Group& SchedulerState::make_group(ClientRecord& client, std::uint64_t submission, const Token& token,
                                  std::shared_ptr<const GraphChunk> chunk) {
  auto owned = std::make_unique<Group>();
  Group& group = *owned;
  group.number = ++last_group_;
  TROUPE_ASSERT(group.number == first_group_ + groups_.size());
  group.token = token;
  group.owner = client.id;
  group.chunk = std::move(chunk);
  group.tasks.resize(group.chunk->size);
  group.live = group.chunk->size;
  group.counts.resize(group.chunk->templates.size());
  for (std::uint32_t i = 0; i < group.chunk->size; ++i)
    ++group.counts[group.chunk->template_index(i)].states[static_cast<std::size_t>(TaskState::released)];
  group.subscribers.push_back({client.id, submission, {}, 0});
  client.groups[submission - client.first_submission] = group.number;
  groups_.push_back(std::move(owned));
  if (token) tokens_[token] = group.number;
  live_tasks_ += group.chunk->size;
  counters_.submitted_tasks += group.chunk->size;
  counters_.tasks[static_cast<std::size_t>(TaskState::released)] += group.chunk->size;
  ++counters_.groups;
  return group;
}

/// `chunk` is the group's in all but what is wanted of it.
void SchedulerState::subscribe(Group& group, ClientRecord& client, std::uint64_t submission, const GraphChunk& chunk) {
  Subscriber subscriber{client.id, submission, std::vector<bool>(group.tasks.size()), 0};
  for (std::uint32_t i = 0; i < chunk.size; ++i) subscriber.wanted[i] = chunk.all_wanted;
  for (const std::uint32_t i :
       TROUPE_MUTANT(a_second_submitter_wants_what_the_first_did) ? group.chunk->wanted : chunk.wanted)
    subscriber.wanted[i] = true;
  subscriber.wants = chunk.all_wanted ? chunk.size : static_cast<std::uint32_t>(chunk.wanted.size());
  client.wants += subscriber.wants;
  group.subscribers.push_back(std::move(subscriber));
  client.groups[submission - client.first_submission] = group.number;
  if (find_client(group.owner) == nullptr) group.owner = client.id;
}

/// By task: wanted, held, or an input of one that is needed. Empty: all are.
std::vector<bool> SchedulerState::needed_tasks(const GraphChunk& chunk, const std::vector<std::uint32_t>& held) const {
  if (chunk.all_wanted) return {};
  std::vector<bool> needed(chunk.size);
  for (const std::uint32_t i : chunk.wanted) needed[i] = true;
  for (const std::uint32_t i : held)
    if (i < chunk.size) needed[i] = true;
  for (std::uint32_t i = chunk.size; i-- > 0;) {
    if (!needed[i]) continue;
    for (std::uint32_t edge = chunk.dependencies_begin(i); edge < chunk.dependencies_end(i); ++edge)
      if (chunk.dependencies[edge] < chunk.size) needed[chunk.dependencies[edge]] = true;
  }
  return needed;
}

void SchedulerState::intake(Group& group, const SubmitGraph& message) {
  const GraphChunk& chunk = *group.chunk;
  Subscriber& subscriber = group.subscribers.front();
  if (chunk.all_wanted) {
    for (TaskRecord& task : group.tasks) task.flags = task_flag::wanted;
    subscriber.wants = chunk.size;
  } else {
    for (const std::uint32_t i : chunk.wanted) group.tasks[i].flags = task_flag::wanted;
    subscriber.wants = static_cast<std::uint32_t>(chunk.wanted.size());
  }
  if (ClientRecord* client = find_client(subscriber.client)) client->wants += subscriber.wants;
  for (const std::uint32_t i : message.held)
    if (i < chunk.size) group.tasks[i].flags |= task_flag::held;
  group.edge_next.resize(chunk.dependencies.size());
  group.edge_owner.resize(chunk.dependencies.size());
  const std::vector<bool> needed = needed_tasks(chunk, message.held);
  for (std::uint32_t i = 0; i < chunk.size; ++i) {
    const TaskRef task{&group, i};
    if (!needed.empty() && !needed[i]) {
      move_to(task, TaskState::forgotten, "not needed for any wanted key");
      --live_tasks_;
      if (--group.live == 0) dead_groups_.push_back(group.number);
      continue;
    }
    link_edges(task);
    activate(task, "submitted");
  }
}

void SchedulerState::link_edges(TaskRef task) {
  Group& group = *task.group;
  const GraphChunk& chunk = *group.chunk;
  const std::uint32_t end = chunk.dependencies_end(task.index);
  for (std::uint32_t edge = chunk.dependencies_begin(task.index); edge < end; ++edge) {
    group.edge_owner[edge] = task.index;
    const std::uint32_t dependency = chunk.dependencies[edge];
    if (dependency < chunk.size) {
      TaskRecord& record = group.tasks[dependency];
      group.edge_next[edge] = record.first_dependent;
      record.first_dependent = edge + 1;
      ++record.dependents;
    } else {
      const TaskRef other = find(group.external[dependency - chunk.size]);
      ++other->dependents;
      link_external(other, task.id());
    }
  }
}

TemplateRecord* SchedulerState::intern(const TaskTemplate& task) {
  const std::size_t hash = hash_of(task);
  const auto [begin, end] = template_by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it)
    if (it->second->task == task) {
      ++it->second->groups;
      return it->second;
    }
  auto record = std::make_unique<TemplateRecord>();
  record->id = {static_cast<std::uint32_t>(templates_.size() + 1)};
  record->task = task;
  record->hash = hash;
  record->prefix = prefix_of(task.prefix.empty() ? task.function.name : task.prefix);
  record->restriction = class_of(task);
  record->groups = 1;
  template_by_hash_.emplace(hash, record.get());
  templates_.push_back(std::move(record));
  return templates_.back().get();
}

/// Templates that no group uses are kept for a while, since the next submission often brings them again.
void SchedulerState::unuse(TemplateRecord& record) {
  if (--record.groups > 0) return;
  unused_templates_.push_back(record.id);
  while (unused_templates_.size() > kept_unused_templates) {
    const TemplateId id = unused_templates_.front();
    unused_templates_.pop_front();
    std::unique_ptr<TemplateRecord>& oldest = templates_[id.value - 1];
    if (oldest == nullptr || oldest->groups > 0) continue;
    const auto [begin, end] = template_by_hash_.equal_range(oldest->hash);
    for (auto it = begin; it != end; ++it)
      if (it->second == oldest.get()) {
        template_by_hash_.erase(it);
        break;
      }
    for (auto& [worker_id, worker] : workers_)
      if (id.value < worker->knows_template.size() && worker->knows_template[id.value]) {
        last<ForgetTemplates>(*worker).ids.push_back(id);
        worker->knows_template[id.value] = false;
      }
    oldest.reset();
  }
}

std::uint32_t SchedulerState::prefix_of(const std::string& name) {
  if (const auto found = prefix_by_name_.find(name); found != prefix_by_name_.end()) return found->second;
  if (prefixes_.size() >= config_.max_prefixes && name != "other") return prefix_of("other");
  const auto index = static_cast<std::uint32_t>(prefixes_.size());
  prefixes_.push_back({name, {}, {}});
  prefix_by_name_[name] = index;
  return index;
}

std::uint32_t SchedulerState::class_of(const TaskTemplate& task) {
  RestrictionClass wanted;
  wanted.kind = task.function.kind;
  wanted.module = task.function.module;
  wanted.build = task.function.build;
  wanted.workers = task.annotations.workers;
  wanted.allow_other_workers = task.annotations.allow_other_workers;
  wanted.resources = task.annotations.resources;
  for (std::uint32_t i = 0; i < classes_.size(); ++i)
    if (classes_[i].same_as(wanted)) return i;
  classes_.push_back(std::move(wanted));
  refresh_class(static_cast<std::uint32_t>(classes_.size() - 1));
  return static_cast<std::uint32_t>(classes_.size() - 1);
}

/// What a task submits without a span of its own belongs to the task's.
void SchedulerState::take_span(Group& group, SubmitGraph& message) {
  if (message.span)
    group.span = std::make_shared<const SpanContext>(std::move(message.span));
  else if (const Group* parent = message.parent ? find_group(message.parent.group()) : nullptr)
    group.span = parent->span;
  if (group.span) group.counted_span = spans_.enter(*group.span, group.chunk->size, now_);
}

TaskOrigin SchedulerState::origin_of(const Group& group) {
  return {group.number, group.owner, group.span ? *group.span : SpanContext{}};
}

/// Chunks of one graph share a generation, and those without ranks of their own follow each other in it. What a task
/// submits runs just before its own generation: it waits for that, and others wait for it. Such generations are odd.
void SchedulerState::take_place(ClientRecord& client, Group& group, const SubmitGraph& message) {
  const auto [found, first] = client.graph_places.try_emplace(message.graph);
  auto& place = found->second;
  if (first) {
    const Group* parent = message.parent ? find_group(message.parent.group()) : nullptr;
    place.generation = parent != nullptr ? (parent->generation - 1) | 1 : last_generation_ += 2;
  }
  group.generation = place.generation;
  if (group.chunk->rank.empty()) {
    group.first_rank = place.next_rank;
    place.next_rank += group.chunk->size;
  }
  if (message.last) client.graph_places.erase(found);
}

void SchedulerState::release_held(ClientRecord& client, std::uint64_t graph) {
  client.graph_places.erase(graph);
  const auto found = client.held_graphs.find(graph);
  if (found == client.held_graphs.end()) return;
  const std::vector<std::uint64_t> groups = std::move(found->second);
  client.held_graphs.erase(found);
  for (const std::uint64_t number : groups) {
    Group* group = find_group(number);
    if (group == nullptr) continue;
    for (std::uint32_t i = 0; i < group->tasks.size(); ++i) {
      const TaskRef task{group, i};
      if (!task.has(task_flag::held) || TROUPE_MUTANT(held_tasks_are_never_let_go)) continue;
      task.unset(task_flag::held);
      review(task);
    }
  }
}

void SchedulerState::on_message(ClientRecord& client, ScatterKeys& message) {
  auto refuse = [&](ErrorKind kind, std::string text) {
    auto& reply = last<ScatterTargets>(client);
    reply.submission = message.submission;
    reply.error = Error{kind, std::move(text)};
    seal(client);
  };
  const std::uint64_t next = client.first_submission + client.groups.size();
  if (message.submission < next || message.submission - next > 1'000'000)
    return refuse(ErrorKind::invalid, "scatter: submission numbers must ascend one by one");
  while (client.first_submission + client.groups.size() <= message.submission) client.groups.push_back(0);
  if (message.nbytes.empty() || message.nbytes.size() > TaskId::index_mask)
    return refuse(ErrorKind::invalid, "scatter: " + std::to_string(message.nbytes.size()) + " values");
  TaskTemplate task;
  task.prefix = "scatter";
  task.annotations.workers = message.workers;
  TemplateRecord* record = intern(task);
  std::vector<WorkerRecord*> targets;
  for (const WorkerId id : classes_[record->restriction].valid)
    if (WorkerRecord* worker = find_worker(id); worker->able()) targets.push_back(worker);
  if (targets.empty()) {
    unuse(*record);
    return refuse(ErrorKind::overloaded, message.workers.empty() ? "scatter: no worker is running"
                                                                 : "scatter: none of the named workers is running");
  }
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = static_cast<std::uint32_t>(message.nbytes.size());
  chunk->templates.push_back(std::move(task));
  Group& group = make_group(client, message.submission, message.token, std::move(chunk));
  group.data = true;
  group.generation = last_generation_ += 2;
  group.templates.push_back(record);
  for (std::size_t i = 0; i < group.templates.size(); ++i)
    prefixes_[group.templates[i]->prefix].tasks += group.counts[i];
  group.subscribers.front().wants = group.chunk->size;
  client.wants += group.chunk->size;
  for (std::uint32_t i = 0; i < group.tasks.size(); ++i) {
    group.tasks[i].flags = task_flag::wanted;
    move_to({&group, i}, TaskState::waiting, "scattered");
  }
  std::stable_sort(targets.begin(), targets.end(),
                   [](const auto* a, const auto* b) { return a->managed_bytes < b->managed_bytes; });
  const std::size_t copies =
      message.replicas == 0 ? targets.size() : std::min<std::size_t>(message.replicas, targets.size());
  if (message.replicas != 1)
    for (std::uint32_t i = 0; i < group.tasks.size(); ++i)
      copies_wanted_[TaskId::of(group.number, i)] = message.replicas == 0 ? ~0u : message.replicas;
  for (WorkerRecord* worker : targets) introduce(client, worker->id);
  auto& reply = last<ScatterTargets>(client);
  reply.submission = message.submission;
  reply.group = group.number;
  std::size_t turn = 0;
  for (std::size_t i = 0; i < message.nbytes.size(); ++i) {
    reply.offsets.push_back(static_cast<std::uint32_t>(reply.targets.size()));
    for (std::size_t copy = 0; copy < copies; ++copy) reply.targets.push_back(targets[turn++ % targets.size()]->id);
  }
  reply.offsets.push_back(static_cast<std::uint32_t>(reply.targets.size()));
  group.target_offsets = reply.offsets;
  group.targets = reply.targets;
  if (scatters_.size() >= 1024) give_up_scatters();  // drops those that have arrived
  scatters_.push_back(group.number);
  seal(client);
}

}  // namespace troupe
