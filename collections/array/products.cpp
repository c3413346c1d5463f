#include "collections/array/products.hpp"

#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array/elementwise.hpp"
#include "collections/array/manipulation.hpp"

namespace troupe::array {
namespace {

constexpr std::size_t joined_max = 8;

struct Subscripts {
  std::vector<std::string> inputs;
  std::string output;
};

Subscripts parsed(std::string_view text, std::size_t operands) {
  Subscripts result;
  std::string all;
  for (const char c : text)
    if (c != ' ') all += c;
  const auto arrow = all.find("->");
  std::string left = all.substr(0, arrow);
  for (std::size_t begin = 0; begin <= left.size();) {
    const auto end = std::min(left.find(',', begin), left.size());
    result.inputs.push_back(left.substr(begin, end - begin));
    begin = end + 1;
  }
  if (arrow != std::string::npos) {
    result.output = all.substr(arrow + 2);
  } else {
    std::map<char, int> counts;
    for (const auto& each : result.inputs)
      for (const char label : each) ++counts[label];
    for (const auto& [label, count] : counts)
      if (count == 1) result.output += label;
  }
  if (result.inputs.size() != operands)
    throw InvalidRequest(
        fmt::format("einsum: '{}' is of {} arrays, and {} are given", text, result.inputs.size(), operands));
  for (const auto& each : result.inputs)
    for (const char label : each)
      if (std::isalpha(static_cast<unsigned char>(label)) == 0)
        throw InvalidRequest(fmt::format("einsum: '{}' in '{}' is no label", label, text));
  for (const char label : result.output)
    if (left.find(label) == std::string::npos || std::count(result.output.begin(), result.output.end(), label) > 1)
      throw InvalidRequest(fmt::format("einsum: the label '{}' of the result in '{}'", label, text));
  return result;
}

/// Adds blocks up, some at a time.
ExpressionRef added_up(std::vector<BlockRef> parts) {
  while (parts.size() > 1) {
    std::vector<BlockRef> next;
    for (std::size_t i = 0; i < parts.size(); i += joined_max) {
      const auto count = std::min(joined_max, parts.size() - i);
      const std::span<const BlockRef> some(&parts[i], count);
      next.push_back(count == 1 ? parts[i] : BlockRef{task("array.add_up", some)});
    }
    parts = std::move(next);
  }
  return parts.front().expression;
}

Blocks contracted(Lowering& to, const ArrayNode& node, const Subscripts& subscripts, const std::string& kernel_text) {
  std::string summed;
  for (const auto& each : subscripts.inputs)
    for (const char label : each)
      if (subscripts.output.find(label) == std::string::npos && summed.find(label) == std::string::npos)
        summed += label;
  std::map<char, std::int64_t> grid;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    for (std::size_t axis = 0; axis < subscripts.inputs[i].size(); ++axis)
      grid[subscripts.inputs[i][axis]] = static_cast<std::int64_t>(node.inputs[i]->chunks[axis].size());
  Shape inner;
  for (const char label : summed) inner.push_back(grid[label]);
  Blocks made;
  for (GridWalk at(blocks_of(node.chunks)); at; ++at) {
    std::vector<BlockRef> parts;
    for (GridWalk k(inner); k; ++k) {
      std::map<char, std::int64_t> place;
      for (std::size_t i = 0; i < subscripts.output.size(); ++i) place[subscripts.output[i]] = (*at)[i];
      for (std::size_t i = 0; i < summed.size(); ++i) place[summed[i]] = (*k)[i];
      std::vector<BlockRef> blocks;
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        Shape coordinate;
        for (const char label : subscripts.inputs[i]) coordinate.push_back(place[label]);
        blocks.push_back(to.blocks(node.inputs[i])[place_in(blocks_of(node.inputs[i]->chunks), coordinate)]);
      }
      parts.push_back({task("array.einsum", blocks, kernel_text)});
    }
    made.push_back({added_up(std::move(parts))});
  }
  return made;
}

/// With labels a, b, ... in order of their first use, so that one product is written one way.
std::string canonical(const Subscripts& subscripts) {
  std::map<char, char> names;
  const auto rename = [&](const std::string& labels) {
    std::string text;
    for (const char label : labels) {
      const auto known =
          names.emplace(label, static_cast<char>(names.size() < 26 ? 'a' + names.size() : 'A' + names.size() - 26));
      text += known.first->second;
    }
    return text;
  };
  std::string text;
  for (const auto& each : subscripts.inputs) text += (text.empty() ? "" : ",") + rename(each);
  return text + "->" + rename(subscripts.output);
}

std::string labels_from(char first, std::size_t count) {
  std::string labels;
  for (std::size_t i = 0; i < count; ++i) labels += static_cast<char>(first + static_cast<char>(i));
  return labels;
}

}  // namespace

Array einsum(std::string_view text, const std::vector<Array>& operands) {
  const auto subscripts = parsed(text, operands.size());
  std::map<char, AxisChunks> chunks;
  DType dtype = operands.at(0).dtype();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    dtype = nd::result_type(dtype, operands[i].dtype());
    if (subscripts.inputs[i].size() != operands[i].ndim())
      throw InvalidRequest(
          fmt::format("einsum: '{}' for the shape {}", subscripts.inputs[i], describe(operands[i].shape())));
    for (std::size_t axis = 0; axis < operands[i].ndim(); ++axis) {
      const char label = subscripts.inputs[i][axis];
      const auto& theirs = operands[i].chunks()[axis];
      const auto known = chunks.emplace(label, theirs).first;
      if (size_of(known->second) != size_of(theirs))
        throw InvalidRequest(fmt::format("einsum: the label '{}' of '{}' is {} here and {} there", label, text,
                                         size_of(known->second), size_of(theirs)));
      if (known->second != theirs) {
        const std::vector<Chunks> both{{known->second}, {theirs}};
        known->second = broadcast_chunks(both, "einsum")[0];
      }
    }
  }
  std::vector<NodeRef> inputs;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    Chunks wanted;
    for (const char label : subscripts.inputs[i]) wanted.push_back(chunks.at(label));
    inputs.push_back(operands[i].rechunk(wanted).node());
  }
  Chunks out;
  for (const char label : subscripts.output) out.push_back(chunks.at(label));
  return Array(make_node("einsum", dtype, std::move(out), std::move(inputs),
                         [subscripts, kernel_text = canonical(subscripts)](Lowering& to, const ArrayNode& node) {
                           return contracted(to, node, subscripts, kernel_text);
                         }));
}

Array matmul(const Array& a, const Array& b) {
  if (a.ndim() == 0 || b.ndim() == 0) throw InvalidRequest("matmul: of an array without axes");
  const auto inner = b.ndim() == 1 ? b.shape()[0] : b.shape()[b.ndim() - 2];
  if (a.shape().back() != inner)
    throw InvalidRequest(
        fmt::format("matmul: the shapes {} and {} do not fit", describe(a.shape()), describe(b.shape())));
  const auto stacks = std::max({a.ndim(), b.ndim(), std::size_t{2}}) - 2;
  auto x = a;
  auto y = b;
  if (stacks > 0) {  // all stacks are those that both are broadcast to
    const auto stack_of = [](const Array& each) {
      auto shape = each.shape();
      shape.resize(shape.size() > 2 ? shape.size() - 2 : 0);
      return shape;
    };
    const std::vector<Shape> both{stack_of(a), stack_of(b)};
    const auto stack_shape = broadcast_shapes(both, "matmul");
    const auto widened = [&](const Array& each) {
      if (each.ndim() < 2 || stack_of(each) == stack_shape) return each;
      auto shape = stack_shape;
      const auto whole = each.shape();
      shape.insert(shape.end(), whole.end() - 2, whole.end());
      return broadcast_to(each, shape);
    };
    x = widened(a);
    y = widened(b);
  }
  const auto batch = labels_from('A', stacks);
  const std::string left = (x.ndim() > 1 ? (x.ndim() > 2 ? batch : "") + "i" : "") + "j";
  const std::string right = y.ndim() > 1 ? (y.ndim() > 2 ? batch : "") + "jk" : "j";
  const std::string out = batch + (x.ndim() > 1 ? "i" : "") + (y.ndim() > 1 ? "k" : "");
  return einsum(left + "," + right + "->" + out, {x, y});
}

Array dot(const Array& a, const Array& b) {
  if (a.ndim() == 0 || b.ndim() == 0) return a * b;
  return tensordot(a, b, {-1}, {b.ndim() == 1 ? 0 : static_cast<int>(b.ndim()) - 2});
}
Array vdot(const Array& a, const Array& b) { return einsum("i,i->", {a.ravel().conj(), b.ravel()}); }

Array tensordot(const Array& a, const Array& b, const std::vector<int>& of_a, const std::vector<int>& of_b) {
  if (of_a.size() != of_b.size()) throw InvalidRequest("tensordot: the axes are no pairs");
  auto left = labels_from('a', a.ndim());
  auto right = labels_from('A', b.ndim());
  for (std::size_t i = 0; i < of_a.size(); ++i)
    right[axis_in(of_b[i], b.ndim(), "tensordot")] = left[axis_in(of_a[i], a.ndim(), "tensordot")];
  std::string out;
  for (const char label : left)
    if (right.find(label) == std::string::npos) out += label;
  for (const char label : right)
    if (left.find(label) == std::string::npos) out += label;
  return einsum(left + "," + right + "->" + out, {a, b});
}
Array tensordot(const Array& a, const Array& b, int n) {
  std::vector<int> of_a;
  std::vector<int> of_b;
  for (int i = 0; i < n; ++i) {
    of_a.push_back(static_cast<int>(a.ndim()) - n + i);
    of_b.push_back(i);
  }
  return tensordot(a, b, of_a, of_b);
}

}  // namespace troupe::array
