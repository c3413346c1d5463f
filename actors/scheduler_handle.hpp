#pragma once

#include <memory>
#include <string>

#include "protocol/ids.hpp"
#include "protocol/messages.hpp"
#include "protocol/time.hpp"
#include "runtime/core/probe.hpp"

namespace troupe {

/// A running scheduler, as its owner and peers in the same node hold it. Copies name the same scheduler; from any
/// thread. It ends by stop(), by a client's Shutdown, or with its node.
class SchedulerHandle {
public:
  struct Shared;

  explicit SchedulerHandle(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  /// host:port it listens at; empty if it listens nowhere (in-process only).
  [[nodiscard]] const std::string& address() const;
  [[nodiscard]] Token cluster() const;
  [[nodiscard]] Epoch epoch() const;

  /// Counters as they are now, taken on the loop; blocks for one turn of it.
  [[nodiscard]] SchedulerCounters counters() const;
  /// As a client would be told; null once it has ended.
  [[nodiscard]] std::shared_ptr<const SchedulerSummary> summary() const;
  /// Ends it: workers and clients are told. Returns at once.
  void stop(std::string reason = "stopped");
  /// Blocks until it has ended. Not on the loop.
  void wait() const;
  /// True if it has ended by then.
  [[nodiscard]] bool wait_for(Duration patience) const;
  [[nodiscard]] bool stopped() const;

  [[nodiscard]] Shared& shared() const { return *shared_; }

private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace troupe
