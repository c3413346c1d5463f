// Words of a text counted by a Bag on two threads, beside a program for that alone and, if a Python with Dask is given,
// dask.bag. Each result is compared with the first. The best of some runs, in seconds that passed and seconds of the
// processors; ratios are of both, for on a machine that others use the second alone says much.
//
// With --memory, instead: a pipeline over so many megabytes of text in a process that may have no more memory than that.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "troupe/bag.hpp"

namespace {

namespace fs = std::filesystem;
using Counts = std::vector<std::pair<std::string, std::uint64_t>>;

struct Options {
  std::size_t megabytes{256};
  int runs{5};
  std::string python;
  std::size_t memory{};  ///< MiB; 0: whatever there is
};

/// Lines of words drawn as in a language: few are very frequent, some are rare and long.
std::string make_text(std::size_t bytes) {
  std::mt19937_64 random(7);
  std::vector<std::string> words(50'000);
  for (auto& word : words)
    for (std::size_t i = 0, size = 2 + random() % 4 + random() % 6; i < size; ++i)
      word += static_cast<char>('a' + random() % 26);
  std::string text;
  while (text.size() < bytes) {
    for (int i = 0; i < 12; ++i) {
      const double fraction = static_cast<double>(random() >> 11) * 0x1p-53;
      text += words[static_cast<std::size_t>(std::pow(static_cast<double>(words.size()), fraction)) - 1];
      text += i == 11 ? '\n' : ' ';
    }
  }
  return text;
}

/// A folder that goes with the run.
class Folder {
public:
  Folder() : path_(fs::temp_directory_path() / fmt::format("bag_benchmark_{}", ::getpid())) {
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path write(const std::string& text, std::size_t times = 1) const {
    std::ofstream out(path_ / "words.txt", std::ios::binary);
    while (times-- > 0) out << text;
    if (!out.flush()) throw std::runtime_error("the text cannot be written");
    return path_ / "words.txt";
  }

private:
  fs::path path_;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using Table = std::unordered_map<std::string, std::uint64_t, TextHash, std::equal_to<>>;

/// What one would write by hand: a thread for each half, pieces of a megabyte, a hash table that finds by view.
Table count_part(const fs::path& path, std::uint64_t begin, std::uint64_t end) {
  Table counts;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::string rest;
  if (begin > 0) {  // a line belongs to the part in which it begins
    file.seekg(static_cast<std::streamoff>(begin - 1));
    std::getline(file, rest);
    begin += rest.size();
    rest.clear();
  }
  const auto count = [&](std::string_view piece) {
    std::size_t at = 0;
    for (;;) {
      while (at < piece.size() && (piece[at] == ' ' || (piece[at] >= '\t' && piece[at] <= '\r'))) ++at;
      if (at == piece.size()) return;
      const auto first = at;
      while (at < piece.size() && !(piece[at] == ' ' || (piece[at] >= '\t' && piece[at] <= '\r'))) ++at;
      const auto word = piece.substr(first, at - first);
      if (const auto found = counts.find(word); found != counts.end())
        ++found->second;
      else
        counts.emplace(word, 1);
    }
  };
  for (auto at = begin; at < end && file;) {
    text.resize(std::min<std::uint64_t>(1 << 20, end - at));
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    at += text.size();
    if (at >= end && file && !text.empty() && text.back() != '\n') {
      std::string line;
      std::getline(file, line);
      text += line;
    }
    text.insert(0, rest);
    const auto last = at >= end || !file ? text.size() : text.find_last_of('\n') + 1;
    rest = text.substr(last);
    count(std::string_view(text).substr(0, last));
  }
  return counts;
}

Counts by_hand(const fs::path& path) {
  const auto size = fs::file_size(path);
  Table second;
  std::thread other([&] { second = count_part(path, size / 2, size); });
  auto counts = count_part(path, 0, size / 2);
  other.join();
  for (const auto& [word, count] : second) counts[word] += count;
  return {counts.begin(), counts.end()};
}

Counts by_bag(const fs::path& path) {
  const auto words = troupe::bag::read_text(path.string(), {}, {.blocksize = std::uint64_t{16} << 20}).str().split();
  return words.flatten().frequencies().compute({.scheduler = troupe::SchedulerKind::threads, .threads = 2});
}

struct Cost {
  double wall{1e9};
  double cpu{1e9};
};

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}
/// Of this process, or of its children that have ended.
double cpu_seconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Cost best_of(int runs, const std::function<void()>& run) {
  Cost best;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto cpu = cpu_seconds(RUSAGE_SELF);
    run();
    best.wall = std::min(best.wall, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    best.cpu = std::min(best.cpu, cpu_seconds(RUSAGE_SELF) - cpu);
  }
  return best;
}

void print(const char* name, const Cost& cost, const Cost& base, const char* of) {
  fmt::print("{:20}{:8.3f} s{:8.3f} s CPU   {:.2f} and {:.2f} times {}\n", name, cost.wall, cost.cpu,
             cost.wall / base.wall, cost.cpu / base.cpu, of);
}

/// Two processes, its default; one run. Its CPU seconds include the start of the interpreters.
void by_dask(const Options& options, const fs::path& path, const Cost& bag) {
  const auto script = path.parent_path() / "words.py";
  std::ofstream(script) << "import sys, time, dask.bag as db\n"
                           "if __name__ == '__main__':\n"
                           "    begin = time.perf_counter()\n"
                           "    words = db.read_text(sys.argv[1], blocksize=2**24).str.split().flatten()\n"
                           "    counts = words.frequencies().compute(scheduler='processes', num_workers=2)\n"
                           "    print(time.perf_counter() - begin, sum(n for _, n in counts), flush=True)\n";
  const auto command = fmt::format("'{}' '{}' '{}'", options.python, script.string(), path.string());
  const auto cpu = cpu_seconds(RUSAGE_CHILDREN);
  std::FILE* pipe = ::popen(command.c_str(), "r");
  Cost cost;
  std::uint64_t words = 0;
  const bool ran = pipe != nullptr && std::fscanf(pipe, "%lf %lu", &cost.wall, &words) == 2;
  if (pipe != nullptr) ::pclose(pipe);
  cost.cpu = cpu_seconds(RUSAGE_CHILDREN) - cpu;
  if (ran)
    print("dask.bag, processes", cost, bag, "a Bag");
  else
    fmt::print("dask.bag            did not run\n");
}

int run(const Options& options) {
  const Folder folder;
  const auto path = folder.write(make_text(options.megabytes << 20));
  Counts expected;
  Counts counted;
  const auto hand = best_of(options.runs, [&] { expected = by_hand(path); });
  const auto bag = best_of(options.runs, [&] { counted = by_bag(path); });
  std::sort(expected.begin(), expected.end());
  std::sort(counted.begin(), counted.end());
  fmt::print("{} MiB, {} different words, 2 threads\n", options.megabytes, expected.size());
  print("hand-written", hand, hand, "by hand");
  print("Bag, threads", bag, hand, counted == expected ? "by hand, the same" : "by hand, NOT THE SAME");
  if (!options.python.empty()) by_dask(options, path, bag);
  return counted == expected ? 0 : 1;
}

/// Lines are filtered, their words counted, and they are written down, packed: with any amount of text, in the
/// memory of a few blocks and of the words there are.
int run_in_little_memory(const Options& options) {
  constexpr std::size_t chunk = std::size_t{4} << 20;
  const Folder folder;
  const auto times = std::max<std::size_t>(1, (options.megabytes << 20) / chunk);
  const auto text = make_text(chunk);
  const auto path = folder.write(text, times).string();
  std::uint64_t expected = 0;  // words in lines that have an e
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    expected += text.substr(at, text.find('\n', at) - at).find('e') != std::string::npos ? 12 : 0;
  expected *= times;

  const rlimit limit{options.memory << 20, options.memory << 20};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) throw std::runtime_error("the memory cannot be limited");
  using namespace troupe::terms;
  const auto begin = std::chrono::steady_clock::now();
  const troupe::ComputeScope scope({.scheduler = troupe::SchedulerKind::threads, .threads = 2});
  const auto lines = troupe::bag::read_text(path, {}, {.blocksize = std::uint64_t{16} << 20}).filter(contains(_1, "e"));
  const auto counts = lines.str().split().flatten().frequencies().persist();
  const auto [words, distinct] = troupe::compute(counts.pluck<1>().sum(), counts.count());
  const auto written = troupe::bag::to_textfiles(lines, fs::path(path).parent_path() / "part-*.txt.zst");
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto again = troupe::bag::read_text(written).count().compute();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const bool right = words == expected && again == expected / 12;
  fmt::print("{} MiB of text, {} words, {} different, in {:.1f} s: {} MiB resident at most, {} MiB allowed{}\n",
             times * chunk >> 20, words, distinct, seconds, usage.ru_maxrss >> 10, options.memory,
             right ? "" : fmt::format(", WRONG: {} words and {} lines expected", expected, expected / 12));
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--megabytes")
      options.megabytes = std::strtoul(argv[i + 1], nullptr, 10);
    else if (name == "--runs")
      options.runs = std::atoi(argv[i + 1]);
    else if (name == "--python")
      options.python = argv[i + 1];
    else if (name == "--memory")
      options.memory = std::strtoul(argv[i + 1], nullptr, 10);
    else
      argc = 0;
  }
  if (argc % 2 == 0 || options.megabytes == 0 || options.runs < 1) {
    fmt::print(stderr, "usage: bag_benchmark [--megabytes N] [--runs N] [--python PYTHON_WITH_DASK] [--memory MIB]\n");
    return 2;
  }
  return options.memory > 0 ? run_in_little_memory(options) : run(options);
}
