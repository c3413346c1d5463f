#include "actors/child_command.hpp"

#include <charconv>

#include <fmt/format.h>

namespace troupe {
namespace {

template <class T>
bool parse_number(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::vector<std::string> ChildCommand::arguments(std::string program) const {
  std::vector<std::string> result{
      std::move(program),      std::string(child_argument),  access_file,     name,
      std::to_string(threads), std::to_string(memory_limit), local_directory, std::to_string(profile_ms)};
  for (const auto& resource : resources) result.push_back(fmt::format("{}={}", resource.name, resource.amount));
  return result;
}

Result<ChildCommand> ChildCommand::parse(int argc, char** argv) {
  const auto wrong = [](std::string text) {
    return fail(ErrorKind::invalid, fmt::format("{}: {}", child_argument, text));
  };
  if (argc < 8) return wrong("is for workers that a LocalCluster starts, with 6 arguments more");
  ChildCommand command;
  command.access_file = argv[2];
  command.name = argv[3];
  if (!parse_number(std::string_view(argv[4]), command.threads) || command.threads == 0)
    return wrong(fmt::format("{} is no number of threads", argv[4]));
  if (!parse_number(std::string_view(argv[5]), command.memory_limit))
    return wrong(fmt::format("{} is no number of bytes", argv[5]));
  command.local_directory = argv[6];
  if (!parse_number(std::string_view(argv[7]), command.profile_ms))
    return wrong(fmt::format("{} is no number of milliseconds", argv[7]));
  for (int i = 8; i < argc; ++i) {
    const std::string_view text = argv[i];
    const auto equals = text.rfind('=');
    ResourceAmount resource;
    if (equals == std::string_view::npos || !parse_number(text.substr(equals + 1), resource.amount))
      return wrong(fmt::format("{} is no resource: NAME=AMOUNT", text));
    resource.name = text.substr(0, equals);
    command.resources.push_back(std::move(resource));
  }
  return command;
}

}  // namespace troupe
