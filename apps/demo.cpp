#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/machine.hpp"
#include "apps/node_door.hpp"
#include "troupe/bag.hpp"
#include "troupe/delayed.hpp"

namespace troupe::demo {

/// Words by how frequent they are, equally frequent ones in their own order, last to first.
struct Rank {
  std::uint64_t count{};
  std::string word;
  friend bool operator<(const Rank& a, const Rank& b) {
    return a.count != b.count ? a.count < b.count : a.word > b.word;
  }
};
Rank rank(const std::pair<std::string, std::uint64_t>& counted) { return {counted.second, counted.first}; }

}  // namespace troupe::demo

TROUPE_FIELDS(troupe::demo::Rank, count, word);
TROUPE_MODULE(demo, troupe::demo::rank);

namespace troupe::apps {

namespace fs = std::filesystem;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;

namespace {

struct Flags {
  std::vector<std::string> paths;
  std::size_t top{20};
  std::string block_size;
};

/// What is to be counted.
struct Tree {
  std::vector<std::string> texts;  ///< files with something in them, in order, each once
  std::size_t files{};             ///< empty ones, too
  std::uint64_t bytes{};
};

/// The plain files under the paths, as `find PATH... -type f` lists them.
Tree list_files(const std::vector<std::string>& paths) {
  std::map<std::string, std::uint64_t> sizes;
  const auto unreadable = [](const fs::path& path, const std::error_code& error) {
    return CommandError(ExitCode::failed, fmt::format("{}: {}", printable(path.string()), error.message()));
  };
  for (const std::string& text : paths) {
    const fs::path path = fs::absolute(text);
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status))
      throw CommandError(ExitCode::not_found, fmt::format("{}: no such file or directory", printable(text)));
    if (fs::is_regular_file(status)) {
      sizes.emplace(path.string(), fs::file_size(path));
      continue;
    }
    for (fs::recursive_directory_iterator it(path, error), end; it != end; it.increment(error)) {
      if (error) break;
      if (it->is_symlink() || !it->is_regular_file()) continue;
      const std::uint64_t size = it->file_size(error);
      if (error) break;
      sizes.emplace(it->path().string(), size);
    }
    if (error) throw unreadable(path, error);
  }
  Tree tree;
  tree.files = sizes.size();
  for (const auto& [path, size] : sizes) {
    tree.bytes += size;
    if (size > 0) tree.texts.push_back(path);
  }
  return tree;
}

/// Blocks large enough that a task costs far more than its scheduling, and enough of them that all threads have some.
std::uint64_t block_bytes(const Flags& flags, std::uint64_t total, std::uint64_t threads) {
  if (!flags.block_size.empty()) {
    const auto size = parse_size(flags.block_size);
    if (!size || *size == 0)
      throw CommandError(ExitCode::usage,
                         fmt::format("--block-size: '{}' is not a size such as 8MiB", printable(flags.block_size)));
    return *size;
  }
  constexpr std::uint64_t least = 256 * 1024;
  constexpr std::uint64_t most = 8 * 1024 * 1024;
  return std::clamp(total / std::max<std::uint64_t>(1, threads * 4), least, most);
}

std::uint64_t threads_of(Client& client) {
  const auto summary = client.scheduler_info();
  std::uint64_t threads = 0;
  for (const WorkerSummary& worker : summary->workers) threads += worker.threads;
  if (threads == 0)
    throw CommandError(ExitCode::failed, "the scheduler has no workers; start one with `troupe worker`");
  return threads;
}

struct Counted {
  std::vector<std::pair<std::string, std::uint64_t>> top;
  std::uint64_t words{};
  std::uint64_t distinct{};
  std::size_t blocks{};
};

Bag<std::string> lines_of(const Tree& tree, std::uint64_t block) {
  if (tree.texts.empty()) return {};
  return bag::read_text(tree.texts, {.encoding = "bytes", .compression = io::Compression::none},
                        {.blocksize = block, .pack = true});
}

/// The same program, wherever it is computed.
Counted count_words(const Bag<std::string>& lines, std::size_t top, const ComputeOptions& where) {
  const auto counts = lines.str().words().frequencies(false, 32);  // merged in few steps: words are few
  const auto first = counts.topk(std::max<std::size_t>(1, top), fn<demo::rank>());
  auto [most, words, distinct] = compute(where, first, counts.pluck<1>().sum(), counts.count());
  most.resize(std::min(top, most.size()));
  return {std::move(most), words, distinct, lines.npartitions()};
}

std::string as_json(const Counted& counted, const Tree& tree, double seconds) {
  json::array words;
  for (const auto& [word, number] : counted.top) words.push_back(json::object{{"word", word}, {"count", number}});
  const json::object document{{"schema", "troupe/v1/wordcount"},
                              {"top", std::move(words)},
                              {"words", counted.words},
                              {"distinct", counted.distinct},
                              {"files", tree.files},
                              {"bytes", tree.bytes},
                              {"tasks", counted.blocks},
                              {"seconds", seconds},
                              {"megabytes_per_second", static_cast<double>(tree.bytes) / 1e6 / seconds}};
  return json::serialize(document) + "\n";
}

std::string as_text(const Counted& counted, const Tree& tree, double seconds) {
  Table table({"COUNT", "WORD"});
  for (const auto& [word, number] : counted.top) table.add({fmt::to_string(number), word});
  const double megabytes = static_cast<double>(tree.bytes) / 1e6;
  return table.text() +
         fmt::format("\n{} words, {} distinct, in {} files; {:.1f} MB in {:.3f} s, {:.0f} MB/s ({} tasks)\n",
                     counted.words, counted.distinct, tree.files, megabytes, seconds, megabytes / seconds,
                     counted.blocks);
}

/// On the scheduler that was named, else on the one of this user, else on the threads of this process.
ExitCode wordcount(const Door& door, const Flags& flags) {
  const Tree tree = list_files(flags.paths);
  std::optional<Connection> connection;
  ComputeOptions where;
  ProgressBar progress;
  std::uint64_t threads = available_cpus();
  if (!door.scheduler.empty() || !door.access_file.empty() || find_access(door)) {
    connection.emplace(door);
    where = {.scheduler = SchedulerKind::cluster, .client = &connection->client()};
    threads = threads_of(connection->client());
  } else {
    tell("no scheduler is running; this demo runs on the threads of its own process");
    where = {.scheduler = SchedulerKind::threads, .threads = static_cast<unsigned>(threads), .observer = &progress};
  }
  const auto lines = lines_of(tree, block_bytes(flags, tree.bytes, threads));
  const auto start = Clock::now();
  const Counted counted = count_words(lines, flags.top, where);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  print(door.json() ? as_json(counted, tree, seconds) : as_text(counted, tree, seconds));
  return ExitCode::done;
}

}  // namespace

void add_demo(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("demo", "Real work to look at.");
  command->require_subcommand(1);
  CLI::App* words = command->add_subcommand("wordcount", "Count the words of a tree of files, of any size.");
  auto flags = std::make_shared<Flags>();
  words->add_option("PATH", flags->paths, "files and directories; the workers must see them too")->required();
  words->add_option("--top", flags->top, "how many words to show (default 20)");
  words->add_option("--block-size", flags->block_size, "bytes a task reads; default by size of the tree, at most 8MiB")
      ->type_name("SIZE");
  door.add_scheduler_options(*words);
  door.add_output_option(*words);
  words->footer(
      "A word is a run of ASCII letters, in lower case; ties are shown in the order of the words. Runs on the\n"
      "scheduler that is named, else on the one of this user, else on threads of its own.\n\n"
      "Examples:\n  troupe demo wordcount /usr/share/doc\n"
      "  troupe demo wordcount --top 5 -o json --scheduler 127.0.0.1:8786 ~/texts\n\n" +
      std::string(exit_codes_help));
  words->callback([&door, flags] { door.run = [&door, flags] { return wordcount(door, *flags); }; });
}

}  // namespace troupe::apps
