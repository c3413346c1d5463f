#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tests/simulation/cluster_simulation.hpp"

namespace troupe::testing {
namespace {

std::uint64_t environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// TROUPE_SEED=N tries one history, TROUPE_SEEDS=M the first M, both together M from N on.
TEST(Simulation, EveryHistoryEndsWithEveryClientToldAndNothingLeftBehind) {
  const std::uint64_t first = environment("TROUPE_SEED", 1);
  const std::uint64_t count = environment("TROUPE_SEEDS", std::getenv("TROUPE_SEED") != nullptr ? 1 : 4000);
  std::uint64_t events = 0;
  std::uint64_t faults = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("TROUPE_SEED=" + std::to_string(seed));
    try {
      ClusterSimulation simulation(seed, SimulationOptions::draw(seed));
      simulation.run();
      events += simulation.events();
      faults += simulation.faults();
    } catch (const std::logic_error& error) {
      FAIL() << "TROUPE_SEED=" << seed << ": " << error.what();
    }
  }
  if (count >= 100) {
    EXPECT_GT(faults, count) << "the histories hardly had a fault";
  }
  std::printf("%llu histories, %llu events, %llu faults\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(events), static_cast<unsigned long long>(faults));
}

TEST(Simulation, TheSameSeedGivesTheSameHistory) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ClusterSimulation one(seed, SimulationOptions::draw(seed));
    ClusterSimulation two(seed, SimulationOptions::draw(seed));
    one.run();
    two.run();
    EXPECT_EQ(one.digest(), two.digest()) << "TROUPE_SEED=" << seed;
    EXPECT_EQ(one.events(), two.events()) << "TROUPE_SEED=" << seed;
  }
}

}  // namespace
}  // namespace troupe::testing
