// Vectors of the compiler, as wide as those of the target: operators and ?: work on all lanes. Included once for each
// target.
#if defined(TROUPE_ND_KERNEL_VECTORS) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_ND_KERNEL_VECTORS
#undef TROUPE_ND_KERNEL_VECTORS
#else
#define TROUPE_ND_KERNEL_VECTORS
#endif

#include <cstddef>
#include <cstring>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

inline constexpr std::size_t vector_bytes = HWY_TARGET == HWY_AVX3 ? 64 : HWY_TARGET == HWY_AVX2 ? 32 : 16;

template <class T>
struct VectorOf {
  typedef T Type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::Type;
template <class T>
inline constexpr std::size_t lanes_of = vector_bytes / sizeof(T);
template <class T>
inline constexpr bool has_vectors = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

template <class T>
HWY_INLINE Vector<T> load_vector(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
HWY_INLINE void store_vector(const Vector<T>& v, T* p) {
  std::memcpy(p, &v, sizeof v);
}
template <class T>
HWY_INLINE Vector<T> all_lanes(T value) {
  return Vector<T>{} + value;
}

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
