// No instructions beyond AVX2: those of AVX-512 give something else for floats that an unsigned type does not hold.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | (HWY_AVX2 - 1))
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collections/ndarray/kernels_cast.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "collections/ndarray/elements.hpp"
#include "collections/ndarray/kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

template <class From, class To>
To cast_element(From a) {
  if constexpr (std::is_same_v<To, bool>)
    return a != From(0);
  else if constexpr (is_complex_type<To>) {
    using R = typename To::value_type;
    if constexpr (is_complex_type<From>)
      return {static_cast<R>(a.real()), static_cast<R>(a.imag())};
    else
      return {static_cast<R>(a), R(0)};
  } else if constexpr (is_complex_type<From>)
    return static_cast<To>(a.real());
  // By way of the widest integer, as the compilers NumPy is built with do it: what is outside of the type wraps around.
  else if constexpr (std::is_floating_point_v<From> && std::is_unsigned_v<To> && sizeof(To) == 8)
    return a >= From(0x1p63) ? static_cast<To>(static_cast<std::int64_t>(a - From(0x1p63))) + (std::uint64_t{1} << 63)
                             : static_cast<To>(static_cast<std::int64_t>(a));
  else if constexpr (std::is_floating_point_v<From> && std::is_unsigned_v<To> && sizeof(To) == 4)
    return static_cast<To>(static_cast<std::int64_t>(a));
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && sizeof(To) < 4)
    return static_cast<To>(static_cast<std::int32_t>(a));
  else
    return static_cast<To>(a);
}

template <class From, class To>
void cast_loop(std::size_t n, const void* const* in, void* out) {
  const From* HWY_RESTRICT a = static_cast<const From*>(in[0]);
  To* HWY_RESTRICT r = static_cast<To*>(out);
  for (std::size_t i = 0; i < n; ++i) r[i] = cast_element<From, To>(a[i]);
}

template <std::size_t bytes>
void copy_loop(std::size_t n, const void* const* in, void* out) {
  if (in[0] != out) std::memcpy(out, in[0], n * bytes);
}

Kernel find_copy(DType dtype) {
  switch (size_of(dtype)) {
    case 1: return &copy_loop<1>;
    case 2: return &copy_loop<2>;
    case 4: return &copy_loop<4>;
    case 8: return &copy_loop<8>;
    default: return &copy_loop<16>;
  }
}

Kernel find_cast(DType from, DType to) {
  if (from == to) return find_copy(from);
  return visit_dtype(from, [to]<class From>() {
    return visit_dtype(to, []<class To>() -> Kernel {
      if constexpr (std::is_same_v<From, To>)
        return nullptr;
      else
        return &cast_loop<From, To>;
    });
  });
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::nd {

HWY_EXPORT(find_cast);
Kernel cast_kernel(DType from, DType to) { return HWY_DYNAMIC_DISPATCH(find_cast)(from, to); }

}  // namespace troupe::nd
#endif
