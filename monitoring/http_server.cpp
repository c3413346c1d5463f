#include "monitoring/http_server.hpp"

#include <atomic>
#include <optional>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include "protocol/secret.hpp"

namespace troupe::monitoring {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

std::string_view text_of(beast::string_view text) { return {text.data(), text.size()}; }

std::string_view sentence_of(unsigned status) {
  switch (status) {
    case 400: return "bad request";
    case 401: return "a bearer token is needed";
    case 403: return "not for this token, this host name, or this origin";
    case 404: return "no such page";
    case 405: return "this method is not served here";
    case 413: return "request too large";
    case 415: return "a body of type application/json is needed";
    case 431: return "request headers too large";
    case 503: return "not now";
    default: return "the page could not be made";
  }
}

HttpResponse fixed(unsigned status, bool api) {
  if (api) return api_error(status, sentence_of(status));
  return {status, "text/plain; charset=utf-8", {}, std::string(sentence_of(status)) + "\n", {}};
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

std::string_view path_of(const Request& request) {
  const std::string_view target = text_of(request.target());
  return target.substr(0, target.find('?'));
}

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return equal_ignoring_case(type.substr(0, type.find_last_not_of(' ') + 1), "application/json");
}

bool is_api(const Request& request) { return path_of(request).starts_with("/api/"); }

}  // namespace

HttpResponse api_error(unsigned status, std::string_view sentence) {
  const boost::json::object document{{"schema", "troupe/v1/error"}, {"status", status}, {"error", sentence}};
  return {status, "application/json", {}, boost::json::serialize(document) + "\n", {}};
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
constexpr std::chrono::milliseconds last_words_patience{250};

class HttpServer::Impl {
public:
  Impl(HttpConfig config, std::vector<Route> routes)
      : config_(std::move(config)),
        routes_(std::move(routes)),
        context_(1),
        acceptor_(context_),
        slow_threads_(config_.slow_threads) {}

  std::optional<Error> listen();
  void run();
  void stop();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return fmt::format("{}:{}", shown_host(), port_); }

private:
  class Session;

  struct Verdict {
    unsigned status{};  ///< 200: `route` is to be served; else what to refuse with
    const Route* route{};
    Scope scope{Scope::none};
    std::map<std::string, std::string> segments;
    std::string allow;  ///< with 405
  };

  void accept();
  [[nodiscard]] std::string shown_host() const {
    return config_.host.find(':') == std::string::npos ? config_.host : fmt::format("[{}]", config_.host);
  }
  [[nodiscard]] bool host_allowed(std::string_view host_header) const;
  [[nodiscard]] bool origin_allowed(const Request& request) const;
  [[nodiscard]] Scope scope_of(const Request& request) const;
  /// The one gate: everything that is refused is refused here.
  [[nodiscard]] std::string allowed_at(std::string_view path) const;
  [[nodiscard]] Verdict authorize(const Request& request, bool peer_on_loopback) const;
  [[nodiscard]] static HttpRequest asked_of(const Request& request, Verdict& verdict);
  /// Answers, or makes the source of a stream.
  [[nodiscard]] Response answer(const Request& request, Verdict verdict, std::unique_ptr<LineSource>& stream) const;
  [[nodiscard]] Response finish(HttpResponse content, unsigned version, bool keep_alive) const;
  void set_headers(http::fields& response) const;

  const HttpConfig config_;
  const std::vector<Route> routes_;
  std::size_t sessions_{};  ///< on the server's thread only
  std::size_t streams_{};   ///< likewise
  std::size_t slow_{};      ///< likewise
  std::set<Session*> streaming_;
  asio::io_context context_;  ///< after all that sessions touch: it ends those that are still open
  tcp::acceptor acceptor_;
  asio::steady_timer patience_{context_};  ///< with streams that are in the middle of a line as it stops
  std::uint16_t port_{};
  std::thread thread_;
  asio::thread_pool slow_threads_;
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
  ~Session() {
    --server_.sessions_;
    if (source_) --server_.streams_;
    server_.streaming_.erase(this);
  }

  /// The server stops: says the last words, as far as they fit into the socket at once. Not in the middle of a line:
  /// false, and they follow when it is written.
  bool say_goodbye() {
    leaving_ = true;
    if (!source_) return true;
    if (writing_) return false;
    const std::string text = chunk(source_->last()) + "0\r\n\r\n";
    beast::error_code ignored;
    stream_.socket().non_blocking(true, ignored);
    stream_.socket().write_some(asio::buffer(text), ignored);
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    return true;
  }

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
    Request request = parser_->release();
    Verdict verdict = server_.authorize(request, peer_on_loopback_);
    if (verdict.status == 200 && verdict.route->slow) {
      if (server_.slow_ < server_.config_.slow_max) return answer_later(std::move(request), std::move(verdict));
      return write(server_.finish(fixed(503, is_api(request)), request.version(), request.keep_alive()));
    }
    std::unique_ptr<LineSource> source;
    Response response = server_.answer(request, std::move(verdict), source);
    if (source) return begin_stream(std::move(source));
    write(std::move(response));
  }

  /// The session goes along and comes back: it ends on the server's thread only.
  void answer_later(Request request, Verdict verdict) {
    ++server_.slow_;
    asio::post(server_.slow_threads_,
               [self = shared_from_this(), request = std::move(request), verdict = std::move(verdict)]() mutable {
                 std::unique_ptr<LineSource> none;
                 Response response = self->server_.answer(request, std::move(verdict), none);
                 asio::io_context& context = self->server_.context_;
                 asio::post(context, [self = std::move(self), response = std::move(response)]() mutable {
                   --self->server_.slow_;
                   self->write(std::move(response));
                 });
               });
  }

  void refuse(unsigned status) { write(server_.finish(fixed(status, false), 11, false)); }

  void begin_stream(std::unique_ptr<LineSource> source) {
    source_ = std::move(source);
    ++server_.streams_;
    server_.streaming_.insert(this);
    http::response<http::empty_body> head{http::status::ok, 11};
    server_.set_headers(head);
    head.set(http::field::content_type, "application/x-ndjson");
    head.chunked(true);
    std::ostringstream text;
    text << head.base();
    send(text.str() + chunk(source_->next()));
    watch_peer();
  }

  /// Nothing is to come from the peer any more: what comes is its end.
  void watch_peer() {
    stream_.socket().async_wait(tcp::socket::wait_read,
                                [self = shared_from_this()](beast::error_code) { self->cancel_stream(); });
  }

  void cancel_stream() {
    pause_.cancel();
    stream_.cancel();
    over_ = true;
  }

  static std::string chunk(const std::string& text) {
    return text.empty() ? text : fmt::format("{:x}\r\n{}\r\n", text.size(), text);
  }

  /// A peer that reads slowly gets less: the next piece is made when this one has left.
  void send(std::string text) {
    text_ = std::move(text);
    if (text_.empty()) return pause();
    writing_ = true;
    stream_.expires_after(server_.config_.timeout);
    asio::async_write(stream_, asio::buffer(text_), [self = shared_from_this()](beast::error_code error, std::size_t) {
      self->writing_ = false;
      if (error || self->over_) return;
      if (self->leaving_)
        self->say_goodbye();
      else
        self->pause();
    });
  }

  void pause() {
    stream_.expires_never();
    pause_.expires_after(source_->interval());
    pause_.async_wait([self = shared_from_this()](beast::error_code error) {
      if (!error && !self->over_) self->send(chunk(self->source_->next()));
    });
  }

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
  asio::steady_timer pause_{stream_.get_executor()};
  std::unique_ptr<LineSource> source_;  ///< null: no stream
  std::string text_;                    ///< of it, on its way
  bool writing_{};
  bool over_{};
  bool leaving_{};
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
  asio::post(context_, [this] {
    bool all = true;
    for (Session* session : streaming_) all = session->say_goodbye() && all;
    if (all) return context_.stop();
    patience_.expires_after(last_words_patience);
    patience_.async_wait([this](beast::error_code) { context_.stop(); });
  });
  if (thread_.joinable()) thread_.join();
  slow_threads_.stop();
  slow_threads_.join();
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

/// A page of ours, by the very name and port that it was asked at; no Origin at all is no browser, or a plain GET.
bool HttpServer::Impl::origin_allowed(const Request& request) const {
  if (request.count(http::field::origin) > 1) return false;
  const std::string_view origin = text_of(request[http::field::origin]);
  if (origin.empty()) return request.count(http::field::origin) == 0;
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;  // "null", too
  if (origin.substr(0, scheme) != "http" && origin.substr(0, scheme) != "https") return false;
  return equal_ignoring_case(origin.substr(scheme + 3), text_of(request[http::field::host]));
}

Scope HttpServer::Impl::scope_of(const Request& request) const {
  constexpr std::string_view scheme = "bearer ";
  if (request.count(http::field::authorization) != 1) return Scope::none;
  const std::string_view header = text_of(request[http::field::authorization]);
  if (header.size() <= scheme.size() || !equal_ignoring_case(header.substr(0, scheme.size()), scheme))
    return Scope::none;
  const std::string_view token = header.substr(scheme.size());
  if (!config_.token.empty() && equal_in_constant_time(token, std::string_view(config_.token))) return Scope::admin;
  return config_.scope_of ? config_.scope_of(token) : Scope::none;
}

/// The contract, which tells the same, is for everybody.
std::string HttpServer::Impl::allowed_at(std::string_view path) const {
  std::map<std::string, std::string> segments;
  std::string allowed;
  const auto is_here = [&](const Route& route) { return route.path == path; };
  const bool named = std::any_of(routes_.begin(), routes_.end(), is_here);
  for (const bool post : {false, true})
    if (std::any_of(routes_.begin(), routes_.end(), [&](const Route& route) {
          return route.post == post && (named ? is_here(route) : path_fits(route.path, path, segments));
        }))
      allowed += std::string(allowed.empty() ? "" : ", ") + (post ? "POST" : "GET, HEAD");
  return allowed;
}

HttpServer::Impl::Verdict HttpServer::Impl::authorize(const Request& request, bool peer_on_loopback) const {
  const bool post = request.method() == http::verb::post;
  if (!post && request.method() != http::verb::get && request.method() != http::verb::head)
    return {405, {}, {}, {}, allowed_at(path_of(request))};
  if (request.count(http::field::host) != 1) return {400, {}, {}, {}, {}};
  if (!host_allowed(text_of(request[http::field::host])) || !origin_allowed(request)) return {403, {}, {}, {}, {}};
  Verdict verdict;
  const Route* other_method = nullptr;
  const std::string_view path = path_of(request);
  std::map<std::string, std::string> segments;
  for (const Route& route : routes_) {
    if (verdict.route != nullptr || !path_fits(route.path, path, segments)) continue;
    if (route.post != post) {
      other_method = &route;
    } else {
      verdict.route = &route;
      verdict.segments = segments;
    }
  }
  // Without a token an outsider does not even learn which pages exist.
  verdict.scope = scope_of(request);
  const Access access = verdict.route != nullptr  ? verdict.route->access
                        : other_method != nullptr ? other_method->access
                                                  : Access::open_on_loopback;
  const bool open = access == Access::everyone || (access == Access::open_on_loopback && peer_on_loopback);
  if (!open && verdict.scope == Scope::none)
    verdict.status = 401;
  else if (access == Access::admin && verdict.scope != Scope::admin)
    verdict.status = 403;
  else if (verdict.route == nullptr && other_method != nullptr)
    verdict.status = 405;
  else if (verdict.route == nullptr)
    verdict.status = 404;
  else if (post && !is_json(text_of(request[http::field::content_type])))
    verdict.status = 415;
  else
    verdict.status = 200;
  if (verdict.status == 405) verdict.allow = other_method->post ? "POST" : "GET, HEAD";
  return verdict;
}

HttpRequest HttpServer::Impl::asked_of(const Request& request, Verdict& verdict) {
  const std::string_view target = text_of(request.target());
  const auto mark = target.find('?');
  HttpRequest asked;
  asked.path = verdict.route->path;
  if (mark != std::string_view::npos) asked.query = target.substr(mark + 1);
  asked.accept = text_of(request[http::field::accept]);
  asked.accept_encoding = text_of(request[http::field::accept_encoding]);
  asked.if_none_match = text_of(request[http::field::if_none_match]);
  asked.segments = std::move(verdict.segments);
  asked.body = request.body();
  asked.scope = verdict.scope;
  return asked;
}

Response HttpServer::Impl::answer(const Request& request, Verdict verdict, std::unique_ptr<LineSource>& stream) const {
  const bool head = request.method() == http::verb::head;
  HttpResponse content;
  if (verdict.status != 200) {
    content = fixed(verdict.status, is_api(request));
  } else {
    try {
      const HttpRequest asked = asked_of(request, verdict);
      if (!verdict.route->stream) {
        content = verdict.route->serve(asked);
      } else if (streams_ >= config_.streams_max) {
        content = fixed(503, true);
      } else {
        stream = verdict.route->stream(asked, content);
        if (head) stream.reset();
      }
    } catch (const std::exception&) {
      content = fixed(500, is_api(request));  // the text of the exception may hold what a stranger must not read
    }
  }
  Response response = finish(std::move(content), request.version(), request.keep_alive());
  if (verdict.status == 401) response.set(http::field::www_authenticate, "Bearer");
  if (verdict.status == 405) response.set(http::field::allow, verdict.allow);
  if (head) response.body().clear();  // Content-Length stays that of GET
  return response;
}

void HttpServer::Impl::set_headers(http::fields& response) const {
  response.set(http::field::server, "troupe");
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  if (config_.frame_ancestors == "'none'") response.set("X-Frame-Options", "DENY");
  response.set("Content-Security-Policy",
               "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
               "frame-ancestors " +
                   config_.frame_ancestors + "; base-uri 'none'; form-action 'none'");
}

Response HttpServer::Impl::finish(HttpResponse content, unsigned version, bool keep_alive) const {
  Response response{static_cast<http::status>(content.status), version};
  set_headers(response);
  response.set(http::field::content_type, content.content_type);
  if (!content.content_encoding.empty()) response.set(http::field::content_encoding, content.content_encoding);
  for (const auto& [name, value] : content.headers) response.set(name, value);
  response.keep_alive(keep_alive);
  response.body() = std::move(content.body);
  response.prepare_payload();
  return response;
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpConfig config, std::vector<Route> routes,
                                                      std::string* address) {
  config.allowed_hosts.push_back(config.host);
  if (config.frame_ancestors.empty()) config.frame_ancestors = "'none'";
  auto impl = std::make_unique<Impl>(std::move(config), std::move(routes));
  if (auto error = impl->listen()) return tl::unexpected<Error>(std::move(*error));
  if (address != nullptr) *address = impl->address();
  impl->run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { stop(); }
std::uint16_t HttpServer::port() const { return impl_->port(); }
std::string HttpServer::address() const { return impl_->address(); }
void HttpServer::stop() { impl_->stop(); }

}  // namespace troupe::monitoring
