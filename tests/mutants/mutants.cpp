// Is the simulation worth anything? Runs it against a core with one bug planted, for each bug of
// runtime/core/mutants.inc, and says after how many seeds which property noticed. See --help.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "runtime/simulation/simulate.hpp"
#include "tests/mutants/hunt.hpp"

namespace troupe::mutants {
namespace {

constexpr const char* usage =
    R"(Usage: mutants [--seeds N] [--wanted PERCENT] [--jobs N] [--table FILE]
       mutants --mutant NAME [--seeds N]
       mutants --list

Plants one bug after the other in the core and simulates clusters, seeds from 1 on, until a property or an invariant is
violated. Before that the core without any of them has to pass a share of the seeds.

  --seeds N         tried for each mutant at most (default: 2000)
  --wanted PERCENT  of the mutants that have to be caught, half of them within 1,000 seeds (default: 95)
  --jobs N          mutants tried at a time (default: one for each processor)
  --table FILE      also writes docs/mutants.md
  --mutant NAME     this one alone; makes the history that caught it small and tells its story
  --list            names, and what is broken

The exit code is 0 if as many are caught as wanted, 1 if not.
)";

struct Flags {
  std::uint64_t seeds{2000};
  std::uint64_t wanted{95};
  std::uint64_t jobs{std::max(1U, std::thread::hardware_concurrency())};
  std::string table;
  std::string mutant;
  bool list{};
  bool help{};
};

/// The least number of seeds within which half of all are caught.
std::uint64_t median_seeds(const std::vector<Catch>& catches) {
  std::vector<std::uint64_t> seeds;
  for (const Catch& one : catches) seeds.push_back(one.caught ? one.seeds : ~std::uint64_t{0});
  const auto middle = seeds.begin() + static_cast<std::ptrdiff_t>((seeds.size() - 1) / 2);
  std::nth_element(seeds.begin(), middle, seeds.end());
  return *middle;
}

std::string describe(const Catch& one) {
  if (!one.caught) return fmt::format("not caught in {} seeds, {} events", one.seeds, one.events);
  return fmt::format("{} seeds, {} events: {}", one.seeds, one.events, one.noticed_by);
}

std::string table_of(const std::vector<Catch>& catches, const std::string& summary) {
  std::string text = fmt::format(R"(# Planted bugs

A simulation is worth what it notices. Each of these bugs is planted in the core, alone, in a build of its own in which
all of them lie dormant (`runtime/core/mutants.inc`; what ships has none), and [simulated clusters](simulation.md) are
tried, seeds from 1 on, until a property or an invariant is violated. Names with `dask` make a deadlock of Dask's history
again; the number is that of the issue or change in dask/distributed.

{}

This page is written by

```sh
cmake --build --preset dev -t mutants_table
```

| planted | what is broken | noticed by | seeds | events |
|---|---|---|---|---|
)",
                                 summary);
  for (std::size_t i = 0; i < catches.size(); ++i) {
    std::string noticed = catches[i].caught ? catches[i].noticed_by : "-";
    std::replace(noticed.begin(), noticed.end(), '|', '/');
    text += fmt::format("| {} | {} | {} | {} | {} |\n", rows()[i].name, rows()[i].what, noticed,
                        catches[i].caught ? std::to_string(catches[i].seeds) : fmt::format("> {}", catches[i].seeds),
                        catches[i].events);
  }
  return text;
}

/// Without a bug nothing is to be noticed.
bool sound(std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto outcome = simulation::run(simulation::draw_history(seed));
    if (!outcome.failed) continue;
    fmt::print(stderr, "mutants: seed {} violates {} though no bug is planted: {}\n", seed, outcome.property,
               outcome.text);
    return false;
  }
  return true;
}

int all(const Flags& flags) {
  if (!sound(std::min<std::uint64_t>(flags.seeds, 200))) return 1;
  const auto catches =
      hunt(rows(), flags.seeds, static_cast<unsigned>(flags.jobs), [](const Row& row, const Catch& one) {
        fmt::print("{:<60} {}\n", row.name, describe(one));
        std::fflush(stdout);
      });
  const auto caught = static_cast<std::uint64_t>(
      std::count_if(catches.begin(), catches.end(), [](const Catch& one) { return one.caught; }));
  const std::uint64_t percent = caught * 100 / catches.size();
  const std::uint64_t median = median_seeds(catches);
  const std::string summary =
      fmt::format("{} of {} are caught ({} %), half of them within {} seeds.", caught, catches.size(), percent, median);
  fmt::print("{}\n", summary);
  if (!flags.table.empty()) {
    std::ofstream out(flags.table, std::ios::binary);
    out << table_of(catches, summary);
    if (!out.flush()) {
      fmt::print(stderr, "mutants: cannot write {}\n", flags.table);
      return 2;
    }
  }
  return percent >= flags.wanted && median <= 1000 ? 0 : 1;
}

int one(const Flags& flags) {
  const auto row =
      std::find_if(rows().begin(), rows().end(), [&](const Row& each) { return flags.mutant == each.name; });
  if (row == rows().end()) {
    fmt::print(stderr, "mutants: there is no mutant '{}'; see --list\n", flags.mutant);
    return 2;
  }
  const Catch found = hunt({&*row, 1}, flags.seeds, 1, [](const Row&, const Catch&) {}).front();
  fmt::print("{}: {}\n", row->name, describe(found));
  if (!found.caught) return 1;
  if (found.crashed) return 0;
  chosen_mutant = row->mutant;
  const auto small = simulation::shrink(simulation::draw_history(found.seeds), found.noticed_by, 1000);
  const auto again = simulation::run(small.history);
  fmt::print("{}\n{}\n", simulation::write(small.history), simulation::excerpt(small.outcome, 40));
  const bool same = again.failed && again.digest == small.outcome.digest;
  fmt::print("{} acts; run again: {}\n", small.history.acts.size(), same ? "the same" : "NOT the same");
  return same ? 0 : 1;
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0;
}

/// What is wrong with them, if anything.
std::optional<std::string> parse(int argc, char** argv, Flags& flags) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--list" || flag == "--help") {
      (flag == "--list" ? flags.list : flags.help) = true;
      continue;
    }
    const bool text = flag == "--mutant" || flag == "--table";
    if (!text && flag != "--seeds" && flag != "--wanted" && flag != "--jobs")
      return fmt::format("there is no flag {}", flag);
    if (++i == argc) return fmt::format("{} wants a value", flag);
    if (text) {
      (flag == "--mutant" ? flags.mutant : flags.table) = argv[i];
    } else {
      std::uint64_t& number = flag == "--seeds" ? flags.seeds : flag == "--wanted" ? flags.wanted : flags.jobs;
      if (!parse_number(argv[i], number)) return fmt::format("{}: '{}' is not a number above 0", flag, argv[i]);
    }
  }
  return {};
}

int main(int argc, char** argv) {
  Flags flags;
  if (const auto wrong = parse(argc, argv, flags)) {
    fmt::print(stderr, "mutants: {}; see --help\n", *wrong);
    return 2;
  }
  if (flags.help) {
    fmt::print("{}", usage);
    return 0;
  }
  if (flags.list) {
    for (const Row& row : rows()) fmt::print("{:<60} {}\n", row.name, row.what);
    return 0;
  }
  return flags.mutant.empty() ? all(flags) : one(flags);
}

}  // namespace
}  // namespace troupe::mutants

int main(int argc, char** argv) { return troupe::mutants::main(argc, argv); }
