#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "collections/delayed.hpp"

namespace troupe {

/// What the colour of a task says.
enum class PictureColour : std::uint8_t {
  kind,   ///< which function it calls
  order,  ///< when it begins, in the static order
  age,    ///< how long its value lives: tasks that begin before its last reader has
};

struct PictureOptions {
  PictureColour colour{PictureColour::kind};
  bool left_to_right{};
};

/// The graph of all in the language of Graphviz.
std::string picture_dot(std::span<const ExpressionRef> wanted, const PictureOptions& options);
/// The same laid out, with no other program: tasks in rows by the longest path of their inputs.
std::string picture_svg(std::span<const ExpressionRef> wanted, const PictureOptions& options);
/// Writes a file ending in .dot or .svg; throws InvalidRequest for another, Failure if it cannot be written.
void write_picture(std::span<const ExpressionRef> wanted, const std::string& path, const PictureOptions& options);

/// visualize("graph.svg", {}, a, b)
template <detail::Collection... X>
requires(sizeof...(X) > 0) void visualize(const std::string& path, const PictureOptions& options, const X&... all) {
  write_picture(detail::asked_of(all...), path, options);
}
template <class T>
void visualize(const std::string& path, const PictureOptions& options, const std::vector<Delayed<T>>& all) {
  write_picture(detail::expressions_of(all), path, options);
}

}  // namespace troupe
