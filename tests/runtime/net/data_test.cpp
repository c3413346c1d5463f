#include <chrono>
#include <iostream>
#include <map>
#include <thread>

#include "runtime/net/data_connection.hpp"
#include "runtime/net/data_server.hpp"
#include "tests/runtime/net/net_fixture.hpp"

namespace troupe::testing {
namespace {

/// A store of bytes.
class Shelf final : public DataHandler {
public:
  void get(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, Got done) override {
    std::vector<CarriedItem> items;
    std::uint64_t sum = 0;
    for (const auto task : tasks) {
      CarriedItem item;
      item.item.task = task;
      const auto found = values.find(task.value);
      if (found == values.end()) {
        item.item.missing = 1;
      } else if (sum == 0 || sum + size_of(found->second) <= max_bytes) {
        sum += size_of(found->second);
        item.item.present = 1;
        item.item.header = Bytes::copy("a header");
        item.buffers = found->second;
        ++serving;
      }
      items.push_back(std::move(item));
    }
    if (hold_back)
      held_back = [items = std::move(items), done = std::move(done)] { done(items); };
    else
      done(std::move(items));
  }
  void served(const std::vector<TaskId>& tasks) override { serving -= static_cast<int>(tasks.size()); }
  std::optional<Error> put(std::vector<CarriedItem> items) override {
    for (auto& item : items) {
      if (item.item.task.value == 666) return Error{ErrorKind::invalid, "not that one"};
      values[item.item.task.value] = std::move(item.buffers);
    }
    return {};
  }
  std::optional<Error> refuse_module(KeyKind key, const PutModule& wanted) const override {
    if (wanted.name == "forbidden") return Error{ErrorKind::unsupported, "not from a " + std::string(name_of(key))};
    return {};
  }
  std::optional<Error> put_module(const std::string& name, const std::string&, const Bytes& file) override {
    module = name + " " + std::to_string(file.size());
    return {};
  }
  static std::uint64_t size_of(const std::vector<Bytes>& buffers) {
    std::uint64_t sum = 0;
    for (const auto& buffer : buffers) sum += buffer.size();
    return sum;
  }

  std::map<std::uint64_t, std::vector<Bytes>> values;
  int serving{};
  bool hold_back{};                 ///< as if the values had to be read from disk first
  std::function<void()> held_back;  ///< hands them out
  std::string module;
};

class DataTest : public NetTest {
protected:
  DataTest() { serve({}); }

  void serve(DataServerOptions options) {
    server.reset();
    options.listen = listen_options();
    server = std::move(*DataServer::open(io, options, shelf));
    DataOptions data;
    data.cluster = access.cluster;
    data.key = access.worker_key;
    pool = std::make_unique<DataPool>(io, data);
  }
  Result<GetReply> get(std::vector<TaskId> tasks, std::uint64_t max_bytes = UINT64_MAX) {
    return get_from(server->address(), std::move(tasks), max_bytes);
  }
  Result<GetReply> get_from(const std::string& address, std::vector<TaskId> tasks, std::uint64_t max_bytes) {
    std::optional<Result<GetReply>> result;
    pool->get(address, std::move(tasks), max_bytes, [&](Result<GetReply> reply) { result = std::move(reply); });
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return result ? std::move(*result) : fail(ErrorKind::failed, "no answer");
  }
  static Bytes pattern(std::size_t size, unsigned seed = 1) {
    std::byte* fill = nullptr;
    auto bytes = Bytes::allocate(size, &fill);
    auto* words = reinterpret_cast<std::uint64_t*>(fill);
    std::uint64_t word = seed;
    for (std::size_t i = 0; i < size / 8; ++i) words[i] = word = word * 6364136223846793005ULL + 1;
    for (std::size_t i = size / 8 * 8; i < size; ++i) fill[i] = std::byte{0x5a};
    return bytes;
  }

  Shelf shelf;
  std::unique_ptr<DataServer> server;
  std::unique_ptr<DataPool> pool;
};

TEST_F(DataTest, ValuesComeWithTheirBuffersAndWhatIsMissingIsSaid) {
  shelf.values[1] = {pattern(100'000), pattern(3)};
  shelf.values[2] = {};
  auto reply = get({{1}, {2}, {3}});
  ASSERT_TRUE(reply) << reply.error().text;
  ASSERT_EQ(reply->items.size(), 3U);
  EXPECT_EQ(reply->items[0].buffers, shelf.values[1]);
  EXPECT_EQ(reply->items[0].item.header.text(), "a header");
  EXPECT_TRUE(reply->items[1].item.present);
  EXPECT_TRUE(reply->items[2].item.missing);
  EXPECT_TRUE(until([&] { return shelf.serving == 0 && server->serving() == 0; }));
}

TEST_F(DataTest, ValuesThatHaveToBeReadFirstComeWhenTheyAreThere) {
  shelf.values[1] = {pattern(100'000)};
  shelf.hold_back = true;
  std::optional<Result<GetReply>> result;
  pool->get(server->address(), {{1}}, UINT64_MAX, [&](Result<GetReply> reply) { result = std::move(reply); });
  ASSERT_TRUE(until([&] { return shelf.held_back != nullptr; }));
  EXPECT_EQ(server->serving(), 1U);
  EXPECT_FALSE(result);
  shelf.held_back();
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  ASSERT_TRUE(*result) << result->error().text;
  EXPECT_EQ((*result)->items[0].buffers, shelf.values[1]);
  EXPECT_TRUE(until([&] { return shelf.serving == 0 && server->serving() == 0; }));
}

TEST_F(DataTest, ValuesReadForAPeerThatHasGoneAreNotServedAnyMore) {
  shelf.values[1] = {pattern(100'000)};
  shelf.hold_back = true;
  pool->get(server->address(), {{1}}, UINT64_MAX, [](Result<GetReply>) {});
  ASSERT_TRUE(until([&] { return shelf.held_back != nullptr; }));
  pool.reset();
  EXPECT_TRUE(until([&] { return server->serving() == 0; }));
  shelf.held_back();
  EXPECT_EQ(shelf.serving, 0);
}

TEST_F(DataTest, APeerThatNeverAnswersIsGivenUpWithinThePatienceAndNotLongAfter) {
  std::vector<std::shared_ptr<Connection>> kept;
  Recorder deaf;
  auto listener = Listener::open(
      io, listen_options({Role::peer}),
      [&](AuthenticatedPeer peer) {
        (void)peer.welcome(draw_token(system_random), false, 0);
        peer.connection()->start(deaf, Reading::exact);
        peer.connection()->flush();
        kept.push_back(peer.connection());
      },
      [](std::string_view) {});
  ASSERT_TRUE(listener);
  DataOptions data;
  data.cluster = access.cluster;
  data.key = access.worker_key;
  data.limits.silence = std::chrono::seconds(1);
  pool = std::make_unique<DataPool>(io, data);
  const auto start = std::chrono::steady_clock::now();
  const auto reply = get_from((*listener)->address(), {{1}}, 1);
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::disconnected);
  EXPECT_GE(took, std::chrono::seconds(1));
  EXPECT_LT(took, std::chrono::milliseconds(1'800));
  kept.front()->release();
}

TEST_F(DataTest, WhatDoesNotFitTheBoundIsHeldBackButTheFirstAlwaysComes) {
  shelf.values[1] = {pattern(5000)};
  shelf.values[2] = {pattern(5000)};
  auto reply = get({{1}, {2}}, 100);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->items[0].item.present);
  EXPECT_FALSE(reply->items[1].item.present);
  EXPECT_FALSE(reply->items[1].item.missing);
}

TEST_F(DataTest, A64MebibyteBufferIsReceivedIntoItsFinalMemoryInOnePiece) {
  constexpr std::size_t size = 64U << 20;
  shelf.values[1] = {pattern(size)};
  auto reply = get({{1}});
  ASSERT_TRUE(reply) << reply.error().text;
  ASSERT_EQ(reply->items[0].buffers.size(), 1U);
  const auto& received = reply->items[0].buffers[0];
  EXPECT_EQ(received, shelf.values[1][0]);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(received.data()) % 64, 0U);
  // The sender's memory was lent to the kernel, never copied: nobody but the shelf holds it any more.
  EXPECT_TRUE(until([&] { return shelf.values[1][0].owner().use_count() == 1; }));
}

TEST_F(DataTest, RequestsBeyondTheLimitAreToldToComeAgain) {
  DataServerOptions options;
  options.concurrent_requests = 1;
  serve(options);
  shelf.values[1] = {pattern(64U << 20)};
  int ok = 0;
  int busy = 0;
  for (int i = 0; i < 3; ++i)
    pool->get(server->address(), {{1}}, UINT64_MAX, [&](Result<GetReply> reply) {
      ASSERT_TRUE(reply) << reply.error().text;
      ++(reply->status == DataStatus::busy ? busy : ok);
    });
  ASSERT_TRUE(until([&] { return ok + busy == 3; }));
  EXPECT_GE(ok, 1);
  EXPECT_GE(busy, 1);
  // And the same connections serve again.
  auto again = get({{2}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, DataStatus::ok);
}

TEST_F(DataTest, ATransferCutInTheMiddleIsAnErrorAndTheServerLetsGo) {
  shelf.values[1] = {pattern(8U << 20)};
  CuttingProxy proxy(io, port_of(server->address()), [] { return 1U << 20; });
  auto reply = get_from(proxy.address(), {{1}}, UINT64_MAX);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::disconnected);
  EXPECT_TRUE(until([&] { return shelf.serving == 0 && server->serving() == 0; }));
  EXPECT_TRUE(get({{1}}));
}

TEST_F(DataTest, APeerThatIsNotThereIsAnError) {
  auto reply = get_from("127.0.0.1:1", {{1}}, 1);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::disconnected);
}

TEST_F(DataTest, MoreThanTheReceiverTakesIsRefusedBeforeAnyMemoryIsTaken) {
  shelf.values[1] = {pattern(1U << 20)};
  DataOptions data;
  data.cluster = access.cluster;
  data.key = access.worker_key;
  data.limits.receive_bytes = 1000;
  pool = std::make_unique<DataPool>(io, data);
  auto reply = get({{1}});
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().text, ::testing::HasSubstr("1000"));
}

TEST_F(DataTest, ValuesAndModulesArePutAndRefusalsComeBack) {
  std::optional<Result<void>> result;
  const auto done = [&](Result<void> put) { result = std::move(put); };
  CarriedItem item;
  item.item.task = {5};
  item.item.present = 1;
  item.buffers = {pattern(70'000), pattern(9)};
  const auto expected = item.buffers;
  pool->put(server->address(), {item}, done);
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  EXPECT_TRUE(*result);
  EXPECT_EQ(shelf.values[5], expected);
  result.reset();
  item.item.task = {666};
  pool->put(server->address(), {item}, done);
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  ASSERT_FALSE(*result);
  EXPECT_EQ(result->error().text, "not that one");
  result.reset();
  pool->put_module(server->address(), "libdemo", std::string(64, 'a'), pattern(12'345), done);
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  ASSERT_TRUE(*result) << result->error().text;
  EXPECT_EQ(shelf.module, "libdemo 12345");
}

TEST_F(DataTest, AModuleThatIsNotWantedIsRefusedWhileItIsStillBeingSent) {
  std::optional<Result<void>> result;
  pool->put_module(server->address(), "forbidden", std::string(64, 'a'), pattern(64U << 20),
                   [&](Result<void> put) { result = std::move(put); });
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  ASSERT_FALSE(*result);
  EXPECT_EQ(result->error().text, "not from a worker");
  EXPECT_EQ(shelf.module, "");
  shelf.values[1] = {pattern(10)};
  EXPECT_TRUE(get({{1}})) << "the next request is served";
}

TEST_F(DataTest, RequestsInARowShareAConnectionAndManyAtOnceAreBounded) {
  shelf.values[1] = {pattern(1000)};
  CuttingProxy proxy(io, port_of(server->address()), [] { return CuttingProxy::never; });
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(get_from(proxy.address(), {{1}}, UINT64_MAX));
  EXPECT_EQ(proxy.connections(), 1);
  int done = 0;
  for (int i = 0; i < 50; ++i)
    pool->get(proxy.address(), {{1}}, UINT64_MAX, [&](Result<GetReply> reply) { done += reply.has_value(); });
  ASSERT_TRUE(until([&] { return done == 50; }));
  EXPECT_LE(proxy.connections(), 4);
}

TEST_F(DataTest, AnUnauthenticatedFriendOfNobodyGetsNoData) {
  DataOptions data;
  data.cluster = access.cluster;
  data.key = Secret::draw(system_random);
  pool = std::make_unique<DataPool>(io, data);
  shelf.values[1] = {pattern(10)};
  EXPECT_FALSE(get({{1}}));
}

}  // namespace
}  // namespace troupe::testing
