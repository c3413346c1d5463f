#pragma once

#include "apps/door.hpp"

namespace troupe::apps {

/// `cancel`, `retry`, `drain`, `scale` and `restart`.
void add_act(CLI::App& app, Door& door);

}  // namespace troupe::apps
