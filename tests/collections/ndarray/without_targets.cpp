// Linked into a program: TROUPE_TEST_TARGET says which instructions the kernels are to get by with, of what this
// processor has: "avx2", or "baseline" for what every processor has.
#include <hwy/targets.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace {

[[maybe_unused]] const bool chosen = [] {
  const char* name = std::getenv("TROUPE_TEST_TARGET");
  if (name == nullptr) return false;
  if (name == std::string_view("avx2"))
    hwy::SetSupportedTargetsForTest(hwy::SupportedTargets() & ~(HWY_AVX2 - 1));  // a better target is a lower bit
  else if (name == std::string_view("baseline"))
    hwy::SetSupportedTargetsForTest(HWY_SCALAR | HWY_EMU128);
  else {
    std::cerr << "TROUPE_TEST_TARGET: there is no '" << name << "'\n";
    std::exit(2);
  }
  return true;
}();

}  // namespace
