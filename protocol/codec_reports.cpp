#include "protocol/codec_detail.hpp"

// What a worker tells of itself.

namespace troupe::codec {

namespace {

void fill(wire::ValuesMoved::Builder w, const ValuesMoved& m) {
  w.setValues(m.values);
  w.setBytes(m.bytes);
  w.setUs(m.us);
}

std::vector<GpuFigures> read(Input& in, capnp::List<wire::Gpu>::Reader r) {
  std::vector<GpuFigures> gpus;
  in.reserve(r, gpus);
  for (const auto gpu : r)
    gpus.push_back({in.name(gpu.getName(), "gpu name"), gpu.getUtilizationPercent(), gpu.getMemoryUsed(),
                    gpu.getMemoryTotal(), gpu.getMemoryOwn()});
  return gpus;
}

ValuesMoved read(wire::ValuesMoved::Reader r) { return {r.getValues(), r.getBytes(), r.getUs()}; }

}  // namespace

void fill(wire::Heartbeat::Builder w, const Heartbeat& m) {
  w.setManagedBytes(m.managed_bytes);
  w.setProcessBytes(m.process_bytes);
  w.setExecuting(m.executing);
  w.setReady(m.ready);
  w.setFetching(m.fetching);
  w.setCpuMs(m.cpu_ms);
  w.setSpilledBytes(m.spilled_bytes);
  w.setUnmanagedOldBytes(m.unmanaged_old_bytes);
  w.setFreeBytes(m.free_bytes);
  w.setBandwidth(m.bandwidth);
  w.setReceivedBytes(m.traffic.received_bytes);
  w.setSentBytes(m.traffic.sent_bytes);
  w.setReceived(m.traffic.received);
  w.setSent(m.traffic.sent);
  w.setIncoming(m.traffic.incoming);
  w.setOutgoing(m.traffic.outgoing);
  w.setDiskReadBytes(m.traffic.disk_read_bytes);
  w.setDiskWrittenBytes(m.traffic.disk_written_bytes);
  w.setOpenFiles(m.traffic.open_files);
  w.setDiskFreeBytes(m.surroundings.disk_free_bytes);
  w.setDiskTotalBytes(m.surroundings.disk_total_bytes);
  w.setRoundTripUs(m.surroundings.round_trip_us);
  w.setClockSkewUs(m.surroundings.clock_skew_us);
  const auto& gpus = m.surroundings.gpus;
  auto list = w.initGpus(count(gpus));
  for (unsigned i = 0; i < gpus.size(); ++i) {
    list[i].setName(name(gpus[i].name, "gpu name"));
    list[i].setUtilizationPercent(gpus[i].utilization_percent);
    list[i].setMemoryUsed(gpus[i].memory_used);
    list[i].setMemoryTotal(gpus[i].memory_total);
    list[i].setMemoryOwn(gpus[i].memory_own);
  }
  w.setSentNs(m.sent_ns);
  if (m.log.empty()) return;
  auto log = w.initLog(count(m.log));
  for (unsigned i = 0; i < m.log.size(); ++i) codec::fill(log[i], m.log[i]);
}

void fill(wire::TimeSpent::Builder w, const TimeSpent& m) {
  auto functions = w.initFunctions(count(m.functions));
  for (std::uint32_t i = 0; i < m.functions.size(); ++i) {
    const FunctionTime& function = m.functions[i];
    functions[i].setPrefix(name(function.prefix, "prefix"));
    functions[i].setRuns(function.runs);
    functions[i].setCpuUs(function.cpu_us);
    functions[i].setNoncpuUs(function.noncpu_us);
    functions[i].setUnsplitUs(function.unsplit_us);
    functions[i].setSpan(name(function.span, "span"));
  }
  auto sources = w.initSources(count(m.sources));
  for (std::uint32_t i = 0; i < m.sources.size(); ++i) {
    sources[i].setWorker(m.sources[i].worker.value);
    fill(sources[i].initMoved(), m.sources[i].moved);
  }
  auto types = w.initTypes(count(m.types));
  for (std::uint32_t i = 0; i < m.types.size(); ++i) {
    types[i].setType(name(m.types[i].type, "type"));
    fill(types[i].initMoved(), m.types[i].moved);
  }
  w.setSerializeUs(m.serialize_us);
  w.setDiskReadUs(m.disk_read_us);
  w.setDiskWriteUs(m.disk_write_us);
}

Heartbeat read(Input& in, wire::Heartbeat::Reader r) {
  in.begin("Heartbeat");
  Heartbeat m{
      r.getManagedBytes(),
      r.getProcessBytes(),
      r.getExecuting(),
      r.getReady(),
      r.getFetching(),
      r.getCpuMs(),
      r.getSpilledBytes(),
      r.getUnmanagedOldBytes(),
      r.getFreeBytes(),
      r.getBandwidth(),
      {r.getReceivedBytes(), r.getSentBytes(), r.getReceived(), r.getSent(), r.getIncoming(), r.getOutgoing(),
       r.getDiskReadBytes(), r.getDiskWrittenBytes(), r.getOpenFiles()},
      {r.getDiskFreeBytes(), r.getDiskTotalBytes(), r.getRoundTripUs(), r.getClockSkewUs(), read(in, r.getGpus())},
      r.getSentNs(),
      {}};
  const auto log = r.getLog();
  in.reserve(log, m.log);
  for (const auto line : log) m.log.push_back(codec::read(in, line));
  return m;
}

TimeSpent read(Input& in, wire::TimeSpent::Reader r) {
  in.begin("TimeSpent");
  TimeSpent m;
  in.reserve(r.getFunctions(), m.functions);
  for (const auto each : r.getFunctions())
    m.functions.push_back({in.name(each.getPrefix(), "prefix"), each.getRuns(), each.getCpuUs(), each.getNoncpuUs(),
                           each.getUnsplitUs(), in.name(each.getSpan(), "span")});
  in.reserve(r.getSources(), m.sources);
  for (const auto each : r.getSources()) m.sources.push_back({{each.getWorker()}, read(each.getMoved())});
  in.reserve(r.getTypes(), m.types);
  for (const auto each : r.getTypes()) m.types.push_back({in.name(each.getType(), "type"), read(each.getMoved())});
  m.serialize_us = r.getSerializeUs();
  m.disk_read_us = r.getDiskReadUs();
  m.disk_write_us = r.getDiskWriteUs();
  return m;
}

}  // namespace troupe::codec
