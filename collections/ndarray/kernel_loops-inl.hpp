// Loops around one operation on elements. Included once for each target by the files with kernels: the loops are plain,
// and the compiler makes them into instructions of the target.
#if defined(TROUPE_ND_KERNEL_LOOPS) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_ND_KERNEL_LOOPS
#undef TROUPE_ND_KERNEL_LOOPS
#else
#define TROUPE_ND_KERNEL_LOOPS
#endif

#include "collections/ndarray/kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

template <class F, class T>
void unary_loop(std::size_t n, const void* const* in, void* out) {
  using R = decltype(F::apply(T{}));
  const T* a = static_cast<const T*>(in[0]);
  R* r = static_cast<R*>(out);
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) r[i] = F::apply(a[i]);
}

template <class F, class T>
void binary_loop(std::size_t n, const void* const* in, void* out) {
  using R = decltype(F::apply(T{}, T{}));
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  R* r = static_cast<R*>(out);
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) r[i] = F::apply(a[i], b[i]);
}

/// The loop of `op` around F for elements of type `loop`; null where the table of operations has none.
template <Op op, class F>
Kernel unary(DType loop) {
  return visit_dtype(loop, []<class T>() -> Kernel {
    if constexpr (has_loop(op, dtype_of<T>))
      return &unary_loop<F, T>;
    else
      return nullptr;
  });
}

template <Op op, class F>
Kernel binary(DType loop) {
  return visit_dtype(loop, []<class T>() -> Kernel {
    if constexpr (has_loop(op, dtype_of<T>))
      return &binary_loop<F, T>;
    else
      return nullptr;
  });
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
