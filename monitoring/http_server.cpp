#include "monitoring/http_server.hpp"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace troupe::monitoring {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

std::string_view text_of(beast::string_view text) { return {text.data(), text.size()}; }

HttpResponse fixed(unsigned status) {
  switch (status) {
    case 400: return {400, "text/plain; charset=utf-8", {}, "bad request\n"};
    case 401: return {401, "text/plain; charset=utf-8", {}, "a bearer token is needed\n"};
    case 403: return {403, "text/plain; charset=utf-8", {}, "this host name is not served here\n"};
    case 404: return {404, "text/plain; charset=utf-8", {}, "no such page\n"};
    case 405: return {405, "text/plain; charset=utf-8", {}, "only GET and HEAD are served\n"};
    case 413: return {413, "text/plain; charset=utf-8", {}, "request too large\n"};
    case 431: return {431, "text/plain; charset=utf-8", {}, "request headers too large\n"};
    default: return {500, "text/plain; charset=utf-8", {}, "the page could not be made\n"};
  }
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return result;
}

}  // namespace

bool constant_time_equal(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0;
}

std::string host_name(std::string_view host_header) {
  std::string_view name = host_header;
  std::string_view rest;
  if (name.starts_with('[')) {
    const auto close = name.find(']');
    if (close == std::string_view::npos) return {};
    rest = name.substr(close + 1);
    name = name.substr(0, close + 1);
  } else {
    const auto colon = name.find(':');
    if (colon != std::string_view::npos) {
      rest = name.substr(colon);
      name = name.substr(0, colon);
    }
  }
  if (!rest.empty()) {
    if (rest.front() != ':' || rest.size() < 2 || rest.size() > 6) return {};
    for (char c : rest.substr(1))
      if (c < '0' || c > '9') return {};
  }
  return lower(name);
}

/// Everything that lives on the server's thread.
class HttpServer::Impl {
public:
  Impl(HttpConfig config, std::vector<Route> routes)
      : config_(std::move(config)), routes_(std::move(routes)), context_(1), acceptor_(context_) {}

  std::optional<Error> listen();
  void run();
  void stop();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return fmt::format("{}:{}", shown_host(), port_); }

private:
  class Session;

  void accept();
  [[nodiscard]] std::string shown_host() const {
    return config_.host.find(':') == std::string::npos ? config_.host : fmt::format("[{}]", config_.host);
  }
  [[nodiscard]] bool host_allowed(std::string_view host_header) const;
  [[nodiscard]] bool token_given(const Request& request) const;
  /// The one gate: the status to refuse with, or the route to serve.
  [[nodiscard]] std::pair<unsigned, const Route*> authorize(const Request& request, bool peer_on_loopback) const;
  [[nodiscard]] Response answer(const Request& request, bool peer_on_loopback) const;
  [[nodiscard]] Response finish(HttpResponse content, unsigned version, bool keep_alive) const;

  const HttpConfig config_;
  const std::vector<Route> routes_;
  std::size_t sessions_{};    ///< on the server's thread only
  asio::io_context context_;  ///< after all that sessions touch: it ends those that are still open
  tcp::acceptor acceptor_;
  std::uint16_t port_{};
  std::thread thread_;
};

/// One connection; keeps itself alive by its pending operation.
class HttpServer::Impl::Session : public std::enable_shared_from_this<Session> {
public:
  Session(Impl& server, tcp::socket socket) : server_(server), stream_(std::move(socket)) {
    ++server_.sessions_;
    beast::error_code error;
    const auto peer = stream_.socket().remote_endpoint(error);
    peer_on_loopback_ = !error && peer.address().is_loopback();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { --server_.sessions_; }

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_.config_.header_bytes_max));
    parser_->body_limit(server_.config_.body_bytes_max);
    stream_.expires_after(server_.config_.timeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_read(error); });
  }

private:
  void on_read(beast::error_code error) {
    if (error == http::error::end_of_stream) return close();
    if (error == http::error::header_limit) return refuse(431);
    if (error == http::error::body_limit) return refuse(413);
    if (error && error.category() == http::make_error_code(http::error::bad_version).category()) return refuse(400);
    if (error) return;  // timed out or cut
    const Request request = parser_->release();
    write(server_.answer(request, peer_on_loopback_));
  }

  void refuse(unsigned status) { write(server_.finish(fixed(status), 11, false)); }

  void write(Response response) {
    response_ = std::move(response);
    stream_.expires_after(server_.config_.timeout);
    const bool keep_alive = response_.keep_alive();
    http::async_write(stream_, response_,
                      [self = shared_from_this(), keep_alive](beast::error_code error, std::size_t) {
                        if (error) return;
                        if (keep_alive) return self->read();
                        self->close();
                      });
  }

  /// Reads on for a moment before it closes: a close with unread bytes would reset the answer away.
  void close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(std::chrono::seconds(1));
    drain(256);
  }

  void drain(int reads_left) {
    if (reads_left == 0) return;
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = shared_from_this(), reads_left](beast::error_code error, std::size_t) {
                              if (!error) self->drain(reads_left - 1);
                            });
  }

  Impl& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{64 * 1024 + 16 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  Response response_;
  bool peer_on_loopback_{};
};

std::optional<Error> HttpServer::Impl::listen() {
  beast::error_code error;
  const auto host = config_.host == "localhost" ? std::string("127.0.0.1") : config_.host;
  const auto address = asio::ip::make_address(host, error);
  if (error)
    return Error{ErrorKind::invalid,
                 fmt::format("{}: '{}' is not an IP address; give one such as 127.0.0.1", config_.flag, config_.host)};
  if (!address.is_loopback() && !config_.insecure)
    return Error{ErrorKind::invalid,
                 fmt::format("{}: {} is not a loopback address and its pages would travel in plain text; bind to "
                             "127.0.0.1, or add --insecure to accept that",
                             config_.flag, config_.host)};
  const tcp::endpoint endpoint(address, config_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(128, error);
  if (error)
    return Error{ErrorKind::failed,
                 fmt::format("HTTP cannot listen on {}:{}: {}; choose another port with {} "
                             "{}:PORT (0 = any free one)",
                             shown_host(), config_.port, error.message(), config_.flag, shown_host())};
  port_ = acceptor_.local_endpoint().port();
  return std::nullopt;
}

void HttpServer::Impl::run() {
  accept();
  thread_ = std::thread([this] { context_.run(); });
}

void HttpServer::Impl::stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void HttpServer::Impl::accept() {
  acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error && sessions_ < config_.connections_max) std::make_shared<Session>(*this, std::move(socket))->read();
    accept();  // a socket over the limit is closed as it goes out of scope
  });
}

bool HttpServer::Impl::host_allowed(std::string_view host_header) const {
  const std::string name = host_name(host_header);
  if (name.empty()) return false;
  if (name == "127.0.0.1" || name == "localhost" || name == "[::1]") return true;
  for (const std::string& allowed : config_.allowed_hosts)
    if (name == lower(allowed)) return true;
  return false;
}

bool HttpServer::Impl::token_given(const Request& request) const {
  constexpr std::string_view scheme = "bearer ";
  const std::string_view header = text_of(request[http::field::authorization]);
  if (config_.token.empty() || header.size() < scheme.size()) return false;
  if (!equal_ignoring_case(header.substr(0, scheme.size()), scheme)) return false;
  return constant_time_equal(header.substr(scheme.size()), config_.token);
}

std::pair<unsigned, const Route*> HttpServer::Impl::authorize(const Request& request, bool peer_on_loopback) const {
  if (request.method() != http::verb::get && request.method() != http::verb::head) return {405, nullptr};
  if (request.count(http::field::host) != 1) return {400, nullptr};
  if (!host_allowed(text_of(request[http::field::host]))) return {403, nullptr};
  const std::string_view target = text_of(request.target());
  const std::string_view path = target.substr(0, target.find('?'));
  const Route* found = nullptr;
  for (const Route& route : routes_)
    if (route.path == path) found = &route;
  // Without a token an outsider does not even learn which pages exist.
  const bool open = peer_on_loopback && (!found || found->access == Access::open_on_loopback);
  if (!open && !token_given(request)) return {401, nullptr};
  return found ? std::pair{200U, found} : std::pair{404U, found};
}

Response HttpServer::Impl::answer(const Request& request, bool peer_on_loopback) const {
  const auto [status, route] = authorize(request, peer_on_loopback);
  HttpResponse content;
  if (route == nullptr) {
    content = fixed(status);
  } else {
    const std::string_view target = text_of(request.target());
    const auto mark = target.find('?');
    HttpRequest asked{route->path,
                      mark == std::string_view::npos ? std::string{} : std::string(target.substr(mark + 1)),
                      std::string(text_of(request[http::field::accept])),
                      std::string(text_of(request[http::field::accept_encoding]))};
    try {
      content = route->serve(asked);
    } catch (const std::exception&) {
      content = fixed(500);  // the text of the exception may hold what a stranger must not read
    }
  }
  Response response = finish(std::move(content), request.version(), request.keep_alive());
  if (status == 401) response.set(http::field::www_authenticate, "Bearer");
  if (status == 405) response.set(http::field::allow, "GET, HEAD");
  if (request.method() == http::verb::head) response.body().clear();  // Content-Length stays that of GET
  return response;
}

Response HttpServer::Impl::finish(HttpResponse content, unsigned version, bool keep_alive) const {
  Response response{static_cast<http::status>(content.status), version};
  response.set(http::field::server, "troupe");
  response.set(http::field::content_type, content.content_type);
  if (!content.content_encoding.empty()) response.set(http::field::content_encoding, content.content_encoding);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set("X-Frame-Options", "DENY");
  response.set("Content-Security-Policy",
               "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
               "frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
  response.keep_alive(keep_alive);
  response.body() = std::move(content.body);
  response.prepare_payload();
  return response;
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpConfig config, std::vector<Route> routes) {
  config.allowed_hosts.push_back(config.host);
  auto impl = std::make_unique<Impl>(std::move(config), std::move(routes));
  if (auto error = impl->listen()) return tl::unexpected<Error>(std::move(*error));
  impl->run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { stop(); }
std::uint16_t HttpServer::port() const { return impl_->port(); }
std::string HttpServer::address() const { return impl_->address(); }
void HttpServer::stop() { impl_->stop(); }

}  // namespace troupe::monitoring
