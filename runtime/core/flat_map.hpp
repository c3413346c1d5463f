#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"

namespace troupe {

/// Open-addressing hash map from TaskId to V with linear probing and backward-shift deletion: no tombstones, no
/// allocation but when it grows. The null TaskId is not a key. Iteration order is not exposed.
template <class V>
class TaskMap {
public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  V* find(TaskId key) {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = home(key);; i = next(i)) {
      if (slots_[i].first == key) return &slots_[i].second;
      if (!slots_[i].first) return nullptr;
    }
  }
  const V* find(TaskId key) const { return const_cast<TaskMap*>(this)->find(key); }

  /// The value of `key`, made if it was not there.
  V& operator[](TaskId key) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    for (std::size_t i = home(key);; i = next(i)) {
      if (slots_[i].first == key) return slots_[i].second;
      if (!slots_[i].first) {
        slots_[i].first = key;
        ++size_;
        return slots_[i].second;
      }
    }
  }

  bool erase(TaskId key) {
    if (slots_.empty()) return false;
    std::size_t i = home(key);
    while (slots_[i].first != key) {
      if (!slots_[i].first) return false;
      i = next(i);
    }
    for (std::size_t j = next(i); slots_[j].first; j = next(j)) {
      const std::size_t wanted = home(slots_[j].first);
      if (((j - wanted) & mask()) >= ((j - i) & mask())) {
        slots_[i] = std::move(slots_[j]);
        i = j;
      }
    }
    slots_[i] = {};
    --size_;
    if (size_ == 0 && slots_.size() > 4096) slots_ = {};
    return true;
  }

private:
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t home(TaskId key) const { return IdHash::mix(key.value) & mask(); }
  [[nodiscard]] std::size_t next(std::size_t i) const { return (i + 1) & mask(); }

  void grow() {
    std::vector<std::pair<TaskId, V>> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    size_ = 0;
    for (auto& [key, value] : old)
      if (key) (*this)[key] = std::move(value);
  }

  std::vector<std::pair<TaskId, V>> slots_;
  std::size_t size_{};
};

}  // namespace troupe
