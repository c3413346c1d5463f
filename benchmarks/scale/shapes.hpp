#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "protocol/graph.hpp"

namespace troupe::scale {

/// A graph of about `tasks` tasks in one chunk; its last tasks are wanted, all others are only inputs.
struct Shape {
  std::string_view name;
  std::string_view doc;
  std::shared_ptr<GraphChunk> (*build)(std::uint32_t tasks);
};

std::span<const Shape> shapes();

}  // namespace troupe::scale
