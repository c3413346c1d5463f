#pragma once

#include <cstddef>
#include <string_view>

namespace troupe {

/// The first `most` bytes of a text, or a few fewer: no character of UTF-8 is cut in two.
constexpr std::string_view cut_utf8(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  constexpr std::size_t longest = 4;  // bytes of a character
  for (std::size_t end = most; end + longest > most; --end) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80) return text.substr(0, end);
    if (end == 0) break;
  }
  return text.substr(0, most);  // this is no UTF-8
}

}  // namespace troupe
