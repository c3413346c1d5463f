#include <algorithm>

#include <fmt/format.h>

#include "collections/array/blockwise.hpp"
#include "collections/array/user_functions.hpp"

namespace troupe::array::detail {
namespace {

using CoreAxes = std::vector<std::string>;

[[noreturn]] void refuse(std::string_view signature, std::string_view what) {
  throw InvalidRequest(fmt::format("apply_gufunc: {} in the signature \"{}\"", what, signature));
}

/// "(i,j),(k)" as lists of names.
std::vector<CoreAxes> parse_side(std::string_view side, std::string_view signature) {
  std::vector<CoreAxes> all;
  std::size_t at = 0;
  while (at < side.size()) {
    const auto end = side.find(')', at);
    if (side[at] != '(' || end == std::string_view::npos) refuse(signature, "a parenthesis is missing");
    CoreAxes axes;
    auto names = side.substr(at + 1, end - at - 1);
    while (!names.empty()) {
      const auto comma = names.find(',');
      const auto name = names.substr(0, comma);
      if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) {
            return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
          }))
        refuse(signature, fmt::format("\"{}\" is no name of an axis", name));
      axes.emplace_back(name);
      names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    }
    all.push_back(std::move(axes));
    at = end + 1;
    if (at == side.size()) break;
    if (side[at] != ',' || at + 1 == side.size()) refuse(signature, "a comma or a parenthesis is missing");
    ++at;
  }
  if (all.empty()) refuse(signature, "a side is empty");
  return all;
}

struct Signature {
  std::vector<CoreAxes> inputs;
  std::vector<CoreAxes> outputs;
};
Signature parse(std::string_view text) {
  std::string packed;
  for (const char c : text)
    if (c != ' ') packed += c;
  const auto arrow = packed.find("->");
  if (arrow == std::string::npos) refuse(text, "\"->\" is missing");
  return {parse_side(std::string_view(packed).substr(0, arrow), text),
          parse_side(std::string_view(packed).substr(arrow + 2), text)};
}

/// How long each core axis is; all arrays that have it agree.
std::map<std::string, std::int64_t> core_sizes(const Signature& signature, const std::vector<Array>& inputs,
                                               const GufuncOptions& options, std::string_view text) {
  std::map<std::string, std::int64_t> sizes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& core = signature.inputs[i];
    const auto shape = inputs[i].shape();
    if (shape.size() < core.size())
      refuse(text, fmt::format("array {} of shape {} has fewer axes than it is to have", i, describe(shape)));
    for (std::size_t k = 0; k < core.size(); ++k) {
      const auto size = shape[shape.size() - core.size() + k];
      const auto [known, is_new] = sizes.emplace(core[k], size);
      if (!is_new && known->second != size)
        refuse(text, fmt::format("axis {} is {} long and {}", core[k], known->second, size));
    }
  }
  for (const auto& output : signature.outputs)
    for (const auto& name : output) {
      if (sizes.count(name) > 0) continue;
      const auto given = options.out_sizes.find(name);
      if (given == options.out_sizes.end())
        refuse(text, fmt::format("axis {} is of no array: its size has to be in out_sizes", name));
      sizes.emplace(name, given->second);
    }
  return sizes;
}

}  // namespace

std::vector<Array> apply_gufunc(std::string_view text, const std::vector<Array>& inputs, const GufuncOptions& options,
                                const CallOnBlocks& call, bool gives_several) {
  const auto signature = parse(text);
  if (signature.inputs.size() != inputs.size())
    refuse(text, fmt::format("{} arrays are given, not as many as", inputs.size()));
  if (!gives_several && signature.outputs.size() != 1)
    refuse(text, "several results are said of a function that does not give a std::vector<NdArray>,");
  if (!options.dtypes.empty() && options.dtypes.size() != signature.outputs.size())
    refuse(text, fmt::format("{} types are said for the results", options.dtypes.size()));
  const auto sizes = core_sizes(signature, inputs, options, text);

  // Loop axes have capitals, from the last one on; core axes small letters, by their names.
  std::size_t loops = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    loops = std::max(loops, inputs[i].ndim() - signature.inputs[i].size());
  std::string loop_letters;
  for (std::size_t i = 0; i < loops; ++i) loop_letters += static_cast<char>('A' + i);
  const auto letters_of = [&](const CoreAxes& core) {
    std::string letters;
    for (const auto& name : core) letters += static_cast<char>('a' + std::distance(sizes.begin(), sizes.find(name)));
    return letters;
  };
  std::vector<Labelled> labelled;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto whole = inputs[i];
    const auto own = whole.ndim() - signature.inputs[i].size();
    for (std::size_t axis = own; axis < whole.ndim(); ++axis) whole = whole_along(whole, axis);
    labelled.push_back({whole, loop_letters.substr(loops - own) + letters_of(signature.inputs[i])});
  }
  const auto dtype_of = [&](std::size_t i) {
    return options.dtypes.empty() ? inputs.front().dtype() : options.dtypes[i];
  };
  const auto core_chunks = [&](const CoreAxes& core) {
    Chunks chunks;
    for (const auto& name : core) chunks.push_back({sizes.at(name)});
    return chunks;
  };
  if (!gives_several) {
    BlockwiseOptions made{.dtype = dtype_of(0)};
    const auto& core = signature.outputs.front();
    const auto letters = letters_of(core);
    for (std::size_t k = 0; k < core.size(); ++k)
      if (std::none_of(labelled.begin(), labelled.end(),
                       [&](const Labelled& each) { return each.axes.find(letters[k]) != std::string::npos; }))
        made.new_axes[letters[k]] = {sizes.at(core[k])};
    return {blockwise("apply_gufunc", loop_letters + letters, labelled, made, call)};
  }
  const auto all = blockwise("apply_gufunc", loop_letters, labelled, {}, call);
  std::vector<Array> results;
  for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
    auto chunks = all.chunks();
    for (auto& each : core_chunks(signature.outputs[i])) chunks.push_back(std::move(each));
    results.emplace_back(make_node("apply_gufunc", dtype_of(i), std::move(chunks), {all.node()},
                                   [place = std::uint64_t{i}](Lowering& to, const ArrayNode& node) {
                                     Blocks made;
                                     for (const auto& each : to.blocks(node.inputs.front()))
                                       made.push_back({task("array.item", {&each, 1}, place)});
                                     return made;
                                   }));
  }
  return results;
}

}  // namespace troupe::array::detail
