#include "runtime/net/data_connection.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <optional>

#include "protocol/codec.hpp"

namespace troupe {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

struct Request {
  PeerMessage message;         ///< GetData, PutData or PutModule
  std::vector<Bytes> buffers;  ///< that follow it
  DataPool::GotData got;
  DataPool::Put put;

  void fail_with(Error error) {
    if (got) std::exchange(got, {})(tl::unexpected(std::move(error)));
    if (put) std::exchange(put, {})(tl::unexpected(std::move(error)));
  }
};

std::uint64_t bytes_of(const std::vector<CarriedItem>& items) {
  std::uint64_t sum = 0;
  for (const auto& [item, buffers] : items) {
    sum += item.header.size();
    for (const auto& buffer : buffers) sum += buffer.size();
  }
  return sum;
}

}  // namespace

class DataPool::Core : public std::enable_shared_from_this<DataPool::Core> {
public:
  Core(asio::io_context& io, DataOptions options) : io_(io), options_(std::move(options)) {}

  void ask(const std::string& address, Request request);
  void close();

  DataCounters counters_;

private:
  class Wire;
  struct Peer {
    std::list<std::shared_ptr<Wire>> wires;  ///< opening, at work, or idle
    std::deque<Request> waiting;
  };

  void next(const std::string& address);
  /// The wire is done with its request, or gone.
  void idle(const std::string& address);
  void gone(const std::string& address, const Wire* wire);

  asio::io_context& io_;
  DataOptions options_;
  std::map<std::string, Peer> peers_;
  bool closed_{};
};

/// One connection to one peer; one request at a time.
class DataPool::Core::Wire final : public ConnectionUser, public std::enable_shared_from_this<Wire> {
public:
  Wire(std::shared_ptr<Core> core, std::string address)
      : core_(std::move(core)), address_(std::move(address)), timer_(core_->io_) {}

  void open() {
    const auto& options = core_->options_;
    OpenOptions open;
    open.address = address_;
    open.role = Role::peer;
    open.key_kind = options.key_kind;
    open.key = options.key;
    open.cluster = options.cluster;
    opening_ = std::make_unique<Opening>(core_->io_, std::move(open), [this](Result<Opened> opened) {
      const auto self = shared_from_this();
      if (!opened) return end(opened.error());
      connection_ = std::move(opened->connection);
      connection_->unbound_writes();
      connection_->start(*this, Reading::exact);
      if (request_) begin();
    });
  }

  [[nodiscard]] bool free() const { return !request_; }

  void ask(Request request) {
    request_ = std::move(request);
    if (connection_) begin();
  }

  void on_frames(std::vector<IncomingFrame>& frames) override {
    auto& frame = frames.front();
    if (!request_ || frame.header.kind != FrameKind::data) return broken("answers what was not asked");
    auto message = decode<PeerMessage>(frame.payload);
    if (!message) return broken(message.error().text);
    if (auto* reply = std::get_if<DataReply>(&*message)) return on_reply(std::move(*reply));
    if (auto* reply = std::get_if<PutReply>(&*message)) return on_put(std::move(*reply));
    broken("sent a request where an answer belongs");
  }

  void on_raw() override {
    const auto self = shared_from_this();
    core_->counters_.received_bytes += bytes_of(reply_.items);
    if (reply_.status == DataStatus::ok) {
      send(DataReceived{id_});
      connection_->flush();
    }
    auto request = finish();
    request.got(std::move(reply_));
    core_->idle(address_);
  }

  void on_closed(const Error& error) override { end(error); }

  /// Without a callback.
  void drop() {
    request_.reset();
    opening_.reset();
    timer_.cancel();
    if (connection_) connection_->release();
  }

private:
  void begin() {
    id_ = {++last_id_};
    std::visit([&](auto& message) { set_request(message, id_); }, request_->message);
    watch_request({});
    ++core_->counters_.requests;
    if (!send(request_->message)) return;
    for (auto& buffer : request_->buffers) {
      core_->counters_.sent_bytes += buffer.size();
      connection_->send(std::move(buffer));
    }
    connection_->flush();
  }

  template <class Message>
  static void set_request(Message& message, RequestId id) {
    message.request = id;
  }

  bool send(const PeerMessage& message) {
    auto frame = encoder_.encode(message);
    if (!frame) {
      end(frame.error());
      return false;
    }
    FrameHeader header;
    header.kind = FrameKind::data;
    frame->write_header(header);
    connection_->send(frame->bytes());
    return true;
  }

  void on_reply(DataReply reply) {
    if (!request_->got || reply.request != id_) return broken("answers another request");
    std::vector<std::span<std::byte>> spans;
    auto items = prepare_buffers(std::move(reply.items), core_->options_.limits.receive_bytes, spans);
    if (!items) return broken(items.error().text);
    reply_ = {reply.status, std::move(*items)};
    connection_->expect_raw(std::move(spans));
  }

  void on_put(PutReply reply) {
    if (!request_->put || reply.request != id_) return broken("answers another request");
    const auto self = shared_from_this();
    if (reply.error) return end(*reply.error);  // whether the peer goes on reading this wire depends on why
    auto request = finish();
    request.put({});
    core_->idle(address_);
  }

  Request finish() {
    Request request = std::move(*request_);
    request_.reset();
    watch_idle();
    return request;
  }

  void watch_idle() {
    timer_.expires_after(core_->options_.limits.idle_after);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->end({ErrorKind::disconnected, fmt::format("{}: not used", self->address_)});
    });
  }

  /// While a request is under way bytes must move. Looked at several times within the patience: what moved right after
  /// one look would else be seen at the next, and double it.
  void watch_request(Duration silent_for) {
    const Duration patience = core_->options_.limits.silence;
    timer_.expires_after(patience / 8);
    timer_.async_wait([self = shared_from_this(), patience, silent_for](const error_code& error) {
      if (error) return;
      const bool moved = self->connection_ && self->connection_->moved();
      const Duration silent = moved ? Duration{} : silent_for + patience / 8;
      if (silent < patience) return self->watch_request(silent);
      self->end({ErrorKind::disconnected, fmt::format("{}: silent for too long", self->address_)});
    });
  }

  void broken(const std::string& text) { end({ErrorKind::failed, fmt::format("{}: {}", address_, text)}); }

  void end(const Error& error) {
    const auto self = shared_from_this();
    timer_.cancel();
    if (connection_) connection_->release();
    auto request = std::exchange(request_, {});
    core_->gone(address_, this);
    if (request) request->fail_with(error);
  }

  std::shared_ptr<Core> core_;
  std::string address_;
  asio::steady_timer timer_;
  std::unique_ptr<Opening> opening_;
  std::shared_ptr<Connection> connection_;
  FrameEncoder encoder_;
  std::optional<Request> request_;
  RequestId id_;
  std::uint64_t last_id_{};
  GetReply reply_;
};

void DataPool::Core::ask(const std::string& address, Request request) {
  peers_[address].waiting.push_back(std::move(request));
  asio::post(io_, [self = shared_from_this(), address] { self->next(address); });
}

void DataPool::Core::next(const std::string& address) {
  const auto found = peers_.find(address);
  if (closed_ || found == peers_.end()) return;
  auto& peer = found->second;
  for (auto& wire : peer.wires) {
    if (peer.waiting.empty()) return;
    if (!wire->free()) continue;
    auto request = std::move(peer.waiting.front());
    peer.waiting.pop_front();
    // Kept alive here: asking may end it.
    const auto keep = wire;
    keep->ask(std::move(request));
    return asio::post(io_, [self = shared_from_this(), address] { self->next(address); });
  }
  while (!peer.waiting.empty() && peer.wires.size() < options_.limits.open_per_peer) {
    auto wire = std::make_shared<Wire>(shared_from_this(), address);
    peer.wires.push_back(wire);
    wire->ask(std::move(peer.waiting.front()));
    peer.waiting.pop_front();
    wire->open();
  }
}

void DataPool::Core::idle(const std::string& address) {
  const auto found = peers_.find(address);
  if (closed_ || found == peers_.end()) return;
  if (!found->second.waiting.empty()) return next(address);
  std::size_t kept = 0;
  found->second.wires.remove_if([&](const std::shared_ptr<Wire>& wire) {
    if (!wire->free() || ++kept <= options_.limits.idle_per_peer) return false;
    wire->drop();
    return true;
  });
}

void DataPool::Core::gone(const std::string& address, const Wire* wire) {
  const auto found = peers_.find(address);
  if (found == peers_.end()) return;
  found->second.wires.remove_if([&](const std::shared_ptr<Wire>& one) { return one.get() == wire; });
  if (!found->second.waiting.empty()) {
    asio::post(io_, [self = shared_from_this(), address] { self->next(address); });
  } else if (found->second.wires.empty()) {
    peers_.erase(found);
  }
}

void DataPool::Core::close() {
  closed_ = true;
  for (auto& [address, peer] : std::exchange(peers_, {}))
    for (auto& wire : peer.wires) wire->drop();
}

DataPool::DataPool(asio::io_context& io, DataOptions options) : core_(std::make_shared<Core>(io, std::move(options))) {}
DataPool::~DataPool() { core_->close(); }
const DataCounters& DataPool::counters() const { return core_->counters_; }

void DataPool::get(const std::string& address, std::vector<TaskId> tasks, std::uint64_t max_bytes, GotData done) {
  core_->ask(address, {GetData{{}, std::move(tasks), max_bytes}, {}, std::move(done), {}});
}

void DataPool::put(const std::string& address, std::vector<CarriedItem> items, Put done) {
  Request request;
  request.message = PutData{{}, announce(std::move(items), request.buffers)};
  request.put = std::move(done);
  core_->ask(address, std::move(request));
}

void DataPool::put_module(const std::string& address, std::string name, std::string sha256, Bytes file, Put done) {
  Request request;
  request.message = PutModule{{}, std::move(name), std::move(sha256), file.size()};
  request.buffers.push_back(std::move(file));
  request.put = std::move(done);
  core_->ask(address, std::move(request));
}

}  // namespace troupe
