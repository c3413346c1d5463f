#include "runtime/net/connection.hpp"

#include <boost/asio/write.hpp>

#include "tests/runtime/net/net_fixture.hpp"

namespace troupe::testing {
namespace {

class ConnectionTest : public NetTest {
protected:
  ConnectionTest() {
    tcp::acceptor acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    tcp::socket one(io);
    one.connect(acceptor.local_endpoint());
    a = std::make_shared<Connection>(std::move(one));
    tcp::socket other = acceptor.accept();
    b = std::make_shared<Connection>(std::move(other));
    a->authenticated();
    b->authenticated();
  }
  ~ConnectionTest() override {
    a->release();
    b->release();
    io.restart();
    io.poll();
  }

  std::shared_ptr<Connection> a;
  std::shared_ptr<Connection> b;
  Recorder at_a;
  Recorder at_b;
};

TEST_F(ConnectionTest, FramesSentInOneTurnArriveInOneBatchAndInOrder) {
  a->start(at_a, Reading::batches);
  b->start(at_b, Reading::batches);
  for (std::uint64_t i = 1; i <= 100; ++i) a->send(message_frame(i, "some text"));
  ASSERT_TRUE(until([&] { return at_b.frames.size() == 100; }));
  EXPECT_EQ(at_b.wake_ups, 1);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(at_b.frames[i].header.sequence, i + 1);
}

TEST_F(ConnectionTest, AFrameLargerThanAnySocketBufferArrivesWhole) {
  a->start(at_a, Reading::batches);
  b->start(at_b, Reading::batches);
  const std::string large(40U << 20, 'x');
  a->send(message_frame(1, large));
  a->send(message_frame(2, "after"));
  ASSERT_TRUE(until([&] { return at_b.frames.size() == 2; }));
  EXPECT_EQ(at_b.frames[0].payload.text(), large);
  EXPECT_EQ(at_b.frames[1].header.sequence, 2U);
  EXPECT_EQ(a->queued_bytes(), 0U);
}

TEST_F(ConnectionTest, AFrameOverTheLimitEndsTheConnectionAndSaysSo) {
  b->start(at_b, Reading::batches);
  a->start(at_a, Reading::batches);
  FrameHeader header;
  header.payload_bytes = FrameLimits::after_authentication + 8;
  std::vector<std::byte> bytes(FrameHeader::size);
  encode_header(header, std::span<std::byte, FrameHeader::size>(bytes.data(), FrameHeader::size));
  a->send(Bytes::own(std::move(bytes)));
  ASSERT_TRUE(until([&] { return at_b.closed.has_value(); }));
  EXPECT_THAT(at_b.closed->text, ::testing::HasSubstr("127.0.0.1:"));
  ASSERT_TRUE(until([&] { return at_a.closed.has_value(); }));
}

TEST_F(ConnectionTest, AStreamCutInTheMiddleOfAFrameSaysSo) {
  b->start(at_b, Reading::batches);
  const auto frame = message_frame(1, std::string(1000, 'x'));
  a->send(frame.slice(0, 500));
  a->flush();
  a->close();
  ASSERT_TRUE(until([&] { return at_b.closed.has_value(); }));
  EXPECT_EQ(at_b.closed->kind, ErrorKind::disconnected);
  EXPECT_THAT(at_b.closed->text, ::testing::HasSubstr("in the middle of a frame"));
  EXPECT_TRUE(at_b.frames.empty());
}

TEST_F(ConnectionTest, WritingMoreThanTheQueueHoldsToOneThatDoesNotReadEndsTheConnection) {
  a->start(at_a, Reading::batches);
  const auto frame = message_frame(1, std::string(16U << 20, 'x'));
  for (int i = 0; i < 8; ++i) a->send(frame);
  ASSERT_TRUE(until([&] { return at_a.closed.has_value(); }));
  EXPECT_EQ(at_a.closed->kind, ErrorKind::overloaded);
}

TEST_F(ConnectionTest, AConnectionClosedGentlyDeliversItsLastWordToOneThatTalks) {
  b->start(at_b, Reading::batches);
  // Unread bytes at closing would reset the connection under the last word.
  for (std::uint64_t i = 1; i <= 1000; ++i) b->send(message_frame(i, std::string(500, 'y')));
  b->flush();
  a->send(message_frame(1, "farewell"));
  Connection::close_gently(a);
  ASSERT_TRUE(until([&] { return at_b.closed.has_value(); }));
  ASSERT_EQ(at_b.frames.size(), 1U);
  EXPECT_EQ(at_b.frames[0].payload.text().substr(0, 8), "farewell");
}

TEST_F(ConnectionTest, AConnectionClosedGentlyIsDeafToWhatStillComes) {
  b->start(at_b, Reading::batches);
  b->unbound_writes();
  a->send(message_frame(1, "no more, please"));
  Connection::close_gently(a);
  for (int i = 0; i < 16; ++i) b->send(Bytes::own(std::string(1U << 20, '\xff')));  // as the buffers of a value are
  b->flush();
  ASSERT_TRUE(until([&] { return at_b.closed.has_value(); }));
  ASSERT_EQ(at_b.frames.size(), 1U);
  EXPECT_EQ(at_b.frames[0].payload.text().substr(0, 15), "no more, please");
}

TEST_F(ConnectionTest, AddressesAreParsedWithAndWithoutScheme) {
  EXPECT_EQ(parse_address("tcp://host:8786")->host, "host");
  EXPECT_EQ(parse_address("[::1]:80")->text(), "[::1]:80");
  EXPECT_EQ(parse_address("127.0.0.1:1")->port, 1);
  for (const auto* wrong : {"host", "host:", ":1", "host:65536", "http://host:1", "host:1x", ""})
    EXPECT_FALSE(parse_address(wrong)) << wrong;
}

}  // namespace
}  // namespace troupe::testing
