#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/cluster.hpp"

namespace troupe::chaos_tests {

/// Does harm to a cluster, one fault after the other, drawn from a seed, and undoes it later. Always true: at most two
/// workers, two wires and one client are under a fault at the same time, so that somebody is left to do the work.
class Faults {
public:
  Faults(Cluster& cluster, std::uint64_t seed, bool long_ones);

  /// Begins the next fault, and says what and to whom; empty if nobody is free for it.
  std::string begin();
  /// Ends what is over.
  void end_due();
  /// Ends all now.
  void end_all();

  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::size_t kinds() const { return kinds_.size(); }
  /// The scheduler is stopped: it answers nobody now.
  [[nodiscard]] bool scheduler_stopped() const { return scheduler_stopped_; }

private:
  enum class Victim { worker, wire, session, client, scheduler, stranger };
  struct Kind {
    const char* name;
    Victim victim;
    /// Does it, to the worker, client or wire of this number; returns how long it lasts.
    std::function<milliseconds(std::size_t)> begin;
    std::function<void(std::size_t)> end;
  };
  struct Active {
    const Kind* kind;
    std::size_t victim;
    Clock::time_point until;
  };

  void add_process_faults(bool long_ones);
  void add_client_faults();
  void add_network_faults(bool long_ones);
  [[nodiscard]] FrameProxy& wire_of(std::size_t number) const;
  milliseconds between(int least_ms, int most_ms);
  [[nodiscard]] std::size_t candidates(Victim victim) const;
  [[nodiscard]] bool free(Victim victim, std::size_t number) const;
  void stop_process(int pid, bool stop);

  Cluster& cluster_;
  std::mt19937_64 random_;
  std::vector<Kind> kinds_;
  std::vector<const Kind*> deck_;  ///< each kind comes once before any comes again
  std::vector<Active> active_;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::size_t, int> stopped_;  ///< process of a worker, while it is stopped
  bool scheduler_stopped_{};
};

}  // namespace troupe::chaos_tests
