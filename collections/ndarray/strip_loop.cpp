#include "collections/ndarray/strip_loop.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "collections/ndarray/kernels.hpp"

namespace troupe::nd {

namespace {

/// Rows shorter than this are put together to strips; longer ones are strips themselves.
constexpr std::int64_t row_min = 128;
/// The same where an input is transposed, which goes tile by tile only with strips that are rows.
constexpr std::int64_t transposed_row_min = 32;
constexpr std::size_t cache_line = 64;

}  // namespace

StripLoop::StripLoop(const Shape& shape, std::span<const NdArray> inputs, Order order, std::size_t strip)
    : strip_(strip) {
  inputs_.reserve(inputs.size());
  for (const auto& array : inputs) {
    Input input;
    input.data = array.data();
    input.itemsize = array.itemsize();
    input.strides.assign(shape.size(), 0);
    const auto missing = shape.size() - array.ndim();
    for (std::size_t axis = 0; axis < array.ndim(); ++axis)
      if (array.shape()[axis] != 1) input.strides[missing + axis] = array.strides()[axis];
    inputs_.push_back(std::move(input));
  }
  in_.resize(inputs_.size());
  choose_order(shape, order);
  merge_axes();
  choose_forms();
}

void StripLoop::choose_order(const Shape& shape, Order order) {
  out_axes_.resize(shape.size());
  std::iota(out_axes_.begin(), out_axes_.end(), 0);
  const auto descending = [&](const Strides& strides) {
    std::int64_t last = INT64_MAX;
    for (const auto axis : out_axes_) {
      const auto stride = std::abs(strides[static_cast<std::size_t>(axis)]);
      if (stride == 0 || shape[static_cast<std::size_t>(axis)] == 1) continue;
      if (stride > last) return false;
      last = stride;
    }
    return true;
  };
  const auto all_descending = [&] {
    return std::all_of(inputs_.begin(), inputs_.end(), [&](const Input& input) { return descending(input.strides); });
  };
  if (order == Order::of_inputs && !all_descending()) {
    const auto fullest = std::max_element(inputs_.begin(), inputs_.end(), [](const Input& a, const Input& b) {
      return std::count(a.strides.begin(), a.strides.end(), 0) > std::count(b.strides.begin(), b.strides.end(), 0);
    });
    std::stable_sort(out_axes_.begin(), out_axes_.end(), [&](int a, int b) {
      return std::abs(fullest->strides[static_cast<std::size_t>(a)]) >
             std::abs(fullest->strides[static_cast<std::size_t>(b)]);
    });
    if (!all_descending()) std::iota(out_axes_.begin(), out_axes_.end(), 0);
  }
  for (const auto axis : out_axes_) out_shape_.push_back(shape[static_cast<std::size_t>(axis)]);
  for (auto& input : inputs_) {
    Strides ordered;
    for (const auto axis : out_axes_) ordered.push_back(input.strides[static_cast<std::size_t>(axis)]);
    input.strides = std::move(ordered);
  }
}

/// Axes of extent 1 go; neighbours that all inputs walk through as through one become one.
void StripLoop::merge_axes() {
  std::vector<std::size_t> kept;
  for (std::size_t axis = 0; axis < out_shape_.size(); ++axis) {
    if (out_shape_[axis] == 1) continue;
    const bool joins = !shape_.empty() && std::all_of(inputs_.begin(), inputs_.end(), [&](const Input& input) {
      return input.strides[kept.back()] == input.strides[axis] * out_shape_[axis];
    });
    if (joins) {
      shape_.back() *= out_shape_[axis];
      kept.back() = axis;
    } else {
      shape_.push_back(out_shape_[axis]);
      kept.push_back(axis);
    }
  }
  for (auto& input : inputs_) {
    Strides merged;
    for (const auto axis : kept) merged.push_back(input.strides[axis]);
    input.strides = std::move(merged);
  }
  if (shape_.empty()) {
    shape_.push_back(1);
    for (auto& input : inputs_) input.strides.push_back(static_cast<std::int64_t>(input.itemsize));
  }
}

void StripLoop::choose_forms() {
  const auto inner = shape_.size() - 1;
  const bool transposed = shape_.size() > 1 && std::any_of(inputs_.begin(), inputs_.end(), [&](const Input& input) {
                            return input.strides[inner - 1] == static_cast<std::int64_t>(input.itemsize) &&
                                   shape_[inner - 1] > 1 && input.strides[inner] != 0;
                          });
  flat_ = shape_.size() > 1 && shape_[inner] < (transposed ? transposed_row_min : row_min);
  const bool tiles = !flat_ && shape_.size() > 1 && shape_[inner - 1] > 1;
  std::size_t bytes = 0;
  for (auto& input : inputs_) {
    const auto item = static_cast<std::int64_t>(input.itemsize);
    const auto stride = input.strides[inner];
    if (std::all_of(input.strides.begin(), input.strides.end(), [](auto s) { return s == 0; }))
      input.form = Form::constant;
    else if (flat_)
      input.form = input.strides == contiguous_strides(shape_, input.itemsize) ? Form::direct : Form::collected;
    else if (stride == item)
      input.form = Form::direct;
    else if (tiles && stride != 0 && input.strides[inner - 1] == item)
      input.form = Form::tile;
    else
      input.form = Form::rows;
    if (input.form == Form::tile) tile_rows_ = std::max(tile_rows_, cache_line / input.itemsize);
  }
  if (tile_rows_ > 1) strip_ = std::min<std::size_t>(strip_, 256);
  for (const auto& input : inputs_)
    if (input.form != Form::direct)
      bytes += (strip_ * input.itemsize * (input.form == Form::tile ? tile_rows_ : 1) + cache_line) / cache_line *
               cache_line;
  if (bytes == 0) return;
  memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes + cache_line);
  auto* next = memory_.get() + (cache_line - reinterpret_cast<std::uintptr_t>(memory_.get()) % cache_line) % cache_line;
  for (auto& input : inputs_) {
    if (input.form == Form::direct) continue;
    input.buffer = next;
    next +=
        (strip_ * input.itemsize * (input.form == Form::tile ? tile_rows_ : 1) + cache_line) / cache_line * cache_line;
    if (input.form == Form::constant)
      fill(static_cast<std::size_t>(std::min<std::int64_t>(size_of(shape_), static_cast<std::int64_t>(strip_))),
           input.data, input.buffer, input.itemsize);
  }
}

void StripLoop::run(void* out, std::size_t out_itemsize, Body body, void* context) {
  out_ = static_cast<std::byte*>(out);
  out_itemsize_ = out_itemsize;
  body_ = body;
  context_ = context;
  if (size_of(shape_) == 0) return;
  flat_ ? run_flat() : run_rows();
}

void StripLoop::run_rows() {
  const auto inner = shape_.size() - 1;
  const auto columns = shape_[inner];
  const std::int64_t rows = inner > 0 ? shape_[inner - 1] : 1;
  Shape index(inner > 0 ? inner - 1 : 0, 0);
  std::vector<const std::byte*> outer(inputs_.size());
  std::vector<const std::byte*> at(inputs_.size());
  for (std::size_t k = 0; k < inputs_.size(); ++k) outer[k] = inputs_[k].data;
  std::size_t done = 0;
  while (true) {
    for (std::int64_t row = 0; row < rows; row += static_cast<std::int64_t>(tile_rows_)) {
      for (std::size_t k = 0; k < inputs_.size(); ++k)
        at[k] = outer[k] + (inner > 0 ? row * inputs_[k].strides[inner - 1] : 0);
      const auto group = std::min<std::int64_t>(static_cast<std::int64_t>(tile_rows_), rows - row);
      run_row_group(group, done, at);
      done += static_cast<std::size_t>(group * columns);
    }
    std::size_t axis = index.size();
    for (; axis > 0; --axis) {
      for (std::size_t k = 0; k < inputs_.size(); ++k) outer[k] += inputs_[k].strides[axis - 1];
      if (++index[axis - 1] < shape_[axis - 1]) break;
      for (std::size_t k = 0; k < inputs_.size(); ++k) outer[k] -= inputs_[k].strides[axis - 1] * shape_[axis - 1];
      index[axis - 1] = 0;
    }
    if (axis == 0) return;
  }
}

/// `rows` neighbouring rows, the first of which begins at `at`, and whose results begin at element `done`.
void StripLoop::run_row_group(std::int64_t rows, std::size_t done, const std::vector<const std::byte*>& at) {
  const auto inner = shape_.size() - 1;
  const auto columns = static_cast<std::size_t>(shape_[inner]);
  for (std::size_t column = 0; column < columns; column += strip_) {
    const auto n = std::min(strip_, columns - column);
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      auto& input = inputs_[k];
      if (input.form != Form::tile) continue;
      transpose_copy(static_cast<std::size_t>(rows), n,
                     at[k] + static_cast<std::int64_t>(column) * input.strides[inner], input.strides[inner],
                     input.buffer, static_cast<std::ptrdiff_t>(strip_ * input.itemsize), input.itemsize);
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::size_t k = 0; k < inputs_.size(); ++k) {
        auto& input = inputs_[k];
        if (input.form == Form::tile) {
          in_[k] = input.buffer + static_cast<std::size_t>(row) * strip_ * input.itemsize;
          continue;
        }
        if (input.form == Form::constant) {
          in_[k] = input.buffer;
          continue;
        }
        const auto* from = at[k] + (inner > 0 ? row * input.strides[inner - 1] : 0) +
                           static_cast<std::int64_t>(column) * input.strides[inner];
        if (input.form == Form::direct) {
          in_[k] = from;
          continue;
        }
        if (input.strides[inner] != 0 || input.filled_from != from)
          gather(input.strides[inner] == 0 ? strip_ : n, from, input.strides[inner], input.buffer, input.itemsize);
        input.filled_from = from;
        in_[k] = input.buffer;
      }
      body_(context_, n, in_.data(), out_ + (done + static_cast<std::size_t>(row) * columns + column) * out_itemsize_);
    }
  }
}

void StripLoop::run_flat() {
  const auto total = static_cast<std::size_t>(size_of(shape_));
  for (std::size_t done = 0; done < total; done += strip_) {
    const auto n = std::min(strip_, total - done);
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      auto& input = inputs_[k];
      if (input.form == Form::collected) collect(input, done, n);
      in_[k] = input.form == Form::direct ? input.data + done * input.itemsize : input.buffer;
    }
    body_(context_, n, in_.data(), out_ + done * out_itemsize_);
  }
}

/// Elements `position` to `position + n` of the input, in the order of the loop.
void StripLoop::collect(Input& input, std::size_t position, std::size_t n) {
  const auto inner = shape_.size() - 1;
  Shape index(shape_.size());
  auto rest = static_cast<std::int64_t>(position);
  const auto* row = input.data;
  for (std::size_t axis = shape_.size(); axis-- > 0;) {
    index[axis] = rest % shape_[axis];
    rest /= shape_[axis];
    if (axis != inner) row += index[axis] * input.strides[axis];
  }
  auto* to = input.buffer;
  while (n > 0) {
    const auto count = std::min<std::size_t>(n, static_cast<std::size_t>(shape_[inner] - index[inner]));
    const auto* from = row + index[inner] * input.strides[inner];
    if (count < 16 && input.itemsize == 8)
      for (std::size_t i = 0; i < count; ++i)
        std::memcpy(to + 8 * i, from + static_cast<std::int64_t>(i) * input.strides[inner], 8);
    else
      gather(count, from, input.strides[inner], to, input.itemsize);
    to += count * input.itemsize;
    n -= count;
    index[inner] = 0;
    for (std::size_t axis = inner; axis-- > 0;) {
      row += input.strides[axis];
      if (++index[axis] < shape_[axis]) break;
      row -= input.strides[axis] * shape_[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace troupe::nd
