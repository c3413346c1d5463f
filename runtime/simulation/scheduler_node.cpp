#include "runtime/simulation/scheduler_node.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "runtime/simulation/client_node.hpp"
#include "runtime/simulation/packing.hpp"
#include "runtime/simulation/world.hpp"

namespace troupe::simulation {
namespace {

SchedulerConfig config_of(const Options& o) {
  SchedulerConfig config;
  config.work_stealing = o.stealing;
  config.slice = o.slice;
  config.story_length = 8192;
  config.tick = o.unit / 10;
  config.worker_ttl = o.unit;
  config.suspect_after = o.unit / 3;
  config.work_stealing_interval = o.unit / 1000;
  config.max_tasks = o.max_tasks;
  config.active_memory_interval = o.unit / 10;
  config.allowed_failures = o.allowed_failures;
  config.heartbeat_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(1, o.unit.count() / 10'000'000));
  return config;
}

}  // namespace

SchedulerNode::SchedulerNode(World& world)
    : world_(world),
      state_(config_of(world.options()), Token{1, world.options().seed}, Epoch{1}, world.options().seed) {
  arm_tick();
}

SchedulerNode::~SchedulerNode() = default;

void SchedulerNode::arm_tick() {
  world_.at(world_.now() + world_.options().unit / 10, World::scheduler_process, [this] {
    handle(SchedulerTick{});
    arm_tick();
  });
}

SchedulerNode::Welcome SchedulerNode::accept(std::uint32_t node, PeerRole role, std::uint64_t number,
                                             std::uint64_t received, std::uint64_t connection) {
  if (world_.now() < refuses_until_) {
    world_.inject(Fault::refuse);
    return {};
  }
  if (const auto found = conversations_.find(number); number != 0 && found != conversations_.end()) {
    Conversation& known = *found->second;
    const Welcome welcome{number, true, known.channel->last_received()};
    if (!known.channel->attach(connection, 1, received)) {
      over(number, false, "not the same session");
      return {};
    }
    reachable(known, true);
    return welcome;
  }
  auto made = std::make_unique<Conversation>(*this);
  made->number = ++last_conversation_;
  made->at = node;
  made->role = role;
  const Duration unit = world_.options().unit;
  const Duration grace = role == PeerRole::client ? unit * 2 : role == PeerRole::worker ? unit / 15 : unit / 3;
  made->channel = std::make_unique<Channel>(world_, World::scheduler_process, world_.session_config(grace), *made);
  made->channel->attach(connection, 1, 0);
  const Welcome welcome{made->number, false, 0};
  conversations_.emplace(made->number, std::move(made));
  return welcome;
}

void SchedulerNode::receive(Conversation& conversation, std::vector<Bytes>& payloads) {
  switch (conversation.role) {
    case PeerRole::client: return receive_as<ClientMessage, ClientJoined>(conversation, payloads);
    case PeerRole::worker: return receive_as<WorkerMessage, WorkerJoined>(conversation, payloads);
    case PeerRole::nanny: return receive_as<NannyMessage, NannyJoined>(conversation, payloads);
  }
}

template <class Message, class Joined>
void SchedulerNode::receive_as(Conversation& conversation, std::vector<Bytes>& payloads) {
  for (const Bytes& payload : payloads) {
    auto message = unpack<Message>(world_, payload);
    world_.cover().message(message);
    world_.story().note(conversation.number, message.index());
    if constexpr (std::is_same_v<Message, ClientMessage>) {
      if (!conversation.id) {
        const ClientId id = state_.next_client();
        conversation.id = id;
        by_id_[id] = conversation.number;
        handle(ClientJoined{id, std::move(std::get<RegisterClient>(message))});
      } else {
        note_submission(std::get<ClientId>(*conversation.id), message);
        handle(ClientSaid{std::get<ClientId>(*conversation.id), std::move(message)});
      }
    } else if constexpr (std::is_same_v<Message, WorkerMessage>) {
      if (!conversation.id) {
        const WorkerId id = state_.next_worker();
        conversation.id = id;
        by_id_[id] = conversation.number;
        handle(WorkerJoined{id, std::move(std::get<RegisterWorker>(message))});
      } else {
        const auto* beat = std::get_if<Heartbeat>(&message);
        const std::int64_t sent_ns = beat != nullptr ? beat->sent_ns : 0;
        handle(WorkerSaid{std::get<WorkerId>(*conversation.id), std::move(message)});
        if (sent_ns != 0) answer_heartbeat(conversation, sent_ns);
      }
    } else {
      if (!conversation.id) {
        const NannyId id = state_.next_nanny();
        conversation.id = id;
        by_id_[id] = conversation.number;
        handle(NannyJoined{id, std::move(std::get<RegisterNanny>(message))});
      } else {
        handle(NannySaid{std::get<NannyId>(*conversation.id), std::move(message)});
      }
    }
  }
}

void SchedulerNode::answer_heartbeat(Conversation& conversation, std::int64_t sent_ns) {
  ToWorker seen = HeartbeatSeen{sent_ns, world_.now().nanoseconds};
  world_.cover().message(seen);
  conversation.channel->send(pack(world_, std::move(seen)));
}

void SchedulerNode::reachable(Conversation& conversation, bool whole) {
  if (conversation.id) handle(PeerReachable{*conversation.id, whole});
}

void SchedulerNode::over(std::uint64_t number, bool graceful, const std::string& reason) {
  const auto found = conversations_.find(number);
  if (found == conversations_.end()) return;
  const auto id = found->second->id;
  forget(number);
  if (id && by_id_.contains(*id)) left(*id, graceful, reason);
}

void SchedulerNode::left(const PeerId& id, bool graceful, const std::string& reason) {
  by_id_.erase(id);
  world_.story().tell(world_.now(), [&] { return "scheduler: a peer's session is over: " + reason; });
  if (const auto* client = std::get_if<ClientId>(&id)) return handle(ClientLeft{*client, reason});
  if (const auto* worker = std::get_if<WorkerId>(&id)) return handle(WorkerLeft{*worker, graceful, reason});
  handle(NannyLeft{std::get<NannyId>(id)});
}

void SchedulerNode::forget(std::uint64_t number) {
  const auto found = conversations_.find(number);
  if (found == conversations_.end()) return;
  found->second->channel->bye();
  world_.bury(std::move(found->second));  // its channel may be calling
  conversations_.erase(found);
}

void SchedulerNode::end_peer(std::uint64_t number, const std::string& reason) {
  world_.story().tell(world_.now(), [&] { return "scheduler: closes a session: " + reason; });
  forget(number);
}

void SchedulerNode::handle(SchedulerEvent event) {
  world_.story().note(event.index());
  state_.handle(std::move(event), world_.now());
  observe();
  stir();
}

void SchedulerNode::stir() {
  if (turn_posted_) return;
  turn_posted_ = true;
  // Sometimes more of the mailbox comes first.
  const bool at_once = world_.network_random()() % 2 == 0;
  world_.at(world_.now() + (at_once ? Duration{0} : world_.network_random().up_to(std::chrono::microseconds(30))),
            World::scheduler_process, [this] { turn(); });
}

/// What changed since the last look.
void SchedulerNode::observe() {
  const std::uint64_t last = state_.transitions();
  for (; observed_ < last; ++observed_) {
    const TransitionEntry& entry = state_.transition(observed_);
    world_.story().note(entry.task.value, entry.run.value, entry.from, entry.to, entry.worker.value);
    world_.cover().transition(entry.from, entry.to, entry.cause);
    world_.ledger().on_transition(entry);
    touched_.push_back(entry.task);
    world_.story().tell(world_.now(), [&] {
      return fmt::format("scheduler: {} {} -> {} ({}), run {}, worker {}", state_.key_text(entry.task),
                         name_of(entry.from), name_of(entry.to), entry.cause, entry.run.value, entry.worker.value);
    });
  }
}

void SchedulerNode::turn() {
  turn_posted_ = false;
  SchedulerEffects effects;
  const bool more = state_.place(world_.now(), effects);
  observe();
  for (const TaskId task : touched_) state_.check_invariants(task);
  touched_.clear();
  for (const auto& [id, messages] : effects.clients)
    for (const ToClient& message : messages) note_acceptance(id, message);
  perform(effects.workers);
  perform(effects.clients);
  perform(effects.nannies);
  for (auto& [id, reason] : effects.close) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) continue;
    const auto number = found->second;
    by_id_.erase(found);
    end_peer(number, reason);
  }
  if (more) {
    world_.cover().reached("more work than one slice");
    stir();
  }
}

/// The oracle learns which numbers a submission got before any worker hears of its tasks: by the token of a scatter, by
/// the name of a graph.
void SchedulerNode::note_submission(ClientId client, const ClientMessage& message) {
  if (const auto* graph = std::get_if<SubmitGraph>(&message))
    pages_[{client, graph->submission}] = ClientNode::page_named(graph->name);
  if (const auto* scatter = std::get_if<ScatterKeys>(&message))
    pages_[{client, scatter->submission}] = {static_cast<std::uint32_t>(scatter->token.high), scatter->token.low};
}

void SchedulerNode::note_acceptance(ClientId client, const ToClient& message) {
  const auto note = [&](std::uint64_t submission, std::uint64_t group) {
    const auto page = pages_.find({client, submission});
    if (page != pages_.end() && group != 0) world_.client(page->second.first).note_group(page->second.second, group);
  };
  if (const auto* accepted = std::get_if<Accepted>(&message); accepted != nullptr && !accepted->error)
    note(accepted->submission, accepted->group);
  if (const auto* targets = std::get_if<ScatterTargets>(&message); targets != nullptr && !targets->error)
    note(targets->submission, targets->group);
}

template <class Id, class Message>
void SchedulerNode::perform(std::vector<std::pair<Id, std::vector<Message>>>& list) {
  for (auto& [id, messages] : list) {
    const auto found = by_id_.find(PeerId{id});
    if (found == by_id_.end()) continue;
    Channel& channel = *conversations_.at(found->second)->channel;
    for (Message& message : messages) {
      world_.cover().message(message);
      world_.story().note(found->second, message.index());
      channel.send(pack(world_, std::move(message)));
    }
  }
}

}  // namespace troupe::simulation
