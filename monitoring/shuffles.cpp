#include "monitoring/shuffles.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace troupe::monitoring {
namespace {

/// The tasks of all groups, numbered through, so that edges lead from lower numbers to higher ones.
class Tasks {
public:
  explicit Tasks(const std::vector<GroupTasks>& groups) : groups_(groups) {
    std::uint32_t next = 0;
    for (const GroupTasks& tasks : groups) {
      shown_[tasks.group.number] = {next, static_cast<std::uint32_t>(tasks.states.size())};
      next += static_cast<std::uint32_t>(tasks.states.size());
    }
    inputs_.resize(next);
    readers_.resize(next);
    level_.resize(next);
    of_.resize(next);
    for (std::size_t i = 0; i < groups.size(); ++i) link(i);
  }

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(inputs_.size()); }
  [[nodiscard]] const std::vector<std::uint32_t>& inputs(std::uint32_t task) const { return inputs_[task]; }
  [[nodiscard]] std::uint32_t readers(std::uint32_t task) const { return readers_[task]; }
  [[nodiscard]] std::uint32_t level(std::uint32_t task) const { return level_[task]; }
  [[nodiscard]] const GroupView& group(std::uint32_t task) const { return groups_[of_[task].first].group; }
  [[nodiscard]] std::uint32_t prefix(std::uint32_t task) const {
    const GroupView& view = group(task);
    return view.prefixes[view.chunk->template_index(of_[task].second)];
  }
  [[nodiscard]] TaskState state(std::uint32_t task) const { return groups_[of_[task].first].states[of_[task].second]; }

private:
  void link(std::size_t number) {
    const GroupTasks& tasks = groups_[number];
    const GraphChunk& chunk = *tasks.group.chunk;
    const std::uint32_t own = shown_[tasks.group.number].first;
    for (std::uint32_t i = 0; i < tasks.states.size(); ++i) {
      of_[own + i] = {number, i};
      for (auto edge = chunk.dependencies_begin(i); edge < chunk.dependencies_end(i); ++edge) {
        const std::uint32_t dependency = chunk.dependencies[edge];
        if (dependency < chunk.size) {
          if (dependency < i) add(own + dependency, own + i);
          continue;
        }
        const TaskId other = tasks.group.external[dependency - chunk.size];
        const auto found = shown_.find(other.group());
        if (found != shown_.end() && other.index() < found->second.second)
          add(found->second.first + other.index(), own + i);
      }
    }
  }
  void add(std::uint32_t from, std::uint32_t to) {
    if (from >= to) return;
    inputs_[to].push_back(from);
    ++readers_[from];
    level_[to] = std::max(level_[to], level_[from] + 1);
  }

  const std::vector<GroupTasks>& groups_;
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> shown_;  // first one, and how many
  std::vector<std::vector<std::uint32_t>> inputs_;
  std::vector<std::uint32_t> readers_;
  std::vector<std::uint32_t> level_;
  std::vector<std::pair<std::size_t, std::uint32_t>> of_;
};

/// Outputs that have the same inputs, and the pieces between.
struct Block {
  std::vector<std::uint32_t> outputs;
  std::vector<std::uint32_t> pieces;
};

void count(const Tasks& tasks, std::uint32_t task, TaskCounts& counts) {
  ++counts[static_cast<std::size_t>(tasks.state(task))];
}

}  // namespace

std::vector<ShuffleView> find_shuffles(const std::vector<GroupTasks>& groups) {
  const Tasks tasks(groups);
  std::map<std::vector<std::uint32_t>, Block> blocks;
  for (std::uint32_t output = 0; output < tasks.size(); ++output) {
    if (tasks.inputs(output).size() < 2) continue;
    std::vector<std::uint32_t> sources;
    std::vector<std::uint32_t> pieces;
    for (const std::uint32_t input : tasks.inputs(output)) {
      const bool piece = tasks.readers(input) == 1 && tasks.inputs(input).size() == 1;
      sources.push_back(piece ? tasks.inputs(input).front() : input);
      if (piece) pieces.push_back(input);
    }
    std::sort(sources.begin(), sources.end());
    if (std::adjacent_find(sources.begin(), sources.end()) != sources.end()) continue;
    Block& block = blocks[std::move(sources)];
    block.outputs.push_back(output);
    block.pieces.insert(block.pieces.end(), pieces.begin(), pieces.end());
  }
  std::map<std::pair<std::uint64_t, std::uint32_t>, ShuffleView> found;  // by group and level
  for (const auto& [sources, block] : blocks) {
    const bool whole = block.outputs.size() > 1 &&
                       std::all_of(sources.begin(), sources.end(),
                                   [&](std::uint32_t source) { return tasks.readers(source) == block.outputs.size(); });
    if (!whole) continue;
    const std::uint32_t first = block.outputs.front();
    std::uint32_t level = 0;
    for (const std::uint32_t source : sources) level = std::max(level, tasks.level(source));
    ShuffleView& view = found[{tasks.group(first).number, level}];
    view.group = tasks.group(first).number;
    view.name = tasks.group(first).name;
    view.prefix = tasks.prefix(first);
    view.level = level;
    ++view.blocks;
    for (const std::uint32_t source : sources) count(tasks, source, view.inputs);
    for (const std::uint32_t piece : block.pieces) count(tasks, piece, view.pieces);
    for (const std::uint32_t output : block.outputs) count(tasks, output, view.outputs);
  }
  std::vector<ShuffleView> list;
  for (auto& [key, view] : found) list.push_back(std::move(view));
  return list;
}

}  // namespace troupe::monitoring
