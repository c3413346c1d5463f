#pragma once

/// Bags of elements in partitions, and what is asked of them, on the threads of this machine or on a cluster.

#include "collections/bag/bag.hpp"
#include "collections/bag/create.hpp"
#include "collections/bag/files.hpp"
#include "collections/bag/text.hpp"
