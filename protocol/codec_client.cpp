// Client <-> scheduler.

#include "protocol/codec_detail.hpp"

namespace troupe::codec {
namespace {

// ---- writing ---------------------------------------------------------------------------------------------------

void fill(wire::SubmitGraph::Builder w, const SubmitGraph& m) {
  TROUPE_ASSERT(m.chunk != nullptr, "SubmitGraph without a chunk");
  w.setSubmission(m.submission);
  w.setGraph(m.graph);
  w.setLast(m.last);
  codec::fill(w.initToken(), m.token);
  w.setName(name(m.name, "key"));
  codec::fill(w.initChunk(), *m.chunk);
  put<std::uint32_t>(w.initHeld(count(m.held)), m.held);
  w.setParent(m.parent.value);
  codec::fill_span(w, m.span);
}

void fill(wire::CancelKeys::Builder w, const CancelKeys& m) {
  codec::fill(w.initKeys(), m.keys);
  w.setForce(m.force);
  w.setReason(text(m.reason));
}

void fill(wire::ScatterKeys::Builder w, const ScatterKeys& m) {
  w.setSubmission(m.submission);
  codec::fill(w.initToken(), m.token);
  put<std::uint64_t>(w.initNbytes(count(m.nbytes)), m.nbytes);
  w.setReplicas(m.replicas);
  codec::fill(w.initWorkers(count(m.workers)), m.workers, "worker name");
}

void fill(wire::Query::Builder w, const Query& m) {
  w.setRequest(m.request.value);
  w.setKind(static_cast<std::uint8_t>(m.kind));
  put<std::uint64_t>(w.initKeys(count(m.keys)), m.keys);
  w.setCount(m.count);
  w.setText(text(m.text));
  w.setAfter(m.after);
}

void fill(wire::RunOnWorkers::Builder w, const RunOnWorkers& m) {
  w.setRequest(m.request.value);
  codec::fill(w.initFunction(), m.function);
  w.setArguments(data(m.arguments));
  codec::fill(w.initWorkers(count(m.workers)), m.workers, "worker name");
}

void fill(wire::Replicate::Builder w, const Replicate& m) {
  w.setRequest(m.request.value);
  put<std::uint64_t>(w.initKeys(count(m.keys)), m.keys);
  w.setCopies(m.copies);
  w.setBranching(m.branching);
  codec::fill(w.initWorkers(count(m.workers)), m.workers, "worker name");
}

void fill(wire::Rebalance::Builder w, const Rebalance& m) {
  w.setRequest(m.request.value);
  put<std::uint64_t>(w.initKeys(count(m.keys)), m.keys);
  codec::fill(w.initWorkers(count(m.workers)), m.workers, "worker name");
}

void fill(wire::RetireWorkers::Builder w, const RetireWorkers& m) {
  w.setRequest(m.request.value);
  codec::fill(w.initWorkers(count(m.workers)), m.workers, "worker name");
  w.setCount(m.count);
}

void fill(wire::RestartWorkers::Builder w, const RestartWorkers& m) {
  w.setRequest(m.request.value);
  codec::fill(w.initWorkers(count(m.workers)), m.workers, "worker name");
  w.setPatienceMs(m.patience_ms);
}

void fill(wire::ControlTasks::Builder w, const ControlTasks& m) {
  w.setRequest(m.request.value);
  w.setControl(static_cast<std::uint8_t>(m.control));
  codec::fill(w.initTasks(count(m.tasks)), m.tasks, "task");
  w.setReason(text(m.reason));
}

void fill(wire::Accepted::Builder w, const Accepted& m) {
  w.setSubmission(m.submission);
  w.setGroup(m.group);
  if (m.error) codec::fill(w.initError(), *m.error);
}

void fill(wire::KeysReady::Builder w, const KeysReady& m) {
  put<std::uint64_t>(w.initKeys(count(m.keys)), m.keys);
  put<std::uint32_t>(w.initWorkers(count(m.workers)), m.workers);
  put<std::uint64_t>(w.initNbytes(count(m.nbytes)), m.nbytes);
  if (!m.values.offsets.empty()) codec::fill(w.initValues(), m.values);
}

void fill(wire::ScatterTargets::Builder w, const ScatterTargets& m) {
  w.setSubmission(m.submission);
  w.setGroup(m.group);
  put<std::uint32_t>(w.initOffsets(count(m.offsets)), m.offsets);
  put<std::uint32_t>(w.initTargets(count(m.targets)), m.targets);
  if (m.error) codec::fill(w.initError(), *m.error);
}

void fill(wire::RunReply::Builder w, const RunReply& m) {
  w.setRequest(m.request.value);
  auto outcomes = w.initOutcomes(count(m.outcomes));
  for (unsigned i = 0; i < m.outcomes.size(); ++i) {
    codec::fill(outcomes[i].initWorker(), m.outcomes[i].worker);
    outcomes[i].setValue(data(m.outcomes[i].value));
    if (m.outcomes[i].error) codec::fill(outcomes[i].initError(), *m.outcomes[i].error);
  }
}

}  // namespace

void write(wire::ClientMessage::Builder w, const ClientMessage& message) {
  std::visit(Overloaded{
                 [&](const RegisterClient& m) { w.initRegisterClient().setName(name(m.name, "client name")); },
                 [&](const SubmitGraph& m) { fill(w.initSubmitGraph(), m); },
                 [&](const ReleaseKeys& m) { codec::fill(w.initReleaseKeys().initKeys(), m.keys); },
                 [&](const CancelKeys& m) { fill(w.initCancelKeys(), m); },
                 [&](const RetryKeys& m) { codec::fill(w.initRetryKeys().initKeys(), m.keys); },
                 [&](const ScatterKeys& m) { fill(w.initScatterKeys(), m); },
                 [&](const Query& m) { fill(w.initQuery(), m); },
                 [&](const RunOnWorkers& m) { fill(w.initRunOnWorkers(), m); },
                 [&](const Shutdown&) { w.setShutdown(); },
                 [&](const Goodbye& m) { w.initGoodbye().setReason(text(m.reason)); },
                 [&](const Replicate& m) { fill(w.initReplicate(), m); },
                 [&](const Rebalance& m) { fill(w.initRebalance(), m); },
                 [&](const RetireWorkers& m) { fill(w.initRetireWorkers(), m); },
                 [&](const RestartWorkers& m) { fill(w.initRestartWorkers(), m); },
                 [&](const ControlTasks& m) { fill(w.initControlTasks(), m); },
             },
             message);
}

void write(wire::ToClient::Builder w, const ToClient& message) {
  std::visit(Overloaded{
                 [&](const ClientRegistered& m) {
                   auto registered = w.initClientRegistered();
                   registered.setClient(m.client.value);
                   registered.setEpoch(m.epoch.value);
                 },
                 [&](const Accepted& m) { fill(w.initAccepted(), m); },
                 [&](const KeysReady& m) { fill(w.initKeysReady(), m); },
                 [&](const KeysErred& m) {
                   auto erred = w.initKeysErred();
                   put<std::uint64_t>(erred.initKeys(count(m.keys)), m.keys);
                   codec::fill(erred.initErrors(), m.errors);
                 },
                 [&](const KeysCancelled& m) {
                   auto cancelled = w.initKeysCancelled();
                   codec::fill(cancelled.initKeys(), m.keys);
                   cancelled.setReason(text(m.reason));
                 },
                 [&](const KeysPending& m) { codec::fill(w.initKeysPending().initKeys(), m.keys); },
                 [&](const WorkerAddresses& m) { codec::fill(w.initWorkerAddresses(), m); },
                 [&](const ScatterTargets& m) { fill(w.initScatterTargets(), m); },
                 [&](const QueryReply& m) { codec::fill(w.initQueryReply(), m); },
                 [&](const RunReply& m) { fill(w.initRunReply(), m); },
                 [&](const Goodbye& m) { w.initGoodbye().setReason(text(m.reason)); },
             },
             message);
}

std::size_t expected_bytes(const ClientMessage& message) {
  const auto key_ranges = [](const std::vector<KeyRange>& keys) { return fixed_bytes + keys.size() * 12 + 16; };
  return std::visit(
      Overloaded{
          [&](const SubmitGraph& m) {
            if (!m.chunk) return fixed_bytes;
            const auto& c = *m.chunk;
            auto bytes = fixed_bytes + c.templates.size() * 320 + list_bytes(c.template_of) + list_bytes(c.rank) +
                         list_bytes(c.dependency_offsets) + list_bytes(c.dependencies) + list_bytes(c.external) +
                         list_bytes(c.argument_offsets) + list_bytes(c.arguments) + list_bytes(c.wanted) +
                         list_bytes(m.held);
            for (const auto& each : c.templates)
              bytes += list_bytes(each.arguments) + list_bytes(each.function.payload);
            return bytes;
          },
          [&](const ReleaseKeys& m) { return key_ranges(m.keys); },
          [&](const CancelKeys& m) { return key_ranges(m.keys); },
          [&](const RetryKeys& m) { return key_ranges(m.keys); },
          [&](const ScatterKeys& m) { return fixed_bytes + list_bytes(m.nbytes); },
          [&](const Query& m) { return fixed_bytes + list_bytes(m.keys); },
          [&](const Replicate& m) { return fixed_bytes + list_bytes(m.keys); },
          [&](const Rebalance& m) { return fixed_bytes + list_bytes(m.keys); },
          [&](const RunOnWorkers& m) { return fixed_bytes + list_bytes(m.arguments) + list_bytes(m.function.payload); },
          [&](const auto&) { return fixed_bytes; },
      },
      message);
}

std::size_t expected_bytes(const ToClient& message) {
  return std::visit(
      Overloaded{
          [](const KeysReady& m) {
            return fixed_bytes + list_bytes(m.keys) + list_bytes(m.workers) + list_bytes(m.nbytes) +
                   list_bytes(m.values);
          },
          [](const KeysErred& m) { return 4 * fixed_bytes + m.keys.size() * 12; },
          [](const ScatterTargets& m) { return fixed_bytes + list_bytes(m.offsets) + list_bytes(m.targets); },
          [](const KeysCancelled& m) { return fixed_bytes + m.keys.size() * 12; },
          [](const KeysPending& m) { return fixed_bytes + m.keys.size() * 12; },
          [](const RunReply& m) {
            auto bytes = fixed_bytes;
            for (const auto& outcome : m.outcomes) bytes += fixed_bytes + list_bytes(outcome.value);
            return bytes;
          },
          [](const auto&) { return fixed_bytes; },
      },
      message);
}

// ---- reading ---------------------------------------------------------------------------------------------------

namespace {

std::optional<Error> optional_error(Input& in, bool present, wire::Error::Reader r) {
  if (!present) return {};
  return codec::read(in, r);
}

SubmitGraph read(Input& in, wire::SubmitGraph::Reader r) {
  in.begin("SubmitGraph");
  SubmitGraph m;
  m.submission = r.getSubmission();
  m.graph = r.getGraph();
  m.last = r.getLast();
  m.token = codec::read(in, r.getToken());
  m.name = in.name(r.getName(), "key");
  m.chunk = std::make_shared<const GraphChunk>(codec::read(in, r.getChunk()));
  in.numbers(r.getHeld(), m.held);
  m.parent = {r.getParent()};
  m.span = read_span(in, r);
  for (std::size_t i = 0; i < m.held.size(); ++i)
    if (m.held[i] >= m.chunk->size || (i > 0 && m.held[i] <= m.held[i - 1]))
      in.refuse("held[{}] = {} is out of range or order", i, m.held[i]);
  return m;
}

CancelKeys read(Input& in, wire::CancelKeys::Reader r) {
  in.begin("CancelKeys");
  return {codec::read(in, r.getKeys()), r.getForce(), in.text(r.getReason(), "reason")};
}

ScatterKeys read(Input& in, wire::ScatterKeys::Reader r) {
  in.begin("ScatterKeys");
  ScatterKeys m;
  m.submission = r.getSubmission();
  m.token = codec::read(in, r.getToken());
  in.numbers(r.getNbytes(), m.nbytes);
  if (m.nbytes.size() > TaskId::index_mask) in.refuse("{} keys in one submission", m.nbytes.size());
  m.replicas = r.getReplicas();
  m.workers = read_names(in, r.getWorkers(), "worker name");
  return m;
}

Query read(Input& in, wire::Query::Reader r) {
  in.begin("Query");
  Query m;
  m.request = {r.getRequest()};
  m.kind = in.enumerator(r.getKind(), QueryKind::durations, "kind");
  in.numbers(r.getKeys(), m.keys);
  m.count = r.getCount();
  m.text = in.text(r.getText(), "text");
  m.after = r.getAfter();
  return m;
}

RunOnWorkers read(Input& in, wire::RunOnWorkers::Reader r) {
  in.begin("RunOnWorkers");
  RunOnWorkers m;
  m.request = {r.getRequest()};
  m.function = codec::read(in, r.getFunction());
  m.arguments = in.bytes(r.getArguments());
  m.workers = read_names(in, r.getWorkers(), "worker name");
  return m;
}

Replicate read(Input& in, wire::Replicate::Reader r) {
  in.begin("Replicate");
  Replicate m;
  m.request = {r.getRequest()};
  in.numbers(r.getKeys(), m.keys);
  m.copies = r.getCopies();
  m.branching = r.getBranching();
  m.workers = read_names(in, r.getWorkers(), "worker name");
  return m;
}

Rebalance read(Input& in, wire::Rebalance::Reader r) {
  in.begin("Rebalance");
  Rebalance m;
  m.request = {r.getRequest()};
  in.numbers(r.getKeys(), m.keys);
  m.workers = read_names(in, r.getWorkers(), "worker name");
  return m;
}

RetireWorkers read(Input& in, wire::RetireWorkers::Reader r) {
  in.begin("RetireWorkers");
  return {{r.getRequest()}, read_names(in, r.getWorkers(), "worker name"), r.getCount()};
}

RestartWorkers read(Input& in, wire::RestartWorkers::Reader r) {
  in.begin("RestartWorkers");
  return {{r.getRequest()}, read_names(in, r.getWorkers(), "worker name"), r.getPatienceMs()};
}

ControlTasks read(Input& in, wire::ControlTasks::Reader r) {
  in.begin("ControlTasks");
  return {{r.getRequest()},
          in.enumerator(r.getControl(), TaskControl::retry, "control"),
          read_names(in, r.getTasks(), "task"),
          in.text(r.getReason(), "reason")};
}

Goodbye read(Input& in, wire::Goodbye::Reader r) {
  in.begin("Goodbye");
  return {in.text(r.getReason(), "reason")};
}

Accepted read(Input& in, wire::Accepted::Reader r) {
  in.begin("Accepted");
  return {r.getSubmission(), r.getGroup(), optional_error(in, r.hasError(), r.getError())};
}

KeysReady read(Input& in, wire::KeysReady::Reader r) {
  in.begin("KeysReady");
  KeysReady m;
  in.numbers(r.getKeys(), m.keys);
  in.numbers(r.getWorkers(), m.workers, m.keys.size(), "workers");
  in.numbers(r.getNbytes(), m.nbytes, m.keys.size(), "nbytes");
  if (r.hasValues()) m.values = codec::read(in, r.getValues(), m.keys.size());
  return m;
}

KeysErred read(Input& in, wire::KeysErred::Reader r) {
  in.begin("KeysErred");
  KeysErred m;
  in.numbers(r.getKeys(), m.keys);
  m.errors = codec::read(in, r.getErrors(), m.keys.size());
  return m;
}

ScatterTargets read(Input& in, wire::ScatterTargets::Reader r) {
  in.begin("ScatterTargets");
  ScatterTargets m;
  m.submission = r.getSubmission();
  m.group = r.getGroup();
  in.numbers(r.getOffsets(), m.offsets);
  in.numbers(r.getTargets(), m.targets);
  in.offsets(m.offsets, m.offsets.empty() ? 0 : m.offsets.size() - 1, m.targets.size(), "offsets");
  m.error = optional_error(in, r.hasError(), r.getError());
  return m;
}

RunReply read(Input& in, wire::RunReply::Reader r) {
  in.begin("RunReply");
  RunReply m;
  m.request = {r.getRequest()};
  const auto outcomes = r.getOutcomes();
  in.reserve(outcomes, m.outcomes);
  for (const auto outcome : outcomes) {
    auto& each = m.outcomes.emplace_back();
    each.worker = codec::read(in, outcome.getWorker());
    each.value = in.bytes(outcome.getValue());
    if (outcome.hasError()) each.error = std::make_shared<const TaskError>(codec::read(in, outcome.getError()));
  }
  return m;
}

}  // namespace

ClientMessage read(Input& in, wire::ClientMessage::Reader r) {
  in.begin("ClientMessage");
  switch (r.which()) {
    case wire::ClientMessage::REGISTER_CLIENT:
      return RegisterClient{in.name(r.getRegisterClient().getName(), "client name")};
    case wire::ClientMessage::SUBMIT_GRAPH: return read(in, r.getSubmitGraph());
    case wire::ClientMessage::RELEASE_KEYS: return ReleaseKeys{read(in, r.getReleaseKeys().getKeys())};
    case wire::ClientMessage::CANCEL_KEYS: return read(in, r.getCancelKeys());
    case wire::ClientMessage::RETRY_KEYS: return RetryKeys{read(in, r.getRetryKeys().getKeys())};
    case wire::ClientMessage::SCATTER_KEYS: return read(in, r.getScatterKeys());
    case wire::ClientMessage::QUERY: return read(in, r.getQuery());
    case wire::ClientMessage::RUN_ON_WORKERS: return read(in, r.getRunOnWorkers());
    case wire::ClientMessage::SHUTDOWN: return Shutdown{};
    case wire::ClientMessage::GOODBYE: return read(in, r.getGoodbye());
    case wire::ClientMessage::REPLICATE: return read(in, r.getReplicate());
    case wire::ClientMessage::REBALANCE: return read(in, r.getRebalance());
    case wire::ClientMessage::RETIRE_WORKERS: return read(in, r.getRetireWorkers());
    case wire::ClientMessage::RESTART_WORKERS: return read(in, r.getRestartWorkers());
    case wire::ClientMessage::CONTROL_TASKS: return read(in, r.getControlTasks());
  }
  in.refuse("unknown verb {}", static_cast<unsigned>(r.which()));
}

ToClient read(Input& in, wire::ToClient::Reader r) {
  in.begin("ToClient");
  switch (r.which()) {
    case wire::ToClient::CLIENT_REGISTERED:
      return ClientRegistered{{r.getClientRegistered().getClient()}, {r.getClientRegistered().getEpoch()}};
    case wire::ToClient::ACCEPTED: return read(in, r.getAccepted());
    case wire::ToClient::KEYS_READY: return read(in, r.getKeysReady());
    case wire::ToClient::KEYS_ERRED: return read(in, r.getKeysErred());
    case wire::ToClient::KEYS_CANCELLED:
      return KeysCancelled{read(in, r.getKeysCancelled().getKeys()),
                           in.text(r.getKeysCancelled().getReason(), "reason")};
    case wire::ToClient::KEYS_PENDING: return KeysPending{read(in, r.getKeysPending().getKeys())};
    case wire::ToClient::WORKER_ADDRESSES: return read(in, r.getWorkerAddresses());
    case wire::ToClient::SCATTER_TARGETS: return read(in, r.getScatterTargets());
    case wire::ToClient::QUERY_REPLY: return codec::read(in, r.getQueryReply());
    case wire::ToClient::RUN_REPLY: return read(in, r.getRunReply());
    case wire::ToClient::GOODBYE: return read(in, r.getGoodbye());
  }
  in.refuse("unknown verb {}", static_cast<unsigned>(r.which()));
}

}  // namespace troupe::codec
