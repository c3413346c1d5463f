#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/messages.hpp"

namespace troupe {

/// A value on its way between processes: what the message says of it, and its buffers, which follow the message as raw
/// bytes. Whoever sends it keeps the buffers' owner alive until they are written.
struct CarriedItem {
  DataItem item;  ///< buffer_sizes are filled in by the sender's connection
  std::vector<Bytes> buffers;
};

/// Memory for the buffers that `items` announce, 64-byte aligned, not cleared, in huge pages where they are large; and
/// the spans to fill. Refuses more than `bytes_max` in all.
Result<std::vector<CarriedItem>> prepare_buffers(std::vector<DataItem> items, std::uint64_t bytes_max,
                                                 std::vector<std::span<std::byte>>& spans);
/// One buffer of its own, likewise.
Result<Bytes> prepare_buffer(std::uint64_t size, std::uint64_t bytes_max, std::vector<std::span<std::byte>>& spans);

/// The items' descriptions with their buffers' sizes; the buffers are appended to `buffers`, sharing memory.
std::vector<DataItem> announce(std::vector<CarriedItem> items, std::vector<Bytes>& buffers);

}  // namespace troupe
