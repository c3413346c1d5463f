// expect: this function is in no module
#include "tests/actors/does_not_compile/prelude.hpp"

void use(troupe::Client& client) { (void)client.submit<unlisted>(1.0); }
