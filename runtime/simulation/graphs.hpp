#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/graph.hpp"
#include "runtime/simulation/history.hpp"

namespace troupe::simulation {

/// What a task makes: in the simulation a number, which follows from the task and its inputs alone.
using SimValue = std::uint64_t;

SimValue value_of(std::uint64_t salt, std::uint32_t index, const std::vector<SimValue>& inputs);
/// How large it is said to be.
std::uint64_t bytes_of(SimValue value);

/// A graph that a client submits, in one chunk or several, with what each task has to come to.
struct PlannedChunk {
  std::uint64_t salt{};
  std::shared_ptr<GraphChunk> chunk;
  std::vector<std::uint32_t> held;
  std::vector<SimValue> expected;
  Token token;
};

/// What a graph may lean on: a key of an earlier submission and its value.
struct EarlierKey {
  ClientKey key;
  SimValue value{};
};

/// `shape` is the act's `other`, `salt` its salt; `page` the number the first chunk gets. The same arguments give the
/// same graph.
std::vector<PlannedChunk> plan_graph(const Options& options, std::uint32_t size, std::uint32_t shape,
                                     std::uint64_t salt, std::uint64_t page, const std::vector<EarlierKey>& earlier);

}  // namespace troupe::simulation
