// expect: an argument does not fit its parameter
#include "tests/actors/does_not_compile/prelude.hpp"

void use(troupe::Client& client) { (void)client.map<square>(std::vector<std::string>{"two"}); }
