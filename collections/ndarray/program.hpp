#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collections/ndarray/ndarray.hpp"
#include "collections/ndarray/ops.hpp"

namespace troupe::nd {

/// A chain of elementwise operations that is run over arrays in one pass, in strips that stay in the nearest cache: no
/// array is made in between.
///
///   Program p;
///   const auto a = p.input(DType::float64), b = p.input(DType::float32);
///   p.set_result(p.apply(Op::add, {p.apply(Op::multiply, {a, p.constant(2)}), b}));
///   NdArray c = p.run({{x, y}});
///
/// Types follow NumPy 2: operands are cast to the loop that NumPy would choose; a weak constant takes on the type of
/// what it meets. A plain value: it is copied, encoded into tasks and compared.
class Program {
public:
  /// A value within a program: an input, a constant or the result of an operation.
  struct Operand {
    std::uint16_t id{};
    DType dtype{};
    bool weak{};  ///< a constant without a type of its own
  };

  /// The next array to be given to `run`.
  Operand input(DType dtype);
  Operand constant(const Scalar& value);
  /// The result of `op`, with the operands cast. Throws InvalidRequest if there is no loop for their types, or their
  /// number is wrong.
  Operand apply(Op op, std::span<const Operand> operands);
  Operand apply(Op op, std::initializer_list<Operand> operands) {
    return apply(op, std::span<const Operand>(operands.begin(), operands.size()));
  }
  Operand cast(Operand operand, DType dtype);
  /// What `run` gives. To be called once, last.
  void set_result(Operand result);
  /// All operations of `other`, where its inputs are `inputs`; gives its result.
  Operand append(const Program& other, std::span<const Operand> inputs);

  [[nodiscard]] DType result_dtype() const { return result_.dtype; }
  [[nodiscard]] std::size_t input_count() const { return inputs_.size(); }
  [[nodiscard]] DType input_dtype(std::size_t i) const { return inputs_[i]; }
  [[nodiscard]] std::size_t step_count() const { return steps_.size(); }

  /// Broadcasts the inputs against each other. The result lies in memory in the order of the inputs. Throws
  /// InvalidRequest for other types than were announced, or shapes that do not fit.
  [[nodiscard]] NdArray run(std::span<const NdArray> inputs) const;
  /// Broadcasts them to `shape`.
  [[nodiscard]] NdArray run(std::span<const NdArray> inputs, const Shape& shape) const;

  friend bool operator==(const Program&, const Program&) = default;

private:
  friend struct ValueCodec<Program>;
  friend struct ProgramRun;

  struct Step {
    Op op{};
    DType from{};  ///< the loop's type; of a cast, that of the operand
    DType to{};    ///< that of the result
    std::uint16_t in[3]{};
    std::uint16_t out{};
    friend bool operator==(const Step&, const Step&) = default;
  };
  struct Constant {
    std::uint16_t id{};
    Scalar value;
    DType dtype{};
    friend bool operator==(const Constant&, const Constant&) = default;
  };
  struct Result {
    std::uint16_t id{};
    DType dtype{};
    friend bool operator==(const Result&, const Result&) = default;
  };

  std::uint16_t next_id();
  Operand typed_constant(const Scalar& value, DType dtype);
  Operand step(Op op, DType loop, std::span<const Operand> operands);
  Operand compare_mixed(Op op, Operand a, Operand b);
  [[nodiscard]] const Scalar& weak_value(Operand operand) const { return weak_[operand.id]; }
  void check() const;

  std::vector<DType> inputs_;
  std::vector<std::uint16_t> input_ids_;
  std::vector<Constant> constants_;
  std::vector<Step> steps_;
  Result result_;
  std::uint16_t ids_{};
  std::vector<Scalar> weak_;  ///< while it is being written; `id` of weak operands counts these
};

}  // namespace troupe::nd

template <>
struct troupe::ValueCodec<troupe::nd::Program> {
  static constexpr std::string_view type_name = "troupe.array_program";
  static void encode(const nd::Program& program, Encoder& out);
  static nd::Program decode(Decoder& in);
  static std::uint64_t deep_size(const nd::Program& program);
};
