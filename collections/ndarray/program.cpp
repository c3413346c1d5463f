#include "collections/ndarray/program.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "actors/errors.hpp"
#include "collections/ndarray/kernels.hpp"
#include "collections/ndarray/memory.hpp"
#include "collections/ndarray/strip_loop.hpp"

namespace troupe::nd {

namespace {

constexpr std::uint16_t ids_max = UINT16_MAX - 1;

Op mirrored(Op op) {
  switch (op) {
    case Op::less: return Op::greater;
    case Op::less_equal: return Op::greater_equal;
    case Op::greater: return Op::less;
    case Op::greater_equal: return Op::less_equal;
    default: return op;
  }
}

/// 0 and -0 are equal, but not the same.
bool same_value(const Scalar& a, const Scalar& b) {
  const auto x = a.to_complex();
  const auto y = b.to_complex();
  return a == b && std::signbit(x.real()) == std::signbit(y.real()) && std::signbit(x.imag()) == std::signbit(y.imag());
}

}  // namespace

std::uint16_t Program::next_id() {
  if (ids_ >= ids_max) throw InvalidRequest("an elementwise program has too many operations");
  return ids_++;
}

Program::Operand Program::input(DType dtype) {
  const auto id = next_id();
  inputs_.push_back(dtype);
  input_ids_.push_back(id);
  return {id, dtype, false};
}

Program::Operand Program::constant(const Scalar& value) {
  if (!value.is_weak()) return typed_constant(value, value.dtype());
  weak_.push_back(value);
  return {static_cast<std::uint16_t>(weak_.size() - 1), value.dtype(), true};
}

Program::Operand Program::typed_constant(const Scalar& value, DType dtype) {
  const Scalar typed = kind_of(value.dtype()) > kind_of(dtype) ? value : value.as(dtype);
  for (const auto& known : constants_)
    if (known.dtype == dtype && same_value(known.value, typed)) return {known.id, dtype, false};
  constants_.push_back({next_id(), typed, dtype});
  return {constants_.back().id, dtype, false};
}

Program::Operand Program::cast(Operand operand, DType dtype) {
  if (operand.weak) return typed_constant(weak_value(operand), dtype);
  if (operand.dtype == dtype) return operand;
  steps_.push_back({Op::cast, operand.dtype, dtype, {operand.id, 0, 0}, next_id()});
  return {steps_.back().out, dtype, false};
}

Program::Operand Program::step(Op op, DType loop, std::span<const Operand> operands) {
  Step made{op, loop, gives(op, loop), {}, 0};
  for (std::size_t i = 0; i < operands.size(); ++i)
    made.in[i] = cast(operands[i], op == Op::where && i == 0 ? DType::bool_ : loop).id;
  made.out = next_id();
  steps_.push_back(made);
  return {made.out, made.to, false};
}

Program::Operand Program::apply(Op op, std::span<const Operand> operands) {
  if (op == Op::cast) throw InvalidRequest("a cast needs a type: Program::cast");
  if (operands.size() != row_of(op).operands)
    throw InvalidRequest(std::string(name_of(op)) + " takes " + std::to_string(row_of(op).operands) +
                         " operands, not " + std::to_string(operands.size()));
  const auto typed = op == Op::where ? operands.subspan(1) : op == Op::ldexp ? operands.first(1) : operands;
  std::optional<DType> common;
  for (const auto& operand : typed)
    if (!operand.weak) common = common ? result_type(*common, operand.dtype) : operand.dtype;
  if (common && is_comparison(op)) {
    const auto& a = operands[0];
    const auto& b = operands[1];
    // A number that the type of the other cannot hold is compared as what it is.
    for (const auto& operand : operands)
      if (operand.weak && is_integer(*common) && kind_of(operand.dtype) == Kind::integer) {
        const auto& value = weak_value(operand);
        const bool fits = [&] {
          try {
            static_cast<void>(value.as(*common));
            return true;
          } catch (const InvalidRequest&) {
            return false;
          }
        }();
        if (fits) continue;
        const auto strong = typed_constant(value, value.dtype());
        return &operand == &a ? apply(op, {strong, b}) : apply(op, {a, strong});
      }
    if (!a.weak && !b.weak && is_integer(a.dtype) && is_integer(b.dtype) && *common == DType::float64)
      return compare_mixed(op, a, b);
  }
  std::vector<DType> types;
  for (const auto& operand : typed)
    if (!operand.weak) types.push_back(operand.dtype);
  for (const auto& operand : typed) {
    if (!operand.weak) continue;
    // Of a kind that the others have, it takes on their type; else its own counts.
    if (!common || kind_of(operand.dtype) > kind_of(*common))
      types.push_back(common ? result_type(*common, weak_value(operand)) : operand.dtype);
  }
  const auto loop = loop_of(op, types);
  if (op == Op::power && operands[1].weak && weak_value(operands[1]) == Scalar(2))
    return step(Op::square, loop, operands.first(1));
  return step(op, loop, operands);
}

/// int64 beside uint64, exactly, which no type holds both of.
Program::Operand Program::compare_mixed(Op op, Operand a, Operand b) {
  if (is_unsigned_integer(a.dtype)) return compare_mixed(mirrored(op), b, a);
  const auto signed_one = cast(a, DType::int64);
  const auto negative = apply(Op::less, {signed_one, constant(0)});
  const auto compared = step(op, DType::uint64, std::vector<Operand>{signed_one, b});
  if (op == Op::less || op == Op::less_equal || op == Op::not_equal) return apply(Op::logical_or, {negative, compared});
  return apply(Op::logical_and, {apply(Op::logical_not, {negative}), compared});
}

void Program::set_result(Operand result) {
  if (result.weak) result = cast(result, result.dtype);
  result_ = {result.id, result.dtype};
  weak_.clear();
  // What the result does not need goes; then the result is what the last operation gives.
  std::vector<bool> needed(ids_);
  needed[result.id] = true;
  std::vector<Step> kept;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (!needed[step->out]) continue;
    for (std::size_t i = 0; i < row_of(step->op).operands; ++i) needed[step->in[i]] = true;
    kept.push_back(*step);
  }
  steps_.assign(kept.rbegin(), kept.rend());
  std::erase_if(constants_, [&](const Constant& known) { return !needed[known.id]; });
}

Program::Operand Program::append(const Program& other, std::span<const Operand> inputs) {
  if (inputs.size() != other.inputs_.size())
    throw InvalidRequest("a program with " + std::to_string(other.inputs_.size()) + " inputs was given " +
                         std::to_string(inputs.size()));
  std::vector<std::uint16_t> mine(other.ids_);
  for (std::size_t i = 0; i < inputs.size(); ++i) mine[other.input_ids_[i]] = cast(inputs[i], other.inputs_[i]).id;
  for (const auto& known : other.constants_) mine[known.id] = typed_constant(known.value, known.dtype).id;
  for (auto made : other.steps_) {
    for (std::size_t i = 0; i < row_of(made.op).operands; ++i) made.in[i] = mine[made.in[i]];
    mine[made.out] = next_id();
    made.out = mine[made.out];
    steps_.push_back(made);
  }
  return {mine[other.result_.id], other.result_.dtype, false};
}

/// One call of `run`: where each value lies while a strip is worked on.
struct ProgramRun {
  struct Planned {
    Kernel kernel;
    std::uint16_t in[3];
    std::uint16_t out;
  };

  explicit ProgramRun(const Program& given) : program(given), at(given.ids_) {
    std::vector<std::size_t> last_use(program.ids_, 0);
    for (std::size_t i = 0; i < program.steps_.size(); ++i) {
      const auto& step = program.steps_[i];
      for (std::size_t k = 0; k < row_of(step.op).operands; ++k) last_use[step.in[k]] = i;
      steps.push_back({step.op == Op::cast ? cast_kernel(step.from, step.to) : kernel_of(step.op, step.from),
                       {step.in[0], step.in[1], step.in[2]},
                       step.out});
      itemsize = std::max({itemsize, size_of(step.to), size_of(step.from)});
    }
    // A slot is free again once the last operation that reads it is done.
    slot_of.assign(program.ids_, -1);
    std::vector<int> free;
    for (std::size_t i = 0; i + 1 < program.steps_.size(); ++i) {
      const auto& step = program.steps_[i];
      if (free.empty()) free.push_back(slots++);
      slot_of[step.out] = free.back();
      free.pop_back();
      for (std::size_t k = 0; k < row_of(step.op).operands; ++k) {
        auto& slot = slot_of[step.in[k]];
        if (slot < 0 || last_use[step.in[k]] != i) continue;
        if (std::find(free.begin(), free.end(), slot) == free.end()) free.push_back(slot);
      }
    }
  }

  [[nodiscard]] std::size_t strip() const {
    constexpr std::size_t cache_bytes = 24 << 10;
    if (steps.size() == 1 && program.constants_.empty()) return 4096;
    const auto bytes =
        (static_cast<std::size_t>(slots) + program.constants_.size()) * itemsize + program.inputs_.size() * 8 + 8;
    return std::clamp<std::size_t>(cache_bytes / bytes / 64 * 64, 128, 4096);
  }

  void prepare(std::size_t strip) {
    const auto bytes = strip * itemsize;
    memory = allocate_elements(bytes * (static_cast<std::size_t>(slots) + program.constants_.size()));
    auto* next = static_cast<std::byte*>(memory.get());
    for (const auto& known : program.constants_) {
      const auto element = NdArray::scalar(known.value, known.dtype);
      fill(strip, element.data(), next, size_of(known.dtype));
      at[known.id] = next;
      next += bytes;
    }
    for (std::size_t id = 0; id < slot_of.size(); ++id)
      if (slot_of[id] >= 0) at[id] = next + static_cast<std::size_t>(slot_of[id]) * bytes;
  }

  static void body(void* context, std::size_t n, const void* const* in, void* out) {
    auto& run = *static_cast<ProgramRun*>(context);
    const void* operands[3];
    for (std::size_t i = 0; i < run.program.input_ids_.size(); ++i)
      run.at[run.program.input_ids_[i]] = const_cast<void*>(in[i]);
    const auto last = run.steps.size() - 1;
    for (std::size_t i = 0; i <= last; ++i) {
      const auto& step = run.steps[i];
      for (int k = 0; k < 3; ++k) operands[k] = run.at[step.in[k]];
      step.kernel(n, operands, i == last ? out : run.at[step.out]);
    }
  }

  const Program& program;
  std::vector<Planned> steps;
  std::vector<int> slot_of;
  int slots{};
  std::size_t itemsize{1};
  std::vector<void*> at;
  std::shared_ptr<void> memory;
};

NdArray Program::run(std::span<const NdArray> inputs) const {
  Shape shape;
  for (const auto& array : inputs) shape = broadcast_shapes(shape, array.shape());
  return run(inputs, shape);
}

NdArray Program::run(std::span<const NdArray> inputs, const Shape& shape) const {
  if (inputs.size() != inputs_.size())
    throw InvalidRequest("a program with " + std::to_string(inputs_.size()) + " inputs was run with " +
                         std::to_string(inputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != inputs_[i])
      throw InvalidRequest("input " + std::to_string(i) + " of a program is " +
                           std::string(name_of(inputs[i].dtype())) + ", not " + std::string(name_of(inputs_[i])));
    if (broadcast_shapes(inputs[i].shape(), shape) != shape)
      throw InvalidRequest("an array of shape " + text_of(inputs[i].shape()) + " cannot become " + text_of(shape));
  }
  for (std::size_t i = 0; i < input_ids_.size(); ++i)
    if (input_ids_[i] == result_.id) return inputs[i].broadcast_to(shape);
  for (const auto& known : constants_)
    if (known.id == result_.id) return NdArray::full(shape, known.value, known.dtype);

  ProgramRun run(*this);
  const auto strip =
      std::min<std::size_t>(run.strip(), static_cast<std::size_t>(std::max<std::int64_t>(size_of(shape), 1)));
  StripLoop loop(shape, inputs, StripLoop::Order::of_inputs, strip);
  run.prepare(strip);
  NdArray out(loop.out_shape(), result_.dtype);
  loop.run(out.mutable_data(), out.itemsize(), &ProgramRun::body, &run);
  Axes back(shape.size());
  for (std::size_t i = 0; i < back.size(); ++i)
    back[static_cast<std::size_t>(loop.out_axes()[i])] = static_cast<int>(i);
  return std::is_sorted(back.begin(), back.end()) ? out : out.transpose(back);
}

/// Throws DecodeError for a program that `apply` would never have written.
void Program::check() const {
  std::vector<std::optional<DType>> known(ids_);
  const auto define = [&](std::uint16_t id, DType dtype) {
    if (id >= ids_ || known[id] || static_cast<std::size_t>(dtype) >= dtype_count)
      throw DecodeError("an elementwise program defines a value that it may not");
    known[id] = dtype;
  };
  const auto need = [&](std::uint16_t id, DType dtype) {
    if (id >= ids_ || known[id] != dtype) throw DecodeError("an elementwise program uses a value that it has not");
  };
  if (input_ids_.size() != inputs_.size()) throw DecodeError("an elementwise program has other inputs than it says");
  for (std::size_t i = 0; i < inputs_.size(); ++i) define(input_ids_[i], inputs_[i]);
  for (const auto& constant : constants_) define(constant.id, constant.dtype);
  for (const auto& step : steps_) {
    if (static_cast<std::size_t>(step.op) >= op_count || static_cast<std::size_t>(step.from) >= dtype_count ||
        static_cast<std::size_t>(step.to) >= dtype_count)
      throw DecodeError("an elementwise program has an operation that is none");
    if (step.op != Op::cast && (!has_loop(step.op, step.from) || gives(step.op, step.from) != step.to))
      throw DecodeError("an elementwise program has an operation for types that it is not for");
    for (std::size_t i = 0; i < row_of(step.op).operands; ++i)
      need(step.in[i], step.op == Op::where && i == 0 ? DType::bool_ : step.from);
    for (std::size_t i = row_of(step.op).operands; i < 3; ++i)
      if (step.in[i] != 0) throw DecodeError("an elementwise program has an operand too many");
    define(step.out, step.to);
  }
  need(result_.id, result_.dtype);
  if (!steps_.empty() && steps_.back().out != result_.id)
    throw DecodeError("the last operation of an elementwise program is not its result");
}

}  // namespace troupe::nd

namespace troupe {

void ValueCodec<nd::Program>::encode(const nd::Program& program, Encoder& out) {
  out.count(program.ids_);
  encode_value(program.inputs_, out);
  encode_value(program.input_ids_, out);
  out.count(program.constants_.size());
  for (const auto& constant : program.constants_) {
    out.scalar(constant.id);
    out.scalar(constant.dtype);
    encode_value(nd::NdArray::scalar(constant.value, constant.dtype), out);
  }
  out.count(program.steps_.size());
  for (const auto& step : program.steps_) {
    out.scalar(step.op);
    out.scalar(step.from);
    out.scalar(step.to);
    for (const auto id : step.in) out.scalar(id);
    out.scalar(step.out);
  }
  out.scalar(program.result_.id);
  out.scalar(program.result_.dtype);
}

nd::Program ValueCodec<nd::Program>::decode(Decoder& in) {
  nd::Program program;
  const auto ids = in.count();
  if (ids > nd::ids_max) throw DecodeError("an elementwise program has too many values");
  program.ids_ = static_cast<std::uint16_t>(ids);
  program.inputs_ = decode_value<std::vector<nd::DType>>(in);
  program.input_ids_ = decode_value<std::vector<std::uint16_t>>(in);
  for (auto count = in.count_of(4); count > 0; --count) {
    nd::Program::Constant constant;
    constant.id = in.scalar<std::uint16_t>();
    constant.dtype = in.scalar<nd::DType>();
    const auto value = decode_value<nd::NdArray>(in);
    if (value.ndim() != 0 || value.dtype() != constant.dtype) throw DecodeError("a constant of a program is no scalar");
    constant.value = value.at({});
    program.constants_.push_back(constant);
  }
  for (auto count = in.count_of(11); count > 0; --count) {
    nd::Program::Step step;
    step.op = in.scalar<nd::Op>();
    step.from = in.scalar<nd::DType>();
    step.to = in.scalar<nd::DType>();
    for (auto& id : step.in) id = in.scalar<std::uint16_t>();
    step.out = in.scalar<std::uint16_t>();
    program.steps_.push_back(step);
  }
  program.result_.id = in.scalar<std::uint16_t>();
  program.result_.dtype = in.scalar<nd::DType>();
  program.check();
  return program;
}

std::uint64_t ValueCodec<nd::Program>::deep_size(const nd::Program& program) {
  return sizeof program + program.steps_.capacity() * sizeof(nd::Program::Step) +
         program.constants_.capacity() * sizeof(nd::Program::Constant) + program.inputs_.capacity() * 3;
}

}  // namespace troupe
