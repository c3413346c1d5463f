#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/bytes.hpp"
#include "runtime/store/codec_stream.hpp"

namespace troupe {

/// A reference-counted slice of memory of any owner: ours, a mapped file, NumPy, Arrow. Copying it copies no bytes,
/// and it crosses processes without being copied. Immutable once a copy has been handed out.
class Buffer {
public:
  Buffer() = default;
  explicit Buffer(Bytes bytes) : bytes_(std::move(bytes)) {}
  /// Wraps memory that `owner` keeps alive.
  Buffer(std::shared_ptr<const void> owner, const void* data, std::size_t size)
      : bytes_(std::move(owner), static_cast<const std::byte*>(data), size) {}

  /// Memory of `size` bytes, 64-byte aligned, not cleared; `fill` may be written until the first copy is handed out.
  static Buffer allocate(std::size_t size, std::byte** fill) { return Buffer(detail::allocate_bytes(size, fill)); }
  static Buffer copy(std::span<const std::byte> bytes) { return Buffer(detail::copy_bytes(bytes)); }

  [[nodiscard]] const std::byte* data() const { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] Buffer slice(std::size_t offset, std::size_t size) const { return Buffer(bytes_.slice(offset, size)); }
  /// The memory as elements; a rest smaller than one element is left out.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }

  friend bool operator==(const Buffer&, const Buffer&) = default;

private:
  Bytes bytes_;
};

/// An n-dimensional block of elements in row-major order. Copying it copies no elements.
/// Always true: `buffer` holds the product of `shape` elements.
template <class T>
requires std::is_trivially_copyable_v<T>
class Block {
public:
  Block() = default;
  Block(std::vector<std::int64_t> shape, Buffer buffer) : shape_(std::move(shape)), buffer_(std::move(buffer)) {}

  /// A block of `shape`; `fill` may be written until the first copy is handed out.
  static Block allocate(std::vector<std::int64_t> shape, T** fill) {
    std::byte* memory = nullptr;
    const auto elements = element_count(shape);
    Buffer buffer = Buffer::allocate(elements * sizeof(T), &memory);
    *fill = reinterpret_cast<T*>(memory);
    return {std::move(shape), std::move(buffer)};
  }

  [[nodiscard]] const std::vector<std::int64_t>& shape() const { return shape_; }
  [[nodiscard]] const Buffer& buffer() const { return buffer_; }
  [[nodiscard]] std::span<const T> elements() const { return buffer_.template as<T>(); }
  [[nodiscard]] std::size_t size() const { return buffer_.size() / sizeof(T); }
  [[nodiscard]] const T& operator[](std::size_t i) const { return elements()[i]; }

  friend bool operator==(const Block&, const Block&) = default;

private:
  static std::size_t element_count(const std::vector<std::int64_t>& shape) {
    return static_cast<std::size_t>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<std::int64_t>{}));
  }

  std::vector<std::int64_t> shape_{0};
  Buffer buffer_;
};

}  // namespace troupe
