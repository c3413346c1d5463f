#pragma once

#include <cstddef>

namespace troupe {

/// Bytes that `operator new` was asked for so far, in this program. Always 0 under a sanitizer, which has its own.
std::size_t allocated_bytes();

}  // namespace troupe
