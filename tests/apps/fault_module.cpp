// What standalone workers of the tests load, in the build that FAULT_FUNCTIONS_VERSION says.
#include "tests/apps/fault_functions.hpp"
