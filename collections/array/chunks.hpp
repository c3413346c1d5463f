#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace troupe::array {

/// Sizes of an array along its axes.
using Shape = std::vector<std::int64_t>;
/// A size that is known only once the array is computed.
inline constexpr std::int64_t unknown = -1;

/// Sizes of the blocks along one axis. Never empty: an axis of size 0 has one block of size 0.
using AxisChunks = std::vector<std::int64_t>;
/// One list for each axis; none of a zero-dimensional array, which is one block.
using Chunks = std::vector<AxisChunks>;

/// (3, nan)
std::string describe(const Shape& shape);
/// ((2, 1), (nan,)); long lists are cut short.
std::string describe(const Chunks& chunks);

/// Along each axis the sum, or unknown.
Shape shape_of(const Chunks& chunks);
std::int64_t size_of(const AxisChunks& axis);
[[nodiscard]] bool is_known(const AxisChunks& axis);
[[nodiscard]] bool is_known(const Chunks& chunks);
/// Number of blocks along each axis.
Shape blocks_of(const Chunks& chunks);
std::size_t block_count(const Chunks& chunks);
/// Elements of the largest block; unknown sizes count as 1.
std::int64_t largest_block(const Chunks& chunks);
/// Where each block begins, and the end. Precondition: known.
std::vector<std::int64_t> offsets_of(const AxisChunks& axis);
/// Blocks of `size` elements along an axis of `length`, the last one smaller if it does not divide it.
AxisChunks even_chunks(std::int64_t length, std::int64_t size);

/// Steps through the coordinates of a grid in C order: for (GridWalk at(grid); at; ++at) use(*at).
class GridWalk {
public:
  explicit GridWalk(Shape grid);
  explicit operator bool() const { return left_ > 0; }
  const Shape& operator*() const { return at_; }
  GridWalk& operator++();

private:
  Shape grid_;
  Shape at_;
  std::int64_t left_{1};
};
/// The place of a coordinate in C order.
std::size_t place_in(const Shape& grid, const Shape& at);

/// What is asked for along one axis: a size, -1 for the whole axis, "auto", a limit in bytes such as "64MiB", or the
/// sizes themselves.
class AxisSpec {
public:
  struct Auto {
    std::int64_t bytes_max{};  ///< 0: the limit of all
  };
  AxisSpec(std::int64_t size) : spec_(size) {}  // NOLINT(google-explicit-constructor)
  AxisSpec(int size) : spec_(std::int64_t{size}) {}
  AxisSpec(std::string_view text);
  AxisSpec(const char* text) : AxisSpec(std::string_view(text)) {}
  AxisSpec(AxisChunks sizes) : spec_(std::move(sizes)) {}
  AxisSpec(std::initializer_list<std::int64_t> sizes) : spec_(AxisChunks(sizes)) {}

  [[nodiscard]] const std::int64_t* size() const { return std::get_if<std::int64_t>(&spec_); }
  [[nodiscard]] const Auto* automatic() const { return std::get_if<Auto>(&spec_); }
  [[nodiscard]] const AxisChunks* sizes() const { return std::get_if<AxisChunks>(&spec_); }

private:
  std::variant<std::int64_t, Auto, AxisChunks> spec_;
};

/// How an array is to be cut: one AxisSpec for all axes, or one for each, or some by their number: {{0, "auto"}}. Those
/// that are not named stay as they are, or whole. By default `auto`.
class ChunkSpec {
public:
  ChunkSpec() : ChunkSpec("auto") {}
  ChunkSpec(std::int64_t size) : spec_(AxisSpec(size)) {}
  ChunkSpec(int size) : spec_(AxisSpec(size)) {}
  ChunkSpec(const char* text) : spec_(AxisSpec(text)) {}
  ChunkSpec(std::string_view text) : spec_(AxisSpec(text)) {}
  ChunkSpec(std::initializer_list<AxisSpec> axes) : spec_(std::vector<AxisSpec>(axes)) {}
  ChunkSpec(std::vector<AxisSpec> axes) : spec_(std::move(axes)) {}
  ChunkSpec(const Chunks& chunks) : spec_(std::vector<AxisSpec>(chunks.begin(), chunks.end())) {}
  ChunkSpec(std::map<int, AxisSpec> axes) : spec_(std::move(axes)) {}

  /// One for each of `ndim` axes; `call` is named in what is thrown.
  [[nodiscard]] std::vector<AxisSpec> axes(std::size_t ndim, const Chunks* previous, std::string_view call) const;

private:
  std::variant<AxisSpec, std::vector<AxisSpec>, std::map<int, AxisSpec>> spec_;
};

/// "128MiB", "1e6", "64 kB" and the like as a number of bytes. Throws InvalidRequest.
std::int64_t parse_bytes(std::string_view text);

/// The configured size of `auto` blocks: TROUPE__ARRAY__CHUNK_SIZE, else 128 MiB.
std::int64_t chunk_bytes();

struct ChunkContext {
  std::int64_t itemsize{8};
  std::int64_t bytes_max{};         ///< of a block, for `auto`; 0: chunk_bytes()
  const Chunks* previous{};         ///< of an array that is cut anew: `auto` prefers multiples of its blocks
  std::string_view call{"chunks"};  ///< named in what is thrown
};
/// What `spec` means for an array of `shape`. Throws InvalidRequest that names shape, spec and call.
Chunks normalize_chunks(const ChunkSpec& spec, const Shape& shape, const ChunkContext& context);

/// The shape that all broadcast to. Throws InvalidRequest with the shapes and the call.
Shape broadcast_shapes(std::span<const Shape> shapes, std::string_view call);
/// The chunks of what all broadcast to: where two are cut differently, at the places of both.
Chunks broadcast_chunks(std::span<const Chunks> all, std::string_view call);

/// A number of an axis as one from 0; throws InvalidRequest with the call.
std::size_t axis_in(std::int64_t axis, std::size_t ndim, std::string_view call);

}  // namespace troupe::array
