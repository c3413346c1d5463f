#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/http_client.hpp"
#include "apps/signals.hpp"
#include "apps/top_screen.hpp"

namespace troupe::apps {

namespace {

struct Flags {
  std::string every{"1s"};
  bool once{};
};

/// Has the terminal give keys as they are pressed, on a screen of its own, until it is destroyed.
class RawTerminal {
public:
  RawTerminal() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    print("\x1b[?1049h\x1b[?25l");
  }
  ~RawTerminal() {
    print("\x1b[?25h\x1b[?1049l");
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  /// What was typed, if anything is within that time.
  static std::string wait_for_key(std::chrono::milliseconds patience) {
    pollfd in{STDIN_FILENO, POLLIN, 0};
    if (::poll(&in, 1, static_cast<int>(patience.count())) <= 0) return {};
    char bytes[16];
    const auto count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    return count > 0 ? std::string(bytes, static_cast<std::size_t>(count)) : std::string("q");  // its end
  }

private:
  termios before_{};
};

std::pair<std::size_t, std::size_t> terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {24, 100};
  return {size.ws_row, size.ws_col};
}

void refresh(HttpClient& http, TopScreen& screen) {
  screen.update(http.get("/api/v1/cluster").as_object(), http.get("/api/v1/workers").as_object(),
                http.get("/api/v1/prefixes").as_object());
}

ExitCode run(const Door& door, const Flags& flags) {
  const auto every = parse_duration(flags.every);
  if (!every || *every < std::chrono::milliseconds(100))
    throw CommandError(ExitCode::usage, "--every: give a duration of 100ms or more");
  HttpClient http(door);
  TopScreen screen;
  refresh(http, screen);  // who cannot be reached at first is an error
  if (flags.once || !stdout_is_terminal() || ::isatty(STDIN_FILENO) == 0) {
    print(screen.frame(10'000, 200, false));
    return ExitCode::done;
  }
  Signals signals;
  const RawTerminal terminal;
  const bool colour = std::getenv("NO_COLOR") == nullptr;
  using Clock = std::chrono::steady_clock;
  auto next = Clock::now() + *every;
  for (;;) {
    const auto [rows, columns] = terminal_size();
    print("\x1b[H" + screen.frame(rows, columns, colour) + "\x1b[J");
    const auto patience = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    const std::string key =
        RawTerminal::wait_for_key(std::clamp(patience, std::chrono::milliseconds(0), std::chrono::milliseconds(200)));
    if (!key.empty() && !screen.key(key)) return ExitCode::done;
    if (signals.wait(std::chrono::milliseconds(0)) > 0) return ExitCode::done;
    if (Clock::now() < next) continue;
    next = Clock::now() + *every;
    try {
      refresh(http, screen);
    } catch (const CommandError& error) {
      screen.lost(error.what());
    }
  }
}

}  // namespace

void add_top(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("top", "Watch the cluster in a terminal.");
  auto flags = std::make_shared<Flags>();
  command->add_option("--every", flags->every, "how often it looks (default 1s)")->type_name("DURATION");
  command->add_flag("--once", flags->once, "print one look and leave, as it does when nobody watches");
  door.add_scheduler_options(*command);
  command->footer(
      "Keys: tab for workers or functions, < and > to choose what is sorted by, r for the other way round, arrows and\n"
      "page keys to move, h for help, q to leave.\n\n"
      "Examples:\n  troupe top\n  troupe top --every 200ms\n  troupe top --once | head\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return run(door, *flags); }; });
}

}  // namespace troupe::apps
