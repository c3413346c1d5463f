#include "collections/ndarray/ndarray.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "actors/errors.hpp"
#include "collections/ndarray/kernels.hpp"
#include "collections/ndarray/memory.hpp"
#include "collections/ndarray/strip_loop.hpp"

namespace troupe::nd {

std::int64_t size_of(const Shape& shape) {
  std::int64_t size = 1;
  bool empty = false;
  for (const auto extent : shape) {
    if (extent < 0) throw InvalidRequest("an array cannot have the shape " + text_of(shape));
    if (extent == 0)
      empty = true;
    else if (__builtin_mul_overflow(size, extent, &size) || size > INT64_MAX / 16)
      throw InvalidRequest("an array of shape " + text_of(shape) + " is larger than any memory");
  }
  return empty ? 0 : size;
}

std::string text_of(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const auto& longer = a.size() >= b.size() ? a : b;
  const auto& shorter = a.size() >= b.size() ? b : a;
  Shape shape = longer;
  const auto missing = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    auto& extent = shape[missing + i];
    if (extent == shorter[i] || shorter[i] == 1) continue;
    if (extent != 1)
      throw InvalidRequest("arrays of shapes " + text_of(a) + " and " + text_of(b) + " cannot be broadcast together");
    extent = shorter[i];
  }
  return shape;
}

std::size_t normal_axis(int axis, std::size_t ndim, std::string_view call) {
  const auto count = static_cast<int>(ndim);
  if (axis < -count || axis >= count)
    throw InvalidRequest(std::string(call) + ": there is no axis " + std::to_string(axis) + " in an array with " +
                         std::to_string(ndim));
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

Range resolve(const Slice& slice, std::int64_t extent) {
  const auto step = slice.step;
  if (step == 0) throw InvalidRequest("the step of a slice cannot be 0");
  const auto low = step > 0 ? std::int64_t{0} : std::int64_t{-1};
  const auto high = step > 0 ? extent : extent - 1;
  const auto clamp = [&](std::int64_t value) { return std::clamp(value < 0 ? value + extent : value, low, high); };
  const auto start = slice.start ? clamp(*slice.start) : step > 0 ? low : high;
  const auto stop = slice.stop ? clamp(*slice.stop) : step > 0 ? high : low;
  const auto distance = step > 0 ? stop - start : start - stop;
  const auto size = step > 0 ? step : -step;
  return {start, distance > 0 ? (distance - 1) / size + 1 : 0, step};
}

Strides contiguous_strides(const Shape& shape, std::size_t itemsize) {
  Strides strides(shape.size());
  auto stride = static_cast<std::int64_t>(itemsize);
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<std::int64_t>(shape[i], 1);
  }
  return strides;
}

NdArray::NdArray(Shape shape, DType dtype) : dtype_(dtype), shape_(std::move(shape)) {
  if (shape_.size() > ndim_max)
    throw InvalidRequest("an array has at most " + std::to_string(ndim_max) + " axes, not " +
                         std::to_string(shape_.size()));
  std::shared_ptr<void> memory;
  try {
    memory = allocate_elements(static_cast<std::size_t>(nbytes()));
  } catch (const std::bad_alloc&) {
    throw NoMemory("no memory for the " + std::to_string(nbytes()) + " bytes of a block of shape " + text_of(shape_) +
                   " of " + std::string(name_of(dtype_)) + "; name smaller chunks");
  }
  data_ = static_cast<std::byte*>(memory.get());
  owner_ = std::move(memory);
  strides_ = contiguous_strides(shape_, itemsize());
}

NdArray NdArray::zeros(Shape shape, DType dtype) {
  NdArray made(std::move(shape), dtype);
  std::memset(made.mutable_data(), 0, made.nbytes());
  return made;
}

NdArray NdArray::full(Shape shape, const Scalar& value, DType dtype) {
  NdArray made(std::move(shape), dtype);
  visit_dtype(dtype, [&]<class T>() {
    const T element = value.to<T>();
    fill(static_cast<std::size_t>(made.size()), &element, made.mutable_data(), sizeof element);
  });
  return made;
}

Scalar NdArray::at(const Shape& index) const {
  if (index.size() != ndim())
    throw InvalidRequest("an array of shape " + text_of(shape_) + " has no element " + text_of(index));
  const auto* element = data_;
  for (std::size_t i = 0; i < index.size(); ++i) {
    const auto k = index[i] < 0 ? index[i] + shape_[i] : index[i];
    if (k < 0 || k >= shape_[i])
      throw InvalidRequest("an array of shape " + text_of(shape_) + " has no element " + text_of(index));
    element += k * strides_[i];
  }
  return visit_dtype(dtype_, [&]<class T>() {
    T value;
    std::memcpy(static_cast<void*>(&value), element, sizeof value);
    if constexpr (std::is_same_v<T, Complex64>)
      return Scalar(Complex128(value)).as(dtype_);
    else
      return Scalar(value).as(dtype_);
  });
}

bool NdArray::is_contiguous() const {
  auto stride = static_cast<std::int64_t>(itemsize());
  for (std::size_t i = shape_.size(); i-- > 0;) {
    if (shape_[i] == 0) return true;
    if (shape_[i] != 1 && strides_[i] != stride) return false;
    stride *= shape_[i];
  }
  return true;
}

namespace {

struct Copying {
  Kernel kernel;
};

void copy_strip(void* context, std::size_t n, const void* const* in, void* out) {
  static_cast<Copying*>(context)->kernel(n, in, out);
}

/// The order in which copies of the array's elements to row-major memory are made; cast on the way.
void copy_cast(const NdArray& from, DType to, void* out) {
  Copying copying{cast_kernel(from.dtype(), to)};
  StripLoop loop(from.shape(), {&from, 1}, StripLoop::Order::row_major, 2048);
  loop.run(out, size_of(to), &copy_strip, &copying);
}

/// Of one type, with rows that are long enough to be gathered one by one.
bool copy_rows(const NdArray& from, std::byte* out) {
  const auto inner = from.ndim() - 1;
  if (from.ndim() == 0 || from.extent(inner) < 16) return false;
  const auto row = static_cast<std::size_t>(from.extent(inner));
  Shape index(inner, 0);
  const auto* source = from.data();
  while (true) {
    gather(row, source, from.strides()[inner], out, from.itemsize());
    out += row * from.itemsize();
    std::size_t axis = inner;
    for (; axis > 0; --axis) {
      source += from.strides()[axis - 1];
      if (++index[axis - 1] < from.extent(axis - 1)) break;
      source -= from.strides()[axis - 1] * from.extent(axis - 1);
      index[axis - 1] = 0;
    }
    if (axis == 0) return true;
  }
}

/// Two axes that are swapped in memory, the others as they are: read along columns, written along rows.
bool copy_transposed(const NdArray& from, std::byte* out) {
  if (from.ndim() < 2) return false;
  const auto item = static_cast<std::int64_t>(from.itemsize());
  const auto columns = from.ndim() - 1;
  std::size_t rows = columns;
  for (std::size_t axis = 0; axis < columns; ++axis)
    if (from.strides()[axis] == item && from.extent(axis) >= 8) rows = axis;
  if (rows == columns || from.extent(columns) < 8) return false;
  const auto out_strides = contiguous_strides(from.shape(), from.itemsize());
  Shape index(from.ndim(), 0);
  while (true) {
    const auto* source = from.data();
    auto* target = out;
    for (std::size_t axis = 0; axis < from.ndim(); ++axis) {
      source += index[axis] * from.strides()[axis];
      target += index[axis] * out_strides[axis];
    }
    transpose_copy(static_cast<std::size_t>(from.extent(rows)), static_cast<std::size_t>(from.extent(columns)), source,
                   from.strides()[columns], target, out_strides[rows], from.itemsize());
    std::size_t axis = columns;
    for (; axis > 0; --axis) {
      if (axis - 1 == rows) continue;
      if (++index[axis - 1] < from.extent(axis - 1)) break;
      index[axis - 1] = 0;
    }
    if (axis == 0) return true;
  }
}

}  // namespace

NdArray NdArray::copy() const {
  NdArray made(shape_, dtype_);
  detail::copy_row_major(*this, made.mutable_data());
  return made;
}

void detail::copy_row_major(const NdArray& from, void* to) {
  if (from.size() == 0) return;
  auto* out = static_cast<std::byte*>(to);
  if (from.is_contiguous())
    std::memcpy(to, from.data(), from.nbytes());
  else if (!copy_transposed(from, out) && !copy_rows(from, out))
    copy_cast(from, from.dtype(), to);
}

void detail::wrong_count(std::size_t elements, const Shape& shape) {
  throw InvalidRequest("an array of shape " + text_of(shape) + " cannot be made of " + std::to_string(elements) +
                       " elements");
}

NdArray NdArray::astype(DType dtype) const {
  if (dtype == dtype_) return *this;
  NdArray made(shape_, dtype);
  if (size() > 0) copy_cast(*this, dtype, made.mutable_data());
  return made;
}

NdArray NdArray::slice(std::size_t axis, const Range& range) const {
  NdArray view = *this;
  if (range.count > 0) view.data_ += range.start * strides_[axis];
  view.shape_[axis] = range.count;
  view.strides_[axis] *= range.step;
  return view;
}

NdArray NdArray::pick(std::size_t axis, std::int64_t index) const {
  const auto k = index < 0 ? index + shape_[axis] : index;
  if (k < 0 || k >= shape_[axis])
    throw InvalidRequest("index " + std::to_string(index) + " is outside of axis " + std::to_string(axis) +
                         " of an array of shape " + text_of(shape_));
  NdArray view = *this;
  view.data_ += k * strides_[axis];
  view.shape_.erase(view.shape_.begin() + static_cast<std::ptrdiff_t>(axis));
  view.strides_.erase(view.strides_.begin() + static_cast<std::ptrdiff_t>(axis));
  return view;
}

NdArray NdArray::transpose(const Axes& axes) const {
  NdArray view = *this;
  if (axes.empty()) {
    std::reverse(view.shape_.begin(), view.shape_.end());
    std::reverse(view.strides_.begin(), view.strides_.end());
    return view;
  }
  std::vector<bool> seen(ndim());
  if (axes.size() != ndim())
    throw InvalidRequest("transpose: each axis of " + text_of(shape_) + " has to be named once");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = normal_axis(axes[i], ndim(), "transpose");
    if (seen[axis]) throw InvalidRequest("transpose: axis " + std::to_string(axes[i]) + " is named twice");
    seen[axis] = true;
    view.shape_[i] = shape_[axis];
    view.strides_[i] = strides_[axis];
  }
  return view;
}

NdArray NdArray::reshape(Shape shape) const {
  const auto unknown = std::find(shape.begin(), shape.end(), -1);
  const auto refuse = [&] {
    throw InvalidRequest("an array of shape " + text_of(shape_) + " cannot be reshaped to " + text_of(shape));
  };
  if (unknown != shape.end()) {
    const auto position = unknown - shape.begin();
    Shape known = shape;
    known.erase(known.begin() + position);
    if (std::any_of(known.begin(), known.end(), [](auto extent) { return extent < 0; })) refuse();
    const auto rest = size_of(known);
    if (rest == 0 || size() % rest != 0) refuse();
    shape[static_cast<std::size_t>(position)] = size() / rest;
  }
  if (size_of(shape) != size()) refuse();
  NdArray source = *this;
  // A view, if each new axis, or group of them, lies within old ones that are as one. What has extent 1 has no say.
  const NdArray old = squeeze();
  Strides strides(shape.size(), static_cast<std::int64_t>(itemsize()));
  std::size_t i = 0;
  std::size_t j = 0;
  bool view = size() > 0 && !is_contiguous();
  while (view && i < old.ndim() && j < shape.size()) {
    std::int64_t old_size = old.shape_[i];
    std::int64_t new_size = shape[j];
    std::size_t old_end = i + 1;
    std::size_t new_end = j + 1;
    while (old_size != new_size) {
      if (old_size < new_size)
        old_size *= old.shape_[old_end++];
      else
        new_size *= shape[new_end++];
    }
    for (std::size_t k = i; k + 1 < old_end; ++k)
      if (old.strides_[k] != old.strides_[k + 1] * old.shape_[k + 1]) view = false;
    auto stride = old.strides_[old_end - 1];
    for (std::size_t k = new_end; k-- > j;) {
      strides[k] = stride;
      stride *= shape[k];
    }
    i = old_end;
    j = new_end;
  }
  if (!view) {
    source = contiguous();
    strides = contiguous_strides(shape, itemsize());
  }
  source.shape_ = std::move(shape);
  source.strides_ = std::move(strides);
  return source;
}

NdArray NdArray::broadcast_to(const Shape& shape) const {
  if (shape_ == shape) return *this;
  if (shape.size() < ndim() || broadcast_shapes(shape_, shape) != shape)
    throw InvalidRequest("an array of shape " + text_of(shape_) + " cannot be broadcast to " + text_of(shape));
  NdArray view = *this;
  view.shape_ = shape;
  view.strides_.assign(shape.size(), 0);
  const auto missing = shape.size() - ndim();
  for (std::size_t i = 0; i < ndim(); ++i)
    if (shape_[i] == shape[missing + i]) view.strides_[missing + i] = strides_[i];
  return view;
}

NdArray NdArray::expand_dims(std::size_t axis) const {
  if (axis > ndim())
    throw InvalidRequest("expand_dims: there is no place " + std::to_string(axis) + " in " + text_of(shape_));
  NdArray view = *this;
  view.shape_.insert(view.shape_.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  view.strides_.insert(view.strides_.begin() + static_cast<std::ptrdiff_t>(axis), 0);
  return view;
}

NdArray NdArray::squeeze(const Axes& axes) const {
  std::vector<bool> gone(ndim());
  for (const auto axis : axes) {
    const auto i = normal_axis(axis, ndim(), "squeeze");
    if (shape_[i] != 1)
      throw InvalidRequest("squeeze: axis " + std::to_string(axis) + " of " + text_of(shape_) +
                           " has not the extent 1");
    gone[i] = true;
  }
  NdArray view = *this;
  view.shape_.clear();
  view.strides_.clear();
  for (std::size_t i = 0; i < ndim(); ++i) {
    if (axes.empty() ? shape_[i] == 1 : gone[i]) continue;
    view.shape_.push_back(shape_[i]);
    view.strides_.push_back(strides_[i]);
  }
  return view;
}

NdArray NdArray::flip(std::size_t axis) const { return slice(axis, Range{shape_[axis] - 1, shape_[axis], -1}); }

NdArray NdArray::real() const {
  NdArray view = *this;
  view.dtype_ = real_of(dtype_);
  return view;
}

NdArray NdArray::imag() const {
  if (!is_complex(dtype_)) return NdArray::zeros(shape_, dtype_);
  NdArray view = real();
  view.data_ += view.itemsize();
  return view;
}

NdArray NdArray::view(DType dtype) const {
  if (size_of(dtype) != itemsize())
    throw InvalidRequest("elements of type " + std::string(name_of(dtype_)) + " cannot be seen as " +
                         std::string(name_of(dtype)));
  NdArray view = *this;
  view.dtype_ = dtype;
  return view;
}

void NdArray::assign(const NdArray& value) {
  if (size() == 0) return;
  const NdArray source = value.broadcast_to(broadcast_shapes(value.shape(), shape_) == shape_ ? shape_ : value.shape());
  if (source.shape() != shape_)
    throw InvalidRequest("an array of shape " + text_of(value.shape()) + " cannot be written over one of " +
                         text_of(shape_));
  if (is_contiguous()) {
    if (source.dtype() == dtype_)
      detail::copy_row_major(source, data_);
    else
      copy_cast(source, dtype_, data_);
    return;
  }
  // Rows of the innermost axis that is the closest in memory.
  std::size_t inner = ndim() - 1;
  for (std::size_t axis = 0; axis < ndim(); ++axis)
    if (shape_[axis] > 1 && (shape_[inner] == 1 || std::abs(strides_[axis]) < std::abs(strides_[inner]))) inner = axis;
  const auto kernel = cast_kernel(source.dtype(), dtype_);
  constexpr std::int64_t piece = 1024;
  alignas(64) std::byte collected[piece * 16];
  alignas(64) std::byte casted[piece * 16];
  Shape index(ndim(), 0);
  while (true) {
    const auto* from = source.data();
    auto* to = data_;
    for (std::size_t axis = 0; axis < ndim(); ++axis) {
      from += index[axis] * source.strides()[axis];
      to += index[axis] * strides_[axis];
    }
    for (std::int64_t done = 0; done < shape_[inner]; done += piece) {
      const auto n = static_cast<std::size_t>(std::min(piece, shape_[inner] - done));
      gather(n, from + done * source.strides()[inner], source.strides()[inner], collected, source.itemsize());
      const void* in = collected;
      if (source.dtype() != dtype_) kernel(n, &in, casted);
      scatter(n, source.dtype() == dtype_ ? collected : casted, to + done * strides_[inner], strides_[inner],
              itemsize());
    }
    std::size_t axis = ndim();
    for (; axis > 0; --axis) {
      if (axis - 1 == inner) continue;
      if (++index[axis - 1] < shape_[axis - 1]) break;
      index[axis - 1] = 0;
    }
    if (axis == 0) return;
  }
}

}  // namespace troupe::nd

namespace troupe {

void ValueCodec<nd::NdArray>::encode(const nd::NdArray& array, Encoder& out) {
  out.scalar(array.dtype());
  out.count(array.ndim());
  for (const auto extent : array.shape()) out.count(static_cast<std::uint64_t>(extent));
  const auto flat = array.contiguous();
  out.blob(Bytes(flat.owner(), flat.data(), flat.nbytes()));
}

nd::NdArray ValueCodec<nd::NdArray>::decode(Decoder& in) {
  const auto dtype = in.scalar<nd::DType>();
  if (static_cast<std::size_t>(dtype) >= nd::dtype_count) throw DecodeError("an array has elements of no known type");
  const auto ndim = in.count();
  if (ndim > nd::ndim_max) throw DecodeError("an array has too many axes");
  nd::Shape shape;
  for (std::uint64_t i = 0; i < ndim; ++i) {
    const auto extent = in.count();
    if (extent > static_cast<std::uint64_t>(INT64_MAX)) throw DecodeError("an array has an impossible shape");
    shape.push_back(static_cast<std::int64_t>(extent));
  }
  std::uint64_t bytes = 0;
  try {
    bytes = static_cast<std::uint64_t>(nd::size_of(shape)) * nd::size_of(dtype);
  } catch (const InvalidRequest&) {
    throw DecodeError("an array has an impossible shape");
  }
  const auto blob = in.blob();
  if (blob.size != bytes) throw DecodeError("an array has more or fewer elements than its shape");
  auto strides = nd::contiguous_strides(shape, nd::size_of(dtype));
  if (blob.buffer && reinterpret_cast<std::uintptr_t>(blob.data) % 16 == 0)
    return {blob.buffer->owner(), blob.data, dtype, std::move(shape), std::move(strides)};
  if (blob.buffer) in.copied(blob.size);
  nd::NdArray array(std::move(shape), dtype);
  if (bytes > 0) std::memcpy(array.mutable_data(), blob.data, bytes);
  return array;
}

}  // namespace troupe
