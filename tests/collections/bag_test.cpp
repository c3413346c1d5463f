#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <thread>
#include <tuple>

#include "collections/bag/json.hpp"

#include "tests/collections/bag_functions.hpp"
#include "tests/collections/on_every_scheduler.hpp"

namespace troupe {
namespace {

using namespace bag_tests;
using namespace terms;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class BagTest : public OnEveryScheduler {
protected:
  BagTest() : OnEveryScheduler(bag_module) {}
};
INSTANTIATE_TEST_SUITE_P(On, BagTest, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(BagTest, elements_are_mapped_and_filtered_by_listed_functions_and_by_terms) {
  const auto numbers = bag::range(10, 3);
  EXPECT_EQ(numbers.npartitions(), 3U);
  EXPECT_THAT(numbers.map<square>().filter<is_even>().compute(), ElementsAre(0, 4, 16, 36, 64));
  EXPECT_THAT(numbers.map(_1 * 10 + 1).remove(_1 % 3 == 0).compute(), ElementsAre(1, 11, 31, 41, 61, 71, 91));
  EXPECT_THAT(numbers.remove<is_even>().map(-_1).compute(), ElementsAre(-1, -3, -5, -7, -9));
  EXPECT_THAT(numbers.filter(!(_1 > 2) || (_1 != 0 && 18 / _1 == 2)).compute(), ElementsAre(0, 1, 2, 7, 8, 9));
  EXPECT_THAT(numbers.map<power>(3).filter<is_multiple>(delayed(std::int64_t{9})).compute(),
              ElementsAre(0, 27, 216, 729));
  EXPECT_THAT(bag::from_sequence({"a", "b"}).map<shout>().map(_1 + "?").compute(), ElementsAre("a!?", "b!?"));
}

TEST_P(BagTest, products_are_taken_apart_and_called_with) {
  const auto pairs = bag::zip(bag::range(4, 2), bag::range(4, 2).map(_1 * 10));
  EXPECT_THAT(pairs.starmap<add>().compute(), ElementsAre(0, 11, 22, 33));
  EXPECT_THAT(pairs.starmap(_2 - _1).compute(), ElementsAre(0, 9, 18, 27));
  EXPECT_THAT((bag::map<add>(bag::range(3, 2), bag::range(3, 2)).compute()), ElementsAre(0, 2, 4));
  EXPECT_THAT((bag::map(_1 * _2, bag::range(3, 2), bag::range(3, 2)).compute()), ElementsAre(0, 1, 4));
  const auto [ones, tens] = pairs.unzip();
  EXPECT_THAT(ones.compute(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(tens.compute(), ElementsAre(0, 10, 20, 30));
  EXPECT_THAT(pairs.pluck<1>().compute(), ElementsAre(0, 10, 20, 30));
  EXPECT_THAT(bag::range(2, 1).product(bag::from_sequence({"a", "b"}, {.npartitions = 2})).compute(),
              testing::UnorderedElementsAre(Pair(0, "a"), Pair(0, "b"), Pair(1, "a"), Pair(1, "b")));
}

TEST_P(BagTest, members_keys_and_places_are_plucked) {
  const auto people = bag::from_sequence(std::vector<Person>{{"Alice", 30}, {"Bob", 41}}, {.npartitions = 2});
  EXPECT_THAT(people.pluck<&Person::name>().compute(), ElementsAre("Alice", "Bob"));
  EXPECT_THAT(people.filter(field<&Person::age>(_1) > 35).pluck<&Person::name>().compute(), ElementsAre("Bob"));
  using Map = std::map<std::string, std::int64_t>;
  const auto maps = bag::from_sequence(std::vector<Map>{{{"a", 1}}, {{"b", 2}}});
  EXPECT_THAT(maps.pluck("a", 0).compute(), ElementsAre(1, 0));
  EXPECT_THROW((void)maps.pluck("a").compute(), TaskFailed);
  const auto rows = bag::from_sequence(std::vector<std::vector<int>>{{1, 2}, {3}});
  EXPECT_THAT(rows.pluck(1, -1).compute(), ElementsAre(2, -1));
  EXPECT_THAT(rows.pluck(0).compute(), ElementsAre(1, 3));
  EXPECT_THAT(rows.flatten().compute(), ElementsAre(1, 2, 3));
}

TEST_P(BagTest, text_is_split_cut_and_searched) {
  const auto lines = bag::from_sequence({" The quick  Fox", "the  lazy dog "}, {.npartitions = 2});
  EXPECT_THAT(lines.str().strip().compute(), ElementsAre("The quick  Fox", "the  lazy dog"));
  EXPECT_THAT(lines.str().lower().str().split().flatten().frequencies().compute(),
              ElementsAre(Pair("the", 2), Pair("quick", 1), Pair("fox", 1), Pair("lazy", 1), Pair("dog", 1)));
  EXPECT_THAT(lines.str().split(" ").map(size(_1)).compute(), ElementsAre(5U, 5U));
  EXPECT_THAT(lines.str().contains("lazy").compute(), ElementsAre(false, true));
  EXPECT_THAT(lines.str().match("*qu[h-j]ck*").str().upper().compute(), ElementsAre(" THE QUICK  FOX"));
  EXPECT_THAT(lines.str().replace("the", "a").str().startswith("a ").compute(), ElementsAre(false, true));
  EXPECT_THAT(lines.map(strip(replace(_1, "dog", ""))).compute(), ElementsAre("The quick  Fox", "the  lazy"));
  EXPECT_THAT(lines.map(at(split(_1), 1)).compute(), ElementsAre("quick", "lazy"));
  EXPECT_THAT(bag::from_sequence({"12", " -3 "}).str().integer().compute(), ElementsAre(12, -3));
}

TEST_P(BagTest, sums_and_statistics_are_of_all_partitions) {
  const auto numbers = bag::from_sequence(std::vector<int>{1, 2, 3, 4}, {.npartitions = 3});
  const auto [sum, count, mean, max, min] =
      compute(numbers.sum(), numbers.count(), numbers.mean(), numbers.max(), numbers.min());
  EXPECT_EQ(std::tuple(sum, count, mean, max, min), std::tuple(10, 4U, 2.5, 4, 1));
  EXPECT_DOUBLE_EQ(numbers.var().compute(), 1.25);
  EXPECT_DOUBLE_EQ(numbers.var(1).compute(), 5.0 / 3);
  EXPECT_DOUBLE_EQ(numbers.std().compute(), std::sqrt(1.25));
  EXPECT_EQ(bag::range(1000, 100).map<square>().sum(2).compute(), 332833500);
  EXPECT_TRUE(numbers.map(_1 == 4).any().compute());
  EXPECT_FALSE(numbers.map(_1 == 4).all().compute());
  EXPECT_TRUE(bag::from_sequence(std::vector<int>{}).map(_1 > 0).all().compute());
  EXPECT_EQ(bag::from_sequence(std::vector<double>{}).sum().compute(), 0.0);
  EXPECT_THROW((void)bag::from_sequence(std::vector<int>{}).mean().compute(), TaskFailed);
  EXPECT_THROW((void)bag::from_sequence(std::vector<std::int64_t>{INT64_MAX, 1}).sum().compute(), TaskFailed);
}

TEST_P(BagTest, folds_combine_what_partitions_gave) {
  const auto numbers = bag::range(20, 7);
  EXPECT_EQ(numbers.fold<add>().compute(), 190);
  EXPECT_EQ((numbers.fold<larger, larger>(std::int64_t{0}).compute()), 19);
  EXPECT_EQ(numbers.fold(_1 + 1, _1 + _2, std::uint64_t{0}).compute(), 20U);
  EXPECT_THROW((void)numbers.filter(_1 > 99).fold<add>().compute(), TaskFailed);
  EXPECT_EQ((numbers.reduction<total, total>(2).compute()), 190);
  EXPECT_THAT((numbers.foldby<last_digit, add>().compute()), testing::SizeIs(10));
  EXPECT_THAT(numbers.foldby(_1 % 2, _1 + 1, _1 + _2, std::uint64_t{0}).compute(),
              ElementsAre(Pair(0, 10U), Pair(1, 10U)));
  EXPECT_THAT(bag::range(5, 2).accumulate<add>().compute(), ElementsAre(0, 1, 3, 6, 10));
  EXPECT_THAT(bag::range(5, 3).filter(_1 > 3).accumulate(_1 + _2, std::int64_t{-1}).compute(), ElementsAre(-1, 3));
}

TEST_P(BagTest, elements_are_counted_compared_and_told_apart) {
  const auto words = bag::from_sequence({"b", "a", "b", "ccc", "b", "a"}, {.npartitions = 4});
  EXPECT_THAT(words.frequencies().compute(), ElementsAre(Pair("b", 3), Pair("a", 2), Pair("ccc", 1)));
  EXPECT_THAT(words.frequencies(true, 2).compute(), ElementsAre(Pair("b", 3), Pair("a", 2), Pair("ccc", 1)));
  EXPECT_THAT(words.frequencies().topk(1, element<1>(_1)).compute(), ElementsAre(Pair("b", 3)));
  EXPECT_THAT(words.topk(2, size(_1)).compute(), ElementsAre("ccc", "b"));
  EXPECT_THAT(words.topk(2).compute(), ElementsAre("ccc", "b"));
  EXPECT_THAT(words.distinct().compute(), ElementsAre("b", "a", "ccc"));
  EXPECT_THAT(words.distinct(size(_1)).compute(), ElementsAre("b", "ccc"));
  EXPECT_THAT(bag::range(1'000, 9).map(_1 % 7).distinct().count().compute(), 7U);
}

TEST_P(BagTest, groups_hold_all_elements_of_a_key_whichever_way_they_came_together) {
  for (const auto how : {Shuffle::automatic, Shuffle::tasks, Shuffle::disk}) {
    auto groups = bag::range(100, 8).groupby<last_digit>(3, how).compute();
    ASSERT_EQ(groups.size(), 10U);
    for (const auto& [digit, all] : groups) {
      std::vector<std::int64_t> expected;
      for (std::int64_t i = digit; i < 100; i += 10) expected.push_back(i);
      EXPECT_EQ(all, expected);
    }
  }
  const auto words = bag::from_sequence({"a", "bb", "c"}).groupby(size(_1));
  EXPECT_THAT(words.compute(),
              testing::UnorderedElementsAre(Pair(1, ElementsAre("a", "c")), Pair(2, ElementsAre("bb"))));
}

TEST_P(BagTest, a_shuffle_by_tasks_has_stages_of_which_none_makes_or_reads_more_pieces_than_allowed) {
  for (const std::size_t wanted : {std::size_t{1}, std::size_t{5}, std::size_t{30}}) {
    const auto groups = bag::range(200, 20).groupby(_1 % 17, wanted, Shuffle::tasks, 3);
    EXPECT_EQ(groups.npartitions(), wanted);
    const auto graph = fuse(collect(groups.partitions()));
    for (std::uint32_t task = 0; task < graph.size(); ++task) EXPECT_LE(graph.inputs_of(task).size(), 3U);
    auto all = groups.compute();
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), 17U);
    for (std::int64_t key = 0; key < 17; ++key) {
      std::vector<std::int64_t> expected;
      for (std::int64_t i = key; i < 200; i += 17) expected.push_back(i);
      EXPECT_EQ(all[static_cast<std::size_t>(key)], std::pair(key, expected));
    }
  }
}

TEST_P(BagTest, elements_are_joined_with_another_collection) {
  const auto people = bag::from_sequence({"Alice", "Bob", "Charlie"}, {.npartitions = 2});
  const std::vector<std::string> fruit{"Apple", "Apricot", "Banana"};
  const auto joined = people.join(fruit, size(_1) - 1, size(_1));
  EXPECT_THAT(joined.compute(), ElementsAre(Pair("Banana", "Alice")));
  EXPECT_THAT(people.join(bag::from_sequence(fruit, {.npartitions = 1}), size(_1), size(_1)).compute(),
              ElementsAre(Pair("Apple", "Alice"), Pair("Apricot", "Charlie")));
}

TEST_P(BagTest, partitions_are_put_together_cut_and_handed_over) {
  const auto numbers = bag::range(10, 4);
  for (const std::size_t n : {1U, 3U, 4U, 7U}) {
    EXPECT_EQ(numbers.repartition(n).npartitions(), n);
    EXPECT_THAT(numbers.repartition(n).compute(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  }
  const auto small = numbers.repartition_to_bytes(16);
  EXPECT_GT(small.npartitions(), 4U);
  EXPECT_THAT(small.compute(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(numbers.repartition_to_bytes(1 << 20).npartitions(), 1U);
  EXPECT_THAT(numbers.map_partitions<reversed>().compute(), ElementsAre(2, 1, 0, 5, 4, 3, 7, 6, 9, 8));
  EXPECT_EQ(numbers.to_delayed().at(1).compute(), (std::vector<std::int64_t>{3, 4, 5}));
  EXPECT_EQ(bag::from_delayed(numbers.to_delayed()).sum().compute(), 45);
  EXPECT_EQ(bag::concat(numbers, numbers).sum().compute(), 90);
  EXPECT_THAT(numbers.take(2), ElementsAre(0, 1));
  EXPECT_THAT(numbers.take(5, 4), ElementsAre(0, 1, 2, 3, 4));
  std::int64_t sum = 0;
  for (const auto each : numbers.map(_1 + 1)) sum += each;
  EXPECT_EQ(sum, 55);
  const auto kept = numbers.map<square>().persist();
  const auto [all, total_of_all] = compute(kept, kept.sum());
  EXPECT_EQ(all.size(), 10U);
  EXPECT_EQ(total_of_all, 285);
}

TEST_P(BagTest, samples_depend_on_the_seed_alone) {
  const auto numbers = bag::range(10'000, 13);
  const auto chosen = numbers.random_sample(0.1, 7).compute();
  EXPECT_GT(chosen.size(), 850U);
  EXPECT_LT(chosen.size(), 1150U);
  EXPECT_EQ(chosen, numbers.random_sample(0.1, 7).compute({.scheduler = SchedulerKind::sync}));
  EXPECT_NE(chosen, numbers.random_sample(0.1, 8).compute());
  const auto some = numbers.sample(100, 7).compute();
  EXPECT_EQ(std::set<std::int64_t>(some.begin(), some.end()).size(), 100U);
  EXPECT_EQ(some, numbers.sample(100, 7).compute({.scheduler = SchedulerKind::sync}));
  EXPECT_THROW((void)bag::range(3, 2).sample(4, 1).compute(), TaskFailed);
  const auto often = bag::range(10, 3).choices(5'000, 7).compute();
  ASSERT_EQ(often.size(), 5'000U);
  std::vector<int> times(10);
  for (const auto each : often) ++times.at(static_cast<std::size_t>(each));
  EXPECT_THAT(times, testing::Each(testing::AllOf(testing::Gt(350), testing::Lt(650))));
}

TEST_P(BagTest, an_error_says_which_pipeline_failed_and_why) {
  try {
    (void)bag::range(10, 2).map<refuse>().filter(_1 > 3).sum().compute();
    FAIL() << "it did not throw";
  } catch (const TaskFailed& error) {
    EXPECT_THAT(error.error().message,
                HasSubstr("range | map bag_tests::refuse | filter >(_1,c) | sum: no room for 7"));
  }
}

TEST_P(BagTest, lines_come_from_files_and_go_to_files) {
  const auto directory = std::filesystem::temp_directory_path() / ("bag_test_" + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  const auto lines = bag::range(1'000, 4).map<text_of>();
  const auto paths = bag::to_textfiles(lines, directory.string() + "/part-*.txt.gz");
  EXPECT_EQ(paths.size(), 4U);
  const auto read = bag::read_text(directory.string() + "/part-*.txt.gz");
  EXPECT_EQ(read.npartitions(), 4U);
  EXPECT_EQ(read.compute(), lines.compute());
  EXPECT_EQ(read.str().integer().sum().compute(), 499'500);
  EXPECT_THAT(bag::read_text_with_paths({paths[1]}).pluck<1>().distinct().compute(), ElementsAre(paths[1]));
  EXPECT_THROW((void)bag::read_text(directory.string() + "/none-*"), io::FileError);
  const auto values = bag::from_sequence(std::vector<bag::Json>{{{"a", 1}}, {{"a", 2}}}, {.npartitions = 2});
  (void)bag::to_json_lines(values, directory.string() + "/*.json");
  EXPECT_EQ(bag::read_json_lines({directory.string() + "/*.json"}).compute(), values.compute());
  const auto pattern = directory.string() + "/people.jsonl";
  std::ofstream(pattern) << R"({"name":"Alice","age":30})"
                            "\n";
  EXPECT_THAT(bag::read_json_lines_as<Person>({pattern}).compute(), ElementsAre(Person{"Alice", 30}));
  (void)bag::to_avro(values, directory.string() + "/*.avro",
                     {.schema = R"({"type":"record","name":"r","fields":[{"name":"a","type":"long"}]})"});
  EXPECT_EQ(bag::read_avro({directory.string() + "/*.avro"}).count().compute(), 2U);
  std::filesystem::remove_all(directory);
}

TEST_P(BagTest, what_reading_left_out_can_be_counted) {
  const auto directory = std::filesystem::temp_directory_path() / ("bag_counts_" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  const auto text = (directory / "text").string();
  std::ofstream(text) << "good\n\xff\xfe bad\ngood again\n";
  const io::TextFormat skipping{.errors = io::Errors::skip};
  const io::TextCut small{.blocksize = 4};
  EXPECT_EQ(bag::read_text(text, skipping, small).count().compute(), 2U);
  EXPECT_EQ(bag::count_text({text}, skipping, small).compute(), (io::ReadCounts{.lines = 2, .bad_records = 1}));
  EXPECT_EQ(bag::count_text({text}, {.errors = io::Errors::replace}).compute(),
            (io::ReadCounts{.lines = 3, .bad_bytes = 2}));
  const auto json = (directory / "json").string();
  std::ofstream(json) << "1\n{\"a\":\n[2]\n";
  EXPECT_EQ(bag::count_json_lines({json}, skipping).compute(), (io::ReadCounts{.lines = 2, .bad_records = 1}));
  EXPECT_THROW((void)bag::count_json_lines({json}).compute(), TaskFailed);
  std::filesystem::remove_all(directory);
}

/// Longer than anybody waits.
Bag<std::int64_t> endless() {
  return bag::range(std::numeric_limits<std::int64_t>::max(), 1).map<noticed>().filter(_1 < 0);
}

TEST(Bag, a_pipeline_ends_soon_after_it_was_cancelled) {
  for (const auto scheduler : {SchedulerKind::threads, SchedulerKind::sync}) {
    has_begun = false;
    const CancelToken token;
    std::thread canceller([&, copy = token]() mutable {
      has_begun.wait(false);
      copy.cancel();
    });
    EXPECT_THROW((void)endless().compute({.scheduler = scheduler, .threads = 2, .cancel = &token}), Cancelled);
    canceller.join();
  }
}

TEST(Bag, a_pipeline_on_a_worker_ends_soon_after_it_was_cancelled) {
  LocalCluster cluster({.workers = 1, .threads_per_worker = 1});
  Client client(cluster);
  has_begun = false;
  const auto running = endless().persist();
  has_begun.wait(false);
  client.cancel(Future<std::vector<std::int64_t>>(running.partitions().front()->future()));
  EXPECT_EQ(bag::range(4, 1).sum().compute(), 6);  // on the one thread there is
}

TEST(Bag, tasks_on_a_cluster_are_called_by_what_they_do) {
  LocalCluster cluster({.workers = 1, .dashboard = false, .history = false});
  Client client(cluster);
  EXPECT_EQ(bag::range(10, 2).map<square>().filter(_1 > 3).sum().compute({.client = &client}), 284);
  Query query;
  query.kind = QueryKind::durations;
  std::vector<std::string> names;
  for (const auto& each : client.ask(query).durations) names.push_back(each.prefix);
  EXPECT_THAT(names, testing::UnorderedElementsAre("range-map-square-filter-sum", "inputs-merge-sum"));
}

TEST(Bag, chains_of_stages_are_one_task_a_partition_and_what_two_read_is_computed_once) {
  const auto tasks = [](std::span<const ExpressionRef> wanted) { return fuse(collect(wanted)).size(); };
  const auto chain = bag::range(10, 2).map<square>().filter<is_even>().map(_1 + 1);
  EXPECT_EQ(tasks(chain.partitions()), 2U);
  EXPECT_EQ(tasks({&chain.sum().expression(), 1}), 3U);
  const auto sum = chain.sum();
  const auto count = chain.count();
  const std::vector<ExpressionRef> both{sum.expression(), count.expression()};
  EXPECT_EQ(tasks(both), 2U + 2 * 3U);  // the elements, and two trees
  EXPECT_EQ(compute(sum, count), std::tuple(125, 5U));
}

TEST(Bag, what_cannot_be_is_refused_as_it_is_written) {
  const auto numbers = bag::range(10, 2);
  EXPECT_THROW((void)bag::range(10, 0), InvalidRequest);
  EXPECT_THROW((void)bag::range(-1, 1), InvalidRequest);
  EXPECT_THROW((void)bag::from_sequence(std::vector<int>{1}, {.partition_size = 1, .npartitions = 1}), InvalidRequest);
  EXPECT_THROW((void)bag::zip(numbers, bag::range(10, 3)), InvalidRequest);
  EXPECT_THROW((void)numbers.repartition(0), InvalidRequest);
  EXPECT_THROW((void)numbers.take(1, 3), InvalidRequest);
  EXPECT_THROW((void)numbers.take(1, 0), InvalidRequest);
  EXPECT_THROW((void)numbers.topk(0), InvalidRequest);
  EXPECT_THROW((void)numbers.sum(1), InvalidRequest);
  EXPECT_THROW((void)numbers.random_sample(1.5, 0), InvalidRequest);
  EXPECT_THROW((void)numbers.join(numbers, _1, _1), InvalidRequest);
  EXPECT_THROW((void)numbers.groupby(_1, 2, Shuffle::tasks, 1), InvalidRequest);
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {bag_module});
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
