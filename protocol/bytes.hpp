#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

/// An immutable slice of memory that keeps its owner alive. Copying it copies no bytes.
class Bytes {
public:
  Bytes() = default;
  Bytes(std::shared_ptr<const void> owner, const std::byte* data, std::size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  /// Copies `bytes` into memory of its own.
  static Bytes copy(std::span<const std::byte> bytes);
  static Bytes copy(std::string_view text) { return copy(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Takes the container over; no bytes are copied.
  static Bytes own(std::vector<std::byte> bytes);
  static Bytes own(std::string text);
  /// Memory of `size` bytes, 64-byte aligned, not cleared; `fill` may be written until the first copy is handed out.
  static Bytes allocate(std::size_t size, std::byte** fill);

  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<const std::byte> span() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  /// The part [offset, offset + size), sharing the owner. Precondition: it lies inside.
  [[nodiscard]] Bytes slice(std::size_t offset, std::size_t size) const { return {owner_, data_ + offset, size}; }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }

  friend bool operator==(const Bytes& a, const Bytes& b) {
    return a.size_ == b.size_ && (a.size_ == 0 || std::memcmp(a.data_, b.data_, a.size_) == 0);
  }

private:
  std::shared_ptr<const void> owner_;
  const std::byte* data_{};
  std::size_t size_{};
};

}  // namespace troupe
