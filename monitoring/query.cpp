#include "monitoring/query.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "monitoring/http_server.hpp"

namespace troupe::monitoring {

Query::Query(std::string_view text, std::initializer_list<std::string_view> known) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    std::string name;
    std::string value;
    if (!percent_decode(pair.substr(0, equals), true, name) ||
        !percent_decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true, value))
      throw BadRequest("a parameter holds a % without two hexadecimal digits");
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string names;
      for (const std::string_view each : known) names += (names.empty() ? "" : ", ") + std::string(each);
      throw BadRequest(names.empty() ? "this page takes no parameters"
                                     : fmt::format("a parameter is not known here; there are: {}", names));
    }
    if (!values_.emplace(std::move(name), std::move(value)).second) throw BadRequest("a parameter is given twice");
  }
}

std::optional<std::string> Query::text(std::string_view name, std::size_t length_max) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  if (found->second.size() > length_max) throw BadRequest(fmt::format("{} is longer than {} bytes", name, length_max));
  return found->second;
}

std::uint64_t Query::integer(std::string_view name, std::uint64_t fallback, std::uint64_t least,
                             std::uint64_t most) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr std::size_t digits_most = 19;  // so that there is one way to write a number, and no end of zeros
  if (text.empty() || text.size() > digits_most || parsed.ec != std::errc{} ||
      parsed.ptr != text.data() + text.size() || value < least || value > most)
    throw BadRequest(fmt::format("{} must be an integer from {} to {}", name, least, most));
  return value;
}

double Query::number(std::string_view name, double fallback) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  double value = 0;
  const std::string& text = found->second;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr double most = 1e15;
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || !std::isfinite(value) ||
      std::abs(value) > most)
    throw BadRequest(fmt::format("{} must be a number", name));
  return value;
}

}  // namespace troupe::monitoring
