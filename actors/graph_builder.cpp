#include "actors/graph_builder.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "actors/client_core.hpp"
#include "actors/graph_places.hpp"
#include "runtime/core/order.hpp"

namespace troupe {

ArgumentWriter& detail::argument_writer() {
  thread_local ArgumentWriter writer;
  writer.clear();
  return writer;
}

std::uint16_t Graph::intern(const FunctionId& function, const TaskOptions* options) {
  static const TaskOptions none;
  const auto& asked = options != nullptr ? *options : none;
  const auto fits = [&](const Interned& each) { return each.function == &function && each.options == asked; };
  if (last_template_ < templates_.size() && fits(templates_[last_template_])) return last_template_;
  const auto found = std::find_if(templates_.begin(), templates_.end(), fits);
  last_template_ = static_cast<std::uint16_t>(found - templates_.begin());
  if (found == templates_.end()) {
    if (templates_.size() == 0xffff) throw InvalidRequest("graph: more than 65535 functions and options");
    templates_.push_back({&function, asked});
  }
  return last_template_;
}

void Graph::close_task(std::uint16_t function, std::span<const std::byte> arguments) {
  if (function >= templates_.size()) throw InvalidRequest("graph: a function that the graph does not have");
  if (arguments.size() > ChunkBuilder::call_bytes_max)
    throw InvalidRequest(
        fmt::format("graph: arguments of {} bytes; at most {} go with a task: scatter them and pass the "
                    "future",
                    arguments.size(), ChunkBuilder::call_bytes_max));
  if (size() == external_bit - 1) throw InvalidRequest("graph: too many tasks");
  template_of_.push_back(function);
  offsets_.push_back(static_cast<std::uint32_t>(inputs_.size()));
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
  argument_offsets_.push_back(arguments_.size());
}

std::uint32_t Graph::add(std::uint16_t function, std::span<const std::uint32_t> inputs,
                         std::span<const std::byte> arguments) {
  inputs_.insert(inputs_.end(), inputs.begin(), inputs.end());
  close_task(function, arguments);
  return size() - 1;
}

std::uint32_t Graph::add(std::uint16_t function, const ArgumentWriter& call) {
  constexpr auto node_bit = dependency_traits<GraphNode<int>>::bit;
  for (const auto name : call.dependencies) {
    if ((name.value & node_bit) != 0) {
      inputs_.push_back(static_cast<std::uint32_t>(name.value & ~node_bit));
    } else {
      if (name.value == 0) throw InvalidRequest("an empty future cannot be an argument");
      auto* slot = slot_named(name);
      slot->references.fetch_add(1, std::memory_order_relaxed);
      externals_.emplace_back(slot);
      inputs_.push_back(static_cast<std::uint32_t>(externals_.size() - 1) | external_bit);
    }
  }
  close_task(function, call.bytes);
  return size() - 1;
}

std::uint32_t Graph::add_tree(const FunctionId& function, const TaskOptions& options,
                              std::span<const FutureHandle> leaves) {
  const auto task_template = intern(function, &options);
  ArgumentWriter two;  // the same for all: which inputs they are stands in the edges
  two.dependency({});
  two.dependency({});
  std::vector<std::uint32_t> row;
  row.reserve(leaves.size());
  for (const auto& leaf : leaves) {
    row.push_back(static_cast<std::uint32_t>(externals_.size()) | external_bit);
    externals_.push_back(leaf);
  }
  while (row.size() > 1) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i + 1 < row.size(); i += 2)
      row[kept++] = add(task_template, std::span(row).subspan(i, 2), two.bytes);
    if (row.size() % 2 == 1) row[kept++] = row.back();
    row.resize(kept);
  }
  return row.front();
}

void Graph::reserve(std::size_t tasks, std::size_t inputs) {
  template_of_.reserve(tasks);
  offsets_.reserve(tasks + 1);
  argument_offsets_.reserve(tasks + 1);
  inputs_.reserve(inputs);
}

/// One graph on its way: put into order, then cut into chunks. Tasks are sent in the order of their ranks, so that a
/// chunk is a few whole branches, and little has to be held for later chunks.
class GraphSubmission {
public:
  GraphSubmission(ClientCore& core, Graph graph, std::span<const std::uint32_t> wanted)
      : core_(core), graph_(std::move(graph)), size_(graph_.size()), wanted_(wanted) {}

  std::vector<FutureHandle> run(GraphPlaces* places) {
    if (size_ == 0) return {};
    check();
    arrange();
    cut();
    mark_wanted();
    find_last_readers();
    const auto count = starts_.size() - 1;
    for (std::size_t i = 0; i < count; ++i) pages_.push_back(core_.next_page_number());
    std::vector<FutureHandle> handles;  // by position of the wanted
    for (std::size_t i = 0; i < count; ++i) send(i, handles);
    if (places != nullptr) {
      places->sequence_ = std::move(sequence_);
      places->starts_ = std::move(starts_);
      places->pages_ = std::move(pages_);
    }
    return in_order_asked(std::move(handles));
  }

private:
  [[nodiscard]] std::string name(std::uint32_t task) const {
    return fmt::format("{}[{}]", graph_.templates_[graph_.template_of_[task]].function->name, task);
  }

  void check() const {
    core_.check_mine(graph_.externals_);
    for (std::uint32_t task = 0; task < size_; ++task)
      for (auto i = graph_.offsets_[task]; i < graph_.offsets_[task + 1]; ++i) {
        const auto input = graph_.inputs_[i];
        if ((input & Graph::external_bit) != 0 ? (input & ~Graph::external_bit) >= graph_.externals_.size()
                                               : input >= size_)
          throw InvalidRequest(fmt::format("graph: {} needs task {}, which is missing: the graph has {} tasks",
                                           name(task), input, size_));
      }
    for (const auto task : wanted_)
      if (task >= size_)
        throw InvalidRequest(fmt::format("graph: task {} is wanted but missing: the graph has {} tasks", task, size_));
  }

  /// Ranks, and which task is sent at which position.
  void arrange() {
    const GraphView view{size_, graph_.offsets_, graph_.inputs_};
    auto ranks = order(graph_.inputs_.empty() ? GraphView{size_, {}, {}} : view,
                       [this](std::uint32_t task) { return name(task); });
    if (!ranks) throw InvalidRequest(ranks.error().text);
    if (size_ <= ChunkBuilder::tasks_max && is_sorted(view)) {
      rank_ = std::move(*ranks);
      position_.resize(size_);
      std::iota(position_.begin(), position_.end(), 0U);
      sequence_ = position_;
      return;
    }
    position_ = std::move(*ranks);
    sequence_.resize(size_);
    for (std::uint32_t task = 0; task < size_; ++task) sequence_[position_[task]] = task;
  }

  void cut() {
    starts_.push_back(0);
    std::uint64_t bytes = 0;
    for (std::uint32_t position = 0; position < size_; ++position) {
      const auto task = sequence_[position];
      bytes += graph_.argument_offsets_[task + 1] - graph_.argument_offsets_[task];
      if (position - starts_.back() == ChunkBuilder::tasks_max ||
          (bytes > ChunkBuilder::argument_bytes_max && position > starts_.back())) {
        starts_.push_back(position);
        bytes = 0;
      }
    }
    starts_.push_back(size_);
  }

  void mark_wanted() {
    if (wanted_.empty()) return;
    is_wanted_.resize(size_);
    for (const auto task : wanted_) is_wanted_[position_[task]] = true;
  }

  void find_last_readers() {
    if (starts_.size() == 2) return;
    last_reader_.assign(size_, 0);
    for (std::uint32_t position = 0; position < size_; ++position) {
      const auto task = sequence_[position];
      for (auto i = graph_.offsets_[task]; i < graph_.offsets_[task + 1]; ++i)
        if (const auto input = graph_.inputs_[i]; (input & Graph::external_bit) == 0)
          last_reader_[position_[input]] = position;
    }
  }

  [[nodiscard]] ClientKey key_at(std::uint32_t position) const {
    const auto chunk = std::upper_bound(starts_.begin(), starts_.end(), position) - starts_.begin() - 1;
    return ClientKey::of(pages_[static_cast<std::size_t>(chunk)], position - starts_[static_cast<std::size_t>(chunk)]);
  }

  void send(std::size_t at, std::vector<FutureHandle>& handles) {
    const auto begin = starts_[at];
    const auto end = starts_[at + 1];
    ChunkBuilder builder;
    GraphSubmitted submitted;
    std::vector<std::uint32_t> wanted;
    for (auto position = begin; position < end; ++position) {
      const auto task = sequence_[position];
      const auto& call = graph_.templates_[graph_.template_of_[task]];
      const auto first = graph_.argument_offsets_[task];
      builder.add(builder.intern(*call.function, &call.options),
                  std::span(graph_.arguments_).subspan(first, graph_.argument_offsets_[task + 1] - first));
      for (auto i = graph_.offsets_[task]; i < graph_.offsets_[task + 1]; ++i) {
        const auto input = graph_.inputs_[i];
        if ((input & Graph::external_bit) != 0) {
          builder.add_input(builder.external(graph_.externals_[input & ~Graph::external_bit].key()));
        } else if (const auto from = position_[input]; from >= begin) {
          builder.add_input(from - begin);
        } else {
          builder.add_input(builder.external(key_at(from)));
        }
      }
      if (!is_wanted_.empty() && is_wanted_[position]) wanted.push_back(position - begin);
      if (!last_reader_.empty() && last_reader_[position] >= end) submitted.held.push_back(position - begin);
    }
    submitted.page = pages_[at];
    submitted.graph = pages_.front();
    submitted.last = at + 2 == starts_.size();
    submitted.token = core_.random_token();
    submitted.chunk = builder.finish();
    if (!rank_.empty()) {
      submitted.chunk->rank.assign(rank_.begin() + begin, rank_.begin() + end);
    } else {
      submitted.chunk->rank.resize(end - begin);
      std::iota(submitted.chunk->rank.begin(), submitted.chunk->rank.end(), begin);
    }
    if (!is_wanted_.empty()) {
      submitted.chunk->all_wanted = false;
      submitted.chunk->wanted = wanted;
    }
    core_.submit_chunk(std::move(submitted), std::move(wanted), handles);
  }

  std::vector<FutureHandle> in_order_asked(std::vector<FutureHandle> handles) const {
    std::vector<std::uint32_t> place(size_);  // by position: which handle
    std::uint32_t next = 0;
    for (std::uint32_t position = 0; position < size_; ++position)
      if (is_wanted_.empty() || is_wanted_[position]) place[position] = next++;
    std::vector<FutureHandle> result;
    if (wanted_.empty()) {
      result.reserve(size_);
      for (std::uint32_t task = 0; task < size_; ++task) result.push_back(std::move(handles[place[position_[task]]]));
      return result;
    }
    result.reserve(wanted_.size());
    for (const auto task : wanted_) result.push_back(handles[place[position_[task]]]);
    return result;
  }

  ClientCore& core_;
  Graph graph_;
  std::uint32_t size_;
  std::span<const std::uint32_t> wanted_;
  std::vector<std::uint32_t> rank_;         // if tasks are sent as they stand; else the position is the rank
  std::vector<std::uint32_t> position_;     // by task
  std::vector<std::uint32_t> sequence_;     // task by position
  std::vector<std::uint32_t> starts_;       // first position of each chunk, and the end
  std::vector<bool> is_wanted_;             // by position; empty: all
  std::vector<std::uint32_t> last_reader_;  // by position
  std::vector<std::uint64_t> pages_;        // by chunk
};

std::optional<std::uint32_t> GraphPlaces::task_of(TaskId id, std::span<const FutureHandle> futures) const {
  for (const auto& future : futures) {
    if (!future || future.page().group.load(std::memory_order_relaxed) != id.group()) continue;
    const auto chunk = std::find(pages_.begin(), pages_.end(), future.page().number);
    if (chunk == pages_.end()) continue;
    const auto position = starts_[static_cast<std::size_t>(chunk - pages_.begin())] + id.index();
    if (position < sequence_.size()) return sequence_[position];
  }
  return std::nullopt;
}

std::vector<FutureHandle> submit_graph(ClientCore& core, Graph graph, std::span<const std::uint32_t> wanted) {
  return GraphSubmission(core, std::move(graph), wanted).run(nullptr);
}
std::vector<FutureHandle> submit_graph(ClientCore& core, Graph graph, std::span<const std::uint32_t> wanted,
                                       GraphPlaces& places) {
  return GraphSubmission(core, std::move(graph), wanted).run(&places);
}

void cancel_futures(ClientCore& core, std::span<const FutureHandle> futures, std::string reason) {
  core.cancel(futures, false, std::move(reason));
}

}  // namespace troupe
