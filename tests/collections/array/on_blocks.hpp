#pragma once

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/random.hpp"
#include "tests/collections/array/array_functions.hpp"
#include "tests/collections/on_every_scheduler.hpp"
#include "troupe/array.hpp"

namespace troupe::array {

/// Arrays in drawn blocks beside the same arrays in one piece: what is asked of both has to be the same.
class OnBlocks : public OnEveryScheduler {
protected:
  OnBlocks() : OnEveryScheduler(array_module) {}

  std::int64_t number(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  AxisChunks cut(std::int64_t length) {
    AxisChunks chunks;
    for (auto left = length; left > 0; left -= chunks.back()) chunks.push_back(number(1, left));
    return chunks.empty() ? AxisChunks{0} : chunks;
  }
  Chunks cut(const Shape& shape) {
    Chunks chunks;
    for (const auto extent : shape) chunks.push_back(cut(extent));
    return chunks;
  }
  NdArray values(const Shape& shape, DType dtype = DType::float64) {
    const auto drawn = nd::random::draw(nd::random::distribution("normal", {0, 4}), {7, stream_++}, shape);
    return dtype == DType::bool_ ? nd::greater(drawn, 0.0) : drawn.astype(dtype);
  }
  Array blocks(const NdArray& whole) { return from_array(whole, cut(whole.shape())); }

  static void expect_equal(const NdArray& found, const NdArray& expected, const std::string& what) {
    EXPECT_EQ(found.shape(), expected.shape()) << what;
    EXPECT_EQ(nd::name_of(found.dtype()), nd::name_of(expected.dtype())) << what;
    if (found.shape() != expected.shape()) return;
    EXPECT_TRUE(nd::allclose(found, expected, nd::size_of(expected.dtype()) < 8 ? 1e-4 : 1e-9, 1e-9, true)) << what;
  }
  /// Also that what was known beforehand is so.
  static void expect_equal(const Array& array, const NdArray& expected, const std::string& what) {
    const auto found = array.compute();
    expect_equal(found, expected, what);
    EXPECT_EQ(array.dtype(), found.dtype()) << what;
    ASSERT_EQ(array.ndim(), found.ndim()) << what;
    for (std::size_t axis = 0; axis < found.ndim(); ++axis) {
      if (array.shape()[axis] == unknown) continue;
      EXPECT_EQ(array.shape()[axis], found.extent(axis)) << what;
    }
  }

private:
  std::mt19937_64 random_{11};
  std::uint32_t stream_{};
};

template <class F>
std::string refusal_of(F&& call) {
  try {
    call();
  } catch (const InvalidRequest& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

}  // namespace troupe::array
