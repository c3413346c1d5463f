#include "actors/client_session.hpp"

#include <fmt/format.h>

namespace troupe {

using detail::FuturePage;
using detail::FutureSlot;
using detail::Outcome;
using detail::SlotState;

namespace {

constexpr std::uint64_t reply_bytes_max = std::uint64_t{64} << 20;
constexpr std::size_t reply_tasks_max = 4096;
constexpr unsigned attempts_max = 40;
constexpr Duration patience{std::chrono::milliseconds{50}};

template <class F>
void for_each_slot(FuturePage& page, const KeyRange& range, F&& act) {
  for (std::uint32_t i = 0; i < range.count; ++i)
    if (auto* slot = page.find(range.first.index() + i)) act(*slot);
}

}  // namespace

ClientSession::ClientSession(std::shared_ptr<ClientCore> core, ClientConfig config,
                             std::unique_ptr<ClientSurroundings> surroundings)
    : core_(std::move(core)), state_(std::move(config)), surroundings_(std::move(surroundings)) {}

ClientSession::~ClientSession() { abandon("the node was stopped"); }

void ClientSession::start(std::unique_ptr<Link<ClientMessage>> link) {
  link_ = std::move(link);
  state_.start(effects_);
  drain();
}

void ClientSession::drain() {
  if (ended_ || !link_) return;
  auto taken = core_->take(state_.busy());
  batch_left_ = taken.batch_left;
  const auto now = surroundings_->now();
  for (auto& order : taken.orders) {
    if (order.page != nullptr) pages_.emplace(order.page->number, order.page);
    count(order);
    if (auto* event = std::get_if<ClientEvent>(&order.what)) {
      state_.handle(std::move(*event), now, effects_);
    } else if (auto* fetch = std::get_if<ClientCore::FetchValues>(&order.what)) {
      want_values(std::move(fetch->futures));
    } else if (auto* upload = std::get_if<ClientCore::Upload>(&order.what)) {
      upload_module(std::move(*upload));
    } else {
      auto& scatter = std::get<ClientCore::Scatter>(order.what);
      scattered_[scatter.wanted.page].values = std::move(scatter.values);
      state_.handle(std::move(scatter.wanted), now, effects_);
    }
  }
  taken.orders.clear();
  let_go(std::move(taken.released));
  flush();
}

void ClientSession::count(const ClientCore::Order& order) {
  monitoring::ClientCounters& counting = core_->counting();
  if (const auto* event = std::get_if<ClientEvent>(&order.what)) {
    const auto* graph = std::get_if<GraphSubmitted>(event);
    if (graph == nullptr || !graph->chunk) return;
    ++counting.submissions;
    counting.submitted_tasks += graph->chunk->size;
  } else if (const auto* scatter = std::get_if<ClientCore::Scatter>(&order.what)) {
    counting.scattered_values += scatter->values.size();
    for (const Value& value : scatter->values) counting.scattered_bytes += value.nbytes();
  }
}

void ClientSession::upload_module(ClientCore::Upload upload) {
  const auto request = upload.module.request;
  auto done = [core = core_, request](Result<void> put) {
    core->answer(request, put ? Result<ClientCore::Reply>(PutReply{request, {}}) : tl::unexpected(put.error()));
  };
  surroundings_->put_module(std::move(upload), std::move(done));
}

void ClientSession::receive(std::vector<ToClient> messages) {
  if (ended_) return;
  const auto now = surroundings_->now();
  for (auto& message : messages) state_.handle(SchedulerTold{std::move(message)}, now, effects_);
  flush();
  if (batch_left_ && !state_.busy()) drain();
}

void ClientSession::link_up(bool resumed) {
  if (ended_) return;
  if (std::exchange(was_up_, true)) ++core_->counting().reconnections;
  state_.handle(ClientLinkUp{resumed}, surroundings_->now(), effects_);
  flush();
}

void ClientSession::link_closed(Error error) {
  if (ended_) return;
  end_error_ = error;
  state_.handle(ClientLinkClosed{std::move(error)}, surroundings_->now(), effects_);
  flush();
}

void ClientSession::abandon(std::string reason) {
  link_closed({ErrorKind::disconnected, "client: " + std::move(reason)});
}

void ClientSession::flush() {
  if (flushing_) return;  // the outer one goes on until there is nothing left
  flushing_ = true;
  while (true) {
    if (!effects_.to_scheduler.empty() && link_) link_->send(std::exchange(effects_.to_scheduler, {}));
    auto updates = std::exchange(effects_.updates, {});
    for (auto& update : updates) std::visit([this](auto& each) { apply(each); }, update);
    core_->set_backlog(state_.backlog());
    core_->counting().waiting_chunks = state_.backlog();
    if (state_.id()) core_->set_connected();
    core_->counting().connected = state_.id() && !effects_.close;
    core_->tell_counters();
    want_values(core_->publish());
    if (effects_.to_scheduler.empty() && effects_.updates.empty()) break;
  }
  flushing_ = false;
  if (effects_.close) finish();
}

/// What user threads still order fails; then pages belong to their last handles.
void ClientSession::finish() {
  if (std::exchange(ended_, true)) return;
  core_->counting().connected = false;
  if (link_) link_->close(effects_.close_reason);
  sources_.clear();
  lookups_.clear();
  scattered_.clear();
  do {
    auto taken = core_->take(false);
    for (auto& order : taken.orders) {
      if (order.page != nullptr) pages_.emplace(order.page->number, order.page);
      if (auto* event = std::get_if<ClientEvent>(&order.what))
        state_.handle(std::move(*event), Instant{}, effects_);
      else if (auto* scatter = std::get_if<ClientCore::Scatter>(&order.what))
        state_.handle(std::move(scatter->wanted), Instant{}, effects_);
    }
    taken.orders.clear();
    auto updates = std::exchange(effects_.updates, {});
    for (auto& update : updates) std::visit([this](auto& each) { apply(each); }, update);
    let_go(std::move(taken.released));
    core_->set_backlog(0);
    core_->publish().clear();
    core_->tell_counters();
  } while (!core_->end(end_error_));
  pages_.clear();
  last_page_ = {};
}

// ---- futures ---------------------------------------------------------------------------------------------------

FuturePage* ClientSession::find_page(std::uint64_t number) {
  if (last_page_.first == number) return last_page_.second;
  const auto found = pages_.find(number);
  if (found == pages_.end()) return nullptr;
  last_page_ = *found;
  return found->second;
}

void ClientSession::let_go(std::vector<ClientCore::Released> released) {
  if (released.empty()) return;
  KeysReleased keys;
  keys.keys.reserve(released.size());
  for (const auto& each : released) {
    const auto number = each.page->number;
    keys.keys.push_back({ClientKey::of(number, each.first), each.count});
    if (ClientCore::let_go(*each.page, each.count)) {
      pages_.erase(number);
      last_page_ = {};
    }
  }
  state_.handle(std::move(keys), surroundings_->now(), effects_);
}

void ClientSession::fail_slot(FutureSlot& slot, const Error& error) {
  auto outcome = std::make_unique<Outcome>();
  if (error.kind == ErrorKind::disconnected || error.kind == ErrorKind::cancelled) {
    outcome->reason = error.text;
    core_->set_outcome(slot, error.kind == ErrorKind::cancelled ? SlotState::cancelled : SlotState::lost,
                       std::move(outcome));
    return;
  }
  auto task_error = std::make_shared<TaskError>();
  task_error->kind = TaskError::Kind::invalid;
  task_error->message = error.text;
  task_error->function = core_->prefix_of(slot);
  outcome->error = std::move(task_error);
  core_->set_outcome(slot, SlotState::erred, std::move(outcome));
}

void ClientSession::apply(KeysReady& update) {
  const auto bytes = update.values.bytes.span();
  const auto& offsets = update.values.offsets;
  for (std::size_t i = 0; i < update.keys.size(); ++i) {
    const auto key = update.keys[i];
    if (!key) continue;
    auto* page = find_page(key.submission());
    auto* slot = page != nullptr ? page->find(key.index()) : nullptr;
    if (slot == nullptr) continue;
    if (!offsets.empty() && offsets[i] != offsets[i + 1]) {
      const auto size = offsets[i + 1] - offsets[i];
      ++core_->counting().received_values;
      core_->counting().received_bytes += size;
      core_->set_inline(*slot, update.values.bytes, bytes.subspan(offsets[i], size));
    } else {
      if (slot->current() == SlotState::finished) continue;  // fetched before; it has been told again
      auto outcome = std::make_unique<Outcome>();
      outcome->holder = update.workers[i];
      outcome->nbytes = update.nbytes[i];
      core_->set_outcome(*slot, SlotState::remote, std::move(outcome));
    }
  }
}

void ClientSession::apply(KeysErred& update) {
  for (std::size_t i = 0; i < update.keys.size(); ++i) {
    auto* page = find_page(update.keys[i].submission());
    auto* slot = page != nullptr ? page->find(update.keys[i].index()) : nullptr;
    if (slot == nullptr) continue;
    auto outcome = std::make_unique<Outcome>();
    outcome->error = update.errors[i];
    core_->set_outcome(*slot, SlotState::erred, std::move(outcome));
  }
}

void ClientSession::apply(KeysCancelled& update) {
  for (const auto& range : update.keys)
    if (auto* page = find_page(range.first.submission()))
      for_each_slot(*page, range, [&](FutureSlot& slot) {
        if (slot.current() == SlotState::lost) return;  // we cancelled it since it was lost, and why says more
        auto outcome = std::make_unique<Outcome>();
        outcome->reason = update.reason.empty() ? "cancelled" : "cancelled: " + update.reason;
        core_->set_outcome(slot, SlotState::cancelled, std::move(outcome));
      });
}

void ClientSession::apply(KeysPending& update) {
  for (const auto& range : update.keys)
    if (auto* page = find_page(range.first.submission()))
      for_each_slot(*page, range, [&](FutureSlot& slot) { core_->set_pending(slot); });
}

void ClientSession::apply(PageAccepted& update) {
  if (auto* page = find_page(update.page)) page->group.store(update.group, std::memory_order_relaxed);
}

void ClientSession::apply(PageRefused& update) {
  scattered_.erase(update.page);
  auto* page = find_page(update.page);
  if (page == nullptr) return;
  for (std::uint32_t i = 0; i < page->size; ++i) fail_slot(page->slots()[i], update.error);
}

void ClientSession::apply(AllKeysLost& update) {
  sources_.clear();
  lookups_.clear();
  scattered_.clear();
  for (auto& [number, page] : pages_)
    for (std::uint32_t i = 0; i < page->size; ++i) {
      auto& slot = page->slots()[i];
      const auto state = slot.current();
      slot.fetching = false;
      if (state == SlotState::pending || state == SlotState::remote) fail_slot(slot, update.error);
    }
}

void ClientSession::apply(QueryReply& update) {
  const auto lookup = lookups_.find(update.request);
  const RequestId request = update.request;
  if (lookup == lookups_.end()) return core_->answer(request, std::move(update));
  auto wanted = std::move(lookup->second);
  lookups_.erase(lookup);
  found(update, std::move(wanted));
}

void ClientSession::apply(RunReply& update) {
  const RequestId request = update.request;
  core_->answer(request, std::move(update));
}

void ClientSession::apply(RequestFailed& update) {
  const auto lookup = lookups_.find(update.request);
  if (lookup == lookups_.end()) return core_->answer(update.request, tl::unexpected(std::move(update.error)));
  auto wanted = std::move(lookup->second);
  lookups_.erase(lookup);
  for (auto& each : wanted) give_up_or_retry(std::move(each), update.error.text);
}

/// The values go to their workers directly; the workers tell the scheduler, and it tells us that the keys are ready.
void ClientSession::apply(ScatterPlanned& update) {
  auto& scattered = scattered_[update.page];
  std::map<std::string, std::vector<std::uint32_t>> by_address;
  for (std::uint32_t key = 0; key + 1 < update.offsets.size(); ++key)
    for (auto i = update.offsets[key]; i < update.offsets[key + 1]; ++i)
      by_address[update.targets[i].address].push_back(key);
  if (auto* page = find_page(update.page)) page->group.store(update.group, std::memory_order_relaxed);
  scattered.puts = by_address.size();
  for (const auto& [address, keys] : by_address) {
    std::vector<TaskId> tasks;
    std::vector<Value> values;
    for (const auto key : keys) {
      tasks.push_back(TaskId::of(update.group, key));
      values.push_back(scattered.values[key]);
    }
    surroundings_->put(address, std::move(tasks), std::move(values),
                       [this, number = update.page, keys](Result<void> result) {
                         if (ended_) return;
                         if (!result) scatter_failed(number, keys, "scatter: " + result.error().text);
                         if (const auto at = scattered_.find(number); at != scattered_.end() && --at->second.puts == 0)
                           scattered_.erase(at);
                         flush();
                       });
  }
}

/// Nobody else has these values: what waits for them anywhere waits in vain.
void ClientSession::scatter_failed(std::uint64_t number, const std::vector<std::uint32_t>& keys,
                                   const std::string& why) {
  auto* page = find_page(number);
  if (page == nullptr) return;
  CancelWanted cancel{{}, true, why};
  for (const auto key : keys) {
    auto* slot = page->find(key);
    if (slot == nullptr || slot->current() != SlotState::pending) continue;
    fail_slot(*slot, {ErrorKind::disconnected, why});
    cancel.keys.push_back({ClientKey::of(number, key), 1});
  }
  if (!cancel.keys.empty()) state_.handle(std::move(cancel), surroundings_->now(), effects_);
}

// ---- values that lie on workers --------------------------------------------------------------------------------

void ClientSession::want_values(std::vector<FutureHandle> futures) {
  if (futures.empty() || ended_) return;
  for (auto& future : futures) {
    auto& slot = *future.slot();
    if (slot.fetching || slot.current() != SlotState::remote) continue;
    const auto task = state_.task(future.key());
    if (!task) continue;
    slot.fetching = true;
    want({std::move(future), *task, 0}, slot.outcome.load(std::memory_order_relaxed)->holder);
  }
  for (auto& [holder, source] : sources_)
    if (!source.asked && !source.waiting.empty()) ask(holder);
}

void ClientSession::want(Wanted wanted, WorkerId holder) { sources_[holder].waiting.push_back(std::move(wanted)); }

void ClientSession::ask(WorkerId holder) {
  auto& source = sources_[holder];
  std::vector<Wanted> asked;
  std::vector<TaskId> tasks;
  while (!source.waiting.empty() && asked.size() < reply_tasks_max) {
    asked.push_back(std::move(source.waiting.front()));
    source.waiting.pop_front();
    tasks.push_back(asked.back().task);
  }
  const auto* address = state_.address(holder);
  if (address == nullptr) return look_for(std::move(asked));
  source.asked = true;
  auto shared = std::make_shared<std::vector<Wanted>>(std::move(asked));
  surroundings_->get(address->address, std::move(tasks), reply_bytes_max,
                     [this, holder, shared](Result<FetchedValues> result) {
                       if (ended_) return;
                       got(holder, std::move(*shared), std::move(result));
                       flush();
                     });
}

void ClientSession::got(WorkerId holder, std::vector<Wanted> asked, Result<FetchedValues> result) {
  auto& source = sources_[holder];
  source.asked = false;
  if (!result) {
    while (!source.waiting.empty()) {
      asked.push_back(std::move(source.waiting.front()));
      source.waiting.pop_front();
    }
    ++core_->counting().failed_fetches;
    return look_for(std::move(asked));
  }
  std::unordered_map<TaskId, Value*> came;
  for (std::size_t i = 0; i < result->tasks.size(); ++i) came[result->tasks[i]] = &result->values[i];
  const std::unordered_map<TaskId, bool> missing = [&] {
    std::unordered_map<TaskId, bool> set;
    for (const auto task : result->missing) set[task] = true;
    return set;
  }();
  std::vector<Wanted> lost;
  for (auto& wanted : asked) {
    auto& slot = *wanted.future.slot();
    if (const auto value = came.find(wanted.task); value != came.end()) {
      slot.fetching = false;
      if (slot.current() == SlotState::finished) continue;
      auto outcome = std::make_unique<Outcome>();
      outcome->nbytes = value->second->nbytes();
      ++core_->counting().received_values;
      core_->counting().received_bytes += outcome->nbytes;
      outcome->value = *value->second;
      core_->set_outcome(slot, SlotState::finished, std::move(outcome));
    } else if (missing.contains(wanted.task)) {
      lost.push_back(std::move(wanted));
    } else {
      source.waiting.push_back(std::move(wanted));
    }
  }
  if (!lost.empty()) look_for(std::move(lost));
  if (source.waiting.empty()) return;
  if (result->status != DataStatus::busy) return ask(holder);
  source.asked = true;
  surroundings_->later(patience / 5, [this, holder] {
    if (ended_) return;
    sources_[holder].asked = false;
    if (!sources_[holder].waiting.empty()) ask(holder);
    flush();
  });
}

void ClientSession::look_for(std::vector<Wanted> wanted) {
  Query query;
  query.request = RequestId{next_lookup_++};
  query.kind = QueryKind::who_has;
  for (const auto& each : wanted) query.keys.push_back(each.future.key());
  lookups_.emplace(query.request, std::move(wanted));
  state_.handle(QueryWanted{std::move(query)}, surroundings_->now(), effects_);
}

void ClientSession::found(const QueryReply& reply, std::vector<Wanted> wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool known = !reply.error && i < reply.holders.size() && !reply.holders[i].empty();
    if (known && wanted[i].attempts == 0) {
      const auto& holders = reply.holders[i];
      ++wanted[i].attempts;
      const auto& holder = holders[wanted[i].task.index() % holders.size()];
      want(std::move(wanted[i]), holder.worker);
    } else {
      give_up_or_retry(std::move(wanted[i]), "no worker that has the value answers");
    }
  }
  for (auto& [holder, source] : sources_)
    if (!source.asked && !source.waiting.empty()) ask(holder);
}

/// The scheduler may not have noticed yet that a worker is gone. When it does, the key becomes pending and is computed
/// again, and whoever waits for the value makes us fetch it anew.
void ClientSession::give_up_or_retry(Wanted wanted, std::string why) {
  auto& slot = *wanted.future.slot();
  if (slot.current() != SlotState::remote) {
    slot.fetching = false;
    return;
  }
  if (++wanted.attempts > attempts_max) {
    slot.fetching = false;
    auto outcome = std::make_unique<Outcome>();
    outcome->reason = fmt::format("the value of {} cannot be had: {}", core_->prefix_of(slot), why);
    core_->set_outcome(slot, SlotState::lost, std::move(outcome));
    return;
  }
  auto shared = std::make_shared<Wanted>(std::move(wanted));
  surroundings_->later(patience * std::min(shared->attempts, 10U), [this, shared] {
    if (ended_) return;
    auto& retried = *shared->future.slot();
    if (retried.current() != SlotState::remote) {
      retried.fetching = false;
      // It may be remote again, elsewhere, by the time somebody asks.
    } else {
      want(std::move(*shared), retried.outcome.load(std::memory_order_relaxed)->holder);
      for (auto& [holder, source] : sources_)
        if (!source.asked && !source.waiting.empty()) ask(holder);
    }
    flush();
  });
}

}  // namespace troupe
