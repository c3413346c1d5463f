// What workers of chaos and soak runs load.
#include "tests/chaos/chaos_functions.hpp"
