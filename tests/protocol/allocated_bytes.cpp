#include "tests/protocol/allocated_bytes.hpp"

#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace troupe {
std::size_t allocated_bytes() { return 0; }
}  // namespace troupe

#else

namespace {

std::size_t allocated = 0;  // the test has one thread

void* checked(void* memory, std::size_t size) {
  if (memory == nullptr) throw std::bad_alloc{};
  allocated += size;
  return memory;
}

}  // namespace

namespace troupe {
std::size_t allocated_bytes() { return allocated; }
}  // namespace troupe

void* operator new(std::size_t size) { return checked(std::malloc(size), size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return checked(std::aligned_alloc(unit, (size + unit - 1) / unit * unit), size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#endif
