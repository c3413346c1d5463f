#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

/// Figures as people read them, in reports and on the command line, and as they write them, in files, variables and
/// flags.
namespace troupe::monitoring {

/// With a unit that fits, such as "1.5 ms".
inline std::string show_duration(std::chrono::nanoseconds duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.1f} ms", ns / 1e6);
  if (ns < 120e9) return fmt::format("{:.1f} s", ns / 1e9);
  if (ns < 7200e9) return fmt::format("{:.1f} min", ns / 60e9);
  return fmt::format("{:.1f} h", ns / 3600e9);
}

/// In powers of 1024, such as "1.5 MiB".
inline std::string show_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units[unit]);
}

/// `500ms`, `1h 30m`, `1.5s`, `250us`, `0`. A bare number other than 0 has no unit and is refused.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Bytes: `2GiB`, `50MB`, `1.5 kB`, `123`, `10e9`.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// `true`, `yes`, `on`, `1` and their opposites, in any case.
std::optional<bool> parse_boolean(std::string_view text);

}  // namespace troupe::monitoring
