#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "actors/errors.hpp"
#include "actors/future_table.hpp"
#include "runtime/exec/arguments.hpp"

namespace troupe {

/// Where something is to be run: posts the work it is given, and returns.
using Executor = std::function<void(std::function<void()>)>;

namespace detail {

/// A finished value where it lies: the inline form, or a Value. Good as long as a handle is held.
struct ValuePlace {
  Bytes inline_value;
  const Value* value{};
};

/// Blocks until the value is here, and gives its place; throws what `get` throws. Inside a task it secedes meanwhile.
ValuePlace await_value(const FutureHandle& future, std::optional<std::chrono::milliseconds> timeout);
/// Blocks until it is done; false at the deadline.
bool await_done(const FutureHandle& future, std::optional<std::chrono::milliseconds> timeout);
bool value_is_here(const FutureHandle& future);
void when_done(const FutureHandle& future, std::unique_ptr<Continuation> continuation);
FutureStatus status_of(const FutureHandle& future);
std::shared_ptr<const TaskError> error_of(const FutureHandle& future);
std::string key_text(const FutureHandle& future);
[[noreturn]] void throw_decode(const Error& error);

template <class T>
T copy_value(const ValuePlace& place) {
  if (place.value == nullptr) {
    auto value = decode_inline_as<T>(place.inline_value);
    if (!value) throw_decode(value.error());
    return std::move(*value);
  }
  const auto value = place.value->as<T>();
  if (!value) throw_decode(value.error());
  return **value;
}

template <class F>
class CallbackContinuation final : public Continuation {
public:
  explicit CallbackContinuation(F act) : Continuation(true, false), act_(std::move(act)) {}
  void run() override { act_(); }

private:
  F act_;
};

template <class F>
std::unique_ptr<Continuation> make_continuation(F act) {
  return std::make_unique<CallbackContinuation<F>>(std::move(act));
}

}  // namespace detail

/// The value of a task, which may not be there yet. A copy is another reference to the same key; when the last one of
/// a client is gone, the cluster may forget the value. Any thread may use its own copy.
///
/// As an argument of another task, alone or inside a standard container, it stands for its value, which then need not
/// come here. Must not be used after its Client is destroyed but to read what was here already.
template <class T>
class Future {
public:
  using value_type = T;

  Future() = default;
  explicit Future(FutureHandle handle) : handle_(std::move(handle)) {}

  /// Blocks until the value is here. Throws TaskFailed, Cancelled or Disconnected; with a timeout, TimeoutError.
  T get() const { return detail::copy_value<T>(detail::await_value(handle_, {})); }
  T get(std::chrono::milliseconds timeout) const {
    return detail::copy_value<T>(detail::await_value(handle_, timeout));
  }
  /// The same without a copy of a large value.
  [[nodiscard]] std::shared_ptr<const T> get_shared() const {
    auto place = detail::await_value(handle_, {});
    if (place.value == nullptr) return std::make_shared<const T>(detail::copy_value<T>(place));
    auto owner = std::make_shared<const Value>(*place.value);
    const auto value = owner->template as<T>();
    if (!value) detail::throw_decode(value.error());
    return std::shared_ptr<const T>(owner, *value);
  }

  [[nodiscard]] FutureStatus status() const { return detail::status_of(handle_); }
  [[nodiscard]] bool done() const { return status() != FutureStatus::pending; }
  /// Blocks until it is done. Why it failed; null if it did not.
  [[nodiscard]] std::shared_ptr<const TaskError> exception() const {
    (void)detail::await_done(handle_, {});
    return detail::error_of(handle_);
  }
  /// The task's name in the cluster: prefix-group-index; without the group as long as the scheduler has not answered.
  [[nodiscard]] std::string key() const { return detail::key_text(handle_); }

  /// Runs `act(future)` once it is done and its value is here, however it ended; on `executor`, or on the client's
  /// callback threads. Gives what `act` returns or throws.
  template <class F>
  auto then(F act, Executor executor = {}) const -> std::future<std::invoke_result_t<F, Future>> {
    using R = std::invoke_result_t<F, Future>;
    auto task = std::make_shared<std::packaged_task<R()>>(
        [act = std::move(act), self = *this]() mutable -> R { return act(std::move(self)); });
    auto result = task->get_future();
    detail::when_done(handle_, detail::make_continuation([task, executor = std::move(executor)]() mutable {
                        if (executor) {
                          executor([task] { (*task)(); });
                        } else {
                          (*task)();
                        }
                      }));
    return result;
  }

  /// What `co_await` waits for; resumes on `executor`, or on the client's callback threads.
  class Awaiter {
  public:
    Awaiter(Future future, Executor executor) : future_(std::move(future)), executor_(std::move(executor)) {}
    [[nodiscard]] bool await_ready() const { return detail::value_is_here(future_.handle_); }
    void await_suspend(std::coroutine_handle<> coroutine) {
      detail::when_done(future_.handle_, detail::make_continuation([coroutine, executor = std::move(executor_)] {
                          if (executor) {
                            executor([coroutine] { coroutine.resume(); });
                          } else {
                            coroutine.resume();
                          }
                        }));
    }
    T await_resume() const { return future_.get(); }

  private:
    Future future_;
    Executor executor_;
  };
  Awaiter operator co_await() const { return {*this, {}}; }
  [[nodiscard]] Awaiter resume_on(Executor executor) const { return {*this, std::move(executor)}; }

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(handle_); }
  [[nodiscard]] const FutureHandle& handle() const { return handle_; }
  friend bool operator==(const Future&, const Future&) = default;

private:
  FutureHandle handle_;
};

template <class T>
struct dependency_traits<Future<T>> {
  static constexpr bool is_dependency = true;
  using value_type = T;
  /// While the call is being written the future goes by its slot's address; the client turns it into a key.
  static ClientKey key(const Future<T>& future) { return {reinterpret_cast<std::uintptr_t>(future.handle().slot())}; }
};

}  // namespace troupe
