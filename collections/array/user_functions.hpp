#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "collections/array/array.hpp"

/// Listed functions of the user's on the blocks of several arrays, by labels of axes, by signature, along an axis, and
/// as reductions.
namespace troupe::array {

/// An array and a letter for each of its axes: {x, "ik"}.
struct Labelled {
  Array array;
  std::string axes;
};

struct BlockwiseOptions {
  std::optional<DType> dtype{};                ///< of the result; none: that of the first array
  std::map<char, AxisChunks> new_axes{};       ///< axes of the result that no array has
  std::map<char, AxisChunks> adjust_chunks{};  ///< what becomes of the chunks of an axis
};

struct GufuncOptions {
  std::vector<DType> dtypes{};                      ///< of the results; none: that of the first array
  std::map<std::string, std::int64_t> out_sizes{};  ///< of core axes that no array has
};

struct AlongOptions {
  std::optional<DType> dtype{};          ///< of the result; none: as it is
  std::optional<std::int64_t> length{};  ///< of what is given for a line; none: one number, and the axis is gone
};

namespace detail {

/// What calls a function on a block of each array.
using CallOnBlocks = std::function<ExpressionRef(const std::vector<ExpressionRef>&)>;

template <auto F, std::size_t N, class... A>
CallOnBlocks call_on_blocks(const A&... bound) {
  return [bound...](const std::vector<ExpressionRef>& blocks) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return delayed<F>(Delayed<NdArray>(blocks[I])..., bound...).expression();
    }
    (std::make_index_sequence<N>{});
  };
}

Array blockwise(std::string name, std::string_view out, const std::vector<Labelled>& inputs,
                const BlockwiseOptions& options, const CallOnBlocks& call);
std::vector<Array> apply_gufunc(std::string_view signature, const std::vector<Array>& inputs,
                                const GufuncOptions& options, const CallOnBlocks& call, bool gives_several);
Array along_axis(const Array& lines, std::size_t axis, const AlongOptions& options, const CallOnBlocks& call);
/// `first` of each block, `join` of what several gave, put together along the axes, and `last` of what is left of them.
Array reduction(const Array& a, const ReduceOptions& options, const CallOnBlocks& first, const CallOnBlocks& join,
                const CallOnBlocks& last);
NdArray along_lines(const NdArray& block, std::size_t axis, const std::function<NdArray(const NdArray&)>& f);
std::vector<std::int64_t> reduced_axes(const Array& a, const AxisList& axes);
std::vector<Array> full_grid(const Shape& shape, const ChunkSpec& chunks);

template <class T>
inline constexpr bool gives_several = false;
template <>
inline constexpr bool gives_several<std::vector<NdArray>> = true;

}  // namespace detail

/// F, a listed function of N blocks, on those blocks of N arrays that have the same place along axes of the same letter.
/// Axes that `out` does not name are put together first. Arrays that are cut differently are cut to fit.
///   blockwise<product>("ij", {{x, "ik"}, {y, "kj"}})
/// Throws InvalidRequest if letters and shapes do not fit.
template <auto F, std::size_t N, class... A>
Array blockwise(std::string_view out, const Labelled (&inputs)[N], const BlockwiseOptions& options = {},
                const A&... bound) {
  return detail::blockwise("blockwise", out, {inputs, inputs + N}, options, detail::call_on_blocks<F, N>(bound...));
}

/// F by its signature in NumPy's notation, "(i,j),(j)->(i)": it gets blocks whose last axes are those core axes, whole,
/// and before them axes to loop over, which are broadcast. A function that gives a std::vector<NdArray> gives a
/// std::vector<Array>. Throws InvalidRequest that names the signature.
template <auto F, std::size_t N, class... A>
auto apply_gufunc(std::string_view signature, const Array (&inputs)[N], const GufuncOptions& options = {},
                  const A&... bound) {
  constexpr bool several = detail::gives_several<function_result<F>>;
  auto all =
      detail::apply_gufunc(signature, {inputs, inputs + N}, options, detail::call_on_blocks<F, N>(bound...), several);
  if constexpr (several)
    return all;
  else
    return std::move(all.front());
}

/// What `apply_along_axis` runs, to be listed beside F: TROUPE_MODULE(mine, spread, troupe::array::along_lines<spread>).
template <auto F>
NdArray along_lines(const NdArray& block, std::int64_t axis) {
  return detail::along_lines(block, static_cast<std::size_t>(axis), [](const NdArray& line) { return F(line); });
}

/// F, a listed function of an array of one axis, on each line of `a` along an axis: it gives a number (an array without
/// axes), or a line of `length`. `along_lines<F>` has to be listed too.
template <auto F>
Array apply_along_axis(int axis, const Array& a, const AlongOptions& options = {}) {
  const auto along = axis_in(axis, a.ndim(), "apply_along_axis");
  return detail::along_axis(a, along, options,
                            detail::call_on_blocks<&along_lines<F>, 1>(static_cast<std::int64_t>(along)));
}

/// `f(array, axis)`, a function that gives an array with or without that axis, for one axis after the other; axes that
/// it takes away are kept with one element.
Array apply_over_axes(const std::function<Array(const Array&, int)>& f, const Array& a, const std::vector<int>& axes);

/// A reduction of the user's, by three listed functions NdArray(const NdArray&, std::vector<std::int64_t> axes):
/// `First` of each block, `Join` of several results put together along the axes, in trees, and `Last` of what is left.
/// Each keeps the axes it reduces, with any number of elements. options.keepdims false takes them away in the end: then
/// `Last` has to leave one element.
template <auto First, auto Join, auto Last>
Array reduction(const Array& a, const ReduceOptions& options = {}) {
  const auto axes = detail::reduced_axes(a, options.axis);
  return detail::reduction(a, options, detail::call_on_blocks<First, 1>(axes), detail::call_on_blocks<Join, 1>(axes),
                           detail::call_on_blocks<Last, 1>(axes));
}

/// F, a listed function of N arrays, on the indices along each of N axes: fromfunction<sum_of>({3, 4}).
template <auto F, std::size_t N>
Array fromfunction(const std::int64_t (&shape)[N], DType dtype, const ChunkSpec& chunks = {}) {
  const auto grid = detail::full_grid({shape, shape + N}, chunks);
  std::string letters;
  for (std::size_t i = 0; i < N; ++i) letters += static_cast<char>('a' + i);
  std::vector<Labelled> inputs;
  for (const auto& each : grid) inputs.push_back({each, letters});
  return detail::blockwise("fromfunction", letters, inputs, {.dtype = dtype}, detail::call_on_blocks<F, N>());
}

}  // namespace troupe::array
