#include "actors/completion_queue.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

#include "actors/client_core.hpp"

namespace troupe {

struct CompletionQueue::Shared {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<FutureHandle> ready;
  std::size_t pending{};
  ClientCore* core{};  ///< of any future in it; there is one while we block
};

class CompletionQueue::Entry final : public detail::Continuation {
public:
  Entry(std::shared_ptr<Shared> shared, FutureHandle future)
      : Continuation(false, true), shared_(std::move(shared)), future_(std::move(future)) {}
  void run() override {
    {
      std::lock_guard lock(shared_->mutex);
      --shared_->pending;
      shared_->ready.push_back(std::move(future_));
      if (shared_->ready.size() > 1) return;  // whoever waits was woken for the first
    }
    shared_->changed.notify_all();
  }

private:
  std::shared_ptr<Shared> shared_;
  FutureHandle future_;
};

CompletionQueue::CompletionQueue() : shared_(std::make_shared<Shared>()) {}

void CompletionQueue::add(FutureHandle future) {
  if (!future) throw InvalidRequest("an empty future is never completed");
  {
    std::lock_guard lock(shared_->mutex);
    ++shared_->pending;
    shared_->core = &future.core();
  }
  auto entry = std::make_unique<Entry>(shared_, future);
  detail::when_done(future, std::move(entry));
}

std::optional<FutureHandle> CompletionQueue::next(std::optional<std::chrono::milliseconds> timeout) {
  std::unique_lock lock(shared_->mutex);
  const auto come = [this] { return !shared_->ready.empty() || shared_->pending == 0; };
  if (!come()) {
    const auto deadline = std::chrono::steady_clock::now() + timeout.value_or(std::chrono::milliseconds{0});
    detail::blocking(*shared_->core, "as_completed", [&] {
      if (!timeout) {
        shared_->changed.wait(lock, come);
        return true;
      }
      return shared_->changed.wait_until(lock, deadline, come);
    });
  }
  if (shared_->ready.empty()) return {};
  auto next = std::move(shared_->ready.front());
  shared_->ready.pop_front();
  return next;
}

std::size_t CompletionQueue::count() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->pending + shared_->ready.size();
}

bool CompletionQueue::has_ready() const {
  std::lock_guard lock(shared_->mutex);
  return !shared_->ready.empty();
}

}  // namespace troupe
