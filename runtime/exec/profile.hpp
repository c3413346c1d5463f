#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/error.hpp"
#include "runtime/store/container_codec.hpp"
#include "runtime/store/plain_type.hpp"
#include "runtime/store/value_codec.hpp"

/// Where tasks spend their time: stacks of a pool's threads, by name.
namespace troupe {

class Pool;
class Symbols;
struct StackSample;

/// A task that runs, and where it is.
struct RunningStack {
  std::uint64_t task{};
  std::uint32_t run{};
  std::string function;             ///< module::name
  std::uint64_t running_us{};       ///< since it began
  std::vector<std::string> frames;  ///< names of functions, outermost first: from the task's own on
};

/// Stacks that were seen, with how often.
struct ProfileStack {
  std::string function;
  std::vector<std::string> frames;
  std::uint64_t samples{};
};

struct Profile {
  std::uint64_t duration_us{};
  std::uint64_t interval_us{};
  std::uint64_t looks{};  ///< at all threads
  std::vector<ProfileStack> stacks;
};

/// How often stacks were seen in a while that is over; `ago` is back from the answer, by one clock.
struct ProfileWindow {
  std::uint64_t begun_ago_us{};
  std::uint64_t length_us{};
  std::uint64_t samples{};
};
struct PrefixStack {
  std::string prefix;
  std::vector<std::string> frames;  ///< as in ProfileStack; empty: stacks of which there are too many to tell
  std::uint64_t samples{};
};

/// Which part of it is wanted.
struct ProfilePastRequest {
  std::uint64_t from_ago_us{600'000'000};
  std::uint64_t to_ago_us{};
  std::string prefix;  ///< empty: all
};
/// What a ContinuousProfiler remembers.
struct ProfilePast {
  std::uint64_t interval_us{};
  std::uint64_t cycle_us{};
  std::vector<ProfileWindow> windows;  ///< all there are, the oldest first
  std::vector<PrefixStack> stacks;     ///< of those that were asked for
};

struct ProfileOptions {
  std::chrono::microseconds duration{std::chrono::seconds(5)};
  std::chrono::microseconds interval{10'000};
  std::string function{};  ///< only tasks of this one, by module::name or name; empty: all
};

/// An address in each function of a stack, innermost first.
std::vector<const void*> places_of(const StackSample& sample);
/// Their names, outermost first, from the task's function on, or from what an event loop called.
std::vector<std::string> frame_names(const std::vector<const void*>& places, Symbols& symbols);

/// What each thread runs now. Errors: see Sampler::open.
Result<std::vector<RunningStack>> running_stacks(const Pool& pool);

/// Looks again and again, for so long or until `stop`. Takes so long: on a thread that has nothing else to do.
Result<Profile> take_profile(const Pool& pool, const ProfileOptions& options, const std::atomic<bool>& stop);

}  // namespace troupe

TROUPE_FIELDS(troupe::RunningStack, task, run, function, running_us, frames)
TROUPE_FIELDS(troupe::ProfileStack, function, frames, samples)
TROUPE_FIELDS(troupe::ProfileWindow, begun_ago_us, length_us, samples)
TROUPE_FIELDS(troupe::PrefixStack, prefix, frames, samples)
TROUPE_FIELDS(troupe::ProfilePastRequest, from_ago_us, to_ago_us, prefix)
TROUPE_FIELDS(troupe::ProfilePast, interval_us, cycle_us, windows, stacks)
TROUPE_FIELDS(troupe::Profile, duration_us, interval_us, looks, stacks)
