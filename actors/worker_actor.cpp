#include "actors/worker_actor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <thread>

#include "actors/child.hpp"
#include "actors/connect.hpp"
#include "actors/local_directory.hpp"
#include "runtime/exec/isolation.hpp"
#include "runtime/exec/process_memory.hpp"
#include "runtime/exec/running_page.hpp"

namespace troupe {

namespace {

/// A task learnt to be shorter than this, and alone, is not worth a change of thread.
constexpr std::int64_t inline_average_ns = 50'000;

/// Encoded results one after the other; taken over, not copied, when the batch is complete.
void append_value(ExecutionsDone& done, std::vector<std::byte>& values, const std::vector<std::byte>& encoded) {
  auto& offsets = done.values.offsets;
  if (encoded.empty() && offsets.empty()) return;
  // Tasks before this one brought none.
  if (offsets.empty()) offsets.assign(done.tasks.size() + 1, 0);
  values.insert(values.end(), encoded.begin(), encoded.end());
  offsets.push_back(static_cast<std::uint32_t>(values.size()));
}

std::shared_ptr<const TaskError> isolation_refused(const FunctionRef& function) {
  TaskError error;
  error.kind = TaskError::Kind::invalid;
  error.message =
      "an isolated task runs in this very program, started again. Put this line at the top of its main():\n"
      "  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {my_module});";
  error.function = full_name(function);
  return std::make_shared<const TaskError>(std::move(error));
}

}  // namespace

WorkerActor::WorkerActor(caf::actor_config& config, Node* node, WorkerOptions options,
                         std::shared_ptr<WorkerHandle::Shared> shared, std::shared_ptr<RunningPage> page,
                         std::optional<Error>* failure)
    : LoopActor(config, *node, "worker"),
      node_(*node),
      options_(std::move(options)),
      shared_(std::move(shared)),
      page_(std::move(page)),
      tick_(node->io()),
      lifetime_(node->io()) {
  now_ = Node::now();
  options_.config.threads = options_.threads;
  options_.config.memory.limit = options_.memory_limit;
  options_.config.resources = options_.resources;
  *failure = open_doors();
  if (*failure) return;
  *failure = open_disk();
  if (*failure) return;
  watch_machine();
  name_ = options_.name.empty() ? shared_->address : options_.name;
  *failure = open_event_log();
  if (*failure) return;
  make_machine();
  DataOptions data;
  data.cluster = options_.access.cluster;
  data.key = options_.access.worker_key;
  exchange_ = std::make_unique<ValueExchange>(node_, std::move(data));
}

WorkerActor::~WorkerActor() = default;

std::optional<Error> WorkerActor::open_doors() {
  if (options_.listen) {
    DataServerOptions serve;
    serve.listen.host = options_.host;
    serve.listen.port = options_.port;
    serve.listen.port_flag = "--worker-port";
    serve.listen.insecure = options_.insecure;
    serve.listen.handshake.cluster = options_.access.cluster;
    serve.listen.handshake.epoch = options_.access.epoch;
    serve.listen.handshake.keys = options_.access.keys();
    auto server = DataServer::open(node_.io(), std::move(serve), *this, [node = &node_](std::string_view text) {
      node->log(LogLevel::warning, "connection_refused", text);
    });
    if (!server) return server.error();
    server_ = std::move(*server);
  }
  shared_->address = server_ ? server_->address() : node_.directory().next_name();
  node_.directory().add(shared_->address, this);
  return {};
}

caf::behavior WorkerActor::make_behavior() {
  if (!state_) {
    quit();
    return {[](WorkerTurn) {}};
  }
  shared_->running = this;
  start_pool();
  ConnectOptions connect;
  connect.local = options_.scheduler;
  connect.address = options_.scheduler_address;
  connect.access = options_.access;
  connect.session = options_.session;
  connect.give_up_after = options_.give_up_after;
  link_ = connect_worker(node_, std::move(connect), caf::actor_cast<caf::actor>(this));
  register_worker();
  arm_tick();
  arm_lifetime();
  return {
      [this](Received<ToWorker>& batch) {
        for (auto& message : batch.messages) {
          if (const auto* seen = std::get_if<HeartbeatSeen>(&message)) heartbeat_seen(*seen);
          if (auto* compute = std::get_if<ComputeTasks>(&message); compute != nullptr && !compute->origins.empty())
            task_log_->learn(std::exchange(compute->origins, {}));
          handle(SchedulerSaid{std::move(message)});
        }
        stirred_ = true;
      },
      [this](PoolReady) { pool_ready_ = true; },
      [this](FetchDone& event) {
        handle(std::move(event));
        stirred_ = true;
      },
      [this](ValuesPut& event) {
        handle(std::move(event));
        stirred_ = true;
      },
      [this](ValuesServed& event) {
        count_readers(event);
        if (event.tasks.empty()) return;
        handle(std::move(event));
        stirred_ = true;
      },
      [this](WorkerTurn) { stirred_ = true; },
      [this](LifetimeOver) {
        shared_->outlived = true;
        stop(StopWorker::leave, "its lifetime is over");
        stirred_ = true;
      },
      [this](SpillEnded& event) { spill_ended(event); },
      [this](LoadEnded& event) { load_ended(event); },
      [this](ValuesLost& event) {
        handle(std::move(event));
        stirred_ = true;
      },
      [this](StopWorker& event) { stop(event.how, std::move(event.reason)); },
      [this](const LinkUp& event) { link_up(event); },
      [this](const LinkDown& event) {
        node_.log(LogLevel::warning, "scheduler_lost", fmt::format("{}: {}", name_, event.reason));
        link_is_up_ = false;
        if (leaving_) stop(StopWorker::drain, std::move(*leaving_));
      },
      [this](LinkClosed& event) {
        finish_turn();  // what was said before counts: it may have been why
        if (!ended_) end(std::move(event.error), {});
      },
  };
}

void WorkerActor::register_worker() {
  RegisterWorker registration;
  registration.name = options_.name;
  registration.incarnation = shared_->incarnation;
  registration.address = options_.contact_address.empty() ? shared_->address : options_.contact_address;
  registration.host = options_.machine;
  registration.http_address = options_.http_address;
  registration.pid = static_cast<std::uint64_t>(::getpid());
  registration.threads = options_.threads;
  registration.memory_limit = options_.memory_limit;
  registration.nannied = options_.nannied;
  registration.resources = options_.resources;
  registration.allow_uploads = options_.allow_uploads;
  if (options_.registry) registration.modules = options_.registry->infos();
  link_->send({std::move(registration)});
}

void WorkerActor::stop(StopWorker::How how, std::string reason) {
  if (how == StopWorker::leave && link_is_up_) {
    if (!leaving_) link_->send({Leaving{reason}});
    leaving_ = std::move(reason);
    return;
  }
  leaving_.reset();
  handle(SchedulerSaid{CloseWorker{how != StopWorker::now, std::move(reason)}});
  stirred_ = true;
}

void WorkerActor::arm_lifetime() {
  if (options_.lifetime <= Duration{0}) return;
  const double spread = static_cast<double>(Node::random() >> 11) / static_cast<double>(1ULL << 53) * 2 - 1;
  const auto stagger = std::chrono::duration_cast<Duration>(options_.lifetime_stagger * spread);
  lifetime_.expires_after(std::max(Duration{0}, options_.lifetime + stagger));
  lifetime_.async_wait([self = address()](const boost::system::error_code& error) {
    const auto actor = caf::actor_cast<caf::actor>(self);
    if (!error && actor) caf::anon_send(actor, LifetimeOver{});
  });
}

void WorkerActor::link_up(const LinkUp& event) {
  link_is_up_ = true;
  if (std::exchange(ever_up_, true) && !event.resumed) begin_anew();
}

/// The scheduler forgot this worker: what it was told to do is void, and what it holds is not believed any more.
void WorkerActor::begin_anew() {
  node_.log(LogLevel::warning, "registers_again", fmt::format("{}: unknown to the scheduler, registers again", name_));
  for (auto& [tmpl, known] : templates_) orphans_.insert(std::move(known.tmpl));
  templates_.clear();
  pool_->request_stop();
  requests_.clear();
  store_.clear();
  for (const auto& [task, readers] : serving_) served_before_[task] += readers;
  serving_.clear();
  if (disk_) disk_->clear();
  effects_.clear();
  make_machine();
  ++generation_;
  skew_ = {};
  ledger_.forget_sources();
  register_worker();
}

/// What was being read when the scheduler forgot this worker means nothing to the machine it has since: the ends of
/// those readings are taken out.
void WorkerActor::count_readers(ValuesServed& event) {
  if (event.begin) {
    for (const auto task : event.tasks) ++serving_[task];
    return;
  }
  std::erase_if(event.tasks, [this](TaskId task) {
    const auto before = served_before_.find(task);
    const bool forgotten = before != served_before_.end();
    const auto at = forgotten ? before : serving_.find(task);
    if (--at->second == 0) (forgotten ? served_before_ : serving_).erase(at);
    return forgotten;
  });
}

caf::resumable::resume_result WorkerActor::resume(caf::execution_unit* unit, std::size_t max_throughput) {
  now_ = Node::now();
  const auto result = LoopActor::resume(unit, max_throughput);
  if (!ended_ && state_ && link_) finish_turn();
  return result;
}

void WorkerActor::finish_turn() {
  if (std::exchange(in_turn_, true)) return;
  constexpr int inline_tasks_per_turn = 16;
  for (int ran = 0; !ended_; ++ran) {
    if (std::exchange(pool_ready_, false)) drain_pool();
    if (!stirred_) break;
    perform();
    if (ended_ || !inline_job_) break;
    if (ran == inline_tasks_per_turn) {
      Job* const job = std::exchange(inline_job_, nullptr);
      ++in_pool_;
      pool_->submit(*job);
      break;
    }
    run_inline_job();
  }
  in_turn_ = false;
}

/// Settles the machine and performs what it says, until nothing more follows.
void WorkerActor::perform() {
  do {
    stirred_ = false;
    settle();
    std::swap(performing_, effects_);
    effects_.clear();
    drop(performing_.drop);
    if (!performing_.retract.empty()) retract(performing_.retract);
    if (!performing_.stop.empty()) pool_->request_stop(performing_.stop);
    if (!performing_.execute.tasks.empty()) execute(performing_.execute);
    for (auto& one : performing_.fetch) fetch(one);
    if (!performing_.spill.empty()) spill(performing_.spill);
    if (!performing_.load.empty()) load(performing_.load);
    for (auto& request : performing_.run) run_function(request);
    for (auto& modules : performing_.share) share(modules);
    if (performing_.close) tell_time_spent(true);  // what follows says goodbye
    if (options_.own_process) tell_log(performing_.to_scheduler);
    if (!performing_.to_scheduler.empty()) link_->send(std::move(performing_.to_scheduler));
    const bool close = performing_.close;
    auto refused = std::move(performing_.refused);
    auto reason = std::move(performing_.close_reason);
    performing_.clear();
    if (refused) return end(std::move(refused), {});
    if (close) return end({}, std::move(reason));
    if (!ended_at_once_.tasks.empty()) {
      handle(std::exchange(ended_at_once_, {}));
      stirred_ = true;
    }
  } while (stirred_);
}

// ---- executing --------------------------------------------------------------------------------------------------

namespace {

const std::string& prefix_of(const TaskTemplate& tmpl) {
  return tmpl.prefix.empty() ? tmpl.function.name : tmpl.prefix;
}

}  // namespace

monitoring::DurationHistogram& WorkerActor::durations_of(const TaskTemplate& tmpl) {
  constexpr std::size_t prefixes_max = 200;
  const std::string& name = prefix_of(tmpl);
  const bool room = durations_.tasks.size() < prefixes_max || durations_.tasks.contains(name);
  return durations_.tasks[room ? name : "other"];
}

WorkerActor::KnownTemplate& WorkerActor::known(const std::shared_ptr<const TaskTemplate>& tmpl) {
  auto& known = templates_[tmpl.get()];
  if (known.tmpl) return known;
  known.tmpl = tmpl;
  known.durations = &durations_of(*tmpl);
  known.time = &ledger_.function(prefix_of(*tmpl));
  const auto& function = tmpl->function;
  if (tmpl->annotations.isolate && !can_be_child()) {
    known.error = isolation_refused(function);
    return known;
  }
  Result<const ResolvedFunction*> found = options_.registry
                                              ? options_.registry->find(function)
                                              : fail(ErrorKind::unsupported, "this worker has no functions at all");
  if (found) {
    known.function = *found;
  } else {
    TaskError error;
    error.kind = TaskError::Kind::unknown_function;
    error.message = found.error().text;
    error.function = full_name(function);
    error.worker = name_;
    known.error = std::make_shared<const TaskError>(std::move(error));
  }
  return known;
}

/// What an isolated task's process has to know, as long as no further module is loaded.
std::shared_ptr<const IsolatedProgram> WorkerActor::isolated_program() {
  const auto& files = options_.registry->files();
  if (!program_ || program_->modules.size() != files.size())
    program_ = std::make_shared<const IsolatedProgram>(IsolatedProgram{.modules = files});
  return program_;
}

void WorkerActor::fill(Job& job, const ExecuteBatch& batch, std::size_t i) {
  job.task = batch.tasks[i];
  job.run = batch.runs[i];
  job.tmpl = batch.templates[i];
  job.arguments = batch.arguments[i];
  job.isolated = job.tmpl->annotations.isolate ? isolated_program() : nullptr;
  job.inline_wanted = !batch.inline_wanted.empty() && batch.inline_wanted[i] != 0;
  if (batch.input_offsets.empty()) return;
  for (auto k = batch.input_offsets[i]; k < batch.input_offsets[i + 1]; ++k) {
    const Value* input = store_.find(batch.inputs[k]);
    TROUPE_ASSERT(input, "a task is to run whose input is not in the store");
    job.inputs.push_back(*input);
  }
}

void WorkerActor::execute(ExecuteBatch& batch) {
  jobs_.clear();
  KnownTemplate* last = nullptr;
  for (std::size_t i = 0; i < batch.tasks.size(); ++i) {
    if (!last || last->tmpl != batch.templates[i]) last = &known(batch.templates[i]);
    if (!last->function) {
      end_at_once(batch.tasks[i], batch.runs[i], complete(*last->error, batch.tasks[i]));
      continue;
    }
    Job& job = pool_->acquire();
    job.function = last->function;
    fill(job, batch, i);
    jobs_.push_back(&job);
  }
  if (jobs_.empty()) return;
  if (jobs_.size() == 1 && in_pool_ == 0 && !inline_job_ && options_.inline_tasks && !jobs_.front()->isolated &&
      last->average_ns >= 0 && last->average_ns < inline_average_ns && node_.can_run_inline()) {
    inline_job_ = jobs_.front();
    return;
  }
  if (inline_job_) jobs_.insert(jobs_.begin(), std::exchange(inline_job_, nullptr));
  in_pool_ += jobs_.size();
  pool_->submit(jobs_);
}

/// At the end of a turn, when nothing is half done: another thread may drive this actor meanwhile.
void WorkerActor::run_inline_job() {
  Job* const job = std::exchange(inline_job_, nullptr);
  ++in_pool_;
  const auto pool = pool_;  // the actor may end meanwhile
  in_turn_ = false;
  node_.run_inline([&] { pool->run_inline(*job); });
  in_turn_ = true;
  if (ended_) return;
  now_ = Node::now();
  --in_pool_;
  ExecutionsDone ended;
  std::vector<std::byte> values;
  add_done(*job, ended, values);
  pool_->release(*job);
  if (ended.tasks.empty()) return;
  if (!values.empty()) ended.values.bytes = Bytes::own(std::move(values));
  handle(std::move(ended));
  stirred_ = true;
}

void WorkerActor::drain_pool() {
  ExecutionsDone ended;
  std::vector<std::byte> values;
  in_pool_ -= pool_->drain([&](Job& job) { add_done(job, ended, values); });
  // A task that seceded said so before it was done: this sees it first, too.
  std::vector<ExecutionSeceded> seceded;
  {
    const std::lock_guard lock(seceded_->mutex);
    seceded.swap(seceded_->events);
  }
  for (auto& event : seceded) {
    const auto key = state_->key(event.task);
    if (!key || key->activity != KeyActivity::executing) continue;  // of an earlier registration
    handle(event);
    stirred_ = true;
  }
  if (ended.tasks.empty()) return;
  if (!values.empty()) ended.values.bytes = Bytes::own(std::move(values));
  handle(std::move(ended));
  stirred_ = true;
}

/// Looked up once for the tasks of a group that follow each other.
TimeLedger::Function* WorkerActor::span_time_of(KnownTemplate& known, TaskId task) {
  if (std::exchange(known.span_group, task.group()) != task.group()) {
    const std::string* span = task_log_->span_of(task);
    known.span_time = span == nullptr ? nullptr : ledger_.in_span(prefix_of(*known.tmpl), *span);
  }
  return known.span_time;
}

void WorkerActor::add_done(Job& job, ExecutionsDone& ended, std::vector<std::byte>& values) {
  if (!job.task) return function_ran(job);
  if (!orphans_.empty() && orphans_.contains(job.tmpl)) return;
  if (const auto found = templates_.find(job.tmpl.get()); found != templates_.end()) {
    auto& average = found->second.average_ns;
    average = average < 0 ? job.duration_ns : average + (job.duration_ns - average) / 8;
    found->second.durations->add(static_cast<std::uint64_t>(job.duration_ns / 1000));
    found->second.time->add(job.duration_ns, job.cpu_ns);
    if (auto* const span_time = span_time_of(found->second, job.task)) span_time->add(job.duration_ns, job.cpu_ns);
  }
  const bool erred = job.error != nullptr;
  append_value(ended, values, job.encoded);
  ended.tasks.push_back(job.task);
  ended.runs.push_back(job.run);
  ended.outcomes.push_back(erred ? ExecutionOutcome::erred : ExecutionOutcome::finished);
  ended.nbytes.push_back(job.nbytes);
  ended.duration_us.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(job.duration_ns / 1000, UINT32_MAX)));
  ended.ended_ns.push_back(job.ended_ns);
  ended.threads.push_back(job.thread);
  if (erred) {
    ended.errors.resize(ended.tasks.size());
    ended.errors.back() = complete(*job.error, job.task);
    task_log_->failed(job.task, job.run, *ended.errors.back(), now_);
  } else {
    if (!ended.errors.empty()) ended.errors.resize(ended.tasks.size());
    put(job.task, std::move(job.result), job.nbytes);
  }
}

std::shared_ptr<const TaskError> WorkerActor::complete(const TaskError& error, TaskId task) const {
  auto whole = std::make_shared<TaskError>(error);
  whole->worker = name_;
  if (!whole->root) whole->root = task;
  return whole;
}

void WorkerActor::retract(const std::vector<TaskId>& tasks) {
  std::vector<RunningPage::Running> taken;
  pool_->retract(tasks, taken);
  if (inline_job_ && std::find(tasks.begin(), tasks.end(), inline_job_->task) != tasks.end()) {
    taken.push_back({inline_job_->task, inline_job_->run});
    pool_->release(*std::exchange(inline_job_, nullptr));
    ++in_pool_;
  }
  in_pool_ -= taken.size();
  for (const auto& [task, run] : taken) {
    end_at_once(task, run, nullptr);
  }
}

/// Without an error it was taken back.
void WorkerActor::end_at_once(TaskId task, RunId run, std::shared_ptr<const TaskError> error) {
  ended_at_once_.tasks.push_back(task);
  ended_at_once_.runs.push_back(run);
  ended_at_once_.outcomes.push_back(error ? ExecutionOutcome::erred : ExecutionOutcome::retracted);
  ended_at_once_.nbytes.push_back(0);
  ended_at_once_.duration_us.push_back(0);
  ended_at_once_.ended_ns.push_back(now_.nanoseconds);
  ended_at_once_.threads.push_back(0);
  if (error) task_log_->failed(task, run, *error, now_);
  ended_at_once_.errors.push_back(std::move(error));
}

// ---- time and end -------------------------------------------------------------------------------------------------

namespace {

std::uint64_t cpu_ms() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1000 + static_cast<std::uint64_t>(used.tv_nsec) / 1'000'000;
}

}  // namespace

void WorkerActor::arm_tick() {
  tick_.expires_after(state_->tick_interval());
  tick_.async_wait([this, weak = address()](const boost::system::error_code& error) {
    const auto alive = caf::actor_cast<caf::actor>(weak);
    if (error || !alive || ended_) return;
    tick();
    caf::anon_send(alive, WorkerTurn{});
    arm_tick();
  });
}

void WorkerActor::tick() {
  now_ = Node::now();
  pool_->expire();
  forget_templates();
  if (std::exchange(release_due_, false)) disk_->release_memory();
  if (options_.own_process)
    handle(WorkerTick{process_memory(), cpu_ms(), traffic(), surroundings(), now_.nanoseconds});
  else
    handle(WorkerTick{0, state_->counters().compute_us / 1000, traffic(), surroundings(), now_.nanoseconds});
  tell_time_spent();
  task_log_->tick(now_);
}

void WorkerActor::forget_templates() {
  std::erase_if(templates_, [](const auto& entry) { return entry.second.tmpl.use_count() <= 1; });
  std::erase_if(orphans_, [](const auto& tmpl) { return tmpl.use_count() <= 1; });
}

void WorkerActor::end(std::optional<Error> error, std::string reason) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->error = std::move(error);
    shared_->reason = std::move(reason);
    if (link_) link_->close(shared_->reason);
  }
  caf::anon_send_exit(caf::actor_cast<caf::actor>(this), caf::exit_reason::user_shutdown);
  ended_ = true;
}

void WorkerActor::on_exit() {
  ended_ = true;
  tick_.cancel();
  lifetime_.cancel();
  node_.directory().remove(shared_->address);
  shared_->last = counters();
  shared_->last_durations = std::move(durations_);
  shared_->last_surroundings = surroundings();
  shared_->running = nullptr;
  server_.reset();
  exchange_.reset();
  sharing_.reset();
  link_.reset();
  store_.clear();
  if (disk_) disk_->close();
  const auto say = [shared = shared_] {
    {
      const std::lock_guard lock(shared->mutex);
      shared->stopped = true;
    }
    shared->changed.notify_all();
  };
  if (inspections_) inspections_->stop = true;
  if (!pool_) return say();
  // Tasks that run must end first, and the disk, which may take long: not on the loop.
  node_.finish_later(std::thread([pool = std::move(pool_), page = page_, disk = std::move(disk_), say,
                                  inspections = std::move(inspections_), profiler = std::move(profiler_),
                                  monitor = std::move(monitor_)]() mutable {
    pool->stop();
    if (inspections) inspections->thread.join();
    profiler.reset();  // before the pool it looks at
    disk.reset();
    monitor.reset();
    say();
  }));
}

}  // namespace troupe
