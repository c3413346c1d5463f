#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/error.hpp"

namespace troupe::monitoring {

/// What the holder of a token may do.
enum class Scope : std::uint8_t { none, read, admin };

/// What a page is handed of a request that has passed the gate.
struct HttpRequest {
  std::string path{};                             ///< of the route
  std::string query{};                            ///< after '?', or empty
  std::string accept{};                           ///< header, or empty
  std::string accept_encoding{};                  ///< header, or empty
  std::string if_none_match{};                    ///< header, or empty
  std::map<std::string, std::string> segments{};  ///< what stands for each {name} of the route, decoded
  std::string body{};                             ///< of a POST
  Scope scope{Scope::none};                       ///< of the token that came along
};

struct HttpResponse {
  unsigned status{200};
  std::string content_type{"text/plain; charset=utf-8"};
  std::string content_encoding{};  ///< empty = as it is
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};  ///< beside those that every answer has
};

enum class Access : std::uint8_t {
  open_on_loopback,  ///< no token needed by a peer on loopback
  token,             ///< needs `Authorization: Bearer <token>` wherever the peer is
  admin,             ///< needs one that may do more than read
  everyone,          ///< no token needed: it tells nothing of the cluster
};

/// Text that comes bit by bit, each bit when the one before has been written and `interval` has passed.
class LineSource {
public:
  virtual ~LineSource() = default;
  /// What is to be written now; empty: nothing yet. On the server's thread.
  virtual std::string next() = 0;
  [[nodiscard]] virtual std::chrono::milliseconds interval() const = 0;
  /// The last words, when the server stops.
  virtual std::string last() { return {}; }
};

/// A page: its path, who may read it, and what makes its body. `serve` runs on the server's thread, or, of a slow page, on
/// one of a few that do nothing else. A segment `{name}` of the path stands for any one segment, and a last segment `*`
/// for all that follow.
struct Route {
  std::string path;
  Access access{Access::token};
  std::function<HttpResponse(const HttpRequest&)> serve;
  bool post{};  ///< answers POST, with a JSON body, instead of GET
  /// Instead of `serve`: makes what is streamed. If it is null, the response says why not.
  std::function<std::unique_ptr<LineSource>(const HttpRequest&, HttpResponse&)> stream{};
  bool slow{};  ///< `serve` may wait for others: 503 while too many of these are asked for
};

struct HttpConfig {
  std::string host{"127.0.0.1"};
  std::uint16_t port{8787};                 ///< 0 = any
  bool insecure{};                          ///< plain text on an interface other than loopback was asked for
  std::string token;                        ///< an admin's; empty: there is none
  std::vector<std::string> allowed_hosts;   ///< names, beside loopback's own, that a Host header may carry
  std::string flag{"--dashboard-address"};  ///< what an operator turns to choose another port, for error texts
  std::string frame_ancestors{"'none'"};    ///< who may show the pages in a frame, as CSP has it
  std::function<Scope(std::string_view)> scope_of{};  ///< of tokens beside `token`; empty: there are none
  std::size_t header_bytes_max{8 * 1024};
  std::size_t body_bytes_max{64 * 1024};
  std::size_t connections_max{256};
  std::size_t streams_max{64};
  std::size_t slow_threads{2};
  std::size_t slow_max{8};                    ///< slow pages that are made or wait for their turn
  std::chrono::milliseconds timeout{30'000};  ///< to send a request, to take its answer, and between two
};

/// Serves pages by HTTP/1.1, on a thread of its own.
///
/// Owned by a node's composition root. Everything that arrives passes one gate, `authorize`, before a page sees it:
/// method, Host, Origin, token. GET and HEAD change nothing; a POST needs JSON, which no form of another site can send,
/// and comes from a page of ours or from no page at all. Error bodies are fixed text: no byte of a request is ever sent
/// back. The destructor stops and joins, also with slow pages that are being made.
class HttpServer {
public:
  /// Fails with a sentence that names the flag to turn if the port is taken or the address is not allowed.
  /// `address`, if there is one, is told where it listens before the first request is served.
  static Result<std::unique_ptr<HttpServer>> start(HttpConfig config, std::vector<Route> routes,
                                                   std::string* address = nullptr);

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  [[nodiscard]] std::uint16_t port() const;
  /// host:port, as bound.
  [[nodiscard]] std::string address() const;
  void stop();

private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The name in a Host header without its port, in lower case; empty if it is malformed.
std::string host_name(std::string_view host_header);

/// The bytes that %XX stand for, and with `plus` a space for '+'; nothing if an escape is malformed.
bool percent_decode(std::string_view text, bool plus, std::string& out);

/// Whether a route's path fits, and what stands for its {names}.
bool path_fits(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& segments);

/// An error as API clients get it, "troupe/v1/error".
HttpResponse api_error(unsigned status, std::string_view sentence);

}  // namespace troupe::monitoring
