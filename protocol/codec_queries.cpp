// The answers of the scheduler to questions about the cluster: QueryReply and what is in it.

#include "protocol/codec_detail.hpp"

namespace troupe::codec {
namespace {

// ---- writing ---------------------------------------------------------------------------------------------------

void fill(wire::WorkerSummary::Builder w, const WorkerSummary& m) {
  codec::fill(w.initAddress(), m.address);
  w.setPid(m.pid);
  w.setThreads(m.threads);
  w.setStatus(static_cast<std::uint8_t>(m.status));
  w.setMemoryLimit(m.memory_limit);
  w.setManagedBytes(m.managed_bytes);
  w.setProcessBytes(m.process_bytes);
  w.setProcessing(m.processing);
  w.setExecuting(m.executing);
  w.setStored(m.stored);
  w.setFinished(m.finished);
  w.setLastSeenMs(m.last_seen_ms);
  codec::fill(w.initResources(count(m.resources)), m.resources);
  codec::fill(w.initModules(count(m.modules)), m.modules);
  w.setSpilledBytes(m.spilled_bytes);
  w.setUnmanagedOldBytes(m.unmanaged_old_bytes);
}

void fill(wire::SchedulerSummary::Builder w, const SchedulerSummary& m) {
  codec::fill(w.initCluster(), m.cluster);
  w.setEpoch(m.epoch.value);
  w.setAddress(name(m.address, "scheduler address"));
  w.setVersion(name(m.version, "version"));
  auto workers = w.initWorkers(count(m.workers));
  for (unsigned i = 0; i < m.workers.size(); ++i) fill(workers[i], m.workers[i]);
  w.setClients(m.clients);
  put<std::uint64_t>(w.initTasksByState(count(m.tasks_by_state)), m.tasks_by_state);
  w.setFinished(m.finished);
  w.setErred(m.erred);
}

void fill(wire::TaskSummary::Builder w, const TaskSummary& m) {
  w.setTask(m.task.value);
  w.setKey(text(m.key));
  w.setState(text(m.state));
  w.setWorker(text(m.worker));
  w.setNbytes(m.nbytes);
  w.setWaitingFor(m.waiting_for);
  w.setRun(m.run);
}

void fill(wire::TaskDetail::Builder w, const TaskDetail& m) {
  fill(w.initSummary(), m.summary);
  w.setPrefix(text(m.prefix));
  w.setUser(m.priority.user);
  w.setGeneration(m.priority.generation);
  w.setRank(m.priority.rank);
  put<std::uint64_t>(w.initDependencies(count(m.dependencies)), m.dependencies);
  w.setDependents(m.dependents);
  w.setRetries(m.retries);
  w.setCrashes(m.crashes);
  put<std::uint32_t>(w.initWantedBy(count(m.wanted_by)), m.wanted_by);
  put<std::uint32_t>(w.initHolders(count(m.holders)), m.holders);
  w.setError(text(m.error));
}

void fill(wire::Transition::Builder w, const Transition& m) {
  w.setTask(m.task.value);
  w.setAtNs(m.at_ns);
  w.setFrom(text(m.from));
  w.setTo(text(m.to));
  w.setCause(text(m.cause));
  w.setRun(m.run.value);
  w.setWorker(m.worker.value);
}

void fill(wire::PrefixDuration::Builder w, const PrefixDuration& m) {
  w.setPrefix(name(m.prefix, "prefix"));
  w.setMeanUs(m.mean_us);
  w.setDeviationUs(m.deviation_us);
  w.setFinished(m.finished);
  w.setLeft(m.left);
}

}  // namespace

void fill(wire::LogLine::Builder w, const LogLine& m) {
  w.setNumber(m.number);
  w.setUnixUs(m.unix_us);
  w.setLevel(m.level);
  w.setTask(m.about.task.value);
  w.setText(text(m.text));
  w.setClient(m.about.client.value);
  codec::fill_span(w, m.about.span);
  w.setEvent(text(m.about.event));
}

void fill(wire::QueryReply::Builder w, const QueryReply& m) {
  w.setRequest(m.request.value);
  if (m.error) codec::fill(w.initError(), *m.error);
  if (m.summary) fill(w.initSummary(), *m.summary);
  auto holders = w.initHolders(count(m.holders));
  for (unsigned i = 0; i < m.holders.size(); ++i) {
    auto workers = holders[i].initWorkers(count(m.holders[i]));
    for (unsigned j = 0; j < m.holders[i].size(); ++j) codec::fill(workers[j], m.holders[i][j]);
  }
  auto tasks = w.initTasks(count(m.tasks));
  for (unsigned i = 0; i < m.tasks.size(); ++i) fill(tasks[i], m.tasks[i]);
  auto lines = w.initLines(count(m.lines));
  for (unsigned i = 0; i < m.lines.size(); ++i) lines.set(i, text(m.lines[i]));
  w.setCode(name(m.code, "reason code"));
  auto details = w.initDetails(count(m.details));
  for (unsigned i = 0; i < m.details.size(); ++i) fill(details[i], m.details[i]);
  auto transitions = w.initTransitions(count(m.transitions));
  for (unsigned i = 0; i < m.transitions.size(); ++i) fill(transitions[i], m.transitions[i]);
  auto log = w.initLog(count(m.log));
  for (unsigned i = 0; i < m.log.size(); ++i) codec::fill(log[i], m.log[i]);
  w.setNext(m.next);
  auto durations = w.initDurations(count(m.durations));
  for (unsigned i = 0; i < m.durations.size(); ++i) fill(durations[i], m.durations[i]);
  w.setSlots(m.slots);
}

// ---- reading ---------------------------------------------------------------------------------------------------

namespace {

WorkerSummary read(Input& in, wire::WorkerSummary::Reader r) {
  WorkerSummary m;
  m.address = codec::read(in, r.getAddress());
  m.pid = r.getPid();
  m.threads = r.getThreads();
  m.status = in.enumerator(r.getStatus(), WorkerStatus::closing, "status");
  m.memory_limit = r.getMemoryLimit();
  m.managed_bytes = r.getManagedBytes();
  m.process_bytes = r.getProcessBytes();
  m.processing = r.getProcessing();
  m.executing = r.getExecuting();
  m.stored = r.getStored();
  m.finished = r.getFinished();
  m.last_seen_ms = r.getLastSeenMs();
  m.resources = codec::read(in, r.getResources());
  m.modules = codec::read(in, r.getModules());
  m.spilled_bytes = r.getSpilledBytes();
  m.unmanaged_old_bytes = r.getUnmanagedOldBytes();
  return m;
}

std::shared_ptr<const SchedulerSummary> read(Input& in, wire::SchedulerSummary::Reader r) {
  SchedulerSummary m;
  m.cluster = codec::read(in, r.getCluster());
  m.epoch = {r.getEpoch()};
  m.address = in.name(r.getAddress(), "scheduler address");
  m.version = in.name(r.getVersion(), "version");
  const auto workers = r.getWorkers();
  in.reserve(workers, m.workers);
  for (const auto worker : workers) m.workers.push_back(read(in, worker));
  m.clients = r.getClients();
  in.numbers(r.getTasksByState(), m.tasks_by_state);
  m.finished = r.getFinished();
  m.erred = r.getErred();
  return std::make_shared<const SchedulerSummary>(std::move(m));
}

TaskSummary read(Input& in, wire::TaskSummary::Reader r) {
  TaskSummary m;
  m.task = {r.getTask()};
  m.key = in.text(r.getKey(), "key");
  m.state = in.text(r.getState(), "state");
  m.worker = in.text(r.getWorker(), "worker");
  m.nbytes = r.getNbytes();
  m.waiting_for = r.getWaitingFor();
  m.run = r.getRun();
  return m;
}

TaskDetail read(Input& in, wire::TaskDetail::Reader r) {
  TaskDetail m;
  m.summary = read(in, r.getSummary());
  m.prefix = in.text(r.getPrefix(), "prefix");
  m.priority = {r.getUser(), r.getGeneration(), r.getRank()};
  in.numbers(r.getDependencies(), m.dependencies);
  m.dependents = r.getDependents();
  m.retries = r.getRetries();
  m.crashes = r.getCrashes();
  in.numbers(r.getWantedBy(), m.wanted_by);
  in.numbers(r.getHolders(), m.holders);
  m.error = in.text(r.getError(), "error");
  return m;
}

Transition read(Input& in, wire::Transition::Reader r) {
  Transition m;
  m.task = {r.getTask()};
  m.at_ns = r.getAtNs();
  m.from = in.text(r.getFrom(), "state");
  m.to = in.text(r.getTo(), "state");
  m.cause = in.text(r.getCause(), "cause");
  m.run = {r.getRun()};
  m.worker = {r.getWorker()};
  return m;
}

PrefixDuration read(Input& in, wire::PrefixDuration::Reader r) {
  return {in.name(r.getPrefix(), "prefix"), r.getMeanUs(), r.getDeviationUs(), r.getFinished(), r.getLeft()};
}

}  // namespace

LogLine read(Input& in, wire::LogLine::Reader r) {
  return {r.getNumber(),
          r.getUnixUs(),
          in.enumerator(r.getLevel(), std::uint8_t{3}, "level"),
          in.text(r.getText(), "text"),
          {{r.getTask()}, {r.getClient()}, read_span(in, r), in.text(r.getEvent(), "event")}};
}

QueryReply read(Input& in, wire::QueryReply::Reader r) {
  in.begin("QueryReply");
  QueryReply m;
  m.request = {r.getRequest()};
  if (r.hasError()) m.error = codec::read(in, r.getError());
  if (r.hasSummary()) m.summary = read(in, r.getSummary());
  const auto holders = r.getHolders();
  in.reserve(holders, m.holders);
  for (const auto each : holders) {
    const auto workers = each.getWorkers();
    auto& list = m.holders.emplace_back();
    in.reserve(workers, list);
    for (const auto worker : workers) list.push_back(codec::read(in, worker));
  }
  const auto tasks = r.getTasks();
  in.reserve(tasks, m.tasks);
  for (const auto task : tasks) m.tasks.push_back(read(in, task));
  const auto lines = r.getLines();
  in.reserve(lines, m.lines);
  for (const auto line : lines) m.lines.push_back(in.text(line, "line"));
  m.code = in.name(r.getCode(), "reason code");
  const auto details = r.getDetails();
  in.reserve(details, m.details);
  for (const auto detail : details) m.details.push_back(read(in, detail));
  const auto transitions = r.getTransitions();
  in.reserve(transitions, m.transitions);
  for (const auto transition : transitions) m.transitions.push_back(read(in, transition));
  const auto log = r.getLog();
  in.reserve(log, m.log);
  for (const auto line : log) m.log.push_back(codec::read(in, line));
  m.next = r.getNext();
  const auto durations = r.getDurations();
  in.reserve(durations, m.durations);
  for (const auto duration : durations) m.durations.push_back(read(in, duration));
  m.slots = r.getSlots();
  return m;
}

}  // namespace troupe::codec
