#pragma once

namespace troupe::monitoring {

/// What the kernel says of this process; 0 where it says nothing.
struct ProcessFigures {
  double cpu_seconds{};  ///< of the user and the system
  double threads{};
  double start_seconds{};  ///< of the Unix clock
  double virtual_bytes{};
  double resident_bytes{};
  double open_files{};
  double open_files_max{};
  double allocated_bytes{};  ///< of the allocator
  double active_bytes{};
  double held_bytes{};
};

ProcessFigures process_figures();

}  // namespace troupe::monitoring
