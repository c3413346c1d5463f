#include "runtime/net/opener.hpp"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

namespace troupe {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class Opening::Core final : public ConnectionUser, public std::enable_shared_from_this<Opening::Core> {
public:
  Core(asio::io_context& io, OpenOptions options, Done done)
      : io_(io), options_(std::move(options)), done_(std::move(done)), socket_(io), resolver_(io), deadline_(io) {}

  void begin() {
    auto target = parse_address(options_.address);
    if (!target)
      return asio::post(
          io_, [self = shared_from_this(), error = std::move(target.error())] { self->finish(tl::unexpected(error)); });
    deadline_.expires_after(options_.deadline);
    deadline_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->fail_with("no answer in time");
    });
    const std::string host = target->host == "localhost" ? "127.0.0.1" : target->host;
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (!error) return connect({tcp::endpoint(address, target->port)});
    resolver_.async_resolve(host, std::to_string(target->port),
                            [self = shared_from_this()](const error_code& failure, tcp::resolver::results_type found) {
                              if (failure) return self->fail_with(failure.message());
                              std::vector<tcp::endpoint> endpoints;
                              for (const auto& entry : found) endpoints.push_back(entry.endpoint());
                              self->connect(std::move(endpoints));
                            });
  }

  void cancel() {
    done_ = {};
    clean_up();
  }

  void on_frames(std::vector<IncomingFrame>& frames) override {
    auto step = handshake_->receive(frames.front());
    if (!step)
      return finish(
          tl::unexpected(Error{step.error().kind, fmt::format("{}: {}", options_.address, step.error().text)}));
    if (step->send) connection_->send(std::move(*step->send));
    if (!step->established) return connection_->flush();
    connection_->authenticated();
    connection_->hand_over();
    finish(Opened{std::move(connection_), *step->established});
  }

  void on_closed(const Error& error) override {
    finish(tl::unexpected(Error{ErrorKind::disconnected, fmt::format("handshake with {}", error.text)}));
  }

private:
  void connect(std::vector<tcp::endpoint> endpoints) {
    asio::async_connect(socket_, std::move(endpoints),
                        [self = shared_from_this()](const error_code& error, const tcp::endpoint&) {
                          if (!self->done_) return;
                          if (error) return self->fail_with(error.message());
                          self->shake_hands();
                        });
  }

  void shake_hands() {
    connection_ = std::make_shared<Connection>(std::move(socket_));
    Hello hello;
    hello.role = options_.role;
    hello.key = options_.key_kind;
    hello.cluster = options_.cluster;
    hello.nonce = draw_nonce(system_random);
    hello.features = options_.features;
    hello.session = options_.session;
    hello.received = options_.received;
    handshake_.emplace(std::move(hello), options_.key);
    connection_->start(*this, Reading::steps);
    connection_->send(handshake_->start());
    connection_->flush();
  }

  void fail_with(const std::string& text) {
    finish(fail(ErrorKind::disconnected, fmt::format("cannot connect to {}: {}", options_.address, text)));
  }

  void finish(Result<Opened> result) {
    const auto keep = shared_from_this();
    const auto done = std::exchange(done_, {});
    clean_up();
    if (done) done(std::move(result));
  }

  void clean_up() {
    error_code ignored;
    deadline_.cancel();
    resolver_.cancel();
    socket_.close(ignored);
    if (connection_) connection_->release();
  }

  asio::io_context& io_;
  OpenOptions options_;
  Done done_;
  tcp::socket socket_;
  tcp::resolver resolver_;
  asio::steady_timer deadline_;
  std::shared_ptr<Connection> connection_;
  std::optional<ClientHandshake> handshake_;
};

Opening::Opening(asio::io_context& io, OpenOptions options, Done done)
    : core_(std::make_shared<Core>(io, std::move(options), std::move(done))) {
  core_->begin();
}

Opening::~Opening() { core_->cancel(); }

}  // namespace troupe
