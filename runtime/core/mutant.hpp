#pragma once

/// Bugs planted on purpose, to see whether the simulation notices. `TROUPE_MUTANT(name)` is the constant false in all
/// builds but one: tests/mutants compiles the core once more with TROUPE_WITH_MUTANTS, and switches them on one at a
/// time. Only for source files of the core: the objects of the simulation are shared by both builds, so headers have to
/// be the same. A new one: a row in runtime/core/mutants.inc, and its line where it breaks something.
#ifdef TROUPE_WITH_MUTANTS

namespace troupe {

enum class Mutant {
  none,
#define TROUPE_MUTANT_ROW(name, what) name,
#include "runtime/core/mutants.inc"
#undef TROUPE_MUTANT_ROW
};

inline Mutant chosen_mutant = Mutant::none;

}  // namespace troupe

#define TROUPE_MUTANT(name) (::troupe::chosen_mutant == ::troupe::Mutant::name)
#else
#define TROUPE_MUTANT(name) false
#endif
