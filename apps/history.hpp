#pragma once

#include "apps/door.hpp"

namespace troupe::apps {

void add_history(CLI::App& app, Door& door);

}  // namespace troupe::apps
