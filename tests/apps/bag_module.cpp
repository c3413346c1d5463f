// What standalone workers of the tests load to compute the client's bags. It links Troupe::module alone.
#include "tests/apps/bag_program.hpp"

TROUPE_PARTS(bag_program_parts, bag_program::total)
