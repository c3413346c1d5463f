#include "collections/array/view.hpp"

#include "troupe/troupe.hpp"

namespace troupe::array {

Shape View::shape() const {
  Shape shape;
  for (const auto axis : axes) shape.push_back(axis < 0 ? 1 : parts[static_cast<std::size_t>(axis)].count);
  return shape;
}

nd::NdArray View::of(const nd::NdArray& block) const {
  if (is_identity()) return block;
  if (parts.size() != block.ndim()) throw InvalidRequest("a view of an array with another number of axes");
  auto view = block;
  for (std::size_t axis = 0; axis < parts.size(); ++axis) {
    const auto& part = parts[axis];
    if (part.count != unknown && (part.start != 0 || part.step != 1 || part.count != block.extent(axis)))
      view = view.slice(axis, nd::Range{part.start, part.count, part.step});
  }
  nd::Shape shape;
  nd::Strides strides;
  for (const auto axis : axes) {
    shape.push_back(axis < 0 ? 1 : view.extent(static_cast<std::size_t>(axis)));
    strides.push_back(axis < 0 ? static_cast<std::int64_t>(view.itemsize())
                               : view.strides()[static_cast<std::size_t>(axis)]);
  }
  return {view.owner(), view.data(), view.dtype(), std::move(shape), std::move(strides)};
}

View View::whole(const Shape& shape) {
  View view;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    view.parts.push_back({0, shape[axis], 1});
    view.axes.push_back(static_cast<std::int64_t>(axis));
  }
  return view;
}

View View::then(const View& next) const {
  if (next.is_identity()) return *this;
  if (is_identity()) return next;
  View result{parts, {}};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < 0) continue;
    auto& part = result.parts[static_cast<std::size_t>(axes[i])];
    const auto& inner = next.parts[i];
    if (inner.count == unknown) continue;  // all of it
    part = {part.start + inner.start * part.step, inner.count, part.step * inner.step};
  }
  for (const auto axis : next.axes) result.axes.push_back(axis < 0 ? -1 : axes[static_cast<std::size_t>(axis)]);
  return result;
}

}  // namespace troupe::array
