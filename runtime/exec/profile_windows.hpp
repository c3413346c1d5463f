#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe {

/// Stacks that were seen, counted in windows of time: short ones for what was lately, ten times as long ones for the
/// rest of an hour's worth of short ones, then they are forgotten. On one thread at a time; times are handed in.
///
/// Always true: windows are in the order of time and do not overlap; there are at most `recent_max` + `older_max` + 1 of
/// them, and at most `stacks_max` stacks and one for each prefix. Time in which nothing was seen takes none.
class ProfileWindows {
public:
  static constexpr std::size_t recent_max = 300;
  static constexpr std::size_t older_max = 330;
  static constexpr std::int64_t merged = 10;
  static constexpr std::size_t stacks_max = 8192;

  using StackId = std::uint32_t;
  struct Stack {
    std::string prefix;
    std::vector<const void*> places;  ///< an address in each function, innermost first
    friend auto operator<=>(const Stack&, const Stack&) = default;
  };
  struct Window {
    std::int64_t begin_ns{};
    std::int64_t length_ns{};
    std::uint64_t samples{};
  };

  explicit ProfileWindows(std::int64_t cycle_ns) : cycle_ns_(cycle_ns) {}

  /// Its number, until `generation` changes. Where there are too many of them, the prefix alone is kept.
  StackId number_of(Stack stack);
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  void add(StackId stack, std::int64_t now_ns);

  /// Of this prefix; empty: of all.
  [[nodiscard]] std::vector<Window> windows(const std::string& prefix) const;
  /// What was seen in windows that begin before `to_ns` and end after `from_ns`.
  [[nodiscard]] std::vector<std::pair<Stack, std::uint64_t>> stacks(std::int64_t from_ns, std::int64_t to_ns,
                                                                    const std::string& prefix) const;
  [[nodiscard]] std::size_t stack_count() const { return stacks_.size(); }

private:
  struct Counts {
    std::int64_t begin_ns{};
    std::int64_t length_ns{};
    std::vector<std::pair<StackId, std::uint32_t>> counts;  ///< in the order of the stacks
  };
  void close();
  void forget(std::int64_t before_ns);
  void drop_unused_stacks();
  template <class Visit>
  void for_each_window(Visit&& visit) const;

  const std::int64_t cycle_ns_;
  std::map<Stack, StackId> numbers_;
  std::vector<const Stack*> stacks_;  // by number; keys of numbers_
  std::uint64_t generation_{};
  bool all_used_{};  // nothing was forgotten since no room was found
  std::deque<Counts> older_;
  std::deque<Counts> recent_;
  std::int64_t open_begin_ns_{};
  std::unordered_map<StackId, std::uint32_t> open_;  // the window that is now
};

}  // namespace troupe
