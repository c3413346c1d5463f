#pragma once

#include "collections/ndarray/elementwise.hpp"
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

}  // namespace troupe::array_tests

TROUPE_MODULE(array_module, troupe::array_tests::doubled, troupe::array_tests::scaled, troupe::array_tests::row_sums)
