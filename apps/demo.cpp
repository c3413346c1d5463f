#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/demo_wordcount.hpp"
#include "apps/door.hpp"
#include "apps/machine.hpp"
#include "apps/node_door.hpp"

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

using Files = std::vector<std::pair<std::string, std::uint64_t>>;

/// The plain files under the paths, in order, each once; as `find PATH... -type f` lists them.
Files list_files(const std::vector<std::string>& paths) {
  Files files;
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
      files.emplace_back(path.string(), fs::file_size(path));
      continue;
    }
    for (fs::recursive_directory_iterator it(path, error), end; it != end; it.increment(error)) {
      if (error) break;
      if (it->is_symlink() || !it->is_regular_file()) continue;
      const std::uint64_t size = it->file_size(error);
      if (error) break;
      files.emplace_back(it->path().string(), size);
    }
    if (error) throw unreadable(path, error);
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
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
  return std::clamp(total / std::max<std::uint64_t>(1, threads * 8), least, most);
}

/// A scheduler that was named, else the one of this user, else one of our own.
class Cluster {
public:
  explicit Cluster(const Door& door) {
    if (!door.scheduler.empty() || !door.access_file.empty() || find_access(door)) {
      connection_.emplace(door);
      return;
    }
    tell("no scheduler is running; this demo runs on a cluster of its own");
    local_ = std::make_unique<LocalCluster>(
        LocalClusterOptions{.workers = 1, .threads_per_worker = available_cpus(), .modules = {::demo}});
    own_client_ = std::make_unique<Client>(*local_);
  }
  [[nodiscard]] Client& client() { return connection_ ? connection_->client() : *own_client_; }

private:
  std::optional<Connection> connection_;
  std::unique_ptr<LocalCluster> local_;
  std::unique_ptr<Client> own_client_;
};

std::uint64_t threads_of(Client& client) {
  const auto summary = client.scheduler_info();
  std::uint64_t threads = 0;
  for (const WorkerSummary& worker : summary->workers) threads += worker.threads;
  if (threads == 0)
    throw CommandError(ExitCode::failed, "the scheduler has no workers; start one with `troupe worker`");
  return threads;
}

/// A line on stderr that is written over until it is complete; nothing if nobody would see it.
void show_progress(const std::vector<Future<demo::WordCounts>>& counts, Client& client) {
  if (!stderr_is_terminal()) return;
  std::size_t done = 0;
  while (done < counts.size()) {
    (void)client.wait(std::vector{counts[done]}, std::chrono::milliseconds(200));
    while (done < counts.size() && counts[done].done()) ++done;
    fmt::print(stderr, "\rcounting: {} of {} blocks", done, counts.size());
    std::fflush(stderr);
  }
  fmt::print(stderr, "\r{:40}\r", "");
}

struct Counted {
  demo::WordCounts counts;
  std::size_t files{};
  std::size_t tasks{};
  double seconds{};
};

Counted count(const Door& door, const Flags& flags) {
  Counted result;
  const Files files = list_files(flags.paths);
  result.files = files.size();
  std::uint64_t total = 0;
  for (const auto& [path, size] : files) total += size;
  Cluster cluster(door);
  Client& client = cluster.client();
  const auto parts = demo::plan_parts(files, block_bytes(flags, total, threads_of(client)));
  result.tasks = parts.size();
  const auto start = Clock::now();
  if (!parts.empty()) {
    auto counts = client.map<demo::count_words>(parts);
    auto sum = client.reduce<demo::merge_counts>(counts);
    show_progress(counts, client);
    counts.clear();  // from here on a block's counts are dropped as soon as they are merged
    result.counts = sum.get();
  }
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

std::string as_json(const Counted& counted, const std::vector<std::pair<std::string, std::uint64_t>>& top) {
  json::array words;
  for (const auto& [word, number] : top) words.push_back(json::object{{"word", word}, {"count", number}});
  const json::object document{
      {"schema", "troupe/v1/wordcount"},
      {"top", std::move(words)},
      {"words", counted.counts.total()},
      {"distinct", counted.counts.distinct()},
      {"files", counted.files},
      {"bytes", counted.counts.bytes},
      {"tasks", counted.tasks},
      {"seconds", counted.seconds},
      {"megabytes_per_second", static_cast<double>(counted.counts.bytes) / 1e6 / counted.seconds}};
  return json::serialize(document) + "\n";
}

ExitCode wordcount(const Door& door, const Flags& flags) {
  const Counted counted = count(door, flags);
  const auto top = demo::most_frequent(counted.counts, flags.top);
  if (door.json()) {
    print(as_json(counted, top));
    return ExitCode::done;
  }
  Table table({"COUNT", "WORD"});
  for (const auto& [word, number] : top) table.add({fmt::to_string(number), word});
  print(table.text());
  print(fmt::format("\n{} words, {} distinct, in {} files; {:.1f} MB in {:.3f} s, {:.0f} MB/s ({} tasks)\n",
                    counted.counts.total(), counted.counts.distinct(), counted.files,
                    static_cast<double>(counted.counts.bytes) / 1e6, counted.seconds,
                    static_cast<double>(counted.counts.bytes) / 1e6 / counted.seconds, counted.tasks));
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
      "scheduler that is named, else on the one of this user, else on a cluster of its own.\n\n"
      "Examples:\n  troupe demo wordcount /usr/share/doc\n"
      "  troupe demo wordcount --top 5 -o json --scheduler 127.0.0.1:8786 ~/texts\n\n" +
      std::string(exit_codes_help));
  words->callback([&door, flags] { door.run = [&door, flags] { return wordcount(door, *flags); }; });
}

}  // namespace troupe::apps
