#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "actors/future_table.hpp"
#include "actors/task_options.hpp"
#include "protocol/graph.hpp"

namespace troupe {

/// Names a function of a module at compile time; one object a function, so that equal addresses are equal functions.
struct FunctionId {
  std::string_view module;
  std::uint64_t build{};
  std::string_view name;
};

/// One call as the API hands it over; refers to the caller's objects.
struct CallView {
  const FunctionId* function{};
  const TaskOptions* options{};  ///< null: all defaults
  std::span<const std::byte> arguments;
  std::span<const ClientKey> inputs;  ///< see name_of_slot; in the order in which the arguments name them
};

/// While a call is being written, its caller holds the futures it names: they go by the address of their slot.
inline ClientKey name_of_slot(const detail::FutureSlot* slot) { return {reinterpret_cast<std::uintptr_t>(slot)}; }
inline detail::FutureSlot* slot_named(ClientKey name) { return reinterpret_cast<detail::FutureSlot*>(name.value); }

/// Gathers calls into one GraphChunk. Owned by who fills it, used by one thread at a time. Nothing is allocated by task
/// but growth of the vectors; a function with its options is interned as a template.
class ChunkBuilder {
public:
  /// Chunks are this large, so that no chunk holds the scheduler up for long.
  static constexpr std::uint32_t tasks_max = 16384;
  static constexpr std::size_t argument_bytes_max = std::size_t{8} << 20;
  /// Larger arguments are to be scattered.
  static constexpr std::size_t call_bytes_max = std::size_t{32} << 20;

  /// `own` is the page of the chunk being built: an input of that page is an inner edge.
  std::uint32_t add(const CallView& call, const detail::FuturePage* own);
  /// The parts of add() for those who know them already. An input is a task of this chunk, or `external()` of one.
  std::uint16_t intern(const FunctionId& function, const TaskOptions* options);
  std::uint32_t external(ClientKey local);
  std::uint32_t add(std::uint16_t task_template, std::span<const std::byte> arguments);
  void add_input(std::uint32_t input) { dependencies_.push_back(input); }

  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ >= tasks_max || arguments_.size() >= argument_bytes_max; }
  /// Of the call that was added last.
  [[nodiscard]] std::uint16_t last_template() const { return last_template_; }
  [[nodiscard]] const std::string& last_prefix() const { return templates_[last_template_].prefix; }

  /// The chunk; the builder is empty again, ready for the next.
  [[nodiscard]] std::shared_ptr<GraphChunk> finish();

private:
  static constexpr std::uint32_t external_bit = 0x80000000U;

  struct Interned {
    const FunctionId* function;
    TaskOptions options;
  };

  std::uint32_t size_{};
  std::vector<Interned> interned_;
  std::vector<TaskTemplate> templates_;
  std::uint16_t last_template_{};
  std::vector<std::uint16_t> template_of_;         // once there are two templates
  std::vector<std::uint32_t> dependency_offsets_;  // begin by task, while building
  std::vector<std::uint32_t> dependencies_;        // with external_bit: index into external_
  std::vector<ClientKey> external_;
  std::vector<std::uint32_t> argument_offsets_;  // begin by task, while building
  std::vector<std::byte> arguments_;
};

/// The template of a call, as the wire has it.
TaskTemplate make_template(const FunctionId& function, const TaskOptions* options);

}  // namespace troupe
