#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/chunk_builder.hpp"
#include "actors/future.hpp"
#include "runtime/exec/arguments.hpp"
#include "runtime/exec/module.hpp"

namespace troupe {

namespace detail {

template <auto F>
inline constexpr FunctionId function_id{ListedFunction<F>::module, ListedFunction<F>::build, ListedFunction<F>::name};

/// One for each thread, to be used within one call of ours.
ArgumentWriter& argument_writer();

}  // namespace detail

/// The value of a task of a Graph that is being built; an argument of later tasks of the same graph.
template <class T>
struct GraphNode {
  std::uint32_t index{};
};

template <class T>
struct dependency_traits<GraphNode<T>> {
  static constexpr bool is_dependency = true;
  static constexpr std::uint64_t bit = std::uint64_t{1} << 63;
  using value_type = T;
  static ClientKey key(const GraphNode<T>& node) { return {bit | node.index}; }
};

/// A graph of tasks to be submitted at once, up to tens of millions: parallel arrays, nothing allocated by task.
/// Built by one thread, then moved into Client::submit_graph, which orders it and sends it in chunks.
class Graph {
public:
  /// A call of F; arguments as for Client::submit, and nodes of this graph.
  template <auto F, class... A>
  GraphNode<function_result<F>> add(const A&... arguments) {
    return add_with<F>(nullptr, arguments...);
  }
  template <auto F, class... A>
  GraphNode<function_result<F>> add(const TaskOptions& options, const A&... arguments) {
    return add_with<F>(&options, arguments...);
  }
  /// The raw door: a template from `function()`, encoded arguments (runtime/exec/arguments.hpp), and inputs by index,
  /// which may be of tasks yet to be added.
  template <auto F>
  std::uint16_t function(const TaskOptions& options = {}) {
    detail::require_listed<F>();
    return intern(detail::function_id<F>, &options);
  }
  std::uint16_t function(const FunctionId& function, const TaskOptions& options) { return intern(function, &options); }
  std::uint32_t add(std::uint16_t function, std::span<const std::uint32_t> inputs,
                    std::span<const std::byte> arguments);
  /// An input that is not of this graph.
  std::uint32_t external(FutureHandle future) {
    externals_.push_back(std::move(future));
    return static_cast<std::uint32_t>(externals_.size() - 1) | external_bit;
  }

  /// Tasks that combine `leaves`, which are not of this graph, two by two; gives the root. At least two leaves.
  std::uint32_t add_tree(const FunctionId& function, const TaskOptions& options, std::span<const FutureHandle> leaves);

  void reserve(std::size_t tasks, std::size_t inputs);
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(template_of_.size()); }

private:
  friend class GraphSubmission;
  static constexpr std::uint32_t external_bit = 0x80000000U;

  struct Interned {
    const FunctionId* function;
    TaskOptions options;
  };

  template <auto F, class... A>
  GraphNode<function_result<F>> add_with(const TaskOptions* options, const A&... arguments) {
    detail::require_listed<F>();
    auto& writer = detail::argument_writer();
    writer.template call<F>(arguments...);
    return {add(intern(detail::function_id<F>, options), writer)};
  }
  std::uint16_t intern(const FunctionId& function, const TaskOptions* options);
  std::uint32_t add(std::uint16_t function, const ArgumentWriter& call);
  void close_task(std::uint16_t function, std::span<const std::byte> arguments);

  std::vector<Interned> templates_;
  std::uint16_t last_template_{};
  std::vector<std::uint16_t> template_of_;
  std::vector<std::uint32_t> offsets_{0};
  std::vector<std::uint32_t> inputs_;  // a task, or with external_bit a place in externals_
  std::vector<FutureHandle> externals_;
  std::vector<std::uint64_t> argument_offsets_{0};
  std::vector<std::byte> arguments_;
};

/// Submits `graph` and gives a handle for each of `wanted`, in that order; all tasks if there is none. Throws
/// InvalidRequest for a cycle or a missing dependency, which it names.
std::vector<FutureHandle> submit_graph(ClientCore& core, Graph graph, std::span<const std::uint32_t> wanted);

}  // namespace troupe
