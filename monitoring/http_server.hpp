#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"

namespace troupe::monitoring {

/// What a page is handed of a request that has passed the gate.
struct HttpRequest {
  std::string path{};             ///< without the query
  std::string query{};            ///< after '?', or empty
  std::string accept{};           ///< header, or empty
  std::string accept_encoding{};  ///< header, or empty
};

struct HttpResponse {
  unsigned status{200};
  std::string content_type{"text/plain; charset=utf-8"};
  std::string content_encoding{};  ///< empty = as it is
  std::string body{};
};

enum class Access : std::uint8_t {
  open_on_loopback,  ///< no token needed by a peer on loopback
  token,             ///< needs `Authorization: Bearer <token>` wherever the peer is
};

/// A page: its exact path, who may read it, and what makes its body. `serve` runs on the server's thread.
struct Route {
  std::string path;
  Access access{Access::token};
  std::function<HttpResponse(const HttpRequest&)> serve;
};

struct HttpConfig {
  std::string host{"127.0.0.1"};
  std::uint16_t port{8787};                 ///< 0 = any
  bool insecure{};                          ///< plain text on an interface other than loopback was asked for
  std::string token;                        ///< empty: pages that need one answer 401 to everybody
  std::vector<std::string> allowed_hosts;   ///< names, beside loopback's own, that a Host header may carry
  std::string flag{"--dashboard-address"};  ///< what an operator turns to choose another port, for error texts
  std::size_t header_bytes_max{8 * 1024};
  std::size_t body_bytes_max{64 * 1024};
  std::size_t connections_max{64};
  std::chrono::milliseconds timeout{30'000};  ///< to send a request, to take its answer, and between two
};

/// Serves read-only pages by HTTP/1.1, on a thread of its own.
///
/// Owned by a node's composition root. Everything that arrives passes one gate, `authorize`, before a page sees it:
/// method, Host, token. Only GET and HEAD exist, so nothing a browser can be tricked into sending changes anything.
/// Error bodies are fixed text: no byte of a request is ever sent back. The destructor stops and joins.
class HttpServer {
public:
  /// Fails with a sentence that names the flag to turn if the port is taken or the address is not allowed.
  static Result<std::unique_ptr<HttpServer>> start(HttpConfig config, std::vector<Route> routes);

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

/// Equal, in a time that depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);

/// The name in a Host header without its port, in lower case; empty if it is malformed.
std::string host_name(std::string_view host_header);

}  // namespace troupe::monitoring
