#include <cmath>

#include "collections/array/kernels.hpp"
#include "collections/ndarray/counting.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/fft.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/scans.hpp"
#include "collections/ndarray/sorting.hpp"

/// Kernels that call one function of nd on their blocks.
namespace troupe::array {
namespace {

using nd::NdArray;
using Arrays = std::vector<NdArray>;

int read_axis(ArgumentReader& in) { return static_cast<int>(in.read<std::int64_t>()); }

/// Of one block and an axis.
template <auto F>
Value along(ArgumentReader& in) {
  const auto axis = read_axis(in);
  return Value::make(F(read_blocks(in).at(0), axis));
}
/// Of one block alone.
template <auto F>
Value alone(ArgumentReader& in) {
  return Value::make(F(read_blocks(in).at(0)));
}
template <auto F>
Value of_two(ArgumentReader& in) {
  const auto blocks = read_blocks(in);
  return Value::make(F(blocks.at(0), blocks.at(1)));
}
template <auto F>
Value transform(ArgumentReader& in) {
  const auto length = in.read<std::optional<std::int64_t>>();
  const auto axis = read_axis(in);
  const auto norm = static_cast<nd::fft::Norm>(in.read<std::uint8_t>());
  return Value::make(F(read_blocks(in).at(0), length, axis, norm));
}
template <auto F>
Value quantiles(ArgumentReader& in) {
  const auto q = in.read<NdArray>();
  nd::Over over(read_axis(in));
  over.keepdims = in.read<bool>();
  const auto method = static_cast<nd::QuantileMethod>(in.read<std::uint8_t>());
  return Value::make(F(read_blocks(in).at(0), q, over, method));
}

Value reshape(ArgumentReader& in) {
  auto shape = in.read<Shape>();
  return Value::make(read_blocks(in).at(0).reshape(std::move(shape)));
}
Value broadcast(ArgumentReader& in) {
  const auto shape = in.read<Shape>();
  return Value::make(read_blocks(in).at(0).broadcast_to(shape).copy());
}
Value repeat(ArgumentReader& in) {
  const auto count = in.read<std::int64_t>();
  const auto axis = read_axis(in);
  return Value::make(nd::repeat(read_blocks(in).at(0), count, axis));
}
Value compress(ArgumentReader& in) {
  const auto axis = read_axis(in);
  const auto blocks = read_blocks(in);
  return Value::make(nd::compress(blocks.at(1), blocks.at(0), axis));
}
Value take_by(ArgumentReader& in) {
  const auto axis = read_axis(in);
  const auto blocks = read_blocks(in);
  return Value::make(nd::take(blocks.at(0), blocks.at(1), axis));
}
Value einsum(ArgumentReader& in) {
  const auto subscripts = in.read<std::string>();
  const auto blocks = read_blocks(in);
  if (subscripts == "ab,bc->ac") return Value::make(nd::matmul(blocks.at(0), blocks.at(1)));
  return Value::make(nd::einsum(subscripts, blocks));
}
Value add_up(ArgumentReader& in) {
  const auto blocks = read_blocks(in);
  auto total = blocks.at(0);
  for (std::size_t i = 1; i < blocks.size(); ++i) total = nd::add(total, blocks[i]);
  return Value::make(std::move(total));
}
Value item(ArgumentReader& in) {
  const auto place = in.read<std::uint64_t>();
  (void)in.read<std::vector<View>>();
  const auto inputs = in.other_inputs();
  if (inputs.size() != 1) throw DecodeError("one of several results of one task");
  const auto all = inputs[0].as<Arrays>();
  if (!all) throw DecodeError(all.error().text);
  return Value::make((*all)->at(place));
}
Value qr(ArgumentReader& in) {
  auto made = nd::linalg::qr(read_blocks(in).at(0));
  return Value::make(Arrays{std::move(made.q), std::move(made.r)});
}
/// Of triangles, one below the other.
Value stacked_qr(ArgumentReader& in) {
  auto made = nd::linalg::qr(nd::concatenate(read_blocks(in), 0));
  return Value::make(Arrays{std::move(made.q), std::move(made.r)});
}
/// Rows of the second block, from one on, multiplied from the left.
Value times_rows(ArgumentReader& in) {
  const auto first = in.read<std::int64_t>();
  const auto count = in.read<std::int64_t>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::matmul(blocks.at(0), blocks.at(1).slice(0, first, first + count)));
}
Value svd(ArgumentReader& in) {
  auto made = nd::linalg::svd(read_blocks(in).at(0));
  return Value::make(Arrays{std::move(made.u), std::move(made.s), std::move(made.vh)});
}
Value lu(ArgumentReader& in) {
  auto made = nd::linalg::lu(read_blocks(in).at(0));
  return Value::make(Arrays{std::move(made.p), std::move(made.l), std::move(made.u)});
}
Value solve_triangular(ArgumentReader& in) {
  const auto lower = in.read<bool>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::linalg::solve_triangular(blocks.at(0), blocks.at(1), lower));
}
/// a - b c^H, of cholesky's trailing blocks.
Value less_product(ArgumentReader& in) {
  const auto blocks = read_blocks(in);
  return Value::make(nd::subtract(blocks.at(0), nd::matmul(blocks.at(1), nd::conj(blocks.at(2)).transpose())));
}
/// b l^-H.
Value solve_right(ArgumentReader& in) {
  const auto blocks = read_blocks(in);
  const auto flipped = nd::linalg::solve_triangular(blocks.at(1), nd::conj(blocks.at(0)).transpose(), true);
  return Value::make(nd::conj(flipped).transpose().copy());
}
Value cholesky(ArgumentReader& in) { return Value::make(nd::linalg::cholesky(read_blocks(in).at(0))); }
Value solve(ArgumentReader& in) {
  const auto blocks = read_blocks(in);
  return Value::make(nd::linalg::solve(blocks.at(0), blocks.at(1)));
}
Value norm(ArgumentReader& in) {
  const auto ord = in.read<std::string>();
  return Value::make(nd::linalg::norm(read_blocks(in).at(0), ord));
}
Value bincount(ArgumentReader& in) {
  const auto length = in.read<std::int64_t>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::bincount(blocks.at(0), blocks.size() > 1 ? std::optional(blocks[1]) : std::nullopt, length));
}
Value histogram(ArgumentReader& in) {
  const auto edges = in.read<NdArray>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::histogram(blocks.at(0), edges, blocks.size() > 1 ? std::optional(blocks[1]) : std::nullopt));
}
Value unique(ArgumentReader& in) {
  std::vector<NdArray> flat;
  for (const auto& each : read_blocks(in)) flat.push_back(each.reshape({-1}));
  return Value::make(nd::unique(nd::concatenate(flat, 0)));
}
Value searchsorted(ArgumentReader& in) {
  const auto right = in.read<bool>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::searchsorted(blocks.at(0), blocks.at(1), right));
}
Value digitize(ArgumentReader& in) {
  const auto bins = in.read<NdArray>();
  const auto right = in.read<bool>();
  return Value::make(nd::digitize(read_blocks(in).at(0), bins, right));
}
Value isin(ArgumentReader& in) {
  const auto invert = in.read<bool>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::isin(blocks.at(0), blocks.at(1), invert));
}
Value median(ArgumentReader& in) {
  nd::Over over(read_axis(in));
  over.keepdims = in.read<bool>();
  const auto skip_nan = in.read<bool>();
  const auto block = read_blocks(in).at(0);
  return Value::make(skip_nan ? nd::nanmedian(block, over) : nd::median(block, over));
}
Value interp(ArgumentReader& in) {
  const auto xp = in.read<NdArray>();
  const auto fp = in.read<NdArray>();
  return Value::make(nd::interp(read_blocks(in).at(0), xp, fp));
}
Value argtopk(ArgumentReader& in) {
  const auto k = in.read<std::int64_t>();
  const auto axis = read_axis(in);
  return Value::make(nd::argtopk(read_blocks(in).at(0), k, axis));
}
Value push(ArgumentReader& in) {
  const auto axis = read_axis(in);
  const auto n = in.read<std::int64_t>();
  return Value::make(nd::push(read_blocks(in).at(0), axis, n < 0 ? std::nullopt : std::optional(n)));
}
Value argwhere(ArgumentReader& in) { return Value::make(nd::argwhere(read_blocks(in).at(0))); }

NdArray cumsum(const NdArray& a, int axis) { return nd::cumsum(a, axis); }
NdArray cumprod(const NdArray& a, int axis) { return nd::cumprod(a, axis); }
NdArray nancumsum(const NdArray& a, int axis) { return nd::nancumsum(a, axis); }
NdArray nancumprod(const NdArray& a, int axis) { return nd::nancumprod(a, axis); }
NdArray take_along(const NdArray& a, const NdArray& b) { return nd::take_along_axis(a, b, 0); }

constexpr Kernel kernels[] = {
    {"array.sort", &along<&nd::sort>},
    {"array.argsort", &along<&nd::argsort>},
    {"array.argtopk", &argtopk},
    {"array.cumsum", &along<&cumsum>},
    {"array.cumprod", &along<&cumprod>},
    {"array.nancumsum", &along<&nancumsum>},
    {"array.nancumprod", &along<&nancumprod>},
    {"array.reshape", &reshape},
    {"array.broadcast", &broadcast},
    {"array.repeat", &repeat},
    {"array.masked", &of_two<&nd::masked>},
    {"array.compress", &compress},
    {"array.take_by", &take_by},
    {"array.take_along", &of_two<&take_along>},
    {"array.argwhere", &argwhere},
    {"array.einsum", &einsum},
    {"array.add_up", &add_up},
    {"array.item", &item},
    {"array.qr", &qr},
    {"array.stacked_qr", &stacked_qr},
    {"array.times_rows", &times_rows},
    {"array.svd", &svd},
    {"array.lu", &lu},
    {"array.solve", &solve},
    {"array.solve_triangular", &solve_triangular},
    {"array.solve_right", &solve_right},
    {"array.less_product", &less_product},
    {"array.cholesky", &cholesky},
    {"array.inv", &alone<&nd::linalg::inv>},
    {"array.det", &alone<&nd::linalg::det>},
    {"array.norm", &norm},
    {"array.fft", &transform<&nd::fft::fft>},
    {"array.ifft", &transform<&nd::fft::ifft>},
    {"array.rfft", &transform<&nd::fft::rfft>},
    {"array.irfft", &transform<&nd::fft::irfft>},
    {"array.hfft", &transform<&nd::fft::hfft>},
    {"array.ihfft", &transform<&nd::fft::ihfft>},
    {"array.quantile", &quantiles<&nd::quantile>},
    {"array.nanquantile", &quantiles<&nd::nanquantile>},
    {"array.median", &median},
    {"array.unique", &unique},
    {"array.bincount", &bincount},
    {"array.histogram", &histogram},
    {"array.searchsorted", &searchsorted},
    {"array.digitize", &digitize},
    {"array.isin", &isin},
    {"array.interp", &interp},
    {"array.push", &push},
};

}  // namespace

std::span<const Kernel> call_kernels() { return kernels; }

}  // namespace troupe::array
