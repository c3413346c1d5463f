#include "runtime/exec/static_graph.hpp"

#include <algorithm>
#include <stdexcept>

namespace troupe {

StaticGraph::~StaticGraph() {
  if (has_destructors_)
    for (std::uint32_t i = 0; i < size_; ++i) at(i).call(at(i), nullptr);
}

void StaticGraph::reserve(std::size_t nodes, std::size_t edges) {
  pages_.reserve((nodes + page_nodes - 1) / page_nodes);
  edges_.reserve(edges);
}

void StaticGraph::add_page() {
  pages_.emplace_back(static_cast<Node*>(::operator new (page_nodes * sizeof(Node), std::align_val_t{alignof(Node)})));
}

/// Turns the list of edges into rows. While it does, a node's `waits_for` says where its next follower goes.
void StaticGraph::link() {
  if (linked_size_ == size_ && linked_edges_ == edges_.size()) return;
  roots_.clear();
  std::uint32_t first = 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    Node& node = at(i);
    node.first_follower = first;
    node.waits_for.store(first, std::memory_order_relaxed);
    first += node.followers;
    if (node.needs == 0) roots_.push_back(i);
  }
  followers_.resize(edges_.size());
  for (const auto& edge : edges_) {
    auto& next = at(edge.before).waits_for;
    const auto place = next.load(std::memory_order_relaxed);
    followers_[place] = &at(edge.after);
    next.store(place + 1, std::memory_order_relaxed);
  }
  for (std::uint32_t i = 0; i < size_; ++i) at(i).waits_for.store(at(i).needs, std::memory_order_relaxed);
  if (backward_ && has_cycle()) throw std::invalid_argument("StaticGraph: the edges have a cycle");
  linked_size_ = size_;
  linked_edges_ = edges_.size();
}

bool StaticGraph::has_cycle() {
  std::vector<std::uint32_t> followers(edges_.size());  // by number, in the rows of followers_
  std::vector<std::uint32_t> next(size_);
  std::vector<std::uint32_t> missing(size_);
  for (std::uint32_t i = 0; i < size_; ++i) {
    next[i] = at(i).first_follower;
    missing[i] = at(i).needs;
  }
  for (const auto& edge : edges_) followers[next[edge.before]++] = edge.after;
  std::vector<std::uint32_t> ready = roots_;
  std::size_t ended = 0;
  for (; ended < ready.size(); ++ended) {
    const Node& node = at(ready[ended]);
    for (std::uint32_t i = 0; i < node.followers; ++i) {
      const auto follower = followers[node.first_follower + i];
      if (--missing[follower] == 0) ready.push_back(follower);
    }
  }
  return ended != size_;
}

void StaticGraph::run(Team& team) {
  link();
  if (size_ == 0) return;
  skip_.store(false, std::memory_order_relaxed);
  next_root_.store(0, std::memory_order_relaxed);
  const auto roots = static_cast<std::uint32_t>(roots_.size());
  roots_at_once_ = std::clamp(roots / (8 * team.threads()), 1U, 64U);
  const auto pumps_count = std::min(team.threads(), (roots + roots_at_once_ - 1) / roots_at_once_);
  team.run([&](Team::Member& self) {
    std::vector<Pump> pumps(pumps_count);
    const auto target = ended_.count() + size_ + pumps_count;
    for (auto& each : pumps) {
      each.execute = &pump;
      each.graph = this;
    }
    for (std::size_t i = 1; i < pumps.size(); ++i) self.push(pumps[i]);
    pump(pumps.front(), self);
    while (Team::Task* task = self.pop()) task->execute(*task, self);
    self.help_until(ended_, target);
  });
  if (failed_.exchange(false, std::memory_order_acquire)) std::rethrow_exception(std::exchange(error_, nullptr));
}

void StaticGraph::pump(Team::Task& task, Team::Member& member) noexcept {
  StaticGraph& graph = *static_cast<Pump&>(task).graph;
  const auto roots = static_cast<std::uint32_t>(graph.roots_.size());
  std::uint64_t ended = 1;  // the pump itself
  for (;;) {
    const auto first = graph.next_root_.fetch_add(graph.roots_at_once_, std::memory_order_relaxed);
    if (first >= roots) break;
    const auto last = std::min(first + graph.roots_at_once_, roots);
    for (auto i = first; i < last; ++i) {
      ended += graph.run_from(&graph.at(graph.roots_[i]), member);
      ended += graph.run_own(member);
    }
  }
  graph.ended_.add(ended, member);  // the graph may be gone after this
}

void StaticGraph::execute(Team::Task& task, Team::Member& member) noexcept {
  Node& node = static_cast<Node&>(task);
  StaticGraph& graph = *node.graph;
  const auto ended = graph.run_from(&node, member);
  graph.ended_.add(ended + graph.run_own(member), member);  // the graph may be gone after this
}

/// Runs what the member has queued of this graph, so that ends are counted once for many.
std::uint64_t StaticGraph::run_own(Team::Member& member) noexcept {
  std::uint64_t ended = 0;
  while (Team::Task* task = member.pop()) {
    if (task->execute != &execute || static_cast<Node*>(task)->graph != this) {
      member.push(*task);
      break;
    }
    ended += run_from(static_cast<Node*>(task), member);
  }
  return ended;
}

/// Runs a node and, as long as there is one, a node that it was the last to hold up. Gives how many.
std::uint64_t StaticGraph::run_from(Node* node, Team::Member& member) noexcept {
  std::uint64_t ended = 0;
  do {
    // One that waits for one node was not counted down, so that its line of cache stays as memory has it.
    if (node->needs > 1) node->waits_for.store(node->needs, std::memory_order_relaxed);
    if (!skip_.load(std::memory_order_relaxed)) [[likely]] {
      try {
        node->call(*node, &member);
      } catch (...) {
        fail();
      }
    }
    ++ended;
    Node* const* follower = followers_.data() + node->first_follower;
    Node* const* const end = follower + node->followers;
    node = nullptr;
    for (; follower != end; ++follower) {
      Node& other = **follower;
      // Who is the last one needs no exchange: nobody else counts any more.
      if (other.waits_for.load(std::memory_order_acquire) != 1 &&
          other.waits_for.fetch_sub(1, std::memory_order_acq_rel) != 1)
        continue;
      // The first one goes on here: followers are mostly numbered as they lie in memory.
      if (node == nullptr)
        node = &other;
      else
        member.push(other);
    }
  } while (node != nullptr);
  return ended;
}

void StaticGraph::fail() noexcept {
  if (!failed_.exchange(true, std::memory_order_acq_rel)) error_ = std::current_exception();
  cancel();
}

}  // namespace troupe
