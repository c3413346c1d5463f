#include "collections/ndarray/reductions.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "actors/errors.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/kernels.hpp"
#include "collections/ndarray/reduce.hpp"

namespace troupe::nd {

namespace {

NdArray shaped(const NdArray& result, const Reduced& reduced, const Over& over) {
  return over.keepdims ? result.reshape(reduced.shape(true)) : result;
}

/// The type that a sum or product of `dtype` is of.
DType wide(DType dtype) {
  if (dtype == DType::bool_ || is_signed_integer(dtype)) return DType::int64;
  return is_unsigned_integer(dtype) ? DType::uint64 : dtype;
}

NdArray total(Fold how, const NdArray& a, const Over& over, std::string_view call) {
  const Reduced reduced(a.shape(), over.axis, call);
  const auto dtype = over.dtype.value_or(wide(a.dtype()));
  // Narrow integers wrap around in the same way when they are added up in wide ones.
  const auto folded = fold(how, a, reduced, wide(dtype)).astype(dtype);
  return shaped(folded, reduced, over);
}

NdArray extreme(Fold how, const NdArray& a, const Over& over, std::string_view call) {
  const Reduced reduced(a.shape(), over.axis, call);
  if (reduced.count() == 0 && size_of(reduced.shape(false)) > 0)
    throw InvalidRequest(std::string(call) + ": an array of shape " + text_of(a.shape()) +
                         " has no element to choose from");
  return shaped(fold(how, a, reduced, a.dtype()), reduced, over);
}

NdArray truth(Fold how, const NdArray& a, const Over& over, std::string_view call) {
  const Reduced reduced(a.shape(), over.axis, call);
  return shaped(fold(how, a, reduced, DType::bool_), reduced, over);
}

DType mean_dtype(const NdArray& a, const Over& over) {
  return over.dtype.value_or(kind_of(a.dtype()) <= Kind::integer ? DType::float64 : a.dtype());
}

Over kept(const Over& over, DType dtype) {
  Over with = over;
  with.keepdims = true;
  with.dtype = dtype;
  return with;
}

NdArray extreme_index(bool greatest, const NdArray& a, std::optional<int> axis, bool keepdims, std::string_view call) {
  const auto along = axis ? normal_axis(*axis, a.ndim(), call) : 0;
  if ((!axis || a.ndim() == 1) && a.size() > 0 && a.is_contiguous()) {
    NdArray result(Shape(keepdims ? a.ndim() : 0, 1), DType::int64);
    *result.mutable_data_as<std::int64_t>() = static_cast<std::int64_t>(
        extreme_kernels(greatest, a.dtype()).line(static_cast<std::size_t>(a.size()), a.data()));
    return result;
  }
  const NdArray source = axis ? a : a.reshape({-1});
  const Reduced reduced(source.shape(), Axes{static_cast<int>(along)}, call);
  NdArray result = NdArray::zeros(reduced.shape(false), DType::int64);
  const auto extent = source.extent(along);
  if (extent == 0 && result.size() + (axis ? 0 : 1) > 0)
    throw InvalidRequest(std::string(call) + ": an array of shape " + text_of(a.shape()) +
                         " has no element to choose from");
  const auto shape = [&] {
    if (!keepdims) return result;
    return result.reshape(axis ? reduced.shape(true) : Shape(a.ndim(), 1));
  };
  if (result.size() == 0) return shape();
  const auto kernels = extreme_kernels(greatest, a.dtype());
  auto* where = result.mutable_data_as<std::int64_t>();
  // The axis first or last, whichever way needs fewer steps.
  Axes order;
  for (std::size_t i = 0; i < source.ndim(); ++i)
    if (i != along) order.push_back(static_cast<int>(i));
  if (result.size() >= 64 && std::abs(source.strides()[along]) > static_cast<std::int64_t>(source.itemsize())) {
    const NdArray rest = source.transpose([&] {
      Axes axes{static_cast<int>(along)};
      axes.insert(axes.end(), order.begin(), order.end());
      return axes;
    }());
    constexpr std::size_t piece = 2048;
    if (rest.is_contiguous() || rest.pick(0, 0).is_contiguous()) {
      NdArray best = rest.pick(0, 0).copy();
      const auto columns = static_cast<std::size_t>(result.size());
      for (std::size_t done = 0; done < columns; done += piece)
        for (std::int64_t i = 1; i < extent; ++i)
          kernels.rows(std::min(piece, columns - done), rest.data() + i * rest.strides()[0] + done * rest.itemsize(), i,
                       best.mutable_data() + done * rest.itemsize(), where + done);
      return shape();
    }
  }
  order.push_back(static_cast<int>(along));
  const NdArray lines = source.transpose(order).contiguous();
  for (std::int64_t i = 0; i < result.size(); ++i)
    where[i] = static_cast<std::int64_t>(kernels.line(
        static_cast<std::size_t>(extent), lines.data() + i * extent * static_cast<std::int64_t>(lines.itemsize())));
  return shape();
}

NdArray without_nan(const NdArray& a, double instead) { return where(isnan(a), instead, a); }

bool may_be_nan(const NdArray& a) { return kind_of(a.dtype()) >= Kind::real; }

void refuse_all_nan(const NdArray& a, std::optional<int> axis, std::string_view call) {
  const Over over = axis ? Over(*axis) : Over();
  if (a.size() > 0 && any(all(isnan(a), over)).item<bool>())
    throw InvalidRequest(std::string(call) + ": there is nothing but NaN to choose from");
}

}  // namespace

NdArray sum(const NdArray& a, const Over& over) { return total(Fold::sum, a, over, "sum"); }
NdArray prod(const NdArray& a, const Over& over) { return total(Fold::product, a, over, "prod"); }
NdArray min(const NdArray& a, const Over& over) { return extreme(Fold::minimum, a, over, "min"); }
NdArray max(const NdArray& a, const Over& over) { return extreme(Fold::maximum, a, over, "max"); }
NdArray any(const NdArray& a, const Over& over) { return truth(Fold::any, a, over, "any"); }
NdArray all(const NdArray& a, const Over& over) { return truth(Fold::all, a, over, "all"); }
NdArray ptp(const NdArray& a, const Over& over) { return subtract(max(a, over), min(a, over)); }

NdArray count_nonzero(const NdArray& a, const Over& over) { return sum(a.astype(DType::bool_), over.as(DType::int64)); }

NdArray mean(const NdArray& a, const Over& over) {
  const Reduced reduced(a.shape(), over.axis, "mean");
  const auto dtype = mean_dtype(a, over);
  return divide(sum(a, over.as(dtype)), static_cast<double>(reduced.count())).astype(dtype);
}

NdArray sum_of_squares(const NdArray& a, const NdArray& center, const Over& over, bool skip_nan) {
  const Reduced reduced(a.shape(), over.axis, "sum_of_squares");
  if (center.shape() != reduced.shape(true))
    throw InvalidRequest("sum_of_squares: the center has the shape " + text_of(center.shape()) + ", not " +
                         text_of(reduced.shape(true)));
  const auto dtype = mean_dtype(a, over);
  const auto squares = fold(skip_nan ? Fold::nan_squares : Fold::squares, a, reduced, dtype, &center);
  return shaped(squares.real().contiguous(), reduced, over);
}

NdArray var(const NdArray& a, const Over& over) {
  const Reduced reduced(a.shape(), over.axis, "var");
  const auto dtype = mean_dtype(a, over);
  const auto squares = sum_of_squares(a, mean(a, kept(over, dtype)), over);
  const auto divisor = std::max(static_cast<double>(reduced.count()) - over.ddof, 0.0);
  return divide(squares, divisor).astype(real_of(dtype));
}

NdArray std(const NdArray& a, const Over& over) { return sqrt(var(a, over)); }

NdArray argmin(const NdArray& a, std::optional<int> axis, bool keepdims) {
  return extreme_index(false, a, axis, keepdims, "argmin");
}
NdArray argmax(const NdArray& a, std::optional<int> axis, bool keepdims) {
  return extreme_index(true, a, axis, keepdims, "argmax");
}

NdArray nansum(const NdArray& a, const Over& over) {
  return may_be_nan(a) && !over.dtype ? total(Fold::nan_sum, a, over, "nansum")
                                      : sum(may_be_nan(a) ? without_nan(a, 0) : a, over);
}
NdArray nanprod(const NdArray& a, const Over& over) {
  return may_be_nan(a) && !over.dtype ? total(Fold::nan_product, a, over, "nanprod")
                                      : prod(may_be_nan(a) ? without_nan(a, 1) : a, over);
}
NdArray nanmin(const NdArray& a, const Over& over) {
  return may_be_nan(a) ? extreme(Fold::nan_minimum, a, over, "nanmin") : min(a, over);
}
NdArray nanmax(const NdArray& a, const Over& over) {
  return may_be_nan(a) ? extreme(Fold::nan_maximum, a, over, "nanmax") : max(a, over);
}

NdArray nancount(const NdArray& a, const Over& over) {
  Over counted = over;
  counted.dtype = DType::int64;
  if (may_be_nan(a)) return sum(logical_not(isnan(a)), counted);
  const Reduced reduced(a.shape(), over.axis, "nancount");
  return NdArray::full(reduced.shape(over.keepdims), Scalar(reduced.count()), DType::int64);
}

NdArray nanmean(const NdArray& a, const Over& over) {
  if (!may_be_nan(a)) return mean(a, over);
  const auto dtype = mean_dtype(a, over);
  return divide(nansum(a.astype(dtype), Over(over).as(dtype)), nancount(a, over)).astype(dtype);
}

NdArray nanvar(const NdArray& a, const Over& over) {
  if (!may_be_nan(a)) return var(a, over);
  const auto dtype = mean_dtype(a, over);
  const auto squares = sum_of_squares(a, nanmean(a, kept(over, dtype)), over, true);
  const auto degrees = subtract(nancount(a, over), over.ddof);
  // No element at all, or no more than the degrees that are taken away: no variance.
  return where(less_equal(degrees, 0.0), NAN, divide(squares, degrees)).astype(real_of(dtype));
}

NdArray nanstd(const NdArray& a, const Over& over) { return sqrt(nanvar(a, over)); }

NdArray nanargmin(const NdArray& a, std::optional<int> axis, bool keepdims) {
  if (!may_be_nan(a)) return argmin(a, axis, keepdims);
  refuse_all_nan(a, axis, "nanargmin");
  return argmin(without_nan(a, INFINITY), axis, keepdims);
}
NdArray nanargmax(const NdArray& a, std::optional<int> axis, bool keepdims) {
  if (!may_be_nan(a)) return argmax(a, axis, keepdims);
  refuse_all_nan(a, axis, "nanargmax");
  return argmax(without_nan(a, -INFINITY), axis, keepdims);
}

}  // namespace troupe::nd
