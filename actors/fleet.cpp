#include "actors/fleet.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "actors/client.hpp"
#include "actors/errors.hpp"
#include "actors/node.hpp"

namespace troupe {
namespace {

constexpr std::chrono::minutes retire_patience{10};
constexpr std::chrono::seconds end_patience{30};  ///< of processes whose worker has left

}  // namespace

/// Outlives the fleet while workers retire.
struct Fleet::Shared {
  Shared(Node& on, ConnectOptions to, Start with) : node(on), connect(std::move(to)), start(std::move(with)) {}

  Node& node;
  const ConnectOptions connect;
  const Start start;
  std::mutex mutex;  // guards what follows
  std::vector<Ended> there;
  unsigned started{};
  unsigned leaving{};   // of those that are there
  unsigned retiring{};  // threads that wait for some to leave
  bool stopped{};

  /// Those that were to leave are the first that are expected to have ended.
  unsigned drop_ended() {
    const std::size_t before = there.size();
    const auto gone = std::remove_if(there.begin(), there.end(), [](const Ended& ended) { return ended({}); });
    there.erase(gone, there.end());
    const auto ended = std::min(static_cast<unsigned>(before - there.size()), leaving);
    leaving -= ended;
    return ended;
  }

  Result<void> add(unsigned count) {
    for (; count > 0; --count) {
      auto ended = start(started);
      if (!ended) return tl::unexpected(std::move(ended.error()));
      ++started;
      there.push_back(std::move(*ended));
    }
    return {};
  }

  /// On a thread of its own.
  void retire(unsigned count) {
    try {
      Client client(node, connect, ClientOptions{.name = "fleet"});
      client.retire_workers(count, retire_patience);
    } catch (const std::exception& error) {
      node.log(LogLevel::warning, "scaling_failed", fmt::format("workers that should go do not: {}", error.what()));
    }
    // They have left the scheduler, and end. Who does not in that time stays one of those that are there.
    const auto deadline = std::chrono::steady_clock::now() + end_patience;
    std::unique_lock lock(mutex);
    while (!stopped && leaving > 0 && std::chrono::steady_clock::now() < deadline) {
      if (drop_ended() > 0) continue;
      const std::vector<Ended> rest = there;
      lock.unlock();
      for (const Ended& each : rest)
        if (each(std::chrono::milliseconds(20))) break;
      lock.lock();
    }
    if (--retiring == 0) leaving = 0;
  }
};

Fleet::Fleet(Node& node, ConnectOptions connect, Start start)
    : shared_(std::make_shared<Shared>(node, std::move(connect), std::move(start))) {}

Fleet::~Fleet() { stop(); }

void Fleet::stop() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stopped = true;
}

Result<void> Fleet::scale(unsigned workers) {
  Shared& fleet = *shared_;
  const std::lock_guard lock(fleet.mutex);
  if (fleet.stopped) return fail(ErrorKind::disconnected, "the cluster is being stopped");
  fleet.drop_ended();
  const auto staying = static_cast<unsigned>(fleet.there.size()) - fleet.leaving;
  if (workers > staying) return fleet.add(workers - staying);
  if (workers == staying) return {};
  const unsigned count = staying - workers;
  fleet.leaving += count;
  ++fleet.retiring;
  fleet.node.finish_later(std::thread([shared = shared_, count] { shared->retire(count); }));
  return {};
}

}  // namespace troupe
