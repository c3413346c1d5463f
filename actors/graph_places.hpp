#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/graph_builder.hpp"

namespace troupe {

/// Which task of a graph stands where in what was sent of it.
class GraphPlaces {
public:
  /// The task of the graph that the scheduler calls `id`, if `futures`, of this graph, tell which chunk has that group.
  [[nodiscard]] std::optional<std::uint32_t> task_of(TaskId id, std::span<const FutureHandle> futures) const;

private:
  friend class GraphSubmission;
  std::vector<std::uint32_t> sequence_;  // task by position
  std::vector<std::uint32_t> starts_;    // first position of each chunk
  std::vector<std::uint64_t> pages_;     // by chunk
};

/// submit_graph, and where everything is then.
std::vector<FutureHandle> submit_graph(ClientCore& core, Graph graph, std::span<const std::uint32_t> wanted,
                                       GraphPlaces& places);
/// What Client::cancel does, for who has no Client.
void cancel_futures(ClientCore& core, std::span<const FutureHandle> futures, std::string reason);

}  // namespace troupe
