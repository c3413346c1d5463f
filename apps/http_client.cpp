#include "apps/http_client.hpp"

#include <array>

#include <fmt/format.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include "apps/client_door.hpp"
#include "apps/config_values.hpp"
#include "apps/node_door.hpp"

namespace troupe::apps {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

http::request<http::string_body> request_for(const std::string& address, const std::string& token,
                                             std::string_view method, std::string_view target, std::string body) {
  http::request<http::string_body> request;
  request.method_string({method.data(), method.size()});
  request.target({target.data(), target.size()});
  request.version(11);
  request.set(http::field::host, address);
  request.set(http::field::authorization, "Bearer " + token);
  request.set(http::field::connection, "close");
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = std::move(body);
  request.prepare_payload();
  return request;
}

/// Raises CommandError if the answer is not what was asked for.
void check_status(const std::string& address, unsigned status) {
  switch (status) {
    case 200: return;
    case 401:
    case 403: throw CommandError(ExitCode::authentication, fmt::format("{} does not take this token", address));
    case 404: throw CommandError(ExitCode::not_found, fmt::format("{}: there is no such thing", address));
    default: throw CommandError(ExitCode::failed, fmt::format("{} answered with status {}", address, status));
  }
}

CommandError not_reached(const std::string& address, const beast::error_code& why) {
  return {ExitCode::unreachable, fmt::format("the pages at {} cannot be reached: {}", address, why.message())};
}

}  // namespace

HttpClient::HttpClient(const Door& door) : timeout_(connect_timeout(door)) {
  const auto access = find_access(door);
  if (!access)
    throw CommandError(ExitCode::authentication,
                       "there is no access file; is a scheduler running here? Name its file with --access-file");
  if (access->http_address.empty())
    throw CommandError(ExitCode::failed, "this scheduler serves no pages: it was started with --no-dashboard");
  address_ = access->http_address;
  token_ = access->http_token.reveal_hex();
}

boost::json::value HttpClient::get(std::string_view target) { return boost::json::parse(ask("GET", target, {})); }

boost::json::value HttpClient::post(std::string_view target, const boost::json::value& body) {
  return boost::json::parse(ask("POST", target, boost::json::serialize(body)));
}

std::string HttpClient::get_text(std::string_view target) { return ask("GET", target, {}); }

std::string HttpClient::ask(std::string_view method, std::string_view target, std::string body) {
  constexpr std::uint64_t body_bytes_max = 256 * 1024 * 1024;
  const HostPort where = parse_host_port(address_, {}, "the access file's http_address");
  asio::io_context context(1);
  beast::tcp_stream stream(context);
  const auto request = request_for(address_, token_, method, target, std::move(body));
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(body_bytes_max);
  beast::error_code failed = asio::error::operation_aborted;
  stream.expires_after(timeout_);
  beast::error_code error;
  const auto address = asio::ip::make_address(where.host, error);
  if (error) throw CommandError(ExitCode::unreachable, fmt::format("'{}' is not an address", printable(address_)));
  stream.async_connect({address, where.port}, [&](beast::error_code connected) {
    if ((failed = connected)) return;
    http::async_write(stream, request, [&](beast::error_code written, std::size_t) {
      if ((failed = written)) return;
      http::async_read(stream, buffer, parser, [&](beast::error_code read, std::size_t) { failed = read; });
    });
  });
  context.run();
  if (failed) throw not_reached(address_, failed);
  check_status(address_, parser.get().result_int());
  return parser.release().body();
}

void HttpClient::follow(std::string_view target, const std::function<bool(std::string_view)>& take) {
  const HostPort where = parse_host_port(address_, {}, "the access file's http_address");
  asio::io_context context(1);
  asio::ip::tcp::socket socket(context);
  beast::error_code error;
  socket.connect({asio::ip::make_address(where.host), where.port}, error);
  if (!error) http::write(socket, request_for(address_, token_, "GET", target, {}), error);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  if (!error) http::read_header(socket, buffer, parser, error);
  if (error) throw not_reached(address_, error);
  check_status(address_, parser.get().result_int());
  std::array<char, 64 * 1024> part{};
  while (!parser.is_done()) {
    parser.get().body().data = part.data();
    parser.get().body().size = part.size();
    http::read_some(socket, buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    if (error) throw not_reached(address_, error);
    if (!take({part.data(), part.size() - parser.get().body().size})) return;
  }
}

}  // namespace troupe::apps
