#include "runtime/net/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <chrono>

namespace troupe {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

Established AuthenticatedPeer::welcome(Token session, bool resumed, std::uint64_t received) {
  auto welcome = handshake_.welcome(session, resumed, received);
  connection_->authenticated();
  connection_->send(std::move(welcome.send));
  return welcome.established;
}

void AuthenticatedPeer::refuse(RefuseReason reason, std::string_view text) {
  connection_->send(handshake_.refuse(reason, text));
  Connection::close_gently(connection_);
}

namespace {

Result<tcp::endpoint> resolve(asio::io_context& io, const ListenOptions& options) {
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  error_code error;
  auto address = asio::ip::make_address(host, error);
  if (error) {
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(host, "", tcp::resolver::passive, error);
    if (error || found.empty())
      return fail(ErrorKind::invalid, fmt::format("cannot listen at {}: {}", options.host, error.message()));
    address = found.begin()->endpoint().address();
  }
  if (!address.is_loopback() && !options.insecure)
    return fail(ErrorKind::invalid,
                fmt::format("listening at {} would send everything in plain text over the network; add {} if that is "
                            "meant (peers must still prove that they have the key), or listen on 127.0.0.1",
                            options.host, options.insecure_flag));
  return tcp::endpoint(address, options.port);
}

}  // namespace

class Listener::Core : public std::enable_shared_from_this<Listener::Core> {
public:
  Core(asio::io_context& io, ListenOptions options, OnPeer on_peer, OnLog on_log)
      : acceptor_(io),
        pause_(io),
        options_(std::move(options)),
        on_peer_(std::move(on_peer)),
        on_log_(std::move(on_log)) {}
  ~Core() {
    if (reserve_ >= 0) ::close(reserve_);
  }

  Result<void> bind(const tcp::endpoint& endpoint);
  void accept();
  void close();

  const std::string& address() const { return address_; }
  const ListenerCounters& counters() const { return counters_; }

private:
  class Stranger;

  void accepted(const error_code& error, tcp::socket socket);
  void out_of_descriptors();
  void finished(const std::shared_ptr<Stranger>& stranger) { strangers_.erase(stranger); }
  void let_in(AuthenticatedPeer peer) {
    ++counters_.authenticated;
    if (on_peer_) on_peer_(std::move(peer));
  }
  void report(const std::string& peer, std::string_view text);

  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  ListenOptions options_;
  OnPeer on_peer_;
  OnLog on_log_;
  std::string address_;
  ListenerCounters counters_;
  std::set<std::shared_ptr<Stranger>> strangers_;
  std::map<std::string, std::chrono::steady_clock::time_point> reported_;  ///< by host
  int reserve_{-1};  ///< given up for a moment to turn a connection away when descriptors run out
  bool closed_{};
};

/// A connection in the middle of its handshake.
class Listener::Core::Stranger final : public ConnectionUser, public std::enable_shared_from_this<Stranger> {
public:
  Stranger(std::shared_ptr<Core> core, tcp::socket socket)
      : core_(std::move(core)),
        connection_(std::make_shared<Connection>(std::move(socket))),
        deadline_(connection_->executor()),
        handshake_(core_->options_.handshake, draw_nonce(system_random)) {}

  void begin() {
    connection_->start(*this, Reading::steps);
    deadline_.expires_after(core_->options_.limits.handshake_deadline);
    deadline_.async_wait([self = shared_from_this()](const error_code& error) {
      if (error || self->over_) return;
      ++self->core_->counters_.garbage;
      self->core_->report(self->connection_->peer(), "said too little before the handshake's deadline");
      self->end();
    });
  }

  void on_frames(std::vector<IncomingFrame>& frames) override {
    auto step = handshake_.receive(frames.front());
    if (step.send) connection_->send(std::move(*step.send));
    if (step.error) {
      ++core_->counters_.refused;
      core_->report(connection_->peer(), step.error->text);
      over_ = true;
      const auto keep = leave();
      Connection::close_gently(connection_);
      return;
    }
    if (step.authenticated) {
      over_ = true;
      const auto keep = leave();
      connection_->hand_over();
      core_->let_in(AuthenticatedPeer(connection_, std::move(handshake_), std::move(*step.authenticated)));
      return;
    }
    connection_->flush();
  }

  void on_closed(const Error& error) override {
    ++core_->counters_.garbage;
    core_->report(connection_->peer(), error.text);
    end();
  }

  void end() {
    over_ = true;
    const auto keep = leave();
    connection_->release();
  }

private:
  std::shared_ptr<Stranger> leave() {
    auto self = shared_from_this();
    deadline_.cancel();
    core_->finished(self);
    return self;
  }

  std::shared_ptr<Core> core_;
  std::shared_ptr<Connection> connection_;
  asio::steady_timer deadline_;
  ServerHandshake handshake_;
  bool over_{};
};

Result<void> Listener::Core::bind(const tcp::endpoint& endpoint) {
  const auto wanted = HostPort{endpoint.address().to_string(), endpoint.port()}.text();
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error == asio::error::address_in_use)
    return fail(ErrorKind::failed, fmt::format("cannot listen at {}: the address is in use; end the program that has "
                                               "it, or choose another port with {} (0 = any free one)",
                                               wanted, options_.port_flag));
  if (error)
    return fail(ErrorKind::failed, fmt::format("cannot listen at {}: {}; choose another address or port with {}",
                                               wanted, error.message(), options_.port_flag));
  const auto bound = acceptor_.local_endpoint(error);
  address_ = HostPort{bound.address().to_string(), bound.port()}.text();
  reserve_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return {};
}

void Listener::Core::accept() {
  if (closed_) return;
  acceptor_.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
    if (!self->closed_) self->accepted(error, std::move(socket));
  });
}

void Listener::Core::accepted(const error_code& error, tcp::socket socket) {
  if (error == asio::error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system) {
    out_of_descriptors();
    return;
  }
  if (!error) {
    ++counters_.accepted;
    if (strangers_.size() >= options_.limits.pending_handshakes) {
      ++counters_.over_limit;
    } else {
      ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      auto stranger = std::make_shared<Stranger>(shared_from_this(), std::move(socket));
      strangers_.insert(stranger);
      stranger->begin();
    }
  }
  accept();
}

/// The connection waits in the kernel's queue and would be reported for ever: take it with the descriptor in reserve
/// and close it, so that its sender knows.
void Listener::Core::out_of_descriptors() {
  ++counters_.over_limit;
  report("listener", "no file descriptor left; a connection was turned away (raise the limit, ulimit -n)");
  if (reserve_ >= 0) {
    ::close(reserve_);
    const int turned_away = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (turned_away >= 0) ::close(turned_away);
    reserve_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  pause_.expires_after(std::chrono::milliseconds(20));
  pause_.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error) self->accept();
  });
}

void Listener::Core::report(const std::string& peer, std::string_view text) {
  if (!on_log_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto host = peer.substr(0, peer.rfind(':'));
  auto& last = reported_[host];
  if (last != std::chrono::steady_clock::time_point{} && now - last < options_.limits.log_pause) return;
  last = now;
  if (reported_.size() > options_.limits.logged_peers)
    std::erase_if(reported_, [&](const auto& entry) { return now - entry.second >= options_.limits.log_pause; });
  if (reported_.size() > options_.limits.logged_peers) reported_.clear();
  on_log_(fmt::format("connection from {} refused: {}", peer, text));
}

void Listener::Core::close() {
  closed_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  on_peer_ = {};
  on_log_ = {};
  for (const auto& stranger : std::exchange(strangers_, {})) stranger->end();
}

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& io, ListenOptions options, OnPeer on_peer,
                                                 OnLog on_log) {
  auto endpoint = resolve(io, options);
  if (!endpoint) return tl::unexpected(std::move(endpoint.error()));
  auto core = std::make_shared<Core>(io, std::move(options), std::move(on_peer), std::move(on_log));
  if (auto bound = core->bind(*endpoint); !bound) return tl::unexpected(std::move(bound.error()));
  core->accept();
  return std::unique_ptr<Listener>(new Listener(std::move(core)));
}

Listener::~Listener() { core_->close(); }
const std::string& Listener::address() const { return core_->address(); }
const ListenerCounters& Listener::counters() const { return core_->counters(); }

}  // namespace troupe
