#include "actors/chunk_builder.hpp"

#include <fmt/format.h>

#include "actors/errors.hpp"

namespace troupe {
namespace {

const TaskOptions default_options;
constexpr std::size_t prefix_bytes_max = 200;

bool same(const FunctionId& a, const FunctionId& b) {
  return &a == &b || (a.build == b.build && a.name == b.name && a.module == b.module);
}

}  // namespace

TaskTemplate make_template(const FunctionId& function, const TaskOptions* options) {
  const auto& asked = options != nullptr ? *options : default_options;
  TaskTemplate result;
  result.function.kind = function.module.empty() ? FunctionRef::Kind::builtin : FunctionRef::Kind::module;
  result.function.module = function.module;
  result.function.build = function.build;
  result.function.name = function.name;
  if (asked.prefix.size() > prefix_bytes_max)
    throw InvalidRequest(
        fmt::format("{}: a prefix of {} bytes; the limit is {}", function.name, asked.prefix.size(), prefix_bytes_max));
  result.prefix = asked.prefix.empty() ? std::string(function.name) : asked.prefix;
  auto& annotations = result.annotations;
  annotations.priority = asked.priority;
  annotations.retries = static_cast<std::uint16_t>(std::min(asked.retries, 0xffffU));
  annotations.pure = asked.pure;
  annotations.run_ahead = asked.run_ahead;
  annotations.allow_other_workers = asked.allow_other_workers;
  annotations.workers = asked.workers;
  for (const auto& [name, amount] : asked.resources) annotations.resources.push_back({name, amount});
  annotations.timeout_ms = asked.timeout.count();
  annotations.isolate = asked.isolate;
  annotations.memory_limit = asked.memory_limit;
  if (asked.memory_limit > 0 && !asked.isolate)
    throw InvalidRequest(
        fmt::format("{}: a memory_limit needs isolate: tasks of one process share its memory", function.name));
  return result;
}

std::uint16_t ChunkBuilder::intern(const FunctionId& function, const TaskOptions* options) {
  const auto& asked = options != nullptr ? *options : default_options;
  const auto fits = [&](const Interned& each) { return same(*each.function, function) && each.options == asked; };
  if (last_template_ < interned_.size() && fits(interned_[last_template_])) return last_template_;
  for (std::size_t i = 0; i < interned_.size(); ++i)
    if (fits(interned_[i])) return last_template_ = static_cast<std::uint16_t>(i);
  if (interned_.size() == 0xffff) throw InvalidRequest("more than 65535 functions and options in one chunk of tasks");
  templates_.push_back(make_template(function, options));
  interned_.push_back({&function, asked});
  if (templates_.size() == 2) template_of_.assign(size_, 0);
  return last_template_ = static_cast<std::uint16_t>(interned_.size() - 1);
}

std::uint32_t ChunkBuilder::external(ClientKey local) {
  if (external_.empty() || external_.back() != local) external_.push_back(local);
  return static_cast<std::uint32_t>(external_.size() - 1) | external_bit;
}

namespace {

void check_size(std::span<const std::byte> arguments, std::string_view name) {
  if (arguments.size() > ChunkBuilder::call_bytes_max)
    throw InvalidRequest(
        fmt::format("arguments of {} bytes for {}; at most {} go with a task: scatter them and pass "
                    "the future",
                    arguments.size(), name, ChunkBuilder::call_bytes_max));
}

}  // namespace

std::uint32_t ChunkBuilder::add(std::uint16_t task_template, std::span<const std::byte> arguments) {
  check_size(arguments, templates_[task_template].prefix);
  if (templates_.size() > 1) template_of_.push_back(task_template);
  dependency_offsets_.push_back(static_cast<std::uint32_t>(dependencies_.size()));
  argument_offsets_.push_back(static_cast<std::uint32_t>(arguments_.size()));
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
  return size_++;
}

std::uint32_t ChunkBuilder::add(const CallView& call, const detail::FuturePage* own) {
  check_size(call.arguments, call.function->name);  // what is refused leaves nothing behind
  const auto task = add(intern(*call.function, call.options), call.arguments);
  for (const auto name : call.inputs) {
    const auto* slot = slot_named(name);
    const auto* page = detail::page_of(slot);
    add_input(page == own ? page->task_of(*slot) : external(page->key_of(*slot)));
  }
  return task;
}

std::shared_ptr<GraphChunk> ChunkBuilder::finish() {
  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = size_;
  chunk->templates = std::move(templates_);
  chunk->template_of = std::move(template_of_);
  if (!dependencies_.empty()) {
    for (auto& dependency : dependencies_)
      if ((dependency & external_bit) != 0) dependency = size_ + (dependency & ~external_bit);
    dependency_offsets_.push_back(static_cast<std::uint32_t>(dependencies_.size()));
    chunk->dependency_offsets = std::move(dependency_offsets_);
    chunk->dependencies = std::move(dependencies_);
    chunk->external = std::move(external_);
  }
  if (!arguments_.empty()) {
    argument_offsets_.push_back(static_cast<std::uint32_t>(arguments_.size()));
    chunk->argument_offsets = std::move(argument_offsets_);
    chunk->arguments = Bytes::own(std::move(arguments_));
  }
  *this = ChunkBuilder{};
  return chunk;
}

}  // namespace troupe
