#include "runtime/net/session_channel.hpp"

#include <random>

#include "tests/runtime/net/net_fixture.hpp"

namespace troupe::testing {
namespace {

/// One end: keeps the numbers it is told, in order.
class End final : public SessionOwner {
public:
  void on_payloads(std::vector<Bytes>& payloads) override {
    for (const auto& payload : payloads) {
      auto message = decode<ClientMessage>(payload);
      ASSERT_TRUE(message);
      got.push_back(std::get<Numbered>(*message).request.value);
    }
  }
  void on_cut(const Error&) override { ++cuts; }
  void on_bye() override { bye = true; }
  void on_over(const Error& error) override { over = error; }

  using Numbered = Query;
  std::vector<std::uint64_t> got;
  int cuts{};
  bool bye{};
  std::optional<Error> over;
};

class SessionChannelTest : public NetTest {
protected:
  SessionChannelTest() {
    server = std::make_unique<SessionChannel>(io, config, server_end);
    client = std::make_unique<SessionChannel>(io, config, client_end);
    auto opened = Listener::open(io, listen_options(), [this](AuthenticatedPeer peer) {
      const bool resumed = token && peer.hello().session == token;
      if (!resumed) token = draw_token(system_random);
      const auto established = peer.welcome(token, resumed, server->last_received());
      ASSERT_TRUE(server->attach(peer.connection(), established));
    });
    listener = std::move(*opened);
  }

  /// Keeps a wire under the client's session, as a link would.
  void keep_connected(const std::string& address) {
    if (opening || client->connected()) return;
    auto options = open_options(address);
    options.session = session;
    options.received = session ? client->last_received() : 0;
    opening = std::make_unique<Opening>(io, options, [this](Result<Opened> opened) {
      attempt_over = true;
      if (!opened) return;
      EXPECT_EQ(opened->established.resumed, static_cast<bool>(session));
      session = opened->established.session;
      ASSERT_TRUE(client->attach(opened->connection, opened->established));
    });
  }
  void step(const std::string& address) {
    if (attempt_over) opening.reset();
    attempt_over = false;
    keep_connected(address);
  }

  static ClientMessage message(std::uint64_t number) {
    Query query;
    query.request = {number};
    query.text.assign(number % 300, 'x');
    return query;
  }
  void send(SessionChannel& channel, FrameEncoder& encoder, std::uint64_t number) {
    channel.send(*encoder.encode(message(number)));
  }

  SessionConfig config;
  End server_end;
  End client_end;
  std::unique_ptr<SessionChannel> server;
  std::unique_ptr<SessionChannel> client;
  FrameEncoder at_server;
  FrameEncoder at_client;
  std::unique_ptr<Listener> listener;
  Token token;
  Token session;
  std::unique_ptr<Opening> opening;
  bool attempt_over{};
};

std::vector<std::uint64_t> numbers(std::uint64_t count) {
  std::vector<std::uint64_t> list;
  for (std::uint64_t i = 1; i <= count; ++i) list.push_back(i);
  return list;
}

TEST_F(SessionChannelTest, MessagesGoBothWaysAndAreAcknowledged) {
  for (std::uint64_t i = 1; i <= 5000; ++i) send(*client, at_client, i);
  ASSERT_TRUE(until([&] {
    step(listener->address());
    return server_end.got.size() == 5000;
  }));
  for (std::uint64_t i = 1; i <= 10; ++i) send(*server, at_server, i);
  ASSERT_TRUE(until([&] { return client_end.got.size() == 10 && client->buffered() == 0 && server->buffered() == 0; }));
  EXPECT_EQ(server_end.got, numbers(5000));
  EXPECT_EQ(client_end.got, numbers(10));
}

TEST_F(SessionChannelTest, AConnectionCutAgainAndAgainAtAnyByteLosesAndRepeatsNothing) {
  constexpr std::uint64_t count = 3000;
  std::mt19937_64 random(11);
  // From a few bytes of the handshake to some hundred messages.
  const auto budget = [&] { return random() % 4 == 0 ? 1 + random() % 600 : 400 + random() % 60'000; };
  CuttingProxy proxy(io, port_of(listener->address()), budget);
  std::uint64_t sent = 0;
  const bool done = run_until(
      io,
      [&] {
        step(proxy.address());
        for (int i = 0; i < 20 && sent < count; ++i) {
          ++sent;
          send(*client, at_client, sent);
          send(*server, at_server, sent);
        }
        return server_end.got.size() == count && client_end.got.size() == count;
      },
      std::chrono::seconds(60));
  EXPECT_TRUE(done) << server_end.got.size() << " and " << client_end.got.size();
  EXPECT_EQ(server_end.got, numbers(count));
  EXPECT_EQ(client_end.got, numbers(count));
  EXPECT_GT(proxy.cuts(), 10);
  EXPECT_GT(client_end.cuts + server_end.cuts, 10);
  EXPECT_FALSE(server_end.over);
  EXPECT_FALSE(client_end.over);
}

TEST_F(SessionChannelTest, GoodbyeEndsTheOtherEndAtOnceAfterAllMessages) {
  step(listener->address());
  ASSERT_TRUE(until([&] { return client->connected(); }));
  for (std::uint64_t i = 1; i <= 100; ++i) send(*client, at_client, i);
  client->bye();
  ASSERT_TRUE(until([&] { return server_end.over.has_value(); }));
  EXPECT_TRUE(server_end.bye);
  EXPECT_EQ(server_end.got, numbers(100));
  EXPECT_FALSE(client_end.over);
}

TEST_F(SessionChannelTest, ASessionWhoseWireDoesNotComeBackEndsAfterItsGrace) {
  config.grace = std::chrono::milliseconds(50);
  End brief;
  SessionChannel channel(io, config, brief);
  ASSERT_TRUE(until([&] { return brief.over.has_value(); }));
  EXPECT_EQ(brief.over->kind, ErrorKind::disconnected);
}

TEST_F(SessionChannelTest, GarbageAfterAuthenticationEndsTheWireAndTheSessionLivesOn) {
  step(listener->address());
  ASSERT_TRUE(until([&] { return client->connected() && server->connected(); }));
  CuttingProxy proxy(io, port_of(listener->address()), [] { return CuttingProxy::never; });
  // A friend with the key who then talks nonsense: a session of his own, cut at once.
  auto options = open_options(listener->address());
  Recorder rude;
  std::shared_ptr<Connection> connection;
  Opening other(io, options, [&](Result<Opened> opened) {
    ASSERT_TRUE(opened);
    connection = opened->connection;
    connection->start(rude, Reading::batches);
    connection->send(Bytes::own(std::string(4096, '\xff')));
  });
  ASSERT_TRUE(until([&] { return rude.closed.has_value(); }));
  // The test's listener gave him the one session it has: the client was displaced, and resumes.
  EXPECT_FALSE(server_end.over);
}

TEST_F(SessionChannelTest, AMessageOutOfSequenceEndsTheSession) {
  auto options = open_options(listener->address());
  Recorder rude;
  std::shared_ptr<Connection> connection;
  Opening other(io, options, [&](Result<Opened> opened) {
    ASSERT_TRUE(opened);
    connection = opened->connection;
    connection->start(rude, Reading::batches);
    connection->send(message_frame(7, "what was six?"));
  });
  ASSERT_TRUE(until([&] { return server_end.over.has_value(); }));
  EXPECT_EQ(server_end.over->kind, ErrorKind::invalid);
  connection->release();
}

TEST_F(SessionChannelTest, MoreThanItsLimitOfUnacknowledgedBytesEndsTheSessionAsOverloaded) {
  config.buffer_bytes_limit = 1U << 20;
  End flooded;
  SessionChannel channel(io, config, flooded);
  Query query;
  query.text.assign(60'000, 'x');
  for (int i = 0; i < 30; ++i) channel.send(*at_client.encode(ClientMessage{query}));
  ASSERT_TRUE(until([&] { return flooded.over.has_value(); }));
  EXPECT_EQ(flooded.over->kind, ErrorKind::overloaded);
}

}  // namespace
}  // namespace troupe::testing
