#include "runtime/exec/work_deque.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace troupe {
namespace {

TEST(WorkDeque, owner_pops_the_youngest_and_thieves_the_oldest) {
  WorkDeque<int> deque(2);
  int numbers[5] = {0, 1, 2, 3, 4};
  EXPECT_EQ(deque.pop(), nullptr);
  EXPECT_EQ(deque.steal(), nullptr);
  EXPECT_EQ(deque.take(), nullptr);
  int* all[] = {&numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4]};
  deque.push(all);
  EXPECT_EQ(deque.pop(), &numbers[4]);
  EXPECT_EQ(deque.steal(), &numbers[0]);
  EXPECT_EQ(deque.take(), &numbers[1]);
  EXPECT_EQ(deque.pop(), &numbers[3]);
  EXPECT_FALSE(deque.empty());
  EXPECT_EQ(deque.pop(), &numbers[2]);
  EXPECT_TRUE(deque.empty());
  EXPECT_EQ(deque.pop(), nullptr);
}

TEST(WorkDeque, each_item_comes_out_once_while_thieves_and_owner_race_and_it_grows) {
  constexpr int items = 40'000;
  struct Item {
    int payload{};  // plain: a sanitizer sees a read that the push does not order
    std::atomic<int> seen{0};
  };
  std::vector<Item> all(items);
  WorkDeque<Item> deque(2);
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0};
  const auto look = [&](Item* item) {
    if (item->payload != 7 || item->seen.fetch_add(1) != 0) ++wrong;
  };
  std::vector<std::thread> thieves;
  for (int i = 0; i < 3; ++i)
    thieves.emplace_back([&] {
      while (!over.load())
        if (Item* item = deque.steal()) look(item);
    });
  for (int next = 0; next < items;) {
    Item* batch[5];
    std::size_t count = 0;
    while (count < 5 && next < items) {
      all[static_cast<std::size_t>(next)].payload = 7;
      batch[count++] = &all[static_cast<std::size_t>(next++)];
    }
    deque.push({batch, count});
    if (next % 3 == 0)
      if (Item* item = deque.pop()) look(item);
    if (next % 4 == 0)
      if (Item* item = deque.take()) look(item);
  }
  while (Item* item = deque.pop()) look(item);
  over = true;
  for (auto& thief : thieves) thief.join();
  EXPECT_EQ(wrong, 0);
  for (const auto& item : all) ASSERT_EQ(item.seen, 1);
}

}  // namespace
}  // namespace troupe
