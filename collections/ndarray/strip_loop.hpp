#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

namespace troupe::nd {

/// Goes through arrays of one shape together, in strips short enough to stay in the cache nearest to the processor,
/// whose elements lie one after the other: where they do not in an array, they are collected first.
///
/// Made for one run, on one thread.
class StripLoop {
public:
  /// Does its work on `n` elements; `out` is where their results belong.
  using Body = void (*)(void* context, std::size_t n, const void* const* in, void* out);

  enum class Order : std::uint8_t { row_major, of_inputs };

  /// The inputs are broadcast to `shape`. With Order::of_inputs the elements are gone through in the order in which
  /// they lie in memory, if the inputs agree on one; `out_axes()` then says how the axes of the output are ordered.
  StripLoop(const Shape& shape, std::span<const NdArray> inputs, Order order, std::size_t strip);

  /// `out` is contiguous memory of `size_of(shape)` elements.
  void run(void* out, std::size_t out_itemsize, Body body, void* context);
  /// The shape of the output's memory, row-major, and which axis of `shape` each of its axes is.
  [[nodiscard]] const Shape& out_shape() const { return out_shape_; }
  [[nodiscard]] const Axes& out_axes() const { return out_axes_; }

private:
  enum class Form : std::uint8_t { direct, constant, rows, tile, collected };
  struct Input {
    const std::byte* data{};
    std::size_t itemsize{};
    Strides strides;
    Form form{};
    std::byte* buffer{};
    const std::byte* filled_from{};  ///< `buffer` holds this element, repeated
  };

  void choose_order(const Shape& shape, Order order);
  void merge_axes();
  void choose_forms();
  void run_rows();
  void run_row_group(std::int64_t rows, std::size_t done, const std::vector<const std::byte*>& at);
  void run_flat();
  void collect(Input& input, std::size_t position, std::size_t n);

  Shape shape_;  ///< merged
  std::vector<Input> inputs_;
  Shape out_shape_;
  Axes out_axes_;
  std::size_t strip_;
  bool flat_{};
  std::size_t tile_rows_{1};
  std::unique_ptr<std::byte[]> memory_;
  std::vector<const void*> in_;

  std::byte* out_{};
  std::size_t out_itemsize_{};
  Body body_{};
  void* context_{};
};

}  // namespace troupe::nd
