#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <random>
#include <thread>

#include "actors/scheduler_actor.hpp"
#include "actors/scheduler_node.hpp"
#include "actors/value_exchange.hpp"
#include "actors/worker_node.hpp"
#include "tests/actors/test_client.hpp"
#include "tests/support/cutting_proxy.hpp"

namespace troupe::testing {

std::int64_t square(std::int64_t x) { return x * x; }
std::int64_t add(std::int64_t a, std::int64_t b) { return a + b; }
std::int64_t fail_if_odd(std::int64_t x) {
  if (x % 2 == 1) throw std::runtime_error("odd number " + std::to_string(x));
  return x;
}
Buffer make_buffer(std::uint64_t size, std::uint8_t fill) {
  std::byte* memory = nullptr;
  auto buffer = Buffer::allocate(size, &memory);
  std::memset(memory, fill, size);
  return buffer;
}
std::int64_t sum_of(const Buffer& buffer, std::int64_t) {
  std::int64_t sum = 0;
  for (const auto byte : buffer.as<std::uint8_t>()) sum += byte;
  return sum;
}

/// What a task under way waits for, and says.
std::atomic<bool> gate_open{false};
std::atomic<int> gate_entered{0};
std::int64_t pass_gate(std::int64_t blocks) {
  if (blocks == 0) return 0;
  ++gate_entered;
  gate_entered.notify_all();
  gate_open.wait(false);
  return blocks;
}

/// Lets all through at its end, whatever became of the test.
struct Gate {
  Gate() {
    gate_open = false;
    gate_entered = 0;
  }
  ~Gate() { open(); }
  static void open() {
    gate_open = true;
    gate_open.notify_all();
  }
  static void wait_for(int tasks) {
    for (int entered = 0; (entered = gate_entered.load()) < tasks;) gate_entered.wait(entered);
  }
};

}  // namespace troupe::testing

TROUPE_MODULE(cluster_test_module, troupe::testing::square, troupe::testing::add, troupe::testing::fail_if_odd,
              troupe::testing::make_buffer, troupe::testing::sum_of, troupe::testing::pass_gate)

namespace troupe::testing {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<FunctionRegistry> registry() {
  auto made = std::make_shared<FunctionRegistry>();
  EXPECT_TRUE(made->add(cluster_test_module));
  return made;
}

void one_number(ArgumentWriter& writer, std::uint32_t i, std::vector<std::uint32_t>&) {
  writer.write<std::int64_t>(std::int64_t{i});
}

class ClusterTest : public ::testing::Test {
protected:
  SchedulerHandle start_scheduler_at(Node& node, SchedulerOptions options = {}) {
    options.port = 0;
    options.access = access;
    auto started = start_scheduler(node, std::move(options));
    EXPECT_TRUE(started) << started.error().text;
    access.scheduler_address = started->address();
    return *started;
  }
  WorkerOptions worker_options() {
    WorkerOptions options;
    options.access = access;
    options.threads = 2;
    options.registry = registry();
    options.give_up_after = 20s;
    return options;
  }
  ConnectOptions connect_options() {
    ConnectOptions options;
    options.access = access;
    options.give_up_after = 20s;
    return options;
  }
  WorkerHandle start(Node& node, WorkerOptions options) {
    auto started = start_worker(node, std::move(options));
    EXPECT_TRUE(started) << started.error().text;
    return *started;
  }

  void squares(TestClient& client, std::uint64_t submission, std::uint32_t count) {
    client.submit<&square>(submission, count, one_number);
    const auto last = ClientKey::of(submission, 0).value + count;
    const auto there = [&] {
      const auto& values = client.log.values;
      return std::distance(values.lower_bound(ClientKey::of(submission, 0).value), values.lower_bound(last)) == count;
    };
    ASSERT_TRUE(client.log.wait(there)) << client.log.values.size() << " values, " << client.log.errors.size()
                                        << " errors";
    for (std::uint32_t i = 0; i < count; ++i) ASSERT_EQ(client.value<std::int64_t>(submission, i), std::int64_t{i} * i);
  }

  /// Sums 0 .. leaves-1 (each squared) by a tree of pairs; leaves is a power of two. Returns the last index.
  std::uint32_t tree(TestClient& client, std::uint64_t submission, std::uint32_t leaves) {
    client.submit<&add>(submission, 2 * leaves - 1,
                        [&](ArgumentWriter& writer, std::uint32_t i, std::vector<std::uint32_t>& dependencies) {
                          if (i < leaves) {
                            writer.write<std::int64_t>(std::int64_t{i});
                            writer.write<std::int64_t>(std::int64_t{1});
                          } else {
                            const auto first = 2 * (i - leaves);
                            dependencies.push_back(first);
                            dependencies.push_back(first + 1);
                            writer.dependency({});
                            writer.dependency({});
                          }
                        });
    return 2 * leaves - 2;
  }

  AccessFile access = AccessFile::generate();
};

TEST_F(ClusterTest, TasksRunOnWorkersOverTcpAndTheirValuesComeBack) {
  Node at_scheduler;
  Node at_worker;
  Node at_client;
  auto scheduler = start_scheduler_at(at_scheduler);
  auto worker = start(at_worker, worker_options());
  TestClient client(at_client, connect_options());
  squares(client, 1, 1000);
  EXPECT_EQ(scheduler.counters().finished, 1000U);
  EXPECT_EQ(worker.counters().finished, 1000U);
}

TEST_F(ClusterTest, ATreeOverTwoWorkersFetchesItsInputsFromBoth) {
  Node at_scheduler;
  Node one;
  Node two;
  Node at_client;
  auto scheduler = start_scheduler_at(at_scheduler);
  auto first = start(one, worker_options());
  auto second = start(two, worker_options());
  TestClient client(at_client, connect_options());
  const auto root = tree(client, 1, 1024);
  ASSERT_TRUE(client.wait_values(2047));
  EXPECT_EQ(client.value<std::int64_t>(1, root), 1024 * 1023 / 2 + 1024);
  EXPECT_EQ(first.counters().finished + second.counters().finished, 2047U);
}

TEST_F(ClusterTest, SchedulerWorkersAndClientInOneNodeNeedNoPortAndNoKey) {
  Node node;
  SchedulerOptions options;
  options.listen = false;
  auto scheduler = start_scheduler_at(node, options);
  EXPECT_TRUE(scheduler.address().empty());
  auto own = worker_options();
  own.access = {};
  own.scheduler = scheduler;
  own.listen = false;
  auto first = start(node, own);
  own.registry = registry();
  auto second = start(node, own);
  EXPECT_NE(first.address(), second.address());
  ConnectOptions connect;
  connect.local = scheduler;
  TestClient client(node, connect);
  squares(client, 1, 2000);
  const auto root = tree(client, 2, 256);
  ASSERT_TRUE(client.wait_values(2000 + 511));
  EXPECT_EQ(client.value<std::int64_t>(2, root), 256 * 255 / 2 + 256);
}

TEST_F(ClusterTest, HeartbeatsAreAnsweredAndMeasureTheWayAndTheClocks) {
  Node at_scheduler;
  Node at_worker;
  SchedulerOptions options;
  options.config.heartbeat_ms = 5;
  auto scheduler = start_scheduler_at(at_scheduler, options);
  auto far = start(at_worker, worker_options());
  auto own = worker_options();
  own.access = {};
  own.scheduler = scheduler;
  own.listen = false;
  auto near = start(at_scheduler, own);
  for (auto* worker : {&far, &near}) {
    while (worker->durations().heartbeats.count() < 10) std::this_thread::yield();
    const auto around = worker->surroundings();
    EXPECT_GT(around.round_trip_us, 0U);
    EXPECT_LT(std::abs(around.clock_skew_us), 1'000'000) << "both read the same clock";
  }
  const auto told = [&] {
    const auto view = at_scheduler.call([&] { return scheduler.shared().running->state().view(Node::now()); });
    return std::all_of(view.workers.begin(), view.workers.end(),
                       [](const WorkerView& worker) { return worker.heartbeat.surroundings.round_trip_us > 0; });
  };
  while (!told()) std::this_thread::yield();
}

TEST_F(ClusterTest, LargeValuesMoveBetweenWorkersWithNoCopyInUserSpace) {
  Node at_scheduler;
  Node one;
  Node two;
  Node at_client;
  SchedulerOptions keeping;
  keeping.config.active_memory_manager = false;  // both copies are looked at
  start_scheduler_at(at_scheduler, keeping);
  auto options = worker_options();
  options.name = "one";
  auto first = start(one, options);
  options.name = "two";
  options.registry = registry();
  auto second = start(two, options);
  TestClient client(at_client, connect_options());
  const auto before = copied_bytes();
  Annotations at_one;
  at_one.workers = {"one"};
  constexpr std::uint64_t size = 64U << 20;
  client.submit<&make_buffer>(
      1, 1,
      [&](ArgumentWriter& writer, std::uint32_t, std::vector<std::uint32_t>&) {
        writer.write<std::uint64_t>(size);
        writer.write<std::uint8_t>(std::uint8_t{3});
      },
      at_one);
  ASSERT_TRUE(client.wait_values(1));
  EXPECT_TRUE(client.log.values.begin()->second.empty());  // too large to come along

  auto chunk = std::make_shared<GraphChunk>();
  chunk->size = 1;
  TaskTemplate tmpl;
  tmpl.function = {FunctionRef::Kind::module, "cluster_test_module", 0, std::string(ListedFunction<&sum_of>::name), {}};
  tmpl.prefix = "sum_of";
  tmpl.annotations.workers = {"two"};
  ArgumentWriter writer;
  writer.dependency({});
  writer.write<std::int64_t>(std::int64_t{0});
  tmpl.arguments = Bytes::own(std::move(writer.bytes));
  chunk->templates = {tmpl};
  chunk->dependency_offsets = {0, 1};
  chunk->dependencies = {1};
  chunk->external = {ClientKey::of(1, 0)};
  SubmitGraph submit;
  submit.submission = submit.graph = 2;
  submit.token = {1, 2};
  submit.chunk = chunk;
  client.send(submit);
  ASSERT_TRUE(client.wait_values(2));
  EXPECT_EQ(client.value<std::int64_t>(2, 0), static_cast<std::int64_t>(3 * size));
  EXPECT_EQ(copied_bytes(), before);
  EXPECT_EQ(first.counters().transfers_sent, 1U);
  EXPECT_GE(second.counters().received_bytes, size);

  // The client fetches it from where it is, likewise.
  std::string address;
  {
    const std::lock_guard lock(client.log.mutex);
    address = client.log.addresses.at(client.log.holders.at(ClientKey::of(1, 0).value).front().value);
  }
  DataOptions data;
  data.cluster = access.cluster;
  data.key_kind = KeyKind::client;
  data.key = access.client_key;
  auto exchange = at_client.call([&] { return std::make_shared<ValueExchange>(at_client, data); });
  std::promise<Result<FetchedValues>> got;
  const auto group = client.log.accepted.front().group;
  at_client.call([&] {
    exchange->get(address, {TaskId::of(group, 0)}, UINT64_MAX,
                  [&](Result<FetchedValues> values) { got.set_value(std::move(values)); });
  });
  auto fetched = got.get_future().get();
  ASSERT_TRUE(fetched) << fetched.error().text;
  ASSERT_EQ(fetched->values.size(), 1U);
  auto buffer = fetched->values[0].as<Buffer>();
  ASSERT_TRUE(buffer) << buffer.error().text;
  EXPECT_EQ((*buffer)->size(), size);
  EXPECT_EQ(copied_bytes(), before);
  at_client.call([&] { exchange.reset(); });
}

TEST_F(ClusterTest, ATaskThatThrowsIsAnErrorWithItsStoryAndTheOthersGoOn) {
  Node node;
  Node at_worker;
  start_scheduler_at(node);
  auto options = worker_options();
  options.name = "careful";
  auto worker = start(at_worker, options);
  TestClient client(node, connect_options());
  client.submit<&fail_if_odd>(1, 10, one_number);
  ASSERT_TRUE(client.wait_values(10));
  const std::lock_guard lock(client.log.mutex);
  EXPECT_EQ(client.log.values.size(), 5U);
  ASSERT_EQ(client.log.errors.size(), 5U);
  const auto& error = *client.log.errors.at(ClientKey::of(1, 3).value);
  EXPECT_EQ(error.kind, TaskError::Kind::exception);
  EXPECT_EQ(error.message, "odd number 3");
  EXPECT_EQ(error.type, "std::runtime_error");
  EXPECT_EQ(error.worker, "careful");
  EXPECT_THAT(error.function, ::testing::HasSubstr("fail_if_odd"));
}

TEST_F(ClusterTest, ConnectionsCutUnderLoadAreResumedWithNothingLostOrRepeated) {
  Node at_scheduler;
  Node at_worker;
  Node at_client;
  Node between;
  auto scheduler = start_scheduler_at(at_scheduler);
  std::mt19937_64 random(3);
  const auto port = parse_address(scheduler.address())->port;
  auto proxy = between.call([&] {
    // A frame must get through in one piece at last: a batch of 1,700 tasks takes about 100 kB.
    return std::make_shared<CuttingProxy>(between.io(), port, [&] { return 2'000 + random() % 400'000; });
  });
  access.scheduler_address = proxy->address();
  auto worker = start(at_worker, worker_options());
  const auto id = [&] { return worker.id(); };
  {
    TestClient client(at_client, connect_options());
    for (std::uint32_t submission = 1; submission <= 20; ++submission)
      squares(client, submission, 500 * submission % 1700 + 100);
    const std::lock_guard lock(client.log.mutex);
    EXPECT_TRUE(client.log.errors.empty());
    EXPECT_EQ(client.log.accepted.size(), 20U);
    EXPECT_EQ(client.log.ups, client.log.resumed + 1) << "a session was lost";
    EXPECT_FALSE(client.log.closed);
  }
  EXPECT_GT(proxy->cuts(), 5);
  EXPECT_EQ(id().value, 1U) << "the worker had to register again";
  EXPECT_EQ(scheduler.counters().workers_lost, 0U);
  between.call([&] { proxy.reset(); });
}

TEST_F(ClusterTest, AWrongKeyEndsAWorkerAndAClientWithAClearError) {
  Node node;
  start_scheduler_at(node);
  auto stranger = access;
  stranger.worker_key = stranger.client_key = Secret::draw(system_random);
  auto options = worker_options();
  options.access = stranger;
  auto worker = start(node, options);
  auto ended = worker.wait();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().text, ::testing::HasSubstr("key"));
  auto connect = connect_options();
  connect.access = stranger;
  TestClient client(node, connect);
  ASSERT_TRUE(client.log.wait([&] { return client.log.closed.has_value(); }));
  EXPECT_THAT(client.log.closed->text, ::testing::HasSubstr("key"));
}

TEST_F(ClusterTest, APortInUseIsAnErrorOfTheStart) {
  Node node;
  auto scheduler = start_scheduler_at(node);
  SchedulerOptions options;
  options.access = access;
  options.port = parse_address(scheduler.address())->port;
  auto second = start_scheduler(node, options);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text, ::testing::HasSubstr("--port"));
  auto busy = worker_options();
  busy.port = options.port;
  auto worker = start_worker(node, busy);
  ASSERT_FALSE(worker);
  EXPECT_THAT(worker.error().text, ::testing::HasSubstr("in use"));
}

TEST_F(ClusterTest, AStoppedSchedulerTellsEverybodyAndEnds) {
  Node at_scheduler;
  Node others;
  auto scheduler = start_scheduler_at(at_scheduler);
  auto worker = start(others, worker_options());
  TestClient client(others, connect_options());
  squares(client, 1, 10);
  scheduler.stop("that is all");
  EXPECT_TRUE(scheduler.wait_for(10s));
  EXPECT_TRUE(worker.wait_for(10s));
  auto ended = worker.wait();
  ASSERT_TRUE(ended) << ended.error().text;
  EXPECT_EQ(*ended, "that is all");
  EXPECT_TRUE(client.log.wait([&] { return client.log.closed.has_value(); }));
}

TEST_F(ClusterTest, ADrainedWorkerFinishesWhatRunsAndLeavesItsValuesToNobodyElseInVain) {
  Node node;
  Node at_worker;
  auto scheduler = start_scheduler_at(node);
  auto worker = start(at_worker, worker_options());
  TestClient client(node, connect_options());
  const Gate gate;
  client.submit<&pass_gate>(1, 2, [](ArgumentWriter& writer, std::uint32_t, std::vector<std::uint32_t>&) {
    writer.write<std::int64_t>(std::int64_t{7});
  });
  Gate::wait_for(2);
  worker.drain("enough");
  EXPECT_FALSE(worker.wait_for(100ms));
  Gate::open();
  EXPECT_TRUE(worker.wait_for(10s));
  ASSERT_TRUE(client.wait_values(2));
  EXPECT_EQ(scheduler.counters().workers_lost, 0U);
}

TEST_F(ClusterTest, ATaskThatWasShortAndNowBlocksTheLoopLosesItAndTheClusterGoesOn) {
  Node node;  // scheduler, worker and client share the loop that the task blocks
  SchedulerOptions options;
  options.listen = false;
  auto scheduler = start_scheduler_at(node, options);
  auto own = worker_options();
  own.scheduler = scheduler;
  own.listen = false;
  auto worker = start(node, own);
  ConnectOptions connect;
  connect.local = scheduler;
  TestClient client(node, connect);
  const Gate gate;
  std::uint64_t submission = 0;
  const auto pass = [&](std::int64_t blocks) {
    client.submit<&pass_gate>(++submission, 1, [&](ArgumentWriter& writer, std::uint32_t, std::vector<std::uint32_t>&) {
      writer.write<std::int64_t>(blocks);
    });
  };
  for (int i = 0; i < 100; ++i) {
    pass(0);
    ASSERT_TRUE(client.wait_values(submission));
  }
  pass(1);
  Gate::wait_for(1);
  // The loop answers while the task holds its thread.
  squares(client, ++submission, 100);
  EXPECT_EQ(scheduler.counters().finished, 200U);
  Gate::open();
  ASSERT_TRUE(client.wait_values(submission - 1 + 100));
  EXPECT_EQ(client.value<std::int64_t>(101, 0), 1);
}

TEST_F(ClusterTest, AWorkerThatVanishesIsReplacedAndItsWorkIsDoneAgain) {
  Node at_scheduler;
  Node at_client;
  auto survivor = std::make_unique<Node>();
  auto victim = std::make_unique<Node>();
  SchedulerOptions options;
  options.worker_grace = 200ms;
  auto scheduler = start_scheduler_at(at_scheduler, options);
  auto first = start(*victim, worker_options());
  TestClient client(at_client, connect_options());
  squares(client, 1, 200);
  auto second = start(*survivor, worker_options());
  victim.reset();  // no goodbye: as if the process were killed
  const auto root = tree(client, 2, 512);
  ASSERT_TRUE(client.wait_values(200 + 1023));
  EXPECT_EQ(client.value<std::int64_t>(2, root), 512 * 511 / 2 + 512);
}

}  // namespace
}  // namespace troupe::testing
