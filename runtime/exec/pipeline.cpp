#include "runtime/exec/pipeline.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

namespace troupe {
namespace {

constexpr std::size_t id_bytes = 8;
/// A part without arguments and with one input, or none.
constexpr std::size_t plain_part_bytes = id_bytes + 2;

/// By id, all that were in the lists when somebody looked last.
class PartTable {
public:
  const PartKind* find(std::uint64_t id) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = kinds_.find(id); found != kinds_.end()) return found->second;
    }
    const std::lock_guard lock(mutex_);
    add(detail::part_list.load());
    const auto found = kinds_.find(id);
    return found != kinds_.end() ? found->second : nullptr;
  }
  void add_list(const PartNode* list) {
    const std::lock_guard lock(mutex_);
    add(list);
  }

private:
  void add(const PartNode* list) {
    for (; list != nullptr; list = list->next) kinds_.try_emplace(list->kind.id, &list->kind);
  }

  std::shared_mutex mutex_;
  std::unordered_map<std::uint64_t, const PartKind*> kinds_;
};

PartTable& table() {
  static PartTable parts;
  return parts;
}

/// Without what is there only to tell builds and types of elements apart.
std::string name_of_part(std::uint64_t id) {
  const auto* kind = find_part(id);
  return kind != nullptr ? std::string(kind->name.substr(0, kind->name.find('#'))) : fmt::format("part {:016x}", id);
}

std::string describe(const PipelineRecord& record) {
  std::string text;
  for (std::size_t i = 0; i < record.parts.size(); ++i) {
    if ((i == 0 && record.plain_source) || (i + 1 == record.parts.size() && record.plain_sink)) continue;
    text += (text.empty() ? "" : " | ") + name_of_part(record.parts[i].id);
  }
  return text.empty() ? "elements" : text;
}

std::vector<std::unique_ptr<Part>> make_parts(const PipelineRecord& record, std::span<Value> inputs) {
  std::vector<std::unique_ptr<Part>> parts;
  if (record.after > inputs.size()) throw DecodeError("the task has fewer inputs than it is to come after");
  std::size_t next_input = record.after;
  std::uint64_t given = 0;
  for (const auto& each : record.parts) {
    const auto* kind = find_part(each.id);
    if (kind == nullptr)
      throw std::runtime_error(
          fmt::format("this process has no part of pipelines with id {:016x}: start its workers from the program that "
                      "computes, or with --module and a library that has TROUPE_PARTS of the same source",
                      each.id));
    if (kind->takes != given) throw DecodeError(fmt::format("{} takes another type of element", name_of_part(each.id)));
    given = kind->gives;
    if (each.inputs > inputs.size() - next_input) throw DecodeError("the task has fewer inputs than its parts");
    ArgumentReader arguments(each.arguments, inputs.subspan(next_input, each.inputs));
    next_input += each.inputs;
    try {
      parts.push_back(kind->make(arguments));
      arguments.finish();
    } catch (const DecodeError& error) {
      throw DecodeError(fmt::format("{}: {}", name_of_part(each.id), error.what()));
    }
  }
  if (next_input != inputs.size()) throw DecodeError("the task has more inputs than its parts");
  if (parts.size() < 2 || given != 0) throw DecodeError("a pipeline without a sink");
  return parts;
}

void run(const PipelineRecord& record, CallFrame& frame) {
  const auto parts = make_parts(record, frame.inputs);
  Part::Flow flow{frame};
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i]->link(i + 1 < parts.size() ? parts[i + 1].get() : nullptr, &flow);
  parts.front()->run();
  for (const auto& part : parts) part->finish();
  frame.result = parts.back()->result();
}

}  // namespace

void PipelineWriter::append(const PartKind& kind, bool plain_source, bool plain_sink) {
  if (call_.bytes.empty()) call_.bytes.push_back(plain_source ? lead_plain : lead);
  Encoder out(call_.bytes);
  out.scalar(kind.id);
  out.count(arguments_.dependencies.size());
  out.blob(arguments_.bytes.data(), arguments_.bytes.size());
  call_.dependencies.insert(call_.dependencies.end(), arguments_.dependencies.begin(), arguments_.dependencies.end());
  plain_sink_ = plain_sink;
}

ArgumentWriter& PipelineWriter::finish() {
  call_.bytes.push_back(static_cast<std::byte>(plain_sink_));
  return call_;
}

PipelineRecord read_pipeline(std::span<const std::byte> arguments) {
  PipelineRecord record;
  Decoder in(arguments);
  auto first = in.scalar<std::byte>();
  if (first == static_cast<std::byte>(detail::ArgumentTag::after)) {
    record.after = in.count();
    first = in.scalar<std::byte>();
  }
  if (first != PipelineWriter::lead && first != PipelineWriter::lead_plain)
    throw DecodeError("not the arguments of a pipeline");
  record.plain_source = first == PipelineWriter::lead_plain;
  while (in.left() > 1) {
    PartRecord part;
    part.id = in.scalar<std::uint64_t>();
    part.inputs = in.count();
    const auto blob = in.blob();
    part.arguments = {blob.data, blob.size};
    record.parts.push_back(part);
  }
  record.plain_sink = in.scalar<std::uint8_t>() != 0;
  return record;
}

bool is_plain_source(std::span<const std::byte> arguments) {
  return arguments.size() > 1 + plain_part_bytes && arguments.front() == PipelineWriter::lead_plain &&
         arguments[1 + id_bytes] == std::byte{1};
}
bool is_plain_sink(std::span<const std::byte> arguments) {
  return !arguments.empty() && arguments.back() == std::byte{1};
}

std::vector<std::byte> join_pipelines(std::span<const std::byte> first, std::span<const std::byte> second) {
  std::vector<std::byte> joined;
  joined.reserve(first.size() + second.size());
  const auto kept = first.first(first.size() - 1 - plain_part_bytes);
  const auto added = second.subspan(1 + plain_part_bytes);
  joined.assign(kept.begin(), kept.end());
  joined.insert(joined.end(), added.begin(), added.end());
  return joined;
}

std::string describe_pipeline(std::span<const std::byte> arguments) {
  try {
    return describe(read_pipeline(arguments));
  } catch (const DecodeError& error) {
    return "pipeline";
  }
}

std::string pipeline_prefix(std::span<const std::byte> arguments) {
  constexpr std::size_t most = 60;
  constexpr std::string_view gap = "..";
  const std::string text = describe_pipeline(arguments);
  std::string prefix;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    auto word = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (const auto colon = word.rfind(':'); colon != std::string_view::npos) word.remove_prefix(colon + 1);
    const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
    if (word.empty() || word == "itself" || !std::all_of(word.begin(), word.end(), is_plain)) continue;
    if (!prefix.empty()) prefix += '-';
    prefix += word;
  }
  if (prefix.empty()) return "pipeline";
  if (prefix.size() <= most) return prefix;
  const std::size_t half = (most - gap.size()) / 2;
  return prefix.substr(0, half) + std::string(gap) + prefix.substr(prefix.size() - half);
}

void add_parts(const PartNode* list) { table().add_list(list); }
const PartKind* find_part(std::uint64_t id) { return table().find(id); }

namespace builtin {

void pipeline(CallFrame& frame) noexcept {
  const this_task::detail::Scope scope(frame);
  try {
    PipelineRecord record;
    try {
      record = read_pipeline(frame.arguments);
      run(record, frame);
    } catch (const DecodeError& error) {
      frame.host->fail(frame, TaskError::Kind::bad_arguments, {},
                       fmt::format("{}: {}", describe_pipeline(frame.arguments), error.what()));
    }
  } catch (...) {
    const auto where = describe_pipeline(frame.arguments);
    detail::report_exception(frame, where);
  }
}

}  // namespace builtin

}  // namespace troupe
