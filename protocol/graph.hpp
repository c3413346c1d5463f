#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "protocol/task.hpp"

namespace troupe {

/// A piece of a task graph in compressed sparse rows. Immutable once built; shared, never copied.
///
/// A task is known by its index. A task's dependencies come before it, in this chunk or in an earlier submission of
/// the same client, so a chunk cannot hold a cycle. Vectors that are empty mean the common case, given beside each.
struct GraphChunk {
  std::uint32_t size{};                           ///< number of tasks, at least 1
  std::vector<TaskTemplate> templates;            ///< at least 1
  std::vector<std::uint16_t> template_of;         ///< by task; empty: all use template 0
  std::vector<std::uint32_t> rank;                ///< by task, static order; empty: the index
  std::vector<std::uint32_t> dependency_offsets;  ///< size + 1 entries; empty: no task has a dependency
  std::vector<std::uint32_t> dependencies;        ///< < size: a task of this chunk; otherwise external[d - size]
  std::vector<ClientKey> external;                ///< tasks of earlier submissions that this chunk depends on
  std::vector<std::uint32_t> argument_offsets;    ///< size + 1 entries; empty: all use their template's arguments
  Bytes arguments;                                ///< encoded arguments, one after the other
  bool all_wanted{true};                          ///< the client wants each task's value
  std::vector<std::uint32_t> wanted;              ///< if not all_wanted: tasks the client wants, ascending

  [[nodiscard]] std::uint32_t template_index(std::uint32_t task) const {
    return template_of.empty() ? 0 : template_of[task];
  }
  [[nodiscard]] std::uint32_t rank_of(std::uint32_t task) const { return rank.empty() ? task : rank[task]; }
  [[nodiscard]] std::uint32_t dependencies_begin(std::uint32_t task) const {
    return dependency_offsets.empty() ? 0 : dependency_offsets[task];
  }
  [[nodiscard]] std::uint32_t dependencies_end(std::uint32_t task) const {
    return dependency_offsets.empty() ? 0 : dependency_offsets[task + 1];
  }
  /// The task's own arguments; empty if its template's hold.
  [[nodiscard]] Bytes arguments_of(std::uint32_t task) const {
    if (argument_offsets.empty()) return {};
    return arguments.slice(argument_offsets[task], argument_offsets[task + 1] - argument_offsets[task]);
  }

  friend bool operator==(const GraphChunk&, const GraphChunk&) = default;
};

/// Checks every promise above; names the task and the field that breaks one. To be called at each door.
std::optional<Error> validate(const GraphChunk& chunk);

}  // namespace troupe
