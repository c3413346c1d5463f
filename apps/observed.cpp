#include "apps/observed.hpp"

#include <algorithm>
#include <array>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "apps/logging.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

template <class Ids>
json::array numbers_of(const Ids& ids) {
  json::array numbers;
  for (const auto& id : ids) numbers.push_back(id.value);
  return numbers;
}

json::array texts_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace

std::string time_text(std::int64_t unix_us) {
  const auto seconds = static_cast<std::time_t>(unix_us / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), unix_us % 1'000'000);
}

const char* level_text(std::uint8_t level) {
  constexpr std::array names{"debug", "info", "warning", "error"};
  return names.at(std::min<std::size_t>(level, names.size() - 1));
}

json::object json_of(const LogLine& line) {
  json::object object{
      {"number", line.number}, {"ts", time_text(line.unix_us)}, {"level", level_text(line.level)}, {"msg", line.text}};
  if (!line.about.event.empty()) object["event"] = line.about.event;
  add_fields(object, line.about);
  return object;
}

json::object json_of(const TaskDetail& detail) {
  json::object object{{"task", detail.summary.task.value},
                      {"key", detail.summary.key},
                      {"prefix", detail.prefix},
                      {"state", detail.summary.state},
                      {"worker", detail.summary.worker},
                      {"nbytes", detail.summary.nbytes},
                      {"waiting_for", detail.summary.waiting_for},
                      {"run", detail.summary.run},
                      {"priority", {detail.priority.user, detail.priority.generation, detail.priority.rank}},
                      {"dependencies", numbers_of(detail.dependencies)},
                      {"dependents", detail.dependents},
                      {"retries", detail.retries},
                      {"crashes", detail.crashes},
                      {"wanted_by", numbers_of(detail.wanted_by)},
                      {"holders", numbers_of(detail.holders)}};
  if (!detail.error.empty()) object["error"] = detail.error;
  return object;
}

json::array json_of(const Transition& transition) {
  return {transition.at_ns, transition.from,      transition.to,
          transition.cause, transition.run.value, transition.worker.value};
}

json::object json_of(const RunningStack& stack) {
  return {{"task", stack.task},
          {"run", stack.run},
          {"function", stack.function},
          {"running_us", stack.running_us},
          {"frames", texts_of(stack.frames)}};
}

json::object json_of(const ProfileStack& stack) {
  return {{"function", stack.function}, {"frames", texts_of(stack.frames)}, {"samples", stack.samples}};
}

json::object json_of(const WorkerReport& report) {
  json::object counters;
  for (const auto& [name, value] : report.counters) counters[name] = value;
  json::array keys;
  for (const auto& key : report.keys)
    keys.push_back(json::object{{"task", key.task},
                                {"run", key.run},
                                {"intent", key.intent},
                                {"activity", key.activity},
                                {"data", key.data},
                                {"waiting_for", key.waiting_for},
                                {"needed", key.needed}});
  return {{"name", report.name},
          {"address", report.address},
          {"status", report.status},
          {"pid", report.pid},
          {"counters", counters},
          {"keys", std::move(keys)},
          {"keys_left_out", report.keys_left_out}};
}

}  // namespace troupe::apps
