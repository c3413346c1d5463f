#include "runtime/exec/static_graph.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace troupe {

StaticGraph::~StaticGraph() {
  if (has_destructors_)
    for (std::uint32_t i = 0; i < size_; ++i) at(i).destroy();
  for (const auto& slab : slabs_) free_large(slab.memory, slab.bytes, page_bytes);
}

void StaticGraph::reserve(std::size_t nodes, std::size_t edges) {
  const auto pages = (nodes + page_nodes - 1) / page_nodes;
  if (pages > pages_.size()) add_slab(pages - pages_.size());
  rows_.reserve(edges);
}

void StaticGraph::add_slab(std::size_t pages) {
  const auto bytes = pages * page_bytes;
  slabs_.reserve(slabs_.size() + 1);
  auto* const memory = static_cast<std::byte*>(allocate_large(bytes, page_bytes));
  slabs_.push_back({memory, bytes});
  for (std::size_t i = 0; i < pages; ++i) pages_.push_back(memory + i * page_bytes);
}

void StaticGraph::add_page() {
  if (pages_used_ == pages_.size()) add_slab(std::clamp<std::size_t>(pages_.size(), 1, slab_pages_max));
  auto* const page = pages_[pages_used_++];
  ::new (static_cast<void*>(page)) StaticGraph*(this);
  next_ = page + node_bytes;
  page_end_ = page + page_bytes;
}

/// The second follower of a node, and further ones.
void StaticGraph::append_follower(Node& from, Node& to) {
  TROUPE_ASSERT(rows_.size() < std::numeric_limits<std::uint32_t>::max() / 2, "too many edges");
  Row row(from.followers);
  if ((from.followers & Row::bit) == 0) {
    row = Row(rows_.size(), 1);
    rows_.push_back(reinterpret_cast<Node*>(from.followers));
  }
  const auto end = row.first + row.count;
  if (end == rows_.size()) {
    rows_.push_back(&to);
  } else if (rows_[end] == nullptr) {
    rows_[end] = &to;
  } else {  // others stand behind it: it goes to the end, with room for as many again
    const auto moved = rows_.size();
    rows_.resize(moved + 2 * row.count, nullptr);
    std::copy_n(rows_.begin() + row.first, row.count, rows_.begin() + static_cast<std::ptrdiff_t>(moved));
    row.first = static_cast<std::uint32_t>(moved);
    rows_[moved + row.count] = &to;
  }
  ++row.count;
  from.followers = row.word();
}

template <class Visit>
void StaticGraph::for_each_follower(const Node& node, Visit&& visit) const {
  if (node.followers == 0) return;
  if ((node.followers & Row::bit) == 0) {
    visit(*reinterpret_cast<Node*>(node.followers));
    return;
  }
  const Row row(node.followers);
  Node* const* const first = rows_.data() + row.first;
  for (auto follower = first; follower != first + row.count; ++follower) visit(**follower);
}

void StaticGraph::prepare() {
  if (!changed_) return;
  roots_.clear();
  if (roots_count_ != size_) {
    roots_.reserve(roots_count_);
    for (std::uint32_t i = 0; roots_.size() < roots_count_; ++i)
      if (at(i).needs == 0) roots_.push_back(i);
  }
  if (backward_ && has_cycle()) throw std::invalid_argument("StaticGraph: the edges have a cycle");
  changed_ = false;
}

/// Counts down all that can be reached, and up again.
bool StaticGraph::has_cycle() {
  std::vector<Node*> ready;
  ready.reserve(size_);
  for (std::uint32_t i = 0; i < roots_count_; ++i) ready.push_back(&root(i));
  for (std::size_t ended = 0; ended < ready.size(); ++ended)
    for_each_follower(*ready[ended], [&](Node& follower) {
      const auto left = follower.waits_for.load(std::memory_order_relaxed) - 1;
      follower.waits_for.store(left, std::memory_order_relaxed);
      if (left == 0) ready.push_back(&follower);
    });
  for (std::uint32_t i = 0; i < size_; ++i) at(i).waits_for.store(at(i).needs, std::memory_order_relaxed);
  return ready.size() != size_;
}

void StaticGraph::run(Team& team) {
  prepare();
  if (size_ == 0) return;
  skip_.store(false, std::memory_order_relaxed);
  next_root_.store(0, std::memory_order_relaxed);
  const auto roots = roots_count_;
  roots_at_once_ = std::clamp(roots / (8 * team.threads()), 1U, 64U);
  const auto pumps_count = std::min(team.threads(), (roots + roots_at_once_ - 1) / roots_at_once_);
  team.run([&](Team::Member& self) {
    const auto target = ended_.count() + size_ + pumps_count;
    std::vector<Pump> pumps(pumps_count, Pump(*this));
    for (std::size_t i = 1; i < pumps.size(); ++i) self.push(pumps[i]);
    pumps.front().execute(self);
    while (Team::Task* task = self.pop()) task->execute(self);
    self.help_until(ended_, target);
  });
  if (failed_.exchange(false, std::memory_order_acquire)) std::rethrow_exception(std::exchange(error_, nullptr));
}

void StaticGraph::Pump::execute(Team::Member& member) noexcept {
  StaticGraph& graph = graph_;
  const auto roots = graph.roots_count_;
  std::uint64_t ended = 1;  // the pump itself
  auto mark = member.mark();
  for (;;) {
    const auto first = graph.next_root_.fetch_add(graph.roots_at_once_, std::memory_order_relaxed);
    if (first >= roots) break;
    const auto last = std::min(first + graph.roots_at_once_, roots);
    for (auto i = first; i < last; ++i) {
      ended += graph.run_from(&graph.root(i), member, mark);
      ended += graph.run_own(member, mark);
    }
  }
  graph.ended_.add(ended, member);  // the graph may be gone after this
}

void StaticGraph::Node::execute(Team::Member& member) noexcept {
  StaticGraph& graph = graph_of(*this);
  auto mark = member.mark();
  const auto ended = graph.run_from(this, member, mark);
  graph.ended_.add(ended + graph.run_own(member, mark), member);  // the graph may be gone after this
}

/// Runs what the member has queued of this graph, all that lies above `mark`, so that ends are counted once for many.
std::uint64_t StaticGraph::run_own(Team::Member& member, std::int64_t& mark) noexcept {
  std::uint64_t ended = 0;
  while (Team::Task* task = member.pop_above(mark)) ended += run_from(static_cast<Node*>(task), member, mark);
  return ended;
}

/// Runs a node and, as long as there is one, a node that it was the last to hold up. Gives how many.
std::uint64_t StaticGraph::run_from(Node* node, Team::Member& member, std::int64_t& mark) noexcept {
  std::uint64_t ended = 0;
  do {
    // One that waits for one node was not counted down, so that its line of cache stays as memory has it.
    if (node->needs > 1) node->waits_for.store(node->needs, std::memory_order_relaxed);
    if (!skip_.load(std::memory_order_relaxed)) [[likely]] {
      try {
        node->call(member);
      } catch (...) {
        fail();
      }
      // What it waited for in there may have popped all that was queued, of others too.
      mark = std::min(mark, member.mark());
    }
    ++ended;
    const Node& done = *node;
    node = nullptr;
    for_each_follower(done, [&](Node& other) {
      // Who is the last one needs no exchange: nobody else counts any more.
      if (other.waits_for.load(std::memory_order_acquire) != 1 &&
          other.waits_for.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
      // The first one goes on here: followers are mostly numbered as they lie in memory.
      if (node == nullptr)
        node = &other;
      else
        member.push(other);
    });
  } while (node != nullptr);
  return ended;
}

void StaticGraph::fail() noexcept {
  if (!failed_.exchange(true, std::memory_order_acq_rel)) error_ = std::current_exception();
  cancel();
}

}  // namespace troupe
