#include "apps/bench_workloads.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "apps/bench_functions.hpp"
#include "apps/bench_graph.hpp"

namespace troupe::apps {

namespace {

namespace tasks = bench_tasks;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("the result is wrong: ") + what);
}

template <class T>
void require_all_finished(const std::vector<Future<T>>& futures) {
  for (const auto& future : futures) require(future.status() == FutureStatus::finished, "a task did not finish");
}

template <class T>
std::vector<T> numbers(std::uint64_t count) {
  std::vector<T> result(count);
  std::iota(result.begin(), result.end(), T{0});
  return result;
}

BenchResult empty(const BenchRun& run) {
  const auto arguments = numbers<std::uint32_t>(run.tasks);
  auto result = measure(run, run.tasks, [&] {
    auto futures = run.client.map<tasks::nothing>(arguments);
    run.client.wait(futures);
    return futures;
  });
  return result;
}

BenchResult submit_loop(const BenchRun& run) {
  return measure(run, run.tasks, [&] {
    std::array<std::vector<Future<Unit>>, 2> futures;
    std::array<std::thread, 2> threads;
    for (std::size_t t = 0; t < 2; ++t)
      threads[t] = std::thread([&, t] {
        const std::uint64_t mine = run.tasks / 2 + (t == 0 ? run.tasks % 2 : 0);
        futures[t].reserve(mine);
        for (std::uint64_t i = 0; i < mine; ++i)
          futures[t].push_back(run.client.submit<tasks::nothing>(static_cast<std::uint32_t>(i)));
      });
    for (auto& thread : threads) thread.join();
    for (auto& half : futures) run.client.wait(half);
    return futures;
  });
}

BenchResult merge(const BenchRun& run) {
  const auto arguments = numbers<std::uint64_t>(run.tasks - 1);
  return measure(run, run.tasks, [&] {
    auto leaves = run.client.map<tasks::identity>(arguments);
    auto total = run.client.submit<tasks::sum>(leaves);
    const auto n = arguments.size();
    require(total.get() == n * (n - 1) / 2, "merge");
    return leaves;
  });
}

BenchResult tree(const BenchRun& run) {
  const std::uint64_t leaf_count = (run.tasks + 1) / 2;
  const auto arguments = numbers<std::uint64_t>(leaf_count);
  return measure(run, 2 * leaf_count - 1, [&] {
    auto leaves = run.client.map<tasks::identity>(arguments);
    auto total = run.client.reduce<tasks::add>(leaves);
    require(total.get() == leaf_count * (leaf_count - 1) / 2, "tree");
    return leaves;
  });
}

BenchResult chain(const BenchRun& run) {
  TaskOptions options;
  options.run_ahead = run.via_worker;
  auto result = measure(run, run.tasks, [&] {
    auto link = run.client.submit<tasks::identity>(options, std::uint64_t{0});
    for (std::uint64_t i = 1; i < run.tasks; ++i) link = run.client.submit<tasks::increment>(options, link);
    require(link.get() == run.tasks - 1, "chain");
    return link;
  });
  result.us_per_hop = result.seconds * 1e6 / static_cast<double>(run.tasks);
  return result;
}

BenchResult submit_one(const BenchRun& run) {
  std::vector<double> round_trips;
  round_trips.reserve(run.tasks);
  auto result = measure(run, run.tasks, [&] {
    for (std::uint64_t i = 0; i < run.tasks; ++i) {
      const auto start = Clock::now();
      require(run.client.submit<tasks::increment>(i).get() == i + 1, "submit-one");
      round_trips.push_back(seconds_since(start) * 1e6);
    }
    return 0;
  });
  std::sort(round_trips.begin(), round_trips.end());
  result.p50_us = round_trips[round_trips.size() / 2];
  result.p99_us = round_trips[round_trips.size() * 99 / 100];
  return result;
}

/// Layers of a thousand tasks, each of two of the layer before; all are held to the end.
BenchResult memory(const BenchRun& run) {
  constexpr std::uint64_t width = 1000;
  const pid_t scheduler = run.cluster->scheduler_pid();
  reset_peak_memory(scheduler);
  const std::uint64_t before = resident_memory(scheduler).now;
  auto result = measure(run, run.tasks, [&] {
    std::vector<std::vector<Future<std::uint64_t>>> layers;
    layers.push_back(run.client.map<tasks::identity>(numbers<std::uint64_t>(std::min(width, run.tasks))));
    for (std::uint64_t made = width; made < run.tasks; made += width) {
      const auto& last = layers.back();
      std::vector<Future<std::uint64_t>> turned(last.begin() + 1, last.end());
      turned.push_back(last.front());
      layers.push_back(run.client.map<tasks::add>(last, turned));
    }
    for (const auto& layer : layers) run.client.wait(layer);
    return layers;
  });
  const std::uint64_t peak = resident_memory(scheduler).peak;
  result.scheduler_bytes_per_task =
      static_cast<double>(peak - std::min(peak, before)) / static_cast<double>(result.tasks);
  return result;
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

BenchResult scaling(const BenchRun& run) {
  BenchResult last;
  std::vector<std::pair<std::string, double>> points;
  for (std::uint64_t count = 10'000; count <= run.tasks; count *= 10) {
    BenchRun smaller = run;
    smaller.tasks = count;
    // A short run is repeated until it has taken as many tasks as the long one, so that all are equally sure.
    std::vector<double> costs;
    std::vector<double> of_scheduler;
    for (std::uint64_t done = 0; done < run.tasks; done += count) {
      last = empty(smaller);
      const auto a_task = [&](std::chrono::nanoseconds time) {
        return static_cast<double>(time.count()) / 1e3 / static_cast<double>(count);
      };
      costs.push_back(a_task(last.cpu->sum()));
      of_scheduler.push_back(a_task(last.cpu->scheduler));
    }
    points.emplace_back(fmt::format("cpu_us_per_task_of_{}", count), median(costs));
    if (run.cluster) points.emplace_back(fmt::format("scheduler_us_per_task_of_{}", count), median(of_scheduler));
  }
  last.more = std::move(points);
  return last;
}

/// The same bytes by plain Asio over loopback, into memory as fresh as a task's.
double bare_copy_seconds(std::uint64_t bytes) {
  namespace asio = boost::asio;
  using tcp = asio::ip::tcp;
  const Buffer block = tasks::make_block(bytes);
  asio::io_context context;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  const auto port = acceptor.local_endpoint().port();
  std::thread sender([&] {
    asio::io_context own;
    tcp::socket socket(own);
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer(block.data(), block.size()));
  });
  tcp::socket socket(context);
  acceptor.accept(socket);
  const auto start = Clock::now();
  std::byte* memory = nullptr;
  const Buffer copy = Buffer::allocate(bytes, &memory);
  asio::read(socket, asio::buffer(memory, bytes));
  const double seconds = seconds_since(start);
  sender.join();
  return seconds;
}

BenchResult transfer(const BenchRun& run) {
  constexpr std::uint64_t bytes = std::uint64_t{1} << 30;
  std::vector<double> bare;
  std::vector<double> ours;
  BenchResult result;
  constexpr std::size_t rounds = 7;  // fresh memory costs very different times, here as there
  for (std::size_t round = 0; round < rounds; ++round) {
    bare.push_back(bare_copy_seconds(bytes));
    TaskOptions from;
    from.workers = {"w0"};
    TaskOptions to;
    to.workers = {"w1"};
    auto block = run.client.submit<tasks::make_block>(from, bytes);
    run.client.wait(std::vector{block});
    result = measure(run, 1, [&] {
      auto size = run.client.submit<tasks::size_of>(to, block);
      require(size.get() == bytes, "transfer");
      return size;
    });
    ours.push_back(result.seconds);
  }
  std::sort(bare.begin(), bare.end());
  std::sort(ours.begin(), ours.end());
  result.seconds = ours[rounds / 2];
  const auto gigabytes = static_cast<double>(bytes) / 1e9;
  result.more = {{"gigabytes_per_second", gigabytes / ours[rounds / 2]},
                 {"bare_gigabytes_per_second", gigabytes / bare[rounds / 2]},
                 {"ratio_to_bare", bare[rounds / 2] / ours[rounds / 2]}};
  return result;
}

/// Blocks that are all live at once, then each is read once. At the moment when all are there, what does not fit into
/// the workers' memory has to be on disk: that is the least that any scheduler writes, and as much has to be read.
BenchResult spill(const BenchRun& run) {
  constexpr std::uint64_t block_bytes = 8U << 20;
  std::vector<std::uint64_t> sums(run.tasks);
  std::vector<std::thread> reference;
  for (std::uint64_t t = 0; t < 2; ++t)
    reference.emplace_back([&, t] {
      for (std::uint64_t i = t; i < run.tasks; i += 2) sums[i] = tasks::sum_block(tasks::noise_block(i, block_bytes));
    });
  for (auto& thread : reference) thread.join();
  const double written_before = run.cluster->worker_metric("troupe_worker_spill_write_bytes_total");
  const double read_before = run.cluster->worker_metric("troupe_worker_spill_read_bytes_total");
  auto result = measure(run, 2 * run.tasks, [&] {
    const auto blocks = run.client.map<tasks::noise_block>(numbers<std::uint64_t>(run.tasks),
                                                           std::vector<std::uint64_t>(run.tasks, block_bytes));
    run.client.wait(blocks);
    require_all_finished(blocks);
    require(run.client.gather(run.client.map<tasks::sum_block>(blocks)) == sums, "spill");
    return 0;
  });
  const double live = static_cast<double>(run.tasks * block_bytes);
  const double limit = static_cast<double>(run.workers) * static_cast<double>(run.memory_limit);
  const double least = std::max(0.0, live - limit);
  const double written = run.cluster->worker_metric("troupe_worker_spill_write_bytes_total") - written_before;
  const double read = run.cluster->worker_metric("troupe_worker_spill_read_bytes_total") - read_before;
  result.more = {{"live_bytes_per_memory_limit", live / limit},
                 {"least_megabytes", least / 1e6},
                 {"written_megabytes", written / 1e6},
                 {"read_megabytes", read / 1e6},
                 {"written_per_least", least > 0 ? written / least : 0},
                 {"read_per_least", least > 0 ? read / least : 0},
                 {"megabytes_per_second", (written + read) / 1e6 / result.seconds}};
  return result;
}

BenchResult fixed_graph(const BenchRun& run) {
  const FixedGraph graph = read_graph(run.graph_file);
  return run.metg_slots > 0 ? minimum_effective_task(run, graph, run.metg_slots) : run_graph(run, graph, run.work_us);
}

constexpr std::array<Workload, 12> table{{
    {"empty", "independent tasks that do nothing; the client waits for all", 1'000'000, false, 3, empty},
    {"submit-loop", "the same by single submit calls from two threads", 1'000'000, false, 3, submit_loop},
    {"merge", "tasks that give a number, and one that adds them all", 1'000'000, false, 3, merge},
    {"tree", "a binary tree of additions", 1U << 20, false, 3, tree},
    {"chain", "each task needs the one before", 10'000, false, 3, chain},
    {"submit-one", "submit, wait for the result, next", 5'000, false, 3, submit_one},
    {"in-process", "empty, with scheduler and workers in this process", 1'000'000, true, 3, empty},
    {"memory", "tasks with two dependencies, all held; memory of the scheduler", 1'000'000, false, 1, memory, true},
    {"scaling", "cost of a task of empty, from 10,000 tasks up", 1'000'000, false, 1, scaling},
    {"transfer", "a block of 1 GiB from worker to worker, against a bare Asio copy", 1, false, 1, transfer, true},
    {"spill", "blocks of 8 MiB: four times what two workers' memory holds, all live", 256, false, 1, spill, true,
     256U << 20},
    {"graph", "the graph of --file, as it is", 1, false, 3, fixed_graph},
}};

}  // namespace

std::span<const Workload> workloads() { return table; }

}  // namespace troupe::apps
