#include "apps/version.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <boost/version.hpp>

#include "apps/door.hpp"
#include "protocol/handshake.hpp"

namespace troupe::apps {

namespace {

constexpr std::string_view compiler =
#if defined(__clang__)
    "clang " __clang_version__;
#else
    "gcc " __VERSION__;
#endif

ExitCode show(bool json) {
  const std::string wire = fmt::format("{}.{}", protocol_version.major, protocol_version.minor);
  if (json) {
    const boost::json::object document{{"schema", "troupe/v1/version"},
                                       {"version", version},
                                       {"revision", TROUPE_REVISION},
                                       {"compiler", compiler},
                                       {"protocol", wire}};
    print(boost::json::serialize(document) + "\n");
  } else {
    print(fmt::format("troupe {}\nprotocol {}\nrevision {}\ncompiler {}\n", version, wire, TROUPE_REVISION, compiler));
  }
  return ExitCode::done;
}

}  // namespace

monitoring::BuildInfo build_info() { return {std::string(version), TROUPE_REVISION, std::string(compiler)}; }

void add_version(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("version", "Show the version of this program and of its protocol.");
  door.add_output_option(*command);
  command->footer("Example:\n  troupe version -o json\n\n" + std::string(exit_codes_help));
  command->callback([&door] { door.run = [&door] { return show(door.json()); }; });
}

}  // namespace troupe::apps
