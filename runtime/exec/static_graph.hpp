#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/error.hpp"
#include "runtime/exec/large_pages.hpp"
#include "runtime/exec/team.hpp"

namespace troupe {

/// A graph of callables and the edges between them, to be run on a team as often as one likes. Nothing is passed along
/// an edge but the order; values are the affair of those above.
///
/// Built and run by one thread at a time. It is complete as it is built: a node is half a cache line and holds its
/// callable, how many nodes it still waits for, and who waits for it: the one that does, or where they stand in a row.
/// A row that others stand behind doubles when it grows, so that edges may come in any order.
class StaticGraph {
public:
  static constexpr std::size_t capture_bytes =
      8;  ///< callables up to this lie in the node, others in memory of the graph

  StaticGraph() = default;
  ~StaticGraph();
  StaticGraph(const StaticGraph&) = delete;
  StaticGraph& operator=(const StaticGraph&) = delete;

  void reserve(std::size_t nodes, std::size_t edges);
  /// A node that calls `act()` or `act(Team::Member&)`. Gives its number: 0, 1, 2, …
  template <class F>
  std::uint32_t add(F act) {
    void* const memory = append();
    if constexpr (sizeof(F) <= capture_bytes && alignof(F) <= alignof(void*))
      ::new (memory) InNode<F>(std::move(act));
    else
      ::new (memory) InStore<F>(*::new (store_.allocate(sizeof(F), alignof(F))) F(std::move(act)));
    has_destructors_ |= !std::is_trivially_destructible_v<F>;
    return size_++;
  }
  /// `after` starts when `before` has ended.
  void edge(std::uint32_t before, std::uint32_t after) {
    TROUPE_ASSERT(before < size_ && after < size_, "an edge to a node that was not added");
    Node& from = at(before);
    Node& to = at(after);
    roots_count_ -= to.needs == 0;
    to.waits_for.store(++to.needs, std::memory_order_relaxed);
    if (from.followers == 0)
      from.followers = reinterpret_cast<std::uintptr_t>(&to);
    else
      append_follower(from, to);
    backward_ |= before >= after;
    changed_ = true;
  }

  /// Runs all nodes on `team` and returns when they have ended. What the first node throws that fails is thrown here;
  /// nodes that have not begun then do not. Throws std::invalid_argument if there is a cycle.
  void run(Team& team);
  /// Any thread, a node too: nodes that have not begun do not, in this run.
  void cancel() { skip_.store(true, std::memory_order_relaxed); }

  [[nodiscard]] std::uint32_t size() const { return size_; }

private:
  class Node : public Team::Task {
  public:
    void execute(Team::Member& member) noexcept final;
    virtual void call(Team::Member& member) = 0;
    virtual void destroy() noexcept = 0;

    std::atomic<std::uint32_t> waits_for{0};  // between runs as many as it needs
    std::uint32_t needs{0};
    std::uint64_t followers{0};  // 0; or the address of the only one; or a row

  protected:
    Node() = default;
    ~Node() = default;
  };
  template <class F>
  static void invoke(F& act, Team::Member& member) {
    if constexpr (std::is_invocable_v<F&, Team::Member&>)
      act(member);
    else
      act();
  }
  template <class F>
  class InNode final : public Node {
  public:
    explicit InNode(F&& act) : act_(std::move(act)) {}
    void call(Team::Member& member) override { invoke(act_, member); }
    void destroy() noexcept override { act_.~F(); }

  private:
    F act_;
  };
  template <class F>
  class InStore final : public Node {
  public:
    explicit InStore(F& act) : act_(act) {}
    void call(Team::Member& member) override { invoke(act_, member); }
    void destroy() noexcept override { act_.~F(); }

  private:
    F& act_;
  };
  static constexpr std::size_t node_bytes = 32;
  static_assert(sizeof(Node) + capture_bytes == node_bytes);

  /// Followers of a node that has several: `count` of them from `first` on in rows_. What is null behind them is theirs.
  struct Row {
    static constexpr std::uint64_t bit = std::uint64_t{1} << 63;  // which no address has
    explicit Row(std::uint64_t word)
        : first(static_cast<std::uint32_t>(word)), count(static_cast<std::uint32_t>((word & ~bit) >> 32)) {}
    Row(std::size_t at, std::uint32_t how_many) : first(static_cast<std::uint32_t>(at)), count(how_many) {}
    [[nodiscard]] std::uint64_t word() const { return bit | std::uint64_t{count} << 32 | first; }
    std::uint32_t first;
    std::uint32_t count;
  };
  /// Nodes lie in pages, at whose beginning, found by a node's address, stands whose they are.
  static constexpr std::size_t page_bytes = std::size_t{64} << 10;
  static constexpr std::uint32_t page_nodes = page_bytes / node_bytes - 1;
  static constexpr std::size_t slab_pages_max = 64;
  struct Slab {
    std::byte* memory;
    std::size_t bytes;
  };
  /// Takes nodes that need no other, a few at a time, until there is none left.
  class Pump final : public Team::Task {
  public:
    explicit Pump(StaticGraph& graph) : graph_(graph) {}
    void execute(Team::Member& member) noexcept override;

  private:
    StaticGraph& graph_;
  };

  Node& at(std::uint32_t number) {
    return *std::launder(reinterpret_cast<Node*>(pages_[number / page_nodes] + (number % page_nodes + 1) * node_bytes));
  }
  Node& root(std::uint32_t index) { return at(roots_.empty() ? index : roots_[index]); }
  static StaticGraph& graph_of(const Node& node) {
    const auto page = reinterpret_cast<std::uintptr_t>(&node) & ~(page_bytes - 1);
    return **reinterpret_cast<StaticGraph**>(page);
  }
  /// Room for node `size_`.
  void* append() {
    if (next_ == page_end_) add_page();
    ++roots_count_;
    changed_ = true;
    return std::exchange(next_, next_ + node_bytes);
  }
  void add_page();
  void add_slab(std::size_t pages);
  void append_follower(Node& from, Node& to);
  template <class Visit>
  void for_each_follower(const Node& node, Visit&& visit) const;
  void prepare();
  [[nodiscard]] bool has_cycle();
  std::uint64_t run_from(Node* node, Team::Member& member, std::int64_t& mark) noexcept;
  std::uint64_t run_own(Team::Member& member, std::int64_t& mark) noexcept;
  void fail() noexcept;

  std::uint32_t size_{};
  std::uint32_t roots_count_{};  // nodes that need no other
  bool changed_{};               // since it was prepared last
  bool backward_{};              // an edge to a lower number: there may be a cycle
  bool has_destructors_{};       // of callables
  std::byte* next_{};            // where the next node goes
  std::byte* page_end_{};
  std::vector<std::byte*> pages_;
  std::size_t pages_used_{};
  std::vector<Slab> slabs_;
  LargeVector<Node*> rows_;
  LargeVector<std::uint32_t> roots_;           // their numbers; empty if all nodes are roots
  std::pmr::monotonic_buffer_resource store_;  // callables that do not fit into nodes

  std::uint32_t roots_at_once_{1};
  alignas(64) std::atomic<std::uint32_t> next_root_{0};
  alignas(64) std::atomic<bool> skip_{false};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // written by who set failed_
  Team::Member::Counter ended_;
};

}  // namespace troupe
