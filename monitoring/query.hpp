#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace troupe::monitoring {

/// The largest of the integers that are taken.
inline constexpr std::uint64_t integer_max = 9'999'999'999'999'999'999U;

/// What is wrong with a request, in words that hold nothing of it.
class BadRequest : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The parameters after '?', decoded. Those that a page does not know, and values that are not as they must be, are
/// refused with BadRequest.
class Query {
public:
  Query(std::string_view text, std::initializer_list<std::string_view> known);

  [[nodiscard]] std::optional<std::string> text(std::string_view name, std::size_t length_max = 1024) const;
  [[nodiscard]] std::uint64_t integer(std::string_view name, std::uint64_t fallback, std::uint64_t least,
                                      std::uint64_t most) const;
  [[nodiscard]] double number(std::string_view name, double fallback) const;

private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace troupe::monitoring
