#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/bytes.hpp"

namespace troupe {

static_assert(std::endian::native == std::endian::little, "the encoding of values is little-endian memory");

/// Contiguous data of at least this size leaves the header and travels as a buffer of its own.
inline constexpr std::size_t out_of_band_bytes_min = 4096;
/// Alignment of every buffer that Troupe allocates.
inline constexpr std::size_t buffer_alignment = 64;

/// Bytes do not encode a value of the type asked for. Thrown by Decoder and by codecs only, and turned into an Error
/// or a TaskError where decoding was started; user code never sees it.
class DecodeError final : public std::exception {
public:
  explicit DecodeError(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

private:
  std::string text_;
};

namespace detail {

/// As Bytes::allocate, in a header: modules link no library of ours.
inline Bytes allocate_bytes(std::size_t size, std::byte** fill) {
  *fill = nullptr;
  if (size == 0) return {};
  auto* memory = static_cast<std::byte*>(::operator new (size, std::align_val_t{buffer_alignment}));
  std::shared_ptr<const void> owner(
      memory, [](const void* p) { ::operator delete (const_cast<void*>(p), std::align_val_t{buffer_alignment}); });
  *fill = memory;
  return {std::move(owner), memory, size};
}

inline Bytes copy_bytes(std::span<const std::byte> bytes) {
  std::byte* fill = nullptr;
  Bytes copy = allocate_bytes(bytes.size(), &fill);
  if (!bytes.empty()) std::memcpy(fill, bytes.data(), bytes.size());
  return copy;
}

inline Bytes own_bytes(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const auto* data = owner->data();
  const auto size = owner->size();
  return {std::move(owner), data, size};
}

}  // namespace detail

/// Where a codec writes one value: appends to a header and, if it may, hands out large contiguous data as buffers
/// that refer to the value's own memory. Lives on the stack of one call.
class Encoder {
public:
  /// Everything goes into `header`, in line. When it would grow by more than `limit` bytes, nothing more is written
  /// and `full()` holds.
  explicit Encoder(std::vector<std::byte>& header, std::size_t limit = SIZE_MAX)
      : header_(header), end_(limit > SIZE_MAX - header.size() ? SIZE_MAX : header.size() + limit) {}
  /// Large data goes into `buffers`, which keep the value alive by an owner that `make_owner(source)` gives; it is
  /// called at most once, and only if there is such data.
  Encoder(std::vector<std::byte>& header, std::vector<Bytes>& buffers, const void* source,
          std::shared_ptr<const void> (*make_owner)(const void* source))
      : header_(header), buffers_(&buffers), source_(source), make_owner_(make_owner) {}
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void raw(const void* data, std::size_t size) {
    if (size > end_ - header_.size()) {
      end_ = header_.size();
      full_ = true;
      return;
    }
    const auto* first = static_cast<const std::byte*>(data);
    header_.insert(header_.end(), first, first + size);
  }

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void scalar(T value) { raw(&value, sizeof value); }

  /// A number that is mostly small: 7 bits a byte, low ones first.
  void count(std::uint64_t value) {
    std::byte bytes[10];
    std::size_t size = 0;
    while (value >= 0x80) {
      bytes[size++] = static_cast<std::byte>(value | 0x80);
      value >>= 7;
    }
    bytes[size++] = static_cast<std::byte>(value);
    raw(bytes, size);
  }

  /// Contiguous data that lives as long as the value does.
  void blob(const void* data, std::size_t size) {
    if (!leaves_header(size)) return blob_in_line(data, size);
    if (!owner_) owner_ = make_owner_(source_);
    count(size << 1 | 1);
    buffers_->emplace_back(owner_, static_cast<const std::byte*>(data), size);
  }
  /// Contiguous data with an owner of its own.
  void blob(const Bytes& bytes) {
    if (!leaves_header(bytes.size())) return blob_in_line(bytes.data(), bytes.size());
    count(bytes.size() << 1 | 1);
    buffers_->push_back(bytes);
  }

  /// The limit was passed; what has been written is of no use.
  [[nodiscard]] bool full() const { return full_; }

private:
  [[nodiscard]] bool leaves_header(std::size_t size) const { return buffers_ && size >= out_of_band_bytes_min; }
  void blob_in_line(const void* data, std::size_t size) {
    count(size << 1);
    if (size > 0) raw(data, size);
  }

  std::vector<std::byte>& header_;
  std::size_t end_{SIZE_MAX};
  bool full_{};
  std::vector<Bytes>* buffers_{};
  const void* source_{};
  std::shared_ptr<const void> (*make_owner_)(const void*){};
  std::shared_ptr<const void> owner_;
};

/// Where a codec reads one value from. Checks every step against what is left, and throws DecodeError.
/// Lives on the stack of one call; `header` and `buffers` must outlive it.
class Decoder {
public:
  explicit Decoder(std::span<const std::byte> header, std::span<const Bytes> buffers = {})
      : at_(header.data()), left_(header.size()), buffers_(buffers) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Contiguous data: inside the header, or a whole buffer that may be adopted.
  struct Blob {
    const std::byte* data{};
    std::size_t size{};
    const Bytes* buffer{};  ///< null: in the header
  };

  const std::byte* raw(std::size_t size) {
    if (size > left_) throw DecodeError("the encoding ends too early");
    const auto* data = at_;
    at_ += size;
    left_ -= size;
    return data;
  }

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) T scalar() {
    T value;
    std::memcpy(&value, raw(sizeof value), sizeof value);
    return value;
  }

  std::uint64_t count() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = std::to_integer<std::uint64_t>(*raw(1));
      if (shift == 63 && byte > 1) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw DecodeError("a count is too long");
  }

  /// A count of things that take at least `bytes_each` encoded bytes each, so that it can be believed.
  std::size_t count_of(std::size_t bytes_each) {
    const auto value = count();
    if (value > left_ / bytes_each) throw DecodeError("a count is larger than what follows it");
    return static_cast<std::size_t>(value);
  }

  Blob blob() {
    const auto word = count();
    const auto size = word >> 1;
    if ((word & 1) == 0) {
      if (size > left_) throw DecodeError("the encoding ends too early");
      return {raw(size), static_cast<std::size_t>(size), nullptr};
    }
    if (next_buffer_ == buffers_.size()) throw DecodeError("a buffer is missing");
    const Bytes& buffer = buffers_[next_buffer_++];
    if (buffer.size() != size) throw DecodeError("a buffer has another size than announced");
    return {buffer.data(), buffer.size(), &buffer};
  }

  /// Said by codecs that copy a buffer.
  void copied(std::size_t bytes) { copied_ += bytes; }
  [[nodiscard]] std::uint64_t copied() const { return copied_; }
  [[nodiscard]] std::size_t left() const { return left_; }
  /// The next byte. Precondition: there is one.
  [[nodiscard]] std::byte peek() const { return *at_; }

  /// To be called after the value: nothing may be left over.
  void finish() const {
    if (left_ != 0 || next_buffer_ != buffers_.size()) throw DecodeError("something follows the end of the value");
  }

private:
  const std::byte* at_;
  std::size_t left_;
  std::span<const Bytes> buffers_;
  std::size_t next_buffer_{};
  std::uint64_t copied_{};
};

}  // namespace troupe
