#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/core/mutant.hpp"

namespace troupe::mutants {

struct Row {
  Mutant mutant;
  std::string_view name;
  std::string_view what;
};

/// runtime/core/mutants.inc.
std::span<const Row> rows();

/// How the search for one mutant ended.
struct Catch {
  bool caught{};
  std::uint64_t seeds{};   ///< tried, the one that caught it among them
  std::uint64_t events{};  ///< of these histories; where it crashed, of those before
  std::string noticed_by;  ///< a property, an invariant, or how the process ended
  bool crashed{};          ///< there is no outcome to make small
};

/// Tries seeds from 1 on with each mutant until it is caught, each in a process of its own: a bug may well crash, never
/// end or take all memory, and is noticed by that too. `jobs` processes at a time; `ended` hears of each as it ends.
std::vector<Catch> hunt(std::span<const Row> wanted, std::uint64_t seeds, unsigned jobs,
                        const std::function<void(const Row&, const Catch&)>& ended);

}  // namespace troupe::mutants
