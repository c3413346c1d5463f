#include "collections/ndarray/creation.hpp"

#include <cmath>

#include "actors/errors.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/reductions.hpp"

namespace troupe::nd {

namespace {

template <class T>
NdArray counted(T start, T step, std::int64_t count, DType dtype) {
  NdArray made(Shape{count}, dtype_of<T>);
  auto* elements = made.mutable_data_as<T>();
  for (std::int64_t i = 0; i < count; ++i) elements[i] = static_cast<T>(start + static_cast<T>(i) * step);
  return made.astype(dtype);
}

}  // namespace

NdArray arange(double start, double stop, double step, DType dtype) {
  if (step == 0 || !std::isfinite((stop - start) / step))
    throw InvalidRequest("arange: from " + std::to_string(start) + " to " + std::to_string(stop) +
                         " there is no whole number of steps of " + std::to_string(step));
  // As NumPy: the second element less the first is the step, in the type of the result.
  const auto count = std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil((stop - start) / step)), 0);
  if (kind_of(dtype) <= Kind::integer) {
    const auto first = static_cast<std::int64_t>(start);
    return counted(first, static_cast<std::int64_t>(start + step) - first, count, dtype);
  }
  const auto wide = counted(start, (start + step) - start, count, DType::float64);
  return wide.astype(dtype);
}

NdArray arange(std::int64_t start, std::int64_t stop, std::int64_t step, DType dtype) {
  if (step == 0) throw InvalidRequest("arange: the step cannot be 0");
  const auto distance = step > 0 ? stop - start : start - stop;
  const auto size = step > 0 ? step : -step;
  return counted(start, step, distance > 0 ? (distance - 1) / size + 1 : 0, dtype);
}

NdArray linspace(double start, double stop, std::int64_t count, bool endpoint, DType dtype) {
  if (count < 0) throw InvalidRequest("linspace: " + std::to_string(count) + " numbers were asked for");
  NdArray made(Shape{count}, DType::float64);
  auto* elements = made.mutable_data_as<double>();
  const auto parts = static_cast<double>(endpoint ? count - 1 : count);
  const double step = (stop - start) / parts;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto k = static_cast<double>(i);
    elements[i] = (parts > 0 ? (step == 0 ? k / parts * (stop - start) : k * step) : 0) + start;
  }
  if (endpoint && count > 1) elements[count - 1] = stop;
  if (kind_of(dtype) == Kind::integer) made = floor(made);
  return made.astype(dtype);
}

NdArray eye(std::int64_t rows, std::int64_t columns, std::int64_t k, DType dtype) {
  NdArray made = NdArray::zeros({rows, columns}, dtype);
  if (k < columns && -k < rows) diagonal(made, k).assign(NdArray::scalar(1, dtype));
  return made;
}

NdArray tri(std::int64_t rows, std::int64_t columns, std::int64_t k, DType dtype) {
  const NdArray row = arange(std::int64_t{0}, rows).expand_dims(1);
  return greater_equal(row, arange(-k, columns - k)).astype(dtype);
}

NdArray tril(const NdArray& a, std::int64_t k) {
  if (a.ndim() < 2) throw InvalidRequest("tril: an array of shape " + text_of(a.shape()) + " is no matrix");
  const auto mask = tri(a.extent(a.ndim() - 2), a.extent(a.ndim() - 1), k, DType::bool_);
  return where(mask, a, NdArray::scalar(false, DType::bool_).astype(a.dtype()));
}

NdArray triu(const NdArray& a, std::int64_t k) {
  if (a.ndim() < 2) throw InvalidRequest("triu: an array of shape " + text_of(a.shape()) + " is no matrix");
  const auto mask = tri(a.extent(a.ndim() - 2), a.extent(a.ndim() - 1), k - 1, DType::bool_);
  return where(mask, NdArray::scalar(false, DType::bool_).astype(a.dtype()), a);
}

NdArray diagonal(const NdArray& a, std::int64_t k, int axis1, int axis2) {
  const auto first = normal_axis(axis1, a.ndim(), "diagonal");
  const auto second = normal_axis(axis2, a.ndim(), "diagonal");
  if (first == second) throw InvalidRequest("diagonal: axis " + std::to_string(axis1) + " is named twice");
  const auto down = std::max<std::int64_t>(-k, 0);
  const auto right = std::max<std::int64_t>(k, 0);
  const auto count = std::max<std::int64_t>(std::min(a.extent(first) - down, a.extent(second) - right), 0);
  Shape shape;
  Strides strides;
  for (std::size_t i = 0; i < a.ndim(); ++i) {
    if (i == first || i == second) continue;
    shape.push_back(a.extent(i));
    strides.push_back(a.strides()[i]);
  }
  shape.push_back(count);
  strides.push_back(a.strides()[first] + a.strides()[second]);
  const auto* data = a.data() + (count > 0 ? down * a.strides()[first] + right * a.strides()[second] : 0);
  return {a.owner(), data, a.dtype(), std::move(shape), std::move(strides)};
}

NdArray diag(const NdArray& a, std::int64_t k) {
  if (a.ndim() == 2) return diagonal(a, k);
  if (a.ndim() != 1)
    throw InvalidRequest("diag: an array of shape " + text_of(a.shape()) + " is neither vector nor matrix");
  const auto extent = a.extent(0) + std::abs(k);
  NdArray made = NdArray::zeros({extent, extent}, a.dtype());
  if (a.extent(0) > 0) diagonal(made, k).assign(a);
  return made;
}

NdArray trace(const NdArray& a, std::int64_t k, int axis1, int axis2) { return sum(diagonal(a, k, axis1, axis2), -1); }

NdArray indices(const Shape& shape, DType dtype) {
  Shape full = shape;
  full.insert(full.begin(), static_cast<std::int64_t>(shape.size()));
  NdArray made(full, dtype);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    Shape along(shape.size(), 1);
    along[i] = shape[i];
    made.pick(0, static_cast<std::int64_t>(i)).assign(arange(std::int64_t{0}, shape[i]).reshape(along));
  }
  return made;
}

std::vector<NdArray> meshgrid(const std::vector<NdArray>& axes, bool xy) {
  const auto n = axes.size();
  Shape shape(n);
  const auto place = [&](std::size_t i) { return xy && n > 1 && i < 2 ? 1 - i : i; };
  for (std::size_t i = 0; i < n; ++i) shape[place(i)] = axes[i].size();
  std::vector<NdArray> grids;
  for (std::size_t i = 0; i < n; ++i) {
    Shape along(n, 1);
    along[place(i)] = axes[i].size();
    grids.push_back(axes[i].reshape(along).broadcast_to(shape));
  }
  return grids;
}

}  // namespace troupe::nd
