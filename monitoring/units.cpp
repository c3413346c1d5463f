#include "monitoring/units.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace troupe::monitoring {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return result;
}

/// Takes a decimal number off the front; nothing if there is none. Does not depend on the locale.
std::optional<double> take_number(std::string_view& text) {
  std::size_t length = 0;
  const auto digits = [&] {
    const std::size_t start = length;
    while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
    return length - start;
  };
  std::size_t count = digits();
  if (length < text.size() && text[length] == '.') {
    ++length;
    count += digits();
  }
  if (count == 0) return std::nullopt;
  if (length + 1 < text.size() && (text[length] == 'e' || text[length] == 'E')) {
    const std::size_t before = length++;
    if (text[length] == '+' || text[length] == '-') ++length;
    if (digits() == 0) length = before;
  }
  const double value = std::strtod(std::string(text.substr(0, length)).c_str(), nullptr);
  text.remove_prefix(length);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string_view take_word(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_letter(text[length])) ++length;
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

std::optional<double> nanoseconds_in(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, double>, 18> units{{{"ns", 1},
                                                                       {"us", 1e3},
                                                                       {"ms", 1e6},
                                                                       {"s", 1e9},
                                                                       {"sec", 1e9},
                                                                       {"second", 1e9},
                                                                       {"seconds", 1e9},
                                                                       {"m", 60e9},
                                                                       {"min", 60e9},
                                                                       {"minute", 60e9},
                                                                       {"minutes", 60e9},
                                                                       {"h", 3600e9},
                                                                       {"hour", 3600e9},
                                                                       {"hours", 3600e9},
                                                                       {"d", 86400e9},
                                                                       {"day", 86400e9},
                                                                       {"days", 86400e9},
                                                                       {"hr", 3600e9}}};
  for (const auto& [name, factor] : units)
    if (name == unit) return factor;
  return std::nullopt;
}

std::optional<double> bytes_in(std::string_view unit) {
  const std::string name = lower(unit);
  if (name.empty() || name == "b") return 1;
  constexpr std::string_view powers = "kmgtp";
  const auto power = powers.find(name.front());
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = std::string_view(name).substr(1);
  const double exponent = static_cast<double>(power) + 1;
  if (rest == "ib" || rest == "i") return std::pow(1024.0, exponent);
  if (rest == "b" || rest.empty()) return std::pow(1000.0, exponent);
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  text = trim(text);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto value = take_number(text);
    if (!value) return std::nullopt;
    text = trim(text);
    const std::string_view unit = take_word(text);
    if (unit.empty()) {
      if (*value != 0 || !text.empty()) return std::nullopt;
      break;
    }
    const auto factor = nanoseconds_in(unit);
    if (!factor) return std::nullopt;
    total += *value * *factor;
    text = trim(text);
  }
  if (total > 9.2e18) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(total)));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  text = trim(text);
  const auto value = take_number(text);
  if (!value) return std::nullopt;
  text = trim(text);
  const auto factor = bytes_in(take_word(text));
  if (!factor || !text.empty()) return std::nullopt;
  const double bytes = *value * *factor;
  if (bytes > 1.8e19) return std::nullopt;
  return static_cast<std::uint64_t>(std::round(bytes));
}

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string word = lower(trim(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

}  // namespace troupe::monitoring
