#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collections/bag/elements.hpp"

namespace troupe::bag_detail {

/// How often each text comes. One object a task, on its thread.
///
/// Texts of up to 15 bytes, nearly all words there are, lie in an open table as two machine words, with their length:
/// to find one takes one look at memory, and neither a loop nor a string. Longer ones go to an ordinary table.
class TextCounts {
public:
  /// The memory that several of them need is asked for before it is looked at.
  void add(std::span<const std::string_view> texts);
  void add(std::span<const std::pair<std::string, std::uint64_t>> counts);
  /// The counts so far, in the order in which the texts came first; nothing is left.
  std::vector<std::pair<std::string, std::uint64_t>> take();

private:
  static constexpr std::size_t short_max = 15;
  struct Key {
    std::uint64_t low;
    std::uint64_t high;  ///< its highest byte: length and 1, so that no key is 0
    friend bool operator==(const Key&, const Key&) = default;
  };
  /// Two of them are one line of cache.
  struct alignas(32) Slot {
    Key key{};  ///< high is 0: free
    std::uint64_t count{};
    std::uint64_t place{};  ///< in the order of coming first
  };

  static Key key_of(std::string_view text);
  static std::string text_of(const Key& key);
  static std::uint64_t hash_of(const Key& key) { return mix(key.low, key.high); }
  template <class Text, class Count>
  void add_some(std::size_t size, const Text& text, const Count& count);
  void add_short(const Key& key, std::uint64_t hash, std::uint64_t count);
  void add_long(std::string_view text, std::uint64_t count);
  void grow();

  std::vector<Slot> slots_;
  std::size_t used_{};
  std::uint64_t next_place_{};
  Grouping<std::string, std::uint64_t> long_;
};

}  // namespace troupe::bag_detail
