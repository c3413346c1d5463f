#include "runtime/exec/process_memory.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

namespace troupe {

std::uint64_t process_memory(int pid) {
  char path[64] = "/proc/self/statm";
  if (pid != 0) std::snprintf(path, sizeof path, "/proc/%d/statm", pid);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return 0;
  unsigned long total = 0;
  unsigned long resident = 0;
  unsigned long of_files = 0;
  const bool read = std::fscanf(file, "%lu %lu %lu", &total, &resident, &of_files) == 3;
  std::fclose(file);
  if (!read || resident < of_files) return 0;
  return (resident - of_files) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint32_t open_files() {
  std::error_code error;
  std::uint32_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end; it.increment(error))
    ++count;
  return count == 0 ? 0 : count - 1;  // less the one that reads the directory
}

}  // namespace troupe
