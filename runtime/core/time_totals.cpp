#include "runtime/core/time_totals.hpp"

namespace troupe {
void TimeTotals::add(WorkerId worker, const TimeSpent& spent, const Known& known) {
  for (const FunctionTime& function : spent.functions)
    if (function.span.empty()) entry_or_other(functions_, function.prefix, functions_max) += function;
  for (const auto& [source, moved] : spent.sources) {
    moved_ += moved;
    const auto pair = std::pair(worker, source);
    const bool room = pairs_.contains(pair) || (pairs_.size() < pairs_max && known(source));
    (room ? pairs_[pair] : other_pairs_) += moved;
  }
  for (const auto& [type, moved] : spent.types) entry_or_other(types_, type, types_max) += moved;
  serialize_us_ += spent.serialize_us;
  disk_read_us_ += spent.disk_read_us;
  disk_write_us_ += spent.disk_write_us;
}

void TimeTotals::worker_left(const Known& known) {
  if (pairs_.size() < pairs_max / 2) return;
  std::erase_if(pairs_, [&](const auto& entry) {
    const bool gone = !known(entry.first.first) || !known(entry.first.second);
    if (gone) other_pairs_ += entry.second;
    return gone;
  });
}

TimeView TimeTotals::view() const {
  TimeView view;
  for (const auto& [name, time] : functions_) {
    view.functions.push_back(time);
    view.functions.back().prefix = name;
  }
  for (const auto& [pair, moved] : pairs_) view.pairs.push_back({pair.first, pair.second, moved});
  for (const auto& [type, moved] : types_) view.types.push_back({type, moved});
  view.other_pairs = other_pairs_;
  view.moved = moved_;
  view.serialize_us = serialize_us_;
  view.disk_read_us = disk_read_us_;
  view.disk_write_us = disk_write_us_;
  return view;
}

}  // namespace troupe
