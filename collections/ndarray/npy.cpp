// The npy format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include <algorithm>
#include <charconv>
#include <cstring>

#include "actors/errors.hpp"
#include "collections/ndarray/byte_order.hpp"
#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

namespace {

constexpr char magic[] = "\x93NUMPY";
constexpr std::size_t magic_size = 6;

[[noreturn]] void refuse(const std::string& why) { throw InvalidRequest("not a readable npy file: " + why); }

/// The text after `'key':` in the header's dictionary, up to the comma that ends it, or to `end_of`.
std::string_view value_of(std::string_view header, std::string_view key) {
  auto at = header.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos) at = header.find('"' + std::string(key) + '"');
  if (at == std::string_view::npos) refuse("its header has no '" + std::string(key) + "'");
  auto text = header.substr(at + key.size() + 2);
  const auto skip = [&] { text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size())); };
  skip();
  if (!text.starts_with(':')) refuse("its header is no dictionary");
  text.remove_prefix(1);
  skip();
  return text;
}

Shape parse_shape(std::string_view text) {
  const auto end = text.find(')');
  if (!text.starts_with('(') || end == std::string_view::npos) refuse("its shape is no tuple");
  Shape shape;
  const auto* at = text.data() + 1;
  const auto* last = text.data() + end;
  while (true) {
    while (at < last && (*at == ' ' || *at == ',')) ++at;
    if (at == last) return shape;
    std::int64_t extent = 0;
    const auto [next, error] = std::from_chars(at, last, extent);
    if (error != std::errc{} || extent < 0) refuse("its shape is " + std::string(text.substr(0, end + 1)));
    at = next;
    if (at < last && *at == 'L') ++at;
    shape.push_back(extent);
  }
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> bytes) {
  if (bytes.size() < magic_size + 4 || std::memcmp(bytes.data(), magic, magic_size) != 0)
    refuse("it does not begin with \\x93NUMPY");
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
  const auto major = byte(6);
  if (major < 1 || major > 3) refuse("its version is " + std::to_string(major));
  std::size_t begin = 10;
  std::size_t length = byte(8) | byte(9) << 8;
  if (major > 1) {
    if (bytes.size() < 12) refuse("it ends within its header");
    begin = 12;
    length |= byte(10) << 16 | byte(11) << 24;
  }
  if (length > bytes.size() - begin) refuse("it ends within its header");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + begin, length);
  NpyHeader header;
  header.data_offset = begin + length;
  const auto descr = value_of(text, "descr");
  const auto quote = descr.empty() ? '\0' : descr[0];
  const auto end = descr.find(quote, 1);
  if ((quote != '\'' && quote != '"') || end == std::string_view::npos) refuse("its elements are structs");
  auto name = std::string(descr.substr(1, end - 1));
  if (name.starts_with('>')) {
    name[0] = '<';
    header.swapped = name.size() > 2 && name.substr(2) != "1";
  }
  try {
    header.dtype = dtype_named(name);
  } catch (const InvalidRequest& error) {
    refuse(error.what());
  }
  header.column_major = value_of(text, "fortran_order").starts_with("True");
  header.shape = parse_shape(value_of(text, "shape"));
  if (header.shape.size() > ndim_max) refuse("it has " + std::to_string(header.shape.size()) + " axes");
  return header;
}

std::vector<std::byte> npy_header(DType dtype, const Shape& shape) {
  std::string text =
      "{'descr': '" + std::string(npy_descr(dtype)) + "', 'fortran_order': False, 'shape': " + text_of(shape) + ", }";
  const bool wide = text.size() + 1 + 64 > 65535;
  const std::size_t begin = wide ? 12 : 10;
  text.append((64 - (begin + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  std::vector<std::byte> bytes;
  const auto put = [&](std::size_t value) { bytes.push_back(static_cast<std::byte>(value & 0xff)); };
  for (std::size_t i = 0; i < magic_size; ++i) put(static_cast<unsigned char>(magic[i]));
  put(wide ? 2 : 1);
  put(0);
  for (std::size_t i = 0; i < begin - 8; ++i) put(text.size() >> (8 * i));
  for (const auto letter : text) put(static_cast<unsigned char>(letter));
  return bytes;
}

std::vector<std::byte> npy_bytes(const NdArray& array) {
  auto bytes = npy_header(array.dtype(), array.shape());
  const auto begin = bytes.size();
  bytes.resize(begin + array.nbytes());
  detail::copy_row_major(array, bytes.data() + begin);
  return bytes;
}

void swap_bytes(std::span<std::byte> elements, DType dtype) {
  const std::size_t part = size_of(real_of(dtype));
  for (std::size_t at = 0; at + part <= elements.size(); at += part)
    std::reverse(elements.begin() + static_cast<std::ptrdiff_t>(at),
                 elements.begin() + static_cast<std::ptrdiff_t>(at + part));
}

NdArray from_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  const auto header = parse_npy_header(bytes);
  const auto size = static_cast<std::size_t>(size_of(header.shape)) * size_of(header.dtype);
  const auto data = bytes.subspan(header.data_offset);
  if (data.size() < size)
    refuse("an array of shape " + text_of(header.shape) + " needs " + std::to_string(size) + " bytes, there are " +
           std::to_string(data.size()));
  auto shape = header.shape;
  if (header.column_major) std::reverse(shape.begin(), shape.end());
  NdArray array;
  if (owner && !header.swapped && reinterpret_cast<std::uintptr_t>(data.data()) % 16 == 0) {
    auto strides = contiguous_strides(shape, size_of(header.dtype));
    array = NdArray(std::move(owner), data.data(), header.dtype, std::move(shape), std::move(strides));
  } else {
    array = NdArray(std::move(shape), header.dtype);
    if (size > 0) std::memcpy(array.mutable_data(), data.data(), size);
    if (header.swapped) swap_bytes({array.mutable_data(), size}, header.dtype);
  }
  return header.column_major ? array.transpose() : array;
}

}  // namespace troupe::nd
