#include "protocol/bytes.hpp"

#include <new>

namespace troupe {

Bytes Bytes::copy(std::span<const std::byte> bytes) {
  std::byte* fill = nullptr;
  Bytes result = allocate(bytes.size(), &fill);
  if (!bytes.empty()) std::memcpy(fill, bytes.data(), bytes.size());
  return result;
}

Bytes Bytes::own(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return {owner, owner->data(), owner->size()};
}

Bytes Bytes::own(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  return {owner, reinterpret_cast<const std::byte*>(owner->data()), owner->size()};
}

Bytes Bytes::allocate(std::size_t size, std::byte** fill) {
  if (size == 0) {
    *fill = nullptr;
    return {};
  }
  constexpr std::align_val_t alignment{64};
  auto* memory = static_cast<std::byte*>(::operator new(size, alignment));
  std::shared_ptr<const void> owner(
      memory, [](const void* p) { ::operator delete (const_cast<void*>(p), std::align_val_t{64}); });
  *fill = memory;
  return {std::move(owner), memory, size};
}

}  // namespace troupe
