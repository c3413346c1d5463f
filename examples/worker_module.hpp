// Functions for standalone workers. Shared by the module, which workers load, and by the programs that submit calls.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>

#include "runtime/exec/module.hpp"

namespace text {

inline std::string upper(std::string line) {
  std::transform(line.begin(), line.end(), line.begin(), [](unsigned char c) { return std::toupper(c); });
  return line;
}
inline std::size_t length(const std::string& line) { return line.size(); }

}  // namespace text

TROUPE_MODULE(text_module, text::upper, text::length)
