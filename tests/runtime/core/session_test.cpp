#include "runtime/core/session.hpp"

#include <deque>
#include <string>

#include <gtest/gtest.h>

namespace troupe {
namespace {

using namespace std::chrono_literals;
using Receipt = Session::Receipt;

/// xorshift64*: histories are named by their seed.
struct Random {
  std::uint64_t state;
  explicit Random(std::uint64_t seed) : state(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  std::uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dULL;
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
};

Bytes frame(std::uint64_t n, std::size_t size = 8) {
  std::vector<std::byte> bytes(std::max(size, sizeof n));
  std::memcpy(bytes.data(), &n, sizeof n);
  return Bytes::own(std::move(bytes));
}

std::uint64_t number(const Bytes& bytes) {
  std::uint64_t n = 0;
  std::memcpy(&n, bytes.data(), sizeof n);
  return n;
}

std::vector<OutgoingFrame> collected(Session& session, Instant now = {}) {
  std::vector<OutgoingFrame> out;
  session.collect(out, now);
  return out;
}

Session connected_session(const SessionConfig& config, std::uint32_t credit = 1000) {
  Session session(config, {});
  EXPECT_TRUE(session.connect(0, credit, {}));
  return session;
}

TEST(session, an_end_that_has_received_less_than_it_acknowledged_or_more_than_was_sent_does_not_fit) {
  Session session = connected_session({});
  for (std::uint64_t n = 1; n <= 3; ++n) EXPECT_TRUE(session.send(frame(n)));
  (void)collected(session);
  EXPECT_TRUE(session.fits(0));
  EXPECT_TRUE(session.receive_control({0, 2, 1000}, {}));
  EXPECT_FALSE(session.fits(1)) << "an attempt to come back that is older than the acknowledgement";
  EXPECT_TRUE(session.fits(2));
  EXPECT_TRUE(session.fits(3));
  EXPECT_FALSE(session.fits(4));
  EXPECT_FALSE(session.connect(1, 1000, {}));
  EXPECT_TRUE(session.connected()) << "what is refused changes nothing";
}

TEST(session, numbers_frames_from_one_and_keeps_them_until_they_are_acknowledged) {
  Session session = connected_session({});
  for (std::uint64_t n = 1; n <= 3; ++n) EXPECT_TRUE(session.send(frame(n)));
  const auto out = collected(session);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[2].stamp, (FrameStamp{3, 0, 1024}));
  EXPECT_EQ(session.buffered(), 3u);
  EXPECT_EQ(session.buffered_bytes(), 24u);
  EXPECT_TRUE(session.receive_control({0, 2, 1000}, {}));
  EXPECT_EQ(session.buffered(), 1u);
  EXPECT_EQ(session.buffered_bytes(), 8u);
  EXPECT_TRUE(collected(session).empty());
}

TEST(session, holds_frames_back_without_credit_and_sends_them_when_more_is_granted) {
  Session session = connected_session({}, 2);
  for (std::uint64_t n = 1; n <= 5; ++n) session.send(frame(n));
  EXPECT_EQ(collected(session).size(), 2u);
  EXPECT_EQ(session.backlog(), 3u);
  EXPECT_TRUE(session.receive_control({0, 2, 4}, {}));
  EXPECT_EQ(collected(session).size(), 2u);
  EXPECT_TRUE(session.receive_control({0, 2, 3}, {}));
  EXPECT_TRUE(collected(session).empty()) << "credit never shrinks";
}

TEST(session, bounds_bytes_in_flight_but_always_lets_one_frame_through) {
  SessionConfig config;
  config.window_bytes = 100;
  Session session = connected_session(config);
  session.send(frame(1, 500));
  session.send(frame(2, 60));
  session.send(frame(3, 60));
  EXPECT_EQ(collected(session).size(), 1u);
  EXPECT_TRUE(session.receive_control({0, 1, 1000}, {}));
  EXPECT_EQ(collected(session).size(), 1u);
  EXPECT_TRUE(session.receive_control({0, 2, 1000}, {}));
  EXPECT_EQ(collected(session).size(), 1u);
}

TEST(session, says_when_the_other_end_does_not_keep_up) {
  SessionConfig config;
  config.buffer_bytes_limit = 20;
  Session session = connected_session(config);
  EXPECT_TRUE(session.send(frame(1)));
  EXPECT_TRUE(session.send(frame(2)));
  EXPECT_FALSE(session.send(frame(3)));
}

TEST(session, lets_frames_through_once_and_in_order) {
  Session session = connected_session({});
  EXPECT_EQ(session.receive({1, 0, 10}, 8, {}), Receipt::deliver);
  EXPECT_EQ(session.receive({1, 0, 10}, 8, {}), Receipt::duplicate);
  EXPECT_EQ(session.receive({2, 0, 10}, 8, {}), Receipt::deliver);
  EXPECT_EQ(session.receive({4, 0, 10}, 8, {}), Receipt::broken) << "a gap";
  EXPECT_EQ(session.receive({0, 0, 10}, 8, {}), Receipt::broken) << "a message without a number";
  EXPECT_EQ(session.receive({3, 1, 10}, 8, {}), Receipt::broken) << "acknowledges what was never sent";
  EXPECT_FALSE(session.receive_control({3, 0, 10}, {})) << "a control frame with a number";
}

TEST(session, refuses_more_than_it_granted) {
  SessionConfig config;
  config.window_messages = 2;
  Session session = connected_session(config);
  EXPECT_EQ(session.receive({1, 0, 10}, 8, {}), Receipt::deliver);
  EXPECT_EQ(session.receive({2, 0, 10}, 8, {}), Receipt::deliver);
  EXPECT_EQ(session.receive({3, 0, 10}, 8, {}), Receipt::broken);
}

TEST(session, acknowledges_what_is_consumed_and_not_what_only_arrived) {
  Session session = connected_session({});
  session.receive({1, 0, 10}, 8, {});
  session.receive({2, 0, 10}, 8, {});
  session.consumed();
  EXPECT_EQ(session.last_received(), 2u);
  EXPECT_EQ(session.stamp({}), (FrameStamp{0, 1, 1025}));
}

TEST(session, acknowledges_by_itself_after_enough_messages_or_bytes_and_else_with_the_next_frame_or_when_idle) {
  SessionConfig config;
  config.acknowledge_messages = 3;
  Session session = connected_session(config);
  std::uint64_t sequence = 0;
  const auto take = [&](std::size_t bytes) {
    ASSERT_EQ(session.receive({++sequence, 0, 10}, bytes, {}), Receipt::deliver);
    session.consumed();
  };
  take(8);
  take(8);
  EXPECT_TRUE(collected(session).empty());
  take(8);
  auto out = collected(session);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_TRUE(out[0].frame.empty());
  EXPECT_EQ(out[0].stamp, (FrameStamp{0, 3, 1027}));
  EXPECT_TRUE(collected(session).empty());

  take(config.acknowledge_bytes);
  EXPECT_EQ(collected(session).size(), 1u);

  take(8);
  session.send(frame(1));
  out = collected(session);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].stamp, (FrameStamp{1, 5, 1029})) << "goes with the frame";

  take(8);
  EXPECT_FALSE(session.tick({(99ms / 1ns)}).acknowledge);
  EXPECT_TRUE(session.tick({(100ms / 1ns)}).acknowledge);
  EXPECT_EQ(session.stamp({}).acknowledged, 6u);
  EXPECT_FALSE(session.tick({(200ms / 1ns)}).acknowledge);
}

TEST(session, sends_again_after_a_cut_what_the_other_end_has_not_got) {
  Session session = connected_session({});
  for (std::uint64_t n = 1; n <= 5; ++n) session.send(frame(n));
  ASSERT_EQ(collected(session).size(), 5u);
  session.connection_lost({});
  session.send(frame(6));
  EXPECT_TRUE(collected(session).empty());
  ASSERT_TRUE(session.connect(3, 1000, {}));
  const auto out = collected(session);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].stamp.sequence, 4u);
  EXPECT_EQ(number(out[0].frame), 4u);
  EXPECT_EQ(number(out[2].frame), 6u);
}

TEST(session, refuses_to_resume_with_an_end_that_is_behind_or_ahead_of_all_it_can_know) {
  Session session = connected_session({});
  for (std::uint64_t n = 1; n <= 5; ++n) session.send(frame(n));
  collected(session);
  ASSERT_TRUE(session.receive_control({0, 3, 1000}, {}));
  session.connection_lost({});
  EXPECT_FALSE(session.connect(2, 1000, {}));
  EXPECT_FALSE(session.connect(6, 1000, {}));
  EXPECT_FALSE(session.connected());
  EXPECT_TRUE(session.connect(5, 1000, {}));
  EXPECT_EQ(session.buffered(), 0u);
}

TEST(session, pings_when_silent_suspects_and_gives_the_wire_up_and_expires_without_one) {
  Session session = connected_session({});
  const auto at = [](Duration d) { return Instant{} + d; };
  EXPECT_FALSE(session.tick(at(999ms)).ping);
  EXPECT_TRUE(session.tick(at(1s)).ping);
  session.stamp(at(1s));
  EXPECT_FALSE(session.tick(at(1500ms)).ping);
  session.tick(at(10s));
  EXPECT_TRUE(session.suspect());
  ASSERT_TRUE(session.receive_control({0, 0, 1000}, at(11s)));
  EXPECT_FALSE(session.suspect());
  EXPECT_FALSE(session.tick(at(40s)).wire_lost);
  EXPECT_TRUE(session.tick(at(41s)).wire_lost);
  session.connection_lost(at(41s));
  EXPECT_FALSE(session.tick(at(100s)).expired);
  EXPECT_TRUE(session.tick(at(101s)).expired);
}

TEST(session, credit_goes_on_past_thirty_two_bits) {
  SessionConfig config;
  config.window_messages = 1u << 30;
  Session session = connected_session(config, 1u << 30);
  std::uint32_t granted = 1u << 30;
  for (int i = 0; i < 8; ++i) {
    granted += 1u << 30;
    ASSERT_TRUE(session.receive_control({0, 0, granted}, {}));
  }
  session.send(frame(1));
  EXPECT_EQ(collected(session).size(), 1u) << "granted 9 * 2^30, although the field on the wire has wrapped twice";
}

/// Two ends and a wire that loses what is on it when it is cut.
struct Conversation {
  struct End {
    Session session;
    std::deque<OutgoingFrame> wire;  ///< on the way to the other end
    std::uint64_t sent{};
    std::uint64_t delivered{};
    std::uint32_t unconsumed{};
  };

  explicit Conversation(std::uint64_t seed) : random(seed) {
    SessionConfig config;
    config.window_messages = 1 + static_cast<std::uint32_t>(random.below(20));
    config.window_bytes = 1 + random.below(400);
    config.acknowledge_messages = 1 + static_cast<std::uint32_t>(random.below(20));
    config.acknowledge_bytes = 1 + random.below(400);
    ends.push_back({Session(config, now), {}});
    ends.push_back({Session(config, now), {}});
  }

  void cut() {
    for (End& end : ends) {
      end.wire.clear();
      end.session.connection_lost(now);
    }
  }

  /// Each end may learn of the new wire at another time; the handshake's numbers are those of its moment.
  void reconnect() {
    cut();
    const auto received = ends[0].session.last_received();
    const auto credit = ends[0].session.credit();
    ASSERT_TRUE(ends[0].session.connect(ends[1].session.last_received(), ends[1].session.credit(), now));
    if (random.below(4) == 0) {
      collect(ends[0]);
      return cut();  // cut in the middle of the handshake
    }
    ASSERT_TRUE(ends[1].session.connect(received, credit, now));
  }

  void collect(End& end) {
    std::vector<OutgoingFrame> out;
    end.session.collect(out, now);
    for (auto& frame : out) end.wire.push_back(std::move(frame));
  }

  void arrive(End& from, End& to) {
    if (from.wire.empty() || !to.session.connected()) return;
    const OutgoingFrame frame = from.wire.front();
    from.wire.pop_front();
    if (frame.stamp.sequence == 0) {
      ASSERT_TRUE(to.session.receive_control(frame.stamp, now));
      return;
    }
    const auto receipt = to.session.receive(frame.stamp, frame.frame.size(), now);
    ASSERT_NE(receipt, Receipt::broken);
    if (receipt == Receipt::duplicate) return;
    ASSERT_EQ(number(frame.frame), ++to.delivered);
    ++to.unconsumed;
  }

  void tick(End& end) {
    const auto due = end.session.tick(now);
    if ((due.ping || due.acknowledge) && end.session.connected()) end.wire.push_back({end.session.stamp(now), {}});
  }

  void step() {
    now = now + Duration{random.below(20'000'000)};
    const auto side = random.below(2);
    End& end = ends[side];
    switch (random.below(7)) {
      case 0:
        for (auto n = random.below(6); n-- > 0;) end.session.send(frame(++end.sent, random.below(200)));
        break;
      case 1: collect(end); break;
      case 2:
      case 3: arrive(end, ends[1 - side]); break;
      case 4:
        if (end.unconsumed > 0) {
          const auto n = 1 + static_cast<std::uint32_t>(random.below(end.unconsumed));
          end.unconsumed -= n;
          end.session.consumed(n);
        }
        break;
      case 5: tick(end); break;
      case 6:
        if (random.below(20) == 0) cut();
        if (!ends[0].session.connected() && random.below(3) == 0) reconnect();
        break;
    }
  }

  /// With a wire that stays whole all that was sent arrives.
  void finish() {
    while (!ends[0].session.connected() || !ends[1].session.connected()) reconnect();
    for (int round = 0; round < 100'000; ++round) {
      now = now + 100ms;
      for (std::size_t i = 0; i < 2; ++i) {
        tick(ends[i]);
        collect(ends[i]);
        while (!ends[i].wire.empty()) {
          arrive(ends[i], ends[1 - i]);
          if (testing::Test::HasFatalFailure()) return;
        }
        ends[i].session.consumed(ends[i].unconsumed);
        ends[i].unconsumed = 0;
      }
      if (ends[0].session.buffered() == 0 && ends[1].session.buffered() == 0) break;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      ASSERT_EQ(ends[i].session.buffered(), 0u);
      ASSERT_EQ(ends[i].session.buffered_bytes(), 0u);
      ASSERT_EQ(ends[1 - i].delivered, ends[i].sent);
    }
  }

  Random random;
  Instant now;
  std::vector<End> ends;
};

TEST(session, delivers_each_frame_once_and_in_order_over_a_wire_that_is_cut_at_random) {
  std::uint64_t delivered = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Conversation conversation(seed);
    ASSERT_NO_FATAL_FAILURE(conversation.reconnect());
    for (int i = 0; i < 300; ++i) ASSERT_NO_FATAL_FAILURE(conversation.step());
    ASSERT_NO_FATAL_FAILURE(conversation.finish());
    delivered += conversation.ends[0].delivered + conversation.ends[1].delivered;
  }
  EXPECT_GT(delivered, 100'000u) << "the histories say something";
}

}  // namespace
}  // namespace troupe
