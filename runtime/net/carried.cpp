#include "runtime/net/carried.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <new>

namespace troupe {

namespace {

constexpr std::uint64_t huge_page = 2U << 20;

/// Half a million page faults for 1 GiB cost more than receiving it.
void ask_for_huge_pages(std::byte* memory, std::uint64_t size) {
  if (size < 2 * huge_page) return;
  const auto first = (reinterpret_cast<std::uintptr_t>(memory) + huge_page - 1) & ~(huge_page - 1);
  const auto last = (reinterpret_cast<std::uintptr_t>(memory) + size) & ~(huge_page - 1);
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace

Result<Bytes> prepare_buffer(std::uint64_t size, std::uint64_t bytes_max, std::vector<std::span<std::byte>>& spans) {
  if (size > bytes_max)
    return fail(ErrorKind::overloaded,
                fmt::format("a buffer of {} bytes is announced, at most {} are taken", size, bytes_max));
  try {
    std::byte* memory = nullptr;
    Bytes buffer = Bytes::allocate(size, &memory);
    ask_for_huge_pages(memory, size);
    spans.emplace_back(memory, size);
    return buffer;
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::overloaded, fmt::format("no memory for a buffer of {} bytes", size));
  }
}

Result<std::vector<CarriedItem>> prepare_buffers(std::vector<DataItem> items, std::uint64_t bytes_max,
                                                 std::vector<std::span<std::byte>>& spans) {
  std::vector<CarriedItem> carried;
  carried.reserve(items.size());
  for (auto& item : items) {
    CarriedItem one;
    one.buffers.reserve(item.buffer_sizes.size());
    for (const auto size : item.buffer_sizes) {
      auto buffer = prepare_buffer(size, bytes_max, spans);
      if (!buffer) return tl::unexpected(std::move(buffer.error()));
      bytes_max -= size;
      one.buffers.push_back(std::move(*buffer));
    }
    one.item = std::move(item);
    carried.push_back(std::move(one));
  }
  return carried;
}

std::vector<DataItem> announce(std::vector<CarriedItem> items, std::vector<Bytes>& buffers) {
  std::vector<DataItem> described;
  described.reserve(items.size());
  for (auto& [item, parts] : items) {
    item.buffer_sizes.clear();
    for (auto& part : parts) {
      item.buffer_sizes.push_back(part.size());
      buffers.push_back(std::move(part));
    }
    described.push_back(std::move(item));
  }
  return described;
}

}  // namespace troupe
