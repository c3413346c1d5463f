#include "runtime/core/order.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

namespace troupe {
namespace {

/// One run of the ordering. All tables are by task or by edge, filled by counting passes; nothing is allocated by task.
class Ordering {
public:
  Ordering(const GraphView& graph, const TaskNames& names, std::pmr::memory_resource& tables)
      : size_(graph.size), names_(names), tables_(tables) {
    copy_inner_edges(graph);
    reverse_edges();
  }

  Result<std::vector<std::uint32_t>> run() {
    if (!sort_topologically()) return fail(ErrorKind::invalid, describe_cycle());
    weigh();
    emit_all();
    return std::move(rank_);
  }

private:
  using Table = std::pmr::vector<std::uint32_t>;
  static constexpr std::uint32_t none = 0xffffffff;

  void copy_inner_edges(const GraphView& graph) {
    offsets_.assign(size_ + 1, 0);
    if (graph.offsets.empty()) return;
    dependencies_.reserve(graph.dependencies.size());
    for (std::uint32_t task = 0; task < size_; ++task) {
      for (auto i = graph.offsets[task]; i < graph.offsets[task + 1]; ++i)
        if (graph.dependencies[i] < size_) dependencies_.push_back(graph.dependencies[i]);
      offsets_[task + 1] = static_cast<std::uint32_t>(dependencies_.size());
    }
  }

  void reverse_edges() {
    dependent_offsets_.assign(size_ + 1, 0);
    for (const auto dependency : dependencies_) ++dependent_offsets_[dependency + 1];
    std::partial_sum(dependent_offsets_.begin(), dependent_offsets_.end(), dependent_offsets_.begin());
    dependents_.resize(dependencies_.size());
    Table fill(dependent_offsets_.begin(), dependent_offsets_.end() - 1, &tables_);
    for (std::uint32_t task = 0; task < size_; ++task)
      for (auto i = offsets_[task]; i < offsets_[task + 1]; ++i) dependents_[fill[dependencies_[i]]++] = task;
    missing_.resize(size_);
    uses_.resize(size_);
    for (std::uint32_t task = 0; task < size_; ++task) {
      missing_[task] = offsets_[task + 1] - offsets_[task];
      uses_[task] = dependent_offsets_[task + 1] - dependent_offsets_[task];
    }
  }

  [[nodiscard]] std::span<const std::uint32_t> dependencies_of(std::uint32_t task) const {
    return {dependencies_.data() + offsets_[task], offsets_[task + 1] - offsets_[task]};
  }
  [[nodiscard]] std::span<const std::uint32_t> dependents_of(std::uint32_t task) const {
    return {dependents_.data() + dependent_offsets_[task], dependent_offsets_[task + 1] - dependent_offsets_[task]};
  }

  /// Fills `sequence_` with all tasks, dependencies first; false if a cycle is in the way.
  bool sort_topologically() {
    sequence_.resize(size_);
    const GraphView inner{size_, offsets_, dependencies_};
    if (is_sorted(inner)) {
      std::iota(sequence_.begin(), sequence_.end(), 0U);
      return true;
    }
    Table waiting(missing_, &tables_);
    std::uint32_t tail = 0;
    for (std::uint32_t task = 0; task < size_; ++task)
      if (waiting[task] == 0) sequence_[tail++] = task;
    for (std::uint32_t head = 0; head < tail; ++head)
      for (const auto dependent : dependents_of(sequence_[head]))
        if (--waiting[dependent] == 0) sequence_[tail++] = dependent;
    if (tail == size_) return true;
    missing_ = std::move(waiting);  // what is left waits, directly or not, for a cycle
    return false;
  }

  [[nodiscard]] std::string name(std::uint32_t task) const { return names_ ? names_(task) : fmt::to_string(task); }

  /// Each task still waiting has a dependency still waiting: following them must come back to where it was.
  [[nodiscard]] std::string describe_cycle() const {
    auto task = static_cast<std::uint32_t>(
        std::find_if(missing_.begin(), missing_.end(), [](auto count) { return count > 0; }) - missing_.begin());
    std::vector<std::uint32_t> seen_at(size_, none);
    std::vector<std::uint32_t> path;
    while (seen_at[task] == none) {
      seen_at[task] = static_cast<std::uint32_t>(path.size());
      path.push_back(task);
      const auto inputs = dependencies_of(task);
      task = *std::find_if(inputs.begin(), inputs.end(), [&](auto input) { return missing_[input] > 0; });
    }
    path.erase(path.begin(), path.begin() + seen_at[task]);
    constexpr std::size_t shown = 8;
    std::string text = fmt::format("graph: cycle of {} task{}: ", path.size(), path.size() == 1 ? "" : "s");
    for (std::size_t i = 0; i < std::min(path.size(), shown); ++i) text += name(path[i]) + " needs ";
    if (path.size() > shown) text += "… ";
    return text + name(path.front());
  }

  /// How many values must live at once to compute a task, were its inputs a tree, and how long its longest path of
  /// inputs is; then puts each task's dependencies in the order in which they should be computed.
  void weigh() {
    room_.resize(size_);
    depth_.resize(size_);
    for (const auto task : sequence_) {
      const auto first = dependencies_.begin() + offsets_[task];
      const auto last = dependencies_.begin() + offsets_[task + 1];
      const auto earlier = [this](std::uint32_t a, std::uint32_t b) {
        if (room_[a] != room_[b]) return room_[a] > room_[b];
        if (depth_[a] != depth_[b]) return depth_[a] > depth_[b];
        return a < b;
      };
      if (!std::is_sorted(first, last, earlier)) std::sort(first, last, earlier);
      std::uint32_t room = 1;
      std::uint32_t depth = 0;
      std::uint32_t held = 0;
      for (auto input = first; input != last; ++input, ++held) {
        room = std::max(room, room_[*input] + held);
        depth = std::max(depth, depth_[*input] + 1);
      }
      room_[task] = room;
      depth_[task] = depth;
    }
  }

  void emit_all() {
    rank_.assign(size_, none);
    cursor_.assign(offsets_.begin(), offsets_.end() - 1);
    next_dependent_.assign(dependent_offsets_.begin(), dependent_offsets_.end() - 1);
    for (std::uint32_t sink = 0; sink < size_; ++sink) {
      if (uses_[sink] != 0 || dependent_offsets_[sink] != dependent_offsets_[sink + 1] || done(sink)) continue;
      compute(sink);
      // What is alive now should go before anything new is begun: the youngest first.
      while (const auto target = next_of_alive()) compute(*target);
    }
  }

  [[nodiscard]] bool done(std::uint32_t task) const { return rank_[task] != none; }

  std::optional<std::uint32_t> next_of_alive() {
    while (!alive_.empty()) {
      const auto task = alive_.back();
      if (uses_[task] > 0) {
        auto& next = next_dependent_[task];
        while (next < dependent_offsets_[task + 1] && done(dependents_[next])) ++next;
        if (next < dependent_offsets_[task + 1]) return dependents_[next];
      }
      alive_.pop_back();
    }
    return {};
  }

  /// Emits `target` and before it, depth first, all that it needs and that is not done.
  void compute(std::uint32_t target) {
    path_.push_back(target);
    while (!path_.empty()) {
      const auto task = path_.back();
      auto& next = cursor_[task];
      while (next < offsets_[task + 1] && done(dependencies_[next])) ++next;
      if (next < offsets_[task + 1]) {
        path_.push_back(dependencies_[next]);
        continue;
      }
      path_.pop_back();
      if (!done(task)) emit(task);
    }
  }

  /// Gives `task` the next rank, and after it to each task that can now run and lets go of an input by it: such a task
  /// costs no room, so there is nothing to wait for.
  void emit(std::uint32_t task) {
    eager_.push_back(task);
    while (!eager_.empty()) {
      const auto now = eager_.back();
      eager_.pop_back();
      if (done(now)) continue;
      rank_[now] = emitted_++;
      if (uses_[now] > 0) alive_.push_back(now);
      for (const auto input : dependencies_of(now))
        if (--uses_[input] == 1) offer_last_reader(input);
      for (const auto dependent : dependents_of(now))
        if (--missing_[dependent] == 0 && frees_an_input(dependent)) eager_.push_back(dependent);
    }
  }

  void offer_last_reader(std::uint32_t input) {
    for (const auto reader : dependents_of(input))
      if (!done(reader)) {
        if (missing_[reader] == 0) eager_.push_back(reader);
        return;
      }
  }

  [[nodiscard]] bool frees_an_input(std::uint32_t task) const {
    const auto inputs = dependencies_of(task);
    return std::any_of(inputs.begin(), inputs.end(), [this](auto input) { return uses_[input] == 1; });
  }

  std::uint32_t size_;
  const TaskNames& names_;
  std::pmr::memory_resource& tables_;
  Table offsets_{&tables_};       // edges inside the graph only
  Table dependencies_{&tables_};  // per task, in the order to compute them once weighed
  Table dependent_offsets_{&tables_};
  Table dependents_{&tables_};
  Table missing_{&tables_};  // inputs not done yet
  Table uses_{&tables_};     // readers not done yet
  Table sequence_{&tables_};
  Table room_{&tables_};
  Table depth_{&tables_};
  std::vector<std::uint32_t> rank_;
  Table cursor_{&tables_};  // next dependency to look at
  Table next_dependent_{&tables_};
  Table path_{&tables_};   // from the target down to what is being computed
  Table alive_{&tables_};  // done, oldest first; those without readers are dropped when met
  Table eager_{&tables_};
  std::uint32_t emitted_{};
};

}  // namespace

bool is_sorted(const GraphView& graph) {
  if (graph.offsets.empty()) return true;
  for (std::uint32_t task = 0; task < graph.size; ++task)
    for (auto i = graph.offsets[task]; i < graph.offsets[task + 1]; ++i)
      if (graph.dependencies[i] >= task && graph.dependencies[i] < graph.size) return false;
  return true;
}

Result<std::vector<std::uint32_t>> order(const GraphView& graph, const TaskNames& names,
                                         std::pmr::memory_resource& tables) {
  if (graph.offsets.empty()) {
    std::vector<std::uint32_t> rank(graph.size);
    std::iota(rank.begin(), rank.end(), 0U);
    return rank;
  }
  return Ordering(graph, names, tables).run();
}

}  // namespace troupe
