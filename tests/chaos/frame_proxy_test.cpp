#include "tests/support/frame_proxy.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>
#include <vector>

#include "protocol/framing.hpp"

namespace troupe::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Two ends with the proxy between them.
class FrameProxyTest : public ::testing::Test {
protected:
  FrameProxyTest() : proxy_(acceptor_.local_endpoint().port()) { connect(); }

  void connect() {
    source_.connect({asio::ip::address_v4::loopback(), proxy_.port()});
    target_ = acceptor_.accept();
  }
  static std::vector<char> message(std::uint64_t sequence, std::size_t size = 64) {
    FrameHeader header;
    header.kind = FrameKind::message;
    header.sequence = sequence;
    const std::vector<std::byte> payload(size, std::byte{7});
    const Bytes frame = make_frame(header, payload);
    const auto bytes = frame.span();
    const auto* data = reinterpret_cast<const char*>(bytes.data());
    return {data, data + bytes.size()};
  }
  static std::vector<char> read(tcp::socket& socket, std::size_t size) {
    std::vector<char> bytes(size);
    asio::read(socket, asio::buffer(bytes));
    return bytes;
  }
  /// All until the end of the connection, and what kind of an end it is.
  static std::pair<std::vector<char>, boost::system::error_code> read_all(tcp::socket& socket) {
    std::vector<char> bytes;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(bytes), error);
    return {bytes, error};
  }
  static bool hears(tcp::socket& socket, milliseconds patience) {
    pollfd watched{socket.native_handle(), POLLIN, 0};
    return ::poll(&watched, 1, static_cast<int>(patience.count())) > 0;
  }

  asio::io_context io_;
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  FrameProxy proxy_;
  tcp::socket source_{io_};
  tcp::socket target_{io_};
};

TEST_F(FrameProxyTest, passes_frames_both_ways_and_other_bytes_too) {
  asio::write(source_, asio::buffer(message(1, 300'000)));
  EXPECT_EQ(read(target_, message(1, 300'000).size()), message(1, 300'000));
  asio::write(target_, asio::buffer(message(2)));
  EXPECT_EQ(read(source_, message(2).size()), message(2));
  asio::write(source_, asio::buffer(std::string(40, 'x')));
  EXPECT_EQ(read(target_, 40), std::vector<char>(40, 'x'));
  source_.close();
  EXPECT_EQ(read_all(target_).second, asio::error::eof);
  EXPECT_EQ(proxy_.counts().frames, 2U);
}

TEST_F(FrameProxyTest, delays_and_limits) {
  proxy_.delay(milliseconds(60));
  auto start = Clock::now();
  asio::write(source_, asio::buffer(message(1)));
  (void)read(target_, message(1).size());
  EXPECT_GE(Clock::now() - start, milliseconds(60));
  proxy_.heal();
  proxy_.limit(100'000);
  start = Clock::now();
  asio::write(source_, asio::buffer(message(2, 10'000)));
  (void)read(target_, message(2, 10'000).size());
  EXPECT_GE(Clock::now() - start, milliseconds(100));
  proxy_.limit(100);
  asio::write(source_, asio::buffer(message(3, 10'000)));
  while (proxy_.counts().frames < 3) std::this_thread::yield();
  start = Clock::now();
  proxy_.heal();
  (void)read(target_, message(3, 10'000).size());
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(50)) << "what was held up goes once it is healed";
}

TEST_F(FrameProxyTest, a_black_hole_holds_all_even_ends_and_new_connections_and_gives_them_back) {
  proxy_.black_hole(true);
  asio::write(source_, asio::buffer(message(1)));
  tcp::socket other(io_);
  other.connect({asio::ip::address_v4::loopback(), proxy_.port()});
  asio::write(other, asio::buffer(message(7)));
  source_.close();
  EXPECT_FALSE(hears(target_, milliseconds(50)));
  proxy_.heal();
  EXPECT_EQ(read_all(target_).first, message(1));
  auto late = acceptor_.accept();
  EXPECT_EQ(read(late, message(7).size()), message(7));
}

TEST_F(FrameProxyTest, one_message_passes_twice) {
  proxy_.duplicate_frame();
  for (const std::uint64_t sequence : {1, 2}) asio::write(source_, asio::buffer(message(sequence)));
  for (const std::uint64_t sequence : {1, 1, 2}) EXPECT_EQ(read(target_, message(1).size()), message(sequence));
  EXPECT_EQ(proxy_.counts().duplicated, 1U);
}

TEST_F(FrameProxyTest, a_message_is_torn_and_the_connection_reset) {
  proxy_.tear_frame();
  asio::write(source_, asio::buffer(message(1)));
  const auto [bytes, error] = read_all(target_);
  EXPECT_LT(bytes.size(), message(1).size());
  EXPECT_EQ(error, asio::error::connection_reset);
  EXPECT_EQ(proxy_.counts().torn, 1U);
  EXPECT_EQ(proxy_.counts().open, 0U);
}

TEST_F(FrameProxyTest, a_half_open_connection_is_over_when_the_other_end_gives_it_up) {
  asio::write(source_, asio::buffer(message(1)));
  (void)read(target_, message(1).size());
  proxy_.half_open(FrameProxy::End::target);
  EXPECT_EQ(proxy_.counts().open, 1U);
  source_.close();
  while (proxy_.counts().open > 0) std::this_thread::yield();
}

TEST_F(FrameProxyTest, a_half_open_connection_is_reset_at_one_end_and_silent_at_the_other) {
  asio::write(source_, asio::buffer(message(1)));
  (void)read(target_, message(1).size());
  proxy_.half_open(FrameProxy::End::target);
  EXPECT_EQ(read_all(target_).second, asio::error::connection_reset);
  asio::write(source_, asio::buffer(message(2)));
  EXPECT_FALSE(hears(source_, milliseconds(50)));
  EXPECT_EQ(proxy_.counts().half_opened, 1U);
}

TEST_F(FrameProxyTest, reset_ends_both) {
  asio::write(source_, asio::buffer(message(1)));
  (void)read(target_, message(1).size());
  proxy_.reset();
  EXPECT_EQ(read_all(source_).second, asio::error::connection_reset);
  EXPECT_EQ(read_all(target_).second, asio::error::connection_reset);
}

}  // namespace
}  // namespace troupe::testing
