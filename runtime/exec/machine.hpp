#pragma once

#include <cstdint>
#include <filesystem>

namespace troupe {

/// Bytes of memory that this process may use: the machine's, or what a control group leaves it, of version 1 or 2, its
/// own or one above. `root` is where the files of the system are looked for.
std::uint64_t available_memory(const std::filesystem::path& root = "/");
/// CPUs this process may use: those it is bound to, or as many as a control group lets it have the time of.
unsigned available_cpus(const std::filesystem::path& root = "/");

}  // namespace troupe
