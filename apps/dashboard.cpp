#include <memory>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/door.hpp"
#include "apps/http_client.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

struct Flags {
  bool admin{};
  bool token{};
};

ExitCode show(const Door& door, const Flags& flags) {
  HttpClient http(door);
  const json::value code = http.post("/api/v1/login-codes", json::object{{"scope", flags.admin ? "admin" : "read"}});
  if (flags.token) {
    const json::value login = http.post("/api/v1/login", json::object{{"code", code.at("code")}});
    print(door.json() ? json::serialize(login) + "\n" : std::string(login.at("token").as_string()) + "\n");
    return ExitCode::done;
  }
  const std::string link = "http://" + http.address() + std::string(code.at("path").as_string());
  const json::object document{
      {"schema", "troupe/v1/dashboard"}, {"link", link}, {"scope", code.at("scope")}, {"valid_s", code.at("valid_s")}};
  print(door.json() ? json::serialize(document) + "\n" : link + "\n");
  return ExitCode::done;
}

}  // namespace

void add_dashboard(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("dashboard", "Print a link that lets one browser into the dashboard.");
  auto flags = std::make_shared<Flags>();
  command->add_flag("--admin", flags->admin, "it may cancel, retry, drain and restart; else it may only look");
  command->add_flag("--token", flags->token, "print a token for programs instead of a link");
  door.add_scheduler_options(*command);
  door.add_output_option(*command);
  command->footer(
      "A link is good once, for half an hour; a token as long as the scheduler runs.\n\n"
      "Examples:\n  troupe dashboard\n  troupe dashboard --admin\n"
      "  curl -H \"Authorization: Bearer $(troupe dashboard --token)\" http://127.0.0.1:8787/api/v1/cluster\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return show(door, *flags); }; });
}

}  // namespace troupe::apps
