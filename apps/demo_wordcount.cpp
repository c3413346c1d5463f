#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/demo.hpp"
#include "troupe/bag.hpp"

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

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

namespace {

struct Flags {
  std::vector<std::string> paths;
  std::size_t top{20};
  std::string block_size;
};

/// Blocks large enough that a task costs far more than its scheduling, and enough of them that all threads have some.
std::uint64_t block_bytes(const Flags& flags, std::uint64_t total, std::uint64_t threads) {
  if (!flags.block_size.empty()) return parse_block_size(flags.block_size);
  constexpr std::uint64_t least = 256 * 1024;
  constexpr std::uint64_t most = 8 * 1024 * 1024;
  return std::clamp(total / std::max<std::uint64_t>(1, threads * 4), least, most);
}

struct Counted {
  std::vector<std::pair<std::string, std::uint64_t>> top;
  std::uint64_t words{};
  std::uint64_t distinct{};
  std::size_t blocks{};
};

Bag<std::string> lines_of(const FileTree& tree, std::uint64_t block) {
  std::vector<std::string> texts;
  for (const auto& file : tree.filled) texts.push_back(file.path);
  if (texts.empty()) return {};
  return bag::read_text(texts, {.encoding = "bytes", .compression = io::Compression::none},
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

std::string as_json(const Counted& counted, const FileTree& tree, double seconds) {
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

std::string as_text(const Counted& counted, const FileTree& tree, double seconds) {
  Table table({"COUNT", "WORD"});
  for (const auto& [word, number] : counted.top) table.add({fmt::to_string(number), word});
  const double megabytes = static_cast<double>(tree.bytes) / 1e6;
  return table.text() +
         fmt::format("\n{} words, {} distinct, in {} files; {:.1f} MB in {:.3f} s, {:.0f} MB/s ({} tasks)\n",
                     counted.words, counted.distinct, tree.files, megabytes, seconds, megabytes / seconds,
                     counted.blocks);
}

ExitCode wordcount(const Door& door, const Flags& flags) {
  const FileTree tree = list_files(flags.paths);
  const DemoPlace place(door);
  const auto lines = lines_of(tree, block_bytes(flags, tree.bytes, place.threads()));
  const auto start = Clock::now();
  const Counted counted = count_words(lines, flags.top, place.options());
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  print(door.json() ? as_json(counted, tree, seconds) : as_text(counted, tree, seconds));
  return ExitCode::done;
}

}  // namespace

void add_wordcount(CLI::App& demo, Door& door) {
  CLI::App* words = demo.add_subcommand("wordcount", "Count the words of a tree of files, of any size.");
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
