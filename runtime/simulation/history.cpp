#include "runtime/simulation/history.hpp"

#include <array>
#include <charconv>
#include <type_traits>

#include <fmt/format.h>

namespace troupe::simulation {
namespace {

constexpr std::string_view first_line = "troupe history 1";

constexpr std::array<std::string_view, act_kind_count> act_names{
    "submit",        "scatter",   "release",   "cancel",         "retry",          "query",  "run-everywhere",
    "leave",         "vanish",    "kill",      "pause",          "retire",         "join",   "cut",
    "partition",     "slow-link", "half-open", "replay",         "slow-reader",    "refuse", "overload",
    "wrong-version", "replicate", "rebalance", "retire-workers", "restart-workers"};

/// Cuts the first word off.
std::string_view word(std::string_view& text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return text = {};
  text.remove_prefix(begin);
  const auto end = std::min(text.find(' '), text.size());
  const auto result = text.substr(0, end);
  text.remove_prefix(end);
  return result;
}

template <class Number>
bool parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

template <class Field>
std::string show(const Field& field) {
  if constexpr (std::is_same_v<Field, Duration>) {
    return std::to_string(field.count());
  } else if constexpr (std::is_same_v<Field, bool>) {
    return field ? "1" : "0";
  } else if constexpr (std::is_same_v<Field, double>) {
    return fmt::format("{}", field);  // the shortest that reads back the same
  } else {
    return std::to_string(field);
  }
}

template <class Field>
bool set(Field& field, std::string_view text) {
  if constexpr (std::is_same_v<Field, Duration>) {
    std::int64_t count = 0;
    if (!parse(text, count) || count < 0) return false;
    field = Duration{count};
    return true;
  } else if constexpr (std::is_same_v<Field, bool>) {
    field = text == "1";
    return text == "0" || text == "1";
  } else if constexpr (std::is_same_v<Field, double>) {
    return parse(text, field) && field >= 0 && field <= 1e6;
  } else {
    return parse(text, field);
  }
}

bool set_option(Options& options, std::string_view name, std::string_view value, bool& known) {
  bool good = false;
  for_each_option(options, [&](std::string_view option, auto& field) {
    if (option != name) return;
    known = true;
    good = set(field, value);
  });
  return good;
}

bool parse_act(std::string_view line, Act& act) {
  std::int64_t at = 0;
  if (!parse(word(line), at) || at < 0) return false;
  act.at = Duration{at};
  const auto name = word(line);
  std::size_t kind = 0;
  while (kind < act_kind_count && act_names[kind] != name) ++kind;
  if (kind == act_kind_count) return false;
  act.kind = static_cast<ActKind>(kind);
  return parse(word(line), act.node) && parse(word(line), act.other) && parse(word(line), act.amount) &&
         parse(word(line), act.salt) && word(line).empty();
}

std::optional<Error> check(const History& history) {
  const Options& o = history.options;
  const auto wrong = [](std::string text) { return Error{ErrorKind::invalid, std::move(text)}; };
  if (o.workers < 1 || o.workers > 1000 || o.joiners > 1000 || o.clients < 1 || o.clients > 1000)
    return wrong("a history has 1 to 1000 workers and clients");
  if (o.threads < 1 || o.threads > 1000) return wrong("a worker has 1 to 1000 threads");
  if (o.unit < std::chrono::milliseconds(1) || o.latency.count() < 1 || o.run_time.count() < 1 || o.chaos.count() < 1)
    return wrong("unit is at least a millisecond, chaos, latency and run-time at least a nanosecond");
  if (o.slice < 1 || o.window < 1 || o.allowed_failures < 1)
    return wrong("slice, window and allowed-failures are at least 1");
  for (const Act& act : history.acts) {
    const bool graph = act.kind == ActKind::submit || act.kind == ActKind::overload;  // `other` is its shape
    const std::uint32_t last = graph ? act.node : std::max(act.node, act.other);
    if (last >= history.nodes())
      return wrong(fmt::format("an act names node {}, but there are {}", last, history.nodes()));
  }
  return {};
}

}  // namespace

std::string_view name_of(ActKind kind) { return act_names[static_cast<std::size_t>(kind)]; }

std::string write(const History& history) {
  std::string text(first_line);
  text += "\n# Options: times in nanoseconds, rates as shares. Acts: time, kind, node, other node, amount, salt.\n";
  for_each_option(history.options, [&](std::string_view name, const auto& field) {
    text += fmt::format("option {} {}\n", name, show(field));
  });
  for (const Act& act : history.acts)
    text += fmt::format("act {} {} {} {} {} {}\n", act.at.count(), name_of(act.kind), act.node, act.other, act.amount,
                        act.salt);
  return text;
}

Result<History> read_history(std::string_view text) {
  History history;
  std::size_t number = 0;
  bool begun = false;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto bad = [&](std::string_view why) {
      return fail(ErrorKind::invalid, fmt::format("line {}: {}", number, why));
    };
    if (!begun) {
      if (line != first_line) return bad(fmt::format("a history begins with '{}'", first_line));
      begun = true;
      continue;
    }
    if (line.empty() || line.front() == '#') continue;
    const auto verb = word(line);
    if (verb == "option") {
      const auto name = word(line);
      bool known = false;
      if (!set_option(history.options, name, word(line), known))
        return bad(known ? fmt::format("option {} has a bad value", name) : fmt::format("no option '{}'", name));
    } else if (verb == "act") {
      Act act;
      if (!parse_act(line, act)) return bad("an act is: act TIME KIND NODE OTHER AMOUNT SALT");
      if (!history.acts.empty() && act.at < history.acts.back().at) return bad("acts stand in the order of time");
      history.acts.push_back(act);
    } else {
      return bad(fmt::format("'{}' is neither option nor act", verb));
    }
  }
  if (!begun) return fail(ErrorKind::invalid, "the history is empty");
  if (auto error = check(history)) return tl::unexpected(std::move(*error));
  return history;
}

}  // namespace troupe::simulation
