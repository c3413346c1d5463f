#include "actors/time_ledger.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "protocol/text.hpp"
#include "runtime/exec/function_registry.hpp"

namespace troupe {
namespace {

constexpr std::size_t type_text_max = 200;
constexpr std::uint64_t ns_in_us = 1000;

/// Whole microseconds of it; the rest stays.
template <class Count>
std::uint64_t take_us(Count& ns) {
  const auto us = static_cast<std::uint64_t>(ns) / ns_in_us;
  ns -= static_cast<Count>(us * ns_in_us);
  return us;
}

/// The types in a signature, "f64(string,vec<map<string,f64>>)": what a function gives, then what it takes.
template <class Visit>
void for_each_type(std::string_view signature, Visit&& visit) {
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < signature.size(); ++i) {
    const char c = signature[i];
    if (c == '<') ++depth;
    if (c == '>') --depth;
    if (depth > 0 || (c != '(' && c != ')' && c != ',')) continue;
    if (i > begin) visit(signature.substr(begin, i - begin));
    begin = i + 1;
  }
}

std::string cut(std::string_view text) {
  if (text.size() <= type_text_max) return std::string(text);
  return std::string(cut_utf8(text, type_text_max)) + "...";
}

}  // namespace

TimeLedger::Function& TimeLedger::function(const std::string& prefix) {
  const bool room = functions_.size() < prefixes_max || functions_.contains(prefix);
  return functions_[room ? prefix : "other"];
}

TimeLedger::Function* TimeLedger::in_span(const std::string& prefix, const std::string& span) {
  if (spans_.size() >= spans_max && !spans_.contains({prefix, span})) return nullptr;
  return &spans_[{prefix, span}];
}

void TimeLedger::Fetched::add(const Value& value, std::uint64_t nbytes) {
  Part& part = types_[ledger_.type_of(value)];
  for (Part* each : {&part, &whole_}) {
    ++each->values;
    each->bytes += nbytes;
  }
}

TimeLedger::Fetched::~Fetched() {
  if (whole_.values == 0) return;
  const auto add = [&](Moved& sum, const Part& part) {
    sum.values += part.values;
    sum.bytes += part.bytes;
    const auto share = whole_.bytes == 0 ? static_cast<double>(part.values) / static_cast<double>(whole_.values)
                                         : static_cast<double>(part.bytes) / static_cast<double>(whole_.bytes);
    sum.ns += static_cast<std::uint64_t>(static_cast<double>(ns_) * share);
  };
  add(ledger_.sources_[from_], whole_);
  for (const auto& [fingerprint, part] : types_) add(ledger_.types_[fingerprint].moved, part);
}

std::uint64_t TimeLedger::type_of(const Value& value) {
  const auto fingerprint = value.fingerprint();
  if (types_.contains(fingerprint)) return fingerprint;
  if (types_.size() >= types_max) return 0;
  Type& type = types_[fingerprint];
  const std::string name = value.type_name();
  if (detail::fingerprint_of_text(name) == fingerprint)
    type.name = cut(name);
  else
    unnamed_ = true;
  return fingerprint;
}

void TimeLedger::name_types(const FunctionRegistry& functions) {
  if (!unnamed_) return;
  unnamed_ = false;
  functions.for_each([&](const ResolvedFunction& function) {
    for_each_type(function.signature, [&](std::string_view text) {
      const auto found = types_.find(detail::fingerprint_of_text(text));
      if (found != types_.end() && found->second.name.empty()) found->second.name = cut(text);
    });
  });
}

void TimeLedger::disk(std::uint64_t read_ns, std::uint64_t write_ns) {
  disk_read_ns_ = read_ns;
  disk_write_ns_ = write_ns;
}

ValuesMoved TimeLedger::taken(Moved& moved) {
  return {std::exchange(moved.values, 0), std::exchange(moved.bytes, 0), take_us(moved.ns)};
}

std::optional<TimeSpent> TimeLedger::take(const FunctionRegistry* functions) {
  if (functions != nullptr) name_types(*functions);
  TimeSpent spent;
  const auto add = [&](const std::string& prefix, Function& function, const std::string& span) {
    if (function.runs == 0) return;
    spent.functions.push_back({prefix, std::exchange(function.runs, 0), take_us(function.cpu_ns),
                               take_us(function.noncpu_ns), take_us(function.unsplit_ns), span});
  };
  for (auto& [prefix, function] : functions_) add(prefix, function, {});
  for (auto& [name, function] : spans_) add(name.first, function, name.second);
  spans_.clear();
  for (auto& [worker, moved] : sources_) spent.sources.push_back({worker, taken(moved)});
  sources_.clear();  // what is left of a microsecond is not worth to be kept for each peer there ever was
  for (auto& [fingerprint, type] : types_) {
    if (type.moved.values == 0) continue;
    const auto name = fingerprint == 0    ? "other"
                      : type.name.empty() ? detail::describe_fingerprint(fingerprint)
                                          : type.name;
    spent.types.push_back({name, taken(type.moved)});
  }
  const auto by = [](auto member) { return [member](const auto& a, const auto& b) { return a.*member < b.*member; }; };
  std::sort(spent.functions.begin(), spent.functions.end(), [](const FunctionTime& a, const FunctionTime& b) {
    return std::tie(a.prefix, a.span) < std::tie(b.prefix, b.span);
  });
  std::sort(spent.sources.begin(), spent.sources.end(), by(&MovedFrom::worker));
  std::sort(spent.types.begin(), spent.types.end(), by(&MovedType::type));
  spent.serialize_us = take_us(serialize_ns_);
  const auto since = [](std::uint64_t now_ns, std::uint64_t& told_ns) {
    const auto us = (now_ns - std::min(now_ns, told_ns)) / ns_in_us;
    told_ns += us * ns_in_us;
    return us;
  };
  spent.disk_read_us = since(disk_read_ns_, disk_read_told_ns_);
  spent.disk_write_us = since(disk_write_ns_, disk_write_told_ns_);
  if (spent == TimeSpent{}) return std::nullopt;
  return spent;
}

}  // namespace troupe
