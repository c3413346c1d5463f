#include "collections/ndarray/fft.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/sorting.hpp"
#include "tests/collections/ndarray/eval_arguments.hpp"

namespace troupe::nd::eval {

void add_sorting(Functions& functions) {
#define ALONG(name)                                                  \
  functions[#name] = [](const Arguments& in) -> Results {            \
    return {name(in.array(0), static_cast<int>(in.integer(1, -1)))}; \
  };
  ALONG(sort)
  ALONG(argsort)
#undef ALONG
  functions["partition"] = [](const Arguments& in) -> Results {
    return {partition(in.array(0), in.integer(1), static_cast<int>(in.integer(2, -1)))};
  };
  functions["topk"] = [](const Arguments& in) -> Results {
    return {topk(in.array(0), in.integer(1), static_cast<int>(in.integer(2, -1)))};
  };
  functions["lexsort"] = [](const Arguments& in) -> Results { return {lexsort(in.arrays_from(0))}; };
  functions["searchsorted"] = [](const Arguments& in) -> Results {
    return {searchsorted(in.array(0), in.array(1), in.integer(2) != 0)};
  };
  functions["digitize"] = [](const Arguments& in) -> Results {
    return {digitize(in.array(0), in.array(1), in.integer(2) != 0)};
  };
  functions["unique"] = [](const Arguments& in) -> Results { return {unique(in.array(0))}; };
  functions["unique_all"] = [](const Arguments& in) -> Results {
    const auto found = unique_all(in.array(0));
    return {found.values, found.index, found.inverse, found.counts};
  };
  functions["isin"] = [](const Arguments& in) -> Results {
    return {isin(in.array(0), in.array(1), in.integer(2) != 0)};
  };
#define SETS(name) functions[#name] = [](const Arguments& in) -> Results { return {name(in.array(0), in.array(1))}; };
  SETS(union1d)
  SETS(intersect1d)
  SETS(setdiff1d)
  SETS(setxor1d)
#undef SETS
  functions["median"] = [](const Arguments& in) -> Results { return {median(in.array(0), in.over(1))}; };
  functions["nanmedian"] = [](const Arguments& in) -> Results { return {nanmedian(in.array(0), in.over(1))}; };
  functions["quantile"] = [](const Arguments& in) -> Results {
    return {quantile(in.array(0), in.array(1), in.over(3), quantile_method_named(in.text(2)))};
  };
  functions["nanquantile"] = [](const Arguments& in) -> Results {
    return {nanquantile(in.array(0), in.array(1), in.over(3), quantile_method_named(in.text(2)))};
  };
  functions["percentile"] = [](const Arguments& in) -> Results {
    return {percentile(in.array(0), in.array(1), in.over(3), quantile_method_named(in.text(2)))};
  };
}

void add_algebra(Functions& functions) {
#define TWO(name) functions[#name] = [](const Arguments& in) -> Results { return {name(in.array(0), in.array(1))}; };
  TWO(matmul)
  TWO(dot)
  TWO(vdot)
  TWO(outer)
  TWO(kron)
  TWO(cross)
#undef TWO
  functions["tensordot"] = [](const Arguments& in) -> Results {
    return {tensordot(in.array(0), in.array(1), in.axes(2), in.axes(3))};
  };
  functions["einsum"] = [](const Arguments& in) -> Results { return {einsum(in.text(0), in.arrays_from(1))}; };
  functions["linalg.qr"] = [](const Arguments& in) -> Results {
    const auto [q, r] = linalg::qr(in.array(0));
    return {q, r};
  };
  functions["linalg.svd"] = [](const Arguments& in) -> Results {
    const auto [u, s, vh] = linalg::svd(in.array(0), in.integer(1) != 0);
    return {u, s, vh};
  };
  functions["linalg.lu"] = [](const Arguments& in) -> Results {
    const auto [p, l, u] = linalg::lu(in.array(0));
    return {p, l, u};
  };
  functions["linalg.cholesky"] = [](const Arguments& in) -> Results {
    return {linalg::cholesky(in.array(0), in.integer(1) != 0)};
  };
  functions["linalg.solve"] = [](const Arguments& in) -> Results { return {linalg::solve(in.array(0), in.array(1))}; };
  functions["linalg.solve_triangular"] = [](const Arguments& in) -> Results {
    return {linalg::solve_triangular(in.array(0), in.array(1), in.integer(2) != 0, in.integer(3) != 0)};
  };
  functions["linalg.inv"] = [](const Arguments& in) -> Results { return {linalg::inv(in.array(0))}; };
  functions["linalg.pinv"] = [](const Arguments& in) -> Results { return {linalg::pinv(in.array(0))}; };
  functions["linalg.det"] = [](const Arguments& in) -> Results { return {linalg::det(in.array(0))}; };
  functions["linalg.slogdet"] = [](const Arguments& in) -> Results {
    const auto [sign, log] = linalg::slogdet(in.array(0));
    return {sign, log};
  };
  functions["linalg.lstsq"] = [](const Arguments& in) -> Results {
    const auto found = linalg::lstsq(in.array(0), in.array(1));
    return {found.x, found.residuals, NdArray::scalar(found.rank, DType::int64), found.s};
  };
  functions["linalg.eigh"] = [](const Arguments& in) -> Results {
    const auto [values, vectors] = linalg::eigh(in.array(0));
    return {values, vectors};
  };
  functions["linalg.eigvalsh"] = [](const Arguments& in) -> Results { return {linalg::eigvalsh(in.array(0))}; };
  functions["linalg.eig"] = [](const Arguments& in) -> Results {
    const auto [values, vectors] = linalg::eig(in.array(0));
    return {values, vectors};
  };
  functions["linalg.matrix_rank"] = [](const Arguments& in) -> Results { return {linalg::matrix_rank(in.array(0))}; };
  functions["linalg.matrix_power"] = [](const Arguments& in) -> Results {
    return {linalg::matrix_power(in.array(0), in.integer(1))};
  };
  functions["linalg.norm"] = [](const Arguments& in) -> Results {
    return {linalg::norm(in.array(0), in.text(1), in.axes(2), in.integer(3) != 0)};
  };
#define FFT(name)                                                                           \
  functions["fft." #name] = [](const Arguments& in) -> Results {                            \
    return {fft::name(in.array(0), in.none(1) ? fft::Length() : fft::Length(in.integer(1)), \
                      static_cast<int>(in.integer(2, -1)), fft::norm_named(in.text(3)))};   \
  };
  FFT(fft)
  FFT(ifft)
  FFT(rfft)
  FFT(irfft)
  FFT(hfft)
  FFT(ihfft)
#undef FFT
#define FFTN(name)                                                                            \
  functions["fft." #name] = [](const Arguments& in) -> Results {                              \
    return {fft::name(in.array(0), in.integers(1), in.axes(2), fft::norm_named(in.text(3)))}; \
  };
  FFTN(fftn)
  FFTN(ifftn)
  FFTN(rfftn)
  FFTN(irfftn)
#undef FFTN
  functions["fft.fftfreq"] = [](const Arguments& in) -> Results { return {fft::fftfreq(in.integer(0), in.real(1))}; };
  functions["fft.rfftfreq"] = [](const Arguments& in) -> Results { return {fft::rfftfreq(in.integer(0), in.real(1))}; };
  functions["fft.fftshift"] = [](const Arguments& in) -> Results { return {fft::fftshift(in.array(0), in.axes(1))}; };
  functions["fft.ifftshift"] = [](const Arguments& in) -> Results { return {fft::ifftshift(in.array(0), in.axes(1))}; };
}

}  // namespace troupe::nd::eval
