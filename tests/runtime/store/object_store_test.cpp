#include "runtime/store/object_store.hpp"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace troupe {
namespace {

TEST(ObjectStore, holds_replaces_and_forgets_values_with_their_bytes) {
  ObjectStore store;
  const auto task = TaskId::of(3, 4);
  EXPECT_EQ(store.find(task), nullptr);
  EXPECT_EQ(store.erase(task), 0U);
  EXPECT_EQ(store.put(task, Value::make(1.0)), 8U);
  EXPECT_EQ(*store.find(task)->get<double>(), 1.0);
  store.put(task, Value::make(std::string("other")), 100);
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.nbytes(), 100U);
  EXPECT_FALSE(store.contains(TaskId::of(3, 5)));
  EXPECT_EQ(store.erase(task), 100U);
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.nbytes(), 0U);
  EXPECT_FALSE(store.extract(task));
}

TEST(ObjectStore, gives_the_only_reference_away) {
  ObjectStore store;
  store.put(TaskId{1}, Value::make(std::string("x")));
  const auto value = store.extract(TaskId{1});
  EXPECT_TRUE(value.unique());
  EXPECT_EQ(store.size(), 0U);
}

TEST(ObjectStore, agrees_with_a_map_over_many_random_steps) {
  ObjectStore store;
  std::unordered_map<std::uint64_t, std::int64_t> model;
  std::mt19937_64 random(5);
  for (int step = 0; step < 200'000; ++step) {
    const auto task = TaskId::of(1 + random() % 3, static_cast<std::uint32_t>(random() % 700));
    const auto number = static_cast<std::int64_t>(random());
    if (random() % 2 == 0) {
      store.put(task, Value::make(number));
      model[task.value] = number;
    } else {
      EXPECT_EQ(store.erase(task) != 0, model.erase(task.value) == 1);
    }
    ASSERT_EQ(store.size(), model.size());
    ASSERT_EQ(store.nbytes(), 8 * model.size());
    const auto probe = TaskId::of(1 + random() % 3, static_cast<std::uint32_t>(random() % 700));
    const auto* found = store.find(probe);
    const auto expected = model.find(probe.value);
    ASSERT_EQ(found != nullptr, expected != model.end());
    if (found) {
      ASSERT_EQ(*found->get<std::int64_t>(), expected->second);
    }
  }
  std::size_t visited = 0;
  store.for_each([&](TaskId task, const Value& value, std::uint64_t) {
    EXPECT_EQ(model.at(task.value), *value.get<std::int64_t>());
    ++visited;
  });
  EXPECT_EQ(visited, model.size());
  store.clear();
  EXPECT_EQ(store.find(TaskId::of(1, 1)), nullptr);
}

}  // namespace
}  // namespace troupe
