#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "collections/array/creation.hpp"
#include "collections/array/linalg_parts.hpp"
#include "collections/array/products.hpp"
#include "collections/array/rechunk_plan.hpp"

/// LU in panels, which are all rows of some columns. A panel is factored in one task, so that a pivot is sought among
/// all of its rows; each panel to the right of it, and right sides too, is permuted and updated in another one.
namespace troupe::array::linalg {
namespace {

std::vector<NodeRef> nodes_of(const std::vector<Array>& all) {
  std::vector<NodeRef> nodes;
  for (const auto& each : all) nodes.push_back(each.node());
  return nodes;
}

AxisChunks up_to(const AxisChunks& axis, std::int64_t end) {
  AxisChunks some;
  for (const auto size : axis) {
    if (end <= 0) break;
    some.push_back(std::min(size, end));
    end -= size;
  }
  return some.empty() ? AxisChunks{0} : some;
}

/// Rows from `first` to `end` of a block of `columns` columns, if any.
View rows_of(std::int64_t first, std::int64_t end, std::int64_t columns) {
  auto view = View::whole({end - first, columns});
  view.parts[0].start = first;
  return view;
}

/// A matrix of `rows` rows, factored. The blocks of `node` are its panels, packed as by getrf, and then, of those that
/// have a part of the diagonal, the orders, and the rows from the diagonal on.
struct Factors {
  NodeRef node;
  std::int64_t rows{};
  DType dtype{};
  AxisChunks widths;
  std::vector<std::int64_t> firsts;  ///< where each panel begins
  std::size_t diagonals{};           ///< panels that have a part of the diagonal

  [[nodiscard]] std::int64_t k() const { return std::min(rows, firsts.back()); }
  [[nodiscard]] BlockRef packed(Lowering& to, std::size_t panel) const { return to.blocks(node)[panel]; }
  [[nodiscard]] BlockRef order(Lowering& to, std::size_t panel) const { return to.blocks(node)[widths.size() + panel]; }
  [[nodiscard]] BlockRef lower(Lowering& to, std::size_t panel) const {
    return to.blocks(node)[widths.size() + diagonals + panel];
  }
  /// Rows of a packed panel, as a task of its own if they are few.
  [[nodiscard]] BlockRef part(const BlockRef& packed, std::size_t panel, std::int64_t first, std::int64_t end) const {
    return Lowering::part_of(packed, {rows, widths[panel]}, rows_of(first, end, widths[panel]),
                             static_cast<std::int64_t>(nd::size_of(dtype)));
  }
};

/// Right-looking: each panel takes the steps of all panels before it, then is factored itself.
Blocks factored(const Factors& factors, const Blocks& panels, const std::string& call, bool regular) {
  Blocks packed;
  Blocks orders;
  Blocks lower;
  for (std::size_t j = 0; j < panels.size(); ++j) {
    auto panel = panels[j];
    for (std::size_t k = 0; k < std::min(j, factors.diagonals); ++k) {
      const std::vector<BlockRef> three{panel, lower[k], orders[k]};
      panel = {task("array.forward_step", three, true, std::string())};
    }
    if (j < factors.diagonals) {
      const auto both = task("array.lu_panel", {&panel, 1}, factors.firsts[j], call, regular);
      panel = item(both, 0);
      orders.push_back(item(both, 1));
      lower.push_back(factors.part(panel, j, factors.firsts[j], factors.rows));
    }
    packed.push_back(panel);
  }
  packed.insert(packed.end(), orders.begin(), orders.end());
  packed.insert(packed.end(), lower.begin(), lower.end());
  return packed;
}

Factors factors_of(const Array& a, DType dtype, const std::string& call, bool regular) {
  Factors factors;
  factors.rows = a.shape()[0];
  factors.dtype = dtype;
  factors.widths = panel_widths(a);
  factors.firsts = offsets_of(factors.widths);
  for (std::size_t i = 0; i < factors.widths.size(); ++i)
    if (factors.firsts[i] < factors.k() && factors.widths[i] > 0) ++factors.diagonals;
  const auto panels = a.astype(dtype).rechunk(Chunks{{factors.rows}, factors.widths});
  const auto plan = factors;
  factors.node =
      make_node("lu", dtype, panels.chunks(), {panels.node()}, [plan, call, regular](Lowering& to, const ArrayNode& n) {
        return factored(plan, to.blocks(n.inputs.front()), call, regular);
      });
  return factors;
}

/// An array in the blocks of `b`, right sides with all of their rows, which `lower` makes of those and of `inputs`.
Array solution(std::string name, const Array& b, std::vector<NodeRef> inputs, Lower lower) {
  inputs.push_back(b.node());
  return Array(make_node(std::move(name), b.dtype(), b.chunks(), std::move(inputs), std::move(lower)));
}

/// x of l u x = p^-1 b.
Array solve_by(const Factors& factors, const Array& b, const std::string& call) {
  return solution("solve", b, {factors.node}, [factors, call](Lowering& to, const ArrayNode& node) {
    Blocks upper;
    for (std::size_t k = 0; k < factors.diagonals; ++k)
      upper.push_back(factors.part(factors.packed(to, k), k, 0, factors.firsts[k + 1]));
    auto made = to.blocks(node.inputs.back());
    for (auto& x : made) {
      for (std::size_t k = 0; k < factors.diagonals; ++k) {
        const std::vector<BlockRef> three{x, factors.lower(to, k), factors.order(to, k)};
        x = {task("array.forward_step", three, true, k == 0 ? call : std::string())};
      }
      for (auto k = factors.diagonals; k-- > 0;) {
        const std::vector<BlockRef> both{x, upper[k]};
        x = {task("array.backward_step", both, std::string())};
      }
    }
    return made;
  });
}

/// b with all rows in one block, and its columns cut so that no block grows beyond that of a panel.
Array right_sides(const Array& a, const Array& b, DType dtype, std::string_view call) {
  refuse_unless_square(a, call);
  if (b.ndim() < 1 || b.ndim() > 2 || b.shape()[0] != a.shape()[0])
    throw InvalidRequest(
        fmt::format("{}: the shapes {} and {} do not fit", call, describe(a.shape()), describe(b.shape())));
  if (b.ndim() == 1) return b.astype(dtype).rechunk(-1);
  return b.astype(dtype).rechunk(Chunks{{b.shape()[0]}, b.shape()[1] > 0 ? panel_widths(b) : AxisChunks{0}});
}

DType type_of_both(const Array& a, const Array& b) {
  return nd::result_type(inexact_of(a.dtype()), inexact_of(b.dtype()));
}

/// The kernel with the one block of a and each block of b.
template <class... P>
Array column_by_column(const Array& a, const Array& b, std::string_view kernel, const P&... arguments) {
  return solution(std::string(kernel.substr(6)), b, {a.astype(b.dtype()).node()},
                  [kernel, arguments...](Lowering& to, const ArrayNode& node) {
                    auto made = to.blocks(node.inputs.back());
                    for (auto& x : made) {
                      const std::vector<BlockRef> both{to.blocks(node.inputs.front()).front(), x};
                      x = {task(kernel, both, arguments...)};
                    }
                    return made;
                  });
}

/// The product of the pivots, or the other result of `kernel`, of one task on all of them.
ExpressionRef of_pivots(Lowering& to, const Factors& factors, std::string_view kernel) {
  Blocks pivots;
  for (std::size_t i = 0; i < factors.diagonals; ++i) {
    const std::vector<BlockRef> both{factors.packed(to, i), factors.order(to, i)};
    pivots.push_back({task("array.lu_pivots", both, factors.firsts[i])});
  }
  return task(kernel, pivots, static_cast<std::uint8_t>(factors.dtype));
}

}  // namespace

AxisChunks panel_widths(const Array& a) {
  const auto rows = std::max<std::int64_t>(1, a.shape()[0]);
  const auto columns = a.shape()[1];
  const auto block = largest_block(a.chunks());
  auto cut = a.chunks()[1];
  if (cut.size() == 1 && a.chunks()[0].size() > 1 && columns > 0)
    cut = balanced(even_chunks(columns, std::max<std::int64_t>(1, std::llround(std::sqrt(block)))));
  const auto bytes_max = std::max(chunk_bytes(), block * static_cast<std::int64_t>(a.itemsize()));
  const auto width_max = std::max<std::int64_t>(1, bytes_max / (rows * static_cast<std::int64_t>(a.itemsize())));
  AxisChunks widths;
  std::int64_t at = 0;
  for (const auto width : cut) {
    const auto before = std::clamp<std::int64_t>(rows - at, 0, width);  // the diagonal ends where a panel does
    for (const auto part : {before, width - before}) {
      if (part == 0) continue;
      const auto pieces = balanced(even_chunks(part, width_max));
      widths.insert(widths.end(), pieces.begin(), pieces.end());
    }
    at += width;
  }
  return widths.empty() ? AxisChunks{0} : widths;
}

std::vector<Array> lu(const Array& a) {
  refuse_unless_matrix(a, "lu");
  const auto rows = a.shape()[0];
  const auto columns = a.shape()[1];
  const auto k = std::min(rows, columns);
  const auto dtype = inexact_of(a.dtype());
  if (a.npartitions() == 1 || k == 0)
    return {part_of_whole(a, "array.lu", 0, nd::real_of(dtype), {rows, rows}),
            part_of_whole(a, "array.lu", 1, dtype, {rows, k}), part_of_whole(a, "array.lu", 2, dtype, {k, columns})};
  const auto factors = factors_of(a, dtype, "lu", false);
  const auto count = factors.diagonals;
  const auto heights = a.chunks()[0];
  const Array p(make_node(
      "lu", nd::real_of(dtype), {heights, heights}, {factors.node},
      [factors, count](Lowering& to, const ArrayNode& node) {
        Blocks orders;
        for (std::size_t i = 0; i < count; ++i) orders.push_back(factors.order(to, i));
        const BlockRef all{task("array.lu_rows", orders, factors.rows)};
        const auto offsets = offsets_of(node.chunks[0]);
        Blocks made;
        for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
          const auto i = static_cast<std::size_t>((*at)[0]);
          const auto j = static_cast<std::size_t>((*at)[1]);
          made.push_back({task("array.permutation", {&all, 1}, Shape{offsets[i], offsets[j]},
                               Shape{node.chunks[0][i], node.chunks[1][j]}, static_cast<std::uint8_t>(node.dtype))});
        }
        return made;
      }));
  const Array l(make_node("lu", dtype, {{rows}, up_to(factors.widths, k)}, {factors.node},
                          [factors, count](Lowering& to, const ArrayNode&) {
                            Blocks made;
                            for (std::size_t i = 0; i < count; ++i) {
                              Blocks parts{factors.lower(to, i)};
                              for (auto later = i + 1; later < count; ++later)
                                parts.push_back(factors.order(to, later));
                              made.push_back({task("array.lu_lower", parts, factors.rows)});
                            }
                            return made;
                          }));
  const Array u(
      make_node("lu", dtype, {{k}, factors.widths}, {factors.node}, [factors, k](Lowering& to, const ArrayNode&) {
        Blocks made;
        for (std::size_t j = 0; j < factors.widths.size(); ++j) {
          const auto packed = factors.packed(to, j);
          made.push_back({task("array.lu_upper", {&packed, 1}, std::min(factors.firsts[j], k), k)});
        }
        return made;
      }));
  return {p, l.rechunk(Chunks{heights, l.chunks()[1]}), u.rechunk(Chunks{up_to(heights, k), factors.widths})};
}

Array solve(const Array& a, const Array& b, std::string_view assume_a) {
  const auto dtype = type_of_both(a, b);
  const auto sides = right_sides(a, b, dtype, "solve");
  if (assume_a == "pos") {
    const auto l = cholesky(a.astype(dtype));
    return solve_triangular(l.T().conj(), solve_triangular(l, sides, true));
  }
  if (assume_a != "gen") throw InvalidRequest(fmt::format("solve: a matrix is 'gen' or 'pos', not '{}'", assume_a));
  if (a.npartitions() == 1) return column_by_column(a, sides, "array.solve");
  return solve_by(factors_of(a, dtype, "solve", true), sides, "solve");
}

Array solve_triangular(const Array& a, const Array& b, bool lower) {
  const auto dtype = type_of_both(a, b);
  const auto sides = right_sides(a, b, dtype, "solve_triangular");
  if (a.npartitions() == 1) return column_by_column(a, sides, "array.solve_triangular", lower);
  // Of a panel only the rows of the triangle are read, or even computed.
  const auto n = a.shape()[0];
  const auto firsts = offsets_of(panel_widths(a));
  std::vector<Array> panels;
  for (std::size_t i = 0; i + 1 < firsts.size(); ++i) {
    const auto rows = lower ? slice(firsts[i], n) : slice(0, firsts[i + 1]);
    panels.push_back(a[{rows, slice(firsts[i], firsts[i + 1])}].astype(dtype).rechunk(-1));
  }
  return solution("solve_triangular", sides, nodes_of(panels), [lower](Lowering& to, const ArrayNode& node) {
    const auto count = node.inputs.size() - 1;
    auto made = to.blocks(node.inputs.back());
    for (auto& x : made)
      for (std::size_t i = 0; i < count; ++i) {
        const std::vector<BlockRef> both{x, to.blocks(node.inputs[lower ? i : count - 1 - i]).front()};
        const std::string call = "solve_triangular";
        x = {lower ? task("array.forward_step", both, false, call) : task("array.backward_step", both, call)};
      }
    return made;
  });
}

Array inv(const Array& a) {
  refuse_unless_square(a, "inv");
  const auto n = a.shape()[0];
  const auto dtype = inexact_of(a.dtype());
  if (a.npartitions() == 1 || n == 0) return map_kernel("inv", "array.inv", dtype, {{n}, {n}}, {whole(a)});
  const auto factors = factors_of(a, dtype, "inv", true);
  return solve_by(factors, eye(n, n, 0, {.dtype = dtype, .chunks = Chunks{{n}, factors.widths}}), "inv")
      .rechunk(a.chunks());
}

Array det(const Array& a) {
  refuse_unless_square(a, "det");
  const auto dtype = inexact_of(a.dtype());
  if (a.npartitions() == 1 || a.shape()[0] == 0) return map_kernel("det", "array.det", dtype, {}, {whole(a)});
  const auto factors = factors_of(a, dtype, "det", false);
  return Array(make_node("det", dtype, {}, {factors.node}, [factors](Lowering& to, const ArrayNode&) {
    return Blocks{{of_pivots(to, factors, "array.det_of_pivots")}};
  }));
}

std::pair<Array, Array> slogdet(const Array& a) {
  refuse_unless_square(a, "slogdet");
  const auto factors = factors_of(a, inexact_of(a.dtype()), "slogdet", false);
  // Both are items of one task.
  const auto both = make_node("slogdet", factors.dtype, {}, {factors.node}, [factors](Lowering& to, const ArrayNode&) {
    return Blocks{{of_pivots(to, factors, "array.slogdet_of_pivots")}};
  });
  const auto part = [&](std::uint64_t place, DType dtype) {
    return Array(make_node("slogdet", dtype, {}, {both}, [place](Lowering& to, const ArrayNode& node) {
      return Blocks{item(to.blocks(node.inputs.front()).front().expression, place)};
    }));
  };
  return {part(0, factors.dtype), part(1, nd::real_of(factors.dtype))};
}

}  // namespace troupe::array::linalg
