#include "tests/mutants/hunt.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include "runtime/simulation/simulate.hpp"

namespace troupe::mutants {
namespace {

constexpr Row all_rows[] = {
#define TROUPE_MUTANT_ROW(name, what) {Mutant::name, #name, what},
#include "runtime/core/mutants.inc"
#undef TROUPE_MUTANT_ROW
};

constexpr int seconds_a_history = 300;  ///< of CPU; one without end is given up after five million events
constexpr rlim_t most_memory = rlim_t{4} << 30;

/// What a searching process leaves for the one that started it, in memory that both see.
struct Notes {
  std::uint64_t seed{};
  std::uint64_t events{};
  bool caught{};
  char property[160]{};
};

Notes* share_notes() {
  void* memory = ::mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mutants: mmap");
    std::exit(2);
  }
  return new (memory) Notes;
}

/// In the searching process. It ends by SIGPROF if one history takes for ever.
void search(const Row& row, std::uint64_t seeds, Notes& notes) {
  const rlimit memory{most_memory, most_memory};
  ::setrlimit(RLIMIT_AS, &memory);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::freopen("/dev/null", "w", stderr);  // where a failed assertion outside of a history would be told
  chosen_mutant = row.mutant;
  for (std::uint64_t seed = 1; seed <= seeds && !notes.caught; ++seed) {
    notes.seed = seed;
    const itimerval patience{{}, {seconds_a_history, 0}};
    ::setitimer(ITIMER_PROF, &patience, nullptr);
    const auto outcome = simulation::run(simulation::draw_history(seed));
    notes.events += outcome.events;
    std::strncpy(notes.property, outcome.property.c_str(), sizeof notes.property - 1);
    notes.caught = outcome.failed;
  }
  ::_exit(0);
}

Catch result_of(const Notes& notes, int status) {
  Catch result{notes.caught, notes.seed, notes.events, notes.property, false};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return result;
  result.caught = result.crashed = true;
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  result.noticed_by = signal == SIGPROF   ? "it never ends"
                      : signal == SIGSEGV ? "it crashes (segmentation fault)"
                      : signal == SIGABRT ? "it crashes (abort)"
                                          : "it crashes";
  return result;
}

}  // namespace

std::span<const Row> rows() { return all_rows; }

std::vector<Catch> hunt(std::span<const Row> wanted, std::uint64_t seeds, unsigned jobs,
                        const std::function<void(const Row&, const Catch&)>& ended) {
  std::vector<Catch> catches(wanted.size());
  std::vector<Notes*> notes;
  std::map<pid_t, std::size_t> searching;
  std::size_t next = 0;
  while (next < wanted.size() || !searching.empty()) {
    if (next < wanted.size() && searching.size() < jobs) {
      notes.push_back(share_notes());
      std::fflush(nullptr);
      const pid_t process = ::fork();
      if (process == 0) search(wanted[next], seeds, *notes[next]);
      if (process < 0) {
        std::perror("mutants: fork");
        std::exit(2);
      }
      searching[process] = next++;
      continue;
    }
    int status = 0;
    const pid_t process = ::wait(&status);
    const auto found = searching.find(process);
    if (found == searching.end()) continue;
    const std::size_t i = found->second;
    searching.erase(found);
    catches[i] = result_of(*notes[i], status);
    ::munmap(notes[i], sizeof(Notes));
    ended(wanted[i], catches[i]);
  }
  return catches;
}

}  // namespace troupe::mutants
