#include "runtime/core/client_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace troupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A dialogue with one client: what it says to the scheduler and to its futures is taken step by step.
class ClientStateTest : public testing::Test {
protected:
  ClientStateTest() {
    client.start(out);
    EXPECT_EQ(said<RegisterClient>().name, "tester");
    tell(ClientLinkUp{false});
    tell_from_scheduler(ClientRegistered{ClientId{3}, Epoch{9}});
    nothing_else();
  }
  ~ClientStateTest() override {
    nothing_else();
    client.check_invariants();
  }

  void tell(ClientEvent event) {
    client.handle(std::move(event), Instant{}, out);
    client.check_invariants();
  }
  void tell_from_scheduler(ToClient message) { tell(SchedulerTold{std::move(message)}); }

  template <class T>
  T said() {
    if (out.to_scheduler.empty()) {
      ADD_FAILURE() << "nothing was said";
      return T{};
    }
    auto* message = std::get_if<T>(&out.to_scheduler.front());
    EXPECT_NE(message, nullptr) << "another message: " << out.to_scheduler.front().index();
    T result = message != nullptr ? std::move(*message) : T{};
    out.to_scheduler.erase(out.to_scheduler.begin());
    return result;
  }
  template <class T>
  T updated() {
    if (out.updates.empty()) {
      ADD_FAILURE() << "no update";
      return T{};
    }
    auto* update = std::get_if<T>(&out.updates.front());
    EXPECT_NE(update, nullptr) << "another update: " << out.updates.front().index();
    T result = update != nullptr ? std::move(*update) : T{};
    out.updates.erase(out.updates.begin());
    return result;
  }
  void nothing_else() {
    EXPECT_THAT(out.to_scheduler, IsEmpty()) << "something else was sent";
    EXPECT_THAT(out.updates, IsEmpty()) << "something else was told";
  }

  static GraphSubmitted graph(std::uint64_t page, std::uint32_t size, std::vector<ClientKey> external = {}) {
    auto chunk = std::make_shared<GraphChunk>();
    chunk->size = size;
    chunk->templates.resize(1);
    if (!external.empty()) {
      chunk->dependency_offsets.assign(size + 1, 0);
      for (std::uint32_t i = 0; i < external.size(); ++i) chunk->dependencies.push_back(size + i);
      chunk->dependency_offsets.back() = static_cast<std::uint32_t>(external.size());
      chunk->external = std::move(external);
    }
    return {page, page, true, Token{1, page}, {}, std::move(chunk), {}, {}};
  }
  static GraphSubmitted chunk_of(std::uint64_t page, std::uint64_t first, bool last,
                                 std::vector<ClientKey> external = {}) {
    auto result = graph(page, 10, std::move(external));
    result.graph = first;
    result.last = last;
    return result;
  }
  static ClientKey key(std::uint64_t page, std::uint32_t index) { return ClientKey::of(page, index); }
  static KeysReleased release(std::uint64_t page, std::uint32_t count) { return {{{key(page, 0), count}}}; }

  ClientState client{ClientConfig{.name = "tester", .bulk_window = 2, .small_window = 2}};
  ClientEffects out;
};

TEST_F(ClientStateTest, a_submission_gets_the_next_number_and_its_news_come_back_under_its_page) {
  tell(graph(71, 2));
  const auto sent = said<SubmitGraph>();
  EXPECT_EQ(sent.submission, 1U);
  EXPECT_EQ(sent.graph, 1U);
  EXPECT_TRUE(sent.last);
  EXPECT_EQ(sent.chunk->size, 2U);
  tell_from_scheduler(Accepted{1, 40, {}});
  EXPECT_EQ(updated<PageAccepted>(), (PageAccepted{71, 40}));
  EXPECT_EQ(client.task(key(71, 1)), TaskId::of(40, 1));
  tell_from_scheduler(KeysReady{{ClientKey::of(1, 1)}, {WorkerId{5}}, {8}, {}});
  EXPECT_THAT(updated<KeysReady>().keys, ElementsAre(key(71, 1)));
  auto error = std::make_shared<const TaskError>();
  tell_from_scheduler(KeysErred{{ClientKey::of(1, 0)}, {error}});
  EXPECT_THAT(updated<KeysErred>().keys, ElementsAre(key(71, 0)));
}

TEST_F(ClientStateTest, dependencies_go_out_under_the_numbers_of_the_wire) {
  tell(graph(8, 3));
  said<SubmitGraph>();
  tell(graph(9, 1, {key(8, 2)}));
  EXPECT_THAT(said<SubmitGraph>().chunk->external, ElementsAre(ClientKey::of(1, 2)));
}

TEST_F(ClientStateTest, chunks_of_a_large_graph_wait_for_the_window) {
  for (std::uint64_t page = 1; page <= 4; ++page) tell(chunk_of(page, 1, page == 4));
  EXPECT_EQ(said<SubmitGraph>().submission, 1U);
  const auto second = said<SubmitGraph>();
  EXPECT_EQ(second.submission, 2U);
  EXPECT_EQ(second.graph, 1U);
  EXPECT_FALSE(second.last);
  nothing_else();
  EXPECT_EQ(client.backlog(), 2U);
  tell_from_scheduler(Accepted{1, 10, {}});
  updated<PageAccepted>();
  EXPECT_EQ(said<SubmitGraph>().submission, 3U);
  nothing_else();
  tell_from_scheduler(Accepted{2, 11, {}});
  updated<PageAccepted>();
  const auto last = said<SubmitGraph>();
  EXPECT_TRUE(last.last);
  EXPECT_EQ(last.graph, 1U);
}

TEST_F(ClientStateTest, a_small_job_passes_the_chunks_that_wait) {
  for (std::uint64_t page = 1; page <= 4; ++page) tell(chunk_of(page, 1, page == 4));
  said<SubmitGraph>();
  said<SubmitGraph>();
  tell(graph(5, 1));
  EXPECT_EQ(said<SubmitGraph>().submission, 3U);
  tell_from_scheduler(Accepted{1, 10, {}});
  EXPECT_EQ(said<SubmitGraph>().submission, 4U);
  EXPECT_EQ(updated<PageAccepted>().page, 1U);
  tell_from_scheduler(KeysReady{{ClientKey::of(3, 0)}, {WorkerId{1}}, {8}, {}});
  EXPECT_THAT(updated<KeysReady>().keys, ElementsAre(key(5, 0)));
}

TEST_F(ClientStateTest, what_names_a_waiting_chunk_waits_behind_it) {
  for (std::uint64_t page = 1; page <= 3; ++page) tell(chunk_of(page, 1, page == 3));
  said<SubmitGraph>();
  said<SubmitGraph>();
  tell(graph(4, 1, {key(3, 7)}));
  tell(CancelWanted{{{key(3, 1), 2}}, true, "no more"});
  tell(QueryWanted{Query{RequestId{6}, QueryKind::who_has, {key(3, 1)}, 0, {}}});
  tell(RetryWanted{{{key(3, 5), 1}}});
  tell(KeysReleased{{{key(3, 0), 10}, {key(1, 4), 1}}});
  EXPECT_THAT(said<ReleaseKeys>().keys, ElementsAre(KeyRange{ClientKey::of(1, 4), 1}));
  nothing_else();
  tell_from_scheduler(Accepted{1, 10, {}});
  updated<PageAccepted>();
  EXPECT_EQ(said<SubmitGraph>().submission, 3U);
  nothing_else();  // the window is full again
  tell_from_scheduler(Accepted{2, 11, {}});
  updated<PageAccepted>();
  const auto dependent = said<SubmitGraph>();
  EXPECT_EQ(dependent.submission, 4U);
  EXPECT_THAT(dependent.chunk->external, ElementsAre(ClientKey::of(3, 7)));
  EXPECT_EQ(said<CancelKeys>(), (CancelKeys{{{ClientKey::of(3, 1), 2}}, true, "no more"}));
  EXPECT_THAT(said<Query>().keys, ElementsAre(ClientKey::of(3, 1)));
  EXPECT_THAT(said<RetryKeys>().keys, ElementsAre(KeyRange{ClientKey::of(3, 5), 1}));
  EXPECT_THAT(said<ReleaseKeys>().keys, ElementsAre(KeyRange{ClientKey::of(3, 0), 10}));
}

TEST_F(ClientStateTest, holds_back_single_submissions_while_enough_are_unanswered) {
  EXPECT_FALSE(client.busy());
  tell(graph(1, 1));
  tell(graph(2, 1));
  said<SubmitGraph>();
  said<SubmitGraph>();
  EXPECT_TRUE(client.busy());
  tell_from_scheduler(Accepted{1, 10, {}});
  updated<PageAccepted>();
  EXPECT_FALSE(client.busy());
}

TEST_F(ClientStateTest, a_refused_submission_fails_its_page_and_frees_the_window) {
  tell(graph(1, 1));
  said<SubmitGraph>();
  tell_from_scheduler(Accepted{1, 0, Error{ErrorKind::invalid, "same token, other definition"}});
  EXPECT_EQ(updated<PageRefused>(), (PageRefused{1, {ErrorKind::invalid, "same token, other definition"}}));
  EXPECT_FALSE(client.busy());
}

TEST_F(ClientStateTest, releases_may_come_before_the_answer_and_later_news_of_them_are_skipped) {
  tell(graph(1, 3));
  said<SubmitGraph>();
  tell(release(1, 3));
  EXPECT_THAT(said<ReleaseKeys>().keys, ElementsAre(KeyRange{ClientKey::of(1, 0), 3}));
  tell_from_scheduler(Accepted{1, 10, {}});
  EXPECT_EQ(updated<PageAccepted>().page, 1U);
  tell_from_scheduler(KeysReady{{ClientKey::of(1, 0)}, {WorkerId{1}}, {8}, {}});
  EXPECT_THAT(updated<KeysReady>().keys, ElementsAre(ClientKey{}));
  tell_from_scheduler(KeysCancelled{{{ClientKey::of(1, 0), 3}}, "late"});
  EXPECT_THAT(updated<KeysCancelled>().keys, IsEmpty());
  EXPECT_EQ(client.task(key(1, 0)), std::nullopt);
}

TEST_F(ClientStateTest, a_page_of_an_open_graph_is_kept_for_its_later_chunks) {
  tell(chunk_of(1, 1, false));
  said<SubmitGraph>();
  tell(release(1, 10));
  said<ReleaseKeys>();
  tell_from_scheduler(Accepted{1, 10, {}});
  updated<PageAccepted>();
  tell(chunk_of(2, 1, true, {key(1, 3)}));
  EXPECT_THAT(said<SubmitGraph>().chunk->external, ElementsAre(ClientKey::of(1, 3)));
  EXPECT_EQ(client.task(key(1, 0)), std::nullopt);  // only now
}

TEST_F(ClientStateTest, a_resumed_session_changes_nothing) {
  tell(graph(1, 1));
  said<SubmitGraph>();
  tell(ClientLinkUp{true});
  nothing_else();
  tell_from_scheduler(Accepted{1, 10, {}});
  updated<PageAccepted>();
}

TEST_F(ClientStateTest, a_new_session_loses_every_key_and_question_and_registers_again_from_one) {
  for (std::uint64_t page = 1; page <= 4; ++page) tell(chunk_of(page, 1, page == 4));
  tell(QueryWanted{Query{RequestId{5}, QueryKind::scheduler_info, {}, 0, {}}});
  said<SubmitGraph>();
  said<SubmitGraph>();
  said<Query>();
  tell(ClientLinkUp{false});
  EXPECT_EQ(updated<AllKeysLost>().error.kind, ErrorKind::disconnected);
  EXPECT_EQ(updated<RequestFailed>().request, RequestId{5});
  EXPECT_EQ(said<RegisterClient>().name, "tester");
  EXPECT_EQ(client.backlog(), 0U);
  tell(release(2, 10));  // of the session before: nobody is to know
  nothing_else();
  tell(graph(9, 1));
  EXPECT_EQ(said<SubmitGraph>().submission, 1U);
  tell(graph(10, 1, {key(2, 0)}));
  const auto refused = updated<PageRefused>();
  EXPECT_EQ(refused.page, 10U);
  EXPECT_EQ(refused.error.kind, ErrorKind::disconnected);
}

TEST_F(ClientStateTest, a_closed_link_ends_it_and_what_is_asked_later_fails_at_once) {
  tell(graph(1, 1));
  said<SubmitGraph>();
  tell(ClientLinkClosed{{ErrorKind::disconnected, "gone"}});
  EXPECT_EQ(updated<AllKeysLost>().error.text, "gone");
  EXPECT_TRUE(out.close);
  tell(graph(2, 1));
  EXPECT_EQ(updated<PageRefused>().page, 2U);
  tell(QueryWanted{Query{RequestId{5}, QueryKind::scheduler_info, {}, 0, {}}});
  EXPECT_EQ(updated<RequestFailed>().request, RequestId{5});
}

TEST_F(ClientStateTest, closing_says_goodbye_last) {
  tell(CloseWanted{"done"});
  EXPECT_EQ(said<Goodbye>().reason, "done");
  EXPECT_EQ(updated<AllKeysLost>().error.kind, ErrorKind::disconnected);
  EXPECT_TRUE(out.close);
  tell(KeysReleased{{{key(1, 0), 1}}});
  nothing_else();
}

TEST_F(ClientStateTest, a_scatter_is_planned_with_the_addresses_of_its_targets) {
  tell(ScatterWanted{4, Token{1, 2}, {100, 200}, 1, {}});
  const auto asked = said<ScatterKeys>();
  EXPECT_EQ(asked.submission, 1U);
  EXPECT_THAT(asked.nbytes, ElementsAre(100, 200));
  const WorkerAddress worker{WorkerId{2}, "w", "host:1", "host"};
  tell_from_scheduler(WorkerAddresses{{worker}});
  tell_from_scheduler(ScatterTargets{1, 33, {0, 1, 2}, {WorkerId{2}, WorkerId{2}}, {}});
  EXPECT_EQ(updated<ScatterPlanned>(), (ScatterPlanned{4, 33, {0, 1, 2}, {worker, worker}}));
  EXPECT_FALSE(client.busy());
}

TEST_F(ClientStateTest, who_has_names_holders_that_can_be_reached) {
  tell(QueryWanted{Query{RequestId{5}, QueryKind::who_has, {}, 0, {}}});
  EXPECT_EQ(said<Query>().request, RequestId{5});
  QueryReply reply;
  reply.request = RequestId{5};
  const WorkerAddress worker{WorkerId{9}, "w", "host:9", "host"};
  reply.holders = {{worker}};
  tell_from_scheduler(reply);
  EXPECT_EQ(updated<QueryReply>(), reply);
  ASSERT_NE(client.address(WorkerId{9}), nullptr);
  EXPECT_EQ(*client.address(WorkerId{9}), worker);
}

TEST_F(ClientStateTest, questions_are_answered_once) {
  tell(QueryWanted{Query{RequestId{5}, QueryKind::scheduler_info, {}, 0, {}}});
  EXPECT_EQ(said<Query>().request, RequestId{5});
  QueryReply reply;
  reply.request = RequestId{5};
  tell_from_scheduler(reply);
  EXPECT_EQ(updated<QueryReply>(), reply);
  tell_from_scheduler(reply);
  nothing_else();
}

}  // namespace
}  // namespace troupe
