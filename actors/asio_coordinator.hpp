#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/detail/simple_actor_clock.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace troupe {

/// CAF's timeouts on an Asio timer. Our own actors use none of them; CAF's requests and delayed sends do. Thread-safe.
class LoopClock final : public caf::detail::simple_actor_clock {
public:
  explicit LoopClock(boost::asio::io_context& io) : timer_(io) {}

  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) override;
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) override;
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point t, caf::strong_actor_ptr receiver, caf::mailbox_element_ptr content) override;
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender, caf::message content) override;
  void cancel_all() override;

private:
  void arm();  // call with the mutex held
  void expired();

  std::recursive_mutex mutex_;
  boost::asio::steady_timer timer_;
  time_point armed_for_{time_point::max()};
};

/// CAF's scheduler module, resuming actors on the node's io_context instead of on threads of its own: waking an idle
/// actor costs one post, and what a socket read brings is handled by the same thread. Owned by the actor system.
/// Always true: every reference to an actor that waits for its turn is given back, also when the loop ends before it.
class AsioCoordinator final : public caf::scheduler::abstract_coordinator {
public:
  AsioCoordinator(caf::actor_system& system, boost::asio::io_context& io);

  void enqueue(caf::resumable* job) override;
  caf::actor_clock& clock() noexcept override { return clock_; }

protected:
  void start() override {}  // no printer actor: this system prints nothing
  /// Waits until every actor that had a turn coming took it. The loop is to be running.
  void stop() override;

private:
  class Unit final : public caf::execution_unit {
  public:
    Unit(caf::actor_system* system, AsioCoordinator* coordinator)
        : caf::execution_unit(system), coordinator_(coordinator) {}
    void exec_later(caf::resumable* job) override { coordinator_->enqueue(job); }

  private:
    AsioCoordinator* coordinator_;
  };
  struct Release {
    void operator()(caf::resumable* job) const { job->intrusive_ptr_release_impl(); }
  };
  using Job = std::unique_ptr<caf::resumable, Release>;

  void run(Job job);

  boost::asio::io_context& io_;
  LoopClock clock_;
  Unit unit_;
  std::atomic<std::size_t> pending_{0};
};

}  // namespace troupe
