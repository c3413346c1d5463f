#include "actors/client_core.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace troupe {
namespace {

/// A loop that the test plays itself.
class IdleLoop final : public ClientLoop {
public:
  void wake() override {}
  [[nodiscard]] bool on_loop() const override { return false; }
};

constexpr FunctionId function{"demo", 1, "next"};

FutureHandle call(ClientCore& core, const FutureHandle& input = {}) {
  std::array<ClientKey, 1> inputs{input ? name_of_slot(input.slot()) : ClientKey{}};
  CallView view;
  view.function = &function;
  if (input) view.inputs = inputs;
  return core.submit(view);
}

const GraphSubmitted& submission(const ClientCore::Order& order) {
  return std::get<GraphSubmitted>(std::get<ClientEvent>(order.what));
}

/// As the session does it.
void let_go(ClientCore::Taken& taken) {
  for (const auto& each : taken.released) ClientCore::let_go(*each.page, each.count);
}

void end(ClientCore& core) {
  auto taken = core.take(false);
  let_go(taken);
  ASSERT_TRUE(core.end({ErrorKind::disconnected, "the test is over"}));
}

TEST(ClientCoreTest, AReleaseWaitsForACallThatIsLeftToGrowAndNamesTheKey) {
  const auto core = std::make_shared<ClientCore>(std::make_unique<IdleLoop>(), Token{1, 2});
  auto link = call(*core);
  auto first = core->take(false);
  ASSERT_EQ(first.orders.size(), 1U);
  link = call(*core, link);  // the first link has no handle any more, but the open batch names it

  auto left = core->take(true);
  EXPECT_TRUE(left.batch_left);
  EXPECT_TRUE(left.orders.empty());
  EXPECT_TRUE(left.released.empty()) << "the scheduler would forget an input before it hears of the call";

  auto rest = core->take(false);
  ASSERT_EQ(rest.orders.size(), 1U);
  EXPECT_EQ(submission(rest.orders[0]).chunk->external.size(), 1U);
  ASSERT_EQ(rest.released.size(), 1U);
  EXPECT_EQ(rest.released[0].page, first.orders[0].page);
  EXPECT_FALSE(rest.batch_left);
  let_go(rest);
  link = {};
  end(*core);
}

TEST(ClientCoreTest, OneWakeUpTakesWhatManyCallsBroughtAsOneSubmission) {
  const auto core = std::make_shared<ClientCore>(std::make_unique<IdleLoop>(), Token{1, 2});
  std::vector<FutureHandle> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(call(*core));
  auto taken = core->take(false);
  ASSERT_EQ(taken.orders.size(), 1U);
  EXPECT_EQ(submission(taken.orders[0]).chunk->size, 10U);
  EXPECT_TRUE(taken.released.empty());
  futures.clear();
  auto after = core->take(false);
  std::uint32_t released = 0;
  for (const auto& each : after.released) released += each.count;
  EXPECT_EQ(released, 10U);
  let_go(after);
  end(*core);
}

}  // namespace
}  // namespace troupe
