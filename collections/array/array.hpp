#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "collections/array/chunks.hpp"
#include "collections/array/node.hpp"
#include "collections/array/slicing.hpp"
#include "collections/delayed.hpp"
#include "collections/ndarray/ndarray.hpp"
#include "collections/picture.hpp"

namespace troupe {

class Array;

namespace array {

using nd::DType;
using nd::NdArray;
using nd::Scalar;

/// One axis or several, by their numbers, where -1 is the last; all of them if none is said.
struct AxisList {
  std::vector<int> axes;
  bool all{};
  AxisList() : all(true) {}
  AxisList(int axis) : axes{axis} {}
  AxisList(std::initializer_list<int> several) : axes(several) {}
  AxisList(std::vector<int> several) : axes(std::move(several)) {}
};

struct ReduceOptions {
  AxisList axis{};
  bool keepdims{};
  std::optional<DType> dtype{};  ///< of the sum and the result
  double ddof{};                 ///< of var and std: subtracted from the count
  int split_every{8};            ///< blocks whose results one task joins
};

struct NewAxis {};
struct Ellipsis {};
inline constexpr NewAxis newaxis{};
inline constexpr Ellipsis ellipsis{};

/// One thing between the brackets of x[{...}]: a number, a slice, a list of numbers or bools, newaxis, ellipsis, or an
/// array of integers or bools.
class Index {
public:
  Index(std::int64_t number) : held_(number) {}
  Index(int number) : held_(std::int64_t{number}) {}
  Index(Slice slice) : held_(slice) {}
  Index(NewAxis axis) : held_(axis) {}
  Index(Ellipsis rest) : held_(rest) {}
  Index(std::vector<std::int64_t> numbers) : held_(std::move(numbers)) {}
  Index(std::vector<int> numbers) : held_(std::vector<std::int64_t>(numbers.begin(), numbers.end())) {}
  Index(const std::vector<bool>& mask);
  Index(const NdArray& array);
  Index(const Array& array);

  using Held = std::variant<std::int64_t, Slice, NewAxis, Ellipsis, std::vector<std::int64_t>, NodeRef>;
  [[nodiscard]] const Held& held() const { return held_; }
  /// Of a mask: how long the axis has to be.
  [[nodiscard]] std::optional<std::int64_t> mask_length() const { return mask_length_; }

private:
  Held held_;
  std::optional<std::int64_t> mask_length_;
};
using Indices = std::vector<Index>;

template <class T>
concept OneIndex = std::is_convertible_v<T, Index>;

/// What elementwise functions take: an array, or a number.
class Operand;

struct RechunkOptions {
  std::int64_t block_bytes_max{};  ///< of blocks in between; 0: as configured
  double threshold{4};
  bool balance{};
};

struct MapOptions {
  std::optional<DType> dtype{};    ///< of the results; none: that of the first array
  std::optional<Chunks> chunks{};  ///< of the results; none: those of the first array
};

}  // namespace array

/// An n-dimensional array in blocks, with NumPy's meaning, that is computed only when asked to. What is known as it is
/// written, is checked as it is written: shapes, chunks, types; a size that only the data tell is array::unknown. A copy
/// is the same array; any thread may use its own. Costs what its nodes cost: blocks are counted only when computing.
class Array {
public:
  /// Zero-dimensional, 0.
  Array();
  explicit Array(array::NodeRef node) : node_(std::move(node)) {}

  [[nodiscard]] array::DType dtype() const { return node_->dtype; }
  [[nodiscard]] array::Shape shape() const { return array::shape_of(node_->chunks); }
  [[nodiscard]] const array::Chunks& chunks() const { return node_->chunks; }
  [[nodiscard]] std::size_t ndim() const { return node_->chunks.size(); }
  [[nodiscard]] array::Shape numblocks() const { return array::blocks_of(node_->chunks); }
  [[nodiscard]] std::size_t npartitions() const { return array::block_count(node_->chunks); }
  [[nodiscard]] std::size_t itemsize() const { return nd::size_of(dtype()); }
  /// Number of elements, or array::unknown.
  [[nodiscard]] std::int64_t size() const;
  /// Bytes of all elements, or array::unknown.
  [[nodiscard]] std::int64_t nbytes() const;
  [[nodiscard]] const std::string& name() const { return node_->name; }
  [[nodiscard]] const array::NodeRef& node() const { return node_; }

  // ---- computing ----

  [[nodiscard]] array::NdArray compute(const ComputeOptions& options = {}) const;
  /// The elements in row-major order.
  template <class T>
  [[nodiscard]] std::vector<T> to_vector(const ComputeOptions& options = {}) const {
    return compute(options).to_vector<T>();
  }
  /// The only element.
  template <class T>
  [[nodiscard]] T item(const ComputeOptions& options = {}) const {
    return compute(options).item<T>();
  }
  /// The same array with its blocks there already, or on their way on a cluster.
  [[nodiscard]] Array persist(const ComputeOptions& options = {}) const;
  /// Computes the sizes that are unknown.
  [[nodiscard]] Array compute_chunk_sizes(const ComputeOptions& options = {}) const;
  /// A Delayed for each block, in C order.
  [[nodiscard]] std::vector<Delayed<array::NdArray>> to_delayed() const;

  // ---- parts ----

  /// x[{slice(0, {}, 2), 3, newaxis}], with NumPy's meaning, but that one of the indices at most may be a list or array.
  Array operator[](std::initializer_list<array::Index> indices) const { return getitem(indices); }
  template <array::OneIndex I>
  Array operator[](const I& index) const {
    return getitem({array::Index(index)});
  }
  [[nodiscard]] Array getitem(const array::Indices& indices) const;
  /// The array in which those elements are `value`, broadcast: x = x.assign({0}, 1).
  [[nodiscard]] Array assign(const array::Indices& indices, const array::Operand& value) const;
  /// Blocks by their coordinates: x.blocks({slice(0, 2), 0}).
  [[nodiscard]] Array blocks(const array::Indices& indices) const;
  /// The elements at points: one list for each axis, all equally long.
  [[nodiscard]] Array vindex(const std::vector<std::vector<std::int64_t>>& points) const;

  // ---- form ----

  [[nodiscard]] Array T() const { return transpose(); }
  [[nodiscard]] Array transpose(const std::vector<int>& axes = {}) const;
  [[nodiscard]] Array astype(array::DType dtype) const;
  [[nodiscard]] Array rechunk(const array::ChunkSpec& chunks, const array::RechunkOptions& options = {}) const;
  /// In row-major order; one size may be -1.
  [[nodiscard]] Array reshape(const array::Shape& shape) const;
  [[nodiscard]] Array ravel() const { return reshape({-1}); }
  [[nodiscard]] Array squeeze(const std::optional<array::AxisList>& axis = {}) const;
  [[nodiscard]] Array real() const;
  [[nodiscard]] Array imag() const;
  [[nodiscard]] Array conj() const;

  // ---- reductions ----

  [[nodiscard]] Array sum(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array prod(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array min(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array max(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array any(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array all(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array mean(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array var(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array std(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array argmin(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array argmax(const array::ReduceOptions& options = {}) const;
  [[nodiscard]] Array cumsum(int axis) const;
  [[nodiscard]] Array cumprod(int axis) const;
  [[nodiscard]] Array topk(std::int64_t k, int axis = -1) const;
  [[nodiscard]] Array dot(const Array& other) const;

  // ---- functions of the user's ----

  /// F, a listed function from block to block, with arguments for its other parameters. By default blocks keep type and
  /// shape; what differs is said in the options.
  template <auto F, class... A>
  [[nodiscard]] Array map_blocks(const array::MapOptions& options, const A&... bound) const;
  template <auto F>
  [[nodiscard]] Array map_blocks() const {
    return map_blocks<F>(array::MapOptions{});
  }

  // ---- pictures ----

  /// Shape, chunks, bytes and dtype as a table of text.
  [[nodiscard]] std::string describe() const;
  /// The same with a drawing of the blocks.
  [[nodiscard]] std::string to_svg(int size = 200) const;

  explicit operator bool() const = delete;

private:
  array::NodeRef node_;
};

namespace array {

class Operand {
public:
  Operand(const Array& array) : held_(array.node()) {}  // NOLINT(google-explicit-constructor)
  Operand(const NdArray& array);
  Operand(const Scalar& scalar) : held_(scalar) {}
  template <class T>
  requires std::is_arithmetic_v<T> Operand(T value) : held_(Scalar(value)) {}
  Operand(std::complex<double> value) : held_(Scalar(value)) {}

  [[nodiscard]] const NodeRef* node() const { return std::get_if<NodeRef>(&held_); }
  [[nodiscard]] const Scalar& scalar() const { return std::get<Scalar>(held_); }
  /// As an array, without axes if it is a number.
  [[nodiscard]] Array array() const;

private:
  std::variant<NodeRef, Scalar> held_;
};

template <class A, class B>
concept WithArray = (std::is_same_v<A, Array> ||
                     std::is_same_v<B, Array>)&&std::is_convertible_v<A, Operand>&& std::is_convertible_v<B, Operand>;

/// One elementwise operation, of arrays that are broadcast and cut to fit each other.
Array elementwise(nd::Op op, const std::vector<Operand>& operands);

/// Blocks that are there, or are made by other means.
Array from_blocks(std::vector<ExpressionRef> blocks, DType dtype, Chunks chunks, std::string name = "from_blocks");
/// Of Delayed blocks in C order.
Array from_delayed(const std::vector<Delayed<NdArray>>& blocks, DType dtype, const Chunks& chunks);
/// An array in memory, cut into views.
Array from_array(const NdArray& whole, const ChunkSpec& chunks = {});

/// All computed as one graph.
std::vector<NdArray> compute_all(const std::vector<Array>& all, const ComputeOptions& options = {});
std::vector<Array> persist_all(const std::vector<Array>& all, const ComputeOptions& options = {});

}  // namespace array

inline array::Index::Index(const Array& array) : held_(array.node()) {}

template <>
struct detail::collection_traits<Array> {
  using type = array::NdArray;
  static void join(const Array& array, Together& together) { together.arrays.push_back(array.node()); }
  static void ask(const Array& array, Together& together, std::vector<ExpressionRef>& wanted);
  static type take(const Array& array, std::vector<Value>& values, std::size_t& next);
  static Array kept(const Array& array, std::vector<ExpressionRef>& there, std::size_t& next);
};

// NumPy's operators; comparisons give arrays of bools.
#define TROUPE_ARRAY_OPERATOR(sign, op)                                            \
  template <class A, class B>                                                      \
  requires array::WithArray<A, B> Array operator sign(const A& a, const B& b) {    \
    return array::elementwise(nd::Op::op, {array::Operand(a), array::Operand(b)}); \
  }
TROUPE_ARRAY_OPERATOR(+, add)
TROUPE_ARRAY_OPERATOR(-, subtract)
TROUPE_ARRAY_OPERATOR(*, multiply)
TROUPE_ARRAY_OPERATOR(/, divide)
TROUPE_ARRAY_OPERATOR(%, remainder)
TROUPE_ARRAY_OPERATOR(&, bitwise_and)
TROUPE_ARRAY_OPERATOR(|, bitwise_or)
TROUPE_ARRAY_OPERATOR(^, bitwise_xor)
TROUPE_ARRAY_OPERATOR(<<, left_shift)
TROUPE_ARRAY_OPERATOR(>>, right_shift)
TROUPE_ARRAY_OPERATOR(<, less)
TROUPE_ARRAY_OPERATOR(<=, less_equal)
TROUPE_ARRAY_OPERATOR(>, greater)
TROUPE_ARRAY_OPERATOR(>=, greater_equal)
TROUPE_ARRAY_OPERATOR(==, equal)
TROUPE_ARRAY_OPERATOR(!=, not_equal)
#undef TROUPE_ARRAY_OPERATOR
inline Array operator-(const Array& a) { return array::elementwise(nd::Op::negative, {a}); }
inline Array operator~(const Array& a) { return array::elementwise(nd::Op::invert, {a}); }

namespace array::detail {
std::vector<ExpressionRef> block_values(Lowering& to, const NodeRef& node);
}  // namespace array::detail

template <auto F, class... A>
Array Array::map_blocks(const array::MapOptions& options, const A&... bound) const {
  auto chunks = options.chunks.value_or(node_->chunks);
  if (array::block_count(chunks) != npartitions())
    throw InvalidRequest("map_blocks: chunks " + array::describe(chunks) + " are not as many blocks as those of " +
                         array::describe(node_->chunks));
  auto lower = [bound...](array::Lowering& to, const array::ArrayNode& node) {
    array::Blocks made;
    for (auto& each : array::detail::block_values(to, node.inputs.front()))
      made.push_back({delayed<F>(Delayed<array::NdArray>(std::move(each)), bound...).expression()});
    return made;
  };
  return Array(array::make_node("map_blocks", options.dtype.value_or(dtype()), std::move(chunks), {node_}, lower));
}

}  // namespace troupe
