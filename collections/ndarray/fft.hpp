#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "collections/ndarray/ndarray.hpp"

/// Discrete Fourier transforms, with NumPy's names, lengths, norms and precisions. Throws InvalidRequest for a length
/// below 1 and for axes that are not there.
namespace troupe::nd::fft {

/// Who divides by the length: the inverse, both by its root, or the forward transform.
enum class Norm : std::uint8_t { backward, ortho, forward };
Norm norm_named(std::string_view name);

/// `n`: the length along the axis, which is cut or filled up with zeros.
using Length = std::optional<std::int64_t>;
NdArray fft(const NdArray& a, Length n = {}, int axis = -1, Norm norm = Norm::backward);
NdArray ifft(const NdArray& a, Length n = {}, int axis = -1, Norm norm = Norm::backward);
/// Of real input, only the first half and one, which determine the rest.
NdArray rfft(const NdArray& a, Length n = {}, int axis = -1, Norm norm = Norm::backward);
/// Back to `n` real numbers; twice the input less two if it is not given.
NdArray irfft(const NdArray& a, Length n = {}, int axis = -1, Norm norm = Norm::backward);
NdArray hfft(const NdArray& a, Length n = {}, int axis = -1, Norm norm = Norm::backward);
NdArray ihfft(const NdArray& a, Length n = {}, int axis = -1, Norm norm = Norm::backward);

/// Over several axes, all if none is given. `lengths`: one for each axis, or none.
NdArray fftn(const NdArray& a, const std::vector<std::int64_t>& lengths = {}, const Axes& axes = {},
             Norm norm = Norm::backward);
NdArray ifftn(const NdArray& a, const std::vector<std::int64_t>& lengths = {}, const Axes& axes = {},
              Norm norm = Norm::backward);
NdArray rfftn(const NdArray& a, const std::vector<std::int64_t>& lengths = {}, const Axes& axes = {},
              Norm norm = Norm::backward);
NdArray irfftn(const NdArray& a, const std::vector<std::int64_t>& lengths = {}, const Axes& axes = {},
               Norm norm = Norm::backward);
inline NdArray fft2(const NdArray& a, Norm norm = Norm::backward) { return fftn(a, {}, {-2, -1}, norm); }
inline NdArray ifft2(const NdArray& a, Norm norm = Norm::backward) { return ifftn(a, {}, {-2, -1}, norm); }
inline NdArray rfft2(const NdArray& a, Norm norm = Norm::backward) { return rfftn(a, {}, {-2, -1}, norm); }
inline NdArray irfft2(const NdArray& a, Norm norm = Norm::backward) { return irfftn(a, {}, {-2, -1}, norm); }

/// The frequencies of the elements of a transform of n samples, d apart.
NdArray fftfreq(std::int64_t n, double d = 1);
NdArray rfftfreq(std::int64_t n, double d = 1);
/// Frequency 0 to the middle, and back.
NdArray fftshift(const NdArray& a, const Axes& axes = {});
NdArray ifftshift(const NdArray& a, const Axes& axes = {});

}  // namespace troupe::nd::fft
