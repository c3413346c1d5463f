#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace troupe {

/// What the one who gets the error can do about it.
enum class ErrorKind : std::uint8_t {
  invalid,       ///< the request itself is wrong: change it
  failed,        ///< it was tried and went wrong: look at the text
  overloaded,    ///< a named limit was reached: wait, or raise the limit
  disconnected,  ///< the other side is gone: reconnect, or give up
  cancelled,     ///< somebody asked for it to end
  unsupported,   ///< this build, version or node cannot do it
};

std::string_view name_of(ErrorKind kind);

struct Error {
  ErrorKind kind{ErrorKind::failed};
  std::string text;  ///< what and where, and what to do about it

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorKind kind, std::string text) {
  return tl::unexpected<Error>(Error{kind, std::move(text)});
}

/// Prints the condition, the place and `story` to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, std::string_view story);

}  // namespace troupe

/// For what only a bug in Troupe can break. On in release builds too.
#define TROUPE_ASSERT(condition, ...) \
  (static_cast<bool>(condition)       \
       ? static_cast<void>(0)         \
       : ::troupe::assertion_failed(#condition, __FILE__, __LINE__, std::string_view{__VA_ARGS__}))
