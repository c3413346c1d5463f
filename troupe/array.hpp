#pragma once

/// n-dimensional arrays in blocks, with NumPy's meaning, on the threads of this machine or on a cluster.

#include "collections/array/array.hpp"
#include "collections/array/creation.hpp"
#include "collections/array/elementwise.hpp"
#include "collections/array/files.hpp"
#include "collections/array/manipulation.hpp"
#include "collections/array/overlap.hpp"
#include "collections/array/products.hpp"
#include "collections/array/random.hpp"
#include "collections/array/reductions.hpp"
#include "collections/array/routines.hpp"
#include "collections/array/user_functions.hpp"
#include "collections/watch.hpp"
