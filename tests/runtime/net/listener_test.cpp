#include "runtime/net/listener.hpp"

#include <boost/asio/write.hpp>
#include <random>

#include "tests/runtime/net/net_fixture.hpp"

namespace troupe::testing {
namespace {

class ListenerTest : public NetTest {
protected:
  std::unique_ptr<Listener> open(ListenOptions options) {
    auto listener = Listener::open(
        io, std::move(options),
        [this](AuthenticatedPeer peer) {
          established = peer.welcome(draw_token(system_random), false, 0);
          peer.connection()->start(at_server, Reading::batches);
          peer.connection()->flush();
          served.push_back(peer.connection());
        },
        [this](std::string_view text) { log.emplace_back(text); });
    EXPECT_TRUE(listener) << listener.error().text;
    return listener ? std::move(*listener) : nullptr;
  }
  Result<Opened> connect(OpenOptions options) {
    std::optional<Result<Opened>> result;
    Opening opening(io, std::move(options), [&](Result<Opened> opened) {
      if (opened) opened->connection->start(at_client, Reading::batches);
      result = std::move(opened);
    });
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return result ? std::move(*result) : fail(ErrorKind::failed, "no answer");
  }
  /// Sends bytes as they are; returns once the server has closed.
  void throw_at(const std::string& address, const std::string& bytes, bool end = false) {
    tcp::socket socket(io);
    socket.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port_of(address)));
    boost::system::error_code ignored;
    boost::asio::write(socket, boost::asio::buffer(bytes), ignored);
    if (end) socket.shutdown(tcp::socket::shutdown_send, ignored);
    bool closed = false;
    std::array<char, 1024> space;
    std::function<void()> read = [&] {
      socket.async_read_some(boost::asio::buffer(space), [&](const boost::system::error_code& error, std::size_t) {
        if (error) {
          closed = true;
        } else {
          read();
        }
      });
    };
    read();
    EXPECT_TRUE(until([&] { return closed; }));
  }
  ~ListenerTest() override {
    for (auto& connection : served) connection->release();
  }

  std::vector<std::string> log;
  std::vector<std::shared_ptr<Connection>> served;
  Recorder at_server;
  Recorder at_client;
  std::optional<Established> established;
};

TEST_F(ListenerTest, APeerWithTheKeyIsLetInAndBothSpeak) {
  const auto listener = open(listen_options());
  auto opened = connect(open_options(listener->address()));
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_EQ(opened->established.session, established->session);
  EXPECT_EQ(opened->established.epoch, access.epoch);
  opened->connection->send(message_frame(1, "hello"));
  served.front()->send(message_frame(1, "hello to you"));
  ASSERT_TRUE(until([&] { return at_server.frames.size() == 1 && at_client.frames.size() == 1; }));
  EXPECT_EQ(listener->counters().authenticated, 1U);
  EXPECT_TRUE(log.empty());
}

TEST_F(ListenerTest, APeerThatNobodyTakesIsLetGo) {
  auto opened_listener = Listener::open(
      io, listen_options(),
      [](AuthenticatedPeer peer) {
        (void)peer.welcome(draw_token(system_random), false, 0);
        peer.connection()->flush();
      },
      [this](std::string_view text) { log.emplace_back(text); });
  ASSERT_TRUE(opened_listener);
  auto opened = connect(open_options((*opened_listener)->address()));
  ASSERT_TRUE(opened) << opened.error().text;
  opened->connection->send(message_frame(1, "is anybody there?"));
  ASSERT_TRUE(until([&] { return at_client.closed.has_value(); }));
  EXPECT_TRUE(log.empty());
}

TEST_F(ListenerTest, AWrongKeyIsNoticedOnBothSidesAndLoggedOnceAMinute) {
  const auto listener = open(listen_options());
  auto options = open_options(listener->address());
  options.key = Secret::draw(system_random);
  for (int i = 0; i < 3; ++i) {
    auto opened = connect(options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::invalid);
    EXPECT_THAT(opened.error().text, ::testing::HasSubstr("did not prove"));
  }
  ASSERT_TRUE(until([&] { return listener->counters().garbage == 3; }));  // the client went away first
  EXPECT_EQ(listener->counters().authenticated, 0U);
  ASSERT_EQ(log.size(), 1U);
  EXPECT_THAT(log[0], ::testing::HasSubstr("127.0.0.1"));
}

TEST_F(ListenerTest, AnotherClusterIsRefused) {
  const auto listener = open(listen_options());
  auto options = open_options(listener->address());
  options.cluster.low ^= 1;
  auto opened = connect(options);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text, ::testing::HasSubstr("cluster"));
}

TEST_F(ListenerTest, ARoleThatIsNotServedIsRefused) {
  const auto listener = open(listen_options({Role::client}));
  EXPECT_FALSE(connect(open_options(listener->address(), Role::worker)));
  EXPECT_TRUE(connect(open_options(listener->address(), Role::client)));
}

TEST_F(ListenerTest, GarbageBeforeAuthenticationIsClosedAndHarmsNobody) {
  const auto listener = open(listen_options());
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i) {
    std::string bytes(1 + random() % 3000, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    throw_at(listener->address(), bytes, true);
  }
  throw_at(listener->address(), "GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n");
  EXPECT_EQ(listener->counters().garbage + listener->counters().refused, 51U);
  EXPECT_EQ(log.size(), 1U);
  EXPECT_TRUE(connect(open_options(listener->address())));
}

TEST_F(ListenerTest, AnOversizeFrameBeforeAuthenticationIsClosedAtItsHeader) {
  const auto listener = open(listen_options());
  FrameHeader header;
  header.kind = FrameKind::hello;
  header.payload_bytes = FrameLimits::before_authentication + 8;
  std::string bytes(FrameHeader::size, '\0');
  encode_header(header,
                std::span<std::byte, FrameHeader::size>(reinterpret_cast<std::byte*>(bytes.data()), FrameHeader::size));
  throw_at(listener->address(), bytes);
  EXPECT_EQ(listener->counters().garbage, 1U);
}

TEST_F(ListenerTest, AHandshakeCutAtAnyByteLeavesNothingBehind) {
  const auto listener = open(listen_options());
  for (std::uint64_t cut = 1; cut < 400; cut += 7) {
    CuttingProxy proxy(io, port_of(listener->address()), [cut] { return cut; });
    std::optional<Result<Opened>> result;
    Opening opening(io, open_options(proxy.address()), [&](Result<Opened> opened) {
      if (opened) opened->connection->start(at_client, Reading::batches);
      result = std::move(opened);
    });
    ASSERT_TRUE(until([&] { return result.has_value(); })) << cut;
    if (*result) {
      (*result)->connection->release();
    } else {
      EXPECT_EQ(result->error().kind, ErrorKind::disconnected) << result->error().text;
    }
  }
  EXPECT_TRUE(connect(open_options(listener->address())));
}

TEST_F(ListenerTest, AStrangerThatSaysNothingIsClosedAfterTheDeadline) {
  auto options = listen_options();
  options.limits.handshake_deadline = std::chrono::milliseconds(30);
  const auto listener = open(options);
  throw_at(listener->address(), "");
  EXPECT_EQ(listener->counters().garbage, 1U);
  EXPECT_THAT(log.at(0), ::testing::HasSubstr("deadline"));
}

TEST_F(ListenerTest, MoreStrangersThanTheLimitAreTurnedAway) {
  auto options = listen_options();
  options.limits.pending_handshakes = 2;
  const auto listener = open(options);
  std::vector<tcp::socket> silent;
  for (int i = 0; i < 2; ++i) {
    silent.emplace_back(io);
    silent.back().connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port_of(listener->address())));
  }
  ASSERT_TRUE(until([&] { return listener->counters().accepted == 2; }));
  throw_at(listener->address(), "");
  EXPECT_EQ(listener->counters().over_limit, 1U);
}

TEST_F(ListenerTest, APortInUseIsAnErrorThatNamesTheAddressAndTheFlag) {
  const auto listener = open(listen_options());
  auto options = listen_options();
  options.port = port_of(listener->address());
  options.port_flag = "--data-port";
  auto second = Listener::open(io, options, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text, ::testing::HasSubstr(listener->address()));
  EXPECT_THAT(second.error().text, ::testing::HasSubstr("--data-port"));
  EXPECT_THAT(second.error().text, ::testing::HasSubstr("in use"));
}

TEST_F(ListenerTest, AnotherInterfaceThanLoopbackNeedsTheInsecureFlag) {
  auto options = listen_options();
  options.host = "0.0.0.0";
  auto refused = Listener::open(io, options, {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("--insecure"));
  options.insecure = true;
  EXPECT_TRUE(Listener::open(io, options, {}));
}

TEST_F(ListenerTest, NobodyListeningIsAnErrorWorthAnotherAttempt) {
  std::string address;
  {
    const auto listener = open(listen_options());
    address = listener->address();
  }
  auto opened = connect(open_options(address));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::disconnected);
  EXPECT_THAT(opened.error().text, ::testing::HasSubstr(address));
}

}  // namespace
}  // namespace troupe::testing
