#pragma once

#include <cstdint>

namespace troupe {

/// Bytes of memory that a process holds and nobody can take from it: resident, without pages of files, which the
/// system takes back when it needs them. 0 = this process. 0 is returned for one that is gone.
std::uint64_t process_memory(int pid = 0);

}  // namespace troupe
