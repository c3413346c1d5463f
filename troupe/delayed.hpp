#pragma once

/// Lazy calls that become one graph, run on the threads of this machine or on a cluster.

#include "collections/delayed.hpp"
#include "collections/picture.hpp"
#include "collections/watch.hpp"
