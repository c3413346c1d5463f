#include "collections/array/rechunk_plan.hpp"

#include <algorithm>
#include <iterator>

namespace troupe::array {
namespace {

double block_number(const Chunks& chunks) { return static_cast<double>(block_count(chunks)); }

std::size_t joint_pieces(const AxisChunks& from, const AxisChunks& to) {
  if (from == to) return from.size();
  const auto a = offsets_of(from);
  const auto b = offsets_of(to);
  std::vector<std::int64_t> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return a.size() + b.size() - common.size() - 1;
}

/// Neighbours of `axis` joined until there are about `count`.
AxisChunks joined(const AxisChunks& axis, std::size_t count) {
  AxisChunks result;
  const auto total = size_of(axis);
  std::int64_t done = 0;
  std::int64_t open = 0;
  for (const auto size : axis) {
    open += size;
    const auto goal = static_cast<double>(total) * static_cast<double>(result.size() + 1) / static_cast<double>(count);
    if (static_cast<double>(done + open) >= goal - 0.5) {
      result.push_back(open);
      done += open;
      open = 0;
    }
  }
  if (open > 0 || result.empty()) result.push_back(open);
  return result;
}

class Planner {
public:
  explicit Planner(const RechunkLimits& limits) : limits_(limits) {}

  void plan(const Chunks& from, const Chunks& to, std::size_t steps, std::vector<Chunks>& out) const {
    const auto direct = rechunk_pieces(from, to);
    if (steps > 1 && direct > limits_.threshold * (block_number(from) + block_number(to))) {
      auto between = best(from, to);
      const auto indirect = rechunk_pieces(from, between) + rechunk_pieces(between, to);
      if (indirect < direct * 0.75) {
        plan(from, between, steps / 2, out);
        plan(between, to, steps / 2, out);
        return;
      }
    }
    out.push_back(to);
  }

private:
  [[nodiscard]] bool allowed(const Chunks& chunks) const { return largest_block(chunks) <= limits_.block_elements_max; }
  static double cost(const Chunks& from, const Chunks& between, const Chunks& to) {
    return rechunk_pieces(from, between) + rechunk_pieces(between, to);
  }

  [[nodiscard]] Chunks best(const Chunks& from, const Chunks& to) const {
    auto one = descend(from, from, to);
    auto other = descend(to, from, to);
    return cost(from, one, to) <= cost(from, other, to) ? one : other;
  }

  static std::vector<AxisChunks> candidates(const AxisChunks& from, const AxisChunks& to) {
    std::vector<AxisChunks> all{from, to};
    for (const auto* base : {&from, &to})
      for (std::size_t count = base->size() / 2; count >= 1; count /= 2) all.push_back(joined(*base, count));
    return all;
  }

  /// Where an axis alone cannot be changed for the limit, two at once may: one grows while another shrinks.
  [[nodiscard]] Chunks descend(Chunks at, const Chunks& from, const Chunks& to) const {
    std::vector<std::size_t> axes;
    std::vector<std::vector<AxisChunks>> choices;
    for (std::size_t axis = 0; axis < from.size(); ++axis) {
      if (from[axis] == to[axis]) continue;
      axes.push_back(axis);
      choices.push_back(candidates(from[axis], to[axis]));
    }
    auto lowest = cost(from, at, to);
    const auto keep_if_better = [&](Chunks tried) {
      if (!allowed(tried)) return false;
      const auto now = cost(from, tried, to);
      if (now >= lowest) return false;
      lowest = now;
      at = std::move(tried);
      return true;
    };
    for (bool better = true; better;) {
      better = false;
      for (std::size_t i = 0; i < axes.size(); ++i) {
        for (const auto& first : choices[i]) {
          auto tried = at;
          tried[axes[i]] = first;
          better = keep_if_better(tried) || better;
          for (std::size_t k = i + 1; k < axes.size(); ++k) {
            for (const auto& second : choices[k]) {
              auto both = tried;
              both[axes[k]] = second;
              better = keep_if_better(std::move(both)) || better;
            }
          }
        }
      }
    }
    return at;
  }

  const RechunkLimits& limits_;
};

}  // namespace

double rechunk_pieces(const Chunks& from, const Chunks& to) {
  double pieces = 1;
  for (std::size_t axis = 0; axis < from.size(); ++axis)
    pieces *= static_cast<double>(joint_pieces(from[axis], to[axis]));
  return pieces;
}

std::vector<Chunks> plan_rechunk(const Chunks& from, const Chunks& to, const RechunkLimits& limits) {
  auto widened = limits;
  widened.block_elements_max = std::max({limits.block_elements_max, largest_block(from), largest_block(to)});
  std::vector<Chunks> steps;
  Planner(widened).plan(from, to, limits.steps_max, steps);
  return steps;
}

AxisChunks balanced(const AxisChunks& axis) {
  const auto length = size_of(axis);
  const auto count = static_cast<std::int64_t>(axis.size());
  if (length <= 0) return axis;
  return even_chunks(length, (length + count - 1) / count);
}

}  // namespace troupe::array
