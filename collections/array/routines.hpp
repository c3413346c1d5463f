#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "collections/array/array.hpp"

/// Sorting, searching, counting, sets and statistics, and Fourier transforms. Where an axis has to be in one block, it is
/// put together, and the other axes are cut finer.
namespace troupe::array {

Array sort(const Array& a, int axis = -1);
Array argsort(const Array& a, int axis = -1);
Array argtopk(const Array& a, std::int64_t k, int axis = -1);
Array median(const Array& a, const std::optional<int>& axis = {}, bool keepdims = false);
Array nanmedian(const Array& a, const std::optional<int>& axis = {}, bool keepdims = false);
/// q between 0 and 1; more than one: along a first axis of the result.
Array quantile(const Array& a, const std::vector<double>& q, const std::optional<int>& axis = {},
               std::string_view method = "linear");
Array nanquantile(const Array& a, const std::vector<double>& q, const std::optional<int>& axis = {},
                  std::string_view method = "linear");
Array percentile(const Array& a, const std::vector<double>& q, const std::optional<int>& axis = {},
                 std::string_view method = "linear");

Array unique(const Array& a);
Array bincount(const Array& a, std::int64_t minlength, const std::optional<Array>& weights = {});
/// Counts in bins between `edges`.
Array histogram(const Array& a, const std::vector<double>& edges, const std::optional<Array>& weights = {},
                bool density = false);
/// In equally wide bins of a range; and the edges.
std::pair<Array, NdArray> histogram(const Array& a, std::int64_t bins, std::pair<double, double> range,
                                    const std::optional<Array>& weights = {}, bool density = false);
/// Counts of points in boxes between the edges of each axis, which ascend; the last edge belongs to the last box. One
/// array of coordinates for each axis, all of one shape.
Array histogramdd(const std::vector<Array>& coordinates, const std::vector<std::vector<double>>& edges,
                  const std::optional<Array>& weights = {}, bool density = false);
/// Of points as rows.
Array histogramdd(const Array& points, const std::vector<std::vector<double>>& edges,
                  const std::optional<Array>& weights = {}, bool density = false);
Array histogram2d(const Array& x, const Array& y, const std::vector<double>& x_edges,
                  const std::vector<double>& y_edges, const std::optional<Array>& weights = {}, bool density = false);
Array searchsorted(const Array& sorted, const Array& values, bool right = false);
Array digitize(const Array& a, const std::vector<double>& bins, bool right = false);
Array isin(const Array& a, const Array& values, bool invert = false);
Array interp(const Array& x, const std::vector<double>& xp, const std::vector<double>& fp);
/// Rows of indices of what is not 0.
Array argwhere(const Array& a);
std::vector<Array> nonzero(const Array& a);
Array flatnonzero(const Array& a);

/// Sums, or what `what` gives, of cubes of the given sizes.
Array coarsen(std::string_view what, const Array& a, const std::vector<std::int64_t>& sizes, bool trim_excess = false);
Array cov(const Array& a, bool rowvar = true, double ddof = 1);
Array corrcoef(const Array& a, bool rowvar = true);
Array gradient(const Array& a, double spacing = 1, int axis = -1);
/// The mean of the n-th power of what the elements differ from their mean.
Array moment(const Array& a, int order, const ReduceOptions& options = {});

/// Where `condition` is true, in row-major order.
Array extract(const Array& condition, const Array& a);
Array union1d(const Array& a, const Array& b);
/// At each place the element of the choice whose number stands in `a`.
Array choose(const Array& a, const std::vector<Operand>& choices);
/// At each place the element of the first choice whose condition is true there.
Array select(const std::vector<Array>& conditions, const std::vector<Operand>& choices, const Operand& otherwise = 0);
/// What a piece of a function gives: a number or array, or a function of the argument.
using Piecewise = std::variant<Operand, std::function<Array(const Array&)>>;
/// At each place what the last of the pieces gives whose condition is true there; one more piece than conditions: what
/// it gives elsewhere, else 0. Of the type of `a`.
Array piecewise(const Array& a, const std::vector<Array>& conditions, const std::vector<Piecewise>& pieces);
/// NaN becomes the last element before it along an axis that is none, `n` elements away at most.
Array push(const Array& a, const std::optional<std::int64_t>& n = {}, int axis = -1);
/// Indices of the elements on and below (above) the k-th diagonal.
std::vector<Array> tril_indices(std::int64_t rows, std::int64_t k = 0, std::int64_t columns = -1);
std::vector<Array> triu_indices(std::int64_t rows, std::int64_t k = 0, std::int64_t columns = -1);
/// From places in row-major order to one array for each axis, and back.
std::vector<Array> unravel_index(const Array& indices, const Shape& shape);
Array ravel_multi_index(const std::vector<Array>& indices, const Shape& shape);
/// Windows of `width` elements of an axis, as a new last axis.
Array sliding_window_view(const Array& a, std::int64_t width, int axis = -1);

namespace fft {

using Length = std::optional<std::int64_t>;
Array fft(const Array& a, Length n = {}, int axis = -1, std::string_view norm = "backward");
Array ifft(const Array& a, Length n = {}, int axis = -1, std::string_view norm = "backward");
Array rfft(const Array& a, Length n = {}, int axis = -1, std::string_view norm = "backward");
Array irfft(const Array& a, Length n = {}, int axis = -1, std::string_view norm = "backward");
Array hfft(const Array& a, Length n = {}, int axis = -1, std::string_view norm = "backward");
Array ihfft(const Array& a, Length n = {}, int axis = -1, std::string_view norm = "backward");
/// Axis by axis; all if none is given.
Array fftn(const Array& a, const std::vector<int>& axes = {}, std::string_view norm = "backward");
Array ifftn(const Array& a, const std::vector<int>& axes = {}, std::string_view norm = "backward");
Array rfftn(const Array& a, const std::vector<int>& axes = {}, std::string_view norm = "backward");
inline Array fft2(const Array& a, std::string_view norm = "backward") { return fftn(a, {-2, -1}, norm); }
inline Array ifft2(const Array& a, std::string_view norm = "backward") { return ifftn(a, {-2, -1}, norm); }
Array irfftn(const Array& a, const std::vector<int>& axes = {}, std::string_view norm = "backward");
inline Array rfft2(const Array& a, std::string_view norm = "backward") { return rfftn(a, {-2, -1}, norm); }
inline Array irfft2(const Array& a, std::string_view norm = "backward") { return irfftn(a, {-2, -1}, norm); }
Array fftshift(const Array& a, const std::vector<int>& axes = {});
Array ifftshift(const Array& a, const std::vector<int>& axes = {});
Array fftfreq(std::int64_t n, double d = 1, const ChunkSpec& chunks = {});
Array rfftfreq(std::int64_t n, double d = 1, const ChunkSpec& chunks = {});

}  // namespace fft
}  // namespace troupe::array
