#include "protocol/error.hpp"

#include <cstdio>
#include <cstdlib>

#include "protocol/assertion_handler.hpp"

namespace troupe {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::failed: return "failed";
    case ErrorKind::overloaded: return "overloaded";
    case ErrorKind::disconnected: return "disconnected";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::unsupported: return "unsupported";
  }
  return "unknown";
}

namespace {
thread_local AssertionHandler assertion_handler = nullptr;
}

void set_assertion_handler(AssertionHandler handler) { assertion_handler = handler; }

void assertion_failed(const char* condition, const char* file, int line, std::string_view story) {
  if (assertion_handler != nullptr) assertion_handler(condition, file, line, story);
  std::fprintf(stderr, "troupe: assertion failed: %s (%s:%d)\n%.*s\n", condition, file, line,
               static_cast<int>(story.size()), story.data());
  std::abort();
}

}  // namespace troupe
