#include "collections/array/kernels.hpp"
#include "collections/ndarray/lu_steps.hpp"

/// Kernels of blocked LU and of triangular solves in blocks.
namespace troupe::array {
namespace {

using nd::NdArray;
using Arrays = std::vector<NdArray>;

Value panel(ArgumentReader& in) {
  const auto first = in.read<std::int64_t>();
  const auto call = in.read<std::string>();
  const auto regular = in.read<bool>();
  auto made = nd::linalg::lu_panel(read_blocks(in).at(0), first, call, regular);
  return Value::make(Arrays{std::move(made.packed), std::move(made.order)});
}
Value forward_step(ArgumentReader& in) {
  const auto unit = in.read<bool>();
  const auto call = in.read<std::string>();
  const auto blocks = read_blocks(in);
  const auto* order = blocks.size() > 2 ? &blocks[2] : nullptr;
  return Value::make(nd::linalg::forward_step(blocks.at(0), blocks.at(1), order, unit, call));
}
Value backward_step(ArgumentReader& in) {
  const auto call = in.read<std::string>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::linalg::backward_step(blocks.at(0), blocks.at(1), call));
}
Value lower(ArgumentReader& in) {
  const auto rows = in.read<std::int64_t>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::linalg::lu_lower(blocks.at(0), rows, std::span(blocks).subspan(1)));
}
Value upper(ArgumentReader& in) {
  const auto first = in.read<std::int64_t>();
  const auto k = in.read<std::int64_t>();
  return Value::make(nd::linalg::lu_upper(read_blocks(in).at(0), first, k));
}
Value rows(ArgumentReader& in) {
  const auto count = in.read<std::int64_t>();
  return Value::make(nd::linalg::lu_rows(count, read_blocks(in)));
}
Value permutation(ArgumentReader& in) {
  const auto start = in.read<Shape>();
  const auto shape = in.read<Shape>();
  const auto dtype = static_cast<nd::DType>(in.read<std::uint8_t>());
  return Value::make(nd::linalg::permutation_part(read_blocks(in).at(0), start, shape, dtype));
}
Value pivots(ArgumentReader& in) {
  const auto first = in.read<std::int64_t>();
  const auto blocks = read_blocks(in);
  return Value::make(nd::linalg::lu_pivots({blocks.at(0), blocks.at(1)}, first));
}
Value det_of_pivots(ArgumentReader& in) {
  const auto dtype = static_cast<nd::DType>(in.read<std::uint8_t>());
  return Value::make(nd::linalg::det_of_pivots(read_blocks(in), dtype));
}
Value slogdet_of_pivots(ArgumentReader& in) {
  const auto dtype = static_cast<nd::DType>(in.read<std::uint8_t>());
  auto made = nd::linalg::slogdet_of_pivots(read_blocks(in), dtype);
  return Value::make(Arrays{std::move(made.first), std::move(made.second)});
}

constexpr Kernel kernels[] = {
    {"array.lu_panel", &panel},
    {"array.forward_step", &forward_step},
    {"array.backward_step", &backward_step},
    {"array.lu_lower", &lower},
    {"array.lu_upper", &upper},
    {"array.lu_rows", &rows},
    {"array.permutation", &permutation},
    {"array.lu_pivots", &pivots},
    {"array.det_of_pivots", &det_of_pivots},
    {"array.slogdet_of_pivots", &slogdet_of_pivots},
};

}  // namespace

std::span<const Kernel> lu_kernels() { return kernels; }

}  // namespace troupe::array
