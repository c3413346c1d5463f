#pragma once

#include "collections/array/user_functions.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/sorting.hpp"
#include "troupe/troupe.hpp"

namespace troupe::array_tests {

inline nd::NdArray doubled(const nd::NdArray& block) { return nd::multiply(block, 2); }
inline nd::NdArray scaled(const nd::NdArray& block, double factor) { return nd::multiply(block, factor); }
inline nd::NdArray row_sums(const nd::NdArray& block) {
  nd::NdArray sums(nd::Shape{block.extent(0)}, nd::DType::float64);
  for (std::int64_t i = 0; i < block.extent(0); ++i) {
    double sum = 0;
    for (std::int64_t k = 0; k < block.extent(1); ++k) sum += block.at({i, k}).to_double();
    sums.mutable_data_as<double>()[i] = sum;
  }
  return sums;
}

using Axes = std::vector<std::int64_t>;
inline nd::Over kept(const Axes& axes) {
  nd::Over over(std::vector<int>(axes.begin(), axes.end()));
  over.keepdims = true;
  return over;
}
inline nd::NdArray product(const nd::NdArray& a, const nd::NdArray& b) { return nd::matmul(a, b); }
inline nd::NdArray weighted(const nd::NdArray& a, const nd::NdArray& b, double by) {
  return nd::add(a, nd::multiply(b, by));
}
/// With a new axis of 2 in front: the block, and its negative.
inline nd::NdArray both_signs(const nd::NdArray& a) {
  const auto one = a.expand_dims(0);
  return nd::concatenate({one, nd::negative(one)}, 0);
}
/// "(i,j),(j)->(i)"
inline nd::NdArray times_vector(const nd::NdArray& a, const nd::NdArray& v) {
  return nd::sum(nd::multiply(a, v.expand_dims(v.ndim() - 1)), -1);
}
/// "(i)->(),(k)": the mean, and least and greatest.
inline std::vector<nd::NdArray> summary(const nd::NdArray& a) {
  const int last = -1;
  return {nd::mean(a, last), nd::stack({nd::min(a, last), nd::max(a, last)}, -1)};
}
inline nd::NdArray spread(const nd::NdArray& line) { return nd::ptp(line, 0); }
inline nd::NdArray descending(const nd::NdArray& line) { return nd::sort(line, 0).flip(0); }
inline nd::NdArray three(const nd::NdArray& line) { return line.slice(0, 0, 3); }
inline nd::NdArray squares(const nd::NdArray& block, const Axes& axes) {
  return nd::sum(nd::multiply(block, block), kept(axes));
}
inline nd::NdArray add_up(const nd::NdArray& parts, const Axes& axes) { return nd::sum(parts, kept(axes)); }
inline nd::NdArray root(const nd::NdArray& parts, const Axes& axes) { return nd::sqrt(nd::sum(parts, kept(axes))); }
inline nd::NdArray tens(const nd::NdArray& i, const nd::NdArray& j) { return nd::add(nd::multiply(i, 10), j); }

}  // namespace troupe::array_tests

TROUPE_MODULE(array_module, troupe::array_tests::doubled, troupe::array_tests::scaled, troupe::array_tests::row_sums,
              troupe::array_tests::product, troupe::array_tests::weighted, troupe::array_tests::both_signs,
              troupe::array_tests::times_vector, troupe::array_tests::summary, troupe::array_tests::squares,
              troupe::array_tests::add_up, troupe::array_tests::root, troupe::array_tests::tens,
              troupe::array::along_lines<troupe::array_tests::spread>,
              troupe::array::along_lines<troupe::array_tests::descending>,
              troupe::array::along_lines<troupe::array_tests::three>)
