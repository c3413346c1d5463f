#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/task.hpp"

namespace troupe {

/// Tasks that could start, most urgent first. Tasks of one submission nearly always become ready in the order of
/// their ranks, so each (user priority, generation) keeps a sorted run that is appended to, and a heap for stragglers:
/// push and pop are O(1) in the common case. Entries are not removed when a task leaves by another way: the one who
/// pops checks.
class ReadyQueue {
public:
  struct Entry {
    std::uint32_t rank;
    TaskId task;
  };

  [[nodiscard]] bool empty() const { return buckets_.empty(); }
  [[nodiscard]] std::size_t size() const { return size_; }

  void push(const Priority& priority, TaskId task) {
    ++size_;
    Bucket& bucket = buckets_[{priority.user, priority.generation}];
    if (bucket.head == bucket.run.size() || bucket.run.back().rank <= priority.rank) {
      bucket.run.push_back({priority.rank, task});
    } else {
      bucket.heap.push_back({priority.rank, task});
      std::push_heap(bucket.heap.begin(), bucket.heap.end(), later);
    }
  }

  /// Precondition: not empty.
  [[nodiscard]] Priority front_priority() const {
    const auto& [key, bucket] = *buckets_.begin();
    return {key.first, key.second, bucket.from_heap() ? bucket.heap.front().rank : bucket.run[bucket.head].rank};
  }
  [[nodiscard]] TaskId front() const {
    const Bucket& bucket = buckets_.begin()->second;
    return bucket.from_heap() ? bucket.heap.front().task : bucket.run[bucket.head].task;
  }
  void pop() {
    --size_;
    auto first = buckets_.begin();
    Bucket& bucket = first->second;
    if (bucket.from_heap()) {
      std::pop_heap(bucket.heap.begin(), bucket.heap.end(), later);
      bucket.heap.pop_back();
    } else if (++bucket.head == bucket.run.size()) {
      bucket.run.clear();
      bucket.head = 0;
    } else if (bucket.head > 4096 && bucket.head * 2 > bucket.run.size()) {
      bucket.run.erase(bucket.run.begin(), bucket.run.begin() + static_cast<std::ptrdiff_t>(bucket.head));
      bucket.head = 0;
    }
    if (bucket.heap.empty() && bucket.head == bucket.run.size()) buckets_.erase(first);
  }

  /// Calls visit(TaskId) for each entry, in no particular order of urgency but always the same one.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [key, bucket] : buckets_) {
      for (std::size_t i = bucket.head; i < bucket.run.size(); ++i) visit(bucket.run[i].task);
      for (const auto& entry : bucket.heap) visit(entry.task);
    }
  }

  void clear() {
    buckets_.clear();
    size_ = 0;
  }

private:
  struct Bucket {
    std::vector<Entry> run;
    std::size_t head{};
    std::vector<Entry> heap;

    [[nodiscard]] bool from_heap() const {
      return !heap.empty() && (head == run.size() || heap.front().rank < run[head].rank);
    }
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.task.value > b.task.value;
  }

  std::map<std::pair<std::int32_t, std::uint32_t>, Bucket> buckets_;
  std::size_t size_{};
};

}  // namespace troupe
