#include "actors/callback_pool.hpp"

#include <algorithm>

namespace troupe {

void CallbackPool::run(std::vector<std::unique_ptr<detail::Continuation>> continuations) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) {
      for (auto& each : continuations) queue_.push_back(std::move(each));
      const auto wanted = std::min(threads_max, threads_.size() + queue_.size() - std::min(queue_.size(), idle_));
      while (threads_.size() < wanted) threads_.emplace_back([this] { work(); });
      continuations.clear();
    }
  }
  changed_.notify_all();
  for (auto& each : continuations) each->run();
}

void CallbackPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    auto next = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    next->run();
    next.reset();
    lock.lock();
  }
}

void CallbackPool::stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (auto& thread : threads) {
    TROUPE_ASSERT(thread.get_id() != std::this_thread::get_id(), "a client is not closed from its own callback");
    thread.join();
  }
}

bool CallbackPool::is_mine() const {
  std::lock_guard lock(mutex_);
  return std::any_of(threads_.begin(), threads_.end(),
                     [](const auto& thread) { return thread.get_id() == std::this_thread::get_id(); });
}

}  // namespace troupe
