#include "monitoring/http_server.hpp"

#include <future>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace troupe::monitoring {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tcp = boost::asio::ip::tcp;

/// A client that sends exactly the bytes it is given.
class RawClient {
public:
  explicit RawClient(std::uint16_t port) : socket_(context_) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
  }
  void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  /// All that comes until the server closes.
  std::string read_all() {
    std::string all;
    boost::system::error_code error;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(all), error);
    return all;
  }

private:
  boost::asio::io_context context_;
  tcp::socket socket_;
};

class HttpServerTest : public testing::Test {
protected:
  void start(HttpConfig config = {}) {
    config.port = 0;
    config.token = "secret-token";
    std::vector<Route> routes;
    routes.push_back(
        {"/livez", Access::open_on_loopback, [](const HttpRequest&) { return HttpResponse{.body = "ok\n"}; }});
    routes.push_back({"/private", Access::token, [](const HttpRequest&) { return HttpResponse{.body = "inside\n"}; }});
    routes.push_back({"/throws", Access::open_on_loopback,
                      [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("key=hunter2"); }});
    auto started = HttpServer::start(std::move(config), std::move(routes));
    ASSERT_TRUE(started) << started.error().text;
    server_ = std::move(*started);
  }
  std::string ask(const std::string& method, const std::string& target, const std::string& headers = "",
                  const std::string& host = "localhost") {
    RawClient client(server_->port());
    client.send(
        fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}\r\n", method, target, host, headers));
    return client.read_all();
  }
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, serves_an_open_page_on_loopback_without_a_token_and_with_security_headers) {
  start();
  const std::string answer = ask("GET", "/livez?x=1");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nok\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Security-Policy: default-src 'none';"));
  EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(answer, HasSubstr("Referrer-Policy: no-referrer"));
  EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store"));
  EXPECT_THAT(answer, Not(HasSubstr("Access-Control")));
}

TEST_F(HttpServerTest, a_private_page_needs_the_right_bearer_token) {
  start();
  EXPECT_THAT(ask("GET", "/private"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(ask("GET", "/private"), HasSubstr("WWW-Authenticate: Bearer"));
  for (const char* wrong : {"Bearer secret-toke", "Bearer secret-token2", "Bearer secret-tokem", "Bearer ",
                            "secret-token", "Basic secret-token"})
    EXPECT_THAT(ask("GET", "/private", fmt::format("Authorization: {}\r\n", wrong)), StartsWith("HTTP/1.1 401 "))
        << wrong;
  EXPECT_THAT(ask("GET", "/private", "Authorization: Bearer secret-token\r\n"), HasSubstr("inside"));
}

TEST_F(HttpServerTest, head_is_answered_with_headers_alone) {
  start();
  const std::string answer = ask("HEAD", "/livez");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(HttpServerTest, other_methods_are_refused_before_anything_else_is_looked_at) {
  start();
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"}) {
    const std::string answer = ask(method, "/livez");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD"));
  }
}

TEST_F(HttpServerTest, unknown_pages_and_traversals_get_a_fixed_text_that_repeats_nothing) {
  start();
  for (const char* target :
       {"/nothing", "/../etc/passwd", "/livez/..", "//livez", "/%2e%2e/etc", "/<script>", "/livez%00"}) {
    const std::string answer = ask("GET", target);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 ")) << target;
    EXPECT_THAT(answer, HasSubstr("\r\n\r\nno such page\n"));
    EXPECT_THAT(answer, Not(HasSubstr("script>")));
  }
}

TEST_F(HttpServerTest, a_host_name_that_is_not_allowed_is_refused_so_that_a_rebound_name_reads_nothing) {
  HttpConfig config;
  config.allowed_hosts = {"Troupe.Example"};
  start(config);
  for (const char* host : {"localhost", "127.0.0.1", "[::1]", "localhost:8787", "LOCALHOST", "troupe.example:1"})
    EXPECT_THAT(ask("GET", "/livez", "", host), StartsWith("HTTP/1.1 200 ")) << host;
  for (const char* host : {"evil.example", "127.0.0.1.evil", "localhost.evil", "localhost:x", "[::1", "",
                           "localhost:123456", "127.0.0.2", "localhost@evil"})
    EXPECT_THAT(ask("GET", "/livez", "", host), StartsWith("HTTP/1.1 403 ")) << host;
  RawClient none(server_->port());
  none.send("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(none.read_all(), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET", "/livez", "Host: evil.example\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, a_page_that_throws_gives_500_and_keeps_its_reason_to_itself) {
  start();
  const std::string answer = ask("GET", "/throws");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, Not(HasSubstr("hunter2")));
}

TEST_F(HttpServerTest, headers_and_bodies_over_their_limits_are_refused) {
  start();
  EXPECT_THAT(ask("GET", "/livez", "X: " + std::string(9000, 'a') + "\r\n"), StartsWith("HTTP/1.1 431 "));
  RawClient client(server_->port());
  client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, garbage_is_answered_with_400_and_the_server_lives_on) {
  start();
  RawClient client(server_->port());
  client.send("\x16\x03\x01\x02\x00 not http\r\n\r\n"s);  // a literal of its own length: it holds a zero
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET", "/livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, a_silent_connection_is_closed_after_the_timeout) {
  HttpConfig config;
  config.timeout = std::chrono::milliseconds(50);
  start(config);
  RawClient client(server_->port());
  client.send("GET /livez HT");
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(HttpServerTest, connections_over_the_limit_are_closed_and_come_free_again) {
  HttpConfig config;
  config.connections_max = 2;
  start(config);
  {
    RawClient first(server_->port());
    RawClient second(server_->port());
    first.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    second.send("GET /li");
    EXPECT_THAT(first.read_all(), HasSubstr("ok"));  // now one is certainly accepted and gone
    RawClient third(server_->port());
    third.send("GET /li");
    RawClient fourth(server_->port());
    EXPECT_EQ(fourth.read_all(), "");
  }
  std::string answer;
  for (int attempt = 0; attempt < 1000 && answer.empty(); ++attempt) answer = ask("GET", "/livez");
  EXPECT_THAT(answer, HasSubstr("ok"));
}

TEST_F(HttpServerTest, several_requests_share_one_connection) {
  start();
  RawClient client(server_->port());
  client.send(
      "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: "
      "close\r\n\r\n");
  const std::string all = client.read_all();
  EXPECT_NE(all.find("200 OK"), all.rfind("200 OK"));
}

TEST(HttpServer, names_the_flag_when_the_port_is_taken) {
  HttpConfig config;
  config.port = 0;
  auto first = HttpServer::start(config, {});
  ASSERT_TRUE(first);
  config.port = (*first)->port();
  auto second = HttpServer::start(config, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::failed);
  EXPECT_THAT(second.error().text, HasSubstr("--dashboard-address 127.0.0.1:PORT"));
  EXPECT_THAT(second.error().text, HasSubstr(std::to_string(config.port)));
}

TEST(HttpServer, refuses_an_open_interface_unless_insecure_is_spelled_out) {
  HttpConfig config;
  config.host = "0.0.0.0";
  config.port = 0;
  auto refused = HttpServer::start(config, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().text, HasSubstr("--insecure"));
  config.insecure = true;
  EXPECT_TRUE(HttpServer::start(config, {}));
  config.host = "not-an-address";
  EXPECT_FALSE(HttpServer::start(config, {}));
}

TEST(HttpServer, a_slow_page_holds_up_no_other_and_is_refused_when_too_many_are_asked_for) {
  HttpConfig config;
  config.port = 0;
  config.slow_max = 1;
  std::promise<void> entered;
  std::promise<void> leave;
  int served = 0;
  std::vector<Route> routes;
  routes.push_back({"/livez", Access::everyone, [](const HttpRequest&) { return HttpResponse{.body = "ok\n"}; }});
  routes.push_back({"/slow", Access::everyone, [&](const HttpRequest&) {
                      if (++served > 1) return HttpResponse{.body = "again\n"};
                      entered.set_value();
                      leave.get_future().wait();
                      return HttpResponse{.body = "at last\n"};
                    }});
  routes.back().slow = true;
  auto started = HttpServer::start(std::move(config), std::move(routes));
  ASSERT_TRUE(started) << started.error().text;
  const auto send = [&](RawClient& client, const std::string& target) {
    client.send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target));
  };
  const auto ask = [&](const std::string& target) {
    RawClient client((*started)->port());
    send(client, target);
    return client.read_all();
  };
  RawClient first((*started)->port());
  send(first, "/slow");
  entered.get_future().wait();
  EXPECT_THAT(ask("/livez"), HasSubstr("ok\n"));
  EXPECT_THAT(ask("/slow"), StartsWith("HTTP/1.1 503 "));
  leave.set_value();
  EXPECT_THAT(first.read_all(), HasSubstr("at last\n"));
  EXPECT_THAT(ask("/slow"), HasSubstr("again\n"));
}

TEST(HttpServer, stops_with_connections_open) {
  HttpConfig config;
  config.port = 0;
  auto server = HttpServer::start(config, {});
  ASSERT_TRUE(server);
  RawClient client((*server)->port());
  client.send("GET /li");
  server->reset();
  EXPECT_EQ(client.read_all(), "");
}

}  // namespace
}  // namespace troupe::monitoring
