#include "actors/future.hpp"

#include <fmt/format.h>

#include "actors/client_core.hpp"
#include "runtime/exec/call_frame.hpp"

namespace troupe::detail {
namespace {

Deadline deadline_of(std::optional<std::chrono::milliseconds> timeout) {
  if (!timeout) return {};
  return std::chrono::steady_clock::now() + *timeout;
}

void check(const FutureHandle& future) {
  if (!future) throw InvalidRequest("this future is empty");
}

std::string name(const FutureHandle& future) { return key_text(future); }

}  // namespace

bool value_is_here(const FutureHandle& future) {
  check(future);
  const auto state = future.slot()->current();
  return state != SlotState::pending && state != SlotState::remote;
}

ValuePlace await_value(const FutureHandle& future, std::optional<std::chrono::milliseconds> timeout) {
  check(future);
  const auto& slot = *future.slot();
  const auto deadline = deadline_of(timeout);
  while (true) {
    const auto state = slot.current();
    if (state == SlotState::finished && slot.inline_size != FutureSlot::in_outcome)
      return {Bytes({}, slot.inline_value, slot.inline_size), nullptr};
    switch (state) {
      case SlotState::pending:
      case SlotState::remote: break;
      case SlotState::finished: {
        const auto* outcome = slot.outcome.load(std::memory_order_acquire);
        if (outcome->value) return {{}, &outcome->value};
        return {outcome->inline_value, nullptr};
      }
      case SlotState::erred: throw TaskFailed(slot.outcome.load(std::memory_order_acquire)->error);
      case SlotState::cancelled:
        throw Cancelled(fmt::format("{}: {}", name(future), slot.outcome.load(std::memory_order_acquire)->reason));
      case SlotState::lost:
        throw Disconnected(fmt::format("{}: {}", name(future), slot.outcome.load(std::memory_order_acquire)->reason));
    }
    if (!blocking(future.core(), "Future::get", [&] { return future.core().wait_values({&future, 1}, deadline); }))
      throw TimeoutError(fmt::format("{} has no value after {} ms", name(future), timeout->count()));
  }
}

bool await_done(const FutureHandle& future, std::optional<std::chrono::milliseconds> timeout) {
  check(future);
  if (future.slot()->current() != SlotState::pending) return true;
  return blocking(future.core(), "Future::exception", [&] {
    return future.core().wait_all({&future, 1}, deadline_of(timeout));
  });
}

void when_done(const FutureHandle& future, std::unique_ptr<Continuation> continuation) {
  check(future);
  future.core().when_done(future, std::move(continuation));
}

FutureStatus status_of(const FutureHandle& future) {
  check(future);
  switch (future.slot()->current()) {
    case SlotState::pending: return FutureStatus::pending;
    case SlotState::remote:
    case SlotState::finished: return FutureStatus::finished;
    case SlotState::erred: return FutureStatus::erred;
    case SlotState::cancelled: return FutureStatus::cancelled;
    case SlotState::lost: return FutureStatus::lost;
  }
  return FutureStatus::lost;
}

std::shared_ptr<const TaskError> error_of(const FutureHandle& future) {
  check(future);
  switch (future.slot()->current()) {
    case SlotState::pending:
    case SlotState::remote:
    case SlotState::finished: return nullptr;
    case SlotState::erred: return future.slot()->outcome.load(std::memory_order_acquire)->error;
    case SlotState::cancelled:
    case SlotState::lost: break;
  }
  auto error = std::make_shared<TaskError>();
  error->kind = TaskError::Kind::lost;
  error->message = future.slot()->outcome.load(std::memory_order_acquire)->reason;
  error->function = future.core().prefix_of(*future.slot());
  return error;
}

std::string key_text(const FutureHandle& future) {
  check(future);
  const auto& page = future.page();
  const auto group = page.group.load(std::memory_order_relaxed);
  const auto index = page.task_of(*future.slot());
  const auto prefix = future.core().prefix_of(*future.slot());
  if (page.shared) return fmt::format("{}-{}", prefix, page.token.hex());
  if (group == 0) return fmt::format("{}-?-{}", prefix, index);
  return fmt::format("{}-{}-{}", prefix, group, index);
}

void throw_decode(const Error& error) {
  if (error.kind == ErrorKind::invalid) throw InvalidRequest(error.text);
  throw Failure(error);
}

}  // namespace troupe::detail
