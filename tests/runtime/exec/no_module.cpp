// A shared library that is no module, and must never be opened.
#include <cstdlib>

__attribute__((constructor)) static void opened() { std::abort(); }
extern "C" int answer() { return 42; }
