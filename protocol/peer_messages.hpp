#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/ids.hpp"

/// What is said on data connections, from worker or client to worker: requests and replies. Part of messages.hpp.
namespace troupe {

/// Asks for values. `max_bytes` bounds the reply, but the first value always comes.
struct GetData {
  RequestId request;
  std::vector<TaskId> tasks;
  std::uint64_t max_bytes{};
  friend bool operator==(const GetData&, const GetData&) = default;
};

enum class DataStatus : std::uint8_t { ok, busy, refused };

/// One value on the wire: its buffers follow the message as raw bytes, in order, `buffer_sizes` long.
struct DataItem {
  TaskId task;
  std::uint8_t present{};       ///< 0: not here (missing, or over max_bytes and to be asked for again)
  std::uint8_t missing{};       ///< 1: this worker does not have it
  std::uint64_t fingerprint{};  ///< type of the value
  std::uint64_t nbytes{};
  Bytes header;  ///< small part of the encoding
  std::vector<std::uint64_t> buffer_sizes;
  friend bool operator==(const DataItem&, const DataItem&) = default;
};

struct DataReply {
  RequestId request;
  DataStatus status{};
  std::vector<DataItem> items;
  friend bool operator==(const DataReply&, const DataReply&) = default;
};

/// Stores values on the receiver (scatter); answered by PutReply. Buffers follow, as in DataReply.
struct PutData {
  RequestId request;
  std::vector<DataItem> items;
  friend bool operator==(const PutData&, const PutData&) = default;
};

struct PutReply {
  RequestId request;
  std::optional<Error> error;
  friend bool operator==(const PutReply&, const PutReply&) = default;
};

/// Loads a module file on the receiver, where its operator allows uploads; answered by PutReply. One buffer follows.
struct PutModule {
  RequestId request;
  std::string name;
  std::string sha256;  ///< hex, of the file's bytes
  std::uint64_t size{};
  friend bool operator==(const PutModule&, const PutModule&) = default;
};

/// The receiver of a DataReply has read it: only now may the sender forget it counts as outgoing.
struct DataReceived {
  RequestId request;
  friend bool operator==(const DataReceived&, const DataReceived&) = default;
};

using PeerMessage = std::variant<GetData, DataReply, PutData, PutReply, PutModule, DataReceived>;

}  // namespace troupe
