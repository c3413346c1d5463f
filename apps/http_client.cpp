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
#include "monitoring/http_client.hpp"

namespace troupe::apps {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

http::request<http::empty_body> request_for(const std::string& address, const std::string& token,
                                            std::string_view target) {
  http::request<http::empty_body> request(http::verb::get, {target.data(), target.size()}, 11);
  request.set(http::field::host, address);
  request.set(http::field::authorization, "Bearer " + token);
  request.set(http::field::connection, "close");
  return request;
}

/// What an answer says about itself, after a colon.
std::string sentence_of(const std::string& body) {
  boost::system::error_code error;
  const auto value = boost::json::parse(body, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* sentence = object == nullptr ? nullptr : object->if_contains("error");
  return sentence == nullptr || !sentence->is_string() ? std::string() : ": " + printable(sentence->as_string());
}

/// Raises CommandError if the answer is not what was asked for.
void check_status(const std::string& address, unsigned status, const std::string& body = {}) {
  switch (status) {
    case 200: return;
    case 401:
    case 403:
      throw CommandError(ExitCode::authentication,
                         fmt::format("{} does not take the http_token of this access file, so another scheduler wrote "
                                     "it: name the right one with --access-file. Other programs get a token of their "
                                     "own by `troupe dashboard --token`",
                                     address));
    case 404: throw CommandError(ExitCode::not_found, fmt::format("{}: there is no such thing", address));
    default:
      throw CommandError(ExitCode::failed,
                         fmt::format("{} answered with status {}{}", address, status, sentence_of(body)));
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
  monitoring::HttpQuestion question{address_,        token_,  std::string(method), std::string(target),
                                    std::move(body), timeout_};
  auto reply = monitoring::ask_page(question);
  if (!reply) throw CommandError(ExitCode::unreachable, reply.error().text);
  check_status(address_, reply->status, reply->body);
  return std::move(reply->body);
}

void HttpClient::follow(std::string_view target, const std::function<bool(std::string_view)>& take) {
  const HostPort where = parse_host_port(address_, {}, "the access file's http_address");
  asio::io_context context(1);
  asio::ip::tcp::socket socket(context);
  beast::error_code error;
  socket.connect({asio::ip::make_address(where.host), where.port}, error);
  if (!error) http::write(socket, request_for(address_, token_, target), error);
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
