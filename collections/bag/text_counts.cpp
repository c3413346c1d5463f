#include "collections/bag/text_counts.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace troupe::bag_detail {
namespace {

constexpr std::size_t batch = 32;
constexpr std::size_t first_slots = 1024;
constexpr std::size_t few_slots = 16 * 1024;  ///< of a table that will probably have to grow again
constexpr std::uintptr_t page_bytes = 4096;

/// The lowest `bytes` bytes set; up to 8.
constexpr std::uint64_t low_bytes(std::size_t bytes) { return bytes >= 8 ? ~0ULL : (1ULL << 8 * bytes) - 1; }

struct Mask {
  std::uint64_t low;
  std::uint64_t high;
  std::uint64_t length;
};
constexpr auto masks = [] {
  std::array<Mask, 16> all{};
  for (std::size_t size = 0; size < all.size(); ++size)
    all[size] = {low_bytes(size), size <= 8 ? 0 : low_bytes(size - 8), (size + 1) << 56};
  return all;
}();

/// 16 bytes from where a text of fewer begins. What is behind it may be anybody's, but lies in a page that is there:
/// whoever calls has seen to that. Sanitizers would call it an overrun.
__attribute__((no_sanitize("address", "thread"))) inline std::pair<std::uint64_t, std::uint64_t> load_16(
    const char* from) {
  std::uint64_t low;
  std::uint64_t high;
  __builtin_memcpy(&low, from, 8);
  __builtin_memcpy(&high, from + 8, 8);
  return {low, high};
}

}  // namespace

inline TextCounts::Key TextCounts::key_of(std::string_view text) {
  std::pair<std::uint64_t, std::uint64_t> bytes;
  if (!text.empty() && reinterpret_cast<std::uintptr_t>(text.data()) % page_bytes <= page_bytes - 16) [[likely]] {
    bytes = load_16(text.data());
  } else {
    std::array<char, 16> copy{};
    std::memcpy(copy.data(), text.data(), text.size());
    bytes = load_16(copy.data());
  }
  const auto& mask = masks[text.size()];
  return {bytes.first & mask.low, (bytes.second & mask.high) | mask.length};
}

std::string TextCounts::text_of(const Key& key) {
  std::array<char, 16> bytes;
  std::memcpy(bytes.data(), &key.low, 8);
  std::memcpy(bytes.data() + 8, &key.high, 8);
  return {bytes.data(), static_cast<std::size_t>(key.high >> 56) - 1};
}

/// `text(i)` and `count(i)` for i below `size`, which is at most `batch`.
template <class Text, class Count>
void TextCounts::add_some(std::size_t size, const Text& text, const Count& count) {
  if (slots_.empty()) slots_.resize(first_slots);
  std::array<Key, batch> keys;  // neither is cleared: what is not written is not read
  std::array<std::uint64_t, batch> hashes;
  const auto mask = slots_.size() - 1;
  for (std::size_t i = 0; i < size; ++i) {
    if (text(i).size() > short_max) continue;
    keys[i] = key_of(text(i));
    hashes[i] = hash_of(keys[i]);
    __builtin_prefetch(&slots_[hashes[i] & mask], 1);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (text(i).size() <= short_max)
      add_short(keys[i], hashes[i], count(i));
    else
      add_long(text(i), count(i));
  }
}

void TextCounts::add(std::span<const std::string_view> texts) {
  while (!texts.empty()) {
    const auto some = texts.first(std::min(batch, texts.size()));
    add_some(
        some.size(), [&](std::size_t i) { return some[i]; }, [](std::size_t) { return std::uint64_t{1}; });
    texts = texts.subspan(some.size());
  }
}

void TextCounts::add(std::span<const std::pair<std::string, std::uint64_t>> counts) {
  while (!counts.empty()) {
    const auto some = counts.first(std::min(batch, counts.size()));
    add_some(
        some.size(), [&](std::size_t i) { return std::string_view(some[i].first); },
        [&](std::size_t i) { return some[i].second; });
    counts = counts.subspan(some.size());
  }
}

inline void TextCounts::add_short(const Key& key, std::uint64_t hash, std::uint64_t count) {
  const auto mask = slots_.size() - 1;
  for (auto at = hash & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.key == key) [[likely]] {
      slot.count += count;
      return;
    }
    if (slot.key.high != 0) continue;
    slot = {key, count, next_place_++};
    if (2 * ++used_ > slots_.size()) grow();
    return;
  }
}

void TextCounts::add_long(std::string_view text, std::uint64_t count) {
  bool is_new;
  long_.find_or_add(text, is_new) += count;
  if (is_new) ++next_place_;
}

void TextCounts::grow() {
  std::vector<Slot> old((slots_.size() < few_slots ? 4 : 2) * slots_.size());
  old.swap(slots_);
  const auto mask = slots_.size() - 1;
  for (const auto& slot : old) {
    if (slot.key.high == 0) continue;
    auto at = hash_of(slot.key) & mask;
    while (slots_[at].key.high != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

std::vector<std::pair<std::string, std::uint64_t>> TextCounts::take() {
  std::vector<const Slot*> short_ones(next_place_);
  for (const auto& slot : slots_)
    if (slot.key.high != 0) short_ones[slot.place] = &slot;
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  counts.reserve(next_place_);
  auto next_long = long_.entries().begin();  // these lie in the order of coming first, too
  for (const auto* slot : short_ones) {
    if (slot != nullptr) {
      counts.emplace_back(text_of(slot->key), slot->count);
    } else {
      counts.emplace_back(std::move(next_long->first), next_long->second);
      ++next_long;
    }
  }
  *this = {};
  return counts;
}

}  // namespace troupe::bag_detail
