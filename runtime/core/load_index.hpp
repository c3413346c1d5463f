#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace troupe {

/// Who of many is least loaded: a tournament tree over loads by position. Setting one costs a step for each doubling
/// of their number, asking for the least none. Of equals the first wins, so that the answer depends on nothing else.
class LoadIndex {
public:
  /// The load of who takes nothing more.
  static constexpr double full = std::numeric_limits<double>::infinity();
  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

  [[nodiscard]] std::size_t size() const { return size_; }

  /// Starts anew with `size` entries, all full.
  void reset(std::size_t size) {
    size_ = size;
    leaves_ = 1;
    while (leaves_ < size) leaves_ *= 2;
    least_.assign(2 * leaves_, full);
  }

  /// One entry more, full. False: there is no room for it; start anew.
  [[nodiscard]] bool grow() {
    if (size_ == leaves_) return false;
    ++size_;
    return true;
  }

  void set(std::size_t position, double load) {
    std::size_t node = leaves_ + position;
    least_[node] = load;
    while (node > 1) {
      node /= 2;
      const double least = least_[2 * node] <= least_[2 * node + 1] ? least_[2 * node] : least_[2 * node + 1];
      if (least_[node] == least) return;
      least_[node] = least;
    }
  }

  [[nodiscard]] double at(std::size_t position) const { return least_[leaves_ + position]; }

  /// Position of the least load; `nobody` if all are full.
  [[nodiscard]] std::size_t least() const {
    if (size_ == 0 || least_[1] == full) return nobody;
    std::size_t node = 1;
    while (node < leaves_) node = 2 * node + (least_[2 * node] <= least_[2 * node + 1] ? 0 : 1);
    return node - leaves_;
  }

private:
  std::vector<double> least_;  ///< a node's children stand at twice its place and one on; the leaves are at the end
  std::size_t leaves_{1};
  std::size_t size_{};
};

}  // namespace troupe
