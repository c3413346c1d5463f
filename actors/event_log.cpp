#include "actors/event_log.hpp"

#include <fmt/format.h>

#include <array>
#include <type_traits>
#include <utility>
#include <vector>

namespace troupe {
namespace {

/// A new layout gets a new number: old logs are refused, not misread.
constexpr std::string_view magic = "troupe event log 1\n";

enum Kind : std::uint8_t {
  client_joined = 1,
  client_left,
  client_said,
  worker_joined,
  worker_left,
  worker_said,
  nanny_joined,
  nanny_left,
  nanny_said,
  tick,
  reachable,
  placed,
};

/// After the magic: the configuration, member by member.
struct FileHeader {
  std::int64_t tick, prefetch_horizon, least_task_cost, suspect_after, worker_ttl, missing_module_timeout,
      no_workers_timeout, work_stealing_interval, active_memory_interval;
  double worker_saturation, bandwidth;
  std::uint64_t max_tasks, allowed_failures, work_stealing, active_memory_manager, story_length, max_prefixes, slice,
      heartbeat_ms;
  std::uint64_t cluster_high, cluster_low, epoch, seed;
};
static_assert(std::is_trivially_copyable_v<FileHeader>);
static_assert(sizeof(SchedulerConfig) == 136, "an option more or less: to be written and read here, and a new magic");

FileHeader pack(const EventLogHeader& header) {
  const SchedulerConfig& c = header.config;
  return {c.tick.count(),
          c.prefetch_horizon.count(),
          c.least_task_cost.count(),
          c.suspect_after.count(),
          c.worker_ttl.count(),
          c.missing_module_timeout.count(),
          c.no_workers_timeout.count(),
          c.work_stealing_interval.count(),
          c.active_memory_interval.count(),
          c.worker_saturation,
          c.bandwidth,
          c.max_tasks,
          c.allowed_failures,
          c.work_stealing ? 1U : 0U,
          c.active_memory_manager ? 1U : 0U,
          c.story_length,
          c.max_prefixes,
          c.slice,
          c.heartbeat_ms,
          header.cluster.high,
          header.cluster.low,
          header.epoch.value,
          header.seed};
}

EventLogHeader unpack(const FileHeader& file) {
  EventLogHeader header;
  SchedulerConfig& c = header.config;
  c.tick = Duration{file.tick};
  c.prefetch_horizon = Duration{file.prefetch_horizon};
  c.least_task_cost = Duration{file.least_task_cost};
  c.suspect_after = Duration{file.suspect_after};
  c.worker_ttl = Duration{file.worker_ttl};
  c.missing_module_timeout = Duration{file.missing_module_timeout};
  c.no_workers_timeout = Duration{file.no_workers_timeout};
  c.work_stealing_interval = Duration{file.work_stealing_interval};
  c.worker_saturation = file.worker_saturation;
  c.bandwidth = file.bandwidth;
  c.max_tasks = file.max_tasks;
  c.allowed_failures = static_cast<std::uint32_t>(file.allowed_failures);
  c.active_memory_interval = Duration{file.active_memory_interval};
  c.work_stealing = file.work_stealing != 0;
  c.active_memory_manager = file.active_memory_manager != 0;
  c.story_length = static_cast<std::uint32_t>(file.story_length);
  c.max_prefixes = static_cast<std::uint32_t>(file.max_prefixes);
  c.slice = static_cast<std::uint32_t>(file.slice);
  c.heartbeat_ms = static_cast<std::uint32_t>(file.heartbeat_ms);
  header.cluster = {file.cluster_high, file.cluster_low};
  header.epoch = {static_cast<decltype(header.epoch.value)>(file.epoch)};
  header.seed = file.seed;
  return header;
}

}  // namespace

std::uint64_t digest_of(const SchedulerEffects& effects) {
  Digest digest;
  const auto add = [&](const auto& list) {
    digest.add(list.size());
    for (const auto& [peer, messages] : list) {
      digest.add(peer.value);
      for (const auto& message : messages) digest.add(message.index());
    }
  };
  add(effects.clients);
  add(effects.workers);
  add(effects.nannies);
  for (const auto& [worker, messages] : effects.workers)
    for (const auto& message : messages)
      if (const auto* compute = std::get_if<ComputeTasks>(&message))
        for (std::size_t i = 0; i < compute->tasks.size(); ++i) {
          digest.add(compute->tasks[i].value);
          digest.add(compute->runs[i].value);
        }
  digest.add(effects.close.size());
  return digest.value;
}

// ---- writing ----------------------------------------------------------------------------------------------------

Result<std::unique_ptr<EventLogWriter>> EventLogWriter::create(const std::filesystem::path& path,
                                                               const EventLogHeader& header, std::uint64_t most_bytes) {
  const FileHeader packed = pack(header);
  std::string begin(magic);
  begin.append(reinterpret_cast<const char*>(&packed), sizeof packed);
  auto file = RecordWriter::create(path, begin, most_bytes);
  if (!file) return tl::unexpected(std::move(file.error()));
  return std::unique_ptr<EventLogWriter>(new EventLogWriter(std::move(*file)));
}

std::optional<Error> EventLogWriter::write(const Placed& event, Instant now) {
  if (auto error = file_.put(placed, event.digest, now, {})) return error;
  return file_.flush();  // what the machine decided is in the file before anybody hears of it
}

std::optional<Error> EventLogWriter::write(const SchedulerEvent& event, Instant now) {
  return std::visit(
      [&](const auto& e) -> std::optional<Error> {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, ClientJoined>)
          return file_.put_message(client_joined, e.client.value, now, ClientMessage{e.registration});
        else if constexpr (std::is_same_v<E, ClientSaid>)
          return file_.put_message(client_said, e.client.value, now, e.message);
        else if constexpr (std::is_same_v<E, ClientLeft>)
          return file_.put(client_left, e.client.value, now, e.reason);
        else if constexpr (std::is_same_v<E, WorkerJoined>)
          return file_.put_message(worker_joined, e.worker.value, now, WorkerMessage{e.registration});
        else if constexpr (std::is_same_v<E, WorkerSaid>)
          return file_.put_message(worker_said, e.worker.value, now, e.message);
        else if constexpr (std::is_same_v<E, WorkerLeft>)
          return file_.put(worker_left, e.worker.value, now, (e.graceful ? "1" : "0") + e.reason);
        else if constexpr (std::is_same_v<E, NannyJoined>)
          return file_.put_message(nanny_joined, e.nanny.value, now, NannyMessage{e.registration});
        else if constexpr (std::is_same_v<E, NannySaid>)
          return file_.put_message(nanny_said, e.nanny.value, now, e.message);
        else if constexpr (std::is_same_v<E, NannyLeft>)
          return file_.put(nanny_left, e.nanny.value, now, {});
        else if constexpr (std::is_same_v<E, SchedulerTick>)
          return file_.put(tick, 0, now, {});
        else {
          const std::array<char, 2> payload{static_cast<char>('0' + e.peer.index()), e.reachable ? '1' : '0'};
          const std::uint64_t peer = std::visit([](const auto& id) -> std::uint64_t { return id.value; }, e.peer);
          return file_.put(reachable, peer, now, {payload.data(), payload.size()});
        }
      },
      event);
}

// ---- reading ----------------------------------------------------------------------------------------------------

Result<EventLogReader> EventLogReader::open(const std::filesystem::path& path) {
  auto file = RecordReader::open(path, magic);
  if (!file) return tl::unexpected(std::move(file.error()));
  EventLogReader reader(std::move(*file));
  FileHeader packed{};
  if (!reader.file_.read_header(&packed, sizeof packed))
    return fail(ErrorKind::invalid, fmt::format("{}: ends within its header", path.string()));
  reader.header_ = unpack(packed);
  return reader;
}

Result<std::optional<EventLogRecord>> EventLogReader::next() {
  auto read = file_.next();
  if (!read) return tl::unexpected(std::move(read.error()));
  if (!*read) return std::nullopt;
  const FileRecord& header = **read;
  const Bytes& payload = header.payload;
  if (header.kind < client_joined || header.kind > placed)
    return file_.damaged(fmt::format("kind {} is none", header.kind));
  EventLogRecord record{header.now, Placed{header.number}};
  const auto id = static_cast<std::uint32_t>(header.number);
  std::string problem;
  // Decodes a message of kind M and makes an event of it.
  const auto message = [&]<class M>(std::type_identity<M>, auto make) {
    auto decoded = decode<M>(payload);
    if (!decoded) {
      problem = decoded.error().text;
    } else {
      make(*decoded);
    }
  };
  const auto registration = [&]<class M, class R>(std::type_identity<M> kind, std::type_identity<R>, auto make) {
    message(kind, [&](M& decoded) {
      if (auto* of = std::get_if<R>(&decoded)) {
        make(std::move(*of));
      } else {
        problem = "a registration is missing";
      }
    });
  };
  const auto set = [&](auto event) { record.what = SchedulerEvent(std::move(event)); };
  const std::string text(payload.text());
  switch (static_cast<Kind>(header.kind)) {
    case client_joined:
      registration(std::type_identity<ClientMessage>{}, std::type_identity<RegisterClient>{}, [&](RegisterClient r) {
        set(ClientJoined{{id}, std::move(r)});
      });
      break;
    case client_said:
      message(std::type_identity<ClientMessage>{}, [&](ClientMessage& m) { set(ClientSaid{{id}, std::move(m)}); });
      break;
    case client_left: set(ClientLeft{{id}, text}); break;
    case worker_joined:
      registration(std::type_identity<WorkerMessage>{}, std::type_identity<RegisterWorker>{}, [&](RegisterWorker r) {
        set(WorkerJoined{{id}, std::move(r)});
      });
      break;
    case worker_said:
      message(std::type_identity<WorkerMessage>{}, [&](WorkerMessage& m) { set(WorkerSaid{{id}, std::move(m)}); });
      break;
    case worker_left:
      if (text.empty()) return file_.damaged("a worker left, without a word how");
      set(WorkerLeft{{id}, text[0] == '1', text.substr(1)});
      break;
    case nanny_joined:
      registration(std::type_identity<NannyMessage>{}, std::type_identity<RegisterNanny>{}, [&](RegisterNanny r) {
        set(NannyJoined{{id}, std::move(r)});
      });
      break;
    case nanny_said:
      message(std::type_identity<NannyMessage>{}, [&](NannyMessage& m) { set(NannySaid{{id}, std::move(m)}); });
      break;
    case nanny_left: set(NannyLeft{{id}}); break;
    case tick: set(SchedulerTick{}); break;
    case reachable: {
      if (text.size() != 2 || text[0] < '0' || text[0] > '2') return file_.damaged("whose wire it was is missing");
      PeerId peer = ClientId{id};
      if (text[0] == '1') peer = WorkerId{id};
      if (text[0] == '2') peer = NannyId{id};
      set(PeerReachable{peer, text[1] == '1'});
      break;
    }
    case placed: break;
  }
  if (!problem.empty()) return file_.damaged(problem);
  return record;
}

}  // namespace troupe
