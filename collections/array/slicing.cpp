#include "collections/array/slicing.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "troupe/troupe.hpp"

namespace troupe::array {

std::string describe(const Slice& slice) {
  const auto text = [](const std::optional<std::int64_t>& number) { return number ? std::to_string(*number) : ""; };
  return text(slice.start) + ":" + text(slice.stop) + (slice.step != 1 ? ":" + std::to_string(slice.step) : "");
}

Stride stride_of(const Slice& slice, std::int64_t length) {
  const auto range = nd::resolve(slice, length);
  return range.count == 0 ? Stride{0, 0, 1} : Stride{range.start, range.count, range.step};
}

std::vector<Piece> plan_slice(const AxisChunks& axis, const Stride& asked) {
  if (asked.count == 0) return {{0, {0, 0, 1}}};
  const auto offsets = offsets_of(axis);
  std::vector<Piece> pieces;
  for (std::int64_t done = 0; done < asked.count;) {
    const auto at = asked.start + done * asked.step;
    const auto block = std::upper_bound(offsets.begin(), offsets.end(), at) - offsets.begin() - 1;
    const auto begin = offsets[static_cast<std::size_t>(block)];
    const auto end = offsets[static_cast<std::size_t>(block) + 1];
    const auto room = asked.step > 0 ? (end - 1 - at) / asked.step + 1 : (at - begin) / -asked.step + 1;
    const auto count = std::min(room, asked.count - done);
    pieces.push_back({block, {at - begin, count, asked.step}});
    done += count;
  }
  return pieces;
}

std::vector<std::vector<Piece>> plan_intersection(const AxisChunks& from, const AxisChunks& to) {
  std::vector<std::vector<Piece>> plan(to.size());
  std::size_t block = 0;
  std::int64_t used = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    for (auto wanted = to[i]; wanted > 0;) {
      while (used == from[block]) {
        ++block;
        used = 0;
      }
      const auto count = std::min(wanted, from[block] - used);
      plan[i].push_back({static_cast<std::int64_t>(block), {used, count, 1}});
      used += count;
      wanted -= count;
    }
    if (plan[i].empty()) plan[i].push_back({0, {0, 0, 1}});
  }
  return plan;
}

TakePlan plan_take(const AxisChunks& axis, const std::vector<std::int64_t>& indices) {
  TakePlan plan;
  if (indices.empty()) {
    plan.chunks = {0};
    plan.blocks = {{{0, {}, {}}}};
    return plan;
  }
  const auto offsets = offsets_of(axis);
  const auto size_max = std::max<std::int64_t>(1, *std::max_element(axis.begin(), axis.end()));
  std::vector<std::int64_t> block_of;
  block_of.reserve(indices.size());
  for (const auto index : indices)
    block_of.push_back(std::upper_bound(offsets.begin(), offsets.end(), index) - offsets.begin() - 1);
  const bool sorted = std::is_sorted(block_of.begin(), block_of.end());
  std::map<std::int64_t, TakePart> parts;
  std::int64_t size = 0;
  const auto flush = [&] {
    plan.chunks.push_back(size);
    plan.blocks.emplace_back();
    for (auto& [block, part] : parts) plan.blocks.back().push_back(std::move(part));
    parts.clear();
    size = 0;
  };
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (size == size_max || (sorted && size > 0 && block_of[i] != block_of[i - 1])) flush();
    auto& part = parts[block_of[i]];
    part.block = block_of[i];
    part.from.push_back(indices[i] - offsets[static_cast<std::size_t>(block_of[i])]);
    part.to.push_back(size++);
  }
  flush();
  return plan;
}

std::vector<std::int64_t> resolve_indices(std::vector<std::int64_t> indices, std::int64_t length, std::size_t axis,
                                          std::string_view call) {
  for (auto& index : indices) {
    if (index < -length || index >= length)
      throw InvalidRequest(fmt::format("{}: no element {} along axis {}, which has {}", call, index, axis, length));
    if (index < 0) index += length;
  }
  return indices;
}

}  // namespace troupe::array
