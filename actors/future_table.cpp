#include "actors/future_table.hpp"

#include <algorithm>
#include <new>

namespace troupe::detail {

static_assert(sizeof(FutureSlot) == 40, "a million futures should stay small");
static_assert(alignof(FuturePage) >= alignof(FutureSlot) && sizeof(FuturePage) % alignof(FutureSlot) == 0);

FutureSlot::~FutureSlot() {
  if (inline_size == in_outcome) delete outcome.load(std::memory_order_relaxed);
  for (auto* each = continuations.load(std::memory_order_relaxed); each != nullptr;)
    delete std::exchange(each, each->next);
}

FuturePage* FuturePage::make(std::shared_ptr<ClientCore> core, std::uint64_t number, std::uint32_t capacity) {
  void* memory = ::operator new(sizeof(FuturePage) + sizeof(FutureSlot) * capacity);
  auto* page = new (memory) FuturePage;
  page->core = std::move(core);
  page->number = number;
  page->capacity = capacity;
  auto* slots = page->slots();
  for (std::uint32_t i = 0; i < capacity; ++i) (new (slots + i) FutureSlot)->ordinal = i;
  return page;
}

void FuturePage::destroy(FuturePage* page) {
  auto* slots = page->slots();
  for (std::uint32_t i = 0; i < page->capacity; ++i) slots[i].~FutureSlot();
  page->~FuturePage();
  ::operator delete(page);
}

FutureSlot* FuturePage::find(std::uint32_t task) {
  if (tasks.empty()) return task < size ? slots() + task : nullptr;
  const auto found = std::lower_bound(tasks.begin(), tasks.end(), task);
  if (found == tasks.end() || *found != task) return nullptr;
  return slots() + (found - tasks.begin());
}

}  // namespace troupe::detail
