#include "runtime/net/data_server.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <set>

#include "protocol/codec.hpp"

namespace troupe {

namespace asio = boost::asio;

class DataServer::Core : public std::enable_shared_from_this<DataServer::Core> {
public:
  Core(DataServerOptions options, DataHandler& handler) : options_(std::move(options)), handler_(&handler) {}

  void add(AuthenticatedPeer peer);
  void close();
  [[nodiscard]] std::size_t serving() const { return serving_; }

private:
  class Guest;

  DataServerOptions options_;
  DataHandler* handler_;  ///< null once closed
  std::set<std::shared_ptr<Guest>> guests_;
  std::size_t serving_{};
};

/// One peer's connection. Always true: `serving_` is the reply it has not confirmed yet, at most one.
class DataServer::Core::Guest final : public ConnectionUser, public std::enable_shared_from_this<Guest> {
public:
  Guest(std::shared_ptr<Core> core, std::shared_ptr<Connection> connection, KeyKind key)
      : core_(std::move(core)), connection_(std::move(connection)), key_(key) {}

  void begin() {
    connection_->unbound_writes();
    connection_->start(*this, Reading::exact);
    connection_->flush();
  }

  void on_frames(std::vector<IncomingFrame>& frames) override {
    const auto self = shared_from_this();  // what is said may end it
    auto& frame = frames.front();
    if (frame.header.kind != FrameKind::data) return end();
    auto message = decode<PeerMessage>(frame.payload);
    if (!message) return end();
    std::visit([&](auto& said) { on(said); }, *message);
    if (connection_->open()) connection_->flush();
  }

  void on_raw() override {
    const auto self = shared_from_this();
    if (!core_->handler_) return;
    auto error = is_module_ ? core_->handler_->put_module(module_.name, module_.sha256, file_)
                            : core_->handler_->put(std::move(items_));
    items_.clear();
    file_ = {};
    send(PutReply{put_request_, std::move(error)});
    if (connection_->open()) connection_->flush();
  }

  void on_closed(const Error&) override { end(); }

  void end() {
    const auto self = shared_from_this();
    connection_->release();
    done_serving();
    core_->guests_.erase(self);
  }

private:
  void on(GetData& request) {
    if (serving_) return end();
    if (core_->serving_ >= core_->options_.concurrent_requests) {
      send(DataReply{request.request, DataStatus::busy, {}});
      return;
    }
    serving_ = ServedReply{request.request, {}};
    ++core_->serving_;
    core_->handler_->get(request.tasks, request.max_bytes,
                         [core = core_, weak = weak_from_this()](std::vector<CarriedItem> items) {
                           std::vector<TaskId> tasks;
                           for (const auto& [item, buffers] : items)
                             if (item.present) tasks.push_back(item.task);
                           const auto self = weak.lock();
                           if (self && self->serving_) return self->reply(std::move(tasks), std::move(items));
                           if (core->handler_ && !tasks.empty()) core->handler_->served(tasks);  // the peer has gone
                         });
  }

  void reply(std::vector<TaskId> tasks, std::vector<CarriedItem> items) {
    serving_->tasks = std::move(tasks);
    std::vector<Bytes> buffers;
    send(DataReply{serving_->request, DataStatus::ok, announce(std::move(items), buffers)});
    if (!serving_) return;  // it could not be encoded
    for (auto& buffer : buffers) connection_->send(std::move(buffer));
    if (connection_->open()) connection_->flush();
  }

  void on(DataReceived& received) {
    if (!serving_ || serving_->request != received.request) return end();
    done_serving();
  }

  void on(PutData& request) {
    std::vector<std::span<std::byte>> spans;
    auto items = prepare_buffers(std::move(request.items), core_->options_.receive_bytes, spans);
    if (!items) return refuse(request.request, std::move(items.error()));
    is_module_ = false;
    put_request_ = request.request;
    items_ = std::move(*items);
    connection_->expect_raw(std::move(spans));
  }

  void on(PutModule& request) {
    if (!core_->handler_) return;
    if (auto error = core_->handler_->refuse_module(key_, request)) return refuse(request.request, std::move(*error));
    std::vector<std::span<std::byte>> spans;
    auto file = prepare_buffer(request.size, core_->options_.receive_bytes, spans);
    if (!file) return refuse(request.request, std::move(file.error()));
    is_module_ = true;
    put_request_ = request.request;
    file_ = std::move(*file);
    module_ = std::move(request);
    connection_->expect_raw(std::move(spans));
  }

  void on(DataReply&) { end(); }
  void on(PutReply&) { end(); }

  /// What follows the refused message cannot be skipped safely: say why, and end.
  void refuse(RequestId request, Error error) {
    const auto self = shared_from_this();
    send(PutReply{request, std::move(error)});
    auto connection = connection_;
    done_serving();
    Connection::close_gently(connection);
    core_->guests_.erase(self);
  }

  void send(const PeerMessage& message) {
    auto frame = encoder_.encode(message);
    if (!frame) return end();
    FrameHeader header;
    header.kind = FrameKind::data;
    frame->write_header(header);
    connection_->send(frame->bytes());
  }

  void done_serving() {
    if (!serving_) return;
    const auto tasks = std::move(serving_->tasks);
    serving_.reset();
    --core_->serving_;
    if (core_->handler_ && !tasks.empty()) core_->handler_->served(tasks);
  }

  struct ServedReply {
    RequestId request;
    std::vector<TaskId> tasks;
  };

  std::shared_ptr<Core> core_;
  std::shared_ptr<Connection> connection_;
  KeyKind key_;
  FrameEncoder encoder_;
  std::optional<ServedReply> serving_;
  RequestId put_request_;
  bool is_module_{};
  std::vector<CarriedItem> items_;
  PutModule module_;
  Bytes file_;
};

void DataServer::Core::add(AuthenticatedPeer peer) {
  if (!handler_) return;
  peer.welcome(draw_token(system_random), false, 0);
  auto guest = std::make_shared<Guest>(shared_from_this(), peer.connection(), peer.hello().key);
  guests_.insert(guest);
  guest->begin();
}

void DataServer::Core::close() {
  handler_ = nullptr;
  while (!guests_.empty()) {
    const auto guest = *guests_.begin();
    guest->end();
  }
}

Result<std::unique_ptr<DataServer>> DataServer::open(asio::io_context& io, DataServerOptions options,
                                                     DataHandler& handler, Listener::OnLog on_log) {
  options.listen.handshake.roles = {Role::peer};
  auto listen = options.listen;
  auto core = std::make_shared<Core>(std::move(options), handler);
  auto listener = Listener::open(
      io, std::move(listen),
      [weak = std::weak_ptr(core)](AuthenticatedPeer peer) {
        if (const auto strong = weak.lock()) strong->add(std::move(peer));
      },
      std::move(on_log));
  if (!listener) return tl::unexpected(std::move(listener.error()));
  return std::unique_ptr<DataServer>(new DataServer(std::move(core), std::move(*listener)));
}

DataServer::~DataServer() {
  listener_.reset();
  core_->close();
}

std::size_t DataServer::serving() const { return core_->serving(); }

}  // namespace troupe
