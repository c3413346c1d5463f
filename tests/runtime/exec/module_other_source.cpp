#include "tests/runtime/exec/demo_module.hpp"

namespace troupe {

std::uint64_t build_seen_by_another_source() { return demo.build; }
const Module* table_seen_by_another_source() { return &demo; }

}  // namespace troupe
