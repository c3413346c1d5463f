#include "monitoring/http_client.hpp"

#include <charconv>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace troupe::monitoring {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

Result<asio::ip::tcp::endpoint> endpoint_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  beast::error_code error;
  const auto parsed = asio::ip::make_address(host, error);
  if (colon == std::string::npos || error ||
      std::from_chars(address.data() + colon + 1, address.data() + address.size(), port).ec != std::errc{})
    return tl::unexpected(Error{ErrorKind::invalid, fmt::format("'{}' is not an address", address)});
  return asio::ip::tcp::endpoint(parsed, port);
}

}  // namespace

Result<HttpReply> ask_page(const HttpQuestion& question) {
  constexpr std::uint64_t body_bytes_max = 256 * 1024 * 1024;
  const auto where = endpoint_of(question.address);
  if (!where) return tl::unexpected(where.error());
  http::request<http::string_body> request;
  request.method_string(question.method);
  request.target(question.target);
  request.version(11);
  request.set(http::field::host, question.address);
  request.set(http::field::authorization, "Bearer " + question.token);
  request.set(http::field::connection, "close");
  if (!question.body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = question.body;
  request.prepare_payload();
  asio::io_context context(1);
  beast::tcp_stream stream(context);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(body_bytes_max);
  beast::error_code failed = asio::error::operation_aborted;
  stream.expires_after(question.timeout);
  stream.async_connect(*where, [&](beast::error_code connected) {
    if ((failed = connected)) return;
    http::async_write(stream, request, [&](beast::error_code written, std::size_t) {
      if ((failed = written)) return;
      http::async_read(stream, buffer, parser, [&](beast::error_code read, std::size_t) { failed = read; });
    });
  });
  context.run();
  if (failed)
    return tl::unexpected(Error{ErrorKind::disconnected, fmt::format("the pages at {} cannot be reached: {}",
                                                                     question.address, failed.message())});
  HttpReply reply{parser.get().result_int(), {}};
  reply.body = std::move(parser.release().body());
  return reply;
}

}  // namespace troupe::monitoring
