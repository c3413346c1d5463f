#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/ids.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

/// The values that one worker holds. Owned by the worker's shell and used on its io thread alone; the Values it gives
/// out may go anywhere.
///
/// A flat table with linear probing, in which the eight tasks of a row of ids are neighbours, for tasks of one group
/// come and go together. Neither put nor erase allocates while the number of values stays below an earlier peak.
/// Always true: at most half of the places are taken, and no place is empty between a value and where its id points.
class ObjectStore {
public:
  /// Stores a value; one that is there already is replaced. Returns its bytes of memory.
  std::uint64_t put(TaskId task, Value value) {
    const auto nbytes = value.nbytes();
    put(task, std::move(value), nbytes);
    return nbytes;
  }
  /// The same where the bytes are known already.
  void put(TaskId task, Value value, std::uint64_t nbytes);
  /// Null if it is not here. Good until the next put or erase.
  [[nodiscard]] const Value* find(TaskId task) const {
    const auto place = place_of(task);
    return keys_.empty() || keys_[place] == 0 ? nullptr : &entries_[place].value;
  }
  [[nodiscard]] bool contains(TaskId task) const { return find(task) != nullptr; }
  /// Returns the bytes it had; 0 if it was not here.
  std::uint64_t erase(TaskId task);
  /// Removes the value and gives it away; empty if it was not here.
  Value extract(TaskId task);
  void clear();

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Bytes of memory of all values.
  [[nodiscard]] std::uint64_t nbytes() const { return nbytes_; }

  /// Calls `visit(TaskId, const Value&, std::uint64_t nbytes)` for each, in no order that means anything.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i] != 0) visit(TaskId{keys_[i]}, entries_[i].value, entries_[i].nbytes);
  }

private:
  struct Entry {
    Value value;
    std::uint64_t nbytes{};
  };

  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return (IdHash::mix(key >> 3) << 3 | (key & 7)) & (keys_.size() - 1);
  }
  /// Where the task is, or would be put.
  [[nodiscard]] std::size_t place_of(TaskId task) const {
    if (keys_.empty()) return 0;
    auto place = home(task.value);
    while (keys_[place] != 0 && keys_[place] != task.value) place = (place + 1) & (keys_.size() - 1);
    return place;
  }
  void grow();
  void remove(std::size_t place);

  std::vector<std::uint64_t> keys_;  // 0: empty; as many as entries_, a power of two
  std::vector<Entry> entries_;
  std::size_t size_{};
  std::uint64_t nbytes_{};
};

}  // namespace troupe
