#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/arguments.hpp"
#include "runtime/exec/call_frame.hpp"

/// A future for tests, and calls of thunks without a pool.
namespace troupe::testing {

template <class T>
struct FakeFuture {
  ClientKey key;
};

/// What came of a call.
struct Called {
  Value result;
  std::optional<TaskError> error;
};

inline Called call(Thunk thunk, std::span<const std::byte> arguments, std::vector<Value> inputs = {}) {
  struct Failure {
    std::optional<TaskError> error;
  } failure;
  static constexpr HostTable host{
      module_abi_version,
      [](CallFrame& frame, TaskError::Kind kind, std::string_view type, std::string_view message) {
        auto& error = static_cast<Failure*>(frame.execution)->error.emplace();
        error.kind = kind;
        error.type = type;
        error.message = message;
      },
      [](const CallFrame&) { return false; },
      [](CallFrame&) {},
      [](CallFrame&) {},
      [](const CallFrame&, std::string_view) {},
  };
  CallFrame frame{&host, &failure, arguments, inputs, {}, TaskId{77}, RunId{1}, "test"};
  thunk(frame);
  return {std::move(frame.result), failure.error};
}

}  // namespace troupe::testing

template <class T>
struct troupe::dependency_traits<troupe::testing::FakeFuture<T>> {
  static constexpr bool is_dependency = true;
  using value_type = T;
  static ClientKey key(const troupe::testing::FakeFuture<T>& future) { return future.key; }
};
