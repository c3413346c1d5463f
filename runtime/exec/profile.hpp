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

struct ProfileOptions {
  std::chrono::microseconds duration{std::chrono::seconds(5)};
  std::chrono::microseconds interval{10'000};
  std::string function{};  ///< only tasks of this one, by module::name or name; empty: all
};

/// What each thread runs now. Errors: see Sampler::open.
Result<std::vector<RunningStack>> running_stacks(const Pool& pool);

/// Looks again and again, for so long or until `stop`. Takes so long: on a thread that has nothing else to do.
Result<Profile> take_profile(const Pool& pool, const ProfileOptions& options, const std::atomic<bool>& stop);

}  // namespace troupe

TROUPE_FIELDS(troupe::RunningStack, task, run, function, running_us, frames)
TROUPE_FIELDS(troupe::ProfileStack, function, frames, samples)
TROUPE_FIELDS(troupe::Profile, duration_us, interval_us, looks, stacks)
