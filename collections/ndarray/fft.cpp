#include "collections/ndarray/fft.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/fft_kernels.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/memory.hpp"

namespace troupe::nd::fft {

namespace {

/// Of single precision, single; of all else, double.
DType precision_of(DType dtype) {
  return dtype == DType::float32 || dtype == DType::complex64 ? DType::float32 : DType::float64;
}

NdArray with_length(const NdArray& a, std::size_t axis, std::int64_t n) {
  if (a.extent(axis) == n) return a;
  if (a.extent(axis) > n) return a.slice(axis, 0, n);
  std::vector<PadWidth> widths(a.ndim());
  widths[axis].after = n - a.extent(axis);
  return pad(a, widths);
}

double factor(std::int64_t n, bool inverse, Norm norm) {
  const auto length = static_cast<double>(n);
  if (norm == Norm::ortho) return 1 / std::sqrt(length);
  return inverse == (norm == Norm::backward) ? 1 / length : 1;
}

/// Calls `f` with the number of lines and of lanes, as constants where all lanes are filled, so that loops over them are
/// unrolled.
template <class F>
void with_lanes(std::size_t lines, std::size_t lanes, F&& f) {
  if (lines == 16 && lanes == 16)
    f(std::integral_constant<std::size_t, 16>{}, std::integral_constant<std::size_t, 16>{});
  else if (lines == 8 && lanes == 8)
    f(std::integral_constant<std::size_t, 8>{}, std::integral_constant<std::size_t, 8>{});
  else if (lines == 1 && lanes == 1)
    f(std::integral_constant<std::size_t, 1>{}, std::integral_constant<std::size_t, 1>{});
  else
    f(lines, lanes);
}

/// What the lines of an axis go through, in groups, as separate real and imaginary parts.
template <class T>
class Transform {
public:
  Transform(const NdArray& a, std::size_t axis, std::size_t n, std::size_t n_out, DType out_dtype)
      : n_(n), n_out_(n_out), plan_(fft_plan<T>(n)) {
    Shape shape = a.shape();
    shape[axis] = static_cast<std::int64_t>(n_out);
    out_ = NdArray(shape, out_dtype);
    source_ = a.contiguous();
    for (std::size_t i = axis + 1; i < a.ndim(); ++i) inner_ *= static_cast<std::size_t>(a.extent(i));
    for (std::size_t i = 0; i < axis; ++i) outer_ *= static_cast<std::size_t>(a.extent(i));
    n_in_ = static_cast<std::size_t>(a.extent(axis));
  }

  /// `load` and `store` are called with the place of the first element, how far the next of its line is, how far the
  /// next line, the number of lines, and that of lanes.
  template <class Load, class Store>
  NdArray run(Load&& load, Store&& store) {
    if (out_.size() == 0) return out_;
    // Lines are worked on side by side as long as they fit the second cache.
    const std::size_t fitting = (std::size_t{512} << 10) / (4 * n_ * sizeof(T));
    const std::size_t many = inner_ > 1 ? inner_ : outer_;
    std::size_t lanes = 64 / sizeof(T);
    while (lanes > 1 && (lanes > fitting || lanes > many)) lanes = lanes > 4 ? lanes / 2 : 1;
    if (inner_ > 1 && many >= 4) lanes = std::max<std::size_t>(lanes, 4);
    const auto size = std::max(n_, n_out_) * lanes;
    const auto memory = allocate_elements((2 * size + fft_work_size(*plan_, lanes)) * sizeof(T));
    re_ = static_cast<T*>(memory.get());
    im_ = re_ + size;
    T* work = im_ + size;
    if (lanes > 1) std::fill(re_, work, T(0));  // lanes without a line are transformed too
    const auto lines = inner_ * outer_;
    for (std::size_t first = 0; first < lines;) {
      // Neighbours within one row of the inner axes, or single lines one after the other.
      const auto here = inner_ > 1 ? std::min(lanes, inner_ - first % inner_) : std::min(lanes, lines - first);
      const auto base_in = first / inner_ * n_in_ * inner_ + first % inner_;
      const auto base_out = first / inner_ * n_out_ * inner_ + first % inner_;
      const auto line_in = inner_ > 1 ? 1 : n_in_;
      const auto line_out = inner_ > 1 ? 1 : n_out_;
      load(base_in, inner_, line_in, here, lanes);
      fft_run(*plan_, lanes, re_, im_, work);
      store(base_out, inner_, line_out, here, lanes);
      first += here;
    }
    return out_;
  }

  std::size_t n_;
  std::size_t n_out_;
  std::size_t n_in_{};
  std::shared_ptr<const FftPlan<T>> plan_;
  NdArray source_;
  NdArray out_;
  std::size_t inner_{1};
  std::size_t outer_{1};
  T* re_{};
  T* im_{};
};

template <class T>
NdArray complex_transform(const NdArray& a, std::size_t axis, bool inverse, T scale) {
  using C = std::complex<T>;
  const auto n = static_cast<std::size_t>(a.extent(axis));
  Transform<T> t(a.astype(dtype_of<C>), axis, n, n, dtype_of<C>);
  const C* in = t.source_.template data_as<C>();
  C* out = t.out_.template mutable_data_as<C>();
  return t.run(
      [&](std::size_t base, std::size_t step, std::size_t line, std::size_t lines, std::size_t lanes) {
        T* re = inverse ? t.im_ : t.re_;
        T* im = inverse ? t.re_ : t.im_;
        with_lanes(lines, lanes, [&](auto count, auto width) {
          for (std::size_t i = 0; i < n; ++i)
            for (std::size_t l = 0; l < count; ++l) {
              const C x = in[base + i * step + l * line];
              re[i * width + l] = x.real();
              im[i * width + l] = x.imag();
            }
        });
      },
      [&](std::size_t base, std::size_t step, std::size_t line, std::size_t lines, std::size_t lanes) {
        const T* re = inverse ? t.im_ : t.re_;
        const T* im = inverse ? t.re_ : t.im_;
        with_lanes(lines, lanes, [&](auto count, auto width) {
          for (std::size_t i = 0; i < n; ++i)
            for (std::size_t l = 0; l < count; ++l)
              out[base + i * step + l * line] = {re[i * width + l] * scale, im[i * width + l] * scale};
        });
      });
}

/// cos and -sin of 2 pi k / n for k up to a half of n.
template <class T>
const std::vector<std::complex<T>>& half_roots(std::size_t n) {
  thread_local std::vector<std::complex<T>> roots;
  thread_local std::size_t of = 0;
  if (of == n) return roots;
  of = n;
  roots.clear();
  for (std::size_t k = 0; k <= n / 2; ++k) {
    const double angle = 2 * M_PI * static_cast<double>(k) / static_cast<double>(n);
    roots.emplace_back(static_cast<T>(std::cos(angle)), static_cast<T>(-std::sin(angle)));
  }
  return roots;
}

/// An even number of real elements as half as many complex ones.
template <class T>
NdArray real_transform(const NdArray& a, std::size_t axis, T scale) {
  using C = std::complex<T>;
  const auto n = static_cast<std::size_t>(a.extent(axis));
  const auto half = n / 2;
  Transform<T> t(a.astype(dtype_of<T>), axis, half, half + 1, dtype_of<C>);
  const T* in = t.source_.template data_as<T>();
  C* out = t.out_.template mutable_data_as<C>();
  const auto& roots = half_roots<T>(n);
  return t.run(
      [&](std::size_t base, std::size_t step, std::size_t line, std::size_t lines, std::size_t lanes) {
        with_lanes(lines, lanes, [&](auto count, auto width) {
          for (std::size_t i = 0; i < half; ++i)
            for (std::size_t l = 0; l < count; ++l) {
              t.re_[i * width + l] = in[base + 2 * i * step + l * line];
              t.im_[i * width + l] = in[base + (2 * i + 1) * step + l * line];
            }
        });
      },
      [&](std::size_t base, std::size_t step, std::size_t line, std::size_t lines, std::size_t lanes) {
        const T part = scale / 2;
        for (std::size_t l = 0; l < lines; ++l) {
          const T re = t.re_[l];
          const T im = t.im_[l];
          out[base + l * line] = {(re + im) * scale, 0};
          out[base + half * step + l * line] = {(re - im) * scale, 0};
        }
        with_lanes(lines, lanes, [&](auto count, auto width) {
          for (std::size_t k = 1; k < half; ++k)
            for (std::size_t l = 0; l < count; ++l) {
              const auto i = k * width + l;
              const auto j = (half - k) * width + l;
              const T even_re = t.re_[i] + t.re_[j];
              const T even_im = t.im_[i] - t.im_[j];
              const T odd_re = t.im_[i] + t.im_[j];
              const T odd_im = t.re_[j] - t.re_[i];
              const T wr = roots[k].real();
              const T wi = roots[k].imag();
              out[base + k * step + l * line] = {(even_re + odd_re * wr - odd_im * wi) * part,
                                                 (even_im + odd_re * wi + odd_im * wr) * part};
            }
        });
      });
}

/// The way back: n even real elements from n / 2 + 1 complex ones.
template <class T>
NdArray real_inverse(const NdArray& a, std::size_t axis, std::size_t n, T scale) {
  using C = std::complex<T>;
  const auto half = n / 2;
  Transform<T> t(a.astype(dtype_of<C>), axis, half, n, dtype_of<T>);
  const C* in = t.source_.template data_as<C>();
  T* out = t.out_.template mutable_data_as<T>();
  const auto& roots = half_roots<T>(n);
  return t.run(
      [&](std::size_t base, std::size_t step, std::size_t line, std::size_t lines, std::size_t lanes) {
        for (std::size_t k = 0; k < half; ++k)
          for (std::size_t l = 0; l < lines; ++l) {
            C x = in[base + k * step + l * line];
            C y = in[base + (half - k) * step + l * line];
            if (k == 0) x = x.real(), y = y.real();
            const T even_re = x.real() + y.real();
            const T even_im = x.imag() - y.imag();
            const T apart_re = x.real() - y.real();
            const T apart_im = x.imag() + y.imag();
            const T wr = roots[k].real();
            const T wi = -roots[k].imag();
            const T odd_re = apart_re * wr - apart_im * wi;
            const T odd_im = apart_re * wi + apart_im * wr;
            // Parts swapped: the inverse.
            t.im_[k * lanes + l] = even_re - odd_im;
            t.re_[k * lanes + l] = even_im + odd_re;
          }
      },
      [&](std::size_t base, std::size_t step, std::size_t line, std::size_t lines, std::size_t lanes) {
        for (std::size_t i = 0; i < half; ++i)
          for (std::size_t l = 0; l < lines; ++l) {
            out[base + 2 * i * step + l * line] = t.im_[i * lanes + l] * scale;
            out[base + (2 * i + 1) * step + l * line] = t.re_[i * lanes + l] * scale;
          }
      });
}

std::int64_t checked_length(const NdArray& a, std::size_t axis, Length n, std::string_view call) {
  const auto length = n.value_or(a.extent(axis));
  if (length < 1) throw InvalidRequest(std::string(call) + ": a transform of " + std::to_string(length) + " elements");
  return length;
}

NdArray transform(const NdArray& a, Length n, int axis, Norm norm, bool inverse, std::string_view call) {
  const auto along = normal_axis(axis, a.ndim(), call);
  const auto length = checked_length(a, along, n, call);
  const NdArray x = with_length(a, along, length);
  const double scale = factor(length, inverse, norm);
  if (precision_of(a.dtype()) == DType::float32)
    return complex_transform<float>(x, along, inverse, static_cast<float>(scale));
  return complex_transform<double>(x, along, inverse, scale);
}

NdArray real_input(const NdArray& a, Length n, int axis, Norm norm, bool inverse, std::string_view call) {
  if (is_complex(a.dtype()))
    throw InvalidRequest(std::string(call) + ": the input is real, not " + std::string(name_of(a.dtype())));
  const auto along = normal_axis(axis, a.ndim(), call);
  const auto length = checked_length(a, along, n, call);
  const NdArray x = with_length(a, along, length);
  const double scale = factor(length, inverse, norm);
  if (length % 2 != 0) return transform(x, length, axis, norm, false, call).slice(along, 0, length / 2 + 1);
  if (precision_of(a.dtype()) == DType::float32) return real_transform<float>(x, along, static_cast<float>(scale));
  return real_transform<double>(x, along, scale);
}

/// All n elements of a transform of real input, from the first half and one.
NdArray mirrored_half(const NdArray& x, std::size_t along, std::int64_t n) {
  const auto half = n / 2 + 1;
  const NdArray first = with_length(x, along, half).copy();
  NdArray start = first.slice(along, 0, 1);
  start.imag().assign(NdArray::zeros({}));
  const NdArray rest = conj(first.slice(along, 1, n - half + 1)).flip(along);
  return concatenate({first, rest}, static_cast<int>(along));
}

NdArray real_output(const NdArray& a, Length n, int axis, Norm norm, std::string_view call) {
  const auto along = normal_axis(axis, a.ndim(), call);
  const auto length = n.value_or(2 * (a.extent(along) - 1));
  if (length < 1) throw InvalidRequest(std::string(call) + ": a transform of " + std::to_string(length) + " elements");
  const bool narrow = precision_of(a.dtype()) == DType::float32;
  const double scale = factor(length, true, norm);
  if (length % 2 != 0) {
    const NdArray full = mirrored_half(a.astype(narrow ? DType::complex64 : DType::complex128), along, length);
    return transform(full, length, axis, norm, true, call).real().copy();
  }
  const NdArray x = with_length(a, along, length / 2 + 1);
  const auto count = static_cast<std::size_t>(length);
  if (narrow) return real_inverse<float>(x, along, count, static_cast<float>(scale));
  return real_inverse<double>(x, along, count, scale);
}

Norm opposite(Norm norm) {
  if (norm == Norm::ortho) return norm;
  return norm == Norm::backward ? Norm::forward : Norm::backward;
}

/// The axes of a transform over several, and the length of each.
std::pair<Axes, std::vector<Length>> several(const NdArray& a, const std::vector<std::int64_t>& lengths,
                                             const Axes& axes, std::string_view call) {
  Axes chosen = axes;
  if (axes.empty()) {
    const auto count = lengths.empty() ? a.ndim() : lengths.size();
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(static_cast<int>(i) - static_cast<int>(count));
  }
  if (!lengths.empty() && lengths.size() != chosen.size())
    throw InvalidRequest(std::string(call) + ": " + std::to_string(lengths.size()) + " lengths for " +
                         std::to_string(chosen.size()) + " axes");
  std::vector<Length> each(chosen.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) each[i] = lengths[i];
  for (const auto axis : chosen) static_cast<void>(normal_axis(axis, a.ndim(), call));
  return {chosen, each};
}

NdArray shifted(NdArray a, const Axes& axes, bool back, std::string_view call) {
  Axes chosen = axes;
  if (axes.empty()) {
    chosen.resize(a.ndim());
    std::iota(chosen.begin(), chosen.end(), 0);
  }
  for (const auto axis : chosen) {
    const auto half = a.extent(normal_axis(axis, a.ndim(), call)) / 2;
    a = roll(a, back ? -half : half, axis);
  }
  return a;
}

}  // namespace

Norm norm_named(std::string_view name) {
  if (name.empty() || name == "backward") return Norm::backward;
  if (name == "ortho") return Norm::ortho;
  if (name == "forward") return Norm::forward;
  throw InvalidRequest("fft: there is no norm '" + std::string(name) + "'; there are backward, ortho and forward");
}

NdArray fft(const NdArray& a, Length n, int axis, Norm norm) { return transform(a, n, axis, norm, false, "fft"); }
NdArray ifft(const NdArray& a, Length n, int axis, Norm norm) { return transform(a, n, axis, norm, true, "ifft"); }
NdArray rfft(const NdArray& a, Length n, int axis, Norm norm) { return real_input(a, n, axis, norm, false, "rfft"); }
NdArray irfft(const NdArray& a, Length n, int axis, Norm norm) { return real_output(a, n, axis, norm, "irfft"); }
NdArray hfft(const NdArray& a, Length n, int axis, Norm norm) {
  return real_output(conj(a.astype(is_complex(a.dtype()) ? a.dtype() : complex_of(a.dtype()))), n, axis, opposite(norm),
                     "hfft");
}
NdArray ihfft(const NdArray& a, Length n, int axis, Norm norm) {
  return conj(real_input(a, n, axis, opposite(norm), false, "ihfft"));
}

NdArray fftn(const NdArray& a, const std::vector<std::int64_t>& lengths, const Axes& axes, Norm norm) {
  const auto [chosen, each] = several(a, lengths, axes, "fftn");
  NdArray x = a.astype(complex_of(precision_of(a.dtype())));
  for (std::size_t i = chosen.size(); i-- > 0;) x = fft(x, each[i], chosen[i], norm);
  return x;
}

NdArray ifftn(const NdArray& a, const std::vector<std::int64_t>& lengths, const Axes& axes, Norm norm) {
  const auto [chosen, each] = several(a, lengths, axes, "ifftn");
  NdArray x = a.astype(complex_of(precision_of(a.dtype())));
  for (std::size_t i = chosen.size(); i-- > 0;) x = ifft(x, each[i], chosen[i], norm);
  return x;
}

NdArray rfftn(const NdArray& a, const std::vector<std::int64_t>& lengths, const Axes& axes, Norm norm) {
  const auto [chosen, each] = several(a, lengths, axes, "rfftn");
  if (chosen.empty()) throw InvalidRequest("rfftn: there is no axis");
  NdArray x = rfft(a, each.back(), chosen.back(), norm);
  for (std::size_t i = chosen.size() - 1; i-- > 0;) x = fft(x, each[i], chosen[i], norm);
  return x;
}

NdArray irfftn(const NdArray& a, const std::vector<std::int64_t>& lengths, const Axes& axes, Norm norm) {
  const auto [chosen, each] = several(a, lengths, axes, "irfftn");
  if (chosen.empty()) throw InvalidRequest("irfftn: there is no axis");
  NdArray x = a.astype(complex_of(precision_of(a.dtype())));
  for (std::size_t i = 0; i + 1 < chosen.size(); ++i) x = ifft(x, each[i], chosen[i], norm);
  return irfft(x, each.back(), chosen.back(), norm);
}

NdArray fftfreq(std::int64_t n, double d) {
  if (n < 1) throw InvalidRequest("fftfreq: of " + std::to_string(n) + " elements");
  NdArray made(Shape{n}, DType::float64);
  for (std::int64_t i = 0; i < n; ++i)
    made.mutable_data_as<double>()[i] =
        static_cast<double>(i <= (n - 1) / 2 ? i : i - n) * (1 / (static_cast<double>(n) * d));
  return made;
}

NdArray rfftfreq(std::int64_t n, double d) {
  if (n < 1) throw InvalidRequest("rfftfreq: of " + std::to_string(n) + " elements");
  return multiply(arange(std::int64_t{0}, n / 2 + 1), 1 / (static_cast<double>(n) * d));
}

NdArray fftshift(const NdArray& a, const Axes& axes) { return shifted(a, axes, false, "fftshift"); }
NdArray ifftshift(const NdArray& a, const Axes& axes) { return shifted(a, axes, true, "ifftshift"); }

}  // namespace troupe::nd::fft
