#include "monitoring/process_figures.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

// Of jemalloc, which the program is linked with where it is there.
extern "C" int mallctl(const char* name, void* old, std::size_t* old_size, void* fresh, std::size_t fresh_size)
    __attribute__((weak));

namespace troupe::monitoring {
namespace {

/// A figure of the allocator, as of the last epoch.
double allocator(const char* name) {
  std::size_t value = 0;
  std::size_t size = sizeof value;
  return mallctl != nullptr && mallctl(name, &value, &size, nullptr, 0) == 0 ? static_cast<double>(value) : 0;
}

void begin_allocator_epoch() {
  std::uint64_t epoch = 1;
  if (mallctl != nullptr) (void)mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
}

std::string read_file(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double boot_time_seconds() {
  static const double seconds = [] {
    const std::string stat = read_file("/proc/stat");
    const auto at = stat.find("\nbtime ");
    return at == std::string::npos ? 0 : std::strtod(stat.c_str() + at + 7, nullptr);
  }();
  return seconds;
}

double open_files() {
  std::error_code error;
  double count = -1;  // less the one that reads the directory
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end; it.increment(error))
    ++count;
  return std::max(0.0, count);
}

}  // namespace

ProcessFigures process_figures() {
  // Fields of /proc/self/stat after the program's name, which may hold spaces and parentheses itself; numbered as in
  // proc(5), from 1.
  const std::string stat = read_file("/proc/self/stat");
  const auto close = stat.rfind(')');
  if (close == std::string::npos) return {};
  std::istringstream fields(stat.substr(close + 1));
  std::vector<std::string> field(3);
  for (std::string word; fields >> word;) field.push_back(word);
  if (field.size() < 25) return {};
  const auto at = [&](std::size_t i) { return std::strtod(field[i].c_str(), nullptr); };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  rlimit files{};
  begin_allocator_epoch();
  ::getrlimit(RLIMIT_NOFILE, &files);
  return {.cpu_seconds = (at(14) + at(15)) / ticks,
          .threads = at(20),
          .start_seconds = boot_time_seconds() + at(22) / ticks,
          .virtual_bytes = at(23),
          .resident_bytes = at(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)),
          .open_files = open_files(),
          .open_files_max = static_cast<double>(files.rlim_cur),
          .allocated_bytes = allocator("stats.allocated"),
          .active_bytes = allocator("stats.active"),
          .held_bytes = allocator("stats.resident")};
}

}  // namespace troupe::monitoring
