#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actors/connect.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

namespace troupe {

class Node;

/// The workers that a program started, to have more or fewer of them. Which of them go is the scheduler's choice: those
/// that hold least. Owned by who owns the workers, and ended before the node; from any thread but the loop's.
class Fleet {
public:
  /// Starts the `index`-th worker there ever was; what it returns waits for so long until that worker has ended, and
  /// says whether it has. Never called twice at once.
  using Ended = std::function<bool(Duration)>;
  using Start = std::function<Result<Ended>(unsigned index)>;

  Fleet(Node& node, ConnectOptions connect, Start start);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  /// More are started before this returns; fewer there are once what they hold is elsewhere. An error: it was stopped,
  /// or one cannot be started.
  Result<void> scale(unsigned workers);
  /// Nothing is started from now on.
  void stop();

private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace troupe
