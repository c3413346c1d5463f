#pragma once

#include <cstddef>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace troupe {

/// Memory for tables of many megabytes, which the system is asked to give in large pages: on many machines a fresh page
/// of 4 KiB costs more than all that is written into it. Less than that comes as from `operator new`.
void* allocate_large(std::size_t bytes, std::size_t alignment);
void free_large(void* memory, std::size_t bytes, std::size_t alignment) noexcept;

/// The same for containers. Elements that need no constructor are left as they are when a vector grows.
template <class T>
class LargePages {
public:
  using value_type = T;

  LargePages() = default;
  template <class U>
  LargePages(const LargePages<U>&) noexcept {}  // NOLINT(google-explicit-constructor): as allocators are

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_large(count * sizeof(T), alignof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { free_large(memory, count * sizeof(T), alignof(T)); }
  template <class U, class... A>
  void construct(U* at, A&&... argument) {
    if constexpr (sizeof...(A) == 0 && std::is_trivially_destructible_v<U>)
      ::new (static_cast<void*>(at)) U;
    else
      ::new (static_cast<void*>(at)) U(std::forward<A>(argument)...);
  }
  friend bool operator==(const LargePages&, const LargePages&) = default;
};
template <class T>
using LargeVector = std::vector<T, LargePages<T>>;

/// The same for who takes a resource.
std::pmr::memory_resource& large_pages();

}  // namespace troupe
