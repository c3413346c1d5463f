#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "collections/array/elementwise.hpp"
#include "collections/array/linalg_parts.hpp"
#include "collections/array/manipulation.hpp"
#include "collections/array/products.hpp"
#include "collections/array/random.hpp"
#include "collections/array/reductions.hpp"

namespace troupe::array::linalg {

DType inexact_of(DType dtype) { return nd::kind_of(dtype) < nd::Kind::real ? DType::float64 : dtype; }

void refuse_unless_matrix(const Array& a, std::string_view call) {
  if (a.ndim() != 2) throw InvalidRequest(fmt::format("{}: of a matrix, not of shape {}", call, describe(a.shape())));
  if (!is_known(a.chunks()))
    throw InvalidRequest(fmt::format("{}: the shape {} is unknown", call, describe(a.shape())));
}
void refuse_unless_square(const Array& a, std::string_view call) {
  refuse_unless_matrix(a, call);
  if (a.shape()[0] != a.shape()[1])
    throw InvalidRequest(fmt::format("{}: of a square matrix, not of shape {}", call, describe(a.shape())));
}

BlockRef item(const ExpressionRef& several, std::uint64_t place) {
  const BlockRef block{several};
  return {task("array.item", {&block, 1}, place)};
}

Array part_of_whole(const Array& a, std::string_view kernel, std::uint64_t place, DType dtype, const Shape& shape) {
  Chunks chunks;
  for (const auto extent : shape) chunks.push_back({extent});
  return Array(make_node(std::string(kernel.substr(6)), dtype, std::move(chunks), {whole(a).node()},
                         [kernel, place](Lowering& to, const ArrayNode& node) {
                           const auto& blocks = to.blocks(node.inputs.front());
                           return Blocks{item(task(kernel, {&blocks.front(), 1}), place)};
                         }));
}

namespace {

constexpr std::size_t joined_max = 4;

/// The triangles of row blocks, joined in a tree, and for each row block what its own q is to be multiplied with.
struct Tall {
  std::vector<BlockRef> q;
  BlockRef r;
};

Tall tall_qr(const Blocks& rows, const AxisChunks& heights, std::int64_t columns) {
  Tall result;
  std::vector<BlockRef> triangles;
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto both = task("array.qr", {&rows[i], 1});
    result.q.push_back(item(both, 0));
    triangles.push_back(item(both, 1));
    sizes.push_back(std::min(heights[i], columns));
  }
  std::vector<std::vector<std::size_t>> leaves(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) leaves[i] = {i};
  while (triangles.size() > 1) {
    std::vector<BlockRef> next;
    std::vector<std::int64_t> next_sizes;
    std::vector<std::vector<std::size_t>> next_leaves;
    for (std::size_t first = 0; first < triangles.size(); first += joined_max) {
      const auto count = std::min(joined_max, triangles.size() - first);
      const auto both = task("array.stacked_qr", std::span<const BlockRef>(&triangles[first], count));
      const auto q = item(both, 0);
      std::int64_t row = 0;
      next_leaves.emplace_back();
      for (std::size_t i = first; i < first + count; ++i) {
        for (const auto leaf : leaves[i]) {
          const std::vector<BlockRef> factors{result.q[leaf], q};
          result.q[leaf] = {task("array.times_rows", factors, row, sizes[i])};
          next_leaves.back().push_back(leaf);
        }
        row += sizes[i];
      }
      next.push_back(item(both, 1));
      next_sizes.push_back(std::min(row, columns));
    }
    triangles = std::move(next);
    sizes = std::move(next_sizes);
    leaves = std::move(next_leaves);
  }
  result.r = triangles.front();
  return result;
}

}  // namespace

Qr tsqr(const Array& a) {
  refuse_unless_matrix(a, "tsqr");
  const auto rows = whole_along(a, 1).astype(inexact_of(a.dtype()));
  const auto k = std::min(a.shape()[0], a.shape()[1]);
  const auto columns = a.shape()[1];
  auto q_chunks = rows.chunks();
  q_chunks[1] = {k};
  Qr result;
  result.q = Array(make_node("tsqr", rows.dtype(), std::move(q_chunks), {rows.node()},
                             [columns](Lowering& to, const ArrayNode& node) {
                               return tall_qr(to.blocks(node.inputs[0]), node.inputs[0]->chunks[0], columns).q;
                             }));
  result.r = Array(
      make_node("tsqr", rows.dtype(), {{k}, {columns}}, {rows.node()}, [columns](Lowering& to, const ArrayNode& node) {
        return Blocks{tall_qr(to.blocks(node.inputs[0]), node.inputs[0]->chunks[0], columns).r};
      }));
  return result;
}

Qr qr(const Array& a) {
  refuse_unless_matrix(a, "qr");
  return a.shape()[0] >= a.shape()[1] ? tsqr(a) : sfqr(a);
}

Qr sfqr(const Array& a) {
  refuse_unless_matrix(a, "sfqr");
  if (a.shape()[0] > a.shape()[1])
    throw InvalidRequest(fmt::format("sfqr: the shape {} is higher than wide: tsqr", describe(a.shape())));
  // a = q [r, q^H rest].
  const auto height = a.shape()[0];
  const auto left = tsqr(a[{slice(), slice(0, height)}]);
  const auto rest = a[{slice(), slice(height)}].astype(left.q.dtype());
  return {left.q, concatenate({left.r, matmul(left.q.T().conj(), rest)}, 1)};
}

Svd svd(const Array& a) {
  refuse_unless_matrix(a, "svd");
  if (a.shape()[0] < a.shape()[1]) {
    const auto turned = svd(a.T());
    return {turned.vh.T(), turned.s, turned.u.T()};
  }
  const auto [q, r] = tsqr(a);
  const auto k = std::min(a.shape()[0], a.shape()[1]);
  const auto u = part_of_whole(r, "array.svd", 0, r.dtype(), {r.shape()[0], k});
  return {matmul(q, u), part_of_whole(r, "array.svd", 1, nd::real_of(r.dtype()), {k}),
          part_of_whole(r, "array.svd", 2, r.dtype(), {k, r.shape()[1]})};
}

Svd svd_compressed(const Array& a, std::int64_t k, int power_iterations, std::uint64_t seed) {
  refuse_unless_matrix(a, "svd_compressed");
  const auto width = std::min({k + 10, a.shape()[0], a.shape()[1]});
  const auto typed = a.astype(inexact_of(a.dtype()));
  const auto probe =
      Generator(seed).standard_normal({a.shape()[1], width}, {.chunks = {AxisSpec(a.chunks()[1]), AxisSpec(-1)}});
  auto q = tsqr(matmul(typed, probe.astype(typed.dtype()))).q;
  for (int i = 0; i < power_iterations; ++i) {
    q = tsqr(matmul(typed.T().conj(), q)).q;
    q = tsqr(matmul(typed, q)).q;
  }
  const auto [u, s, vh] = svd(matmul(q.T().conj(), typed));
  return {matmul(q, u)[{slice(), slice(0, k)}], s[{slice(0, k)}], vh[{slice(0, k)}]};
}

Array cholesky(const Array& a) {
  refuse_unless_square(a, "cholesky");
  auto cut = a.astype(inexact_of(a.dtype()));
  if (cut.chunks()[0] != cut.chunks()[1]) {
    const auto& finer = cut.chunks()[cut.chunks()[1].size() > cut.chunks()[0].size() ? 1 : 0];
    cut = cut.rechunk(Chunks{finer, finer});
  }
  return Array(make_node("cholesky", cut.dtype(), cut.chunks(), {cut.node()}, [](Lowering& to, const ArrayNode& node) {
    auto blocks = to.blocks(node.inputs.front());
    const auto n = node.chunks[0].size();
    const auto at = [&](std::size_t row, std::size_t column) -> BlockRef& { return blocks[row * n + column]; };
    for (std::size_t k = 0; k < n; ++k) {
      at(k, k) = {task("array.cholesky", {&at(k, k), 1})};
      for (std::size_t row = k + 1; row < n; ++row) {
        const std::vector<BlockRef> both{at(row, k), at(k, k)};
        at(row, k) = {task("array.solve_right", both)};
      }
      for (std::size_t row = k + 1; row < n; ++row)
        for (std::size_t column = k + 1; column <= row; ++column) {
          const std::vector<BlockRef> three{at(row, column), at(row, k), at(column, k)};
          at(row, column) = {task("array.less_product", three)};
        }
    }
    for (std::size_t row = 0; row < n; ++row)
      for (std::size_t column = row + 1; column < n; ++column)
        at(row, column) = {
            task("array.full", {}, Shape{node.chunks[0][row], node.chunks[1][column]}, NdArray::scalar(0, node.dtype))};
    return blocks;
  }));
}

Array lstsq(const Array& a, const Array& b) {
  refuse_unless_matrix(a, "lstsq");
  if (a.shape()[0] < a.shape()[1])
    throw InvalidRequest(
        fmt::format("lstsq: of a matrix at least as high as wide, not of shape {}", describe(a.shape())));
  const auto [q, r] = tsqr(a);
  return solve_triangular(r, matmul(q.T().conj(), b));
}

Array norm(const Array& a, std::string_view ord, const std::optional<AxisList>& axis, bool keepdims) {
  const ReduceOptions over{.axis = axis.value_or(AxisList()), .keepdims = keepdims};
  const bool matrix = (!axis && a.ndim() == 2) || (axis && axis->axes.size() == 2);
  const auto size = absolute(a.astype(inexact_of(a.dtype())));
  if (ord.empty() || ord == "fro" || (ord == "2" && !matrix)) return sqrt(square(size).sum(over));
  if (ord == "nuc" && matrix && !axis) return svd(a).s.sum();
  if (ord == "2" && matrix && !axis) return svd(a).s.max();
  if (matrix) {
    if (axis || (ord != "1" && ord != "-1" && ord != "inf" && ord != "-inf"))
      throw InvalidRequest(fmt::format("norm: '{}' of a matrix", ord));
    const auto sums = size.sum({.axis = ord.ends_with("1") ? 0 : 1});
    const auto result = ord.starts_with("-") ? sums.min() : sums.max();
    return keepdims ? result.reshape({1, 1}) : result;
  }
  if (ord == "1") return size.sum(over);
  if (ord == "inf") return size.max(over);
  if (ord == "-inf") return size.min(over);
  if (ord == "0") return count_nonzero(a, over).astype(size.dtype());
  throw InvalidRequest(fmt::format("norm: no order '{}'", ord));
}

}  // namespace troupe::array::linalg
