#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "runtime/net/carried.hpp"
#include "runtime/net/listener.hpp"

namespace troupe {

/// Whose values are served. On the loop; outlives the server.
class DataHandler {
public:
  using Got = std::function<void(std::vector<CarriedItem>)>;
  /// Items for the tasks asked, in their order: with `missing` set what is not here, without `present` what does not
  /// fit `max_bytes` any more (the first one always comes). What is served stays until served() for it. Calls `done`
  /// once, maybe from inside the call.
  virtual void get(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, Got done) = 0;
  /// The peer has these now, or is gone.
  virtual void served(const std::vector<TaskId>& tasks) = 0;
  virtual std::optional<Error> put(std::vector<CarriedItem> items) = 0;
  /// Why this module shall not even be sent. `key` is what the peer proved to have: uploads are for clients.
  virtual std::optional<Error> refuse_module(KeyKind key, const PutModule& module) const = 0;
  virtual std::optional<Error> put_module(const std::string& name, const std::string& sha256, const Bytes& file) = 0;

protected:
  ~DataHandler() = default;
};

struct DataServerOptions {
  ListenOptions listen;
  std::size_t concurrent_requests{10};      ///< replies not yet received by their peers; more are told to come again
  std::uint64_t receive_bytes{1ULL << 40};  ///< of the buffers of one request
};

/// Serves values to peers. Owned by a worker's actor, on the loop. Large buffers are written from where they lie and
/// received where they stay.
class DataServer {
public:
  static Result<std::unique_ptr<DataServer>> open(boost::asio::io_context& io, DataServerOptions options,
                                                  DataHandler& handler, Listener::OnLog on_log = {});
  ~DataServer();
  DataServer(const DataServer&) = delete;
  DataServer& operator=(const DataServer&) = delete;

  [[nodiscard]] const std::string& address() const { return listener_->address(); }
  /// Replies under way.
  [[nodiscard]] std::size_t serving() const;

private:
  class Core;
  DataServer(std::shared_ptr<Core> core, std::unique_ptr<Listener> listener)
      : core_(std::move(core)), listener_(std::move(listener)) {}

  std::shared_ptr<Core> core_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace troupe
