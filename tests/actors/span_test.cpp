#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/log_ring.hpp"
#include "actors/node.hpp"
#include "tests/actors/client_functions.hpp"

namespace troupe {
namespace {

using namespace client_tests;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Span, has_the_trace_that_it_is_given_or_one_of_its_own) {
  EXPECT_EQ(Span::current(), nullptr);
  const Span outer("nightly", parent);
  EXPECT_EQ(outer.trace_id(), "0af7651916cd43dd8448eb211c80319c");
  {
    const Span inner("load");
    EXPECT_EQ(inner.name(), "nightly/load");
    EXPECT_EQ(inner.trace_id(), outer.trace_id());
    EXPECT_EQ(Span::current()->name, "nightly/load");
  }
  EXPECT_EQ(Span::current()->name, "nightly");
  std::thread([] { EXPECT_EQ(Span::current(), nullptr); }).join();
}

TEST(Span, spans_that_are_given_no_trace_have_different_ones) {
  std::vector<std::string> traces;
  for (int i = 0; i < 2; ++i) traces.push_back(Span("s").trace_id());
  EXPECT_THAT(traces[0], SizeIs(32));
  EXPECT_NE(traces[0], traces[1]);
}

TEST(Span, what_is_no_traceparent_is_refused) {
  for (const std::string bad : {
           "00",
           "0af7651916cd43dd8448eb211c80319c",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319-c-b7ad6b7169203331-01",
       })
    EXPECT_THROW(Span("s", bad), InvalidRequest) << bad;
  EXPECT_NO_THROW(Span("s", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
  EXPECT_THROW(Span(""), InvalidRequest);
  EXPECT_THROW(Span(std::string(1025, 'x')), InvalidRequest);
  EXPECT_EQ(Span::current(), nullptr);
}

class SpanClusterTest : public ::testing::Test {
protected:
  std::vector<LogLine> lines(const std::string& part) {
    std::vector<LogLine> found;
    for (const auto& line : cluster.node().recent_log().page(0, 10'000).lines)
      if (line.text.find(part) != std::string::npos) found.push_back(line);
    return found;
  }
  LocalCluster cluster{{.workers = 2, .modules = {client_tests_module}, .dashboard = false}};
  Client client{cluster};
};

TEST_F(SpanClusterTest, what_a_task_says_is_said_with_its_client_span_and_trace) {
  auto before = client.submit<nap_and_say>(0, std::string("outside"));
  Future<int> inside;
  {
    const Span span("nightly", parent);
    inside = client.submit<nap_and_say>(0, std::string("inside"));
  }
  auto after = client.submit<nap_and_say>(0, std::string("outside"));
  EXPECT_EQ(client.gather(std::vector{before, inside, after}), (std::vector{1, 1, 1}));

  const auto named = lines(": inside");
  ASSERT_THAT(named, SizeIs(1));
  EXPECT_EQ(named[0].about.span.name, "nightly");
  EXPECT_EQ(named[0].about.span.trace.hex(), "0af7651916cd43dd8448eb211c80319c");
  ASSERT_TRUE(named[0].about.task);
  EXPECT_EQ(named[0].about.event, "task_said");
  const auto others = lines(": outside");
  ASSERT_THAT(others, SizeIs(2));
  for (const auto& line : others) {
    EXPECT_FALSE(line.about.span);
    EXPECT_TRUE(line.about.client);
    EXPECT_EQ(line.about.client, named[0].about.client);
  }
  const auto submitted = lines("submits in span nightly");
  ASSERT_THAT(submitted, SizeIs(1));
  EXPECT_EQ(submitted[0].about.client, named[0].about.client);
  EXPECT_EQ(submitted[0].about.span, named[0].about.span);
  EXPECT_EQ(submitted[0].about.event, "span_entered");
  const auto registered = lines(" registered, ");
  ASSERT_THAT(registered, SizeIs(2));
  EXPECT_EQ(registered[0].about.event, "worker_registered");
}

TEST_F(SpanClusterTest, what_a_task_submits_is_in_the_span_of_the_task) {
  const Span span("recursive");
  EXPECT_EQ(client.submit<fibonacci>(std::uint64_t{6}).get(), 8U);
  EXPECT_THAT(lines("submits in span recursive"), SizeIs(1)) << "its tasks submit in no span of their own";
  Query query;
  query.kind = QueryKind::durations;
  const auto learnt = client.ask(query);
  ASSERT_THAT(learnt.durations, SizeIs(1));
  EXPECT_EQ(learnt.durations[0].finished, 25U);
  EXPECT_EQ(learnt.slots, 2U);
}

TEST_F(SpanClusterTest, failures_are_logged_and_a_flood_of_them_is_counted) {
  const auto failed = client.map<refuse>(std::vector<int>(500, 7));
  client.wait(failed);
  const auto told = lines("failed in run 1");
  ASSERT_FALSE(told.empty());
  EXPECT_THAT(told[0].text, AllOf(HasSubstr("client_tests::refuse"), HasSubstr("no room for 7")));
  EXPECT_EQ(told[0].level, 2);
  EXPECT_TRUE(told[0].about.task);
  EXPECT_TRUE(told[0].about.client);
  EXPECT_LT(told.size(), 200U);
  // Of the others it is told how many there were, though nothing fails any more.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::size_t counted = 0;
  while (counted < 500 && std::chrono::steady_clock::now() < deadline) {
    counted = lines("failed in run 1").size();
    for (const auto& line : lines(" more tasks failed")) counted += std::stoul(line.text);
  }
  EXPECT_EQ(counted, 500U);
}

}  // namespace
}  // namespace troupe
