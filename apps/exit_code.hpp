#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::apps {

/// How `troupe` ends. A contract with scripts: values never change. A process ended by signal n ends with 128 + n.
enum class ExitCode : std::uint8_t {
  done = 0,
  failed = 1,
  usage = 2,
  not_found = 3,
  unreachable = 4,
  authentication = 5,
  timed_out = 6,
  partly_failed = 7,
  version_mismatch = 8,
  internal = 70,
  start_again = 75,  ///< of a worker, to its nanny
};

/// For the end of every --help.
inline constexpr std::string_view exit_codes_help =
    "Exit codes: 0 done, 1 failed, 2 usage error, 3 not found, 4 cannot reach the scheduler, 5 not authenticated,\n"
    "  6 timed out, 7 partly failed, 8 version mismatch, 70 internal error, 128+n ended by signal n.";

}  // namespace troupe::apps
