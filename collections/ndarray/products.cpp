#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "actors/errors.hpp"
#include "collections/ndarray/blas.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/reductions.hpp"

namespace troupe::nd {

namespace {

/// A matrix as BLAS wants it: rows, or columns, one after the other.
template <class T>
struct Operand {
  explicit Operand(const NdArray& matrix) : held(matrix) {
    const auto item = static_cast<std::int64_t>(sizeof(T));
    const auto fits = [&](std::size_t close, std::size_t far) {
      const auto least = std::max<std::int64_t>(held.extent(close), 1) * item;
      return (held.strides()[close] == item || held.extent(close) <= 1) &&
             (held.extent(far) <= 1 || (held.strides()[far] >= least && held.strides()[far] % item == 0));
    };
    if (fits(1, 0)) {
      take(0, 1, CblasNoTrans);
    } else if (fits(0, 1)) {
      take(1, 0, CblasTrans);
    } else {
      held = held.copy();
      take(0, 1, CblasNoTrans);
    }
  }
  void take(std::size_t far, std::size_t close, CBLAS_TRANSPOSE t) {
    transpose = t;
    stride = blas::as_int(
        std::max<std::int64_t>(held.extent(far) > 1 ? held.strides()[far] / static_cast<std::int64_t>(sizeof(T)) : 1,
                               std::max<std::int64_t>(held.extent(close), 1)));
  }
  NdArray held;
  CBLAS_TRANSPOSE transpose{CblasNoTrans};
  int stride{};
};

template <class T>
void multiply_floats(const NdArray& a, const NdArray& b, T* c) {
  const auto m = blas::as_int(a.extent(0));
  const auto n = blas::as_int(b.extent(1));
  const auto k = blas::as_int(a.extent(1));
  const Operand<T> x(a);
  const Operand<T> y(b);
  if (n == 1 && y.transpose == CblasNoTrans && y.stride == 1)
    blas::gemv(x.transpose, x.transpose == CblasNoTrans ? m : k, x.transpose == CblasNoTrans ? k : m,
               x.held.template data_as<T>(), x.stride, y.held.template data_as<T>(), c);
  else
    blas::gemm(x.transpose, y.transpose, m, n, k, x.held.template data_as<T>(), x.stride, y.held.template data_as<T>(),
               y.stride, c);
}

/// Integers, modulo 2^64, which no BLAS has.
void multiply_integers(const NdArray& a, const NdArray& b, std::uint64_t* c) {
  const NdArray x = a.contiguous();
  const NdArray y = b.contiguous();
  const auto m = a.extent(0);
  const auto n = b.extent(1);
  const auto k = a.extent(1);
  std::fill_n(c, m * n, 0);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t l = 0; l < k; ++l) {
      const auto factor = x.data_as<std::uint64_t>()[i * k + l];
      const auto* row = y.data_as<std::uint64_t>() + l * n;
      for (std::int64_t j = 0; j < n; ++j) c[i * n + j] += factor * row[j];
    }
}

/// Of stacks of matrices of one type: float, complex or uint64.
NdArray multiply_stacks(const NdArray& a, const NdArray& b) {
  blas::one_thread();
  const auto m = a.extent(a.ndim() - 2);
  const auto k = a.extent(a.ndim() - 1);
  const auto n = b.extent(b.ndim() - 1);
  Shape stack =
      broadcast_shapes(Shape(a.shape().begin(), a.shape().end() - 2), Shape(b.shape().begin(), b.shape().end() - 2));
  const auto widened = [&](const NdArray& x) {
    Shape shape = stack;
    shape.insert(shape.end(), x.shape().end() - 2, x.shape().end());
    return x.broadcast_to(shape);
  };
  const NdArray left = widened(a);
  const NdArray right = widened(b);
  Shape shape = stack;
  shape.insert(shape.end(), {m, n});
  NdArray out(shape, a.dtype());
  if (out.size() == 0) return out;
  if (k == 0) return NdArray::zeros(shape, a.dtype());
  const auto count = size_of(stack);
  for (std::int64_t i = 0; i < count; ++i) {
    NdArray x = left;
    NdArray y = right;
    auto rest = i;
    for (std::size_t axis = stack.size(); axis-- > 0;) {
      x = x.pick(axis, rest % stack[axis]);
      y = y.pick(axis, rest % stack[axis]);
      rest /= stack[axis];
    }
    auto* c = out.mutable_data() + static_cast<std::uint64_t>(i * m * n) * out.itemsize();
    switch (a.dtype()) {
      case DType::float32: multiply_floats(x, y, reinterpret_cast<float*>(c)); break;
      case DType::float64: multiply_floats(x, y, reinterpret_cast<double*>(c)); break;
      case DType::complex64: multiply_floats(x, y, reinterpret_cast<Complex64*>(c)); break;
      case DType::complex128: multiply_floats(x, y, reinterpret_cast<Complex128*>(c)); break;
      default: multiply_integers(x, y, reinterpret_cast<std::uint64_t*>(c));
    }
  }
  return out;
}

/// Narrow integers wrap around in the same way when they are added up in wide ones; a bool is whether there is any.
NdArray multiply_any(const NdArray& a, const NdArray& b) {
  const auto dtype = result_type(a.dtype(), b.dtype());
  const auto work = kind_of(dtype) <= Kind::integer ? DType::uint64 : dtype;
  return multiply_stacks(a.astype(work), b.astype(work)).astype(dtype);
}

[[noreturn]] void do_not_fit(const NdArray& a, const NdArray& b, std::string_view call) {
  throw InvalidRequest(std::string(call) + ": arrays of shapes " + text_of(a.shape()) + " and " + text_of(b.shape()) +
                       " do not fit");
}

template <class T>
T product_of_vectors(const NdArray& a, const NdArray& b) {
  const NdArray x = a.contiguous();
  const NdArray y = b.contiguous();
  // In pieces: BLAS adds up one after the other, and counts in int.
  constexpr std::int64_t piece = std::int64_t{1} << 16;
  T total(0);
  for (std::int64_t i = 0; i < x.size(); i += piece)
    total += blas::dot(blas::as_int(std::min(piece, x.size() - i)), x.data_as<T>() + i, 1, y.data_as<T>() + i, 1);
  return total;
}

}  // namespace

NdArray matmul(const NdArray& a, const NdArray& b) {
  if (a.ndim() == 0 || b.ndim() == 0) throw InvalidRequest("matmul: a scalar is no matrix; use multiply");
  const NdArray x = a.ndim() == 1 ? a.expand_dims(0) : a;
  const NdArray y = b.ndim() == 1 ? b.expand_dims(1) : b;
  if (x.extent(x.ndim() - 1) != y.extent(y.ndim() - 2)) do_not_fit(a, b, "matmul");
  if (a.ndim() == 1 && b.ndim() == 1) return dot(a, b);
  NdArray product = multiply_any(x, y);
  if (b.ndim() == 1) product = product.squeeze({-1});
  if (a.ndim() == 1) product = product.squeeze({b.ndim() == 1 ? -1 : -2});
  return product;
}

NdArray dot(const NdArray& a, const NdArray& b) {
  if (a.ndim() == 0 || b.ndim() == 0) return multiply(a, b);
  if (a.extent(a.ndim() - 1) != b.extent(b.ndim() == 1 ? 0 : b.ndim() - 2)) do_not_fit(a, b, "dot");
  if (a.ndim() != 1 || b.ndim() != 1) return tensordot(a, b, {-1}, {b.ndim() == 1 ? 0 : -2});
  const auto dtype = result_type(a.dtype(), b.dtype());
  if (kind_of(dtype) <= Kind::integer) return multiply_any(a.expand_dims(0), b.expand_dims(1)).reshape({});
  blas::one_thread();
  NdArray out(Shape{}, dtype);
  visit_dtype(dtype, [&]<class T>() {
    if constexpr (!std::is_integral_v<T>)
      *out.mutable_data_as<T>() = product_of_vectors<T>(a.astype(dtype), b.astype(dtype));
  });
  return out;
}

NdArray vdot(const NdArray& a, const NdArray& b) {
  if (a.size() != b.size()) do_not_fit(a, b, "vdot");
  return dot(is_complex(a.dtype()) ? conj(a).reshape({-1}) : a.reshape({-1}), b.reshape({-1}));
}

NdArray outer(const NdArray& a, const NdArray& b) { return multiply(a.reshape({-1, 1}), b.reshape({1, -1})); }

NdArray tensordot(const NdArray& a, const NdArray& b, const Axes& of_a, const Axes& of_b) {
  if (of_a.size() != of_b.size())
    throw InvalidRequest("tensordot: " + std::to_string(of_a.size()) + " axes beside " + std::to_string(of_b.size()));
  std::vector<bool> summed_a(a.ndim());
  std::vector<bool> summed_b(b.ndim());
  Axes order_b;
  Axes last_a;
  std::int64_t k = 1;
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    const auto x = normal_axis(of_a[i], a.ndim(), "tensordot");
    const auto y = normal_axis(of_b[i], b.ndim(), "tensordot");
    if (a.extent(x) != b.extent(y) || summed_a[x] || summed_b[y]) do_not_fit(a, b, "tensordot");
    summed_a[x] = summed_b[y] = true;
    last_a.push_back(static_cast<int>(x));
    order_b.push_back(static_cast<int>(y));
    k *= a.extent(x);
  }
  Axes order_a;
  Shape shape;
  std::int64_t m = 1;
  std::int64_t n = 1;
  for (std::size_t i = 0; i < a.ndim(); ++i)
    if (!summed_a[i]) order_a.push_back(static_cast<int>(i)), shape.push_back(a.extent(i)), m *= a.extent(i);
  order_a.insert(order_a.end(), last_a.begin(), last_a.end());
  for (std::size_t i = 0; i < b.ndim(); ++i)
    if (!summed_b[i]) order_b.push_back(static_cast<int>(i)), shape.push_back(b.extent(i)), n *= b.extent(i);
  const NdArray left = (a.ndim() == 0 ? a : a.transpose(order_a)).reshape({m, k});
  const NdArray right = (b.ndim() == 0 ? b : b.transpose(order_b)).reshape({k, n});
  return multiply_any(left, right).reshape(shape);
}

NdArray tensordot(const NdArray& a, const NdArray& b, int n) {
  if (n < 0 || static_cast<std::size_t>(n) > std::min(a.ndim(), b.ndim())) do_not_fit(a, b, "tensordot");
  Axes of_a(static_cast<std::size_t>(n));
  Axes of_b(static_cast<std::size_t>(n));
  std::iota(of_a.begin(), of_a.end(), static_cast<int>(a.ndim()) - n);
  std::iota(of_b.begin(), of_b.end(), 0);
  return tensordot(a, b, of_a, of_b);
}

namespace {

/// One operand of an Einstein sum, each of its axes with a label. Those of an ellipsis have labels above all letters.
struct Labelled {
  NdArray array;
  std::vector<int> labels;

  [[nodiscard]] bool has(int label) const { return std::find(labels.begin(), labels.end(), label) != labels.end(); }
  [[nodiscard]] std::size_t axis_of(int label) const {
    return static_cast<std::size_t>(std::find(labels.begin(), labels.end(), label) - labels.begin());
  }
};

constexpr int ellipsis_label = 1000;

std::vector<int> labels_of(std::string_view text, std::size_t ellipsis_axes) {
  std::vector<int> labels;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text.substr(i, 3) == "...") {
      for (std::size_t k = ellipsis_axes; k-- > 0;) labels.push_back(ellipsis_label + static_cast<int>(k));
      i += 2;
      continue;
    }
    if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z')))
      throw InvalidRequest("einsum: '" + std::string(1, text[i]) + "' is no label");
    labels.push_back(text[i]);
  }
  return labels;
}

std::size_t letters_in(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c != '.' && c != ' '; }));
}

/// A label that stands twice means the diagonal.
void take_diagonals(Labelled& operand) {
  for (std::size_t i = 0; i < operand.labels.size(); ++i)
    for (std::size_t j = i + 1; j < operand.labels.size(); ++j) {
      if (operand.labels[i] != operand.labels[j]) continue;
      const auto label = operand.labels[i];
      if (operand.array.extent(i) != operand.array.extent(j))
        throw InvalidRequest("einsum: label '" + std::string(1, static_cast<char>(label)) + "' stands for extents " +
                             std::to_string(operand.array.extent(i)) + " and " +
                             std::to_string(operand.array.extent(j)));
      operand.array = diagonal(operand.array, 0, static_cast<int>(i), static_cast<int>(j));
      operand.labels.erase(operand.labels.begin() + static_cast<std::ptrdiff_t>(j));
      operand.labels.erase(operand.labels.begin() + static_cast<std::ptrdiff_t>(i));
      operand.labels.push_back(label);
      return take_diagonals(operand);
    }
}

/// Adds up over labels that nothing else needs.
void sum_away(Labelled& operand, const std::vector<int>& needed) {
  Axes axes;
  std::vector<int> labels;
  for (std::size_t i = 0; i < operand.labels.size(); ++i) {
    if (std::find(needed.begin(), needed.end(), operand.labels[i]) != needed.end())
      labels.push_back(operand.labels[i]);
    else
      axes.push_back(static_cast<int>(i));
  }
  if (axes.empty()) return;
  operand.array = sum(operand.array, Over(axes).as(operand.array.dtype()));
  operand.labels = labels;
}

/// The operand with its axes in the order of `labels`; those it lacks have extent 1.
NdArray arranged(const Labelled& operand, const std::vector<int>& labels) {
  Axes order;
  for (const auto label : labels)
    if (operand.has(label)) order.push_back(static_cast<int>(operand.axis_of(label)));
  NdArray array = order.empty() ? operand.array : operand.array.transpose(order);
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (!operand.has(labels[i])) array = array.expand_dims(i);
  return array;
}

/// Two operands as stacks of matrix products: labels that both have and others need are the stacks.
Labelled contract(const Labelled& a, const Labelled& b, const std::vector<int>& needed) {
  std::vector<int> stacks;
  std::vector<int> summed;
  std::vector<int> left;
  std::vector<int> right;
  const auto is_needed = [&](int label) { return std::find(needed.begin(), needed.end(), label) != needed.end(); };
  for (const auto label : a.labels) (b.has(label) ? (is_needed(label) ? stacks : summed) : left).push_back(label);
  for (const auto label : b.labels)
    if (!a.has(label)) right.push_back(label);
  Labelled result;
  result.labels = stacks;
  result.labels.insert(result.labels.end(), left.begin(), left.end());
  result.labels.insert(result.labels.end(), right.begin(), right.end());
  if (summed.empty()) {
    result.array = multiply(arranged(a, result.labels), arranged(b, result.labels));
    return result;
  }
  // Extents of 1 are broadcast, as everywhere.
  std::map<int, std::int64_t> extents;
  for (const auto* operand : {&a, &b})
    for (std::size_t i = 0; i < operand->labels.size(); ++i) {
      auto& extent = extents.emplace(operand->labels[i], 1).first->second;
      if (operand->array.extent(i) != 1) extent = operand->array.extent(i);
    }
  const auto size = [&](const std::vector<int>& labels) {
    std::int64_t product = 1;
    for (const auto label : labels) product *= extents[label];
    return product;
  };
  const auto matrix = [&](const Labelled& operand, const std::vector<int>& rows, const std::vector<int>& columns) {
    std::vector<int> order = stacks;
    order.insert(order.end(), rows.begin(), rows.end());
    order.insert(order.end(), columns.begin(), columns.end());
    Shape full;
    for (const auto label : order) full.push_back(extents[label]);
    return arranged(operand, order).broadcast_to(full).reshape({size(stacks), size(rows), size(columns)});
  };
  Shape shape;
  for (const auto label : result.labels) shape.push_back(extents[label]);
  result.array = multiply_any(matrix(a, left, summed), matrix(b, summed, right)).reshape(shape);
  return result;
}

void check_extents(const std::vector<Labelled>& operands) {
  std::map<int, std::int64_t> extents;
  for (const auto& operand : operands)
    for (std::size_t i = 0; i < operand.labels.size(); ++i) {
      const auto extent = operand.array.extent(i);
      auto& known = extents.emplace(operand.labels[i], extent).first->second;
      if (known == 1) known = extent;
      if (extent != known && extent != 1)
        throw InvalidRequest("einsum: " +
                             (operand.labels[i] < ellipsis_label
                                  ? "label '" + std::string(1, static_cast<char>(operand.labels[i])) + "'"
                                  : std::string("an axis of '...'")) +
                             " stands for extents " + std::to_string(known) + " and " + std::to_string(extent));
    }
}

/// Without "->": labels that stand once, in the order of the alphabet, after those of the ellipses.
std::vector<int> implied_labels(const std::vector<Labelled>& operands) {
  std::map<int, int> counts;
  for (const auto& operand : operands)
    for (const auto label : operand.labels) ++counts[label];
  std::vector<int> wanted;
  for (auto label = counts.rbegin(); label != counts.rend(); ++label)
    if (label->first >= ellipsis_label) wanted.push_back(label->first);
  for (const auto& [label, count] : counts)
    if (label < ellipsis_label && count == 1) wanted.push_back(label);
  return wanted;
}

}  // namespace

NdArray einsum(std::string_view subscripts, const std::vector<NdArray>& arrays) {
  const auto arrow = subscripts.find("->");
  auto inputs = subscripts.substr(0, arrow);
  std::vector<Labelled> operands;
  std::size_t ellipsis_axes = 0;
  auto dtype = arrays.empty() ? DType::float64 : arrays[0].dtype();
  while (true) {
    const auto comma = inputs.find(',');
    const auto text = inputs.substr(0, comma);
    const auto i = operands.size();
    if (i >= arrays.size())
      throw InvalidRequest("einsum: '" + std::string(subscripts) + "' has more operands than there are arrays");
    const auto letters = letters_in(text);
    const bool dots = text.find("...") != std::string_view::npos;
    if (letters > arrays[i].ndim() || (!dots && letters < arrays[i].ndim()))
      throw InvalidRequest("einsum: '" + std::string(text) + "' does not fit an array of shape " +
                           text_of(arrays[i].shape()));
    if (dots) ellipsis_axes = std::max(ellipsis_axes, arrays[i].ndim() - letters);
    operands.push_back({arrays[i], labels_of(text, dots ? arrays[i].ndim() - letters : 0)});
    dtype = result_type(dtype, arrays[i].dtype());
    if (comma == std::string_view::npos) break;
    inputs.remove_prefix(comma + 1);
  }
  if (operands.size() != arrays.size())
    throw InvalidRequest("einsum: '" + std::string(subscripts) + "' has fewer operands than there are arrays");
  const auto wanted = arrow == std::string_view::npos ? implied_labels(operands)
                                                      : labels_of(subscripts.substr(arrow + 2), ellipsis_axes);
  for (auto& operand : operands) {
    operand.array = operand.array.astype(dtype);
    take_diagonals(operand);
  }
  check_extents(operands);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::find(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(i), wanted[i]) !=
            wanted.begin() + static_cast<std::ptrdiff_t>(i) ||
        std::none_of(operands.begin(), operands.end(), [&](const Labelled& o) { return o.has(wanted[i]); }))
      throw InvalidRequest("einsum: the result of '" + std::string(subscripts) +
                           "' has a label twice, or one that no operand has");
  }
  Labelled result = operands[0];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    std::vector<int> needed = wanted;
    for (std::size_t k = i + 1; k < operands.size(); ++k)
      needed.insert(needed.end(), operands[k].labels.begin(), operands[k].labels.end());
    if (i > 0) {
      auto next = operands[i];
      std::vector<int> of_next = needed;
      of_next.insert(of_next.end(), result.labels.begin(), result.labels.end());
      sum_away(next, of_next);
      result = contract(result, next, needed);
    }
    sum_away(result, needed);
  }
  return arranged(result, wanted);
}

NdArray kron(const NdArray& a, const NdArray& b) {
  const auto ndim = std::max(a.ndim(), b.ndim());
  Shape left;
  Shape right;
  Shape shape;
  for (std::size_t i = 0; i < ndim; ++i) {
    const auto of = [&](const NdArray& x) { return i + x.ndim() >= ndim ? x.extent(i + x.ndim() - ndim) : 1; };
    left.insert(left.end(), {of(a), 1});
    right.insert(right.end(), {1, of(b)});
    shape.push_back(of(a) * of(b));
  }
  return multiply(a.reshape(left), b.reshape(right)).contiguous().reshape(shape);
}

NdArray cross(const NdArray& a, const NdArray& b) {
  if (a.ndim() == 0 || b.ndim() == 0 || a.extent(a.ndim() - 1) != 3 || b.extent(b.ndim() - 1) != 3)
    throw InvalidRequest("cross: vectors have three elements along the last axis, not " + text_of(a.shape()) + " and " +
                         text_of(b.shape()));
  const auto x = [&](std::int64_t i) { return a.pick(a.ndim() - 1, i); };
  const auto y = [&](std::int64_t i) { return b.pick(b.ndim() - 1, i); };
  Shape shape = broadcast_shapes(a.shape(), b.shape());
  NdArray out(shape, result_type(a.dtype(), b.dtype()));
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto j = (i + 1) % 3;
    const auto k = (i + 2) % 3;
    out.pick(out.ndim() - 1, i).assign(subtract(multiply(x(j), y(k)), multiply(x(k), y(j))));
  }
  return out;
}

}  // namespace troupe::nd
