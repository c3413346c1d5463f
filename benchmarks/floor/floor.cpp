// What the machine allows: Cap'n Proto messages and plain bytes between two processes over loopback, with nothing of
// Troupe in between. Everything Troupe is compared with on this machine starts from these figures.

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "benchmarks/floor/channel.hpp"
#include "benchmarks/floor/floor.capnp.h"

namespace {

using Clock = std::chrono::steady_clock;
using bare::Channel;
using bare::Outcomes;
using bare::Tasks;
using boost::asio::ip::tcp;

struct Options {
  std::string workload{"all"};
  std::string output{"table"};
  std::uint32_t sessions{5};  ///< pairs of processes, one after the other: where they are put matters more than load
  std::uint32_t rounds{5'000};
  std::uint32_t batches{5'000};
  std::uint32_t batch_size{64};
  std::uint64_t bytes{std::uint64_t{1} << 30};
  std::uint32_t copies{5};
};

struct Figures {
  double p50_us{};
  double p99_us{};
  double together_p50_us{};   ///< with both processes kept on one processor
  double apart_p50_us{};      ///< with each kept on its own
  double tasks_per_second{};  ///< each batch sent when the one before is back
  double together_tasks_per_second{};
  double apart_tasks_per_second{};
  double pipelined_tasks_per_second{};   ///< with many batches on the way: no longer an echo, what the wire can carry
  double gigabytes_per_second{};         ///< into memory used for the first time, as a new value is
  double reused_gigabytes_per_second{};  ///< into the same memory again
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Which processors the two processes are kept on; -1: wherever the system puts them. It decides more than anything
/// else: to wake another processor can take ten times as long as all the rest, and the system's choice changes with
/// what else runs.
struct Placement {
  int first{-1};
  int second{-1};
};

constexpr Placement anywhere{};

/// Two processors that this process may use, the same one twice if there is but one.
Placement apart() {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof(allowed), &allowed);
  Placement found;
  for (int i = 0; i < CPU_SETSIZE && found.second < 0; ++i) {
    if (CPU_ISSET(static_cast<std::size_t>(i), &allowed)) (found.first < 0 ? found.first : found.second) = i;
  }
  if (found.second < 0) found.second = found.first;
  return found;
}

Placement together() {
  const int processor = apart().first;
  return {processor, processor};
}

/// Keeps the calling process, and those it starts, on one processor until it is destroyed; -1: does nothing.
class Pinned {
public:
  explicit Pinned(int processor) {
    ::sched_getaffinity(0, sizeof(before_), &before_);
    if (processor < 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(processor), &one);
    if (::sched_setaffinity(0, sizeof(one), &one) != 0) throw std::runtime_error("cannot choose a processor");
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { ::sched_setaffinity(0, sizeof(before_), &before_); }

private:
  cpu_set_t before_{};
};

/// The second process: this program again, told which port to call. Ends when its socket is closed.
class Child {
public:
  Child(const std::string& role, std::uint16_t port, int processor) {
    const std::string port_text = std::to_string(port);
    const std::string processor_text = std::to_string(processor);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ == 0) {
      ::execl("/proc/self/exe", "floor", "--serve", role.c_str(), "--port", port_text.c_str(), "--processor",
              processor_text.c_str(), nullptr);
      ::_exit(127);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { ::waitpid(pid_, nullptr, 0); }

private:
  pid_t pid_{};
};

/// A connection to a child process of the role. The socket goes before the child is waited for.
struct Peer {
  explicit Peer(const std::string& role, Placement placement = anywhere)
      : pinned(placement.first),
        acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        child(role, acceptor.local_endpoint().port(), placement.second),
        channel(acceptor.accept()) {}

  Pinned pinned;
  boost::asio::io_context io;
  tcp::acceptor acceptor;
  Child child;
  Channel channel;
};

void add_tasks(Channel& channel, std::uint64_t first, std::uint32_t count) {
  channel.add<Tasks>([&](Tasks::Builder message) {
    auto tasks = message.initTasks(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      tasks[i].setId(first + i);
      tasks[i].setRun(1);
      tasks[i].setFunction(7);
    }
  });
}

/// Answers each batch of tasks with their outcomes, whatever has come in one write, until the other side is gone.
void serve_tasks(Channel& channel) {
  for (;;) {
    channel.receive<Tasks>([&](Tasks::Reader message) {
      auto tasks = message.getTasks();
      channel.add<Outcomes>([&](Outcomes::Builder reply) {
        auto outcomes = reply.initOutcomes(tasks.size());
        for (std::uint32_t i = 0; i < tasks.size(); ++i) {
          outcomes[i].setId(tasks[i].getId());
          outcomes[i].setRun(tasks[i].getRun());
          outcomes[i].setMicroseconds(tasks[i].getFunction());
        }
      });
    });
    channel.flush();
  }
}

/// Takes blocks announced by their size, into new memory or the same again, and acknowledges each with one byte.
void serve_copies(tcp::socket& socket) {
  std::unique_ptr<char[]> memory;
  for (;;) {
    std::uint64_t announcement[2];  // bytes, and whether the memory is to be new
    boost::asio::read(socket, boost::asio::buffer(announcement));
    if (announcement[1] != 0 || !memory) memory.reset(new char[announcement[0]]);
    boost::asio::read(socket, boost::asio::buffer(memory.get(), announcement[0]));
    boost::asio::write(socket, boost::asio::buffer("!", 1));
  }
}

int serve(const std::string& role, std::uint16_t port, int processor) {
  Pinned pinned(processor);
  boost::asio::io_context io;
  tcp::socket socket(io);
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  try {
    if (role == "copies") serve_copies(socket);
    Channel channel(std::move(socket));
    serve_tasks(channel);
  } catch (const boost::system::system_error&) {
    // The other side closed: the end of every run.
  }
  return 0;
}

/// Round trips of one task, in microseconds, added to `micros`.
void time_round_trips(const Options& options, Placement placement, std::vector<double>& micros) {
  Peer peer("tasks", placement);
  const std::uint32_t warm_up = options.rounds / 10;
  for (std::uint32_t i = 0; i < warm_up + options.rounds; ++i) {
    const auto start = Clock::now();
    add_tasks(peer.channel, i, 1);
    peer.channel.flush();
    peer.channel.receive<Outcomes>([&](Outcomes::Reader reply) {
      if (reply.getOutcomes()[0].getId() != i) throw std::runtime_error("the wrong task came back");
    });
    if (i >= warm_up) micros.push_back(seconds_since(start) * 1e6);
  }
}

void measure_round_trips(const Options& options, Figures& figures) {
  std::vector<double> micros;
  for (std::uint32_t session = 0; session < options.sessions; ++session) time_round_trips(options, anywhere, micros);
  std::sort(micros.begin(), micros.end());
  figures.p50_us = micros[micros.size() / 2];
  figures.p99_us = micros[micros.size() * 99 / 100];
  micros.clear();
  time_round_trips(options, together(), micros);
  figures.together_p50_us = median(std::move(micros));
  micros.clear();
  time_round_trips(options, apart(), micros);
  figures.apart_p50_us = median(std::move(micros));
}

/// Tasks per second when at most `window` batches are on the way.
double rate_once(const Options& options, Placement placement, std::uint32_t window) {
  Peer peer("tasks", placement);
  std::uint64_t sum = 0;
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  const auto start = Clock::now();
  while (received < options.batches) {
    for (; sent < options.batches && sent - received < window; ++sent) {
      add_tasks(peer.channel, std::uint64_t{sent} * options.batch_size, options.batch_size);
    }
    peer.channel.flush();
    peer.channel.receive<Outcomes>([&](Outcomes::Reader reply) {
      for (auto outcome : reply.getOutcomes()) sum += outcome.getId();
      ++received;
    });
  }
  const double seconds = seconds_since(start);
  const std::uint64_t tasks = std::uint64_t{options.batches} * options.batch_size;
  if (sum != tasks * (tasks - 1) / 2) throw std::runtime_error("not every task came back once");
  return static_cast<double>(tasks) / seconds;
}

double rate(const Options& options, std::uint32_t window) {
  std::vector<double> rates;
  for (std::uint32_t session = 0; session < options.sessions; ++session)
    rates.push_back(rate_once(options, anywhere, window));
  return median(std::move(rates));
}

double copy_once(tcp::socket& socket, const std::vector<char>& block, bool new_memory) {
  const std::uint64_t announcement[2] = {block.size(), new_memory};
  const auto start = Clock::now();
  boost::asio::write(socket, boost::asio::buffer(announcement));
  boost::asio::write(socket, boost::asio::buffer(block));
  char acknowledged{};
  boost::asio::read(socket, boost::asio::buffer(&acknowledged, 1));
  return static_cast<double>(block.size()) / seconds_since(start) / 1e9;
}

void measure_copy(const Options& options, Figures& figures) {
  const std::vector<char> block(options.bytes, 'x');
  Peer peer("copies");
  std::vector<double> fresh;
  std::vector<double> reused;
  for (std::uint32_t i = 0; i < options.copies; ++i) {
    fresh.push_back(copy_once(peer.channel.socket(), block, true));
    reused.push_back(copy_once(peer.channel.socket(), block, false));
  }
  figures.gigabytes_per_second = median(std::move(fresh));
  figures.reused_gigabytes_per_second = median(std::move(reused));
}

void print(const Options& options, const Figures& figures) {
  const bool json = options.output == "json";
  std::vector<std::string> parts;
  const auto add = [&](double value, const char* name, const char* text, int digits) {
    if (value == 0) return;  // not asked for
    parts.push_back(json ? fmt::format("\"{}\":{:.{}f}", name, value, digits)
                         : fmt::format("{:<48} {:>14.{}f}", text, value, digits));
  };
  add(figures.p50_us, "p50_us", "round trip of one task, median, us", 2);
  add(figures.p99_us, "p99_us", "round trip of one task, p99, us", 2);
  add(figures.together_p50_us, "together_p50_us", "  both processes on one processor", 2);
  add(figures.apart_p50_us, "apart_p50_us", "  each on a processor of its own", 2);
  add(figures.tasks_per_second, "tasks_per_second",
      fmt::format("echo in batches of {}, tasks/s", options.batch_size).c_str(), 0);
  add(figures.together_tasks_per_second, "together_tasks_per_second", "  both processes on one processor", 0);
  add(figures.apart_tasks_per_second, "apart_tasks_per_second", "  each on a processor of its own", 0);
  add(figures.pipelined_tasks_per_second, "pipelined_tasks_per_second", "  with 32 batches on the way", 0);
  add(figures.gigabytes_per_second, "gigabytes_per_second", "copy into new memory, GB/s", 3);
  add(figures.reused_gigabytes_per_second, "reused_gigabytes_per_second", "copy into the same memory, GB/s", 3);
  fmt::print("{}\n", json ? fmt::format("{{\"workload\":\"floor-{}\",{}}}", options.workload, fmt::join(parts, ","))
                          : fmt::format("{}", fmt::join(parts, "\n")));
}

int run(const Options& options) {
  const bool all = options.workload == "all";
  Figures figures;
  if (all || options.workload == "echo") measure_round_trips(options, figures);
  if (all || options.workload == "batch") {
    figures.tasks_per_second = rate(options, 1);
    figures.together_tasks_per_second = rate_once(options, together(), 1);
    figures.apart_tasks_per_second = rate_once(options, apart(), 1);
    figures.pipelined_tasks_per_second = rate(options, 32);
  }
  if (all || options.workload == "copy") measure_copy(options, figures);
  print(options, figures);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What this machine allows: bare Cap'n Proto over Asio loopback between two processes."};
  Options options;
  std::string role;
  std::uint16_t port{};
  int processor{-1};
  app.add_option("workload", options.workload, "echo: round trips of one task; batch: rate; copy: 1 GiB; all")
      ->check(CLI::IsMember({"echo", "batch", "copy", "all"}));
  app.add_option("-o,--output", options.output, "table or json")->check(CLI::IsMember({"table", "json"}));
  app.add_option("--sessions", options.sessions, "pairs of processes for echo and batch")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "round trips of echo, each session")->check(CLI::PositiveNumber);
  app.add_option("--batches", options.batches, "batches of batch, each session")->check(CLI::PositiveNumber);
  app.add_option("--batch-size", options.batch_size, "tasks in a batch")->check(CLI::PositiveNumber);
  app.add_option("--bytes", options.bytes, "size of the block of copy")->check(CLI::PositiveNumber);
  app.add_option("--copies", options.copies, "blocks of copy")->check(CLI::PositiveNumber);
  app.add_option("--serve", role)->group("");
  app.add_option("--port", port)->group("");
  app.add_option("--processor", processor)->group("");
  CLI11_PARSE(app, argc, argv);
  try {
    return role.empty() ? run(options) : serve(role, port, processor);
  } catch (const std::exception& error) {
    fmt::print(stderr, "floor: {}\n", error.what());
    return 1;
  }
}
