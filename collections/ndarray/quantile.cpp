#include <algorithm>
#include <cmath>
#include <numeric>

#include "actors/errors.hpp"
#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/lines.hpp"
#include "collections/ndarray/reduce.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::nd {

namespace {

constexpr std::string_view names[] = {"inverted_cdf",
                                      "averaged_inverted_cdf",
                                      "closest_observation",
                                      "interpolated_inverted_cdf",
                                      "hazen",
                                      "weibull",
                                      "linear",
                                      "median_unbiased",
                                      "normal_unbiased",
                                      "lower",
                                      "higher",
                                      "midpoint",
                                      "nearest"};

/// Between elements `low` and `low + 1`, how far.
struct Place {
  std::int64_t low{};
  double share{};
};

/// The place of quantile `q` among `n` sorted elements.
Place place_of(double q, std::int64_t n, QuantileMethod method) {
  const auto count = static_cast<double>(n);
  const auto between = [&](double alpha, double beta) {
    const double at = count * q + (alpha + q * (1 - alpha - beta)) - 1;
    return at;
  };
  double at = (count - 1) * q;
  switch (method) {
    case QuantileMethod::linear: break;
    case QuantileMethod::interpolated_inverted_cdf: at = between(0, 1); break;
    case QuantileMethod::hazen: at = between(0.5, 0.5); break;
    case QuantileMethod::weibull: at = between(0, 0); break;
    case QuantileMethod::median_unbiased: at = between(1.0 / 3, 1.0 / 3); break;
    case QuantileMethod::normal_unbiased: at = between(3.0 / 8, 3.0 / 8); break;
    case QuantileMethod::lower: at = std::floor(at); break;
    case QuantileMethod::higher: at = std::ceil(at); break;
    case QuantileMethod::midpoint: at = (std::floor(at) + std::ceil(at)) / 2; break;
    case QuantileMethod::nearest: at = std::nearbyint(at); break;
    case QuantileMethod::inverted_cdf:
    case QuantileMethod::averaged_inverted_cdf:
    case QuantileMethod::closest_observation: {
      const double virtual_at = count * q - (method == QuantileMethod::closest_observation ? 1.5 : 1);
      const double low = std::floor(virtual_at);
      const double over = virtual_at - low;
      double share = over > 0 ? 1 : 0;
      if (method == QuantileMethod::averaged_inverted_cdf && over == 0) share = 0.5;
      if (method == QuantileMethod::closest_observation && over == 0) share = std::fmod(std::abs(low), 2) == 1 ? 0 : 1;
      at = low + share;
      break;
    }
  }
  at = std::clamp(at, 0.0, count - 1);
  const double low = std::floor(at);
  return {static_cast<std::int64_t>(low), at - low};
}

/// As NumPy rounds it: from the nearer end.
template <class T>
T interpolate(T a, T b, double share) {
  const T apart = b - a;
  const auto t = static_cast<typename RealPart<T>::Type>(share);
  return share >= 0.5 ? b - apart * (1 - t) : a + apart * t;
}

/// The axes that are reduced as one, the last.
NdArray gathered(const NdArray& a, const Over& over, std::string_view call) {
  const Reduced reduced(a.shape(), over.axis, call);
  Axes order;
  for (std::size_t i = 0; i < a.ndim(); ++i)
    if (!reduced.is_reduced(i)) order.push_back(static_cast<int>(i));
  Shape shape = reduced.shape(false);
  for (std::size_t i = 0; i < a.ndim(); ++i)
    if (reduced.is_reduced(i)) order.push_back(static_cast<int>(i));
  shape.push_back(reduced.count());
  if (a.ndim() == 0) return a.reshape({1});
  return a.transpose(order).reshape(shape);
}

NdArray quantiles(const NdArray& a, const NdArray& q, const Over& over, QuantileMethod method, bool skip_nan,
                  std::string_view call) {
  if (is_complex(a.dtype())) throw InvalidRequest(std::string(call) + ": complex numbers have no quantiles");
  const NdArray wanted = q.astype(DType::float64).contiguous();
  for (std::int64_t i = 0; i < wanted.size(); ++i)
    if (!(wanted.data_as<double>()[i] >= 0 && wanted.data_as<double>()[i] <= 1))
      throw InvalidRequest(std::string(call) + ": a quantile is between 0 and 1, a percentile between 0 and 100");
  const Reduced reduced(a.shape(), over.axis, call);
  const bool is_median = call.ends_with("median");
  const bool discrete = method == QuantileMethod::lower || method == QuantileMethod::higher ||
                        method == QuantileMethod::nearest || method == QuantileMethod::inverted_cdf ||
                        method == QuantileMethod::closest_observation;
  auto dtype = kind_of(a.dtype()) <= Kind::integer && !discrete ? DType::float64 : a.dtype();
  // A single quantile is like a number in a program; several are an array, with a type of its own.
  if (q.ndim() > 0 && !discrete) dtype = result_type(dtype, q.dtype());
  if (reduced.count() == 0) {
    if (dtype != DType::float64 && dtype != DType::float32)
      throw InvalidRequest(std::string(call) + ": there is no element");
    Shape none = wanted.shape();
    const Shape rest = reduced.shape(over.keepdims);
    none.insert(none.end(), rest.begin(), rest.end());
    return NdArray::full(none, NAN, dtype);
  }
  const NdArray sorted = sort(gathered(a.astype(dtype), over, call)).contiguous();
  const auto n = sorted.extent(sorted.ndim() - 1);
  const auto lines = sorted.size() / n;
  Shape shape{wanted.size(), lines};
  NdArray out(shape, dtype);
  visit_dtype(dtype, [&]<class T>() {
    if constexpr (std::is_arithmetic_v<T>) {
      for (std::int64_t line = 0; line < lines; ++line) {
        const T* x = sorted.data_as<T>() + line * n;
        auto known = n;
        if constexpr (std::is_floating_point_v<T>)
          while (known > 0 && x[known - 1] != x[known - 1]) --known;
        for (std::int64_t k = 0; k < wanted.size(); ++k) {
          T& result = out.mutable_data_as<T>()[k * lines + line];
          if (known < n && (!skip_nan || known == 0)) {
            result = x[n - 1];
            continue;
          }
          const auto place = place_of(wanted.data_as<double>()[k], known, method);
          const T low = x[place.low];
          if constexpr (std::is_floating_point_v<T>)
            result = place.share == 0 ? low
                     : is_median      ? (low + x[place.low + 1]) / 2
                                      : interpolate(low, x[place.low + 1], place.share);
          else
            result = low;
        }
      }
    }
  });
  Shape full = wanted.shape();
  const Shape rest = reduced.shape(over.keepdims);
  full.insert(full.end(), rest.begin(), rest.end());
  return out.reshape(full);
}

}  // namespace

QuantileMethod quantile_method_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (names[i] == name) return static_cast<QuantileMethod>(i);
  throw InvalidRequest("quantile: there is no method '" + std::string(name) + "'");
}

NdArray quantile(const NdArray& a, const NdArray& q, const Over& over, QuantileMethod method) {
  return quantiles(a, q, over, method, false, "quantile");
}
NdArray nanquantile(const NdArray& a, const NdArray& q, const Over& over, QuantileMethod method) {
  return quantiles(a, q, over, method, true, "nanquantile");
}
NdArray percentile(const NdArray& a, const NdArray& q, const Over& over, QuantileMethod method) {
  return quantiles(a, divide(q, 100.0), over, method, false, "percentile");
}
NdArray nanpercentile(const NdArray& a, const NdArray& q, const Over& over, QuantileMethod method) {
  return quantiles(a, divide(q, 100.0), over, method, true, "nanpercentile");
}
NdArray median(const NdArray& a, const Over& over) {
  return quantiles(a, NdArray::scalar(0.5, DType::float64), over, QuantileMethod::midpoint, false, "median");
}
NdArray nanmedian(const NdArray& a, const Over& over) {
  return quantiles(a, NdArray::scalar(0.5, DType::float64), over, QuantileMethod::midpoint, true, "nanmedian");
}

}  // namespace troupe::nd
