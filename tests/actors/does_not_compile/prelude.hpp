#pragma once

#include <string>
#include <vector>

#include "troupe/troupe.hpp"

inline double square(double x) { return x * x; }
inline double add(double a, double b) { return a + b; }
inline std::string greet(const std::string& name) { return "hello " + name; }
inline double unlisted(double x) { return x; }
TROUPE_MODULE(does_not_compile, square, add, greet);
