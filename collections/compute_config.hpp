#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "collections/compute.hpp"

namespace troupe {

/// Where configuration is, the later the more it counts: *.yaml by name in /etc/troupe, then in
/// $XDG_CONFIG_HOME/troupe or ~/.config/troupe, then the file $TROUPE_CONFIG.
std::vector<std::filesystem::path> config_files();

/// What they say about computing: `scheduler`, `threads` and `ahead-max` below `compute`. Throws InvalidRequest that
/// names file, line and key.
ComputeOptions compute_config(std::span<const std::filesystem::path> files);

/// The same of the variables TROUPE__COMPUTE__SCHEDULER, TROUPE__COMPUTE__THREADS and TROUPE__COMPUTE__AHEAD_MAX.
ComputeOptions compute_variables();

}  // namespace troupe
