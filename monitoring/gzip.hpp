#pragma once

#include <string>
#include <string_view>

namespace troupe::monitoring {

/// `text` as gzip, at a level from 1 (fast) to 9 (small). Throws std::runtime_error if there is no memory for it.
std::string gzip(std::string_view text, int level);

}  // namespace troupe::monitoring
