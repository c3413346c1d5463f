#pragma once

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "monitoring/api.hpp"
#include "monitoring/assets.hpp"
#include "tests/monitoring/fake_source.hpp"

namespace troupe::monitoring {

namespace json = boost::json;
using tcp = boost::asio::ip::tcp;

struct Answer {
  unsigned status{};
  std::string head;
  std::string body;
  [[nodiscard]] json::object object() const { return json::parse(body).as_object(); }
};

/// The API of a cluster that a test makes up, over real sockets.
class ApiTest : public testing::Test {
protected:
  void SetUp() override {
    source_->cluster = some_cluster();
    source_->past.keep(100'000);
    sources_.source = source_;
    sources_.recorder = std::make_shared<Recorder>(source_);
    sources_.events = events_;
    sources_.log = [this](std::uint64_t after, std::size_t most) {
      LogPage page;
      for (std::size_t i = after; i < warned_.size() && page.lines.size() < most; ++i)
        page.lines.push_back({i + 1, 0, 2, warned_[i], {}});
      page.last = warned_.size();
      return page;
    };
    sources_.warn = [this](std::string_view text) { warned_.emplace_back(text); };
    sources_.ask.log = [](const std::string& worker, std::uint64_t after, std::size_t most) -> Result<LogPage> {
      if (worker == "w2") return tl::unexpected(Error{ErrorKind::failed, "the worker did not answer"});
      return LogPage{{{after + 1, 0, 2, fmt::format("of {}, at most {}", worker, most), {}}}, 7};
    };
    sources_.ask.profile = [this](const std::vector<std::string>& workers, std::chrono::microseconds duration,
                                  std::chrono::microseconds, const std::string& function) -> Result<StackSamples> {
      profiled_.push_back(
          fmt::format("{} {} {}", workers.empty() ? "all" : workers.front(), duration.count(), function));
      if (function == "gone") return tl::unexpected(Error{ErrorKind::failed, "the scheduler has ended"});
      return StackSamples{200, {{"m::f", {"f", "g"}, 3}, {"m::f", {"f", "h"}, 9}}, {{"w2", "too busy"}}};
    };
    sources_.ask.past = [this](const std::vector<std::string>& workers, std::chrono::microseconds from,
                               std::chrono::microseconds to, const std::string& prefix) -> Result<PastSamples> {
      profiled_.push_back(fmt::format("{} {} {} {}", workers.empty() ? "all" : workers.front(), from.count() / 1000,
                                      to.count() / 1000, prefix));
      if (prefix == "gone") return tl::unexpected(Error{ErrorKind::failed, "the scheduler has ended"});
      using namespace std::chrono_literals;
      PastSamples::Worker busy{10ms, {{100s, 1s, 100}, {60s, 10s, 500}}};
      return PastSamples{
          {busy, {20ms, {{100s, 1s, 50}}}}, {{"f", {"f", "g"}, 3}, {"f", {"f", "h"}, 9}}, {{"w2", "off"}}};
    };
    sources_.ask.loop_past = [this](std::chrono::microseconds from,
                                    std::chrono::microseconds to) -> Result<PastSamples> {
      profiled_.push_back(fmt::format("loop {} {}", from.count() / 1000, to.count() / 1000));
      using namespace std::chrono_literals;
      if (from > 1h) return tl::unexpected(Error{ErrorKind::failed, "the continuous profile is off here"});
      return PastSamples{{{10ms, {{60s, 1s, 70}}}}, {{"event loop", {"resume", "place"}, 70}}, {}};
    };
    sources_.ask.task_log = [](const std::vector<std::string>& workers, TaskId task,
                               std::size_t most) -> Result<TaskLog> {
      TaskLog log;
      for (const std::string& worker : workers)
        log.lines[worker] = {{7,
                              static_cast<std::int64_t>(worker.size()) * 1000,
                              1,
                              fmt::format("{} of {}", worker, most),
                              {task, {}, {}}}};
      log.unanswered["w3"] = "too busy";
      return log;
    };
    sources_.logins = logins_;
    sources_.identity = {{"1.2.3", "abc", "gcc"}, 1000};
    sources_.http_address = std::make_shared<std::string>();
    HttpConfig config;
    config.port = 0;
    config.token = admin;
    config.scope_of = [logins = logins_](std::string_view token) { return logins->scope_of(token); };
    std::vector<Route> routes = api_routes(sources_);
    for (auto& route : asset_routes(routes)) routes.push_back(std::move(route));
    auto started = HttpServer::start(std::move(config), std::move(routes), sources_.http_address.get());
    ASSERT_TRUE(started) << started.error().text;
    server_ = std::move(*started);
  }
  void TearDown() override { server_.reset(); }

  Answer send(const std::string& bytes) {
    boost::asio::io_context context;
    tcp::socket socket(context);
    socket.connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
    boost::asio::write(socket, boost::asio::buffer(bytes));
    std::string all;
    boost::system::error_code error;
    boost::asio::read(socket, boost::asio::dynamic_buffer(all), error);
    Answer answer;
    if (all.size() < 12) return answer;
    answer.status = static_cast<unsigned>(std::stoul(all.substr(9, 3)));
    const auto end = all.find("\r\n\r\n");
    answer.head = all.substr(0, end);
    answer.body = all.substr(end + 4);
    return answer;
  }
  Answer get(const std::string& target, const std::string& token = admin, const std::string& headers = "") {
    return send(
        fmt::format("GET {} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n"
                    "{}\r\n",
                    target, server_->port(), token, headers));
  }
  Answer post(const std::string& target, const std::string& body, const std::string& token = admin,
              const std::string& headers = "Content-Type: application/json\r\n") {
    return send(
        fmt::format("POST {} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n"
                    "Content-Length: {}\r\n{}\r\n{}",
                    target, server_->port(), token, body.size(), headers, body));
  }
  std::string reader() {
    const Answer answer =
        post("/api/v1/login", json::serialize(json::object{{"code", logins_->make_code(Scope::read)}}));
    return std::string(answer.object().at("token").as_string());
  }

  static constexpr const char* admin = "admin-token";
  std::shared_ptr<FakeSource> source_ = std::make_shared<FakeSource>();
  std::shared_ptr<EventRing> events_ = std::make_shared<EventRing>(100);
  std::vector<std::string> warned_;    // by the server's thread, read when it has answered
  std::vector<std::string> profiled_;  // likewise
  std::shared_ptr<Logins> logins_ = std::make_shared<Logins>();
  ApiSources sources_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace troupe::monitoring
