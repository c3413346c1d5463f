#pragma once

#include <string_view>
#include <vector>

#include "collections/array/manipulation.hpp"

/// Blocks with some of their neighbours' elements.
namespace troupe::array {

struct Depth {
  std::int64_t before{};
  std::int64_t after{};
};

/// Each block with `depth` elements of its neighbours along each axis. `boundary` is what stands outside of the array:
/// "none", "reflect", "periodic", "nearest" or a constant, as text. Blocks smaller than the depth are joined first.
Array overlap(const Array& a, const std::vector<Depth>& depth, std::string_view boundary = "none");
/// Blocks without those elements, of which the outermost have none at the array's own edges if the boundary was "none".
Array trim_overlap(const Array& a, const std::vector<Depth>& depth, std::string_view boundary = "none");

/// F of blocks that see so much of their neighbours, whose shape it keeps, and without it again.
template <auto F, class... A>
Array map_overlap(const Array& a, const std::vector<Depth>& depth, std::string_view boundary, const A&... bound) {
  const auto seen = overlap(a, depth, boundary);
  return trim_overlap(seen.map_blocks<F>(MapOptions{}, bound...), depth, boundary);
}

}  // namespace troupe::array
