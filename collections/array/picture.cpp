#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "collections/array/array.hpp"

/// Arrays as text and as drawings.
namespace troupe {
namespace {

std::string bytes_text(std::int64_t bytes) {
  if (bytes == array::unknown) return "unknown";
  static constexpr const char* units[] = {"B", "kiB", "MiB", "GiB", "TiB", "PiB"};
  auto number = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (number >= 1024 && unit + 1 < std::size(units)) {
    number /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", number, units[unit]);
}

/// The largest extents of a block.
array::Shape block_shape(const array::Chunks& chunks) {
  array::Shape shape;
  for (const auto& axis : chunks) shape.push_back(*std::max_element(axis.begin(), axis.end()));
  return shape;
}

/// Lines of a grid at the bounds of blocks, at most some thirty, the others left out.
std::vector<double> bounds_of(const array::AxisChunks& axis, double length) {
  constexpr std::size_t lines_max = 32;
  const bool known = array::is_known(axis) && array::size_of(axis) > 0;
  const auto offsets = array::offsets_of(known ? axis : array::AxisChunks(axis.size(), 1));
  const auto each = offsets.size() / lines_max + 1;
  std::vector<double> bounds;
  for (std::size_t i = 0; i < offsets.size(); ++i)
    if (i % each == 0 || i + 1 == offsets.size())
      bounds.push_back(static_cast<double>(offsets[i]) * length /
                       static_cast<double>(std::max<std::int64_t>(1, offsets.back())));
  return bounds;
}

}  // namespace

std::string Array::describe() const {
  const auto block = block_shape(chunks());
  std::int64_t block_bytes = static_cast<std::int64_t>(itemsize());
  for (const auto extent : block)
    block_bytes = extent == array::unknown || block_bytes == array::unknown ? array::unknown : block_bytes * extent;
  return fmt::format(
      "{}: {}\n        array            block\nbytes   {:<16} {}\nshape   {:<16} {}\ncount   {:<16} of {} blocks\n",
      name(), nd::name_of(dtype()), bytes_text(nbytes()), bytes_text(block_bytes), array::describe(shape()),
      array::describe(block), size() == array::unknown ? "unknown" : std::to_string(size()), npartitions());
}

std::string Array::to_svg(int size) const {
  const auto grid = chunks();
  const array::AxisChunks one{1};
  const auto& rows = grid.size() >= 2 ? grid[grid.size() - 2] : one;
  const auto& columns = !grid.empty() ? grid.back() : one;
  const auto extent = [](const array::AxisChunks& axis) {
    return static_cast<double>(std::max<std::int64_t>(
        1, array::is_known(axis) ? array::size_of(axis) : static_cast<std::int64_t>(axis.size())));
  };
  const double larger = std::max(extent(rows), extent(columns));
  const auto side = [&](const array::AxisChunks& axis) {
    return std::max(size * 0.15, size * std::sqrt(extent(axis) / larger));
  };
  const double height = side(rows);
  const double width = side(columns);
  const double depth = grid.size() >= 3 ? size * 0.25 : 0;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0f}\" height=\"{:.0f}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n",
      width + depth + 90, height + depth + 40);
  const auto line = [&](double x1, double y1, double x2, double y2, bool thick) {
    svg += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#334\" stroke-width=\"{}\"/>\n",
        x1 + 10, y1 + 10, x2 + 10, y2 + 10, thick ? "1.5" : "0.6");
  };
  if (depth > 0) {
    const auto layers = bounds_of(grid[grid.size() - 3], depth);
    svg += fmt::format("<polygon points=\"10,10 {0:.1f},10 {1:.1f},{2:.1f} {3:.1f},{2:.1f}\" fill=\"#d9c9a5\"/>\n",
                       10 + width, 10 + width + depth, 10 + depth, 10 + depth);
    for (const auto at : layers) line(at, at, at + width, at, false);
    for (const auto at : layers) line(at, at, at, at + height, false);
  }
  svg += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#ecb172\" fill-opacity=\"0.8\"/>\n",
      10 + depth, 10 + depth, width, height);
  const auto across = bounds_of(rows, height);
  const auto down = bounds_of(columns, width);
  for (std::size_t i = 0; i < across.size(); ++i)
    line(depth, depth + across[i], depth + width, depth + across[i], i == 0 || i + 1 == across.size());
  for (std::size_t i = 0; i < down.size(); ++i)
    line(depth + down[i], depth, depth + down[i], depth + height, i == 0 || i + 1 == down.size());
  const auto label = [&](double x, double y, const array::AxisChunks& axis) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x, y,
                       array::is_known(axis) ? std::to_string(array::size_of(axis)) : "?");
  };
  if (!grid.empty()) label(10 + depth + width / 2, 26 + depth + height, columns);
  if (grid.size() >= 2) label(16 + depth + width, 14 + depth + height / 2, rows);
  if (grid.size() >= 3) label(10, 14 + height + depth / 2, grid[grid.size() - 3]);
  svg += fmt::format("<title>{} {}: {} in {} blocks, {}</title>\n</svg>\n", nd::name_of(dtype()),
                     array::describe(shape()), name(), npartitions(), bytes_text(nbytes()));
  return svg;
}

}  // namespace troupe
