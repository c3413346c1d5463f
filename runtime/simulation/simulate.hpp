#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/simulation/coverage.hpp"
#include "runtime/simulation/history.hpp"
#include "runtime/simulation/world.hpp"

namespace troupe::simulation {

/// Runs one history. The same history gives the same outcome, bit for bit.
Outcome run(const History& history, const RunMode& mode = {});

/// What many histories came to.
struct Tally {
  std::uint64_t histories{};
  std::uint64_t events{};
  std::uint64_t sweeps{};
  std::uint64_t tasks{};
  Duration time{};
  FaultCounts faults{};
  Coverage cover;

  void add(const Outcome& outcome);
  void add(const Tally& other);
};

struct Shrunk {
  History history;
  Outcome outcome;        ///< of it, with its story
  std::uint64_t tried{};  ///< histories run on the way
};

/// A smaller history that violates the same property: without kinds of faults, without acts, with fewer nodes and
/// smaller graphs. Tries at most `most` histories; `stop` ends it early.
Shrunk shrink(const History& failing, const std::string& property, std::uint64_t most,
              const std::function<bool()>& stop = {});

/// The end of a story and what it is about: the last lines, and before them acts and what names the task.
std::string excerpt(const Outcome& outcome, std::size_t lines);

}  // namespace troupe::simulation
