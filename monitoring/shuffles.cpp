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
  [[nodiscard]] TaskId id(std::uint32_t task) const {
    return TaskId::of(groups_[of_[task].first].group.number, of_[task].second);
  }
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
  std::vector<std::uint32_t> sources;
  std::vector<std::uint32_t> outputs;
  std::vector<std::uint32_t> pieces;
};

void count(const Tasks& tasks, std::uint32_t task, TaskCounts& counts) {
  ++counts[static_cast<std::size_t>(tasks.state(task))];
}

/// Those of which every source gives something to every output, in the order of their first outputs.
std::vector<Block> whole_blocks(const Tasks& tasks) {
  std::map<std::vector<std::uint32_t>, Block> found;
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
    Block& block = found[std::move(sources)];
    block.outputs.push_back(output);
    block.pieces.insert(block.pieces.end(), pieces.begin(), pieces.end());
  }
  std::vector<Block> whole;
  for (auto& [sources, block] : found) {
    if (block.outputs.size() < 2 || !std::all_of(sources.begin(), sources.end(), [&](std::uint32_t source) {
          return tasks.readers(source) == block.outputs.size();
        }))
      continue;
    block.sources = sources;
    whole.push_back(std::move(block));
  }
  std::sort(whole.begin(), whole.end(),
            [](const Block& a, const Block& b) { return a.outputs.front() < b.outputs.front(); });
  return whole;
}

/// By block, the first one of its shuffle.
std::vector<std::size_t> shuffles_of(const std::vector<Block>& blocks) {
  std::map<std::uint32_t, std::size_t> reader_of;  // by source: each has one block
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (const std::uint32_t source : blocks[i].sources) reader_of[source] = i;
  std::vector<std::size_t> first(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) first[i] = i;
  const auto root = [&](std::size_t block) {
    while (first[block] != block) block = first[block] = first[first[block]];
    return block;
  };
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    std::map<std::size_t, unsigned> given;  // outputs, by the block that cuts them further
    for (const std::uint32_t output : blocks[i].outputs)
      if (const auto reader = reader_of.find(output); reader != reader_of.end()) ++given[reader->second];
    for (const auto& [reader, outputs] : given) {
      if (outputs != 1) continue;
      const auto [low, high] = std::minmax({root(i), root(reader)});
      first[high] = low;
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) first[i] = root(i);
  return first;
}

}  // namespace

std::vector<ShuffleView> find_shuffles(const std::vector<GroupTasks>& groups) {
  const Tasks tasks(groups);
  const auto blocks = whole_blocks(tasks);
  const auto shuffle_of = shuffles_of(blocks);
  std::map<std::pair<std::size_t, std::uint32_t>, ShuffleView> found;  // by shuffle and level
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    std::uint32_t level = 0;
    for (const std::uint32_t source : block.sources) level = std::max(level, tasks.level(source));
    const auto [at, first_of_stage] = found.try_emplace({shuffle_of[i], level});
    ShuffleView& view = at->second;
    if (first_of_stage) {
      const std::uint32_t first = block.outputs.front();
      view.group = tasks.group(first).number;
      view.name = tasks.group(first).name;
      view.prefix = tasks.prefix(first);
      view.level = level;
    }
    ++view.blocks;
    for (const std::uint32_t source : block.sources) count(tasks, source, view.inputs);
    for (const std::uint32_t piece : block.pieces) count(tasks, piece, view.pieces);
    for (const std::uint32_t output : block.outputs) count(tasks, output, view.outputs);
  }
  std::map<std::size_t, std::uint32_t> stages;
  for (auto& [key, view] : found) view.stage = ++stages[key.first];
  std::vector<ShuffleView> list;
  for (auto& [key, view] : found) {
    const std::uint32_t first = blocks[key.first].outputs.front();
    view.shuffle = tasks.id(first);
    view.first_name = tasks.group(first).name;
    view.first_prefix = tasks.prefix(first);
    view.stages = stages[key.first];
    list.push_back(std::move(view));
  }
  return list;
}

}  // namespace troupe::monitoring
