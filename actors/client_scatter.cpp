#include "actors/client_core.hpp"
#include "actors/errors.hpp"

// Values that a client has, on their way to workers.

namespace troupe {

using detail::FuturePage;

std::vector<FutureHandle> ClientCore::scatter(std::vector<Value> values, unsigned replicas,
                                              std::vector<std::string> workers) {
  std::vector<FutureHandle> handles;
  if (values.empty()) return handles;
  ScatterWanted wanted;
  wanted.token = random_token();
  wanted.replicas = replicas;
  wanted.workers = std::move(workers);
  for (const auto& value : values) wanted.nbytes.push_back(value.nbytes());
  auto* page = FuturePage::make(shared_from_this(), next_page_number(), static_cast<std::uint32_t>(values.size()));
  wanted.page = page->number;
  page->token = wanted.token;
  page->size = page->live = page->capacity;
  page->prefixes.emplace_back("scatter");
  handles.reserve(values.size());
  for (std::uint32_t i = 0; i < page->size; ++i) {
    page->slots()[i].references.store(1, std::memory_order_relaxed);
    handles.emplace_back(page->slots() + i);
  }
  std::unique_lock lock(mutex_);
  if (ended_) {
    for (auto& handle : handles) handle.slot()->references.store(2, std::memory_order_relaxed);
    lock.unlock();
    handles.clear();
    FuturePage::destroy(page);
    throw Disconnected("the client is closed");
  }
  seal();
  orders_.push_back({Scatter{std::move(wanted), std::move(values)}, page});
  wake_unlocked(lock);
  return handles;
}

}  // namespace troupe
