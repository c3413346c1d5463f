#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/exec/pipeline.hpp"
#include "runtime/store/value_codec.hpp"

/// What the parts of bags know of the elements: their types, hashes and equality, and tables by key.
namespace troupe::bag_detail {

using detail::Passed;

/// The type of element that a result of type R is: text is kept as std::string, whatever shows it.
template <class R>
struct element_of {
  using type = R;
};
template <>
struct element_of<std::string_view> {
  using type = std::string;
};
template <>
struct element_of<const char*> {
  using type = std::string;
};
template <class R>
using element_type = typename element_of<std::remove_cvref_t<R>>::type;

/// An element as an object of its own.
template <class T>
T owned(Passed<T> element) {
  return T(element);
}

__extension__ using WideNumber = unsigned __int128;

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<WideNumber>(a ^ 0x9E3779B97F4A7C15ULL) * (b ^ 0xD6E8FEB86659FD93ULL);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t hash_bytes(const char* data, std::size_t size) {
  const auto load8 = [](const char* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
  };
  const auto load4 = [](const char* at) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    return std::uint64_t{word};
  };
  std::uint64_t hash = size;
  for (; size > 16; data += 16, size -= 16) hash = mix(load8(data) ^ hash, load8(data + 8));
  if (size >= 4) {  // words of 4 to 16 bytes without a further branch: four pieces of 4, which may overlap
    const auto middle = size / 8 * 4;
    const auto* last = data + size - 4;
    return mix((load4(data) << 32 | load4(data + middle)) ^ hash, load4(last) << 32 | load4(last - middle));
  }
  if (size == 0) return mix(hash, 0);
  const auto byte = [&](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(data[at])}; };
  return mix((byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1)) ^ hash, 0);
}

template <class T>
std::string encoding_of(const T& value) {
  std::vector<std::byte> bytes;
  Encoder out(bytes);
  encode_value(value, out);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
inline constexpr bool is_product = false;
template <class A, class B>
inline constexpr bool is_product<std::pair<A, B>> = true;
template <class... A>
inline constexpr bool is_product<std::tuple<A...>> = true;

/// The same in every process. Elements that are equal have equal hashes.
template <class T>
std::uint64_t hash_of(Passed<T> element) {
  if constexpr (std::is_same_v<T, std::string>) {
    return hash_bytes(element.data(), element.size());
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return mix(static_cast<std::uint64_t>(element), 0);
  } else if constexpr (std::is_floating_point_v<T>) {
    const double number = element == 0 ? 0.0 : static_cast<double>(element);  // -0.0 is 0.0
    std::uint64_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return mix(bits, 0);
  } else if constexpr (is_product<T>) {
    return std::apply(
        [](const auto&... each) {
          std::uint64_t hash = sizeof...(each);
          ((hash = mix(hash, hash_of<std::remove_cvref_t<decltype(each)>>(each))), ...);
          return hash;
        },
        element);
  } else {
    const auto bytes = encoding_of<T>(element);
    return hash_bytes(bytes.data(), bytes.size());
  }
}

template <class T>
bool equal(Passed<T> a, Passed<T> b) {
  if constexpr (requires { static_cast<bool>(a == b); })
    return a == b;
  else
    return encoding_of<T>(a) == encoding_of<T>(b);
}

/// Values by key, in the order in which the keys came first.
template <class K, class V>
class Grouping {
public:
  using Entries = std::vector<std::pair<K, V>>;

  Grouping() = default;
  explicit Grouping(Entries entries) : entries_(std::move(entries)) {
    while (slots_.size() < 2 * entries_.size()) slots_.resize(slots_.empty() ? 64 : 2 * slots_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) place(hash_of<K>(entries_[i].first), i);
  }

  /// The value of the key; a new one is V{} first.
  V& operator[](Passed<K> key) {
    bool is_new;
    return find_or_add(key, is_new);
  }
  V& find_or_add(Passed<K> key, bool& is_new) {
    const auto hash = hash_of<K>(key);
    const auto mark = static_cast<std::uint32_t>(hash >> 32);
    if (!slots_.empty()) {
      for (auto at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
        const auto& slot = slots_[at];
        if (slot.entry == 0) break;
        if (slot.mark == mark && equal<K>(entries_[slot.entry - 1].first, key)) {
          is_new = false;
          return entries_[slot.entry - 1].second;
        }
      }
    }
    is_new = true;
    entries_.emplace_back(std::piecewise_construct, std::forward_as_tuple(key), std::forward_as_tuple());
    if (2 * entries_.size() > slots_.size())
      grow();
    else
      place(hash, entries_.size() - 1);
    return entries_.back().second;
  }
  /// Null if there is none.
  [[nodiscard]] const V* find(Passed<K> key) const {
    if (slots_.empty()) return nullptr;
    const auto hash = hash_of<K>(key);
    for (auto at = hash & (slots_.size() - 1); slots_[at].entry != 0; at = (at + 1) & (slots_.size() - 1)) {
      const auto& slot = slots_[at];
      if (slot.mark == static_cast<std::uint32_t>(hash >> 32) && equal<K>(entries_[slot.entry - 1].first, key))
        return &entries_[slot.entry - 1].second;
    }
    return nullptr;
  }
  [[nodiscard]] Entries& entries() { return entries_; }
  Entries take() {
    slots_.clear();
    return std::exchange(entries_, {});
  }

private:
  struct Slot {
    std::uint32_t mark{};   ///< upper half of the hash
    std::uint32_t entry{};  ///< from 1 on; 0: free
  };

  void place(std::uint64_t hash, std::size_t entry) {
    auto at = hash & (slots_.size() - 1);
    while (slots_[at].entry != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::uint32_t>(entry + 1)};
  }
  void grow() {
    slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), {});
    for (std::size_t i = 0; i < entries_.size(); ++i) place(hash_of<K>(entries_[i].first), i);
  }

  Entries entries_;
  std::vector<Slot> slots_;
};

}  // namespace troupe::bag_detail
