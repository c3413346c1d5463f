#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "runtime/simulation/client_node.hpp"
#include "runtime/simulation/world.hpp"

// What the user of a client does.

namespace troupe::simulation {

void ClientNode::submit(std::uint32_t size, std::uint32_t shape, std::uint64_t salt) {
  if (gone_) return;
  std::vector<EarlierKey> earlier;
  for (const auto& [number, page] : pages_)
    for (const auto& [index, known] : page.keys)
      if (known.told == Told::pending || known.told == Told::ready)
        earlier.push_back({ClientKey::of(number, index), page.expected[index]});
  auto plan = plan_graph(world_.options(), size, shape, salt, last_page_ + 1, earlier);
  const std::uint64_t first = last_page_ + 1;
  for (std::size_t piece = 0; piece < plan.size(); ++piece) {
    PlannedChunk& part = plan[piece];
    const std::uint64_t number = ++last_page_;
    Page& page = pages_[number];
    page.salt = part.salt;
    page.chunk = part.chunk;
    page.expected = std::move(part.expected);
    page.external = part.chunk->external;
    for (std::uint32_t i = 0; i < part.chunk->size; ++i)
      if (part.chunk->all_wanted || std::binary_search(part.chunk->wanted.begin(), part.chunk->wanted.end(), i))
        page.keys[i] = {};
    GraphSubmitted event;
    event.page = number;
    event.graph = first;
    event.last = piece + 1 == plan.size();
    event.token = part.token;
    event.name = name_of_page(node_, number);
    event.chunk = std::move(part.chunk);
    event.held = std::move(part.held);
    if (number % 3 == 0) event.span = {"span " + std::to_string(number % 4), {salt, number}};
    handle(std::move(event));
  }
}

void ClientNode::scatter(std::uint32_t count, std::uint64_t salt) {
  if (gone_) return;
  const std::uint64_t number = ++last_page_;
  Page& page = pages_[number];
  page.salt = salt;
  page.data = true;
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = count;
  chunk->templates.emplace_back();
  page.chunk = std::move(chunk);
  ScatterWanted event;
  event.page = number;
  event.token = {node_, number};
  event.replicas = static_cast<std::uint32_t>(salt % 3);
  for (std::uint32_t i = 0; i < count; ++i) {
    page.expected.push_back(value_of(salt, i, {}));
    page.keys[i] = {};
    event.nbytes.push_back(bytes_of(page.expected.back()));
  }
  handle(std::move(event));
}

/// Some keys, in one range of one page.
std::vector<KeyRange> ClientNode::pick(std::uint64_t salt, std::uint64_t most) const {
  std::vector<ClientKey> keys;
  for (const auto& [number, page] : pages_)
    for (const auto& [index, known] : page.keys) keys.push_back(ClientKey::of(number, index));
  if (keys.empty()) return {};
  const std::size_t first = salt % keys.size();
  KeyRange range{keys[first], 1};
  while (range.count < most && first + range.count < keys.size() &&
         keys[first + range.count].value == range.first.value + range.count)
    ++range.count;
  return {range};
}

void ClientNode::release(std::uint64_t salt, std::uint64_t most) {
  const auto keys = gone_ ? std::vector<KeyRange>{} : pick(salt, most);
  if (keys.empty()) return;
  for (std::uint32_t i = 0; i < keys[0].count; ++i) {
    const ClientKey key{keys[0].first.value + i};
    pages_.at(key.submission()).keys.erase(key.index());
  }
  handle(KeysReleased{keys});
}

void ClientNode::cancel(std::uint64_t salt, std::uint64_t most) {
  auto keys = gone_ ? std::vector<KeyRange>{} : pick(salt, most);
  if (!keys.empty()) handle(CancelWanted{std::move(keys), salt % 2 == 0, "the user thought again"});
}

void ClientNode::retry() {
  if (gone_) return;
  RetryWanted event;
  for (auto& [number, page] : pages_)
    for (auto& [index, known] : page.keys) {
      if (known.told != Told::erred) continue;
      event.keys.push_back({ClientKey::of(number, index), 1});
    }
  if (event.keys.empty()) return;
  world_.ledger().retry_asked();
  handle(std::move(event));
}

RequestId ClientNode::new_request() {
  const RequestId request{++last_request_};
  requests_.insert(request);
  return request;
}

void ClientNode::query(std::uint64_t salt) {
  if (gone_) return;
  Query query;
  query.request = new_request();
  query.kind = static_cast<QueryKind>(salt % 7);
  query.count = query.kind == QueryKind::list_tasks ? 10 : 1;
  if (query.kind == QueryKind::who_has || query.kind == QueryKind::explain || query.kind == QueryKind::story)
    for (const KeyRange& range : pick(salt / 7, 1)) query.keys.push_back(range.first);
  handle(QueryWanted{std::move(query)});
}

void ClientNode::run_everywhere() {
  if (gone_) return;
  RunOnWorkers run;
  run.request = new_request();
  run.function.name = "f";
  handle(RunWanted{std::move(run)});
}

/// Everywhere, or on up to three workers.
void ClientNode::replicate(std::uint64_t salt, std::uint64_t most) {
  const auto ranges = gone_ ? std::vector<KeyRange>{} : pick(salt, most);
  if (ranges.empty()) return;
  Replicate command;
  command.request = new_request();
  for (const KeyRange& range : ranges)
    for (std::uint32_t i = 0; i < range.count; ++i) command.keys.push_back({range.first.value + i});
  command.copies = static_cast<std::uint32_t>(salt % 4);
  command.branching = 1 + static_cast<std::uint32_t>(salt / 4 % 2);
  handle(PlacementWanted{std::move(command)});
}

void ClientNode::rebalance() {
  if (gone_) return;
  Rebalance command;
  command.request = new_request();
  handle(PlacementWanted{std::move(command)});
}

void ClientNode::retire_workers(std::uint32_t count) {
  if (gone_) return;
  RetireWorkers command;
  command.request = new_request();
  command.count = count;
  handle(PlacementWanted{std::move(command)});
}

/// All, or those of one machine.
void ClientNode::restart_workers(std::uint64_t salt) {
  if (gone_) return;
  RestartWorkers command;
  command.request = new_request();
  if (salt % 3 != 0) command.workers = {fmt::format("h{}", 1 + salt / 3 % (world_.options().workers))};
  command.patience_ms = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(world_.options().unit / 2).count());
  handle(PlacementWanted{std::move(command)});
}

void ClientNode::leave() {
  if (gone_) return;
  handle(CloseWanted{"the user is done"});
}

void ClientNode::vanish() {
  if (gone_) return;
  world_.inject(Fault::vanish);
  gone_ = true;
  world_.kill_process(process_);
  world_.bury(std::move(dialer_));
}

std::string ClientNode::unanswered() const {
  if (gone_) return {};
  for (const auto& [number, page] : pages_)
    for (const auto& [index, known] : page.keys)
      if (known.told == Told::pending)
        return fmt::format("client {} was never told of {}", node_, world_.describe(TaskId::of(page.group, index)));
  if (!requests_.empty()) return fmt::format("client {} got no answer to question {}", node_, requests_.begin()->value);
  return {};
}

bool ClientNode::look_at_all() {
  if (gone_) return true;
  bool all = true;
  for (const auto& [number, page] : pages_)
    for (const auto& [index, known] : page.keys) {
      if (known.told == Told::pending) all = false;
      if (known.told != Told::ready || known.seen) continue;
      all = false;
      if (!known.looking) look(ClientKey::of(number, index));
    }
  return all;
}

void ClientNode::release_all() {
  if (gone_) return;
  KeysReleased event;
  for (auto& [number, page] : pages_) {
    for (const auto& [index, known] : page.keys) event.keys.push_back({ClientKey::of(number, index), 1});
    page.keys.clear();
  }
  if (!event.keys.empty()) handle(std::move(event));
}

}  // namespace troupe::simulation
