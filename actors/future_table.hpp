#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/task.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

class ClientCore;

enum class FutureStatus : std::uint8_t { pending, finished, erred, cancelled, lost };

namespace detail {

/// What is done when a future has its outcome. Owned by the future's list until then, then by whoever runs it.
class Continuation {
public:
  /// `needs_value`: not before a value that lies on a worker has been fetched. `on_loop`: short, non-blocking code of
  /// ours, run on the loop; else it runs on the callback pool.
  Continuation(bool needs_value, bool on_loop) : needs_value_(needs_value), on_loop_(on_loop) {}
  virtual ~Continuation() = default;
  virtual void run() = 0;

  [[nodiscard]] bool needs_value() const { return needs_value_; }
  [[nodiscard]] bool on_loop() const { return on_loop_; }
  Continuation* next{};

private:
  bool needs_value_;
  bool on_loop_;
};

/// How a future ended, when that does not fit its slot. Immutable once published, but for `value` (see there).
struct Outcome {
  Bytes inline_value;  ///< finished: as in InlineValues
  Value value;         ///< finished: fetched, or put there
  WorkerId holder;     ///< remote: who has it
  std::uint64_t nbytes{};
  std::shared_ptr<const TaskError> error;  ///< erred
  std::string reason;                      ///< cancelled, lost
  std::unique_ptr<Outcome> before;         ///< readers may still look at an earlier outcome
};

/// States of a slot. `remote`: finished, but the value is not here yet.
enum class SlotState : std::uint8_t { pending, remote, finished, erred, cancelled, lost };
inline constexpr std::uint8_t slot_state_mask = 0x0f;
inline constexpr std::uint8_t slot_waited = 0x10;  ///< a thread sleeps until the state changes

/// One key of this client. `references` counts handles. Written by the loop alone (outcome first, then state, with
/// release); read by any thread. A value of up to 16 encoded bytes, fingerprint included, lies in the slot; such a slot
/// never changes again.
struct FutureSlot {
  static constexpr std::size_t capacity = 16;
  static constexpr std::uint8_t in_outcome = 0xff;

  std::atomic<std::uint32_t> references{0};
  std::atomic<std::uint8_t> state{0};
  std::uint8_t inline_size{in_outcome};
  bool fetching{};          ///< loop only
  std::uint32_t ordinal{};  ///< place in the page
  union {
    std::byte inline_value[capacity];
    std::atomic<Outcome*> outcome;
  };
  std::atomic<Continuation*> continuations{nullptr};

  FutureSlot() : outcome(nullptr) {}
  ~FutureSlot();
  FutureSlot(const FutureSlot&) = delete;
  FutureSlot& operator=(const FutureSlot&) = delete;

  [[nodiscard]] SlotState current() const {
    return static_cast<SlotState>(state.load(std::memory_order_acquire) & slot_state_mask);
  }
};

/// The slots of one submission, in one block of memory. Freed when no handle and no message can name it any more.
struct FuturePage {
  std::shared_ptr<ClientCore> core;
  std::uint64_t number{};
  std::uint32_t capacity{};
  std::uint32_t size{};                ///< slots in use; final once submitted
  std::uint32_t live{};                ///< slots with a handle; kept by the loop, and after its end under the lock
  bool shared{};                       ///< pure or named: found again by its token
  std::atomic<std::uint64_t> group{};  ///< the scheduler's number; 0 until accepted
  Token token;
  std::vector<std::string> prefixes;        ///< how its tasks are called, by template; under the core's lock
  std::vector<std::uint16_t> templates_of;  ///< by slot; empty: the first; likewise
  std::vector<std::uint32_t> tasks;         ///< index in the submission, by slot; empty: the slot's own

  static FuturePage* make(std::shared_ptr<ClientCore> core, std::uint64_t number, std::uint32_t capacity);
  static void destroy(FuturePage* page);

  [[nodiscard]] FutureSlot* slots() { return reinterpret_cast<FutureSlot*>(this + 1); }
  [[nodiscard]] std::uint32_t task_of(const FutureSlot& slot) const {
    return tasks.empty() ? slot.ordinal : tasks[slot.ordinal];
  }
  /// Null if the client has no future of that task.
  [[nodiscard]] FutureSlot* find(std::uint32_t task);
  [[nodiscard]] ClientKey key_of(const FutureSlot& slot) const { return ClientKey::of(number, task_of(slot)); }
};

inline FuturePage* page_of(const FutureSlot* slot) {
  return reinterpret_cast<FuturePage*>(const_cast<FutureSlot*>(slot) - slot->ordinal) - 1;
}

/// The last handle of a slot is gone.
void release_slot(FutureSlot* slot);

}  // namespace detail

/// One reference to a key of a client: what a Future is without its type. Copies count; the last one lets the key go.
/// Any thread may use its own copy.
class FutureHandle {
public:
  FutureHandle() = default;
  /// Takes over one reference.
  explicit FutureHandle(detail::FutureSlot* slot) : slot_(slot) {}
  FutureHandle(const FutureHandle& other) : slot_(other.slot_) {
    if (slot_) slot_->references.fetch_add(1, std::memory_order_relaxed);
  }
  FutureHandle(FutureHandle&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  FutureHandle& operator=(FutureHandle other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~FutureHandle() {
    if (slot_ && slot_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) detail::release_slot(slot_);
  }

  [[nodiscard]] explicit operator bool() const { return slot_ != nullptr; }
  [[nodiscard]] detail::FutureSlot* slot() const { return slot_; }
  [[nodiscard]] detail::FuturePage& page() const { return *detail::page_of(slot_); }
  [[nodiscard]] ClientCore& core() const { return *page().core; }
  /// Local to its client.
  [[nodiscard]] ClientKey key() const { return page().key_of(*slot_); }
  friend bool operator==(const FutureHandle& a, const FutureHandle& b) { return a.slot_ == b.slot_; }

private:
  detail::FutureSlot* slot_{};
};

}  // namespace troupe
