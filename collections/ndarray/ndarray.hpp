#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collections/ndarray/dtype.hpp"
#include "runtime/store/container_codec.hpp"

namespace troupe::nd {

using Shape = std::vector<std::int64_t>;
using Strides = std::vector<std::int64_t>;  ///< in bytes
using Axes = std::vector<int>;

inline constexpr std::size_t ndim_max = 32;

/// Number of elements; 1 for no axis. Throws InvalidRequest for a negative extent, or more bytes than memory has.
std::int64_t size_of(const Shape& shape);
/// "(2, 3)", "(5,)", "()".
std::string text_of(const Shape& shape);
/// The shape that both become, by NumPy's rule. Throws InvalidRequest that names both.
Shape broadcast_shapes(const Shape& a, const Shape& b);
/// `axis` counted from 0, where -1 is the last. Throws InvalidRequest if there is none, naming `call`.
std::size_t normal_axis(int axis, std::size_t ndim, std::string_view call);

/// start:stop:step of one axis, any of which may be left out.
struct Slice {
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> stop;
  std::int64_t step{1};

  friend bool operator==(const Slice&, const Slice&) = default;
};

/// A slice against an axis of `extent`: the first element, how many, how far apart. Throws InvalidRequest for step 0.
struct Range {
  std::int64_t start{};
  std::int64_t count{};
  std::int64_t step{1};
};
Range resolve(const Slice& slice, std::int64_t extent);

/// An n-dimensional array of NumPy's meaning in one piece of memory, shared by all its views. Copying it, and every
/// function here whose name says a view, copies no elements.
///
/// Elements are written only through `mutable_data()`, by whoever made the array, before anybody else has it.
/// Always true: `data() + sum(index * stride)` of every index inside `shape()` lies in the memory that is kept alive.
class NdArray {
public:
  /// No elements, of shape (0,).
  NdArray() : NdArray(Shape{0}, DType::float64) {}
  /// Contiguous memory that is not set to anything.
  NdArray(Shape shape, DType dtype);
  /// A view of memory that `owner` keeps alive.
  NdArray(std::shared_ptr<const void> owner, const void* data, DType dtype, Shape shape, Strides strides)
      : owner_(std::move(owner)),
        data_(static_cast<std::byte*>(const_cast<void*>(data))),
        dtype_(dtype),
        shape_(std::move(shape)),
        strides_(std::move(strides)) {}

  static NdArray zeros(Shape shape, DType dtype = DType::float64);
  static NdArray full(Shape shape, const Scalar& value, DType dtype);
  static NdArray full(Shape shape, const Scalar& value) { return full(std::move(shape), value, value.dtype()); }
  /// No axis, one element.
  static NdArray scalar(const Scalar& value, DType dtype) { return full({}, value, dtype); }
  /// The elements in row-major order; their number has to be that of `shape`.
  template <class T>
  static NdArray of(Shape shape, std::span<const T> elements);
  template <class T>
  static NdArray of(Shape shape, std::initializer_list<T> elements) {
    return of(std::move(shape), std::span<const T>(elements.begin(), elements.size()));
  }
  /// With one axis.
  template <class T>
  static NdArray of(const std::vector<T>& elements) {
    return of(Shape{static_cast<std::int64_t>(elements.size())}, std::span<const T>(elements));
  }
  template <class T>
  static NdArray of(std::initializer_list<T> elements) {
    return of(Shape{static_cast<std::int64_t>(elements.size())}, elements);
  }

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Strides& strides() const { return strides_; }
  [[nodiscard]] std::size_t ndim() const { return shape_.size(); }
  [[nodiscard]] std::int64_t extent(std::size_t axis) const { return shape_[axis]; }
  [[nodiscard]] std::int64_t size() const { return size_of(shape_); }
  [[nodiscard]] std::size_t itemsize() const { return size_of(dtype_); }
  /// Bytes of the elements, wherever they lie.
  [[nodiscard]] std::uint64_t nbytes() const { return static_cast<std::uint64_t>(size()) * itemsize(); }

  /// The element with all indices 0.
  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::byte* mutable_data() { return data_; }
  /// Precondition: `dtype()` is that of T.
  template <class T>
  [[nodiscard]] const T* data_as() const {
    return reinterpret_cast<const T*>(data_);
  }
  template <class T>
  [[nodiscard]] T* mutable_data_as() {
    return reinterpret_cast<T*>(data_);
  }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }
  /// The element at an index, negative ones counted from the end. Throws InvalidRequest outside of the shape.
  [[nodiscard]] Scalar at(const Shape& index) const;
  /// The only element, or that at `index`, as a T.
  template <class T>
  [[nodiscard]] T item(const Shape& index = {}) const {
    return at(index.empty() ? Shape(ndim(), 0) : index).template to<T>();
  }
  /// All elements in row-major order.
  template <class T>
  [[nodiscard]] std::vector<T> to_vector() const;

  /// The elements lie one after the other in row-major order.
  [[nodiscard]] bool is_contiguous() const;
  /// Itself, or a copy that is.
  [[nodiscard]] NdArray contiguous() const { return is_contiguous() ? *this : copy(); }
  /// A contiguous copy.
  [[nodiscard]] NdArray copy() const;
  /// Itself if it is of that type, else a contiguous copy, with NumPy's casts of kind "unsafe".
  [[nodiscard]] NdArray astype(DType dtype) const;

  /// View of part of an axis.
  [[nodiscard]] NdArray slice(std::size_t axis, const Range& range) const;
  [[nodiscard]] NdArray slice(std::size_t axis, const Slice& range) const {
    return slice(axis, resolve(range, shape_[axis]));
  }
  [[nodiscard]] NdArray slice(std::size_t axis, std::int64_t start, std::int64_t stop) const {
    return slice(axis, Range{start, stop - start, 1});
  }
  /// View of one index of an axis, which goes.
  [[nodiscard]] NdArray pick(std::size_t axis, std::int64_t index) const;
  /// View with the axes in another order; reversed if none is given.
  [[nodiscard]] NdArray transpose(const Axes& axes = {}) const;
  /// Same elements in row-major order; one extent may be -1. A view where the strides allow it, else a copy.
  [[nodiscard]] NdArray reshape(Shape shape) const;
  /// View in which axes of extent 1, or missing at the front, repeat.
  [[nodiscard]] NdArray broadcast_to(const Shape& shape) const;
  /// View with a new axis of extent 1 at `axis`.
  [[nodiscard]] NdArray expand_dims(std::size_t axis) const;
  /// View without the given axes, which have extent 1; without all such axes if none is given.
  [[nodiscard]] NdArray squeeze(const Axes& axes = {}) const;
  /// View with an axis reversed.
  [[nodiscard]] NdArray flip(std::size_t axis) const;
  /// View of the real or imaginary parts of a complex array.
  [[nodiscard]] NdArray real() const;
  [[nodiscard]] NdArray imag() const;
  /// View of the same bytes as another type of the same size.
  [[nodiscard]] NdArray view(DType dtype) const;

  /// Writes `value`, broadcast and cast ("unsafe"), over all elements. Precondition: the memory is this caller's alone.
  void assign(const NdArray& value);

private:
  std::shared_ptr<const void> owner_;
  std::byte* data_{};
  DType dtype_{};
  Shape shape_;
  Strides strides_;
};

Strides contiguous_strides(const Shape& shape, std::size_t itemsize);

/// The npy format, version 1.0 for headers that fit it; only row-major data is written.
std::vector<std::byte> npy_bytes(const NdArray& array);
/// Reads versions 1 to 3, row- and column-major, both byte orders. The elements stay in `bytes`, which `owner` keeps
/// alive, where alignment and byte order allow it. Throws InvalidRequest that says what is wrong.
NdArray from_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner = nullptr);
/// The header of an npy file: what it holds and where the elements begin.
struct NpyHeader {
  DType dtype{};
  bool swapped{};
  bool column_major{};
  Shape shape;
  std::size_t data_offset{};
};
NpyHeader parse_npy_header(std::span<const std::byte> bytes);
std::vector<std::byte> npy_header(DType dtype, const Shape& shape);

namespace detail {
[[noreturn]] void wrong_count(std::size_t elements, const Shape& shape);
void copy_row_major(const NdArray& from, void* to);
}  // namespace detail

template <class T>
NdArray NdArray::of(Shape shape, std::span<const T> elements) {
  NdArray made(std::move(shape), dtype_of<T>);
  if (static_cast<std::size_t>(made.size()) != elements.size()) detail::wrong_count(elements.size(), made.shape());
  std::copy(elements.begin(), elements.end(), made.mutable_data_as<T>());
  return made;
}

template <>
inline NdArray NdArray::of<bool>(const std::vector<bool>& elements) {
  NdArray made(Shape{static_cast<std::int64_t>(elements.size())}, DType::bool_);
  std::copy(elements.begin(), elements.end(), made.mutable_data_as<bool>());
  return made;
}

template <class T>
std::vector<T> NdArray::to_vector() const {
  const NdArray typed = astype(dtype_of<T>);
  std::vector<T> elements(static_cast<std::size_t>(size()));
  if constexpr (std::is_same_v<T, bool>) {
    const NdArray flat = typed.contiguous();
    std::copy_n(flat.data_as<bool>(), elements.size(), elements.begin());
  } else {
    detail::copy_row_major(typed, elements.data());
  }
  return elements;
}

}  // namespace troupe::nd

/// Elements in row-major order travel as a buffer of their own: a view of it on arrival, no copy.
template <>
struct troupe::ValueCodec<troupe::nd::NdArray> {
  static constexpr std::string_view type_name = "troupe.ndarray";
  static void encode(const nd::NdArray& array, Encoder& out);
  static nd::NdArray decode(Decoder& in);
  static std::uint64_t deep_size(const nd::NdArray& array) { return sizeof array + array.nbytes(); }
};
