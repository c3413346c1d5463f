#include <algorithm>
#include <utility>

#include "runtime/simulation/simulate.hpp"

// A failing history made small: first whole kinds of faults go, then halves, quarters, ... single ones of the acts, then
// nodes, rates and tasks.

namespace troupe::simulation {
namespace {

class Shrinker {
public:
  Shrinker(History failing, std::string property, std::uint64_t most, const std::function<bool()>& stop)
      : best_(std::move(failing)), property_(std::move(property)), most_(most), stop_(stop) {}

  Shrunk shrink() {
    for (bool smaller = true; smaller && !done();) {
      smaller = drop_fault_kinds();
      smaller = drop_acts() || smaller;
      smaller = calm_options() || smaller;
      smaller = make_graphs_small() || smaller;
    }
    Outcome outcome = run(best_, {.told = true});
    return {best_, std::move(outcome), tried_};
  }

private:
  [[nodiscard]] bool done() const { return tried_ >= most_ || (stop_ && stop_()); }

  /// Keeps it if it still fails in the same way.
  bool keeps_failing(History candidate) {
    if (done()) return false;
    ++tried_;
    const Outcome outcome = run(candidate);
    if (!outcome.failed || outcome.property != property_) return false;
    best_ = std::move(candidate);
    return true;
  }

  bool drop_fault_kinds() {
    bool smaller = false;
    for (std::size_t i = 0; i < act_kind_count; ++i) {
      History candidate = best_;
      std::erase_if(candidate.acts, [&](const Act& act) { return static_cast<std::size_t>(act.kind) == i; });
      if (candidate.acts.size() < best_.acts.size()) smaller = keeps_failing(std::move(candidate)) || smaller;
    }
    return smaller;
  }

  bool drop_acts() {
    bool smaller = false;
    for (std::size_t size = std::max<std::size_t>(best_.acts.size() / 2, 1);; size /= 2) {
      for (std::size_t at = 0; at < best_.acts.size() && !done();) {
        History candidate = best_;
        const auto first = candidate.acts.begin() + static_cast<std::ptrdiff_t>(at);
        candidate.acts.erase(first, first + static_cast<std::ptrdiff_t>(std::min(size, best_.acts.size() - at)));
        if (keeps_failing(std::move(candidate)))
          smaller = true;
        else
          at += size;
      }
      if (size <= 1) return smaller;
    }
  }

  template <class Change>
  bool try_with(Change change) {
    History candidate = best_;
    change(candidate.options);
    return write(candidate) != write(best_) && keeps_failing(std::move(candidate));
  }

  bool calm_options() {
    bool smaller = false;
    double Options::*const rates[] = {&Options::exception_rate, &Options::poison_rate,  &Options::oom_rate,
                                      &Options::endless_rate,   &Options::corrupt_rate, &Options::busy_rate,
                                      &Options::inline_rate,    &Options::secede_rate,  &Options::look_rate,
                                      &Options::retries};
    for (const auto rate : rates) smaller = try_with([&](Options& o) { o.*rate = 0; }) || smaller;
    bool Options::*const switches[] = {&Options::run_ahead,  &Options::stealing, &Options::codec,
                                       &Options::restricted, &Options::named,    &Options::settled};
    for (const auto on : switches) smaller = try_with([&](Options& o) { o.*on = false; }) || smaller;
    smaller = try_with([](Options& o) { o.threads = 1; }) || smaller;
    return smaller;
  }

  bool make_graphs_small() {
    bool smaller = false;
    for (std::size_t i = 0; i < best_.acts.size(); ++i)
      while (best_.acts[i].kind == ActKind::submit && best_.acts[i].amount > 1) {
        History candidate = best_;
        candidate.acts[i].amount /= 2;
        if (!keeps_failing(std::move(candidate))) break;
        smaller = true;
      }
    return smaller;
  }

  History best_;
  std::string property_;
  std::uint64_t most_;
  std::uint64_t tried_{};
  const std::function<bool()>& stop_;
};

}  // namespace

Shrunk shrink(const History& failing, const std::string& property, std::uint64_t most,
              const std::function<bool()>& stop) {
  return Shrinker(failing, property, most, stop).shrink();
}

}  // namespace troupe::simulation
