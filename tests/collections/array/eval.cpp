// array_eval DIRECTORY: runs the cases in DIRECTORY/cases.txt, as ndarray_eval does, with arrays in drawn blocks.
#include <random>
#include <string>

#include "tests/collections/ndarray/eval_arguments.hpp"
#include "troupe/array.hpp"

namespace {

using namespace troupe;
using nd::eval::Arguments;
using Results = std::vector<Array>;
using Functions = std::map<std::string, std::function<Results(const Arguments&)>>;

/// This case is of something that arrays in blocks have not.
struct Unknown {};

array::AxisChunks cut(std::int64_t length) {
  static std::mt19937_64 random(3);
  array::AxisChunks chunks;
  for (auto left = length; left > 0; left -= chunks.back())
    chunks.push_back(std::uniform_int_distribution<std::int64_t>(1, left)(random));
  return chunks.empty() ? array::AxisChunks{0} : chunks;
}
Array in_blocks(const nd::NdArray& whole) {
  array::Chunks chunks;
  for (const auto extent : whole.shape()) chunks.push_back(cut(extent));
  return array::from_array(whole, chunks);
}
Array block_at(const Arguments& in, std::size_t i) { return in_blocks(in.array(i)); }
/// Arrays in blocks have no stacks of matrices.
Array matrix_at(const Arguments& in, std::size_t i) {
  if (in.array(i).ndim() != 2) throw Unknown();
  return block_at(in, i);
}
std::optional<Array> maybe_at(const Arguments& in, std::size_t i) {
  const auto given = in.maybe_array(i);
  return given ? std::optional(in_blocks(*given)) : std::nullopt;
}
Results all_from(const Arguments& in, std::size_t i) {
  Results all;
  for (const auto& each : in.arrays_from(i)) all.push_back(in_blocks(each));
  return all;
}
int small(const Arguments& in, std::size_t i, std::int64_t otherwise = 0) {
  return static_cast<int>(in.integer(i, otherwise));
}
array::ReduceOptions over_at(const Arguments& in, std::size_t i) {
  const auto over = in.over(i);
  array::ReduceOptions options{.keepdims = over.keepdims, .dtype = over.dtype, .ddof = over.ddof, .split_every = 2};
  if (over.axis) options.axis = array::AxisList(*over.axis);
  return options;
}
std::optional<int> one_axis(const nd::Over& over) {
  if (!over.axis) return {};
  if (over.axis->size() != 1 || over.dtype) throw Unknown();
  return over.axis->front();
}
array::Indices index_from(const Arguments& in, std::size_t i) {
  array::Indices indices;
  std::size_t lists = 0;
  for (const auto& each : in.index_from(i)) {
    if (const auto* number = std::get_if<std::int64_t>(&each)) indices.emplace_back(*number);
    if (const auto* slice = std::get_if<nd::Slice>(&each)) indices.emplace_back(*slice);
    if (std::holds_alternative<nd::NewAxis>(each)) indices.emplace_back(array::newaxis);
    if (std::holds_alternative<nd::Ellipsis>(each)) indices.emplace_back(array::ellipsis);
    if (const auto* list = std::get_if<nd::NdArray>(&each)) {
      if (list->ndim() != 1) throw Unknown();
      ++lists;
      indices.emplace_back(*list);
    }
  }
  if (lists > 1) throw Unknown();
  return indices;
}

void add_elementwise(Functions& functions) {
  for (std::size_t i = 1; i < nd::op_count; ++i) {
    const auto op = static_cast<nd::Op>(i);
    functions[std::string(nd::name_of(op))] = [op](const Arguments& in) -> Results {
      std::vector<array::Operand> operands;
      for (std::size_t k = 0; k < in.size(); ++k) {
        const auto argument = in.argument(k);
        operands.push_back(argument.array() != nullptr ? array::Operand(in_blocks(*argument.array()))
                                                       : array::Operand(argument.scalar()));
      }
      return {array::elementwise(op, operands)};
    };
  }
  functions["astype"] = [](const Arguments& in) -> Results {
    return {block_at(in, 0).astype(nd::dtype_named(in.text(1)))};
  };
}

void add_reductions(Functions& functions) {
#define REDUCTION(name) \
  functions[#name] = [](const Arguments& in) -> Results { return {array::name(block_at(in, 0), over_at(in, 1))}; };
  REDUCTION(sum)
  REDUCTION(prod)
  REDUCTION(min)
  REDUCTION(max)
  REDUCTION(any)
  REDUCTION(all)
  REDUCTION(mean)
  REDUCTION(var)
  REDUCTION(std)
  REDUCTION(ptp)
  REDUCTION(count_nonzero)
  REDUCTION(nansum)
  REDUCTION(nanprod)
  REDUCTION(nanmin)
  REDUCTION(nanmax)
  REDUCTION(nanmean)
  REDUCTION(nanvar)
  REDUCTION(nanstd)
#undef REDUCTION
#define INDEX(name)                                                                 \
  functions[#name] = [](const Arguments& in) -> Results {                           \
    array::ReduceOptions options{.keepdims = in.integer(2) != 0, .split_every = 2}; \
    if (in.axis(1)) options.axis = array::AxisList(*in.axis(1));                    \
    return {array::name(block_at(in, 0), options)};                                 \
  };
  INDEX(argmin)
  INDEX(argmax)
#undef INDEX
#define SCAN(name)                                        \
  functions[#name] = [](const Arguments& in) -> Results { \
    if (!in.none(2)) throw Unknown();                     \
    return {array::name(block_at(in, 0), in.axis(1))};    \
  };
  SCAN(cumsum)
  SCAN(cumprod)
#undef SCAN
  functions["diff"] = [](const Arguments& in) -> Results {
    return {array::diff(block_at(in, 0), small(in, 1, 1), small(in, 2, -1))};
  };
}

void add_shapes(Functions& functions) {
  functions["reshape"] = [](const Arguments& in) -> Results { return {block_at(in, 0).reshape(in.integers(1))}; };
  functions["broadcast_to"] = [](const Arguments& in) -> Results {
    return {array::broadcast_to(block_at(in, 0), in.integers(1))};
  };
  functions["transpose"] = [](const Arguments& in) -> Results { return {block_at(in, 0).transpose(in.axes(1))}; };
  functions["get_items"] = [](const Arguments& in) -> Results { return {block_at(in, 0).getitem(index_from(in, 1))}; };
  functions["masked"] = [](const Arguments& in) -> Results {
    if (in.array(0).ndim() == 0) throw Unknown();
    return {block_at(in, 0)[block_at(in, 1)]};
  };
  functions["concatenate"] = [](const Arguments& in) -> Results {
    return {array::concatenate(all_from(in, 1), small(in, 0))};
  };
  functions["stack"] = [](const Arguments& in) -> Results { return {array::stack(all_from(in, 1), small(in, 0))}; };
  functions["repeat"] = [](const Arguments& in) -> Results {
    if (in.integers(1).size() != 1) throw Unknown();
    return {array::repeat(block_at(in, 0), in.integers(1)[0], small(in, 2))};
  };
  functions["tile"] = [](const Arguments& in) -> Results { return {array::tile(block_at(in, 0), in.integers(1))}; };
  functions["roll"] = [](const Arguments& in) -> Results {
    return {array::roll(block_at(in, 0), in.integer(1), small(in, 2))};
  };
  functions["rot90"] = [](const Arguments& in) -> Results { return {array::rot90(block_at(in, 0), small(in, 1))}; };
  functions["moveaxis"] = [](const Arguments& in) -> Results {
    return {array::moveaxis(block_at(in, 0), small(in, 1), small(in, 2))};
  };
  functions["delete"] = [](const Arguments& in) -> Results {
    return {array::remove(block_at(in, 0), in.integers(1), small(in, 2))};
  };
  functions["tril"] = [](const Arguments& in) -> Results { return {array::tril(block_at(in, 0), in.integer(1))}; };
  functions["triu"] = [](const Arguments& in) -> Results { return {array::triu(block_at(in, 0), in.integer(1))}; };
  functions["pad"] = [](const Arguments& in) -> Results {
    const auto mode = in.text(2);
    if (mode == "median" || mode == "linear_ramp" || mode == "mean" || mode == "empty" || !in.none(4) ||
        in.integer(5) != 0)
      throw Unknown();
    std::vector<nd::PadWidth> widths;
    const auto list = in.integers(1);
    for (std::size_t i = 0; i < list.size(); i += 2) widths.push_back({list[i], list[i + 1]});
    return {array::pad(block_at(in, 0), widths, mode, in.none(3) ? nd::Scalar(0) : nd::Scalar(in.real(3)))};
  };
  functions["eye"] = [](const Arguments& in) -> Results {
    return {array::eye(in.integer(0), in.integer(1), in.integer(2), {.chunks = 3})};
  };
  functions["argwhere"] = [](const Arguments& in) -> Results {
    if (in.array(0).ndim() == 0) throw Unknown();
    return {array::argwhere(block_at(in, 0))};
  };
  functions["bincount"] = [](const Arguments& in) -> Results {
    if (in.integer(2) == 0) throw Unknown();
    return {array::bincount(block_at(in, 0), in.integer(2), maybe_at(in, 1))};
  };
}

void add_sorting(Functions& functions) {
  functions["sort"] = [](const Arguments& in) -> Results { return {array::sort(block_at(in, 0), small(in, 1, -1))}; };
  functions["argsort"] = [](const Arguments& in) -> Results {
    return {array::argsort(block_at(in, 0), small(in, 1, -1))};
  };
  functions["topk"] = [](const Arguments& in) -> Results {
    return {array::topk(block_at(in, 0), in.integer(1), small(in, 2, -1), 2)};
  };
  functions["searchsorted"] = [](const Arguments& in) -> Results {
    return {array::searchsorted(block_at(in, 0), block_at(in, 1), in.integer(2) != 0)};
  };
  functions["unique"] = [](const Arguments& in) -> Results { return {array::unique(block_at(in, 0))}; };
  functions["isin"] = [](const Arguments& in) -> Results {
    return {array::isin(block_at(in, 0), block_at(in, 1), in.integer(2) != 0)};
  };
  functions["median"] = [](const Arguments& in) -> Results {
    const auto over = in.over(1);
    return {array::median(block_at(in, 0), one_axis(over), over.keepdims)};
  };
}

void add_algebra(Functions& functions) {
#define TWO(name) \
  functions[#name] = [](const Arguments& in) -> Results { return {array::name(block_at(in, 0), block_at(in, 1))}; };
  TWO(matmul)
  TWO(dot)
  TWO(outer)
#undef TWO
  functions["tensordot"] = [](const Arguments& in) -> Results {
    return {array::tensordot(block_at(in, 0), block_at(in, 1), in.axes(2), in.axes(3))};
  };
  functions["linalg.lu"] = [](const Arguments& in) -> Results { return array::linalg::lu(matrix_at(in, 0)); };
  functions["linalg.cholesky"] = [](const Arguments& in) -> Results {
    if (in.integer(1) != 0) throw Unknown();
    return {array::linalg::cholesky(matrix_at(in, 0))};
  };
  functions["linalg.solve"] = [](const Arguments& in) -> Results {
    return {array::linalg::solve(matrix_at(in, 0), block_at(in, 1))};
  };
  functions["linalg.solve_triangular"] = [](const Arguments& in) -> Results {
    if (in.integer(3) != 0) throw Unknown();
    return {array::linalg::solve_triangular(matrix_at(in, 0), block_at(in, 1), in.integer(2) != 0)};
  };
  functions["linalg.inv"] = [](const Arguments& in) -> Results { return {array::linalg::inv(matrix_at(in, 0))}; };
  functions["linalg.det"] = [](const Arguments& in) -> Results { return {array::linalg::det(matrix_at(in, 0))}; };
  functions["linalg.slogdet"] = [](const Arguments& in) -> Results {
    const auto [sign, log] = array::linalg::slogdet(matrix_at(in, 0));
    return {sign, log};
  };
#define FFT(name)                                                                                                    \
  functions["fft." #name] = [](const Arguments& in) -> Results {                                                     \
    return {array::fft::name(block_at(in, 0), in.none(1) ? array::fft::Length() : array::fft::Length(in.integer(1)), \
                             small(in, 2, -1), in.text(3))};                                                         \
  };
  FFT(fft)
  FFT(ifft)
  FFT(rfft)
  FFT(irfft)
  FFT(hfft)
  FFT(ihfft)
#undef FFT
  functions["fft.fftshift"] = [](const Arguments& in) -> Results {
    return {array::fft::fftshift(block_at(in, 0), in.axes(1))};
  };
  functions["fft.ifftshift"] = [](const Arguments& in) -> Results {
    return {array::fft::ifftshift(block_at(in, 0), in.axes(1))};
  };
}

std::string answer_to(const Functions& functions, const std::string& name, const Arguments& arguments,
                      std::ostream& results) {
  const auto found = functions.find(name);
  if (found == functions.end()) return "no such function";
  try {
    const auto computed = array::compute_all(found->second(arguments));
    for (const auto& each : computed) nd::eval::write_npy(each, results);
    return "ok " + std::to_string(computed.size());
  } catch (const Unknown&) {
    return "no such function";
  } catch (const InvalidRequest& error) {
    return std::string("refused ") + error.what();
  } catch (const TaskFailed& error) {
    return (error.error().type == "troupe::InvalidRequest" ? "refused " : "failed ") + error.error().message;
  } catch (const std::exception& error) {
    return std::string("failed ") + error.what();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const ComputeScope scope({.scheduler = SchedulerKind::threads, .threads = 2});
  Functions functions;
  add_elementwise(functions);
  add_reductions(functions);
  add_shapes(functions);
  add_sorting(functions);
  add_algebra(functions);
  return nd::eval::run_cases(argc, argv,
                             [&](const std::string& name, const Arguments& arguments, std::ostream& results) {
                               return answer_to(functions, name, arguments, results);
                             });
}
