#include <memory>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "apps/door.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

json::object row(const Option& option, const Setting& setting) {
  return {{"key", option.key},          {"value", setting.text},
          {"source", setting.source},   {"type", name_of(option.type)},
          {"default", option.fallback}, {"variable", variable_of(option)},
          {"flag", option.flag},        {"allowed", allowed_values(option)},
          {"doc", option.doc}};
}

const Option& known(const std::string& key) {
  if (const Option* option = find_option(key)) return *option;
  throw CommandError(ExitCode::not_found,
                     fmt::format("there is no option '{}'; did you mean '{}'?", printable(key), nearest_key(key)));
}

ExitCode list(const Door& door) {
  const Config config = door.config();
  if (door.json()) {
    json::array options;
    for (const Option& option : option_table()) options.push_back(row(option, config.setting(option.key)));
    print(json::serialize(json::object{{"schema", "troupe/v1/config"}, {"options", std::move(options)}}) + "\n");
    return ExitCode::done;
  }
  Table table({"KEY", "VALUE", "SOURCE", "DEFAULT"});
  for (const Option& option : option_table()) {
    const Setting& setting = config.setting(option.key);
    table.add({std::string(option.key), setting.text.empty() ? "-" : setting.text, setting.source,
               option.fallback.empty() ? "-" : std::string(option.fallback)});
  }
  print(table.text());
  return ExitCode::done;
}

ExitCode get(const Door& door, const std::string& key) {
  const Option& option = known(key);
  const Config config = door.config();
  const Setting& setting = config.setting(option.key);
  if (door.json()) {
    json::object document = row(option, setting);
    document["schema"] = "troupe/v1/config-option";
    print(json::serialize(document) + "\n");
  } else {
    print(setting.text + "\n");
  }
  return ExitCode::done;
}

ExitCode explain(const Door& door, const std::string& key) {
  if (door.json()) return get(door, key);
  const Option& option = known(key);
  const Config config = door.config();
  const Setting& setting = config.setting(option.key);
  print(fmt::format(
      "{}\n  {}\n\n  value     {}\n  from      {}\n  default   {}\n  allowed   {}\n  variable  {}\n  flag      {}\n",
      option.key, option.doc, setting.text.empty() ? "-" : setting.text, setting.source,
      option.fallback.empty() ? "-" : option.fallback, allowed_values(option), variable_of(option),
      option.flag.empty() ? "-" : option.flag));
  return ExitCode::done;
}

ExitCode validate(const std::string& file) {
  const auto problems = Config::validate(file);
  for (const std::string& problem : problems) tell(problem);
  if (problems.empty()) tell(fmt::format("{}: fine", file));
  return problems.empty() ? ExitCode::done : ExitCode::usage;
}

}  // namespace

void add_config(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("config", "Show and check the configuration.");
  command->require_subcommand(1);
  command->footer(
      "Later ones win: defaults, /etc/troupe/*.yaml, $XDG_CONFIG_HOME/troupe/*.yaml, $TROUPE_CONFIG or\n"
      "--config, variables such as TROUPE__SCHEDULER__WORKER_TTL=1m, flags.\n\n"
      "Examples:\n  troupe config list\n  troupe config explain scheduler.worker-ttl\n"
      "  troupe config validate cluster.yaml\n\n" +
      std::string(exit_codes_help));
  const auto add = [&](const char* name, const char* doc) {
    CLI::App* sub = command->add_subcommand(name, doc);
    sub->add_option("--config", door.config_file, "read this file instead of $TROUPE_CONFIG")->type_name("FILE");
    door.add_output_option(*sub);
    return sub;
  };
  add("list", "Every option, its value, and where that came from.")->callback([&door] {
    door.run = [&door] { return list(door); };
  });
  auto key = std::make_shared<std::string>();
  CLI::App* get_command = add("get", "The value of one option.");
  get_command->add_option("KEY", *key, "such as scheduler.worker-ttl")->required();
  get_command->callback([&door, key] { door.run = [&door, key] { return get(door, *key); }; });
  CLI::App* explain_command = add("explain", "All there is to know of one option.");
  explain_command->add_option("KEY", *key, "such as scheduler.worker-ttl")->required();
  explain_command->callback([&door, key] { door.run = [&door, key] { return explain(door, *key); }; });
  CLI::App* validate_command = command->add_subcommand("validate", "Check a file; exits with 2 if it has a problem.");
  validate_command->add_option("FILE", *key, "YAML file")->required();
  validate_command->callback([&door, key] { door.run = [key] { return validate(*key); }; });
}

}  // namespace troupe::apps
