#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/future.hpp"

namespace troupe {

/// Futures in the order in which they are done. Owned by who iterates; add() from any thread.
class CompletionQueue {
public:
  CompletionQueue();
  void add(FutureHandle future);
  /// Blocks for the next one; nothing when all that were added have been given out, or at the timeout.
  std::optional<FutureHandle> next(std::optional<std::chrono::milliseconds> timeout = {});
  /// Added and not given out.
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] bool has_ready() const;

private:
  struct Shared;
  class Entry;
  std::shared_ptr<Shared> shared_;
};

/// An input range of futures, each given when it is done, however it ended. More may be added while iterating.
template <class T>
class AsCompleted {
public:
  AsCompleted() = default;
  explicit AsCompleted(const std::vector<Future<T>>& futures) {
    for (const auto& future : futures) add(future);
  }
  void add(const Future<T>& future) { queue_.add(future.handle()); }
  void add(const std::vector<Future<T>>& futures) {
    for (const auto& future : futures) add(future);
  }
  [[nodiscard]] std::size_t count() const { return queue_.count(); }
  [[nodiscard]] bool empty() const { return count() == 0; }
  [[nodiscard]] bool has_ready() const { return queue_.has_ready(); }
  std::optional<Future<T>> next(std::optional<std::chrono::milliseconds> timeout = {}) {
    auto handle = queue_.next(timeout);
    if (!handle) return {};
    return Future<T>(std::move(*handle));
  }

  class Iterator {
  public:
    using value_type = Future<T>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;
    Iterator() = default;
    explicit Iterator(AsCompleted* owner) : owner_(owner) { ++*this; }
    const Future<T>& operator*() const { return *current_; }
    const Future<T>* operator->() const { return &*current_; }
    Iterator& operator++() {
      current_ = owner_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return !it.current_; }

  private:
    AsCompleted* owner_{};
    std::optional<Future<T>> current_;
  };
  Iterator begin() { return Iterator(this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

private:
  CompletionQueue queue_;
};

}  // namespace troupe
