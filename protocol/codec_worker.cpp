// Worker <-> scheduler.

#include "protocol/codec_detail.hpp"

namespace troupe::codec {
namespace {

static_assert(sizeof(Priority) == 12 && alignof(Priority) == 4, "three words on the wire");

// ---- writing ---------------------------------------------------------------------------------------------------

void fill(wire::RegisterWorker::Builder w, const RegisterWorker& m) {
  w.setName(name(m.name, "worker name"));
  w.setIncarnation(m.incarnation.value);
  w.setAddress(name(m.address, "worker address"));
  w.setHost(name(m.host, "host name"));
  w.setHttpAddress(name(m.http_address, "http address"));
  w.setPid(m.pid);
  w.setThreads(m.threads);
  w.setMemoryLimit(m.memory_limit);
  w.setNannied(m.nannied);
  w.setAllowUploads(m.allow_uploads);
  codec::fill(w.initResources(count(m.resources)), m.resources);
  codec::fill(w.initModules(count(m.modules)), m.modules);
}

void fill(wire::TasksFinished::Builder w, const TasksFinished& m) {
  put<std::uint64_t>(w.initTasks(count(m.tasks)), m.tasks);
  put<std::uint32_t>(w.initRuns(count(m.runs)), m.runs);
  put<std::uint64_t>(w.initNbytes(count(m.nbytes)), m.nbytes);
  put<std::uint32_t>(w.initDurationUs(count(m.duration_us)), m.duration_us);
  if (!m.values.offsets.empty()) codec::fill(w.initValues(), m.values);
  put<std::uint32_t>(w.initAgeUs(count(m.age_us)), m.age_us);
  put<std::uint16_t>(w.initThreads(count(m.threads)), m.threads);
}

void fill(wire::TasksErred::Builder w, const TasksErred& m) {
  put<std::uint64_t>(w.initTasks(count(m.tasks)), m.tasks);
  put<std::uint32_t>(w.initRuns(count(m.runs)), m.runs);
  codec::fill(w.initErrors(), m.errors);
  put<std::uint32_t>(w.initDurationUs(count(m.duration_us)), m.duration_us);
  put<std::uint32_t>(w.initAgeUs(count(m.age_us)), m.age_us);
  put<std::uint16_t>(w.initThreads(count(m.threads)), m.threads);
}

void fill(wire::FunctionRan::Builder w, const FunctionRan& m) {
  w.setRequest(m.request.value);
  w.setValue(data(m.value));
  if (m.error) codec::fill(w.initError(), *m.error);
}

void fill(wire::WorkerRegistered::Builder w, const WorkerRegistered& m) {
  w.setWorker(m.worker.value);
  w.setEpoch(m.epoch.value);
  w.setHeartbeatMs(m.heartbeat_ms);
  if (m.error) codec::fill(w.initError(), *m.error);
}

void fill(wire::DefineTemplates::Builder w, const DefineTemplates& m) {
  put<std::uint32_t>(w.initIds(count(m.ids)), m.ids);
  auto templates = w.initTemplates(count(m.templates));
  for (unsigned i = 0; i < m.templates.size(); ++i) codec::fill(templates[i], m.templates[i]);
}

void fill(wire::ComputeTasks::Builder w, const ComputeTasks& m) {
  put<std::uint64_t>(w.initTasks(count(m.tasks)), m.tasks);
  put<std::uint32_t>(w.initRuns(count(m.runs)), m.runs);
  put<std::uint32_t>(w.initTemplates(count(m.templates)), m.templates);
  put<std::uint32_t>(w.initPriorities(3 * count(m.priorities)), m.priorities);
  put<std::uint8_t>(w.initInlineWanted(count(m.inline_wanted)), m.inline_wanted);
  put<std::uint32_t>(w.initArgumentOffsets(count(m.argument_offsets)), m.argument_offsets);
  if (!m.arguments.empty()) w.setArguments(data(m.arguments));
  put<std::uint32_t>(w.initInputOffsets(count(m.input_offsets)), m.input_offsets);
  put<std::uint64_t>(w.initInputs(count(m.inputs)), m.inputs);
  put<std::uint32_t>(w.initInputHolders(count(m.input_holders)), m.input_holders);
  put<std::uint64_t>(w.initInputNbytes(count(m.input_nbytes)), m.input_nbytes);
  if (m.origins.empty()) return;
  auto origins = w.initOrigins(count(m.origins));
  for (unsigned i = 0; i < m.origins.size(); ++i) {
    origins[i].setGroup(m.origins[i].group);
    origins[i].setClient(m.origins[i].client.value);
    codec::fill_span(origins[i], m.origins[i].span);
  }
}

void fill(wire::AcquireReplicas::Builder w, const AcquireReplicas& m) {
  put<std::uint64_t>(w.initTasks(count(m.tasks)), m.tasks);
  put<std::uint32_t>(w.initHolders(count(m.holders)), m.holders);
  put<std::uint64_t>(w.initNbytes(count(m.nbytes)), m.nbytes);
}

void fill(wire::RunFunction::Builder w, const RunFunction& m) {
  w.setRequest(m.request.value);
  codec::fill(w.initFunction(), m.function);
  w.setArguments(data(m.arguments));
}

void fill(wire::ShareModules::Builder w, const ShareModules& m) {
  w.setTo(name(m.to, "worker address"));
  codec::fill(w.initNames(count(m.names)), m.names, "module name");
  put<std::uint64_t>(w.initBuilds(count(m.builds)), m.builds);
}

/// Tasks and their runs, of any message that is made of these.
template <class Builder, class Message>
void fill_runs(Builder w, const Message& m) {
  put<std::uint64_t>(w.initTasks(count(m.tasks)), m.tasks);
  put<std::uint32_t>(w.initRuns(count(m.runs)), m.runs);
}

/// Tasks and a holder of each.
template <class Builder, class Message>
void fill_holders(Builder w, const Message& m) {
  put<std::uint64_t>(w.initTasks(count(m.tasks)), m.tasks);
  put<std::uint32_t>(w.initHolders(count(m.holders)), m.holders);
}

}  // namespace

void write(wire::WorkerMessage::Builder w, const WorkerMessage& message) {
  std::visit(
      Overloaded{
          [&](const RegisterWorker& m) { fill(w.initRegisterWorker(), m); },
          [&](const TasksFinished& m) { fill(w.initTasksFinished(), m); },
          [&](const TasksErred& m) { fill(w.initTasksErred(), m); },
          [&](const ReplicasAdded& m) {
            auto added = w.initReplicasAdded();
            put<std::uint64_t>(added.initTasks(count(m.tasks)), m.tasks);
            put<std::uint64_t>(added.initNbytes(count(m.nbytes)), m.nbytes);
          },
          [&](const ReplicasRemoved& m) {
            put<std::uint64_t>(w.initReplicasRemoved().initTasks(count(m.tasks)), m.tasks);
          },
          [&](const InputsMissing& m) { fill_holders(w.initInputsMissing(), m); },
          [&](const StealReply& m) {
            auto reply = w.initStealReply();
            fill_runs(reply, m);
            put<std::uint8_t>(reply.initReleased(count(m.released)), m.released);
            put<std::uint8_t>(reply.initRefusals(count(m.refusals)), m.refusals);
          },
          [&](const TasksSeceded& m) {
            auto seceded = w.initTasksSeceded();
            fill_runs(seceded, m);
            put<std::uint8_t>(seceded.initRejoined(count(m.rejoined)), m.rejoined);
          },
          [&](const Heartbeat& m) { fill(w.initHeartbeat(), m); },
          [&](const WorkerStatusChanged& m) {
            w.initWorkerStatusChanged().setStatus(static_cast<std::uint8_t>(m.status));
          },
          [&](const ModulesAdded& m) { codec::fill(w.initModulesAdded().initModules(count(m.modules)), m.modules); },
          [&](const FunctionRan& m) { fill(w.initFunctionRan(), m); },
          [&](const Goodbye& m) { w.initGoodbye().setReason(text(m.reason)); },
          [&](const Leaving& m) { w.initLeaving().setReason(text(m.reason)); },
          [&](const TimeSpent& m) { fill(w.initTimeSpent(), m); },
      },
      message);
}

void write(wire::ToWorker::Builder w, const ToWorker& message) {
  std::visit(
      Overloaded{
          [&](const WorkerRegistered& m) { fill(w.initWorkerRegistered(), m); },
          [&](const DefineTemplates& m) { fill(w.initDefineTemplates(), m); },
          [&](const ForgetTemplates& m) { put<std::uint32_t>(w.initForgetTemplates().initIds(count(m.ids)), m.ids); },
          [&](const ComputeTasks& m) { fill(w.initComputeTasks(), m); },
          [&](const FreeKeys& m) { put<std::uint64_t>(w.initFreeKeys().initTasks(count(m.tasks)), m.tasks); },
          [&](const CancelCompute& m) { fill_runs(w.initCancelCompute(), m); },
          [&](const StealTasks& m) { fill_runs(w.initStealTasks(), m); },
          [&](const AcquireReplicas& m) { fill(w.initAcquireReplicas(), m); },
          [&](const WhoHas& m) { fill_holders(w.initWhoHas(), m); },
          [&](const WorkerAddresses& m) { codec::fill(w.initWorkerAddresses(), m); },
          [&](const WorkersLost& m) {
            put<std::uint32_t>(w.initWorkersLost().initWorkers(count(m.workers)), m.workers);
          },
          [&](const RunFunction& m) { fill(w.initRunFunction(), m); },
          [&](const ShareModules& m) { fill(w.initShareModules(), m); },
          [&](const CloseWorker& m) {
            auto close = w.initCloseWorker();
            close.setDrain(m.drain);
            close.setReason(text(m.reason));
          },
          [&](const HeartbeatSeen& m) {
            auto seen = w.initHeartbeatSeen();
            seen.setSentNs(m.sent_ns);
            seen.setUnixNs(m.unix_ns);
          },
      },
      message);
}

std::size_t expected_bytes(const WorkerMessage& message) {
  return std::visit(
      Overloaded{
          [](const TasksFinished& m) {
            return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.runs) + list_bytes(m.nbytes) +
                   list_bytes(m.duration_us) + list_bytes(m.values) + list_bytes(m.age_us) + list_bytes(m.threads);
          },
          [](const TasksErred& m) { return 4 * fixed_bytes + 3 * list_bytes(m.tasks) + 2 * list_bytes(m.runs); },
          [](const ReplicasAdded& m) { return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.nbytes); },
          [](const ReplicasRemoved& m) { return fixed_bytes + list_bytes(m.tasks); },
          [](const InputsMissing& m) { return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.holders); },
          [](const StealReply& m) {
            return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.runs) + list_bytes(m.released) +
                   list_bytes(m.refusals);
          },
          [](const TasksSeceded& m) {
            return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.runs) + list_bytes(m.rejoined);
          },
          [](const Heartbeat& m) { return (1 + m.surroundings.gpus.size()) * fixed_bytes; },
          [](const FunctionRan& m) { return fixed_bytes + list_bytes(m.value); },
          [](const TimeSpent& m) { return (1 + m.functions.size() + m.sources.size() + m.types.size()) * fixed_bytes; },
          [](const auto&) { return fixed_bytes; },
      },
      message);
}

std::size_t expected_bytes(const ToWorker& message) {
  return std::visit(
      Overloaded{
          [](const DefineTemplates& m) {
            auto bytes = fixed_bytes + list_bytes(m.ids);
            for (const auto& each : m.templates)
              bytes += fixed_bytes + list_bytes(each.arguments) + list_bytes(each.function.payload);
            return bytes;
          },
          [](const ForgetTemplates& m) { return fixed_bytes + list_bytes(m.ids); },
          [](const ComputeTasks& m) {
            return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.runs) + list_bytes(m.templates) +
                   list_bytes(m.priorities) + list_bytes(m.inline_wanted) + list_bytes(m.argument_offsets) +
                   list_bytes(m.arguments) + list_bytes(m.input_offsets) + list_bytes(m.inputs) +
                   list_bytes(m.input_holders) + list_bytes(m.input_nbytes) + list_bytes(m.origins);
          },
          [](const FreeKeys& m) { return fixed_bytes + list_bytes(m.tasks); },
          [](const CancelCompute& m) { return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.runs); },
          [](const StealTasks& m) { return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.runs); },
          [](const AcquireReplicas& m) {
            return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.holders) + list_bytes(m.nbytes);
          },
          [](const WhoHas& m) { return fixed_bytes + list_bytes(m.tasks) + list_bytes(m.holders); },
          [](const WorkersLost& m) { return fixed_bytes + list_bytes(m.workers); },
          [](const RunFunction& m) { return fixed_bytes + list_bytes(m.arguments) + list_bytes(m.function.payload); },
          [](const auto&) { return fixed_bytes; },
      },
      message);
}

// ---- reading ---------------------------------------------------------------------------------------------------

namespace {

template <class Message, class Reader>
Message read_tasks(Input& in, Reader r, std::string_view message) {
  in.begin(message);
  Message m;
  in.numbers(r.getTasks(), m.tasks);
  return m;
}

template <class Message, class Reader>
Message read_runs(Input& in, Reader r, std::string_view message) {
  auto m = read_tasks<Message>(in, r, message);
  in.numbers(r.getRuns(), m.runs, m.tasks.size(), "runs");
  return m;
}

template <class Message, class Reader>
Message read_holders(Input& in, Reader r, std::string_view message) {
  auto m = read_tasks<Message>(in, r, message);
  in.numbers(r.getHolders(), m.holders, m.tasks.size(), "holders");
  return m;
}

/// When and where runs ended; a worker may leave it out.
template <class Message, class Reader>
void read_times(Input& in, Reader r, Message& m) {
  if (r.getAgeUs().size() > 0) in.numbers(r.getAgeUs(), m.age_us, m.tasks.size(), "ages");
  if (r.getThreads().size() > 0) in.numbers(r.getThreads(), m.threads, m.tasks.size(), "threads");
}

RegisterWorker read(Input& in, wire::RegisterWorker::Reader r) {
  in.begin("RegisterWorker");
  RegisterWorker m;
  m.name = in.name(r.getName(), "worker name");
  m.incarnation = {r.getIncarnation()};
  m.address = in.name(r.getAddress(), "worker address");
  m.host = in.name(r.getHost(), "host name");
  m.http_address = in.name(r.getHttpAddress(), "http address");
  m.pid = r.getPid();
  m.threads = r.getThreads();
  m.memory_limit = r.getMemoryLimit();
  m.nannied = r.getNannied();
  m.allow_uploads = r.getAllowUploads();
  m.resources = codec::read(in, r.getResources());
  m.modules = codec::read(in, r.getModules());
  return m;
}

TasksFinished read(Input& in, wire::TasksFinished::Reader r) {
  auto m = read_runs<TasksFinished>(in, r, "TasksFinished");
  in.numbers(r.getNbytes(), m.nbytes, m.tasks.size(), "nbytes");
  in.numbers(r.getDurationUs(), m.duration_us, m.tasks.size(), "durations");
  if (r.hasValues()) m.values = codec::read(in, r.getValues(), m.tasks.size());
  read_times(in, r, m);
  return m;
}

TasksErred read(Input& in, wire::TasksErred::Reader r) {
  auto m = read_runs<TasksErred>(in, r, "TasksErred");
  m.errors = codec::read(in, r.getErrors(), m.tasks.size());
  if (r.getDurationUs().size() > 0) in.numbers(r.getDurationUs(), m.duration_us, m.tasks.size(), "durations");
  read_times(in, r, m);
  return m;
}

ReplicasAdded read(Input& in, wire::ReplicasAdded::Reader r) {
  auto m = read_tasks<ReplicasAdded>(in, r, "ReplicasAdded");
  in.numbers(r.getNbytes(), m.nbytes, m.tasks.size(), "nbytes");
  return m;
}

StealReply read(Input& in, wire::StealReply::Reader r) {
  auto m = read_runs<StealReply>(in, r, "StealReply");
  in.numbers(r.getReleased(), m.released, m.tasks.size(), "released");
  in.flags(m.released, "released");
  if (const auto refusals = r.getRefusals(); refusals.size() > 0) {
    in.numbers(refusals, m.refusals, m.tasks.size(), "refusals");
    for (const auto refusal : refusals) in.enumerator(refusal, StealRefusal::absent, "refusals");
  }
  return m;
}

TasksSeceded read(Input& in, wire::TasksSeceded::Reader r) {
  auto m = read_runs<TasksSeceded>(in, r, "TasksSeceded");
  in.numbers(r.getRejoined(), m.rejoined, m.tasks.size(), "rejoined");
  in.flags(m.rejoined, "rejoined");
  return m;
}

FunctionRan read(Input& in, wire::FunctionRan::Reader r) {
  in.begin("FunctionRan");
  FunctionRan m;
  m.request = {r.getRequest()};
  m.value = in.bytes(r.getValue());
  if (r.hasError()) m.error = std::make_shared<const TaskError>(codec::read(in, r.getError()));
  return m;
}

WorkerRegistered read(Input& in, wire::WorkerRegistered::Reader r) {
  in.begin("WorkerRegistered");
  WorkerRegistered m{{r.getWorker()}, {r.getEpoch()}, r.getHeartbeatMs(), {}};
  if (r.hasError()) m.error = codec::read(in, r.getError());
  return m;
}

DefineTemplates read(Input& in, wire::DefineTemplates::Reader r) {
  in.begin("DefineTemplates");
  DefineTemplates m;
  const auto templates = r.getTemplates();
  in.numbers(r.getIds(), m.ids, templates.size(), "ids");
  in.reserve(templates, m.templates);
  for (const auto each : templates) m.templates.push_back(codec::read(in, each));
  return m;
}

ComputeTasks read(Input& in, wire::ComputeTasks::Reader r) {
  auto m = read_runs<ComputeTasks>(in, r, "ComputeTasks");
  const auto tasks = m.tasks.size();
  in.numbers(r.getTemplates(), m.templates, tasks, "templates");
  const auto words = r.getPriorities();
  if (words.size() != 3 * tasks) in.refuse("priorities has {} words for {} tasks", words.size(), tasks);
  in.charge(tasks * sizeof(Priority));
  const auto raw = capnp::AnyList::Reader(words).getRawBytes();
  if (raw.size() != tasks * sizeof(Priority)) in.refuse("priorities do not lie in one piece");
  const auto* priorities = reinterpret_cast<const Priority*>(raw.begin());
  m.priorities.assign(priorities, priorities + tasks);
  if (const auto wanted = r.getInlineWanted(); wanted.size() != 0) {
    in.numbers(wanted, m.inline_wanted, tasks, "inline_wanted");
    in.flags(m.inline_wanted, "inline_wanted");
  }
  in.numbers(r.getArgumentOffsets(), m.argument_offsets);
  m.arguments = in.bytes(r.getArguments());
  in.offsets(m.argument_offsets, tasks, m.arguments.size(), "argument offsets");
  in.numbers(r.getInputOffsets(), m.input_offsets);
  in.numbers(r.getInputs(), m.inputs);
  in.offsets(m.input_offsets, tasks, m.inputs.size(), "input offsets");
  in.numbers(r.getInputHolders(), m.input_holders, m.inputs.size(), "input holders");
  in.numbers(r.getInputNbytes(), m.input_nbytes, m.inputs.size(), "input sizes");
  const auto origins = r.getOrigins();
  in.reserve(origins, m.origins);
  for (const auto origin : origins)
    m.origins.push_back({origin.getGroup(), {origin.getClient()}, read_span(in, origin)});
  return m;
}

AcquireReplicas read(Input& in, wire::AcquireReplicas::Reader r) {
  auto m = read_holders<AcquireReplicas>(in, r, "AcquireReplicas");
  in.numbers(r.getNbytes(), m.nbytes, m.tasks.size(), "nbytes");
  return m;
}

WorkersLost read(Input& in, wire::WorkersLost::Reader r) {
  in.begin("WorkersLost");
  WorkersLost m;
  in.numbers(r.getWorkers(), m.workers);
  return m;
}

ForgetTemplates read(Input& in, wire::ForgetTemplates::Reader r) {
  in.begin("ForgetTemplates");
  ForgetTemplates m;
  in.numbers(r.getIds(), m.ids);
  return m;
}

ShareModules read(Input& in, wire::ShareModules::Reader r) {
  in.begin("ShareModules");
  ShareModules m;
  m.to = in.name(r.getTo(), "worker address");
  m.names = read_names(in, r.getNames(), "module name");
  in.numbers(r.getBuilds(), m.builds, m.names.size(), "builds");
  return m;
}

RunFunction read(Input& in, wire::RunFunction::Reader r) {
  in.begin("RunFunction");
  RunFunction m;
  m.request = {r.getRequest()};
  m.function = codec::read(in, r.getFunction());
  m.arguments = in.bytes(r.getArguments());
  return m;
}

}  // namespace

WorkerMessage read(Input& in, wire::WorkerMessage::Reader r) {
  in.begin("WorkerMessage");
  switch (r.which()) {
    case wire::WorkerMessage::REGISTER_WORKER: return read(in, r.getRegisterWorker());
    case wire::WorkerMessage::TASKS_FINISHED: return read(in, r.getTasksFinished());
    case wire::WorkerMessage::TASKS_ERRED: return read(in, r.getTasksErred());
    case wire::WorkerMessage::REPLICAS_ADDED: return read(in, r.getReplicasAdded());
    case wire::WorkerMessage::REPLICAS_REMOVED:
      return read_tasks<ReplicasRemoved>(in, r.getReplicasRemoved(), "ReplicasRemoved");
    case wire::WorkerMessage::INPUTS_MISSING:
      return read_holders<InputsMissing>(in, r.getInputsMissing(), "InputsMissing");
    case wire::WorkerMessage::STEAL_REPLY: return read(in, r.getStealReply());
    case wire::WorkerMessage::TASKS_SECEDED: return read(in, r.getTasksSeceded());
    case wire::WorkerMessage::HEARTBEAT: return read(in, r.getHeartbeat());
    case wire::WorkerMessage::WORKER_STATUS_CHANGED:
      return WorkerStatusChanged{
          in.enumerator(r.getWorkerStatusChanged().getStatus(), WorkerStatus::closing, "status")};
    case wire::WorkerMessage::MODULES_ADDED: return ModulesAdded{read(in, r.getModulesAdded().getModules())};
    case wire::WorkerMessage::FUNCTION_RAN: return read(in, r.getFunctionRan());
    case wire::WorkerMessage::GOODBYE: return Goodbye{in.text(r.getGoodbye().getReason(), "reason")};
    case wire::WorkerMessage::LEAVING: return Leaving{in.text(r.getLeaving().getReason(), "reason")};
    case wire::WorkerMessage::TIME_SPENT: return read(in, r.getTimeSpent());
  }
  in.refuse("unknown verb {}", static_cast<unsigned>(r.which()));
}

ToWorker read(Input& in, wire::ToWorker::Reader r) {
  in.begin("ToWorker");
  switch (r.which()) {
    case wire::ToWorker::WORKER_REGISTERED: return read(in, r.getWorkerRegistered());
    case wire::ToWorker::DEFINE_TEMPLATES: return read(in, r.getDefineTemplates());
    case wire::ToWorker::FORGET_TEMPLATES: return read(in, r.getForgetTemplates());
    case wire::ToWorker::COMPUTE_TASKS: return read(in, r.getComputeTasks());
    case wire::ToWorker::FREE_KEYS: return read_tasks<FreeKeys>(in, r.getFreeKeys(), "FreeKeys");
    case wire::ToWorker::CANCEL_COMPUTE: return read_runs<CancelCompute>(in, r.getCancelCompute(), "CancelCompute");
    case wire::ToWorker::STEAL_TASKS: return read_runs<StealTasks>(in, r.getStealTasks(), "StealTasks");
    case wire::ToWorker::ACQUIRE_REPLICAS: return read(in, r.getAcquireReplicas());
    case wire::ToWorker::WHO_HAS: return read_holders<WhoHas>(in, r.getWhoHas(), "WhoHas");
    case wire::ToWorker::WORKER_ADDRESSES: return read(in, r.getWorkerAddresses());
    case wire::ToWorker::WORKERS_LOST: return read(in, r.getWorkersLost());
    case wire::ToWorker::RUN_FUNCTION: return read(in, r.getRunFunction());
    case wire::ToWorker::CLOSE_WORKER:
      return CloseWorker{r.getCloseWorker().getDrain(), in.text(r.getCloseWorker().getReason(), "reason")};
    case wire::ToWorker::SHARE_MODULES: return read(in, r.getShareModules());
    case wire::ToWorker::HEARTBEAT_SEEN:
      return HeartbeatSeen{r.getHeartbeatSeen().getSentNs(), r.getHeartbeatSeen().getUnixNs()};
  }
  in.refuse("unknown verb {}", static_cast<unsigned>(r.which()));
}

}  // namespace troupe::codec
