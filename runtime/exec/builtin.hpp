#pragma once

#include <atomic>
#include <span>
#include <string_view>

#include "runtime/exec/call_frame.hpp"

namespace troupe {

/// A function of no module: whatever program has it linked in runs it, as client, local scheduler or worker.
struct BuiltinFunction {
  std::string_view name;
  std::string_view signature;
  Thunk thunk{};
};

/// Lists functions for every FunctionRegistry that is made later. A constant object of a library: it is in the list
/// before main begins, for good.
struct BuiltinList {
  explicit BuiltinList(std::span<const BuiltinFunction> listed);
  std::span<const BuiltinFunction> functions;
  const BuiltinList* next{};
};

namespace detail {
inline std::atomic<const BuiltinList*> builtin_lists{nullptr};
}  // namespace detail

inline BuiltinList::BuiltinList(std::span<const BuiltinFunction> listed)
    : functions(listed), next(detail::builtin_lists.load()) {
  while (!detail::builtin_lists.compare_exchange_weak(next, this)) {
  }
}

}  // namespace troupe
