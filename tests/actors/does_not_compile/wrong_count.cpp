// expect: takes another number of arguments
#include "tests/actors/does_not_compile/prelude.hpp"

void use(troupe::Client& client) { (void)client.submit<add>(1.0); }
