// A client of chaos and soak runs: one job after the other, of kinds and sizes drawn from the seed, each with an answer
// that it knows. Prints a line for each. SIGTERM: ends after this job. SIGUSR1: the next job takes a worker along.
//
//   chaos_client ACCESS_FILE ADDRESS NAME SEED FOLDER
//
// Ends with 0; 1 after a wrong answer; 2 if an answer does not come.
#include <csignal>
#include <iostream>
#include <numeric>
#include <random>

#include <fmt/format.h>

#include "tests/chaos/chaos_functions.hpp"
#include "troupe/troupe.hpp"

namespace {

using namespace chaos;
using namespace std::chrono_literals;

constexpr auto slow_after = 20s;
constexpr auto answer_within = 120s;
volatile std::sig_atomic_t asked_to_end = 0;
volatile std::sig_atomic_t asked_to_abort = 0;

struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
void expect(const T& got, const T& wanted, const char* what) {
  if (!(got == wanted)) throw Wrong(fmt::format("{}: {} instead of {}", what, got, wanted));
}

class Jobs {
public:
  Jobs(troupe::Client& client, std::string folder, std::uint64_t seed)
      : client_(client), folder_(std::move(folder)), random_(seed) {}

  /// Returns the name of what was done, and counts its tasks.
  const char* next(std::size_t& tasks) {
    if (std::exchange(asked_to_abort, 0) != 0) return abort_a_worker(tasks);
    switch (draw(0, 6)) {
      case 0: return tree(tasks);
      case 1: return chain(tasks);
      case 2: return blocks(tasks);
      case 3: return failure(tasks);
      case 4: return cancelled(tasks);
      case 5: return scattered(tasks);
      default: return shared(tasks);
    }
  }

private:
  std::uint64_t draw(std::uint64_t least, std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(least, most)(random_);
  }

  template <class T>
  T answer(const troupe::Future<T>& future) {
    try {
      return future.get(slow_after);
    } catch (const troupe::TimeoutError&) {
      std::cout << "slow: " << why(future) << std::endl;
    }
    try {
      return future.get(answer_within);
    } catch (const troupe::TimeoutError&) {
      throw troupe::TimeoutError(why(future));
    }
  }

  /// Where the task is and what happened to it, as far as the scheduler answers.
  template <class T>
  std::string why(const troupe::Future<T>& future) {
    std::string text;
    try {
      // From input to input, to the one that is the cause.
      std::string key = future.key();
      for (int depth = 0; !key.empty() && depth < 64; ++depth) {
        const auto reply = ask(troupe::QueryKind::explain, std::exchange(key, {}));
        text = reply.code;
        for (const auto& line : reply.lines) {
          text += " | " + line;
          if (line.starts_with("input ")) key = line.substr(6, line.find(' ', 6) - 6);
        }
        if (key.empty()) break;
        for (const auto& line : ask(troupe::QueryKind::story, key).lines) text += " | " + line;
      }
    } catch (const troupe::Failure& failure) {
      text += fmt::format(": {}", failure.what());
    }
    return text;
  }

  troupe::QueryReply ask(troupe::QueryKind kind, const std::string& key) {
    troupe::Query query;
    query.kind = kind;
    query.text = key;
    return client_.ask(std::move(query));
  }

  const char* tree(std::size_t& tasks) {
    const auto size = draw(2, 3'000);
    const auto us = static_cast<std::uint32_t>(draw(0, 3) == 0 ? draw(0, 2'000) : 0);
    std::vector<std::uint64_t> numbers(size);
    std::iota(numbers.begin(), numbers.end(), draw(0, 1'000));
    auto leaves = client_.map<leaf>(numbers, std::vector<std::uint32_t>(size, us));
    auto total = client_.reduce<add>(leaves);
    if (draw(0, 1) == 0) leaves.clear();  // then nobody wants them but the tree
    expect(answer(total), std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0}), "tree");
    tasks = 2 * size - 1;
    return "tree";
  }

  const char* chain(std::size_t& tasks) {
    const auto length = draw(1, 200);
    const troupe::TaskOptions options{.run_ahead = draw(0, 1) == 0};
    std::uint64_t wanted = draw(0, 1'000'000);
    auto link = client_.submit<step>(options, wanted);
    for (std::uint64_t i = 1; i < length; ++i) link = client_.submit<step>(options, link);
    for (std::uint64_t i = 0; i < length; ++i) wanted = step(wanted);
    expect(answer(link), wanted, "chain");
    tasks = length;
    return "chain";
  }

  /// Values too large to travel with messages: workers fetch them from each other, and we one of them.
  const char* blocks(std::size_t& tasks) {
    const auto count = draw(2, 16);
    const auto size = draw(1'000, 100'000);
    const auto seed = draw(0, 1'000'000);
    std::vector<std::uint64_t> seeds(count);
    std::iota(seeds.begin(), seeds.end(), seed);
    auto made = client_.map<block>(seeds, std::vector<std::uint64_t>(count, size));
    auto all = client_.reduce<mix>(made);
    auto print = client_.submit<digest>(all);
    Block wanted = block(seed, size);
    for (std::uint64_t i = 1; i < count; ++i) wanted = mix(wanted, block(seed + i, size));
    expect(answer(print), digest(wanted), "digest of blocks");
    expect(digest(answer(all)), digest(wanted), "blocks");
    tasks = 2 * count;
    return "blocks";
  }

  const char* failure(std::size_t& tasks) {
    const auto number = draw(0, 1'000);
    auto after = client_.submit<add>(client_.submit<refuse>(number), std::uint64_t{1});
    try {
      throw Wrong(fmt::format("failure: a value, {}", answer(after)));
    } catch (const troupe::TaskFailed& failed) {
      expect(failed.error().message, fmt::format("refused {}", number), "failure");
    }
    tasks = 2;
    return "failure";
  }

  const char* cancelled(std::size_t& tasks) {
    const auto size = draw(10, 300);
    std::vector<std::uint64_t> numbers(size);
    std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
    auto futures = client_.map<leaf>(numbers, std::vector<std::uint32_t>(size, 5'000));
    client_.cancel(futures);
    client_.wait(futures, answer_within);
    for (const auto& future : futures)
      if (const auto status = future.status();
          status != troupe::FutureStatus::cancelled && status != troupe::FutureStatus::finished)
        throw Wrong(fmt::format("cancelled: status {}", static_cast<int>(status)));
    tasks = size;
    return "cancelled";
  }

  /// What was scattered cannot be computed again: it may be lost with its worker, but never wrong.
  const char* scattered(std::size_t& tasks) {
    const auto seed = draw(0, 1'000'000);
    std::vector<Block> values;
    for (std::uint64_t i = 0; i < 4; ++i) values.push_back(block(seed + i, 20'000));
    try {
      auto put = client_.scatter_each(values);
      auto print = client_.submit<digest>(client_.reduce<mix>(put));
      Block wanted = values[0];
      for (std::size_t i = 1; i < values.size(); ++i) wanted = mix(wanted, values[i]);
      expect(answer(print), digest(wanted), "scattered");
    } catch (const troupe::TaskFailed& failed) {
      if (failed.error().kind != troupe::TaskError::Kind::lost) throw;
      return "scattered_lost";
    } catch (const troupe::Disconnected& lost) {
      if (client_.closed()) throw;
      return "scattered_lost";
    } catch (const troupe::Cancelled& cancelled) {
      // It did not get to its worker: what waits for it is cancelled, and says why.
      if (std::string_view(cancelled.what()).find("scatter: ") == std::string_view::npos) throw;
      return "scattered_lost";
    }
    tasks = 8;
    return "scattered";
  }

  /// The same calls by all clients, which run once as long as somebody wants them.
  const char* shared(std::size_t& tasks) {
    const auto first = draw(0, 20) * 100;
    std::vector<std::uint64_t> numbers(500);
    std::iota(numbers.begin(), numbers.end(), first);
    const troupe::TaskOptions options{.pure = true};
    auto values = client_.map<leaf>(options, numbers, std::vector<std::uint32_t>(500, 100));
    std::uint64_t sum = 0;
    for (const auto& value : values) sum += answer(value);
    expect(sum, std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0}), "shared");
    tasks = 500;
    return "shared";
  }

  const char* abort_a_worker(std::size_t& tasks) {
    const auto file = fmt::format("{}/aborted.{}.{}", folder_, ::getpid(), aborts_++);
    expect(answer(client_.submit<abort_once>(file)), std::uint64_t{2}, "abort");
    std::filesystem::remove(file);
    tasks = 1;
    return "abort";
  }

  troupe::Client& client_;
  std::string folder_;
  std::mt19937_64 random_;
  int aborts_{};
};

int run(char** argv) {
  troupe::Client client(argv[2], {.name = argv[3], .access_file = argv[1]});
  Jobs jobs(client, argv[5], std::stoull(argv[4]));
  std::cout << "ready" << std::endl;
  while (asked_to_end == 0) {
    std::size_t tasks = 0;
    const auto start = std::chrono::steady_clock::now();
    const char* name = jobs.next(tasks);
    const auto took = std::chrono::steady_clock::now() - start;
    std::cout << name << ' ' << tasks << ' ' << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
              << std::endl;
  }
  client.close();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: chaos_client ACCESS_FILE ADDRESS NAME SEED FOLDER\n";
    return 64;
  }
  std::signal(SIGTERM, [](int) { asked_to_end = 1; });
  std::signal(SIGUSR1, [](int) { asked_to_abort = 1; });
  try {
    return run(argv);
  } catch (const troupe::TimeoutError& error) {
    std::cerr << "hangs: " << error.what() << std::endl;
    std::quick_exit(2);
  } catch (const std::exception& error) {
    std::cerr << "wrong: " << error.what() << std::endl;
    std::quick_exit(1);
  }
}
