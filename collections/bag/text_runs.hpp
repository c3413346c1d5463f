#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Words in text: the longest runs of bytes of one class, found 64 bytes at a time.
namespace troupe::bag_detail {

/// All but the white space of ASCII.
struct NotSpace {
  static constexpr bool has(char c) { return c != ' ' && (c < '\t' || c > '\r'); }
#if defined(__SSE2__)
  /// Bit i is set if the class has byte i.
  static unsigned which(__m128i bytes) {
    const auto spaces = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '));
    const auto tab_is_lowest = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(-128 - '\t')));
    const auto controls = _mm_cmplt_epi8(tab_is_lowest, _mm_set1_epi8(-128 + 5));
    return ~static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(spaces, controls))) & 0xFFFFU;
  }
#endif
};

/// a to z.
struct LowerLetters {
  static constexpr bool has(char c) { return c >= 'a' && c <= 'z'; }
#if defined(__SSE2__)
  static unsigned which(__m128i bytes) {
    const auto a_is_lowest = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(-128 - 'a')));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmplt_epi8(a_is_lowest, _mm_set1_epi8(-128 + 26))));
  }
#endif
};

template <class Class>
std::uint64_t which_of_64(const char* data) {
  std::uint64_t which = 0;
#if defined(__SSE2__)
  for (int i = 0; i < 4; ++i)
    which |= std::uint64_t{Class::which(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data) + i))} << 16 * i;
#else
  for (int i = 0; i < 64; ++i) which |= std::uint64_t{Class::has(data[i])} << i;
#endif
  return which;
}

/// Calls `run` with each longest run of bytes of the class, as a view, from the left.
template <class Class, class Run>
void for_each_run(std::string_view text, Run&& run) {
  std::size_t begin = 0;     // of the run that we are in
  std::uint64_t before = 0;  // 1: the byte before these 64 belongs to a run
  const auto end_at = [&](std::size_t end) { run(text.substr(begin, end - begin)); };
  for (std::size_t base = 0; base < text.size(); base += 64) {
    std::uint64_t which;
    if (const auto left = text.size() - base; left >= 64) {
      which = which_of_64<Class>(text.data() + base);
    } else {
      std::array<char, 64> rest;
      rest.fill(' ');
      std::memcpy(rest.data(), text.data() + base, left);
      which = which_of_64<Class>(rest.data());
    }
    std::uint64_t edges = which ^ (which << 1 | before);  // where runs begin and end, in turn
    const auto next_edge = [&] {
      const auto at = base + static_cast<std::size_t>(std::countr_zero(edges));
      edges &= edges - 1;
      return at;
    };
    if (before != 0 && edges != 0) end_at(next_edge());
    while (edges != 0) {
      begin = next_edge();
      if (edges != 0) end_at(next_edge());
    }
    before = which >> 63;
  }
  if (before != 0) end_at(text.size());
}

}  // namespace troupe::bag_detail
