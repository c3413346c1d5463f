// Nanny <-> scheduler, and data connections.

#include <limits>

#include "protocol/codec_detail.hpp"

namespace troupe::codec {
namespace {

// ---- writing ---------------------------------------------------------------------------------------------------

void fill(wire::WorkerDied::Builder w, const WorkerDied& m) {
  w.setIncarnation(m.incarnation.value);
  w.setSignal(m.signal);
  w.setExitCode(m.exit_code);
  put<std::uint64_t>(w.initRunning(count(m.running)), m.running);
  put<std::uint32_t>(w.initRuns(count(m.runs)), m.runs);
  w.setLastLog(text(m.last_log));
}

void fill(capnp::List<wire::DataItem>::Builder w, const std::vector<DataItem>& items) {
  for (unsigned i = 0; i < items.size(); ++i) {
    auto item = w[i];
    item.setTask(items[i].task.value);
    item.setPresent(items[i].present);
    item.setMissing(items[i].missing);
    item.setFingerprint(items[i].fingerprint);
    item.setNbytes(items[i].nbytes);
    if (!items[i].header.empty()) item.setHeader(data(items[i].header));
    put<std::uint64_t>(item.initBufferSizes(count(items[i].buffer_sizes)), items[i].buffer_sizes);
  }
}

std::size_t expected_bytes(const std::vector<DataItem>& items) {
  auto bytes = fixed_bytes;
  for (const auto& item : items) bytes += 64 + list_bytes(item.header) + list_bytes(item.buffer_sizes);
  return bytes;
}

}  // namespace

void write(wire::NannyMessage::Builder w, const NannyMessage& message) {
  std::visit(Overloaded{
                 [&](const RegisterNanny& m) {
                   auto nanny = w.initRegisterNanny();
                   nanny.setHost(name(m.host, "host name"));
                   nanny.setPid(m.pid);
                 },
                 [&](const WorkerDied& m) { fill(w.initWorkerDied(), m); },
                 [&](const Goodbye& m) { w.initGoodbye().setReason(text(m.reason)); },
                 [&](const WorkerStarted& m) { w.initWorkerStarted().setIncarnation(m.incarnation.value); },
             },
             message);
}

void write(wire::ToNanny::Builder w, const ToNanny& message) {
  std::visit(Overloaded{
                 [&](const NannyRegistered& m) {
                   auto registered = w.initNannyRegistered();
                   registered.setNanny(m.nanny.value);
                   registered.setEpoch(m.epoch.value);
                 },
                 [&](const CloseNanny& m) { w.initCloseNanny().setReason(text(m.reason)); },
                 [&](const RestartWorker& m) {
                   auto restart = w.initRestartWorker();
                   restart.setIncarnation(m.incarnation.value);
                   restart.setReason(text(m.reason));
                 },
             },
             message);
}

void write(wire::PeerMessage::Builder w, const PeerMessage& message) {
  std::visit(Overloaded{
                 [&](const GetData& m) {
                   auto get = w.initGetData();
                   get.setRequest(m.request.value);
                   put<std::uint64_t>(get.initTasks(count(m.tasks)), m.tasks);
                   get.setMaxBytes(m.max_bytes);
                 },
                 [&](const DataReply& m) {
                   auto reply = w.initDataReply();
                   reply.setRequest(m.request.value);
                   reply.setStatus(static_cast<std::uint8_t>(m.status));
                   fill(reply.initItems(count(m.items)), m.items);
                 },
                 [&](const PutData& m) {
                   auto put_data = w.initPutData();
                   put_data.setRequest(m.request.value);
                   fill(put_data.initItems(count(m.items)), m.items);
                 },
                 [&](const PutReply& m) {
                   auto reply = w.initPutReply();
                   reply.setRequest(m.request.value);
                   if (m.error) codec::fill(reply.initError(), *m.error);
                 },
                 [&](const PutModule& m) {
                   auto module = w.initPutModule();
                   module.setRequest(m.request.value);
                   module.setName(name(m.name, "module name"));
                   module.setSha256(name(m.sha256, "sha256"));
                   module.setSize(m.size);
                 },
                 [&](const DataReceived& m) { w.initDataReceived().setRequest(m.request.value); },
             },
             message);
}

std::size_t expected_bytes(const NannyMessage& message) {
  const auto* died = std::get_if<WorkerDied>(&message);
  return fixed_bytes + (died ? list_bytes(died->running) + list_bytes(died->runs) + died->last_log.size() : 0);
}

std::size_t expected_bytes(const ToNanny&) { return fixed_bytes; }

std::size_t expected_bytes(const PeerMessage& message) {
  return std::visit(Overloaded{
                        [](const GetData& m) { return fixed_bytes + list_bytes(m.tasks); },
                        [](const DataReply& m) { return expected_bytes(m.items); },
                        [](const PutData& m) { return expected_bytes(m.items); },
                        [](const auto&) { return fixed_bytes; },
                    },
                    message);
}

// ---- reading ---------------------------------------------------------------------------------------------------

namespace {

WorkerDied read(Input& in, wire::WorkerDied::Reader r) {
  in.begin("WorkerDied");
  WorkerDied m;
  m.incarnation = {r.getIncarnation()};
  m.signal = r.getSignal();
  m.exit_code = r.getExitCode();
  in.numbers(r.getRunning(), m.running);
  in.numbers(r.getRuns(), m.runs, m.running.size(), "runs");
  m.last_log = in.text(r.getLastLog(), "last log");
  return m;
}

std::vector<DataItem> read(Input& in, capnp::List<wire::DataItem>::Reader r) {
  std::vector<DataItem> items;
  in.reserve(r, items);
  std::uint64_t total = 0;
  for (const auto each : r) {
    auto& item = items.emplace_back();
    item.task = {each.getTask()};
    item.present = each.getPresent();
    item.missing = each.getMissing();
    if (item.present + item.missing > 1) in.refuse("an item is present {} and missing {}", item.present, item.missing);
    item.fingerprint = each.getFingerprint();
    item.nbytes = each.getNbytes();
    item.header = in.bytes(each.getHeader());
    in.numbers(each.getBufferSizes(), item.buffer_sizes);
    if (!item.present && !item.buffer_sizes.empty()) in.refuse("buffers of a value that is not present");
    for (const auto size : item.buffer_sizes) {
      if (size > std::numeric_limits<std::int64_t>::max() - total) in.refuse("buffers of more than 2^63 bytes");
      total += size;
    }
  }
  return items;
}

GetData read(Input& in, wire::GetData::Reader r) {
  in.begin("GetData");
  GetData m;
  m.request = {r.getRequest()};
  in.numbers(r.getTasks(), m.tasks);
  m.max_bytes = r.getMaxBytes();
  return m;
}

DataReply read(Input& in, wire::DataReply::Reader r) {
  in.begin("DataReply");
  return {{r.getRequest()}, in.enumerator(r.getStatus(), DataStatus::refused, "status"), read(in, r.getItems())};
}

PutData read(Input& in, wire::PutData::Reader r) {
  in.begin("PutData");
  return {{r.getRequest()}, read(in, r.getItems())};
}

PutReply read(Input& in, wire::PutReply::Reader r) {
  in.begin("PutReply");
  PutReply m{{r.getRequest()}, {}};
  if (r.hasError()) m.error = codec::read(in, r.getError());
  return m;
}

PutModule read(Input& in, wire::PutModule::Reader r) {
  in.begin("PutModule");
  PutModule m{{r.getRequest()}, in.name(r.getName(), "module name"), in.name(r.getSha256(), "sha256"), r.getSize()};
  if (m.size > std::numeric_limits<std::int64_t>::max()) in.refuse("a file of more than 2^63 bytes");
  return m;
}

}  // namespace

NannyMessage read(Input& in, wire::NannyMessage::Reader r) {
  in.begin("NannyMessage");
  switch (r.which()) {
    case wire::NannyMessage::REGISTER_NANNY:
      return RegisterNanny{in.name(r.getRegisterNanny().getHost(), "host name"), r.getRegisterNanny().getPid()};
    case wire::NannyMessage::WORKER_DIED: return read(in, r.getWorkerDied());
    case wire::NannyMessage::GOODBYE: return Goodbye{in.text(r.getGoodbye().getReason(), "reason")};
    case wire::NannyMessage::WORKER_STARTED: return WorkerStarted{{r.getWorkerStarted().getIncarnation()}};
  }
  in.refuse("unknown verb {}", static_cast<unsigned>(r.which()));
}

ToNanny read(Input& in, wire::ToNanny::Reader r) {
  in.begin("ToNanny");
  switch (r.which()) {
    case wire::ToNanny::NANNY_REGISTERED:
      return NannyRegistered{{r.getNannyRegistered().getNanny()}, {r.getNannyRegistered().getEpoch()}};
    case wire::ToNanny::CLOSE_NANNY: return CloseNanny{in.text(r.getCloseNanny().getReason(), "reason")};
    case wire::ToNanny::RESTART_WORKER:
      return RestartWorker{{r.getRestartWorker().getIncarnation()},
                           in.text(r.getRestartWorker().getReason(), "reason")};
  }
  in.refuse("unknown verb {}", static_cast<unsigned>(r.which()));
}

PeerMessage read(Input& in, wire::PeerMessage::Reader r) {
  in.begin("PeerMessage");
  switch (r.which()) {
    case wire::PeerMessage::GET_DATA: return read(in, r.getGetData());
    case wire::PeerMessage::DATA_REPLY: return read(in, r.getDataReply());
    case wire::PeerMessage::PUT_DATA: return read(in, r.getPutData());
    case wire::PeerMessage::PUT_REPLY: return read(in, r.getPutReply());
    case wire::PeerMessage::PUT_MODULE: return read(in, r.getPutModule());
    case wire::PeerMessage::DATA_RECEIVED: return DataReceived{{r.getDataReceived().getRequest()}};
  }
  in.refuse("unknown verb {}", static_cast<unsigned>(r.which()));
}

}  // namespace troupe::codec
