// Real processes of a cluster under load: with faults (chaos), or for long without any (soak).
//
//   chaos_run chaos|soak [--seconds N] [--seed N] [--every MS]
//
// TROUPE_CHAOS_SECONDS and TROUPE_CHAOS_SEED stand for the flags where those are not given. A chaos run goes by its seed
// as far as real processes and clocks allow: the same faults in the same order.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "tests/chaos/cluster.hpp"
#include "tests/chaos/faults.hpp"

namespace troupe::chaos_tests {
namespace {

constexpr std::size_t worker_count = 4;
constexpr std::size_t client_count = 3;
constexpr std::uint64_t mib = 1U << 20;

struct Settings {
  bool chaos{};
  seconds length{300};
  std::uint64_t seed{1};
  milliseconds every{3'500};  ///< between the beginnings of faults
  Programs programs;
};

void say(Clock::time_point start, const std::string& text) {
  std::printf("%6.1f s  %s\n", std::chrono::duration<double>(Clock::now() - start).count(), text.c_str());
  std::fflush(stdout);
}

/// Runs clients until each kind of buffer and cache has been used, and leaves the cluster empty.
void warm_up(Cluster& cluster) {
  cluster.start_clients(client_count);
  const auto deadline = Clock::now() + seconds(60);
  while (cluster.jobs_done() < 30 && Clock::now() < deadline) {
    cluster.look();
    std::this_thread::sleep_for(milliseconds(20));
  }
  cluster.stop_clients(seconds(60));
  cluster.wait_until_empty(seconds(30), worker_count);
}

void report(const Cluster& cluster, const Faults* faults) {
  for (const auto& client : const_cast<Cluster&>(cluster).clients()) {
    std::string jobs;
    for (const auto& [name, count] : client.jobs) jobs += fmt::format(" {} {}", name, count);
    std::printf("%s: %llu tasks, slowest job %llu ms;%s\n", client.name.c_str(),
                static_cast<unsigned long long>(client.tasks), static_cast<unsigned long long>(client.slowest_ms),
                jobs.c_str());
  }
  if (!faults) return;
  std::uint64_t sum = 0;
  for (const auto& [name, count] : faults->counts()) {
    std::printf("%4llu  %s\n", static_cast<unsigned long long>(count), name.c_str());
    sum += count;
  }
  std::printf("%llu faults of %zu kinds\n", static_cast<unsigned long long>(sum), faults->counts().size());
}

FrameProxy::Counts wire_counts(Cluster& cluster) {
  FrameProxy::Counts sum;
  const auto add = [&](const FrameProxy& wire) {
    const auto counts = wire.counts();
    sum.duplicated += counts.duplicated;
    sum.torn += counts.torn;
    sum.resets += counts.resets;
    sum.half_opened += counts.half_opened;
    sum.open += counts.open;
  };
  for (const auto& worker : cluster.workers()) {
    add(*worker.control);
    add(*worker.data);
  }
  for (const auto& client : cluster.clients()) add(*client.control);
  return sum;
}

/// The proxies did what they were told, or a fault was none.
void check_wires(Cluster& cluster, const Faults& faults, Findings& findings) {
  auto sum = wire_counts(cluster);
  for (const auto patience = Clock::now() + seconds(5); sum.open > 0 && Clock::now() < patience;) {
    std::this_thread::sleep_for(milliseconds(20));
    sum = wire_counts(cluster);
  }
  if (sum.open > 0) findings.add(fmt::format("{} connections are open with nobody there", sum.open));
  std::printf("connections: %llu reset, %llu half-opened; frames: %llu twice, %llu torn\n",
              static_cast<unsigned long long>(sum.resets), static_cast<unsigned long long>(sum.half_opened),
              static_cast<unsigned long long>(sum.duplicated), static_cast<unsigned long long>(sum.torn));
  const auto happened = [&](const char* name, std::uint64_t count) {
    const auto wanted = faults.counts().find(name);
    if (wanted != faults.counts().end() && wanted->second >= 3 && count == 0)
      findings.add(fmt::format("{}: asked for {} times, and never came about", name, wanted->second));
  };
  happened("connection reset", sum.resets);
  happened("half-open", sum.half_opened);
  happened("frame twice", sum.duplicated);
  happened("torn frame", sum.torn);
}

void run_chaos(Cluster& cluster, const Settings& settings, Findings& findings) {
  cluster.start_workers(worker_count);
  cluster.wait_until_empty(seconds(60), worker_count);
  warm_up(cluster);
  const Footprint before = footprint(cluster.scheduler().pid());
  cluster.start_clients(client_count);

  Faults faults(cluster, settings.seed, settings.length >= seconds(60));
  const auto start = Clock::now();
  auto next = start;
  std::uint64_t jobs = 0;
  auto last_job = start;
  while (Clock::now() - start < settings.length) {
    cluster.look();
    faults.end_due();
    if (const auto now = cluster.jobs_done(); now != std::exchange(jobs, now)) last_job = Clock::now();
    if (Clock::now() - last_job > seconds(60)) {
      findings.add("no job was finished for a minute");
      last_job = Clock::now();
    }
    // A fault that meets nobody at work would show nothing.
    if (Clock::now() >= next && !faults.scheduler_stopped() && cluster.in_flight() > 0) {
      if (const auto what = faults.begin(); !what.empty()) {
        say(start, what);
        next += settings.every;
      }
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  faults.end_all();
  say(start, "no more faults");
  cluster.stop_clients(seconds(150));
  cluster.wait_until_empty(seconds(90), worker_count);
  // A connection whose other end went away unseen is given up after a while.
  const auto patience = Clock::now() + seconds(45);
  Footprint after = footprint(cluster.scheduler().pid());
  while (after.files > before.files && Clock::now() < patience) {
    std::this_thread::sleep_for(milliseconds(100));
    after = footprint(cluster.scheduler().pid());
  }
  say(start, fmt::format("scheduler: {} -> {} MiB, {} -> {} files, {} -> {} threads", before.resident_bytes / mib,
                         after.resident_bytes / mib, before.files, after.files, before.threads, after.threads));
  if (after.files > before.files) findings.add("the scheduler has more open files than before");
  if (after.threads > before.threads) findings.add("the scheduler has more threads than before");
  if (after.resident_bytes > before.resident_bytes + 64 * mib) findings.add("the scheduler has grown by over 64 MiB");
  cluster.stop(seconds(60));
  report(cluster, &faults);
  check_wires(cluster, faults, findings);
  const auto least = static_cast<std::uint64_t>(settings.length / settings.every) * 2 / 3;
  std::uint64_t sum = 0;
  for (const auto& [name, count] : faults.counts()) sum += count;
  if (sum < least) findings.add(fmt::format("only {} faults instead of at least {}", sum, least));
}

/// Every process is about as large, with as many files and threads, in the last quarter as in the second.
void run_soak(Cluster& cluster, const Settings& settings, Findings& findings) {
  cluster.start_workers(worker_count);
  cluster.wait_until_empty(seconds(60), worker_count);
  warm_up(cluster);
  cluster.start_clients(client_count);
  std::map<std::string, int> pids{{"scheduler", cluster.scheduler().pid()}};
  for (const auto& slot : cluster.workers()) {
    pids[slot.name] = slot.worker_pid();
    pids["nanny of " + slot.name] = slot.nanny->pid();
  }
  for (const auto& slot : cluster.clients()) pids[slot.name] = slot.process->pid();

  // The most of each quarter: what comes and goes with the load is in all of them.
  std::map<std::string, std::array<Footprint, 4>> most;
  const auto start = Clock::now();
  auto next = start;
  while (Clock::now() - start < settings.length) {
    cluster.look();
    if (Clock::now() >= next) {
      next += milliseconds(250);
      const auto quarter = static_cast<std::size_t>(
          std::min<std::int64_t>(3, 4 * (Clock::now() - start) / std::chrono::nanoseconds(settings.length)));
      for (const auto& [name, pid] : pids) {
        const auto now = footprint(pid);
        auto& peak = most[name][quarter];
        peak.resident_bytes = std::max(peak.resident_bytes, now.resident_bytes);
        peak.files = std::max(peak.files, now.files);
        peak.threads = std::max(peak.threads, now.threads);
      }
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  for (const auto& [name, peaks] : most) {
    const auto& early = peaks[1];
    const auto& late = peaks[3];
    say(start, fmt::format("{}: {} -> {} MiB, {} -> {} files, {} -> {} threads", name, early.resident_bytes / mib,
                           late.resident_bytes / mib, early.files, late.files, early.threads, late.threads));
    if (late.resident_bytes > early.resident_bytes + early.resident_bytes / 4 + 16 * mib)
      findings.add(name + " has grown by over a quarter and 16 MiB");
    if (late.files > early.files + 2) findings.add(name + " has more open files");
    if (late.threads > early.threads) findings.add(name + " has more threads");
  }
  cluster.stop_clients(seconds(60));
  cluster.wait_until_empty(seconds(30), worker_count);
  cluster.stop(seconds(60));
  report(cluster, nullptr);
}

/// Whoever outlived its parent is ours now: there must be nobody.
void check_processes(Findings& findings) {
  const auto patience = Clock::now() + seconds(5);
  do {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (children_of(::getpid()).empty()) return;
    std::this_thread::sleep_for(milliseconds(20));
  } while (Clock::now() < patience);
  for (const int pid : children_of(::getpid())) findings.add(fmt::format("process {} is left", pid));
}

int run(const Settings& settings) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  Findings findings;
  std::printf("seed %llu, %lld s\n", static_cast<unsigned long long>(settings.seed),
              static_cast<long long>(settings.length.count()));
  {
    Cluster cluster(settings.programs, settings.seed, findings);
    try {
      settings.chaos ? run_chaos(cluster, settings, findings) : run_soak(cluster, settings, findings);
      cluster.check_folder();
      check_processes(findings);
    } catch (const std::exception& error) {
      findings.add(error.what());
    }
  }
  std::printf("%zu findings\n", findings.count());
  return findings.count() == 0 ? 0 : 1;
}

std::uint64_t number(const char* text) {
  char* end = nullptr;
  const auto value = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0') throw std::invalid_argument(fmt::format("'{}' is not a number", text));
  return value;
}

Settings parse(int argc, char** argv) {
  Settings settings;
  settings.programs = {CHAOS_TROUPE, CHAOS_CLIENT, CHAOS_MODULE};
  if (const char* given = std::getenv("TROUPE_CHAOS_SECONDS")) settings.length = seconds(number(given));
  if (const char* given = std::getenv("TROUPE_CHAOS_SEED")) settings.seed = number(given);
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what != "chaos" && what != "soak") throw std::invalid_argument("the first argument is chaos or soak");
  settings.chaos = what == "chaos";
  for (int i = 2; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(fmt::format("{} wants a number", flag));
    const auto value = number(argv[i + 1]);
    if (flag == "--seconds") {
      settings.length = seconds(value);
    } else if (flag == "--seed") {
      settings.seed = value;
    } else if (flag == "--every") {
      settings.every = milliseconds(value);
    } else {
      throw std::invalid_argument(fmt::format("there is no {}", flag));
    }
  }
  return settings;
}

}  // namespace
}  // namespace troupe::chaos_tests

int main(int argc, char** argv) {
  try {
    return troupe::chaos_tests::run(troupe::chaos_tests::parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chaos_run: %s\nusage: chaos_run chaos|soak [--seconds N] [--seed N] [--every MS]\n",
                 error.what());
    return 64;
  }
}
