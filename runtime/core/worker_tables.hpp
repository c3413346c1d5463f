#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "protocol/task.hpp"

/// The containers below the worker machine. None allocates in steady state; none has an order that depends on
/// anything but the sequence of calls.
namespace troupe {

inline constexpr std::uint32_t no_slot = ~std::uint32_t{0};

/// Number -> slot, open addressing with linear probing, at most half full. Ids come in runs of neighbours, so eight
/// neighbours share a home and a batch of them touches few cache lines. The number 0 cannot be a key.
class IdTable {
public:
  IdTable() : entries_(64) {}

  [[nodiscard]] std::uint32_t find(std::uint64_t key) const {
    for (std::size_t at = home(key);; at = next(at)) {
      if (entries_[at].key == key) return entries_[at].slot;
      if (entries_[at].key == 0) return no_slot;
    }
  }

  /// The slot of `key`, or a place for it: then no_slot stands there and the caller fills it in at once.
  std::uint32_t& at_or_new(std::uint64_t key) {
    if ((size_ + 1) * 2 > entries_.size()) grow();
    std::size_t at = home(key);
    while (entries_[at].key != 0) {
      if (entries_[at].key == key) return entries_[at].slot;
      at = next(at);
    }
    ++size_;
    entries_[at] = {key, no_slot};
    return entries_[at].slot;
  }

  /// Precondition: it is there. Those behind move up, so no tombstones stay.
  void erase(std::uint64_t key) {
    std::size_t hole = home(key);
    while (entries_[hole].key != key) {
      TROUPE_ASSERT(entries_[hole].key != 0, "erasing a key that is not in the table");
      hole = next(hole);
    }
    --size_;
    for (std::size_t at = next(hole); entries_[at].key != 0; at = next(at)) {
      if (((at - home(entries_[at].key)) & mask()) >= ((at - hole) & mask())) {
        entries_[hole] = entries_[at];
        hole = at;
      }
    }
    entries_[hole].key = 0;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

private:
  struct Entry {
    std::uint64_t key{};
    std::uint32_t slot{no_slot};
  };

  [[nodiscard]] std::size_t mask() const { return entries_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return ((key >> 3) * 0x9e3779b97f4a7c15ULL >> 32 << 3 | (key & 7)) & mask();
  }
  void grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.key == 0) continue;
      std::size_t at = home(entry.key);
      while (entries_[at].key != 0) at = next(at);
      entries_[at] = entry;
    }
  }

  std::vector<Entry> entries_;
  std::size_t size_{};
};

/// Objects by slot number; they never move, and freed slots are used again, last freed first.
template <class T>
class Slab {
public:
  T& operator[](std::uint32_t slot) { return chunks_[slot >> chunk_bits][slot & chunk_mask]; }
  const T& operator[](std::uint32_t slot) const { return chunks_[slot >> chunk_bits][slot & chunk_mask]; }

  /// A slot whose object is as the last user left it.
  std::uint32_t acquire() {
    ++used_;
    if (!free_.empty()) {
      const auto slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if ((end_ & chunk_mask) == 0) chunks_.push_back(std::make_unique<T[]>(std::size_t{1} << chunk_bits));
    return end_++;
  }
  void release(std::uint32_t slot) {
    --used_;
    free_.push_back(slot);
  }

  [[nodiscard]] std::size_t used() const { return used_; }
  /// All slots ever used are below.
  [[nodiscard]] std::uint32_t end() const { return end_; }

private:
  static constexpr unsigned chunk_bits = 10;
  static constexpr std::uint32_t chunk_mask = (1u << chunk_bits) - 1;

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t end_{};
  std::size_t used_{};
};

/// Slots by priority, equal priorities by arrival. What arrives in order, as most does, costs a push and a pop at the
/// ends of an array; the rest goes through a heap. Entries are never removed from the middle: their owner knows by
/// the ticket which are stale, and drops them when they come up.
class UrgencyQueue {
public:
  struct Entry {
    Priority priority;
    std::uint32_t slot{};
    std::uint32_t ticket{};
  };

  void push(const Entry& entry) {
    if (head_ == sorted_.size() || !(entry.priority < sorted_.back().priority)) {
      if (head_ == sorted_.size()) clear_sorted();
      sorted_.push_back(entry);
    } else {
      heap_.push_back(entry);
      std::push_heap(heap_.begin(), heap_.end(), later);
    }
  }
  [[nodiscard]] bool empty() const { return head_ == sorted_.size() && heap_.empty(); }
  /// Precondition: not empty.
  [[nodiscard]] const Entry& front() const { return heap_first() ? heap_.front() : sorted_[head_]; }
  void pop() {
    if (heap_first()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      heap_.pop_back();
      return;
    }
    if (++head_ == sorted_.size()) {
      clear_sorted();
    } else if (head_ >= 1024 && head_ * 2 >= sorted_.size()) {
      sorted_.erase(sorted_.begin(), sorted_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  /// The first that is not stale, or null; stale ones before it are dropped.
  template <class IsStale>
  const Entry* first(IsStale&& is_stale) {
    while (!empty() && is_stale(front())) pop();
    return empty() ? nullptr : &front();
  }
  /// All entries, stale ones too, in no particular order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = head_; i < sorted_.size(); ++i) visit(sorted_[i]);
    for (const Entry& entry : heap_) visit(entry);
  }

private:
  /// Tickets grow: of equal priorities the heap gives the one that came first.
  static bool later(const Entry& a, const Entry& b) {
    return a.priority != b.priority ? b.priority < a.priority : b.ticket < a.ticket;
  }
  [[nodiscard]] bool heap_first() const {
    return !heap_.empty() && (head_ == sorted_.size() || heap_.front().priority < sorted_[head_].priority);
  }
  void clear_sorted() {
    sorted_.clear();
    head_ = 0;
  }

  std::vector<Entry> sorted_;  ///< from head_ on
  std::size_t head_{};
  std::vector<Entry> heap_;
};

}  // namespace troupe
