#include "actors/asio_coordinator.hpp"

#include <boost/asio/post.hpp>
#include <future>
#include <limits>

namespace troupe {

void LoopClock::arm() {
  const auto& waiting = schedule();
  if (waiting.empty() || waiting.begin()->first >= armed_for_) return;
  armed_for_ = waiting.begin()->first;
  timer_.expires_at(armed_for_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) expired();
  });
}

void LoopClock::expired() {
  const std::lock_guard lock(mutex_);
  armed_for_ = time_point::max();
  trigger_expired_timeouts();
  arm();
}

void LoopClock::set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::set_ordinary_timeout(t, self, type, id);
  arm();
}

void LoopClock::set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::set_multi_timeout(t, self, type, id);
  arm();
}

void LoopClock::set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::set_request_timeout(t, self, id);
  arm();
}

void LoopClock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::cancel_ordinary_timeout(self, type);
}

void LoopClock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::cancel_request_timeout(self, id);
}

void LoopClock::cancel_timeouts(caf::abstract_actor* self) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::cancel_timeouts(self);
}

void LoopClock::schedule_message(time_point t, caf::strong_actor_ptr receiver, caf::mailbox_element_ptr content) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::schedule_message(t, std::move(receiver), std::move(content));
  arm();
}

void LoopClock::schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender, caf::message content) {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::schedule_message(t, std::move(target), std::move(sender), std::move(content));
  arm();
}

void LoopClock::cancel_all() {
  const std::lock_guard lock(mutex_);
  simple_actor_clock::cancel_all();
  timer_.cancel();
  armed_for_ = time_point::max();
}

AsioCoordinator::AsioCoordinator(caf::actor_system& system, boost::asio::io_context& io)
    : abstract_coordinator(system), io_(io), clock_(io), unit_(&system, this) {}

void AsioCoordinator::enqueue(caf::resumable* job) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  boost::asio::post(io_, [this, owned = Job(job)]() mutable { run(std::move(owned)); });
}

void AsioCoordinator::run(Job job) {
  const auto result = job->resume(&unit_, std::numeric_limits<std::size_t>::max());
  if (result == caf::resumable::resume_later) enqueue(job.release());
  job.reset();
  pending_.fetch_sub(1, std::memory_order_release);
}

void AsioCoordinator::stop() {
  clock_.cancel_all();
  // Each round is behind all turns enqueued before it; a turn may enqueue another.
  do {
    std::promise<void> round;
    boost::asio::post(io_, [&round] { round.set_value(); });
    round.get_future().wait();
  } while (pending_.load(std::memory_order_acquire) != 0);
  // The timer's cancelled handler names the clock: let it pass before the clock goes.
  auto passed = std::make_shared<std::promise<void>>();
  auto waited = passed->get_future();
  boost::asio::post(io_, [passed] { passed->set_value(); });
  waited.wait();
}

}  // namespace troupe
