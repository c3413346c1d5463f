#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/http_client.hpp"
#include "monitoring/report.hpp"

namespace troupe::apps {

namespace {

struct Flags {
  std::string last{"10m"};
  std::string file{"troupe-report.html"};
};

ExitCode write(const Door& door, const Flags& flags) {
  const auto last = parse_duration(flags.last);
  if (!last || *last <= std::chrono::nanoseconds(0))
    throw CommandError(ExitCode::usage,
                       fmt::format("--last: '{}' is not a duration such as 10m", printable(flags.last)));
  HttpClient http(door);
  std::optional<CommandError> refused;  // with its exit code
  const auto page = monitoring::make_report(
      [&](const std::string& target) -> Result<std::string> {
        try {
          return http.get_text(target);
        } catch (const CommandError& error) {
          refused = error;
          return tl::unexpected(Error{ErrorKind::failed, error.what()});
        }
      },
      {.last = *last});
  if (!page) throw refused.value_or(CommandError(ExitCode::failed, page.error().text));
  std::ofstream out(flags.file, std::ios::binary);
  out << *page << std::flush;
  if (!out) throw CommandError(ExitCode::failed, fmt::format("{}: {}", printable(flags.file), std::strerror(errno)));
  print(flags.file + "\n");
  return ExitCode::done;
}

}  // namespace

void add_report(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("report", "Write what the cluster did lately as one page that opens offline.");
  auto flags = std::make_shared<Flags>();
  command->add_option("--last", flags->last, "how far back (default 10m)")->type_name("DURATION");
  command->add_option("--file", flags->file, "where to (default troupe-report.html)")->type_name("FILE");
  door.add_scheduler_options(*command);
  command->footer("Example:\n  troupe report --last 10m --file report.html\n\n" + std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return write(door, *flags); }; });
}

}  // namespace troupe::apps
