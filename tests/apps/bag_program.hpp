#pragma once

#include <cstdint>

#include "troupe/bag.hpp"

/// A program of bags, as a client computes it; workers of another program load it as a module.
namespace bag_program {

inline std::int64_t scrambled(std::int64_t x) { return x * 7 % 11; }

inline troupe::Delayed<std::int64_t> total(std::int64_t n) {
  using namespace troupe::terms;
  return troupe::bag::range(n, 4).map<scrambled>().filter(_1 != 3).sum();
}

}  // namespace bag_program

TROUPE_MODULE(bag_program_functions, bag_program::scrambled)
