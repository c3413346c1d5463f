#include "runtime/simulation/client_node.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/simulation/packing.hpp"
#include "runtime/simulation/world.hpp"

// The link of a client, and what it is told. What its user does is in user.cpp.

namespace troupe::simulation {
namespace {

const char* text_of(int told) {
  constexpr const char* texts[] = {"pending", "ready", "erred", "cancelled", "lost"};
  return texts[told];
}

}  // namespace

ClientNode::ClientNode(World& world, std::uint32_t node)
    : world_(world), node_(node), process_(world.new_process(node)), state_([&] {
        ClientConfig config;
        config.name = "client-" + std::to_string(node);
        config.bulk_window = 2;
        return config;
      }()) {
  dialer_ = std::make_unique<Dialer>(world, node, process_, PeerRole::client, static_cast<DialerOwner&>(*this));
  state_.start(effects_);
  perform();
}

ClientNode::~ClientNode() = default;

std::string ClientNode::name_of_page(std::uint32_t node, std::uint64_t page) {
  return fmt::format("n{}-p{}", node, page);
}

std::pair<std::uint32_t, std::uint64_t> ClientNode::page_named(const std::string& name) {
  const auto dash = name.find('-');
  return {static_cast<std::uint32_t>(std::stoul(name.substr(1))), std::stoull(name.substr(dash + 2))};
}

void ClientNode::note_group(std::uint64_t number, std::uint64_t group) {
  const auto found = pages_.find(number);
  if (found == pages_.end()) return;
  Page& page = found->second;
  page.group = group;
  std::vector<TaskId> external;
  for (const ClientKey key : page.external) external.push_back(task_of(key));
  world_.ledger().accepted(group, page.salt, page.chunk, page.expected, std::move(external), page.data);
}

TaskId ClientNode::task_of(ClientKey key) const {
  const auto page = pages_.find(key.submission());
  if (page == pages_.end() || page->second.group == 0) return {};
  return TaskId::of(page->second.group, key.index());
}

void ClientNode::on_messages(std::vector<Bytes>& payloads) {
  if (gone_) return;
  for (const Bytes& payload : payloads)
    state_.handle(SchedulerTold{unpack<ToClient>(world_, payload)}, world_.now(), effects_);
  perform();
}

void ClientNode::on_up(bool resumed) {
  if (!gone_) handle(ClientLinkUp{resumed});
}

void ClientNode::on_closed(const Error& error) {
  if (!gone_) handle(ClientLinkClosed{error});
}

void ClientNode::handle(ClientEvent event) {
  state_.handle(std::move(event), world_.now(), effects_);
  perform();
}

void ClientNode::perform() {
  while (!effects_.to_scheduler.empty() || !effects_.updates.empty()) {
    auto messages = std::exchange(effects_.to_scheduler, {});
    auto updates = std::exchange(effects_.updates, {});
    for (ClientMessage& message : messages) {
      const bool registers = std::holds_alternative<RegisterClient>(message);
      world_.story().note(node_, message.index());
      dialer_->send(pack(world_, std::move(message)), registers);
    }
    for (ClientUpdate& update : updates) {
      world_.story().note(node_, update.index());
      std::visit([this](auto& each) { apply(each); }, update);
    }
  }
  if (!effects_.close || closed_) return;
  closed_ = true;
  gone_ = true;
  dialer_->close(pack<ClientMessage>(world_, Goodbye{effects_.close_reason}));
}

ClientNode::Key* ClientNode::find(ClientKey key) {
  const auto page = pages_.find(key.submission());
  if (page == pages_.end()) return nullptr;
  const auto found = page->second.keys.find(key.index());
  return found == page->second.keys.end() ? nullptr : &found->second;
}

template <class Visit>
void ClientNode::for_each(const std::vector<KeyRange>& ranges, Visit visit) {
  for (const KeyRange& range : ranges)
    for (std::uint32_t i = 0; i < range.count; ++i) {
      const ClientKey key{range.first.value + i};
      if (Key* known = find(key)) visit(key, *known);
    }
}

/// P7: what a client is told of a key goes only the ways that it may.
void ClientNode::tell(ClientKey key, Key& known, Told told) {
  const Told before = known.told;
  bool may = false;
  switch (told) {
    case Told::pending: may = before == Told::ready || (before == Told::erred && world_.ledger().retried()); break;
    case Told::ready: may = before == Told::pending || before == Told::ready; break;
    case Told::erred: may = before == Told::pending; break;
    case Told::cancelled: may = before != Told::cancelled; break;
    case Told::lost: may = true; break;
  }
  // A scatter whose value did not get to its worker has failed for the user, whatever is said later.
  if (before == Told::lost && told != Told::lost) return;
  if (!may)
    world_.violated("P7",
                    fmt::format("client {} was told {} after {}", node_, text_of(static_cast<int>(told)),
                                text_of(static_cast<int>(before))),
                    task_of(key));
  if (told == Told::pending) known.seen = false;
  known.told = told;
  world_.story().note(key.value, told);
  world_.story().tell(world_.now(), [&] {
    return fmt::format("client {} is told: {} is {}", node_, world_.key_text(task_of(key)),
                       text_of(static_cast<int>(told)));
  });
}

void ClientNode::apply(KeysReady& update) {
  for (std::size_t i = 0; i < update.keys.size(); ++i) {
    const ClientKey key = update.keys[i];
    Key* known = key ? find(key) : nullptr;
    if (known == nullptr) continue;
    tell(key, *known, Told::ready);
    if (known->told != Told::ready) continue;
    known->holder = update.workers[i];
    const Bytes value = update.values.at(i);
    if (!value.empty()) {
      SimValue number = 0;
      if (value.size() != 16) world_.violated("P3", "an inline value of a wrong size", task_of(key));
      std::memcpy(&number, value.data() + 8, sizeof number);
      world_.ledger().check_value(task_of(key), number, "sent along to a client");
      known->seen = true;
      world_.cover().reached("a value comes along with the news");
    } else if (!known->seen && world_.workload_random().chance(world_.options().look_rate)) {
      look(key);
    }
  }
}

void ClientNode::apply(KeysErred& update) {
  for (std::size_t i = 0; i < update.keys.size(); ++i) {
    Key* known = update.keys[i] ? find(update.keys[i]) : nullptr;
    if (known == nullptr) continue;
    world_.ledger().check_error(task_of(update.keys[i]), *update.errors[i]);
    tell(update.keys[i], *known, Told::erred);
  }
}

void ClientNode::apply(KeysCancelled& update) {
  for_each(update.keys, [&](ClientKey key, Key& known) { tell(key, known, Told::cancelled); });
}

void ClientNode::apply(KeysPending& update) {
  for_each(update.keys, [&](ClientKey key, Key& known) { tell(key, known, Told::pending); });
}

void ClientNode::apply(PageAccepted&) {}

void ClientNode::apply(PageRefused& update) {
  const auto page = pages_.find(update.page);
  if (page == pages_.end()) return;
  world_.check_refusal(update.error);
  for (auto& [index, known] : page->second.keys) known.told = Told::lost;
}

void ClientNode::apply(AllKeysLost&) {
  if (!world_.peaceful()) world_.cover().reached("a client loses all its keys");
  if (world_.peaceful() && !closed_ && !gone_ && !effects_.close)
    world_.violated("P1", "a client lost its keys though nothing went wrong");
  for (auto& [number, page] : pages_)
    for (auto& [index, known] : page.keys) {
      known.told = Told::lost;
      known.looking = false;
    }
  lookups_.clear();
}

void ClientNode::answered(RequestId request) {
  if (requests_.erase(request) == 0) world_.violated("P2", "a question was answered twice");
}

void ClientNode::apply(QueryReply& update) {
  answered(update.request);
  const auto lookup = lookups_.find(update.request);
  if (lookup == lookups_.end()) return;
  const ClientKey key = lookup->second;
  lookups_.erase(lookup);
  Key* known = find(key);
  if (known == nullptr || known->told != Told::ready || known->seen) return;
  if (!update.error && !update.holders.empty() && !update.holders[0].empty()) {
    known->holder = update.holders[0][0].worker;
    return look(key);
  }
  world_.at(world_.now() + world_.options().unit / 20, process_, [this, key] {
    if (Key* again = find(key); again != nullptr && again->told == Told::ready && !again->looking) look(key);
  });
}

void ClientNode::apply(RunReply& update) { answered(update.request); }

void ClientNode::apply(RequestFailed& update) {
  answered(update.request);
  lookups_.erase(update.request);
}

void ClientNode::apply(ScatterPlanned& update) {
  std::map<std::string, std::vector<std::uint32_t>> by_address;
  for (std::uint32_t key = 0; key + 1 < update.offsets.size(); ++key)
    for (auto i = update.offsets[key]; i < update.offsets[key + 1]; ++i)
      by_address[update.targets[i].address].push_back(key);
  for (const auto& [address, keys] : by_address) put(address, update.page, keys);
}

void ClientNode::put(const std::string& address, std::uint64_t number, const std::vector<std::uint32_t>& keys) {
  const Page& page = pages_.at(number);
  std::vector<TaskId> tasks;
  std::vector<SimValue> values;
  for (const auto key : keys) {
    tasks.push_back(TaskId::of(page.group, key));
    values.push_back(page.expected[key]);
  }
  world_.put_values(node_, process_, address, std::move(tasks), std::move(values), [this, number, keys](bool done) {
    if (done || gone_) return;
    world_.cover().reached("a scattered value does not get to its worker");
    CancelWanted cancel{{}, true, "a scattered value does not get to its worker"};
    for (const auto key : keys)
      if (Key* known = find(ClientKey::of(number, key)); known != nullptr && known->told == Told::pending) {
        known->told = Told::lost;
        cancel.keys.push_back({ClientKey::of(number, key), 1});
      }
    if (!cancel.keys.empty()) handle(std::move(cancel));
  });
}

void ClientNode::look(ClientKey key) {
  Key* known = find(key);
  const TaskId task = task_of(key);
  if (gone_ || known == nullptr || known->looking || !task) return;
  const WorkerAddress* address = state_.address(known->holder);
  if (address == nullptr) return;
  known->looking = true;
  world_.get_values(node_, process_, address->address, {task}, ~std::uint64_t{0},
                    [this, key](const GotValues& got) { looked(key, got); });
}

void ClientNode::looked(ClientKey key, const GotValues& got) {
  Key* known = find(key);
  if (gone_ || known == nullptr) return;
  known->looking = false;
  world_.story().tell(world_.now(), [&] {
    return fmt::format("client {} looks at {} on worker {}: {}", node_, world_.key_text(task_of(key)),
                       known->holder.value, got.received.empty() ? "in vain" : "there it is");
  });
  if (known->told != Told::ready) return;
  if (!got.received.empty()) {
    world_.ledger().check_value(task_of(key), got.values.front(), "fetched by a client");
    known->seen = true;
    return;
  }
  // The holder may be gone, and the scheduler not have noticed: ask where else it is.
  world_.cover().reached("a client asks where a value is");
  Query query;
  query.request = new_request();
  query.kind = QueryKind::who_has;
  query.keys = {key};
  lookups_[query.request] = key;
  world_.at(world_.now() + world_.options().unit / 20, process_, [this, query = std::move(query)]() mutable {
    if (!gone_) handle(QueryWanted{std::move(query)});
  });
}

}  // namespace troupe::simulation
