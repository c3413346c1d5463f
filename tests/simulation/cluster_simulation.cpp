#include "tests/simulation/cluster_simulation.hpp"

#include <algorithm>
#include <stdexcept>

namespace troupe::testing {
namespace {

using namespace std::chrono_literals;

SchedulerConfig scheduler_config(const SimulationOptions& options) {
  SchedulerConfig config;
  config.work_stealing = options.steal;
  config.slice = 50;  // small, so that slices are cut
  config.story_length = 4096;
  return config;
}

}  // namespace

SimulationOptions SimulationOptions::draw(std::uint64_t seed) {
  std::mt19937_64 random(seed * 2 + 1);
  auto on = [&] { return random() % 2 == 0; };
  auto up_to = [&](double most) { return most * static_cast<double>(random() % 1000) / 1000; };
  SimulationOptions options;
  options.workers = 1 + static_cast<std::uint32_t>(random() % 5);
  options.clients = 1 + static_cast<std::uint32_t>(random() % 3);
  options.graphs = 1 + static_cast<std::uint32_t>(random() % 8);
  options.most_tasks = 2 + static_cast<std::uint32_t>(random() % 60);
  if (on()) options.kill_rate = up_to(60);
  if (on()) options.pause_rate = up_to(10);
  if (on()) options.cancel_rate = up_to(0.5);
  if (on()) options.leave_rate = up_to(0.5);
  if (on()) options.throw_rate = up_to(0.2);
  if (on()) options.busy_rate = up_to(0.5);
  if (on()) options.drop_rate = up_to(0.3);
  options.run_ahead = on();
  options.steal = on();
  return options;
}

ClusterSimulation::ClusterSimulation(std::uint64_t seed, SimulationOptions options)
    : options_(options), random_(seed), scheduler_(scheduler_config(options), Token{1, seed}, Epoch{1}, seed) {}

void ClusterSimulation::fail(const std::string& what) const { throw std::logic_error(what); }

void ClusterSimulation::mix(std::uint64_t value) { digest_ = (digest_ ^ value) * 1099511628211ULL; }

double ClusterSimulation::chance() { return static_cast<double>(random_() >> 11) / 9007199254740992.0; }

Duration ClusterSimulation::delay(std::int64_t most_us) {
  return std::chrono::microseconds(1 + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most_us)));
}

void ClusterSimulation::at(Instant when, std::function<void()> action) {
  queue_.emplace(std::pair{when.nanoseconds, next_event_++}, std::move(action));
}

void ClusterSimulation::advance() {
  auto first = queue_.begin();
  now_ = {std::max(now_.nanoseconds, first->first.first)};
  const std::function<void()> action = std::move(first->second);
  queue_.erase(first);
  ++events_;
  action();
}

ClusterSimulation::Worker* ClusterSimulation::find_incarnation(std::uint64_t incarnation) {
  for (auto& worker : workers_)
    if (worker->incarnation == incarnation && worker->alive) return worker.get();
  return nullptr;
}

ClusterSimulation::Worker* ClusterSimulation::find_worker(WorkerId id) {
  for (auto& worker : workers_)
    if (worker->id == id && worker->alive) return worker.get();
  return nullptr;
}

ClusterSimulation::Value ClusterSimulation::value_of(const GraphChunk& chunk, std::uint32_t task,
                                                     const std::vector<Value>& inputs) const {
  std::uint64_t value = chunk.rank_of(task) * 0x9e3779b97f4a7c15ULL + chunk.size;
  for (const Value input : inputs) value = (value ^ input) * 0xff51afd7ed558ccdULL + 1;
  return value;
}

void ClusterSimulation::run() {
  nanny_ = scheduler_.next_nanny();
  to_scheduler(NannyJoined{nanny_, {"host", 1}});
  for (std::uint32_t i = 0; i < options_.workers; ++i) start_worker();
  for (std::uint32_t i = 0; i < options_.clients; ++i) {
    auto client = std::make_unique<Client>();
    client->id = scheduler_.next_client();
    to_scheduler(ClientJoined{client->id, {"client"}});
    Client& reference = *client;
    clients_.push_back(std::move(client));
    for (std::uint32_t g = 0; g < options_.graphs; ++g)
      at(now_ + delay(50'000), [this, &reference] { submit(reference); });
    if (chance() < options_.leave_rate)
      at(now_ + delay(100'000), [this, &reference] {
        ++faults_;
        reference.gone = true;
        to_scheduler(ClientLeft{reference.id, "vanished"});
      });
  }
  at(now_ + 1ms, [this] { tick(); });
  at(now_ + 1ms, [this] { inject_faults(); });
  const Instant calm = now_ + 200ms;
  while (now_ < calm) advance();
  faulty_ = false;
  const Instant deadline = now_ + 120s;  // a paused worker takes its whole time to live
  auto unfinished = [&] {
    for (const auto& client : clients_)
      if (!client->gone)
        for (const auto& [key, told] : client->keys)
          if (told == Client::Told::pending) return true;
    return false;
  };
  while (unfinished()) {
    if (now_ > deadline) {
      for (const auto& client : clients_)
        for (const auto& [key, told] : client->keys)
          if (!client->gone && told == Client::Told::pending) {
            const Submission& submission = client->sent[key.submission()];
            const TaskId task = TaskId::of(submission.group, key.index());
            std::string text =
                "never told of " + scheduler_.key_text(task) + ", which is " + name_of(scheduler_.state_of(task)) + ":";
            for (const auto& line : scheduler_.story(task)) text += "\n  " + line;
            for (const auto& line : scheduler_.explain(task, now_).second) text += "\n  " + line;
            for (const auto& worker : workers_)
              if (const auto view = worker->state->key(task); worker->alive && view)
                text += "\n  on w" + std::to_string(worker->incarnation) + ": intent " +
                        std::to_string(static_cast<int>(view->intent)) + ", activity " +
                        std::to_string(static_cast<int>(view->activity)) + ", data " +
                        std::to_string(static_cast<int>(view->data)) + ", run " + std::to_string(view->run.value) +
                        ", waiting for " + std::to_string(view->waiting_for) + (view->queued ? ", queued" : "") +
                        (worker->executing.count(task) > 0 ? ", in the pool" : "");
            fail(text);
          }
    }
    advance();
  }
  for (auto& client : clients_) {
    if (client->gone) continue;
    ReleaseKeys release;
    for (const auto& [key, told] : client->keys) release.keys.push_back({key, 1});
    to_scheduler(ClientSaid{client->id, std::move(release)});
  }
  const Instant quiet = now_ + 60s;  // a paused worker is lost by then, or has caught up
  while (now_ < quiet) advance();
  const auto& counters = scheduler_.counters();
  for (std::size_t state = 0; state + 1 < task_state_count; ++state)
    if (counters.tasks[state] != 0) fail(std::string("a ghost on the scheduler, ") + name_of(TaskState(state)));
  for (const auto& worker : workers_)
    if (worker->alive && worker->id && (!worker->store.empty() || worker->state->key_count() != 0))
      fail("a ghost on worker " + std::to_string(worker->id.value) + ": " + std::to_string(worker->store.size()) +
           " values, " + std::to_string(worker->state->key_count()) + " keys");
}

void ClusterSimulation::tick() {
  to_scheduler(SchedulerTick{});
  for (std::size_t i = 0; i < workers_.size(); ++i)
    if (workers_[i]->alive) on_worker(workers_[i]->incarnation, WorkerTick{1000, 1});
  at(now_ + 100ms, [this] { tick(); });
}

void ClusterSimulation::inject_faults() {
  if (!faulty_) return;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (!workers_[i]->alive || !workers_[i]->id) continue;
    if (chance() < options_.kill_rate / 1000)
      kill(*workers_[i]);
    else if (chance() < options_.pause_rate / 1000)
      pause(*workers_[i]);
  }
  at(now_ + 1ms, [this] { inject_faults(); });
}

void ClusterSimulation::start_worker() {
  auto worker = std::make_unique<Worker>();
  worker->incarnation = ++incarnations_;
  worker->id = scheduler_.next_worker();
  WorkerConfig config;
  config.threads = 1 + static_cast<std::uint32_t>(random_() % 2);
  worker->state = std::make_unique<WorkerState>(config);
  RegisterWorker registration;
  registration.name = "w" + std::to_string(worker->incarnation);
  registration.address = "host:" + std::to_string(worker->incarnation);
  registration.incarnation = {worker->incarnation};
  registration.threads = config.threads;
  registration.nannied = true;
  const WorkerId id = worker->id;
  workers_.push_back(std::move(worker));
  to_scheduler(WorkerJoined{id, std::move(registration)});
}

void ClusterSimulation::kill(Worker& worker) {
  ++faults_;
  mix(worker.incarnation);
  worker.alive = false;
  WorkerDied report;
  report.incarnation = {worker.incarnation};
  report.signal = 9;
  // An innocent death: what ran is not blamed often enough to be failed.
  const WorkerId id = worker.id;
  const bool reported = chance() < 0.5;
  at(now_ + delay(3000), [this, reported, report, id] {
    if (reported)
      to_scheduler(NannySaid{nanny_, report});
    else
      to_scheduler(WorkerLeft{id, false, "connection reset"});
  });
  at(now_ + delay(20'000), [this] { start_worker(); });
}

void ClusterSimulation::pause(Worker& worker) {
  ++faults_;
  worker.paused_until = std::max(worker.paused_until, now_ + (chance() < 0.2 ? Duration{40s} : delay(100'000)));
}

std::shared_ptr<GraphChunk> ClusterSimulation::random_graph() {
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = 1 + static_cast<std::uint32_t>(random_() % options_.most_tasks);
  TaskTemplate task;
  task.prefix = task.function.name = "f";
  task.annotations.retries = 3;
  task.annotations.run_ahead = options_.run_ahead;
  chunk->templates = {task};
  chunk->dependency_offsets = {0};
  const std::uint64_t shape = random_() % 4;
  for (std::uint32_t i = 0; i < chunk->size; ++i) {
    if (i > 0 && shape == 0) {
      chunk->dependencies.push_back(i - 1);
    } else if (i > 0 && shape != 1) {
      const std::uint64_t inputs = random_() % (shape == 2 ? 3 : 6);
      for (std::uint64_t d = 0; d < inputs; ++d)
        chunk->dependencies.push_back(static_cast<std::uint32_t>(random_() % i));
    }
    chunk->dependency_offsets.push_back(static_cast<std::uint32_t>(chunk->dependencies.size()));
  }
  chunk->all_wanted = random_() % 2 == 0;
  if (!chunk->all_wanted) {
    for (std::uint32_t i = 0; i + 1 < chunk->size; ++i)
      if (random_() % 8 == 0) chunk->wanted.push_back(i);
    chunk->wanted.push_back(chunk->size - 1);
  }
  return chunk;
}

void ClusterSimulation::submit(Client& client) {
  if (client.gone) return;
  Submission submission;
  auto chunk = random_graph();
  // Sometimes the graph goes on from an earlier one.
  std::vector<Value> outside;
  if (!client.keys.empty() && random_() % 2 == 0) {
    const ClientKey key = client.keys.rbegin()->first;
    if (client.keys[key] == Client::Told::pending || client.keys[key] == Client::Told::ready) {
      chunk->external.push_back(key);
      outside.push_back(client.sent[key.submission()].expected[key.index()]);
      chunk->dependencies.push_back(chunk->size);
      ++chunk->dependency_offsets.back();
    }
  }
  for (std::uint32_t i = 0; i < chunk->size; ++i) {
    std::vector<Value> inputs;
    for (auto edge = chunk->dependencies_begin(i); edge < chunk->dependencies_end(i); ++edge) {
      const std::uint32_t input = chunk->dependencies[edge];
      inputs.push_back(input < chunk->size ? submission.expected[input] : outside[input - chunk->size]);
    }
    submission.expected.push_back(value_of(*chunk, i, inputs));
  }
  submission.chunk = chunk;
  SubmitGraph message;
  message.submission = ++client.submissions;
  message.graph = message.submission;
  message.chunk = chunk;
  for (std::uint32_t i = 0; i < chunk->size; ++i)
    if (chunk->all_wanted || std::binary_search(chunk->wanted.begin(), chunk->wanted.end(), i))
      client.keys[ClientKey::of(message.submission, i)] = Client::Told::pending;
  client.sent[message.submission] = std::move(submission);
  to_scheduler(ClientSaid{client.id, std::move(message)});
  if (chance() < options_.cancel_rate) at(now_ + delay(20'000), [this, &client] { cancel_some(client); });
}

void ClusterSimulation::cancel_some(Client& client) {
  if (client.gone || client.keys.empty()) return;
  ++faults_;
  CancelKeys message;
  auto key = client.keys.begin();
  std::advance(key, static_cast<std::ptrdiff_t>(random_() % client.keys.size()));
  message.keys.push_back({key->first, 1});
  to_scheduler(ClientSaid{client.id, std::move(message)});
}

void ClusterSimulation::to_scheduler(SchedulerEvent event) {
  mix(event.index());
  scheduler_.handle(std::move(event), now_);
  settle_scheduler();
}

void ClusterSimulation::settle_scheduler() {
  SchedulerEffects effects;
  const bool more = scheduler_.place(now_, effects);
  scheduler_.check_invariants();
  for (auto& [id, messages] : effects.clients) {
    for (const ToClient& message : messages)
      if (const auto* accepted = std::get_if<Accepted>(&message); accepted != nullptr && !accepted->error)
        for (auto& client : clients_)
          if (client->id == id) {
            Submission& submission = client->sent[accepted->submission];
            submission.group = accepted->group;
            for (std::uint32_t i = 0; i < submission.chunk->size; ++i) {
              expected_[TaskId::of(accepted->group, i)] = submission.expected[i];
              chunk_of_[TaskId::of(accepted->group, i)] = submission.chunk.get();
            }
          }
    to_client(id, std::move(messages));
  }
  for (auto& [id, messages] : effects.workers) to_worker(id, std::move(messages));
  for (auto& [peer, reason] : effects.close)
    if (const auto* id = std::get_if<WorkerId>(&peer))
      if (Worker* worker = find_worker(*id)) {
        // Not believed any more: its session is closed, and the process ends and is replaced.
        worker->alive = false;
        at(now_ + delay(20'000), [this] { start_worker(); });
      }
  if (more) at(now_ + 10us, [this] { settle_scheduler(); });
}

void ClusterSimulation::to_worker(WorkerId id, std::vector<ToWorker> messages) {
  Worker* worker = find_worker(id);
  if (worker == nullptr) return;
  for (const ToWorker& message : messages) mix(message.index());
  Instant arrival = std::max(now_ + delay(500), worker->last_arrival);
  worker->last_arrival = arrival;
  const std::uint64_t incarnation = worker->incarnation;
  const std::uint64_t first = worker->said + 1;
  worker->said += messages.size();
  at(arrival, [this, incarnation, first, messages = std::move(messages)]() mutable {
    for (std::size_t i = 0; i < messages.size(); ++i)
      on_worker(incarnation, SchedulerSaid{std::move(messages[i])}, first + i);
  });
}

void ClusterSimulation::to_client(ClientId id, std::vector<ToClient> messages) {
  for (auto& client : clients_) {
    if (client->id != id || client->gone) continue;
    const Instant arrival = std::max(now_ + delay(500), client->last_arrival);
    client->last_arrival = arrival;
    at(arrival, [this, &client = *client, messages = std::move(messages)] {
      using Told = Client::Told;
      auto tell = [&](ClientKey key, Told told) {
        const auto known = client.keys.find(key);
        if (known == client.keys.end()) fail("told of a key that was not wanted");
        known->second = told;
      };
      for (const ToClient& message : messages) {
        if (const auto* ready = std::get_if<KeysReady>(&message))
          for (const ClientKey key : ready->keys) tell(key, Told::ready);
        if (const auto* erred = std::get_if<KeysErred>(&message))
          for (const ClientKey key : erred->keys) tell(key, Told::erred);
        if (const auto* cancelled = std::get_if<KeysCancelled>(&message))
          for (const KeyRange& keys : cancelled->keys)
            for (std::uint32_t i = 0; i < keys.count; ++i) tell({keys.first.value + i}, Told::cancelled);
        if (const auto* pending = std::get_if<KeysPending>(&message))
          for (const KeyRange& keys : pending->keys)
            for (std::uint32_t i = 0; i < keys.count; ++i) tell({keys.first.value + i}, Told::pending);
        if (const auto* accepted = std::get_if<Accepted>(&message); accepted != nullptr && accepted->error)
          for (auto& [key, told] : client.keys)
            if (key.submission() == accepted->submission) told = Told::erred;
      }
    });
    return;
  }
}

void ClusterSimulation::on_worker(std::uint64_t incarnation, WorkerEvent event, std::uint64_t number) {
  Worker* worker = find_incarnation(incarnation);
  if (worker == nullptr) return;
  const bool paused = now_ < worker->paused_until;
  if (paused && std::holds_alternative<WorkerTick>(event)) return;
  if (paused && worker->held.empty()) at(worker->paused_until, [this, incarnation] { resume(incarnation); });
  worker->held.emplace_back(std::move(event), number);
  if (!paused) take_held(*worker);
}

void ClusterSimulation::resume(std::uint64_t incarnation) {
  Worker* worker = find_incarnation(incarnation);
  if (worker == nullptr) return;
  if (now_ < worker->paused_until) return at(worker->paused_until, [this, incarnation] { resume(incarnation); });
  take_held(*worker);
}

void ClusterSimulation::take_held(Worker& worker) {
  while (!worker.held.empty()) {
    auto [event, number] = std::move(worker.held.front());
    worker.held.pop_front();
    if (number != 0 && number != ++worker.heard) fail("a message to a worker overtook another");
    WorkerEffects effects;
    worker.state->handle(std::move(event), now_, effects);
    worker.state->settle(now_, effects);
    worker.state->check_invariants();
    perform(worker, effects);
  }
}

void ClusterSimulation::perform(Worker& worker, WorkerEffects& effects) {
  for (const TaskId task : effects.drop)
    if (worker.store.erase(task) == 0) fail("a value was dropped that was not there");
  const std::uint64_t incarnation = worker.incarnation;
  for (const TaskId task : effects.retract) {
    const auto execution = worker.executing.find(task);
    if (execution == worker.executing.end() || execution->second.started) continue;
    ExecutionsDone done{{task}, {execution->second.run}, {ExecutionOutcome::retracted}, {0}, {0}, {nullptr}, {}};
    worker.executing.erase(execution);
    at(now_ + 1us, [this, incarnation, done] { on_worker(incarnation, done); });
  }
  execute(worker, effects.execute);
  for (const Fetch& fetch_effect : effects.fetch) fetch(worker, fetch_effect);
  if (effects.to_scheduler.empty()) return;
  const Instant arrival = std::max(now_ + delay(500), worker.last_departure);
  worker.last_departure = arrival;
  at(arrival, [this, id = worker.id, messages = std::move(effects.to_scheduler)]() mutable {
    for (WorkerMessage& message : messages) {
      mix(message.index());
      to_scheduler(WorkerSaid{id, std::move(message)});
    }
  });
}

void ClusterSimulation::execute(Worker& worker, const ExecuteBatch& batch) {
  for (std::size_t i = 0; i < batch.tasks.size(); ++i) {
    const TaskId task = batch.tasks[i];
    const auto chunk = chunk_of_.find(task);
    if (chunk == chunk_of_.end()) fail("a task runs that nobody submitted");
    std::vector<Value> inputs;
    for (auto input = batch.input_offsets[i]; input < batch.input_offsets[i + 1]; ++input) {
      const auto value = worker.store.find(batch.inputs[input]);
      if (value == worker.store.end()) fail("a task starts without an input");
      inputs.push_back(value->second);
    }
    const Value value = value_of(*chunk->second, task.index(), inputs);
    if (value != expected_[task]) fail("a task made a wrong value");
    if (!worker.executing.emplace(task, Worker::Execution{batch.runs[i], value, false}).second)
      fail("a task runs twice at a time on one worker");
    const std::uint64_t incarnation = worker.incarnation;
    const Instant start = now_ + delay(1000);
    at(start, [this, incarnation, task, run = batch.runs[i]] {
      Worker* runner = find_incarnation(incarnation);
      if (runner == nullptr) return;
      const auto execution = runner->executing.find(task);
      if (execution == runner->executing.end() || execution->second.run != run) return;
      execution->second.started = true;
      at(now_ + delay(2000), [this, incarnation, task, run] { finish_execution(incarnation, task, run); });
    });
  }
}

void ClusterSimulation::finish_execution(std::uint64_t incarnation, TaskId task, RunId run) {
  Worker* worker = find_incarnation(incarnation);
  if (worker == nullptr) return;
  const Value value = worker->executing.at(task).value;
  worker->executing.erase(task);
  ExecutionsDone done{{task}, {run}, {ExecutionOutcome::finished}, {8}, {1000}, {nullptr}, {}};
  if (chance() < options_.throw_rate) {
    ++faults_;
    done.outcomes = {ExecutionOutcome::erred};
    auto error = std::make_shared<TaskError>();
    error->message = "thrown";
    done.errors = {error};
  } else {
    worker->store[task] = value;
  }
  on_worker(incarnation, std::move(done));
}

void ClusterSimulation::fetch(Worker& worker, const Fetch& fetch) {
  const std::uint64_t incarnation = worker.incarnation;
  at(now_ + delay(1000), [this, incarnation, fetch] {
    FetchDone done;
    done.fetch = fetch.fetch;
    std::map<TaskId, Value> values;
    Worker* peer = find_worker(fetch.peer);
    if (peer == nullptr || now_ < peer->paused_until || chance() < options_.drop_rate) {
      done.outcome = FetchOutcome::lost;
      ++faults_;
    } else if (chance() < options_.busy_rate) {
      done.outcome = FetchOutcome::busy;
      ++faults_;
    } else {
      for (const TaskId task : fetch.tasks) {
        const auto value = peer->store.find(task);
        if (value == peer->store.end()) {
          done.missing.push_back(task);
        } else {
          done.received.push_back(task);
          done.nbytes.push_back(8);
          values[task] = value->second;
        }
      }
    }
    at(now_ + delay(1000), [this, incarnation, done, values] {
      Worker* reader = find_incarnation(incarnation);
      if (reader == nullptr) return;
      for (const auto& [task, value] : values) reader->store[task] = value;
      on_worker(incarnation, done);
    });
  });
}

}  // namespace troupe::testing
