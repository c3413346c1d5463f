#include "actors/node.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <caf/all.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "actors/clock_skew.hpp"
#include "actors/loop_actor.hpp"
#include "runtime/exec/continuous_profiler.hpp"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

class Echo final : public caf::event_based_actor {
public:
  explicit Echo(caf::actor_config& config) : caf::event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[](int number) { return number + 1; }};
  }
};

/// Passes a number on until it is zero, then keeps the promise.
class Relay final : public caf::event_based_actor {
public:
  Relay(caf::actor_config& config, std::promise<void>* end) : caf::event_based_actor(config), done_(end) {}
  caf::behavior make_behavior() override {
    return {[this](int left, const caf::actor& other) {
      if (left == 0) return done_->set_value();
      send(other, left - 1, caf::actor_cast<caf::actor>(this));
    }};
  }

private:
  std::promise<void>* done_;
};

/// Sends itself a message that takes a while. A class, like all our actors: CAF's header for actors that are functions
/// reads through a null pointer where they capture nothing, which debug builds of the standard library refuse.
class Alarm final : public caf::event_based_actor {
public:
  Alarm(caf::actor_config& config, std::promise<void>* fired) : caf::event_based_actor(config), fired_(fired) {}
  caf::behavior make_behavior() override {
    delayed_send(this, std::chrono::milliseconds(20), 7);
    return {[this](int) {
      fired_->set_value();
      quit();
    }};
  }

private:
  std::promise<void>* fired_;
};

TEST(NodeTest, FiftyNodesComeAndGoWithActorsAliveInThem) {
  for (int i = 0; i < 50; ++i) {
    Node node;
    const auto echo = node.spawn<Echo>();
    EXPECT_EQ(node.call([] { return 3; }), 3);
    caf::scoped_actor self{node.system()};
    self->request(echo, std::chrono::seconds(5), 1)
        .receive([](int answer) { EXPECT_EQ(answer, 2); }, [](const caf::error&) { FAIL(); });
  }
}

TEST(NodeTest, ANodeMadeAndUsedByOneThreadIsDestroyedByAnother) {
  auto node = std::make_unique<Node>();
  std::thread([&] { node->spawn<Echo>(); }).join();
  node->call([&] { node->spawn<Echo>(); });
  std::thread([&] { node.reset(); }).join();
  EXPECT_FALSE(node);
}

/// Is at its first message until it is let go.
class Busy final : public LoopActor {
public:
  Busy(caf::actor_config& config, Node* node, std::promise<void>* begun, std::shared_future<void> end)
      : LoopActor(config, *node, "busy"), begun_(begun), end_(std::move(end)) {}
  caf::behavior make_behavior() override {
    return {[this](int number) {
      if (number > 0) return;
      begun_->set_value();
      end_.wait();
    }};
  }

private:
  std::promise<void>* begun_;
  std::shared_future<void> end_;
};

TEST(NodeTest, TellsHowManyMessagesWaitForActorsAlsoWhileItsLoopIsStuck) {
  Node node;
  std::promise<void> begun;
  std::promise<void> end;
  const auto busy = node.spawn<Busy>(&node, &begun, end.get_future().share());
  EXPECT_EQ(node.waiting_messages(), (std::map<std::string, std::uint64_t>{{"busy", 0}}));
  for (int i = 0; i < 5; ++i) caf::anon_send(busy, i);
  begun.get_future().wait();
  EXPECT_EQ(node.waiting_messages().at("busy"), 5U) << "it has not done with the first";
  end.set_value();
  while (node.waiting_messages().at("busy") > 0) std::this_thread::yield();
  caf::anon_send_exit(busy, caf::exit_reason::user_shutdown);
}

TEST(ClockSkewTest, IsWhatOurClockIsAheadHalfWayOfTheShortestOfTheLastQuestions) {
  using namespace std::chrono_literals;
  ClockSkew skew;
  EXPECT_EQ(skew.round_trip(), Duration{0});
  EXPECT_EQ(skew.skew(), Duration{0});
  skew.answered(Instant{0}, Instant{} + 10ms, 1005ms, 900ms);
  EXPECT_EQ(skew.round_trip(), 10ms);
  EXPECT_EQ(skew.skew(), 100ms) << "ours said 1000 ms as theirs said 900";
  skew.answered(Instant{} + 1s, Instant{} + 1002ms, 2001ms, 2500ms);
  EXPECT_EQ(skew.round_trip(), 2ms);
  EXPECT_EQ(skew.skew(), -500ms) << "more can be known of a shorter way";
  for (int i = 0; i < 7; ++i) skew.answered(Instant{} + 2s, Instant{} + 2100ms, 3000ms, 2930ms);
  EXPECT_EQ(skew.skew(), -500ms) << "of the last eight";
  skew.answered(Instant{} + 3s, Instant{} + 3100ms, 3000ms, 2930ms);
  EXPECT_EQ(skew.skew(), 20ms);
  skew.answered(Instant{} + 3s, Instant{} + 2s, 0ms, 0ms);
  EXPECT_EQ(skew.round_trip(), 100ms) << "no answer comes before its question";
}

TEST(NodeTest, SeveralNodesLiveInOneProcess) {
  Node one;
  Node other;
  EXPECT_TRUE(one.call([&] { return one.on_loop() && !other.on_loop(); }));
  EXPECT_TRUE(other.call([&] { return other.on_loop() && !one.on_loop(); }));
  EXPECT_FALSE(one.on_loop());
}

TEST(NodeTest, ActorsAreResumedOnTheLoopAndAMessageCostsMicroseconds) {
  Node node;
  std::promise<void> done;
  const auto a = node.spawn<Relay>(&done);
  const auto b = node.spawn<Relay>(&done);
  constexpr int hops = 100'000;
  const auto start = Clock::now();
  caf::anon_send(a, hops, b);
  done.get_future().wait();
  const auto each = std::chrono::duration<double, std::micro>(Clock::now() - start).count() / hops;
  RecordProperty("us_per_hop", std::to_string(each));
  EXPECT_LT(each, 50.0);
}

TEST(NodeTest, WakingAnIdleActorFromAnotherThreadTakesFarLessThanAMillisecond) {
  Node node;
  const auto echo = node.spawn<Echo>();
  caf::scoped_actor self{node.system()};
  std::vector<double> us;
  for (int i = 0; i < 500; ++i) {
    const auto start = Clock::now();
    self->request(echo, std::chrono::seconds(5), i).receive([](int) {}, [](const caf::error&) { FAIL(); });
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::sort(us.begin(), us.end());
  RecordProperty("us_median", std::to_string(us[us.size() / 2]));
  EXPECT_LT(us[us.size() / 2], 1000.0);
}

TEST(NodeTest, TimeoutsOfActorsRunOnTheLoopsClock) {
  Node node;
  std::promise<void> fired;
  node.spawn<Alarm>(&fired);
  EXPECT_EQ(fired.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST(NodeTest, ALongInlineTaskLosesTheLoopToAnotherThreadAndGetsItBack) {
  Node node;
  for (int round = 0; round < 20; ++round) {
    std::promise<void> over;
    bool elsewhere = false;
    node.post([&] {
      node.run_inline([&] {
        EXPECT_FALSE(node.on_loop());
        std::promise<void> seen;
        node.post([&] {
          elsewhere = node.on_loop() && !node.can_run_inline();
          seen.set_value();
        });
        seen.get_future().wait();  // would never end, were the loop not taken over
      });
      EXPECT_TRUE(node.on_loop());
      EXPECT_TRUE(node.can_run_inline());
      over.set_value();
    });
    ASSERT_EQ(over.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_TRUE(elsewhere);
  }
}

TEST(NodeTest, AtMostOneThreadIsOnTheLoopWhileTasksRunInline) {
  Node node;
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> left{3000};
  std::atomic<int> parts{9};  // 8 inline tasks and the chain of steps
  std::promise<void> done;
  const auto end = [&] {
    if (parts.fetch_sub(1) == 1) done.set_value();
  };
  const auto enter = [&] {
    const int now = ++inside;
    int seen = most.load();
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
  };
  std::function<void()> step = [&] {
    enter();
    --inside;
    if (left.fetch_sub(1) == 1) return end();
    node.post(step);
  };
  for (int i = 0; i < 8; ++i) {
    node.post([&] {
      if (!node.can_run_inline()) return end();
      node.run_inline([] {
        const auto until = Clock::now() + std::chrono::milliseconds(5);
        while (Clock::now() < until) {
        }
      });
      enter();
      --inside;
      end();
    });
  }
  node.post(step);
  ASSERT_EQ(done.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(most.load(), 1);
}

TEST(NodeTest, ANodeEndsWhileItsTaskRunsInlineAndTheLoopIsElsewhere) {
  for (int round = 0; round < 20; ++round) {
    std::promise<void> taken;
    std::promise<void> go;
    std::atomic<bool> over{false};
    auto node = std::make_unique<Node>();
    node->post([&, loop = node.get()] {
      loop->run_inline([&] {
        loop->post([&] { taken.set_value(); });
        go.get_future().wait();
      });
      over = true;
    });
    taken.get_future().wait();
    // The task returns after the loop has been stopped, so that there may be no stand-by left to give the loop back.
    std::thread stopped([&, io = &node->io()] {
      while (!io->stopped()) std::this_thread::yield();
      go.set_value();
    });
    node.reset();
    stopped.join();
    EXPECT_TRUE(over);
  }
}

TEST(NodeTest, AShortInlineTaskCostsNearlyNothing) {
  Node node;
  constexpr int count = 200'000;
  const auto start = Clock::now();
  node.call([&] {
    for (int i = 0; i < count; ++i) node.run_inline([] {});
  });
  const auto ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count;
  RecordProperty("ns_per_task", std::to_string(ns));
  EXPECT_LT(ns, 2000.0);
}

#if !defined(__SANITIZE_THREAD__)
/// Not inlined, and not the last thing that the caller does: it is to be seen in stacks.
__attribute__((noinline)) int busy_on_the_loop(std::chrono::milliseconds time) {
  const auto end = Clock::now() + time;
  int rounds = 0;
  while (Clock::now() < end) ++rounds;
  return rounds;
}

TEST(NodeTest, ItsLoopIsSeenAtWorkAndNotWhileItWaits) {
  Node node;
  auto profiler = ContinuousProfiler::start_on_loops([&](const auto& visit) { node.for_each_loop_thread(visit); },
                                                     {std::chrono::milliseconds(1)});
  ASSERT_TRUE(profiler) << profiler.error().text;
  const auto seen = [&] {
    std::uint64_t in_function = 0;
    for (const auto& stack : (*profiler)->past({}).stacks) {
      EXPECT_EQ(stack.prefix, "event loop");
      const auto is = [](const char* name) {
        return [name](const std::string& frame) { return frame.find(name) != std::string::npos; };
      };
      EXPECT_TRUE(std::none_of(stack.frames.begin(), stack.frames.end(), is("epoll_wait"))) << "it waited";
      EXPECT_TRUE(std::none_of(stack.frames.begin(), stack.frames.end(), is("scheduler::run"))) << "below the work";
      if (std::any_of(stack.frames.begin(), stack.frames.end(), is("busy_on_the_loop"))) in_function += stack.samples;
    }
    return in_function;
  };
  std::uint64_t before = 0;
  do {
    EXPECT_GT(node.call([] { return busy_on_the_loop(std::chrono::milliseconds(20)); }), 0);
    before = seen();
  } while (before < 5);
  std::uint64_t samples = 0;
  for (const auto& window : (*profiler)->past({}).windows) samples += window.samples;
  EXPECT_GE(samples, before);
}
#endif

}  // namespace
}  // namespace troupe
