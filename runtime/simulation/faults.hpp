#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::simulation {

/// What goes wrong on purpose. The numbers are those of the fault model in docs/simulation.md.
enum class Fault : std::uint8_t {
  kill,
  pause,
  partition,
  slow_link,
  half_open,
  disk_full,
  corrupt,
  out_of_memory,
  poison,
  exception,
  endless,
  vanish,
  replay,
  version,
  slow_reader,
  refuse,
  overload,
  retire,
};
inline constexpr std::size_t fault_count = 18;

struct FaultInfo {
  std::string_view number;  ///< in the fault model
  std::string_view name;    ///< for --faults
  std::string_view doc;
};
const FaultInfo& info(Fault fault);
/// By its name or number; none: there is no such kind.
std::optional<Fault> find_fault(std::string_view text);

using FaultCounts = std::array<std::uint64_t, fault_count>;

/// Kinds, as bits.
using FaultSet = std::uint32_t;
constexpr FaultSet bit(Fault fault) { return FaultSet{1} << static_cast<unsigned>(fault); }
inline constexpr FaultSet all_faults = (FaultSet{1} << fault_count) - 1;

}  // namespace troupe::simulation
