// exp, log, sin and cos with AVX-512, within 1 ulp: what SLEEF does in pairs of numbers, in fewer steps.
// Included once for each target; has something only for AVX-512.
#if defined(TROUPE_ND_KERNEL_SHORT_MATH) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_ND_KERNEL_SHORT_MATH
#undef TROUPE_ND_KERNEL_SHORT_MATH
#else
#define TROUPE_ND_KERNEL_SHORT_MATH
#endif

#if HWY_TARGET == HWY_AVX3
#include <immintrin.h>

#include <cstddef>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace troupe::nd::HWY_NAMESPACE {

// One name for both types.
HWY_INLINE __m512d all(double x) { return _mm512_set1_pd(x); }
HWY_INLINE __m512 all(float x) { return _mm512_set1_ps(x); }
HWY_INLINE __m512d fused(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
HWY_INLINE __m512 fused(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
/// Where `x` is one of `kinds`, as the instruction has them.
template <int kinds>
HWY_INLINE __mmask8 lanes_of_kind(__m512d x) {
  return _mm512_fpclass_pd_mask(x, kinds);
}
template <int kinds>
HWY_INLINE __mmask16 lanes_of_kind(__m512 x) {
  return _mm512_fpclass_ps_mask(x, kinds);
}
HWY_INLINE __m512d put(__m512d x, __mmask8 where, double value) { return _mm512_mask_mov_pd(x, where, all(value)); }
HWY_INLINE __m512 put(__m512 x, __mmask16 where, float value) { return _mm512_mask_mov_ps(x, where, all(value)); }

/// The terms are those of the highest power first.
template <class V, class T, std::size_t n>
HWY_INLINE V polynomial(V x, const T (&terms)[n]) {
  V p = all(terms[0]);
  for (std::size_t i = 1; i < n; ++i) p = fused(p, x, all(terms[i]));
  return p;
}

/// e^x = 2^n e^r with |r| up to half of ln 2.
struct ShortExp {
  static HWY_INLINE __m512d apply(__m512d x) {
    // What is beyond overflows, or becomes 0, all the same. A NaN is the second operand, and stays.
    x = _mm512_max_pd(_mm512_set1_pd(-746), _mm512_min_pd(_mm512_set1_pd(711), x));
    const __m512d rounding = _mm512_set1_pd(0x1.8p52);
    const __m512d n = _mm512_sub_pd(_mm512_fmadd_pd(x, _mm512_set1_pd(0x1.71547652b82fep+0), rounding), rounding);
    const __m512d r = _mm512_fnmadd_pd(n, _mm512_set1_pd(0x1.ef35793c76730p-45),
                                       _mm512_fnmadd_pd(n, _mm512_set1_pd(0x1.62e42fefa3800p-1), x));
    static constexpr double terms[] = {0x1.6124613a86d09p-33, 0x1.1eed8eff8d898p-29, 0x1.ae64567f544e4p-26,
                                       0x1.27e4fb7789f5cp-22, 0x1.71de3a556c734p-19, 0x1.a01a01a01a01ap-16,
                                       0x1.a01a01a01a01ap-13, 0x1.6c16c16c16c17p-10, 0x1.1111111111111p-7,
                                       0x1.5555555555555p-5,  0x1.5555555555555p-3,  0.5};
    const __m512d p = polynomial(r, terms);
    return _mm512_scalef_pd(_mm512_add_pd(all(1.0), fused(_mm512_mul_pd(r, r), p, r)), n);
  }
};

/// log x = e ln 2 - log c + log(1 + r), where x = 2^e m with m from 3/4 to 3/2, c is near to 1 / m, from a table, with few
/// bits, and r = c m - 1 is exact. Around 1, c is 1, so that nothing cancels.
struct ShortLog {
  static HWY_INLINE __m512d apply(__m512d x) {
    alignas(64) static constexpr double c[] = {0x1.0p+0, 0x1.d8p-1, 0x1.b8p-1, 0x1.a8p-1, 0x1.9p-1,  0x1.8p-1,
                                               0x1.7p-1, 0x1.6p-1,  0x1.5p+0,  0x1.4p+0,  0x1.34p+0, 0x1.28p+0,
                                               0x1.2p+0, 0x1.14p+0, 0x1.0cp+0, 0x1.0p+0};
    // -log c, its first part on the grid of that of ln 2, so that sums of multiples of both are exact.
    alignas(64) static constexpr double log_high[] = {
        0,
        0x1.4d3115d208000p-4,
        0x1.365fcb015a000p-3,
        0x1.823c16551a000p-3,
        0x1.f991c6cb3c000p-3,
        0x1.269621134e000p-2,
        0x1.522ae0738a000p-2,
        0x1.7fafa3bd81000p-2,
        -0x1.1675cababa000p-2,
        -0x1.c8ff7c79aa000p-3,
        -0x1.7ab890210e000p-3,
        -0x1.29552f8200000p-3,
        -0x1.e27076e2b0000p-4,
        -0x1.341d7961bc000p-4,
        -0x1.77458f6330000p-5,
        0,
    };
    alignas(64) static constexpr double log_low[] = {
        0,
        -0x1.53a2582f4e1efp-48,
        -0x1.fd3a0afb9691bp-44,
        0x1.e0ddb9a631e83p-46,
        -0x1.90d04cd7cc834p-44,
        -0x1.1b61f10522625p-44,
        0x1.ebe708164c759p-45,
        0x1.46fb79bf6d4cbp-44,
        -0x1.8380e731f55c4p-44,
        0x1.7794f689f8434p-45,
        0x1.bdb9072534a58p-45,
        0x1.5b967f4471dfcp-44,
        0x1.a342c2af0003cp-45,
        -0x1.1d09299837610p-44,
        0x1.181dce586af09p-44,
        0,
    };
    static constexpr double terms[] = {-0x1.35c0525abf0cbp-4,
                                       0x1.79b89939cf1f4p-4,
                                       -0x1.9a4b3c2e86e2cp-4,
                                       0x1.c71edeb269ef3p-4,
                                       -0x1.ffffb82268ab5p-4,
                                       0x1.2492484d46cbfp-3,
                                       -0x1.555555593b272p-3,
                                       0x1.99999999b1d36p-3,
                                       -0x1.fffffffffff01p-3,
                                       0x1.5555555555552p-2,
                                       -0.5};
    const __m512d m = _mm512_getmant_pd(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
    const __m512d floor = _mm512_getexp_pd(x);
    const __m512d one = _mm512_set1_pd(1);
    const __m512d e = _mm512_mask_add_pd(floor, _mm512_cmp_pd_mask(m, one, _CMP_LT_OQ), floor, one);
    // Four bits behind the point; of the others a permutation sees nothing.
    const __m512i place = _mm512_srli_epi64(_mm512_castpd_si512(m), 48);
    const auto at = [place](const double* table) HWY_ATTR {
      return _mm512_permutex2var_pd(_mm512_load_pd(table), place, _mm512_load_pd(table + 8));
    };
    const __m512d r = _mm512_fmsub_pd(m, at(c), one);
    return sum_of(x, e, 0x1.62e42fefa3800p-1, 0x1.ef35793c76730p-45, at(log_high), at(log_low), r, terms);
  }

  static HWY_INLINE __m512 apply(__m512 x) {
    alignas(64) static constexpr float c[] = {0x1.0p+0F, 0x1.d8p-1F, 0x1.b8p-1F, 0x1.a8p-1F, 0x1.9p-1F,  0x1.8p-1F,
                                              0x1.7p-1F, 0x1.6p-1F,  0x1.5p+0F,  0x1.4p+0F,  0x1.34p+0F, 0x1.28p+0F,
                                              0x1.2p+0F, 0x1.14p+0F, 0x1.0cp+0F, 0x1.0p+0F};
    alignas(64) static constexpr float log_high[] = {
        0,
        0x1.4d4p-4F,
        0x1.366p-3F,
        0x1.824p-3F,
        0x1.f99p-3F,
        0x1.2698p-2F,
        0x1.5228p-2F,
        0x1.7fbp-2F,
        -0x1.1678p-2F,
        -0x1.c9p-3F,
        -0x1.7acp-3F,
        -0x1.295p-3F,
        -0x1.e28p-4F,
        -0x1.342p-4F,
        -0x1.774p-5F,
        0,
    };
    alignas(64) static constexpr float log_low[] = {
        0,
        -0x1.dd45c0p-17F,
        -0x1.a7f538p-22F,
        -0x1.f4d572p-18F,
        0x1.c6cb3cp-19F,
        -0x1.deecb2p-18F,
        0x1.7039c6p-17F,
        -0x1.7109fap-20F,
        0x1.1aa2a2p-17F,
        0x1.070cacp-20F,
        0x1.dbf7bcp-17F,
        -0x1.4be080p-17F,
        0x1.f123aap-17F,
        0x1.434f22p-19F,
        -0x1.63d8ccp-19F,
        0,
    };
    static constexpr float terms[] = {-0x1.4544e2p-3F, 0x1.99e474p-3F, -0x1.0001f0p-2F, 0x1.555554p-2F, -0.5F};
    const __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
    const __m512 floor = _mm512_getexp_ps(x);
    const __m512 one = _mm512_set1_ps(1);
    const __m512 e = _mm512_mask_add_ps(floor, _mm512_cmp_ps_mask(m, one, _CMP_LT_OQ), floor, one);
    const __m512i place = _mm512_srli_epi32(_mm512_castps_si512(m), 19);
    const auto at = [place](const float* table)
                        HWY_ATTR { return _mm512_permutexvar_ps(place, _mm512_load_ps(table)); };
    const __m512 r = _mm512_fmsub_ps(m, at(c), one);
    return sum_of(x, e, 0x1.62e4p-1F, 0x1.7f7d1cp-20F, at(log_high), at(log_low), r, terms);
  }

private:
  /// `terms` are those of log(1 + r) without the first.
  template <class V, class T, std::size_t n>
  static HWY_INLINE V sum_of(V x, V e, T ln2_high, T ln2_low, V log_high, V log_low, V r, const T (&terms)[n]) {
    const V whole = fused(e, all(ln2_high), log_high);
    const V high = whole + r;
    const V low = (whole - high + r) + fused(e, all(ln2_low), log_low);
    V result = high + fused(r * r, polynomial(r, terms), low);
    constexpr int negative = 0x40, infinite = 0x08, zero = 0x06, negative_infinite = 0x10, nan = 0x81;
    if (HWY_UNLIKELY(lanes_of_kind<negative | infinite | zero | negative_infinite | nan>(x) != 0)) {
      constexpr T infinity = std::numeric_limits<T>::infinity();
      result = put(result, lanes_of_kind<negative | negative_infinite | nan>(x), std::numeric_limits<T>::quiet_NaN());
      result = put(result, lanes_of_kind<zero>(x), -infinity);
      result = put(result, lanes_of_kind<infinite>(x), infinity);
    }
    return result;
  }
};

/// The sine (`quarters` 0) or cosine (1) of floats: polynomials on an eighth of the circle, around the nearest quarter.
template <int quarters>
struct ShortSine {
  /// Farther away, more of pi would be needed.
  static constexpr float farthest = 50000;

  static HWY_INLINE __m512 apply(__m512 x) {
    const __m512 result = near(x);
    const auto far = _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(farthest), _CMP_NLE_UQ);
    if (HWY_LIKELY(far == 0)) return result;
    const __m512 all_far = quarters == 0 ? Sleef_finz_sinf16_u10avx512f(x) : Sleef_finz_cosf16_u10avx512f(x);
    return _mm512_mask_mov_ps(result, far, all_far);
  }

private:
  static HWY_INLINE __m512 near(__m512 x) {
    const __m512 one = _mm512_set1_ps(1);
    const __m512 rounding = _mm512_set1_ps(0x1.8p23F);
    const __m512 turned = _mm512_fmadd_ps(x, _mm512_set1_ps(0x1.45f306p-1F), rounding);
    const __m512 n = _mm512_sub_ps(turned, rounding);
    // Less n quarters, in three parts: the first difference is exact, and what the second loses is kept.
    const __m512 first = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.921fb6p+0F), x);
    const __m512 second = _mm512_mul_ps(n, _mm512_set1_ps(0x1.777a5cp-25F));
    const __m512 r = _mm512_add_ps(first, second);
    const __m512 added = _mm512_sub_ps(r, first);
    const __m512 lost = _mm512_add_ps(_mm512_sub_ps(first, _mm512_sub_ps(r, added)), _mm512_sub_ps(second, added));
    const __m512 low =
        _mm512_add_ps(lost, _mm512_fmadd_ps(n, _mm512_set1_ps(0x1.ee59dap-50F),
                                            _mm512_fmsub_ps(n, _mm512_set1_ps(0x1.777a5cp-25F), second)));
    const __m512 z = _mm512_mul_ps(r, r);
    __m512 s = _mm512_fmadd_ps(_mm512_set1_ps(-1.9515295891e-4F), z, _mm512_set1_ps(8.3321608736e-3F));
    s = _mm512_fmadd_ps(s, z, _mm512_set1_ps(-1.6666654611e-1F));
    s = _mm512_add_ps(r, _mm512_fmadd_ps(_mm512_mul_ps(r, z), s, low));
    __m512 c = _mm512_fmadd_ps(_mm512_set1_ps(2.443315711809948e-5F), z, _mm512_set1_ps(-1.388731625493765e-3F));
    c = _mm512_fmadd_ps(c, z, _mm512_set1_ps(4.166664568298827e-2F));
    const __m512 half = _mm512_set1_ps(0.5F);
    const __m512 begun = _mm512_fnmadd_ps(half, z, one);
    const __m512 missing = _mm512_fnmadd_ps(half, z, _mm512_sub_ps(one, begun));
    c = _mm512_fmadd_ps(_mm512_mul_ps(z, z), c, _mm512_fnmadd_ps(r, low, missing));
    c = _mm512_add_ps(begun, c);
    // The number of the quarter is in the last bits of `turned`.
    const __m512i quarter = _mm512_add_epi32(_mm512_castps_si512(turned), _mm512_set1_epi32(quarters));
    const __m512 chosen = _mm512_mask_mov_ps(s, _mm512_test_epi32_mask(quarter, _mm512_set1_epi32(1)), c);
    const __m512i sign = _mm512_slli_epi32(_mm512_and_si512(quarter, _mm512_set1_epi32(2)), 30);
    const __m512 result = _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(chosen), sign));
    if constexpr (quarters == 0)
      return _mm512_mask_mov_ps(result, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_EQ_OQ), x);  // of -0, -0
    else
      return result;
  }
};

}  // namespace troupe::nd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
