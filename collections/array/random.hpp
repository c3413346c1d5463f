#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collections/array/creation.hpp"

/// Random arrays. An element is a function of the seed, of how many arrays were drawn before and of its place: the same
/// whatever the chunks, the workers and their number.
namespace troupe::array {

class Generator {
public:
  explicit Generator(std::uint64_t seed) : seed_(seed) {}

  /// Any distribution of NumPy's by its name, with the parameters of NumPy's function in their order.
  Array draw(std::string_view distribution, std::vector<double> parameters, const Shape& shape,
             const CreateOptions& options = {});
  /// Between 0 and 1.
  Array random(const Shape& shape, const CreateOptions& options = {}) { return draw("uniform", {}, shape, options); }
  Array uniform(double low, double high, const Shape& shape, const CreateOptions& options = {}) {
    return draw("uniform", {low, high}, shape, options);
  }
  Array normal(double mean, double scale, const Shape& shape, const CreateOptions& options = {}) {
    return draw("normal", {mean, scale}, shape, options);
  }
  Array standard_normal(const Shape& shape, const CreateOptions& options = {}) {
    return draw("normal", {0, 1}, shape, options);
  }
  Array exponential(double scale, const Shape& shape, const CreateOptions& options = {}) {
    return draw("exponential", {scale}, shape, options);
  }
  Array poisson(double rate, const Shape& shape, const CreateOptions& options = {}) {
    return draw("poisson", {rate}, shape, options);
  }
  Array binomial(double n, double p, const Shape& shape, const CreateOptions& options = {}) {
    return draw("binomial", {n, p}, shape, options);
  }
  Array gamma(double form, double scale, const Shape& shape, const CreateOptions& options = {}) {
    return draw("gamma", {form, scale}, shape, options);
  }
  Array beta(double a, double b, const Shape& shape, const CreateOptions& options = {}) {
    return draw("beta", {a, b}, shape, options);
  }
  /// low to before high.
  Array integers(std::int64_t low, std::int64_t high, const Shape& shape, const CreateOptions& options = {}) {
    return draw("integers", {static_cast<double>(low), static_cast<double>(high)}, shape, options);
  }
  /// The numbers from 0 to n - 1 in random order.
  Array permutation(std::int64_t n, const ChunkSpec& chunks = {});
  /// The elements of an axis in random order.
  Array permutation(const Array& a, int axis = 0);
  /// `shape` of the numbers below n.
  Array choice(std::int64_t n, const Shape& shape, bool replace = true, const ChunkSpec& chunks = {});

private:
  std::uint64_t seed_;
  std::uint32_t drawn_{};
};

}  // namespace troupe::array
