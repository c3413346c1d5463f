#include <csignal>
#include <exception>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "apps/act.hpp"
#include "apps/bench_functions.hpp"
#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/history.hpp"
#include "apps/see.hpp"
#include "apps/version.hpp"

/// The `troupe` program: reads the command line, runs one sub-command, turns its end into an exit code.
namespace troupe::apps {
namespace {

int fail_with(ExitCode code, const std::string& text) {
  tell(text);
  return static_cast<int>(code);
}

/// CLI11 says of a word that is no command that one is missing; this names it, and the one that was meant.
void check_words(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc && argv[i][0] != '-' && at->get_require_subcommand_min() > 0; ++i) {
    const std::string_view word = argv[i];
    const CLI::App* within = nullptr;
    std::string nearest, names;
    for (const CLI::App* each : at->get_subcommands([](const CLI::App*) { return true; })) {
      if (each->get_name() == word) within = each;
      if (nearest.empty() || edit_distance(word, each->get_name()) < edit_distance(word, nearest))
        nearest = each->get_name();
      names += (names.empty() ? "" : ", ") + each->get_name();
    }
    if (within == nullptr) {
      const std::string help = (at == &app ? "troupe" : "troupe " + at->get_name()) + " --help";
      throw CommandError(
          ExitCode::usage,
          fmt::format("there is no command '{}'{} {}", printable(word),
                      edit_distance(word, nearest) <= 1 + word.size() / 3 ? fmt::format(": did you mean '{}'?", nearest)
                                                                          : std::string("."),
                      at == &app ? fmt::format("`{}` lists them.", help) : fmt::format("There are {}.", names)));
    }
    at = within;
  }
}

int run(int argc, char** argv) {
  CLI::App app("Troupe: an actor-model, distributed task runtime.", "troupe");
  app.set_version_flag("--version", std::string(version));
  app.require_subcommand(1);
  app.fallthrough(false);
  app.footer(
      "Examples:\n"
      "  troupe local                                  scheduler and workers on this machine\n"
      "  troupe scheduler &  troupe worker             the same by hand; the worker finds its scheduler\n"
      "  troupe demo wordcount /usr/share/doc          count the words of a tree of files\n"
      "  troupe status -o json                         for programs\n\n" +
      std::string(exit_codes_help));

  Door door;
  for (auto add : {add_scheduler, add_worker,   add_local,   add_status,    add_list,    add_explain,  add_story,
                   add_logs,      add_stack,    add_profile, add_top,       add_dump,    add_timeline, add_report,
                   add_history,   add_see,      add_act,     add_dashboard, add_metrics, add_replay,   add_bench,
                   add_demo,      add_simulate, add_version, add_config})
    add(app, door);
  check_words(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);  // prints help and version to stdout, errors to stderr
    return status == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  return static_cast<int>(door.run());
}

}  // namespace
}  // namespace troupe::apps

int main(int argc, char** argv) {
  using namespace troupe::apps;
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {::bench});
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const CommandError& error) {
    return fail_with(error.code(), error.what());
  } catch (const std::exception& error) {
    if (const auto code = exit_code_of(error)) return fail_with(*code, error.what());
    return fail_with(ExitCode::internal, fmt::format("internal error: {}", error.what()));
  }
}
