#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/error.hpp"
#include "runtime/exec/team.hpp"

namespace troupe {

/// A graph of callables and the edges between them, to be run on a team as often as one likes. Nothing is passed along
/// an edge but the order; values are the affair of those above.
///
/// Built and run by one thread at a time. A node is one cache line: it holds its callable, how many nodes it still
/// waits for, and where the list of those begins that wait for it (compressed sparse rows, filled by a counting pass).
class StaticGraph {
public:
  static constexpr std::size_t capture_bytes = 24;  ///< callables up to this need no memory of their own

  StaticGraph() = default;
  ~StaticGraph();
  StaticGraph(const StaticGraph&) = delete;
  StaticGraph& operator=(const StaticGraph&) = delete;

  void reserve(std::size_t nodes, std::size_t edges);
  /// A node that calls `act()` or `act(Team::Member&)`. Gives its number: 0, 1, 2, …
  template <class F>
  std::uint32_t add(F act) {
    Node& node = append();
    if constexpr (sizeof(F) <= capture_bytes && alignof(F) <= alignof(void*)) {
      ::new (static_cast<void*>(node.capture)) F(std::move(act));
      node.call = &call_in_place<F>;
      has_destructors_ |= !std::is_trivially_destructible_v<F>;
    } else {
      ::new (static_cast<void*>(node.capture)) F*(new F(std::move(act)));
      node.call = &call_on_heap<F>;
      has_destructors_ = true;
    }
    return size_++;
  }
  /// `after` starts when `before` has ended.
  void edge(std::uint32_t before, std::uint32_t after) {
    TROUPE_ASSERT(before < size_ && after < size_, "an edge to a node that was not added");
    edges_.push_back({before, after});
    ++at(before).followers;
    ++at(after).needs;
    backward_ |= before >= after;
  }

  /// Runs all nodes on `team` and returns when they have ended. What the first node throws that fails is thrown here;
  /// nodes that have not begun then do not. Throws std::invalid_argument if there is a cycle.
  void run(Team& team);
  /// Any thread, a node too: nodes that have not begun do not, in this run.
  void cancel() { skip_.store(true, std::memory_order_relaxed); }

  [[nodiscard]] std::uint32_t size() const { return size_; }

private:
  struct alignas(64) Node : Team::Task {
    StaticGraph* graph;
    void (*call)(Node& node, Team::Member* member);  // destroys the callable if there is no member
    std::atomic<std::uint32_t> waits_for;            // between runs as many as it needs
    std::uint32_t needs;
    std::uint32_t first_follower;
    std::uint32_t followers;
    alignas(void*) std::byte capture[capture_bytes];
  };
  static_assert(sizeof(Node) == 64);
  struct Edge {
    std::uint32_t before;
    std::uint32_t after;
  };
  /// Takes nodes that need no other, a few at a time, until there is none left.
  struct Pump : Team::Task {
    StaticGraph* graph;
  };
  static constexpr std::uint32_t page_bits = 10;
  static constexpr std::uint32_t page_nodes = 1U << page_bits;

  template <class F>
  static void invoke(F& act, Team::Member& member) {
    if constexpr (std::is_invocable_v<F&, Team::Member&>)
      act(member);
    else
      act();
  }
  template <class F>
  static void call_in_place(Node& node, Team::Member* member) {
    F& act = *std::launder(reinterpret_cast<F*>(node.capture));
    if (member != nullptr)
      invoke(act, *member);
    else
      act.~F();
  }
  template <class F>
  static void call_on_heap(Node& node, Team::Member* member) {
    F* const act = *std::launder(reinterpret_cast<F**>(node.capture));
    if (member != nullptr)
      invoke(*act, *member);
    else
      delete act;
  }

  Node& at(std::uint32_t index) { return pages_[index >> page_bits][index & (page_nodes - 1)]; }
  Node& append() {
    if ((size_ & (page_nodes - 1)) == 0 && size_ >> page_bits == pages_.size()) add_page();
    Node& node = at(size_);
    node.execute = &execute;
    node.graph = this;
    node.needs = 0;
    node.followers = 0;
    return node;
  }
  void add_page();
  void link();
  [[nodiscard]] bool has_cycle();
  static void execute(Team::Task& task, Team::Member& member) noexcept;
  static void pump(Team::Task& task, Team::Member& member) noexcept;
  std::uint64_t run_from(Node* node, Team::Member& member) noexcept;
  std::uint64_t run_own(Team::Member& member) noexcept;
  void fail() noexcept;

  struct FreePage {
    void operator()(Node* page) const { ::operator delete (page, std::align_val_t{alignof(Node)}); }
  };
  std::uint32_t size_{};
  std::uint32_t linked_size_{};  // nodes and edges when it was linked last
  std::size_t linked_edges_{};
  bool backward_{};         // an edge to a lower number: there may be a cycle
  bool has_destructors_{};  // of callables
  std::vector<std::unique_ptr<Node[], FreePage>> pages_;
  std::vector<Edge> edges_;
  std::vector<Node*> followers_;
  std::vector<std::uint32_t> roots_;  // nodes that need no other

  std::uint32_t roots_at_once_{1};
  alignas(64) std::atomic<std::uint32_t> next_root_{0};
  alignas(64) std::atomic<bool> skip_{false};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // written by who set failed_
  Team::Member::Counter ended_;
};

}  // namespace troupe
