#include "runtime/exec/profile.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <string_view>
#include <thread>

#include "runtime/exec/pool.hpp"
#include "runtime/exec/sampler.hpp"
#include "runtime/exec/symbols.hpp"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

/// What stands between the pool and the user's function, or between an event loop and what it calls.
bool is_wrapping(std::string_view name) {
  for (const std::string_view ours :
       {"troupe::detail::", "std::__invoke", "std::invoke", "std::__apply_impl", "std::apply", "boost::asio::"})
    if (name.starts_with(ours)) return true;
  return false;
}

/// Below it nothing is of interest.
bool is_outermost(std::string_view name) {
  constexpr std::string_view loop = "boost::asio::detail::scheduler::";
  if (name.starts_with(loop)) return name.substr(loop.size()).find("run") != std::string_view::npos;
  return name == "troupe::Pool::run" || name == "troupe::Pool::work" ||
         name.starts_with("boost::asio::io_context::run");
}

std::vector<std::string> names_of(const StackSample& sample, Symbols& symbols) {
  return frame_names(places_of(sample), symbols);
}

bool is_named(const ResolvedFunction& function, const std::string& name) {
  return name.empty() || function.name == name || function.name.ends_with("::" + name);
}

}  // namespace

std::vector<const void*> places_of(const StackSample& sample) {
  std::vector<const void*> places = sample.frames;
  // A return address may lie behind the end of the function that made the call.
  for (std::size_t i = 1; i < places.size(); ++i) places[i] = static_cast<const char*>(places[i]) - 1;
  return places;
}

std::vector<std::string> frame_names(const std::vector<const void*>& places, Symbols& symbols) {
  std::vector<std::string> names;
  for (const void* place : places) {
    const auto& name = symbols.name_of(place);
    if (is_outermost(name)) break;
    names.push_back(name);
  }
  while (!names.empty() && is_wrapping(names.back())) names.pop_back();
  std::reverse(names.begin(), names.end());
  return names;
}

Result<std::vector<RunningStack>> running_stacks(const Pool& pool) {
  const auto sampler = Sampler::open();
  if (!sampler) return tl::unexpected(sampler.error());
  Symbols symbols;
  std::vector<RunningStack> stacks;
  pool.for_each_thread([&](const ThreadActivity& thread) {
    const auto sample = sampler->sample(thread);
    if (!sample) return;
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
    stacks.push_back({sample->task.value, sample->run.value, sample->function->name,
                      static_cast<std::uint64_t>(std::max<std::int64_t>(0, now - sample->begun_ns)) / 1000,
                      names_of(*sample, symbols)});
  });
  return stacks;
}

Result<Profile> take_profile(const Pool& pool, const ProfileOptions& options, const std::atomic<bool>& stop) {
  const auto sampler = Sampler::open();
  if (!sampler) return tl::unexpected(sampler.error());
  using Place = std::pair<const ResolvedFunction*, std::vector<const void*>>;
  std::map<Place, std::uint64_t> counts;
  Profile profile;
  const auto begun = Clock::now();
  const auto end = begun + options.duration;
  for (auto next = begun; next < end && !stop.load(std::memory_order_relaxed); next += options.interval) {
    std::this_thread::sleep_until(next);
    pool.for_each_thread([&](const ThreadActivity& thread) {
      auto sample = sampler->sample(thread);
      if (sample && is_named(*sample->function, options.function))
        ++counts[{sample->function, std::move(sample->frames)}];
    });
    ++profile.looks;
    next = std::max(next, Clock::now() - options.interval);  // what was missed is not made up for
  }
  if (!stop.load(std::memory_order_relaxed)) std::this_thread::sleep_until(end);
  profile.duration_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun).count());
  profile.interval_us = static_cast<std::uint64_t>(options.interval.count());
  Symbols symbols;
  std::map<std::pair<std::string, std::vector<std::string>>, std::uint64_t> named;
  for (const auto& [place, samples] : counts)
    named[{place.first->name, names_of({{}, {}, place.first, 0, {}, place.second}, symbols)}] += samples;
  for (const auto& [stack, samples] : named) profile.stacks.push_back({stack.first, stack.second, samples});
  std::stable_sort(profile.stacks.begin(), profile.stacks.end(),
                   [](const ProfileStack& a, const ProfileStack& b) { return a.samples > b.samples; });
  return profile;
}

}  // namespace troupe
