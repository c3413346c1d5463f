#pragma once

#include <string>
#include <vector>

#include "protocol/error.hpp"

namespace troupe {

/// A process started by this one, and what is needed to watch it. Plain descriptors: the owner closes them.
struct ChildProcess {
  int pid{};
  int pidfd{-1};   ///< readable once it has ended
  int errors{-1};  ///< its stderr; not blocking
};

/// Starts `command` (vfork and exec, nothing in between but what is safe there) with `environment` added to ours. It is
/// killed when this thread ends, has no signal blocked, and inherits no descriptor but 0, 1, its stderr and `keep`.
Result<ChildProcess> start_child(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                                 int keep);

}  // namespace troupe
