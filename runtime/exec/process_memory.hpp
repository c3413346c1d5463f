#pragma once

#include <cstdint>

namespace troupe {

/// Bytes of memory that a process holds and nobody can take from it: resident, without pages of files, which the
/// system takes back when it needs them. 0 = this process. 0 is returned for one that is gone.
std::uint64_t process_memory(int pid = 0);

/// Number of files, sockets and the like that this process has open; 0 if the system does not say.
std::uint32_t open_files();

}  // namespace troupe
