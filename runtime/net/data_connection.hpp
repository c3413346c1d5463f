#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/handshake.hpp"
#include "protocol/messages.hpp"
#include "runtime/net/carried.hpp"
#include "runtime/net/opener.hpp"

namespace troupe {

struct DataLimits {
  std::size_t idle_per_peer{2};
  std::size_t open_per_peer{4};  ///< further requests wait for one of these
  Duration idle_after{std::chrono::seconds(60)};
  Duration silence{std::chrono::seconds(30)};  ///< no byte for so long ends a request
  std::uint64_t receive_bytes{1ULL << 40};     ///< of one reply's buffers
};

struct DataOptions {
  Token cluster;
  KeyKind key_kind{KeyKind::worker};
  Secret key;
  DataLimits limits;
};

struct GetReply {
  DataStatus status{};
  std::vector<CarriedItem> items;
};

struct DataCounters {
  std::uint64_t requests{};
  std::uint64_t received_bytes{};  ///< of buffers and headers
  std::uint64_t sent_bytes{};
};

/// Asks other processes for values, or gives them some, over connections kept for the next time. Owned by a worker or
/// client actor, on the loop. Each call ends in exactly one callback, never from inside the call; an error of kind
/// `disconnected` means that the peer cannot be reached. Destroying it ends all requests without a callback.
class DataPool {
public:
  using GotData = std::function<void(Result<GetReply>)>;
  using Put = std::function<void(Result<void>)>;

  DataPool(boost::asio::io_context& io, DataOptions options);
  ~DataPool();
  DataPool(const DataPool&) = delete;
  DataPool& operator=(const DataPool&) = delete;

  void get(const std::string& address, std::vector<TaskId> tasks, std::uint64_t max_bytes, GotData done);
  void put(const std::string& address, std::vector<CarriedItem> items, Put done);
  void put_module(const std::string& address, std::string name, std::string sha256, Bytes file, Put done);

  [[nodiscard]] const DataCounters& counters() const;

private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace troupe
