#include "protocol/graph.hpp"

#include <fmt/format.h>

namespace troupe {
namespace {

Error invalid(std::string text) { return Error{ErrorKind::invalid, std::move(text)}; }

std::optional<Error> validate_offsets(const std::vector<std::uint32_t>& offsets, std::uint32_t size, std::size_t total,
                                      std::string_view field) {
  if (offsets.empty()) {
    if (total == 0) return {};
    return invalid(fmt::format("graph: {} entries but no {}", total, field));
  }
  if (offsets.size() != std::size_t{size} + 1)
    return invalid(
        fmt::format("graph: {} has {} entries, {} tasks need {}", field, offsets.size(), size, std::size_t{size} + 1));
  if (offsets.front() != 0) return invalid(fmt::format("graph: {} does not start at 0", field));
  for (std::uint32_t task = 0; task < size; ++task)
    if (offsets[task] > offsets[task + 1]) return invalid(fmt::format("graph: {} decreases at task {}", field, task));
  if (offsets.back() != total)
    return invalid(fmt::format("graph: {} ends at {}, there are {} entries", field, offsets.back(), total));
  return {};
}

std::optional<Error> validate_dependencies(const GraphChunk& chunk) {
  for (std::uint32_t task = 0; task < chunk.size; ++task)
    for (auto i = chunk.dependencies_begin(task); i < chunk.dependencies_end(task); ++i) {
      const auto dependency = chunk.dependencies[i];
      if (dependency < chunk.size) {
        if (dependency >= task)
          return invalid(
              fmt::format("graph: task {} depends on task {}, which does not come before it "
                          "(a cycle, or tasks out of order)",
                          task, dependency));
      } else if (dependency - chunk.size >= chunk.external.size()) {
        return invalid(fmt::format("graph: task {} depends on external task {} of {}", task, dependency - chunk.size,
                                   chunk.external.size()));
      }
    }
  return {};
}

}  // namespace

std::optional<Error> validate(const GraphChunk& chunk) {
  if (chunk.size == 0) return invalid("graph: no task");
  if (chunk.size > TaskId::index_mask)
    return invalid(fmt::format("graph: {} tasks in one chunk, the limit is {}", chunk.size, TaskId::index_mask));
  if (chunk.templates.empty() || chunk.templates.size() > 0xffff)
    return invalid(fmt::format("graph: {} task templates, 1 to 65535 are allowed", chunk.templates.size()));
  if (!chunk.template_of.empty()) {
    if (chunk.template_of.size() != chunk.size)
      return invalid(
          fmt::format("graph: template_of has {} entries for {} tasks", chunk.template_of.size(), chunk.size));
    for (std::uint32_t task = 0; task < chunk.size; ++task)
      if (chunk.template_of[task] >= chunk.templates.size())
        return invalid(fmt::format("graph: task {} uses template {} of {}", task, chunk.template_of[task],
                                   chunk.templates.size()));
  }
  if (!chunk.rank.empty() && chunk.rank.size() != chunk.size)
    return invalid(fmt::format("graph: rank has {} entries for {} tasks", chunk.rank.size(), chunk.size));
  if (auto error =
          validate_offsets(chunk.dependency_offsets, chunk.size, chunk.dependencies.size(), "dependency_offsets"))
    return error;
  if (auto error = validate_offsets(chunk.argument_offsets, chunk.size, chunk.arguments.size(), "argument_offsets"))
    return error;
  if (auto error = validate_dependencies(chunk)) return error;
  if (chunk.all_wanted && !chunk.wanted.empty()) return invalid("graph: all tasks are wanted, and some by name");
  for (std::size_t i = 0; i < chunk.wanted.size(); ++i)
    if (chunk.wanted[i] >= chunk.size || (i > 0 && chunk.wanted[i] <= chunk.wanted[i - 1]))
      return invalid(fmt::format("graph: wanted[{}] = {} is out of range or order", i, chunk.wanted[i]));
  return {};
}

}  // namespace troupe
