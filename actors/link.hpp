#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/error.hpp"

namespace troupe {

/// One end of a conversation with the scheduler, as its actor sees it: `send` hands over a batch, in order; what comes
/// back arrives in the owner's mailbox as Received<In>, LinkUp, LinkDown or LinkClosed. Over TCP it is a session on a
/// connection that is made again when cut; inside one process it passes the structs on. Lives on the node's io thread.
template <class Out>
class Link {
public:
  virtual ~Link() = default;
  virtual void send(std::vector<Out> messages) = 0;
  /// Says goodbye if it can and ends. No more messages arrive after.
  virtual void close(std::string reason) = 0;
  /// Messages that wait for credit or for a wire. Senders of bulk hold back while it is high (see Node limits).
  [[nodiscard]] virtual std::size_t backlog() const = 0;
};

/// A batch of messages from the other end.
template <class In>
struct Received {
  std::vector<In> messages;
};

/// The wire is there (again). Not resumed: this is a new session, the other end knows nothing of an earlier one.
struct LinkUp {
  bool resumed{};
};
/// The wire is cut; the session waits for another.
struct LinkDown {
  std::string reason;
};
/// It is over for good: refused, expired, or closed by the other end.
struct LinkClosed {
  Error error;
};

}  // namespace troupe
