#include "collections/array/random.hpp"

#include "collections/array/kernels.hpp"
#include "collections/array/lowering.hpp"
#include "collections/array/manipulation.hpp"
#include "collections/ndarray/random.hpp"

namespace troupe::array {

Array Generator::draw(std::string_view distribution, std::vector<double> parameters, const Shape& shape,
                      const CreateOptions& options) {
  const auto checked = nd::random::distribution(distribution, parameters);
  const auto dtype = options.dtype.value_or(nd::random::dtype_of_kind(checked.kind));
  auto chunks = normalize_chunks(options.chunks, shape,
                                 {.itemsize = static_cast<std::int64_t>(nd::size_of(dtype)), .call = distribution});
  return Array(make_node(std::string(distribution), dtype, std::move(chunks), {},
                         [name = std::string(distribution), parameters = std::move(parameters), seed = seed_,
                          stream = drawn_++](Lowering&, const ArrayNode& node) {
                           const auto whole = shape_of(node.chunks);
                           std::vector<std::vector<std::int64_t>> offsets;
                           for (const auto& axis : node.chunks) offsets.push_back(offsets_of(axis));
                           Blocks made;
                           for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
                             Shape start;
                             Shape extent;
                             for (std::size_t axis = 0; axis < node.chunks.size(); ++axis) {
                               start.push_back(offsets[axis][static_cast<std::size_t>((*at)[axis])]);
                               extent.push_back(node.chunks[axis][static_cast<std::size_t>((*at)[axis])]);
                             }
                             made.push_back({task("array.random", {}, name, parameters, seed, stream, whole, start,
                                                  extent, static_cast<std::uint8_t>(node.dtype))});
                           }
                           return made;
                         }));
}

Array Generator::permutation(std::int64_t n, const ChunkSpec& chunks) {
  return from_array(nd::random::permutation({seed_, drawn_++}, n), chunks);
}
Array Generator::permutation(const Array& a, int axis) {
  const auto i = axis_in(axis, a.ndim(), "permutation");
  return take(a, nd::random::permutation({seed_, drawn_++}, a.shape()[i]).to_vector<std::int64_t>(), axis);
}
Array Generator::choice(std::int64_t n, const Shape& shape, bool replace, const ChunkSpec& chunks) {
  if (replace) return integers(0, n, shape, {.chunks = chunks});
  return from_array(nd::random::choice({seed_, drawn_++}, n, shape, false), chunks);
}

}  // namespace troupe::array
