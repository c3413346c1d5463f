#include "actors/scheduler_actor.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <caf/all.hpp>

#include "actors/link_messages.hpp"
#include "actors/log_ring.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/worker_log.hpp"

namespace troupe {

namespace {

using Turn = SchedulerTurn;

template <class Message>
constexpr Role role_of() {
  if constexpr (std::is_same_v<Message, ClientMessage>) return Role::client;
  if constexpr (std::is_same_v<Message, WorkerMessage>) return Role::worker;
  return Role::nanny;
}

/// For a line of text.
std::string first_names(const std::vector<std::string>& names) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text;
}

}  // namespace

SchedulerActor::SchedulerActor(caf::actor_config& config, Node* node, SchedulerOptions options,
                               std::shared_ptr<SchedulerHandle::Shared> shared,
                               std::unique_ptr<EventLogWriter> event_log)
    : LoopActor(config, *node, "scheduler"),
      node_(*node),
      options_(std::move(options)),
      shared_(std::move(shared)),
      event_log_(std::move(event_log)),
      tick_(node->io()),
      deadline_(node->io()) {
  state_ =
      std::make_unique<SchedulerState>(options_.config, options_.access.cluster, options_.access.epoch, options_.seed);
  state_->keep_history(options_.history);
  SessionGrace grace{options_.worker_grace, options_.client_grace, options_.nanny_grace};
  sessions_ = std::make_unique<SessionServer>(node_, options_.session, grace, address(), shared_->numbers);
}

caf::behavior SchedulerActor::make_behavior() {
  shared_->running = this;
  state_->set_identity(shared_->address, options_.version);
  now_ = Node::now();
  arm_tick();
  return {
      [this](FromPeer<WorkerMessage>& batch) { on(batch); },
      [this](FromPeer<ClientMessage>& batch) { on(batch); },
      [this](FromPeer<NannyMessage>& batch) { on(batch); },
      [this](Turn) {
        stirred_ = true;
        more_posted_ = false;
      },
      [this](PeerOpened& event) { on(event); },
      [this](const PeerWire& event) { on(event); },
      [this](const PeerGone& event) { on(event); },
      [this](const StopScheduler& event) { on(event); },
  };
}

caf::resumable::resume_result SchedulerActor::resume(caf::execution_unit* unit, std::size_t max_throughput) {
  now_ = Node::now();
  const auto result = LoopActor::resume(unit, max_throughput);
  if (!ended_) finish_turn();
  return result;
}

void SchedulerActor::feed(SchedulerEvent&& event) {
  if (event_log_) told(event_log_->write(event, now_));
  const auto* said = std::get_if<ClientSaid>(&event);
  if (said == nullptr || !std::holds_alternative<SubmitGraph>(said->message))
    return state_->handle(std::move(event), now_);
  const auto begun = Node::now();
  state_->handle(std::move(event), now_);
  submissions_.add(static_cast<std::uint64_t>((Node::now() - begun).count() / 1000));
}

void SchedulerActor::tell(LogLevel level, const char* topic, const char* event, WorkerId worker,
                          const std::string& text, const LogContext& about) {
  node_.log(level, event, text, about);
  if (options_.events) options_.events->add(static_cast<monitoring::EventLevel>(level), topic, worker, text);
}

/// That a client submits in another span than before, so that whoever has the trace finds the work; and what it does to
/// the tasks and workers of others.
void SchedulerActor::note(ClientId client, const ClientMessage& message) {
  if (const auto* graph = std::get_if<SubmitGraph>(&message)) {
    Peer& peer = peer_of(client);
    if (graph->span == peer.span) return;
    peer.span = graph->span;
    if (peer.span)
      node_.log(LogLevel::debug, "span_entered",
                fmt::format("client {} submits in span {}", client.value, peer.span.name), {{}, client, peer.span});
  } else if (const auto* control = std::get_if<ControlTasks>(&message)) {
    const bool cancel = control->control == TaskControl::cancel;
    note_act(client, cancel ? "tasks_cancelled" : "tasks_retried",
             fmt::format("{} {}", cancel ? "cancels" : "retries", first_names(control->tasks)));
  } else if (const auto* retire = std::get_if<RetireWorkers>(&message)) {
    note_act(client, "workers_drained",
             retire->workers.empty() ? fmt::format("drains {} workers", retire->count)
                                     : "drains " + first_names(retire->workers));
  } else if (const auto* restart = std::get_if<RestartWorkers>(&message)) {
    note_act(client, "workers_restarted",
             restart->workers.empty() ? "restarts all workers" : "restarts " + first_names(restart->workers));
  } else if (std::holds_alternative<Shutdown>(message)) {
    note_act(client, "cluster_stopped", "stops the cluster");
  }
}

/// What is done in this process is done by the program itself, or by its dashboard, which says so.
void SchedulerActor::note_act(ClientId client, const char* event, const std::string& what) {
  const Peer& peer = peer_of(client);
  if (peer.local) return;
  tell(LogLevel::info, "action", event, {}, fmt::format("client {} '{}' {}", client.value, peer.name, what),
       {{}, client, {}});
}

/// Of what the machine itself makes no word: a worker's pauses, its nanny's report of a death, and what it logged. And
/// what it cannot answer, since it knows no clock: heartbeats, by which workers measure the way here.
void SchedulerActor::note(WorkerId worker, WorkerMessage& message) {
  if (auto* beat = std::get_if<Heartbeat>(&message); beat != nullptr && !beat->log.empty()) {
    auto lines = std::exchange(beat->log, {});
    if (options_.worker_log) options_.worker_log->add(worker, std::move(lines));
  }
  if (const auto* changed = std::get_if<WorkerStatusChanged>(&message)) {
    const bool paused = changed->status == WorkerStatus::paused;
    tell(paused ? LogLevel::warning : LogLevel::info, "worker", "worker_status_changed", worker,
         fmt::format("worker {} {}", worker.value,
                     paused                                     ? "is paused: its memory is nearly full"
                     : changed->status == WorkerStatus::closing ? "is closing"
                                                                : "goes on"));
  } else if (const auto* leaving = std::get_if<Leaving>(&message)) {
    tell(LogLevel::info, "worker", "worker_leaving", worker,
         fmt::format("worker {} wants to leave: {}", worker.value, leaving->reason));
  } else if (const auto* beat = std::get_if<Heartbeat>(&message); beat != nullptr && beat->sent_ns != 0) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    if (const auto found = by_id_.find(PeerId{worker}); found != by_id_.end())
      send<ToWorker>(found->second,
                     {HeartbeatSeen{beat->sent_ns, std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()}});
  }
}

std::string SchedulerActor::death_text(const WorkerDied& died) {
  const auto how =
      died.signal != 0 ? fmt::format("by signal {}", died.signal) : fmt::format("with exit code {}", died.exit_code);
  return fmt::format("a worker process died {}, {} tasks were running there", how, died.running.size());
}

void SchedulerActor::say(ClientId id, ClientMessage&& message) {
  if (const auto* query = std::get_if<Query>(&message); query && answer_here(id, *query)) return;
  note(id, message);
  feed(ClientSaid{id, std::move(message)});
}

/// What the machine knows nothing of: how it was configured, and what this node logged.
bool SchedulerActor::answer_here(ClientId id, const Query& query) {
  QueryReply reply;
  reply.request = query.request;
  if (query.kind == QueryKind::log) {
    constexpr std::uint32_t usual = 1000;
    auto page = node_.recent_log().page(query.after, query.count == 0 ? usual : query.count);
    reply.log = std::move(page.lines);
    reply.next = page.next;
  } else if (query.kind == QueryKind::settings) {
    for (const auto& [key, value] : options_.settings) reply.lines.push_back(key + "=" + value);
  } else {
    return false;
  }
  if (const auto found = by_id_.find(PeerId{id}); found != by_id_.end())
    send<ToClient>(found->second, {std::move(reply)});
  return true;
}

void SchedulerActor::told(const std::optional<Error>& error) {
  if (error) node_.log(LogLevel::warning, "message_refused", error->text);
}

void SchedulerActor::on(PeerOpened& event) {
  if (stopping_) return end_peer(event.conversation, "the scheduler is stopping");
  if (event.local) caf::anon_send(event.local, LinkUp{false});
  peers_[event.conversation] = Peer{event.role, std::move(event.local), {}};
}

template <class Message>
void SchedulerActor::on(FromPeer<Message>& batch) {
  const auto found = peers_.find(batch.conversation);
  if (found == peers_.end() || found->second.role != role_of<Message>()) return;
  auto& peer = found->second;
  stirred_ = true;
  for (auto& message : batch.messages) {
    if (peer.id.index() == 0) {
      if (!join(batch.conversation, peer, message)) return end_peer(batch.conversation, "spoke before it registered");
      continue;
    }
    using Id = std::conditional_t<std::is_same_v<Message, ClientMessage>, ClientId,
                                  std::conditional_t<std::is_same_v<Message, WorkerMessage>, WorkerId, NannyId>>;
    say(std::get<Id>(std::get<PeerId>(peer.id)), std::move(message));
  }
}

template <class Message>
bool SchedulerActor::join(Conversation conversation, Peer& peer, Message& message) {
  PeerId id;
  if constexpr (std::is_same_v<Message, ClientMessage>) {
    auto* registration = std::get_if<RegisterClient>(&message);
    if (!registration) return false;
    id = state_->next_client();
    by_id_[id] = conversation;
    peer.id = id;
    peer.name = registration->name;
    tell(LogLevel::debug, "client", "client_connected", {},
         fmt::format("client {} '{}' connected", std::get<ClientId>(id).value, registration->name),
         {{}, std::get<ClientId>(id), {}});
    feed(ClientJoined{std::get<ClientId>(id), std::move(*registration)});
  } else if constexpr (std::is_same_v<Message, WorkerMessage>) {
    auto* registration = std::get_if<RegisterWorker>(&message);
    if (!registration) return false;
    id = state_->next_worker();
    by_id_[id] = conversation;
    peer.id = id;
    tell(LogLevel::info, "worker", "worker_registered", std::get<WorkerId>(id),
         fmt::format("worker {} registered, {} threads", registration->address, registration->threads));
    feed(WorkerJoined{std::get<WorkerId>(id), std::move(*registration)});
  } else {
    auto* registration = std::get_if<RegisterNanny>(&message);
    if (!registration) return false;
    id = state_->next_nanny();
    by_id_[id] = conversation;
    peer.id = id;
    feed(NannyJoined{std::get<NannyId>(id), std::move(*registration)});
  }
  return true;
}

void SchedulerActor::on(const PeerWire& event) {
  const auto found = peers_.find(event.conversation);
  if (found == peers_.end() || found->second.id.index() == 0) return;
  stirred_ = true;
  feed(PeerReachable{std::get<PeerId>(found->second.id), event.whole});
}

void SchedulerActor::on(const PeerGone& event) {
  sessions_->close(event.conversation);
  const auto found = peers_.find(event.conversation);
  if (found == peers_.end()) return;
  const auto peer = std::move(found->second);
  peers_.erase(found);
  stirred_ = true;
  if (peer.id.index() != 0) left(std::get<PeerId>(peer.id), event.graceful, event.reason);
}

void SchedulerActor::left(const PeerId& id, bool graceful, const std::string& reason) {
  by_id_.erase(id);
  if (const auto* client = std::get_if<ClientId>(&id)) {
    tell(graceful ? LogLevel::info : LogLevel::warning, "client", "client_left", {},
         fmt::format("client {} left: {}", client->value, reason), {{}, *client, {}});
    feed(ClientLeft{*client, reason});
  } else if (const auto* worker = std::get_if<WorkerId>(&id)) {
    tell(graceful ? LogLevel::info : LogLevel::warning, "worker", graceful ? "worker_left" : "worker_lost", *worker,
         fmt::format("worker {} left: {}", worker->value, reason));
    feed(WorkerLeft{*worker, graceful, reason});
  } else {
    feed(NannyLeft{std::get<NannyId>(id)});
  }
}

/// Tells everybody, waits a while for workers to say goodbye, and ends.
void SchedulerActor::on(const StopScheduler& event) {
  if (stopping_) return;
  stopping_ = true;
  if (options_.events)
    options_.events->add(monitoring::EventLevel::info, "scheduler", {}, "the scheduler stops: " + event.reason);
  finish_turn();
  std::vector<Conversation> others;
  for (auto& [conversation, peer] : peers_) {
    switch (peer.role) {
      case Role::worker: send<ToWorker>(conversation, {CloseWorker{false, event.reason}}); break;
      case Role::client:
        send<ToClient>(conversation, {Goodbye{event.reason}});
        others.push_back(conversation);
        break;
      case Role::nanny: send<ToNanny>(conversation, {CloseNanny{event.reason}}); break;
      case Role::peer: break;
    }
  }
  for (const auto conversation : others) end_peer(conversation, event.reason);
  deadline_.expires_after(options_.stop_patience);
  deadline_.async_wait([weak = address()](const boost::system::error_code& error) {
    if (error) return;
    if (auto actor = caf::actor_cast<caf::actor>(weak)) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  });
}

void SchedulerActor::finish_turn() {
  if (stirred_) {
    stirred_ = false;
    effects_.clear();
    const bool more = state_->place(now_, effects_);
    if (event_log_) told(event_log_->write(Placed{digest_of(effects_)}, now_));
    if (more && !more_posted_) {
      more_posted_ = true;
      caf::anon_send(caf::actor_cast<caf::actor>(this), Turn{});
    }
    perform(effects_.workers);
    perform(effects_.clients);
    perform(effects_.nannies);
    for (auto& [id, reason] : effects_.close) {
      const auto found = by_id_.find(id);
      if (found == by_id_.end()) continue;
      const auto conversation = found->second;
      by_id_.erase(found);
      end_peer(conversation, reason);
    }
    decisions_.add(static_cast<std::uint64_t>((Node::now() - now_).count() / 1000));
    if (effects_.shut_down) caf::anon_send(caf::actor_cast<caf::actor>(this), StopScheduler{"asked by a client"});
  }
  if (stopping_ && peers_.empty()) stop_now();
}

template <class Id, class Message>
void SchedulerActor::perform(std::vector<std::pair<Id, std::vector<Message>>>& list) {
  for (auto& [id, messages] : list) {
    const auto found = by_id_.find(PeerId{id});
    if (found != by_id_.end() && !messages.empty()) send(found->second, std::move(messages));
  }
}

template <class Message>
void SchedulerActor::send(Conversation conversation, std::vector<Message> messages) {
  const auto found = peers_.find(conversation);
  if (found == peers_.end()) return;
  if (found->second.local) {
    caf::anon_send(found->second.local, Received<Message>{std::move(messages)});
  } else {
    sessions_->send(conversation, messages);
  }
}

void SchedulerActor::end_peer(Conversation conversation, const std::string& reason) {
  const auto found = peers_.find(conversation);
  if (found != peers_.end()) {
    const auto peer = std::move(found->second);
    peers_.erase(found);
    if (peer.local) caf::anon_send(peer.local, LinkClosed{{ErrorKind::disconnected, reason}});
    if (peer.id.index() != 0 && by_id_.contains(std::get<PeerId>(peer.id)))
      left(std::get<PeerId>(peer.id), false, reason);
  }
  sessions_->close(conversation);
}

void SchedulerActor::arm_tick() {
  tick_.expires_after(options_.config.tick);
  tick_.async_wait([this, weak = address()](const boost::system::error_code& error) {
    const auto alive = caf::actor_cast<caf::actor>(weak);
    if (error || !alive || ended_) return;
    now_ = Node::now();
    feed(SchedulerTick{});
    caf::anon_send(alive, Turn{});
    arm_tick();
  });
}

void SchedulerActor::stop_now() {
  if (!ended_) caf::anon_send_exit(caf::actor_cast<caf::actor>(this), caf::exit_reason::user_shutdown);
}

void SchedulerActor::on_exit() {
  if (std::exchange(ended_, true)) return;
  tick_.cancel();
  deadline_.cancel();
  shared_->listener.reset();
  shared_->running = nullptr;
  for (auto& [conversation, peer] : std::exchange(peers_, {}))
    if (peer.local) caf::anon_send(peer.local, LinkClosed{{ErrorKind::disconnected, "the scheduler has ended"}});
  sessions_->close_all();
  sessions_.reset();
  state_.reset();
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
  }
  shared_->changed.notify_all();
}

// ---- handle -----------------------------------------------------------------------------------------------------

const std::string& SchedulerHandle::address() const { return shared_->address; }
Token SchedulerHandle::cluster() const { return shared_->cluster; }
Epoch SchedulerHandle::epoch() const { return shared_->epoch; }

SchedulerCounters SchedulerHandle::counters() const {
  return shared_->node->call([shared = shared_]() -> SchedulerCounters {
    return shared->running ? shared->running->state().counters() : SchedulerCounters{};
  });
}

std::shared_ptr<const SchedulerSummary> SchedulerHandle::summary() const {
  return shared_->node->call([shared = shared_]() -> std::shared_ptr<const SchedulerSummary> {
    return shared->running ? shared->running->state().summary(Node::now()) : nullptr;
  });
}

void SchedulerHandle::stop(std::string reason) {
  if (auto actor = caf::actor_cast<caf::actor>(shared_->actor)) caf::anon_send(actor, StopScheduler{std::move(reason)});
}

void SchedulerHandle::wait() const {
  std::unique_lock lock(shared_->mutex);
  TROUPE_ASSERT(shared_->stopped || !shared_->node->on_loop(), "waits for a scheduler on its own loop");
  shared_->changed.wait(lock, [&] { return shared_->stopped; });
}

bool SchedulerHandle::wait_for(Duration patience) const {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, patience, [&] { return shared_->stopped; });
}

bool SchedulerHandle::stopped() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->stopped;
}

Result<SchedulerHandle> start_scheduler(Node& node, SchedulerOptions options) {
  if (options.seed == 0) options.seed = Node::random();
  std::unique_ptr<EventLogWriter> event_log;
  if (!options.event_log.empty()) {
    const EventLogHeader header{options.config, options.access.cluster, options.access.epoch, options.seed};
    auto created = EventLogWriter::create(options.event_log, header, options.event_log_bytes);
    if (!created) return tl::unexpected(std::move(created.error()));
    event_log = std::move(*created);
  }
  auto shared = std::make_shared<SchedulerHandle::Shared>();
  shared->node = &node;
  shared->cluster = options.access.cluster;
  shared->epoch = options.access.epoch;
  return node.call([&]() -> Result<SchedulerHandle> {
    if (options.listen) {
      ListenOptions listen;
      listen.host = options.host;
      listen.port = options.port;
      listen.insecure = options.insecure;
      listen.handshake.cluster = options.access.cluster;
      listen.handshake.epoch = options.access.epoch;
      listen.handshake.keys = options.access.keys();
      listen.handshake.roles = {Role::client, Role::worker, Role::nanny};
      auto listener = Listener::open(
          node.io(), std::move(listen),
          [weak = std::weak_ptr(shared)](AuthenticatedPeer peer) {
            const auto strong = weak.lock();
            if (strong && strong->running) return strong->running->sessions().accept(std::move(peer));
            peer.refuse(RefuseReason::unavailable, "the scheduler is starting or stopping");
          },
          [&node](std::string_view text) { node.log(LogLevel::warning, "connection_refused", text); });
      if (!listener) return tl::unexpected(std::move(listener.error()));
      shared->address = (*listener)->address();
      shared->listener = std::move(*listener);
    }
    shared->actor = caf::actor_cast<caf::actor_addr>(
        node.spawn<SchedulerActor>(&node, std::move(options), shared, std::move(event_log)));
    return SchedulerHandle(shared);
  });
}

}  // namespace troupe
