#pragma once

#include <cstddef>
#include <span>

#include "collections/ndarray/dtype.hpp"

namespace troupe::nd {

/// Turns elements of the other byte order into those of this machine's, or back; of complex ones each part.
void swap_bytes(std::span<std::byte> elements, DType dtype);

}  // namespace troupe::nd
