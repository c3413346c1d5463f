#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/ids.hpp"
#include "protocol/messages.hpp"
#include "runtime/net/data_connection.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

class Node;

struct FetchedValues {
  DataStatus status{};          ///< busy: ask again later; nothing came
  std::vector<TaskId> tasks;    ///< that came
  std::vector<Value> values;    ///< by tasks
  std::vector<TaskId> missing;  ///< the peer does not have them; tasks in neither list were held back for size
};

/// Values of a worker that lives in the same node, to be had without encoding. Registered in the LocalDirectory; on
/// the loop.
class ValueSource {
public:
  /// What is here of them, as ValueExchange::get. Calls back once, maybe from inside the call, unless the source is gone
  /// by then.
  virtual void get_values(const std::vector<TaskId>& tasks, std::uint64_t max_bytes,
                          std::function<void(FetchedValues)> done) = 0;
  virtual std::optional<Error> put_values(std::vector<TaskId> tasks, std::vector<Value> values) = 0;
  virtual std::optional<Error> put_module(const std::string& name, const std::string& sha256, const Bytes& file) = 0;

protected:
  ~ValueSource() = default;
};

/// Gets values from workers and gives them some: by reference from those of the same node, over data connections from
/// others. Owned by a worker or client actor, on the loop. Each call ends in one callback, never from inside the call;
/// an error of kind `disconnected`: the worker cannot be reached.
class ValueExchange {
public:
  using Got = std::function<void(Result<FetchedValues>)>;
  using Done = std::function<void(Result<void>)>;

  ValueExchange(Node& node, DataOptions options);
  /// No more callbacks.
  ~ValueExchange();

  /// `address` as in WorkerAddress. `max_bytes` bounds what comes at once, but the first value always does.
  void get(const std::string& address, std::vector<TaskId> tasks, std::uint64_t max_bytes, Got done);
  void put(const std::string& address, std::vector<TaskId> tasks, std::vector<Value> values, Done done);
  /// `sha256` in hex, of the file.
  void put_module(const std::string& address, std::string name, std::string sha256, Bytes file, Done done);

  [[nodiscard]] const DataCounters& counters() const;

private:
  class Core;
  std::shared_ptr<Core> core_;
};

/// Both ways between a value and what is sent of it.
CarriedItem carry(TaskId task, const Value& value);
Value unpack(CarriedItem carried);

}  // namespace troupe
