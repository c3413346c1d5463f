#include "protocol/codec.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/codec_cases.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;

template <class Message>
EncodedFrame encoded(const Message& message) {
  FrameEncoder encoder;
  auto frame = encoder.encode(message);
  EXPECT_TRUE(frame) << (frame ? "" : frame.error().text);
  return frame ? *frame : EncodedFrame{};
}

template <class Variant, class Message>
Message round_trip(const Message& message) {
  auto back = decode<Variant>(encoded(Variant(message)).payload());
  EXPECT_TRUE(back) << (back ? "" : back.error().text);
  return back && std::holds_alternative<Message>(*back) ? std::get<Message>(*back) : Message{};
}

template <class Variant, class Message>
std::string decode_error(const Message& message) {
  const auto back = decode<Variant>(encoded(Variant(message)).payload());
  return back ? "accepted" : back.error().text;
}

TEST(Codec, EveryMessageComesBackWithAllItsFields) {
  for_each_message([]<class Message>(const std::string& name, const Message& message) {
    SCOPED_TRACE(name);
    const auto back = decode<Message>(encoded(message).payload());
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_TRUE(*back == message);
  });
}

TEST(Codec, TheSamplesHoldEveryVerbOfEveryConversation) {
  for_each_conversation([](std::string_view name, const auto& messages) {
    SCOPED_TRACE(name);
    using Message = typename std::remove_cvref_t<decltype(messages)>::value_type;
    std::set<std::size_t> verbs;
    for (const auto& message : messages) verbs.insert(message.index());
    EXPECT_EQ(verbs.size(), std::variant_size_v<Message>);
  });
}

TEST(Codec, EmptyMessagesComeBackEmpty) {
  const auto expect_same = []<class Message>(const Message& message) {
    const auto back = decode<Message>(encoded(message).payload());
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_TRUE(*back == message);
  };
  expect_same(ClientMessage{ReleaseKeys{}});
  expect_same(ToClient{KeysReady{}});
  expect_same(ToClient{QueryReply{}});
  expect_same(WorkerMessage{TasksFinished{}});
  expect_same(WorkerMessage{RegisterWorker{}});
  expect_same(ToWorker{ComputeTasks{}});
  expect_same(ToWorker{DefineTemplates{}});
  expect_same(PeerMessage{DataReply{}});
}

TEST(Codec, OneEncoderMakesManyFramesThatDoNotDisturbEachOther) {
  FrameEncoder encoder;
  std::vector<EncodedFrame> frames;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    auto frame = encoder.encode(WorkerMessage{samples::tasks_finished(i % 50)});
    ASSERT_TRUE(frame);
    frames.push_back(*frame);
  }
  for (std::uint32_t i = 0; i < 2000; ++i) {
    frames[i].write_header({.kind = FrameKind::message, .sequence = i});
    const auto back = decode<WorkerMessage>(frames[i].payload());
    ASSERT_TRUE(back) << i << back.error().text;
    ASSERT_EQ(std::get<TasksFinished>(*back), samples::tasks_finished(i % 50)) << i;
  }
}

TEST(Codec, AFrameIsHeaderAndPayloadInOnePiece) {
  const auto frame = encoded(WorkerMessage{Heartbeat{1, 2, 3, 4, 5, 6, 7, 8, 9}});
  frame.write_header({.kind = FrameKind::message, .credit_messages = 7, .sequence = 8, .acknowledged = 9});
  FrameReader reader;
  reader.authenticated();
  reader.feed(frame.bytes().span());
  const auto received = reader.next();
  ASSERT_TRUE(received && *received);
  const FrameHeader expected{static_cast<std::uint32_t>(frame.payload_bytes()), FrameKind::message, 7, 8, 9};
  EXPECT_EQ((**received).header, expected);
  EXPECT_EQ((**received).payload, frame.payload());
}

TEST(Codec, LargeBatchesComeBack) {
  EXPECT_EQ(round_trip<ToWorker>(samples::compute_tasks(10'000)), samples::compute_tasks(10'000));
  EXPECT_EQ(round_trip<WorkerMessage>(samples::tasks_finished(10'000)), samples::tasks_finished(10'000));
  EXPECT_EQ(round_trip<ToClient>(samples::keys_ready(10'000)), samples::keys_ready(10'000));
  EXPECT_EQ(round_trip<ClientMessage>(samples::submit_graph(10'000)), samples::submit_graph(10'000));
  EXPECT_EQ(round_trip<ClientMessage>(samples::release_keys(10'000)), samples::release_keys(10'000));
}

TEST(Codec, LargeBatchesAreBuiltInOneSegment) {
  const auto segments = [](const Bytes& payload) {
    std::uint32_t count = 0;
    std::memcpy(&count, payload.data(), sizeof count);
    return count + 1;
  };
  EXPECT_EQ(segments(encoded(ToWorker{samples::compute_tasks(10'000)}).payload()), 1U);
  EXPECT_EQ(segments(encoded(WorkerMessage{samples::tasks_finished(10'000)}).payload()), 1U);
  EXPECT_EQ(segments(encoded(ClientMessage{samples::submit_graph(10'000)}).payload()), 1U);
}

TEST(Codec, MessagesLargerThanExpectedAreJoinedFromSegments) {
  QueryReply reply;
  for (int i = 0; i < 5000; ++i) reply.lines.push_back(std::string(static_cast<std::size_t>(i % 97), 'x'));
  EXPECT_EQ(round_trip<ToClient>(reply), reply);
}

TEST(Codec, LargeBytesAreSlicesOfThePayload) {
  const FunctionRan ran{{1}, samples::bytes(4096), nullptr};
  const auto payload = encoded(WorkerMessage{ran}).payload();
  const auto back = decode<WorkerMessage>(payload);
  ASSERT_TRUE(back);
  const auto* value = std::get<FunctionRan>(*back).value.data();
  EXPECT_TRUE(value > payload.data() && value < payload.data() + payload.size());
  EXPECT_EQ(std::get<FunctionRan>(*back).value.owner(), payload.owner());
}

TEST(Codec, SmallBytesAndSmallPartsOfLargeFramesPinNoFrame) {
  const auto owns_itself = [](const Bytes& bytes, const Bytes& payload) { return bytes.owner() != payload.owner(); };
  const auto small = encoded(WorkerMessage{FunctionRan{{1}, samples::bytes(255), nullptr}}).payload();
  const auto small_back = decode<WorkerMessage>(small);
  ASSERT_TRUE(small_back);
  EXPECT_TRUE(owns_itself(std::get<FunctionRan>(*small_back).value, small));

  auto graph = samples::submit_graph(10'000);
  auto chunk = *graph.chunk;
  chunk.templates[0].arguments = samples::bytes(300);
  graph.chunk = std::make_shared<const GraphChunk>(chunk);
  const auto large = encoded(ClientMessage{graph}).payload();
  const auto large_back = decode<ClientMessage>(large);
  ASSERT_TRUE(large_back);
  EXPECT_TRUE(owns_itself(std::get<SubmitGraph>(*large_back).chunk->templates[0].arguments, large));
}

TEST(Codec, APayloadThatIsNotAlignedIsReadAllTheSame) {
  const auto payload = encoded(ToWorker{samples::compute_tasks(10)}).payload();
  std::vector<std::byte> shifted(payload.size() + 1);
  std::memcpy(shifted.data() + 1, payload.data(), payload.size());
  const auto moved = Bytes::own(std::move(shifted));
  const auto back = decode<ToWorker>(moved.slice(1, payload.size()));
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(std::get<ComputeTasks>(*back), samples::compute_tasks(10));
}

TEST(Codec, TasksThatFailedForOneReasonShareOneErrorOnBothSides) {
  TasksErred erred;
  const auto error = std::make_shared<const TaskError>(samples::task_error());
  for (std::uint32_t i = 0; i < 1000; ++i) {
    erred.tasks.push_back(TaskId::of(1, i));
    erred.runs.push_back({1});
    erred.errors.push_back(error);
  }
  const auto frame = encoded(WorkerMessage{erred});
  EXPECT_LT(frame.payload_bytes(), 17'000U);
  const auto back = round_trip<WorkerMessage>(erred);
  ASSERT_EQ(back, erred);
  EXPECT_EQ(back.errors.front(), back.errors.back());
}

TEST(Codec, TextForPeopleIsCutAtTheLimit) {
  const auto length = [](std::size_t size) {
    return round_trip<ClientMessage>(Goodbye{std::string(size, 'x')}).reason.size();
  };
  EXPECT_EQ(length(WireLimits::text_bytes - 1), WireLimits::text_bytes - 1);
  EXPECT_EQ(length(WireLimits::text_bytes), WireLimits::text_bytes);
  EXPECT_EQ(length(WireLimits::text_bytes + 1), WireLimits::text_bytes);
}

TEST(Codec, TextIsNotCutInsideACharacter) {
  const auto reason = std::string(WireLimits::text_bytes - 1, 'x') + "\xc3\xa4";
  EXPECT_EQ(round_trip<ClientMessage>(Goodbye{reason}).reason, std::string(WireLimits::text_bytes - 1, 'x'));
}

TEST(Codec, ANameOverTheLimitIsRefusedByTheSender) {
  FrameEncoder encoder;
  const auto registration = [](std::size_t size) { return ClientMessage{RegisterClient{std::string(size, 'n')}}; };
  EXPECT_TRUE(encoder.encode(registration(WireLimits::name_bytes - 1)));
  EXPECT_TRUE(encoder.encode(registration(WireLimits::name_bytes)));
  const auto refused = encoder.encode(registration(WireLimits::name_bytes + 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().text, HasSubstr("client name of 1025 bytes, the limit is 1024"));
  EXPECT_TRUE(encoder.encode(registration(5))) << "the encoder goes on after a refusal";
}

TEST(Codec, AMessageOverTheFrameLimitIsRefusedByTheSender) {
  FrameEncoder encoder;
  const auto ran = [](std::size_t size) { return WorkerMessage{FunctionRan{{1}, samples::bytes(size), nullptr}}; };
  EXPECT_TRUE(encoder.encode(ran(WireLimits::payload_bytes - 1024)));
  const auto refused = encoder.encode(ran(WireLimits::payload_bytes));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::overloaded);
  EXPECT_THAT(refused.error().text, HasSubstr("the limit is 67108864"));
  EXPECT_TRUE(encoder.encode(ran(100)));
}

// ---- promises that the receiver checks -------------------------------------------------------------------------

TEST(Codec, ParallelListsOfUnequalLengthAreRefused) {
  auto finished = samples::tasks_finished(4);
  finished.runs.pop_back();
  EXPECT_EQ(decode_error<WorkerMessage>(finished), "TasksFinished: runs has 3 entries for 4 tasks");
  auto ready = samples::keys_ready(4);
  ready.workers.push_back({1});
  EXPECT_EQ(decode_error<ToClient>(ready), "KeysReady: workers has 5 entries for 4 tasks");
  auto compute = samples::compute_tasks(4);
  compute.priorities.pop_back();
  EXPECT_EQ(decode_error<ToWorker>(compute), "ComputeTasks: priorities has 9 words for 4 tasks");
  compute = samples::compute_tasks(4);
  compute.inline_wanted = {1};
  EXPECT_EQ(decode_error<ToWorker>(compute), "ComputeTasks: inline_wanted has 1 entries for 4 tasks");
  compute = samples::compute_tasks(4);
  compute.input_nbytes.pop_back();
  EXPECT_EQ(decode_error<ToWorker>(compute), "ComputeTasks: input sizes has 7 entries for 8 tasks");
}

TEST(Codec, OffsetsThatDoNotCutTheirListAreRefused) {
  auto compute = samples::compute_tasks(4);
  compute.input_offsets.pop_back();
  EXPECT_THAT(decode_error<ToWorker>(compute), HasSubstr("input offsets has 4 entries, 4 tasks need 5"));
  compute = samples::compute_tasks(4);
  compute.input_offsets.back() = 7;
  EXPECT_THAT(decode_error<ToWorker>(compute), HasSubstr("do not ascend from 0 to 8"));
  compute = samples::compute_tasks(4);
  compute.input_offsets[2] = 1;
  EXPECT_THAT(decode_error<ToWorker>(compute), HasSubstr("do not ascend"));
  compute = samples::compute_tasks(4);
  compute.input_offsets.clear();
  EXPECT_THAT(decode_error<ToWorker>(compute), HasSubstr("no input offsets for 8 entries"));
  auto finished = samples::tasks_finished(4);
  finished.values.offsets.back() = 1'000'000;
  EXPECT_THAT(decode_error<WorkerMessage>(finished), HasSubstr("value offsets do not ascend from 0 to 64"));
}

TEST(Codec, EnumeratorsAndFlagsOutOfRangeAreRefused) {
  EXPECT_THAT(decode_error<WorkerMessage>(WorkerStatusChanged{static_cast<WorkerStatus>(3)}),
              HasSubstr("status is 3, the last known is 2"));
  EXPECT_THAT(decode_error<ClientMessage>(Query{{1}, static_cast<QueryKind>(200), {}, 0, {}}),
              HasSubstr("kind is 200"));
  EXPECT_THAT(decode_error<WorkerMessage>(StealReply{{TaskId::of(1, 1)}, {{1}}, {2}}),
              HasSubstr("released holds something other than 0 and 1"));
  EXPECT_THAT(decode_error<WorkerMessage>(StealReply{{TaskId::of(1, 1)}, {{1}}, {0}, {static_cast<StealRefusal>(4)}}),
              HasSubstr("refusals is 4, the last known is 3"));
}

TEST(Codec, GraphsAreValidatedAtTheDoor) {
  const auto with = [](auto change) {
    auto submit = samples::submit_graph(10);
    auto chunk = *submit.chunk;
    change(chunk, submit);
    submit.chunk = std::make_shared<const GraphChunk>(std::move(chunk));
    return decode_error<ClientMessage>(submit);
  };
  EXPECT_EQ(with([](auto&, auto&) {}), "accepted");
  EXPECT_THAT(with([](auto& chunk, auto&) { chunk.dependencies[0] = 9; }), HasSubstr("a cycle, or tasks out of order"));
  EXPECT_THAT(with([](auto& chunk, auto&) { chunk.dependencies[0] = 10; }), HasSubstr("external task 0 of 0"));
  EXPECT_THAT(with([](auto& chunk, auto&) { chunk.size = 0; }), HasSubstr("no task"));
  EXPECT_THAT(with([](auto& chunk, auto&) { chunk.size = 0xffffffff; }), HasSubstr("the limit is 16777215"));
  EXPECT_THAT(with([](auto&, auto& submit) { submit.held = {3, 3}; }), HasSubstr("held[1] = 3 is out of range"));
  EXPECT_THAT(with([](auto&, auto& submit) { submit.held = {10}; }), HasSubstr("held[0] = 10 is out of range"));
}

TEST(Codec, KeyRangesThatLeaveTheirSubmissionAreRefused) {
  const auto last = static_cast<std::uint32_t>(TaskId::index_mask);
  EXPECT_EQ(decode_error<ClientMessage>(ReleaseKeys{{{ClientKey::of(1, last), 1}}}), "accepted");
  EXPECT_THAT(decode_error<ClientMessage>(ReleaseKeys{{{ClientKey::of(1, last), 2}}}), HasSubstr("range of 2 keys"));
  EXPECT_THAT(decode_error<ClientMessage>(ReleaseKeys{{{ClientKey::of(1, 0), 0}}}), HasSubstr("range of 0 keys"));
}

TEST(Codec, DataItemsThatContradictThemselvesAreRefused) {
  const auto error_of = [](DataItem item) { return decode_error<PeerMessage>(PutData{{1}, {std::move(item)}}); };
  EXPECT_EQ(error_of({TaskId::of(1, 1), 1, 0, 0, 0, {}, {1, 2}}), "accepted");
  EXPECT_THAT(error_of({TaskId::of(1, 1), 1, 1, 0, 0, {}, {}}), HasSubstr("present 1 and missing 1"));
  EXPECT_THAT(error_of({TaskId::of(1, 1), 0, 1, 0, 0, {}, {5}}), HasSubstr("not present"));
  EXPECT_THAT(error_of({TaskId::of(1, 1), 1, 0, 0, 0, {}, {1ULL << 62, 1ULL << 62}}), HasSubstr("2^63"));
}

TEST(Codec, ResourceAmountsAreFiniteAndNotNegative) {
  const auto error_of = [](double amount) {
    RegisterWorker worker;
    worker.resources = {{"gpu", amount}};
    return decode_error<WorkerMessage>(worker);
  };
  EXPECT_EQ(error_of(0), "accepted");
  EXPECT_THAT(error_of(-1), HasSubstr("resource amount"));
  EXPECT_THAT(error_of(std::numeric_limits<double>::quiet_NaN()), HasSubstr("resource amount"));
}

}  // namespace
}  // namespace troupe
