#include "protocol/handshake.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/samples.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;

const Token cluster{0x1111, 0x2222};
const Epoch epoch{42};
const Token session{0xaa, 0xbb};

Keys keys(std::uint64_t seed = 1) {
  const auto random = samples::random(seed);
  Keys result;
  result.worker = Secret::draw(random);
  result.client = Secret::draw(random);
  return result;
}

Hello hello(Role role = Role::client, KeyKind key = KeyKind::client, std::uint64_t seed = 100) {
  Hello result;
  result.role = role;
  result.key = key;
  result.cluster = cluster;
  result.nonce = draw_nonce(samples::random(seed));
  result.features = 0b0110;
  return result;
}

ServerHandshake::Settings settings() {
  return {cluster, epoch, 0b0011, keys(), {Role::client, Role::worker, Role::nanny}, protocol_version};
}

ServerHandshake listener(std::uint64_t seed = 200, ServerHandshake::Settings with = settings()) {
  return ServerHandshake(std::move(with), draw_nonce(samples::random(seed)));
}

/// As it arrives on the other side.
IncomingFrame incoming(const Bytes& frame) {
  FrameReader reader;
  reader.feed(frame.span());
  auto result = reader.next();
  EXPECT_TRUE(result && *result) << (result ? "incomplete" : result.error().text);
  return result && *result ? **result : IncomingFrame{};
}

/// A frame with one byte of its payload changed.
Bytes tampered(const Bytes& frame, std::size_t offset, std::byte change = std::byte{1}) {
  std::vector<std::byte> bytes(frame.span().begin(), frame.span().end());
  bytes.at(FrameHeader::size + offset) ^= change;
  return Bytes::own(std::move(bytes));
}

/// What the two sides end with.
struct Outcome {
  std::optional<Established> opener;
  std::optional<Established> listener;
  std::string opener_error;
  std::string listener_error;
};

using Change = std::function<Bytes(const Bytes&)>;

/// Plays the whole dialogue; `change` may alter frames on their way.
Outcome dialogue(
    ClientHandshake& opener, ServerHandshake& server, bool resumed = false, std::uint64_t received = 0,
    const Change& change = [](const Bytes& frame) { return frame; }) {
  Outcome outcome;
  std::optional<Bytes> to_listener = opener.start();
  while (to_listener) {
    auto step = server.receive(incoming(change(*to_listener)));
    to_listener.reset();
    if (step.error) outcome.listener_error = step.error->text;
    if (step.authenticated) {
      auto welcome = server.welcome(session, resumed, received);
      outcome.listener = welcome.established;
      step.send = welcome.send;
    }
    if (!step.send) break;
    const auto answer = opener.receive(incoming(change(*step.send)));
    if (!answer) {
      outcome.opener_error = answer.error().text;
      break;
    }
    to_listener = answer->send;
    if (answer->established) outcome.opener = answer->established;
  }
  return outcome;
}

Outcome dialogue_with(Hello with, const Secret& key, ServerHandshake::Settings at = settings()) {
  ClientHandshake opener(with, key);
  auto server = listener(200, std::move(at));
  return dialogue(opener, server);
}

TEST(Handshake, BothSidesAgreeOnWhatWasEstablished) {
  for (const auto role : {Role::client, Role::worker, Role::nanny}) {
    SCOPED_TRACE(name_of(role));
    const auto kind = role == Role::client ? KeyKind::client : KeyKind::worker;
    const auto outcome = dialogue_with(hello(role, kind), keys().of(kind));
    const Established expected{role, kind, protocol_version, 0b0010, epoch, session, false, 0};
    ASSERT_TRUE(outcome.opener && outcome.listener) << outcome.opener_error << outcome.listener_error;
    EXPECT_EQ(*outcome.opener, expected);
    EXPECT_EQ(*outcome.listener, expected);
  }
}

TEST(Handshake, APeerUsesTheKeyOfTheOneWhoOpens) {
  auto data_listener = settings();
  data_listener.roles = {Role::peer};
  for (const auto kind : {KeyKind::worker, KeyKind::client}) {
    const auto outcome = dialogue_with(hello(Role::peer, kind), keys().of(kind), data_listener);
    ASSERT_TRUE(outcome.opener && outcome.listener) << outcome.opener_error;
    EXPECT_EQ(outcome.listener->key, kind);
  }
}

TEST(Handshake, AResumedSessionTellsEachSideWhatTheOtherHas) {
  auto returning = hello();
  returning.session = session;
  returning.received = 17;
  ClientHandshake opener(returning, keys().client);
  auto server = listener();
  const auto outcome = dialogue(opener, server, true, 23);
  ASSERT_TRUE(outcome.opener && outcome.listener) << outcome.opener_error;
  EXPECT_TRUE(outcome.opener->resumed);
  EXPECT_EQ(outcome.opener->peer_received, 23U);
  EXPECT_EQ(outcome.listener->peer_received, 17U);
}

TEST(Handshake, WhatWasReceivedInASessionThatIsForgottenDoesNotCountInTheNextOne) {
  auto returning = hello();
  returning.session = {1, 2};
  returning.received = 17;
  ClientHandshake opener(returning, keys().client);
  auto server = listener();
  const auto outcome = dialogue(opener, server, false, 0);
  ASSERT_TRUE(outcome.opener && outcome.listener) << outcome.opener_error;
  EXPECT_FALSE(outcome.opener->resumed);
  EXPECT_EQ(outcome.opener->peer_received, 0U);
  EXPECT_EQ(outcome.listener->peer_received, 0U);
}

TEST(Handshake, TheKeyNeverTravels) {
  const Secret key = keys().client;
  const auto secret = key.reveal();
  ClientHandshake opener(hello(), keys().client);
  auto server = listener();
  dialogue(opener, server, false, 0, [&](const Bytes& frame) {
    const auto found = std::search(frame.span().begin(), frame.span().end(), secret.begin(), secret.end());
    EXPECT_EQ(found, frame.span().end());
    return frame;
  });
}

// ---- refusals --------------------------------------------------------------------------------------------------

TEST(Handshake, AnOpenerWithAnotherKeySeesThatTheListenerIsNotHis) {
  const auto outcome = dialogue_with(hello(), keys(2).client);
  EXPECT_FALSE(outcome.opener || outcome.listener);
  EXPECT_THAT(outcome.opener_error, HasSubstr("did not prove that it knows the client key"));
  EXPECT_THAT(outcome.opener_error, HasSubstr("access file"));
}

TEST(Handshake, AWrongProofIsRefusedAndNothingElseIsSaid) {
  ClientHandshake opener(hello(), keys().client);
  auto server = listener();
  const auto challenge = server.receive(incoming(opener.start()));
  const auto proof = opener.receive(incoming(*challenge.send));
  ASSERT_TRUE(proof);
  const auto refused = server.receive(incoming(tampered(*proof->send, 31)));
  ASSERT_TRUE(refused.error && refused.send);
  EXPECT_FALSE(refused.authenticated);
  const auto told = opener.receive(incoming(*refused.send));
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().text, "refused: authentication failed");
  EXPECT_EQ(told.error().kind, ErrorKind::invalid);
}

TEST(Handshake, AKeyTheListenerLacksIsRefusedLikeAWrongOne) {
  auto without = settings();
  without.keys.client = Secret{};
  const auto outcome = dialogue_with(hello(), keys().client, without);
  EXPECT_EQ(outcome.opener_error, "refused: authentication failed");
}

TEST(Handshake, AnEmptyKeyProvesNothing) {
  auto empty = settings();
  empty.keys = {};
  const auto outcome = dialogue_with(hello(), Secret{}, empty);
  EXPECT_FALSE(outcome.opener || outcome.listener);
}

TEST(Handshake, AnotherClusterIsNamed) {
  auto other = hello();
  other.cluster = {0xdead, 0xbeef};
  const auto outcome = dialogue_with(other, keys().client);
  EXPECT_EQ(outcome.opener_error,
            "refused: cluster 000000000000dead000000000000beef is not here: the access file is of another cluster");
  EXPECT_THAT(outcome.listener_error, HasSubstr("is not here"));
}

TEST(Handshake, AnotherMajorVersionNamesBothInThePlainestWords) {
  auto old = hello();
  old.version = {0, 9};
  ClientHandshake opener(old, keys().client);
  auto server = listener();
  const auto refused = server.receive(incoming(opener.start()));
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->kind, ErrorKind::unsupported);
  EXPECT_THAT(refused.error->text, HasSubstr("this side speaks protocol 1.0, the other side 0.9"));

  auto newer = settings();
  newer.version = {2, 3};
  const auto outcome = dialogue_with(hello(), keys().client, newer);
  EXPECT_EQ(outcome.opener_error,
            "refused: this side speaks protocol 1.0, the other side 2.3: use the same release of "
            "Troupe on both");
}

TEST(Handshake, TheVersionOfAHelloOfAnyLayoutIsUnderstood) {
  Bytes future = make_frame({0, FrameKind::hello, 0, 0, 0}, samples::bytes(16, 9).span());
  const auto refused = listener().receive(incoming(future));
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->kind, ErrorKind::unsupported);
}

TEST(Handshake, TheSmallerMinorIsSpoken) {
  auto newer = hello();
  newer.version = {1, 5};
  const auto outcome = dialogue_with(newer, keys().client);
  ASSERT_TRUE(outcome.opener && outcome.listener) << outcome.opener_error;
  EXPECT_EQ(outcome.opener->version, (ProtocolVersion{1, 0}));
  EXPECT_EQ(outcome.listener->version, (ProtocolVersion{1, 0}));
}

TEST(Handshake, ARoleThatIsNotServedHereIsRefused) {
  const auto outcome = dialogue_with(hello(Role::peer, KeyKind::worker), keys().worker);
  EXPECT_EQ(outcome.opener_error, "refused: role peer is not served at this address");
}

TEST(Handshake, AClientKeyMakesNoWorker) {
  // A client that knows no worker key says it is a worker: the byte of the role is changed in its hello.
  ClientHandshake opener(hello(), keys().client);
  const auto refused = listener().receive(incoming(tampered(opener.start(), 4, std::byte{3})));
  ASSERT_TRUE(refused.error);
  EXPECT_THAT(refused.error->text, HasSubstr("role worker cannot use the client key"));
}

TEST(Handshake, ARefusalInTheMiddleReachesTheOpener) {
  ClientHandshake opener(hello(), keys().client);
  const auto told = opener.receive(incoming(listener().refuse(RefuseReason::unavailable, "closing\x1b[31m")));
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().kind, ErrorKind::disconnected);
  EXPECT_EQ(told.error().text, "refused: closing?[31m") << "no escape sequences of strangers on our terminal";
}

// ---- attacks ---------------------------------------------------------------------------------------------------

TEST(Handshake, AListenerThatDoesNotKnowTheKeyIsNotBelieved) {
  auto impostor = settings();
  impostor.keys = keys(666);
  const auto outcome = dialogue_with(hello(), keys().client, impostor);
  EXPECT_FALSE(outcome.opener || outcome.listener);
  EXPECT_THAT(outcome.opener_error, HasSubstr("did not prove"));
}

TEST(Handshake, AnOpenerThatSkipsItsProofIsNotBelieved) {
  auto server = listener();
  ClientHandshake opener(hello(), keys().client);
  (void)server.receive(incoming(opener.start()));
  const auto step = server.receive(incoming(opener.start()));
  ASSERT_TRUE(step.error);
  EXPECT_FALSE(step.authenticated);
  EXPECT_THAT(step.error->text, HasSubstr("a hello frame out of turn"));
  EXPECT_TRUE(server.receive(incoming(opener.start())).error) << "it stays over";
}

TEST(Handshake, AProofBeforeTheHelloIsRefused) {
  const auto proof = make_frame({0, FrameKind::proof, 0, 0, 0}, samples::bytes(32).span());
  EXPECT_TRUE(listener().receive(incoming(proof)).error);
}

TEST(Handshake, AMirroredNonceIsNotAnswered) {
  // The attacker opens a connection to the client's own listener and sends the client's nonce back to it.
  ClientHandshake opener(hello(), keys().client);
  ServerHandshake mirror(settings(), hello().nonce);
  const auto challenge = mirror.receive(incoming(opener.start()));
  EXPECT_TRUE(challenge.error);
  EXPECT_FALSE(opener.receive(incoming(*challenge.send)));
}

TEST(Handshake, AMirroredProofIsWorthNothing) {
  ClientHandshake opener(hello(), keys().client);
  auto server = listener();
  const auto challenge = server.receive(incoming(opener.start()));
  const auto payload = incoming(*challenge.send).payload;
  const auto mirrored = make_frame({0, FrameKind::proof, 0, 0, 0}, payload.span().last(32));
  const auto step = server.receive(incoming(mirrored));
  EXPECT_TRUE(step.error);
  EXPECT_FALSE(step.authenticated);
}

TEST(Handshake, ARecordedDialogueCannotBePlayedAgain) {
  std::vector<Bytes> recorded;
  ClientHandshake opener(hello(), keys().client);
  auto server = listener();
  dialogue(opener, server, false, 0, [&](const Bytes& frame) {
    recorded.push_back(frame);
    return frame;
  });
  ASSERT_EQ(recorded.size(), 4U);

  auto next_server = listener(201);
  (void)next_server.receive(incoming(recorded[0]));
  const auto step = next_server.receive(incoming(recorded[2]));
  EXPECT_TRUE(step.error);
  EXPECT_FALSE(step.authenticated);

  ClientHandshake next_opener(hello(Role::client, KeyKind::client, 101), keys().client);
  EXPECT_FALSE(next_opener.receive(incoming(recorded[1])));
}

TEST(Handshake, AWelcomeOfAnotherDialogueIsNotBelieved) {
  std::vector<Bytes> recorded;
  ClientHandshake first(hello(), keys().client);
  auto first_server = listener();
  dialogue(first, first_server, false, 0, [&](const Bytes& frame) {
    recorded.push_back(frame);
    return frame;
  });
  ClientHandshake second(hello(Role::client, KeyKind::client, 101), keys().client);
  auto second_server = listener(201);
  const auto challenge = second_server.receive(incoming(second.start()));
  ASSERT_TRUE(second.receive(incoming(*challenge.send)));
  const auto told = second.receive(incoming(recorded[3]));
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().text, HasSubstr("changed on its way"));
}

TEST(Handshake, AnyByteChangedOnItsWayEndsIt) {
  std::size_t frames = 0;
  std::vector<std::size_t> sizes;
  ClientHandshake untouched(hello(), keys().client);
  auto untouched_server = listener();
  dialogue(untouched, untouched_server, false, 0, [&](const Bytes& frame) {
    sizes.push_back(frame.size() - FrameHeader::size);
    return frame;
  });
  // Features stripped, versions lowered, roles, sessions, sequence numbers and nonces swapped: all of it.
  for (std::size_t which = 0; which < sizes.size(); ++which)
    for (std::size_t offset = 0; offset < sizes[which]; ++offset) {
      ClientHandshake opener(hello(), keys().client);
      auto server = listener();
      frames = 0;
      const auto outcome = dialogue(opener, server, false, 0, [&](const Bytes& frame) {
        return frames++ == which ? tampered(frame, offset, std::byte{2}) : frame;
      });
      ASSERT_FALSE(outcome.opener) << "frame " << which << " byte " << offset;
      ASSERT_TRUE(which == 3 || !outcome.listener) << "frame " << which << " byte " << offset;
    }
}

TEST(Handshake, FramesOfAnySizeDoNoHarm) {
  for (const auto kind :
       {FrameKind::hello, FrameKind::challenge, FrameKind::proof, FrameKind::welcome, FrameKind::refuse})
    for (std::size_t size = 8; size <= 8192; size += size < 128 ? 8 : 1016) {
      const auto frame = incoming(make_frame({0, kind, 0, 0, 0}, samples::bytes(size).span()));
      EXPECT_FALSE(ClientHandshake(hello(), keys().client).receive(frame));
      EXPECT_TRUE(listener().receive(frame).error);
      auto waiting = listener();
      (void)waiting.receive(incoming(ClientHandshake(hello(), keys().client).start()));
      EXPECT_TRUE(waiting.receive(frame).error);
    }
}

}  // namespace
}  // namespace troupe
