#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/apps/troupe_program.hpp"
#include "tests/support/raw_peer.hpp"

namespace troupe::apps {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using troupe::testing::RawPeer;

/// A real scheduler and a real worker, and peers that break the rules of the wire.
class WireFaults : public TroupeProgramTest {
protected:
  WireFaults() : scheduler_(start_scheduler()), worker_(start_worker("alpha")) {
    auto access = AccessFile::read(access_file());
    EXPECT_TRUE(access);
    access_ = std::move(*access);
  }
  /// All who behave are served as before, and by the same worker.
  ~WireFaults() override {
    const auto status = run({"list", "workers", "-o", "json"});
    EXPECT_EQ(status.status, 0) << status.err;
    const auto workers = boost::json::parse(status.out).as_object().at("workers").as_array();
    EXPECT_EQ(workers.size(), 1U);
    EXPECT_EQ(workers.at(0).at("pid").to_number<int>(), worker_.first.pid());
    write("text/a", "b a a");
    const auto counted = run({"demo", "wordcount", path("text"), "--scheduler", access_.scheduler_address});
    EXPECT_EQ(counted.status, 0) << counted.err;
    EXPECT_THAT(counted.out, HasSubstr("2  a"));
    EXPECT_EQ(worker_.first.stop(), 0);
    EXPECT_EQ(scheduler_.first.stop(), 0);
  }

  [[nodiscard]] Hello client_hello() const { return RawPeer::hello(Role::client, KeyKind::client, access_); }
  [[nodiscard]] std::string log() const { return read(path("scheduler.err")); }

  std::pair<ChildProcess, boost::json::object> scheduler_;
  std::pair<ChildProcess, boost::json::object> worker_;
  AccessFile access_;
};

/// A header that promises a payload of this size.
std::string header_of(FrameKind kind, std::uint32_t payload_bytes) {
  FrameHeader header;
  header.kind = kind;
  header.payload_bytes = payload_bytes;
  header.sequence = 1;
  std::string bytes(FrameHeader::size, '\0');
  encode_header(header, std::as_writable_bytes(std::span<char, FrameHeader::size>(bytes.data(), bytes.size())));
  return bytes;
}

std::vector<std::string> nonsense(FrameKind kind, std::uint32_t payload_bytes_max) {
  return {std::string(5000, '\xa5'), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
          header_of(kind, payload_bytes_max + 8),          // oversize
          header_of(kind, 4096) + std::string(100, 'x'),   // truncated
          header_of(kind, 64) + std::string(64, '\xff')};  // a whole frame with nothing sensible in it
}

TEST_F(WireFaults, a_peer_of_another_protocol_version_is_told_both) {
  for (const auto role : {Role::client, Role::worker}) {
    RawPeer peer(access_.scheduler_address);
    ASSERT_TRUE(peer.connected());
    auto hello = RawPeer::hello(role, role == Role::client ? KeyKind::client : KeyKind::worker, access_);
    hello.version = {static_cast<std::uint16_t>(protocol_version.major - 1), 9};
    const auto answer = peer.shake_hands(hello, access_);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::unsupported);
    EXPECT_THAT(answer.error().text, HasSubstr("the other side 1.0"));
    EXPECT_THAT(answer.error().text, HasSubstr("use the same release of Troupe on both"));
    EXPECT_TRUE(peer.is_closed());
  }
  EXPECT_THAT(log(), HasSubstr("this side speaks protocol 1.0, the other side 0.9"));
}

TEST_F(WireFaults, garbage_and_frames_cut_short_or_too_large_before_authentication_end_that_connection) {
  for (const auto& bytes : nonsense(FrameKind::hello, FrameLimits::before_authentication)) {
    RawPeer peer(access_.scheduler_address);
    ASSERT_TRUE(peer.connected());
    peer.send(bytes);
    peer.end();
    EXPECT_TRUE(peer.is_closed()) << bytes.substr(0, 40);
  }
}

TEST_F(WireFaults, the_same_after_authentication_ends_that_connection_of_a_client_and_of_a_worker) {
  for (const auto role : {Role::client, Role::worker, Role::nanny})
    for (const auto& bytes : nonsense(FrameKind::message, FrameLimits::after_authentication)) {
      RawPeer peer(access_.scheduler_address);
      const auto key = role == Role::client ? KeyKind::client : KeyKind::worker;
      ASSERT_TRUE(peer.shake_hands(RawPeer::hello(role, key, access_), access_));
      peer.send(bytes);
      peer.end();
      EXPECT_TRUE(peer.is_closed()) << name_of(role) << " " << bytes.substr(0, 40);
    }
}

TEST_F(WireFaults, the_same_at_a_workers_own_door_does_no_harm_to_the_worker) {
  const std::string address(worker_.second.at("address").as_string());
  for (const bool authenticated : {false, true})
    for (const auto& bytes :
         nonsense(authenticated ? FrameKind::data : FrameKind::hello,
                  authenticated ? FrameLimits::after_authentication : FrameLimits::before_authentication)) {
      RawPeer peer(address);
      if (authenticated) {
        ASSERT_TRUE(peer.shake_hands(RawPeer::hello(Role::peer, KeyKind::worker, access_), access_));
      }
      peer.send(bytes);
      peer.end();
      EXPECT_TRUE(peer.is_closed()) << authenticated << " " << bytes.substr(0, 40);
    }
}

TEST_F(WireFaults, a_session_whose_messages_come_out_of_order_ends) {
  RawPeer peer(access_.scheduler_address);
  ASSERT_TRUE(peer.shake_hands(client_hello(), access_));
  FrameEncoder encoder;
  auto frame = encoder.encode(ClientMessage{RegisterClient{"hasty"}});
  FrameHeader header;
  header.sequence = 7;
  frame->write_header(header);
  peer.send(frame->bytes().span());
  EXPECT_TRUE(peer.is_closed());
}

TEST_F(WireFaults, another_cluster_and_wrong_keys_are_refused_and_each_is_told_why) {
  auto hello = client_hello();
  hello.cluster.low ^= 1;
  const auto other = RawPeer(access_.scheduler_address).shake_hands(hello, access_);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().text, HasSubstr("the access file is of another cluster"));

  for (const bool cluster : {true, false}) {
    auto wrong = *AccessFile::read(access_file());
    if (cluster) {
      wrong.cluster.low ^= 1;
    } else {
      wrong.client_key = wrong.worker_key = Secret::draw(system_random);
    }
    ASSERT_TRUE(wrong.write(path("wrong.json")));
    for (const auto& command : {std::vector<std::string>{"status", "--timeout", "5s"},
                                std::vector<std::string>{"worker", "--no-nanny", "--death-timeout", "5s"},
                                std::vector<std::string>{"worker", "--nanny", "--death-timeout", "5s"}}) {
      auto whole = command;
      whole.insert(whole.end(), {"--scheduler-file", path("wrong.json")});
      const auto ended = run(whole);
      EXPECT_EQ(ended.status, 5) << ::testing::PrintToString(whole) << ended.err;
      EXPECT_THAT(ended.err, HasSubstr(cluster ? "the access file is of another cluster" : "access file"));
    }
  }
}

TEST_F(WireFaults, a_function_that_its_module_does_not_have_is_an_error_that_says_what_it_has) {
  GraphChunk chunk;
  chunk.size = 1;
  chunk.templates.emplace_back();
  chunk.templates[0].function.kind = FunctionRef::Kind::module;
  chunk.templates[0].function.module = "bench";
  chunk.templates[0].function.name = "juggle";
  SubmitGraph submit;
  submit.submission = submit.graph = 1;
  submit.token = {3, 4};
  submit.chunk = std::make_shared<const GraphChunk>(chunk);
  RawPeer peer(access_.scheduler_address);
  ASSERT_TRUE(peer.shake_hands(client_hello(), access_));
  ASSERT_TRUE(peer.say(ClientMessage{RegisterClient{"raw"}}));
  ASSERT_TRUE(peer.say(ClientMessage{submit}));
  const auto erred = peer.hear<ToClient, KeysErred>();
  ASSERT_TRUE(erred && erred->errors.size() == 1);
  EXPECT_EQ(erred->errors[0]->kind, TaskError::Kind::unknown_function);
  EXPECT_THAT(erred->errors[0]->message, HasSubstr("module bench has no function juggle; it has "));
}

TEST_F(WireFaults, a_graph_with_a_cycle_or_without_an_input_is_refused_and_named) {
  GraphChunk cycle;
  cycle.size = 2;
  cycle.templates.emplace_back();
  cycle.dependency_offsets = {0, 1, 2};
  cycle.dependencies = {1, 0};
  GraphChunk missing;
  missing.size = 1;
  missing.templates.emplace_back();
  missing.dependency_offsets = {0, 1};
  missing.dependencies = {1};
  missing.external = {ClientKey::of(77, 3)};

  RawPeer polite(access_.scheduler_address);
  ASSERT_TRUE(polite.shake_hands(client_hello(), access_));
  SubmitGraph submit;
  submit.submission = submit.graph = 1;
  submit.token = {1, 2};
  submit.chunk = std::make_shared<const GraphChunk>(missing);
  ASSERT_TRUE(polite.say(ClientMessage{RegisterClient{"polite"}}));
  ASSERT_TRUE(polite.say(ClientMessage{submit}));
  const auto accepted = polite.hear<ToClient, Accepted>();
  ASSERT_TRUE(accepted && accepted->error);
  EXPECT_THAT(accepted->error->text, HasSubstr("a dependency is not known to the scheduler (submission 77, task 3)"));

  // Our clients look for cycles themselves; one that does not breaks the protocol.
  RawPeer rude(access_.scheduler_address);
  ASSERT_TRUE(rude.shake_hands(client_hello(), access_));
  submit.chunk = std::make_shared<const GraphChunk>(cycle);
  ASSERT_TRUE(rude.say(ClientMessage{RegisterClient{"rude"}}));
  ASSERT_TRUE(rude.say(ClientMessage{submit}));
  EXPECT_TRUE(rude.is_closed());
  EXPECT_THAT(log(), HasSubstr("a cycle, or tasks out of order"));
}

}  // namespace
}  // namespace troupe::apps
