#include "collections/array/kernels.hpp"

#include <deque>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "runtime/exec/builtin.hpp"

namespace troupe::array {
namespace {

void run_kernel(CallFrame& frame) noexcept;

/// All kernels by their names.
class Table {
public:
  Table() {
    for (const auto list : {block_kernels(), reduction_kernels(), call_kernels(), lu_kernels()}) add(list, true);
    add(file_kernels(), false);
  }
  struct Row {
    Value (*run)(ArgumentReader&);
    const CallSite* site;
  };
  [[nodiscard]] const Row* find(std::string_view name) const {
    const auto found = rows_.find(name);
    return found != rows_.end() ? &found->second : nullptr;
  }
  [[nodiscard]] std::span<const BuiltinFunction> builtins() const { return builtins_; }

private:
  /// `pure`: files may have changed since they were read.
  void add(std::span<const Kernel> list, bool pure) {
    for (const auto& kernel : list) {
      sites_.push_back({{"", 0, kernel.name.data()}, {&run_kernel, kernel.name}, nullptr, pure});
      rows_.emplace(kernel.name, Row{kernel.run, &sites_.back()});
      builtins_.push_back({kernel.name, "array(array...)", &run_kernel});
    }
  }

  std::deque<CallSite> sites_;
  std::unordered_map<std::string_view, Row> rows_;
  std::vector<BuiltinFunction> builtins_;
};

const Table& table() {
  static const Table kernels;
  return kernels;
}

void run_kernel(CallFrame& frame) noexcept {
  const this_task::detail::Scope scope(frame);
  try {
    const auto* row = table().find(frame.function);
    if (row == nullptr) throw InvalidRequest(fmt::format("no array kernel '{}'", frame.function));
    ArgumentReader arguments(frame.arguments, frame.inputs);
    if (arguments.prefix()) throw DecodeError("the result of an array kernel has no elements");
    frame.result = row->run(arguments);
    arguments.finish();
  } catch (const DecodeError& error) {
    frame.host->fail(frame, TaskError::Kind::bad_arguments, {}, fmt::format("{}: {}", frame.function, error.what()));
  } catch (...) {
    troupe::detail::report_exception(frame);
  }
}

const BuiltinList builtin_list{table().builtins()};

}  // namespace

const CallSite& site_of(std::string_view kernel) {
  static_cast<void>(builtin_list);
  const auto* row = table().find(kernel);
  if (row == nullptr) throw InvalidRequest(fmt::format("no array kernel '{}'", kernel));
  return *row->site;
}

std::vector<nd::NdArray> read_blocks(ArgumentReader& arguments) {
  const auto views = arguments.read<std::vector<View>>();
  std::vector<nd::NdArray> blocks;
  const auto inputs = arguments.other_inputs();
  blocks.reserve(inputs.size());
  for (auto& input : inputs) {
    auto block = input.take<nd::NdArray>();
    if (!block) throw DecodeError(block.error().text);
    const auto place = blocks.size();
    blocks.push_back(place < views.size() ? views[place].of(*block) : std::move(*block));
  }
  return blocks;
}

namespace detail {

ExpressionRef finish_task(std::string_view kernel, std::span<const BlockRef> inputs, ArgumentWriter& call) {
  std::vector<View> views;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].view.is_identity()) {
      views.resize(i + 1);
      views[i] = inputs[i].view;
    }
    call.dependencies.push_back(name_of(inputs[i].expression));
  }
  call.write<std::vector<View>>(views);
  return make_call(site_of(kernel), nullptr, call);
}

}  // namespace detail

NodeRef make_node(std::string name, nd::DType dtype, Chunks chunks, std::vector<NodeRef> inputs, Lower lower) {
  ArrayNode node;
  node.name = std::move(name);
  node.dtype = dtype;
  node.chunks = std::move(chunks);
  node.inputs = std::move(inputs);
  node.lower = std::move(lower);
  return std::make_shared<const ArrayNode>(std::move(node));
}

ArrayNode::~ArrayNode() {
  lower = nullptr;
  std::vector<NodeRef> dying = std::move(inputs);
  while (!dying.empty()) {
    const auto last = std::move(dying.back());
    dying.pop_back();
    if (last && last.use_count() == 1) {
      auto& theirs = const_cast<ArrayNode&>(*last).inputs;
      dying.insert(dying.end(), std::make_move_iterator(theirs.begin()), std::make_move_iterator(theirs.end()));
      theirs.clear();
    }
  }
}

}  // namespace troupe::array
