#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace troupe {

/// A queue of pointers with one owner, who pushes and pops at the bottom, and any number of thieves, who steal from the
/// top. The work-stealing deque of Chase and Lev (SPAA 2005), in the form for weak memory of Lê, Pop, Cohen and
/// Nardelli (PPoPP 2013), with sequentially consistent accesses in the place of their fences, which thread sanitizers
/// do not understand.
///
/// Always true: each pushed pointer comes out once. What a thief reads behind it was written before the push.
template <class T>
class WorkDeque {
public:
  explicit WorkDeque(std::size_t capacity = 64) {  // a power of two
    buffers_.push_back(std::make_unique<Buffer>(capacity));
    buffer_.store(buffers_.back().get(), std::memory_order_relaxed);
  }
  WorkDeque(const WorkDeque&) = delete;
  WorkDeque& operator=(const WorkDeque&) = delete;

  /// Owner. The last one is at the bottom. Who sleeps after seeing the deque empty has not missed them: the store that
  /// publishes them is sequentially consistent.
  void push(std::span<T* const> items) {
    const auto bottom = bottom_.load(std::memory_order_relaxed);
    const auto top = top_.load(std::memory_order_acquire);
    Buffer* buffer = buffer_.load(std::memory_order_relaxed);
    while (bottom - top + static_cast<std::int64_t>(items.size()) > buffer->capacity()) buffer = grow(top, bottom);
    for (std::size_t i = 0; i < items.size(); ++i) buffer->at(bottom + static_cast<std::int64_t>(i)) = items[i];
    bottom_.store(bottom + static_cast<std::int64_t>(items.size()), std::memory_order_seq_cst);
  }

  /// Owner. One more, published with no fence: who sleeps has to see to it that this is not missed.
  void push(T* item) {
    const auto bottom = bottom_.load(std::memory_order_relaxed);
    const auto top = top_.load(std::memory_order_acquire);
    Buffer* buffer = buffer_.load(std::memory_order_relaxed);
    if (bottom - top >= buffer->capacity()) buffer = grow(top, bottom);
    buffer->at(bottom).store(item, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_release);
  }

  /// Owner: the youngest, or null.
  T* pop() {
    const auto bottom = bottom_.load(std::memory_order_relaxed) - 1;
    if (top_.load(std::memory_order_relaxed) > bottom) return nullptr;  // and nobody but the owner brings more
    Buffer* const buffer = buffer_.load(std::memory_order_relaxed);
    bottom_.store(bottom, std::memory_order_seq_cst);
    auto top = top_.load(std::memory_order_seq_cst);
    T* item = nullptr;
    if (top <= bottom) {
      item = buffer->at(bottom).load(std::memory_order_relaxed);
      if (top < bottom) return item;
      if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed))
        item = nullptr;  // a thief was faster
    }
    bottom_.store(bottom + 1, std::memory_order_release);
    return item;
  }

  /// Owner: the oldest, or null.
  T* take() {
    const auto bottom = bottom_.load(std::memory_order_relaxed);
    Buffer* const buffer = buffer_.load(std::memory_order_relaxed);
    for (auto top = top_.load(std::memory_order_acquire); top < bottom;) {
      T* const item = buffer->at(top).load(std::memory_order_relaxed);
      if (top_.compare_exchange_weak(top, top + 1, std::memory_order_seq_cst, std::memory_order_acquire)) return item;
    }
    return nullptr;
  }

  /// Anyone: the oldest, or null if there was a moment when there was none.
  T* steal() {
    for (;;) {
      auto top = top_.load(std::memory_order_seq_cst);
      const auto bottom = bottom_.load(std::memory_order_seq_cst);
      if (top >= bottom) return nullptr;
      Buffer* const buffer = buffer_.load(std::memory_order_acquire);
      T* const item = buffer->at(top).load(std::memory_order_relaxed);
      if (top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) return item;
    }
  }

  /// Owner: a mark, such that what is pushed from now on lies above it, and what was pushed before does not.
  [[nodiscard]] std::int64_t mark() const { return bottom_.load(std::memory_order_relaxed); }

  /// A guess, unless nobody else uses the deque.
  [[nodiscard]] bool empty() const {
    return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst);
  }

private:
  class Buffer {
  public:
    explicit Buffer(std::size_t capacity) : mask_(capacity - 1), items_(new std::atomic<T*>[capacity]) {}
    [[nodiscard]] std::int64_t capacity() const { return static_cast<std::int64_t>(mask_ + 1); }
    std::atomic<T*>& at(std::int64_t index) { return items_[static_cast<std::size_t>(index) & mask_]; }

  private:
    std::size_t mask_;
    std::unique_ptr<std::atomic<T*>[]> items_;
  };

  Buffer* grow(std::int64_t top, std::int64_t bottom) {
    Buffer* const old = buffer_.load(std::memory_order_relaxed);
    buffers_.push_back(std::make_unique<Buffer>(static_cast<std::size_t>(old->capacity()) * 2));
    Buffer* const larger = buffers_.back().get();
    for (auto i = top; i < bottom; ++i)
      larger->at(i).store(old->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
    buffer_.store(larger, std::memory_order_release);
    return larger;
  }

  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  std::atomic<Buffer*> buffer_;
  std::vector<std::unique_ptr<Buffer>> buffers_;  // old ones live on: a slow thief may still read there
};

}  // namespace troupe
