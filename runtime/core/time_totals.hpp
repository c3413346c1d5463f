#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/messages.hpp"
#include "runtime/core/views.hpp"

namespace troupe {

/// The entry of that name, or the one for all for which there is no room.
template <class Map>
auto& entry_or_other(Map& map, std::string_view name, std::size_t most) {
  auto found = map.find(name);
  if (found == map.end()) found = map.try_emplace(std::string(map.size() < most ? name : "other")).first;
  return found->second;
}

/// What workers' time went to since the scheduler began, as they tell it. Bounded: functions and types beyond the first
/// ones are counted together as "other", pairs of workers beyond the first ones as one. Owned by the scheduler machine.
class TimeTotals {
public:
  static constexpr std::size_t functions_max = 500;
  static constexpr std::size_t types_max = 200;
  static constexpr std::size_t pairs_max = 10'000;

  /// Which workers there are.
  using Known = std::function<bool(WorkerId)>;

  /// Values that came from a worker that is not there are counted without a pair.
  void add(WorkerId worker, const TimeSpent& spent, const Known& known);
  /// Where pairs get many, those with workers that are gone make room for others.
  void worker_left(const Known& known);
  [[nodiscard]] TimeView view() const;

private:
  std::map<std::string, FunctionTime, std::less<>> functions_;
  std::map<std::pair<WorkerId, WorkerId>, ValuesMoved> pairs_;  ///< to, from
  std::map<std::string, ValuesMoved, std::less<>> types_;
  ValuesMoved other_pairs_;
  ValuesMoved moved_;
  std::uint64_t serialize_us_{};
  std::uint64_t disk_read_us_{};
  std::uint64_t disk_write_us_{};
};

}  // namespace troupe
