#pragma once

#include <string_view>

namespace troupe {

/// Called on this thread before a failed TROUPE_ASSERT prints and aborts. It may throw, where what broke is thrown away
/// as a whole: a simulated cluster.
using AssertionHandler = void (*)(const char* condition, const char* file, int line, std::string_view story);
void set_assertion_handler(AssertionHandler handler);

}  // namespace troupe
