#include "collections/array/reduction.hpp"

#include <algorithm>
#include <cstdlib>

#include "collections/array/kernels.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/sorting.hpp"

namespace troupe::array {
namespace {

using nd::NdArray;
using State = ReductionSpec::State;

bool is_arg(Reduction kind) {
  return kind == Reduction::argmin || kind == Reduction::argmax || kind == Reduction::nanargmin ||
         kind == Reduction::nanargmax;
}
bool skips_nan(Reduction kind) { return kind >= Reduction::nansum && kind <= Reduction::nanargmax; }
bool wants_least(Reduction kind) { return kind == Reduction::argmin || kind == Reduction::nanargmin; }

nd::Over over_of(const ReductionSpec& spec) {
  nd::Over over;
  over.axis = nd::Axes();
  for (const auto axis : spec.axes) over.axis->push_back(static_cast<int>(axis));
  over.keepdims = true;
  return over;
}

/// Elements that each result is made of, as an array that broadcasts.
NdArray count_of(const NdArray& block, const ReductionSpec& spec, bool skip_nan) {
  if (skip_nan) return nd::nancount(block, over_of(spec)).astype(nd::DType::float64);
  std::int64_t count = 1;
  for (const auto axis : spec.axes) count *= block.extent(static_cast<std::size_t>(axis));
  return NdArray::full(Shape(block.ndim(), 1), static_cast<double>(count), nd::DType::float64);
}

/// The type that sums are kept in on the way to a mean: integers and halves of floats as they are promoted by NumPy.
nd::DType mean_dtype(const NdArray& block, const ReductionSpec& spec) {
  if (spec.asked_dtype()) return *spec.asked_dtype();
  return nd::kind_of(block.dtype()) < nd::Kind::real ? nd::DType::float64 : block.dtype();
}

State moments_of(const NdArray& block, const ReductionSpec& spec, bool skip_nan) {
  const auto over = over_of(spec).as(mean_dtype(block, spec));
  const auto count = count_of(block, spec, skip_nan);
  const auto total = skip_nan ? nd::nansum(block, over) : nd::sum(block, over);
  const auto mean = nd::divide(total, nd::maximum(count, 1.0)).astype(total.dtype());
  auto squares = nd::sum_of_squares(block, mean, over, skip_nan);
  return {count, mean, nd::is_complex(squares.dtype()) ? squares.real().copy() : std::move(squares)};
}

/// Pairwise, after T. Chan, G. Golub and R. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
/// variances" (1979).
State joined_moments(const std::vector<NdArray>& stacked) {
  const auto over = nd::Over(0).keep();
  const auto& count = stacked[0];
  const auto& mean = stacked[1];
  const auto total = nd::sum(count, over);
  const auto center =
      nd::divide(nd::sum(nd::multiply(mean, count), over), nd::maximum(total, 1.0)).astype(mean.dtype());
  const auto off = nd::absolute(nd::subtract(mean, center));
  const auto squares = nd::add(nd::sum(stacked[2], over), nd::sum(nd::multiply(count, nd::square(off)), over));
  const auto flat = [](const NdArray& a) { return a.pick(0, 0); };
  return {flat(total), flat(center), flat(squares).astype(stacked[2].dtype())};
}

State extreme_of(const NdArray& block, const ReductionSpec& spec, const Shape& start, const Shape& whole) {
  const auto kind = spec.reduction();
  const auto find = [&](const NdArray& a, std::optional<int> axis) {
    switch (kind) {
      case Reduction::argmin: return nd::argmin(a, axis, true);
      case Reduction::argmax: return nd::argmax(a, axis, true);
      case Reduction::nanargmin: return nd::argmin(nd::where(nd::isnan(a), INFINITY, a), axis, true);
      default: return nd::argmax(nd::where(nd::isnan(a), -INFINITY, a), axis, true);
    }
  };
  if (!spec.flat) {
    const auto axis = static_cast<int>(spec.axes.at(0));
    const auto index = find(block, axis);
    const auto value = nd::take_along_axis(block, index, axis);
    return {value, nd::add(index, start.at(static_cast<std::size_t>(axis)))};
  }
  const Shape ones(block.ndim(), 1);
  const auto index = find(block, {}).item<std::int64_t>();
  const auto value = block.reshape({-1}).slice(0, index, index + 1).reshape(ones);
  auto left = index;
  std::int64_t place = 0;
  std::int64_t stride = 1;
  for (std::size_t axis = block.ndim(); axis-- > 0;) {
    place += (left % block.extent(axis) + start[axis]) * stride;
    left /= block.extent(axis);
    stride *= whole[axis];
  }
  return {value, NdArray::full(ones, place, nd::DType::int64)};
}

/// The better of two, the earlier of equal ones; a NaN is better than all that is none.
State better(const State& a, const State& b, Reduction kind) {
  auto wins = wants_least(kind) ? nd::less(b[0], a[0]) : nd::greater(b[0], a[0]);
  auto ties = nd::equal(b[0], a[0]);
  if (nd::is_float(a[0].dtype()) || nd::is_complex(a[0].dtype())) {
    const bool skip = skips_nan(kind);
    const auto a_nan = nd::isnan(a[0]);
    const auto b_nan = nd::isnan(b[0]);
    wins = nd::logical_or(wins, nd::logical_and(skip ? a_nan : b_nan, nd::logical_not(skip ? b_nan : a_nan)));
    ties = nd::logical_or(ties, nd::logical_and(a_nan, b_nan));
  }
  wins = nd::logical_or(wins, nd::logical_and(ties, nd::less(b[1], a[1])));
  return {nd::where(wins, b[0], a[0]), nd::where(wins, b[1], a[1])};
}

NdArray squeezed(const NdArray& a, const ReductionSpec& spec) {
  if (spec.keepdims) return a;
  nd::Axes axes;
  for (const auto axis : spec.axes) axes.push_back(static_cast<int>(axis));
  return axes.empty() ? a : a.squeeze(axes);
}

}  // namespace

State ReductionSpec::state_of(const NdArray& block, const Shape& start, const Shape& whole) const {
  auto over = over_of(*this);
  over.dtype = asked_dtype();
  switch (reduction()) {
    case Reduction::sum: return {nd::sum(block, over)};
    case Reduction::prod: return {nd::prod(block, over)};
    case Reduction::min: return {nd::min(block, over)};
    case Reduction::max: return {nd::max(block, over)};
    case Reduction::any: return {nd::any(block, over)};
    case Reduction::all: return {nd::all(block, over)};
    case Reduction::count_nonzero: return {nd::count_nonzero(block, over)};
    case Reduction::nansum: return {nd::nansum(block, over)};
    case Reduction::nanprod: return {nd::nanprod(block, over)};
    case Reduction::nanmin: return {nd::nanmin(block, over)};
    case Reduction::nanmax: return {nd::nanmax(block, over)};
    case Reduction::ptp: return {nd::min(block, over), nd::max(block, over)};
    case Reduction::mean: return {nd::sum(block, over.as(mean_dtype(block, *this))), count_of(block, *this, false)};
    case Reduction::nanmean:
      return {nd::nansum(block, over.as(mean_dtype(block, *this))), count_of(block, *this, true)};
    case Reduction::var:
    case Reduction::std: return moments_of(block, *this, false);
    case Reduction::nanvar:
    case Reduction::nanstd: return moments_of(block, *this, true);
    case Reduction::topk: {
      const auto axis = static_cast<int>(axes.at(0));
      const auto extent = block.extent(static_cast<std::size_t>(axis));
      return {nd::topk(block, k < 0 ? -std::min(-k, extent) : std::min(k, extent), axis)};
    }
    case Reduction::argmin:
    case Reduction::argmax:
    case Reduction::nanargmin:
    case Reduction::nanargmax: break;
  }
  return extreme_of(block, *this, start, whole);
}

State ReductionSpec::joined(const std::vector<State>& states) const {
  const auto what = reduction();
  if (is_arg(what)) {
    auto best = states.front();
    for (std::size_t i = 1; i < states.size(); ++i) best = better(best, states[i], what);
    return best;
  }
  std::vector<NdArray> stacked;
  for (std::size_t part = 0; part < states.front().size(); ++part) {
    std::vector<NdArray> all;
    for (const auto& state : states) all.push_back(state[part]);
    stacked.push_back(what == Reduction::topk ? nd::concatenate(all, static_cast<int>(axes.at(0))) : nd::stack(all, 0));
  }
  const auto first = nd::Over(0);
  switch (what) {
    case Reduction::topk: {
      const auto extent = stacked[0].extent(static_cast<std::size_t>(axes[0]));
      return {nd::topk(stacked[0], k < 0 ? -std::min(-k, extent) : std::min(k, extent), static_cast<int>(axes[0]))};
    }
    case Reduction::prod:
    case Reduction::nanprod: return {nd::prod(stacked[0], first.as(stacked[0].dtype()))};
    case Reduction::min: return {nd::min(stacked[0], first)};
    case Reduction::max: return {nd::max(stacked[0], first)};
    case Reduction::nanmin: return {nd::nanmin(stacked[0], first)};
    case Reduction::nanmax: return {nd::nanmax(stacked[0], first)};
    case Reduction::any: return {nd::any(stacked[0], first)};
    case Reduction::all: return {nd::all(stacked[0], first)};
    case Reduction::ptp: return {nd::min(stacked[0], first), nd::max(stacked[1], first)};
    case Reduction::var:
    case Reduction::std:
    case Reduction::nanvar:
    case Reduction::nanstd: return joined_moments(stacked);
    default: break;
  }
  State sums;
  for (const auto& each : stacked) sums.push_back(nd::sum(each, first.as(each.dtype())));
  return sums;
}

NdArray ReductionSpec::result_of(const State& state) const {
  switch (reduction()) {
    case Reduction::mean:
    case Reduction::nanmean: return squeezed(nd::divide(state[0], state[1]).astype(state[0].dtype()), *this);
    case Reduction::ptp: return squeezed(nd::subtract(state[1], state[0]), *this);
    case Reduction::topk: return state[0];
    case Reduction::var:
    case Reduction::std:
    case Reduction::nanvar:
    case Reduction::nanstd: {
      auto divisor = nd::subtract(state[0], ddof);
      divisor =
          skips_nan(reduction()) ? nd::where(nd::less_equal(divisor, 0.0), NAN, divisor) : nd::maximum(divisor, 0.0);
      auto result = nd::divide(state[2], divisor);
      if (reduction() == Reduction::std || reduction() == Reduction::nanstd) result = nd::sqrt(result);
      return squeezed(result.astype(state[2].dtype()), *this);
    }
    case Reduction::argmin:
    case Reduction::argmax:
    case Reduction::nanargmin:
    case Reduction::nanargmax: return squeezed(state[1], *this);
    default: return squeezed(state[0], *this);
  }
}

namespace {

Value finished(const ReductionSpec& spec, State state, bool last) {
  return last ? Value::make(spec.result_of(state)) : Value::make(std::move(state));
}

/// Elements that are still near, in the second cache, when they are gone over again.
constexpr std::int64_t piece_elements = 32 << 10;

/// Whether a state is made by going over the elements more than once.
bool goes_again(Reduction kind) {
  switch (kind) {
    case Reduction::var:
    case Reduction::std:
    case Reduction::ptp:
    case Reduction::nanmean:
    case Reduction::nanvar:
    case Reduction::nanstd: return true;
    default: return false;
  }
}

/// The states of pieces along an axis that is kept, one behind the other.
State side_by_side(const std::vector<State>& states, std::size_t axis, std::int64_t extent) {
  State all;
  for (std::size_t part = 0; part < states.front().size(); ++part) {
    // The number of elements, say, is the same for all.
    if (states.front()[part].extent(axis) != extent) {
      all.push_back(states.front()[part]);
      continue;
    }
    std::vector<NdArray> each;
    for (const auto& state : states) each.push_back(state[part]);
    all.push_back(nd::concatenate(each, static_cast<int>(axis)));
  }
  return all;
}

/// The state of the block of `shape` that `program` makes of `inputs`, or that is the only input. Piece by piece: what
/// the program makes is reduced while it is near, and nothing is made that is as large as the block.
State state_in_pieces(const ReductionSpec& spec, const std::optional<nd::Program>& program,
                      const std::vector<NdArray>& inputs, const Shape& shape, const Shape& start, const Shape& whole) {
  const auto all = nd::size_of(shape);
  std::optional<std::size_t> cut;
  if (all > piece_elements && (program || goes_again(spec.reduction())))
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const auto apart = [&](std::size_t i) {
        const auto& first = inputs.front();
        const auto missing = shape.size() - first.ndim();
        return i < missing ? 0 : std::abs(first.strides()[i - missing]);
      };
      if (shape[axis] > 1 && (!cut || apart(axis) > apart(*cut))) cut = axis;
    }
  if (!cut) return spec.state_of(program ? program->run(inputs, shape) : inputs.at(0), start, whole);
  const auto axis = *cut;
  const auto step = std::max<std::int64_t>(1, piece_elements / (all / shape[axis]));
  std::vector<State> states;
  for (std::int64_t done = 0; done < shape[axis]; done += step) {
    auto piece_shape = shape;
    piece_shape[axis] = std::min(step, shape[axis] - done);
    auto piece_start = start;
    piece_start[axis] += done;
    std::vector<NdArray> pieces;
    for (const auto& input : inputs) {
      const auto missing = shape.size() - input.ndim();
      const bool varies = axis >= missing && input.extent(axis - missing) > 1;
      pieces.push_back(varies ? input.slice(axis - missing, done, done + piece_shape[axis]) : input);
    }
    states.push_back(state_in_pieces(spec, program, pieces, piece_shape, piece_start, whole));
  }
  const auto extent = std::min(step, shape[axis]);
  const bool is_reduced =
      std::find(spec.axes.begin(), spec.axes.end(), static_cast<std::int64_t>(axis)) != spec.axes.end();
  return is_reduced ? spec.joined(states) : side_by_side(states, axis, extent);
}

Value partial(ArgumentReader& in) {
  const auto program = in.read<std::optional<nd::Program>>();
  const auto spec = in.read<ReductionSpec>();
  const auto last = in.read<bool>();
  const auto start = in.read<Shape>();
  const auto whole = in.read<Shape>();
  const auto blocks = read_blocks(in);
  Shape shape;
  for (const auto& block : blocks) shape = nd::broadcast_shapes(shape, block.shape());
  return finished(spec, state_in_pieces(spec, program, blocks, shape, start, whole), last);
}

Value join(ArgumentReader& in) {
  const auto spec = in.read<ReductionSpec>();
  const auto last = in.read<bool>();
  (void)in.read<std::vector<View>>();
  std::vector<State> states;
  for (auto& input : in.other_inputs()) {
    auto state = input.take<State>();
    if (!state) throw DecodeError(state.error().text);
    states.push_back(std::move(*state));
  }
  return finished(spec, spec.joined(states), last);
}

constexpr Kernel kernels[] = {{"array.partial", &partial}, {"array.combine", &join}};

}  // namespace

std::span<const Kernel> reduction_kernels() { return kernels; }

}  // namespace troupe::array
