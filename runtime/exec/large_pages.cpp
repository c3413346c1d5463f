#include "runtime/exec/large_pages.hpp"

#include <algorithm>

#include <sys/mman.h>

namespace troupe {
namespace {

constexpr std::size_t large_page = std::size_t{2} << 20;

bool is_large(std::size_t bytes) { return bytes >= large_page; }

std::align_val_t alignment_of(std::size_t bytes, std::size_t alignment) {
  return std::align_val_t{is_large(bytes) ? std::max(large_page, alignment) : alignment};
}

class Resource final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t alignment) override { return allocate_large(bytes, alignment); }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    free_large(memory, bytes, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace

void* allocate_large(std::size_t bytes, std::size_t alignment) {
  void* const memory = ::operator new(bytes, alignment_of(bytes, alignment));
  if (is_large(bytes)) ::madvise(memory, bytes & ~(large_page - 1), MADV_HUGEPAGE);
  return memory;
}

void free_large(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
  ::operator delete(memory, alignment_of(bytes, alignment));
}

std::pmr::memory_resource& large_pages() {
  static Resource resource;
  return resource;
}

}  // namespace troupe
