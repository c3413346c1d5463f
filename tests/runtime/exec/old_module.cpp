// A module that was built for an interface of another time.
#include "runtime/exec/module.hpp"

static const troupe::Module old_table{troupe::module_abi_version + 1, 1, 1, "old", nullptr};
extern "C" __attribute__((used, visibility("default"))) const troupe::Module* const troupe_module_old = &old_table;
