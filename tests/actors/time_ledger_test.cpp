#include "actors/time_ledger.hpp"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

#include "runtime/exec/function_registry.hpp"

namespace troupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// As it arrives from another process: nothing but its fingerprint tells its type.
template <class T>
Value arrived(T value) {
  return Value::from_encoded(Value::make(std::move(value)).encode());
}

using Odd = std::map<std::string, std::vector<float>>;

TEST(TimeLedger, runs_are_told_by_prefix_once_and_split_where_the_processor_was_asked) {
  TimeLedger ledger;
  auto& load = ledger.function("load");
  load.add(5'000'000, 2'000'000);
  load.add(1'000'500, -1);
  ledger.function("sum").add(300, -1);
  auto spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  EXPECT_THAT(spent->functions,
              ElementsAre(FunctionTime{"load", 2, 2'000, 3'000, 1'000}, FunctionTime{"sum", 1, 0, 0, 0}));
  EXPECT_FALSE(ledger.take(nullptr)) << "nothing happened since";
  load.add(500, -1);
  spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  EXPECT_THAT(spent->functions, ElementsAre(FunctionTime{"load", 1, 0, 0, 1})) << "parts of microseconds are kept";
}

TEST(TimeLedger, a_fetch_is_told_by_peer_and_each_type_has_its_share_of_the_time) {
  TimeLedger ledger;
  {
    TimeLedger::Fetched fetched(ledger, {7}, 10'000'000);
    fetched.add(Value::make(std::vector<double>{1, 2}), 3'000);
    fetched.add(Value::make(std::string("a")), 500);
    fetched.add(arrived(std::string("b")), 500);
  }
  { const TimeLedger::Fetched nothing(ledger, {8}, 10'000'000); }
  const auto spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  EXPECT_THAT(spent->sources, ElementsAre(MovedFrom{{7}, {3, 4'000, 10'000}}));
  EXPECT_THAT(spent->types,
              ElementsAre(MovedType{"string", {2, 1'000, 2'500}}, MovedType{"vec<f64>", {1, 3'000, 7'500}}));
}

TEST(TimeLedger, a_type_is_named_by_the_functions_that_are_known_or_else_by_its_fingerprint) {
  TimeLedger ledger;
  const auto fetch = [&] {
    TimeLedger::Fetched fetched(ledger, {7}, 1'000);
    fetched.add(arrived(Odd{{"a", {1}}}), 100);
  };
  fetch();
  auto spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  ASSERT_EQ(spent->types.size(), 1U);
  EXPECT_THAT(spent->types[0].type, testing::StartsWith("a type with fingerprint "));
  FunctionRegistry registry;
  registry.add_builtin("odd", "f64(string,map<string,vec<f32>>,i32)", [](CallFrame&) noexcept {});
  fetch();
  spent = ledger.take(&registry);
  ASSERT_TRUE(spent);
  ASSERT_EQ(spent->types.size(), 1U);
  EXPECT_EQ(spent->types[0].type, "map<string,vec<f32>>");
}

TEST(TimeLedger, prefixes_and_types_for_which_there_is_no_room_are_counted_together) {
  TimeLedger ledger;
  for (std::size_t i = 0; i < TimeLedger::prefixes_max + 3; ++i)
    ledger.function("f" + std::to_string(i)).add(1'000, -1);
  const auto spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  EXPECT_EQ(spent->functions.size(), TimeLedger::prefixes_max + 1);
  EXPECT_EQ(spent->functions.back(), (FunctionTime{"other", 3, 0, 0, 3}));
  EXPECT_THAT(spent->sources, IsEmpty());
}

TEST(TimeLedger, runs_in_a_span_are_told_beside_all_runs_and_forgotten_then) {
  TimeLedger ledger;
  ledger.function("load").add(5'000, -1);
  ledger.function("load").add(2'000, 500);
  ledger.in_span("load", "nightly")->add(2'000, 500);
  ledger.in_span("load", "hourly")->add(7'000, -1);
  EXPECT_EQ(ledger.take(nullptr)->functions,
            (std::vector<FunctionTime>{
                {"load", 2, 0, 1, 5}, {"load", 1, 0, 0, 7, "hourly"}, {"load", 1, 0, 1, 0, "nightly"}}));
  EXPECT_FALSE(ledger.take(nullptr)) << "nothing since";
  for (std::size_t i = 0; i < TimeLedger::spans_max; ++i) ASSERT_TRUE(ledger.in_span("load", std::to_string(i)));
  EXPECT_TRUE(ledger.in_span("load", "0")) << "it is known";
  EXPECT_FALSE(ledger.in_span("load", "one too many"));
  (void)ledger.take(nullptr);
  EXPECT_TRUE(ledger.in_span("load", "one too many"));
}

TEST(TimeLedger, workers_that_got_other_ids_are_not_told_of_under_the_old_ones) {
  TimeLedger ledger;
  TimeLedger::Fetched(ledger, {7}, 5'000).add(arrived(1.5), 100);
  ledger.forget_sources();
  const auto spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  EXPECT_THAT(spent->sources, IsEmpty());
  EXPECT_THAT(spent->types, testing::SizeIs(1));
}

TEST(TimeLedger, the_disk_is_told_by_what_it_has_used_since) {
  TimeLedger ledger;
  ledger.serialized(2'500);
  ledger.disk(10'000, 20'500);
  auto spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  EXPECT_EQ(spent->serialize_us, 2U);
  EXPECT_EQ(spent->disk_read_us, 10U);
  EXPECT_EQ(spent->disk_write_us, 20U);
  ledger.disk(10'000, 21'000);
  spent = ledger.take(nullptr);
  ASSERT_TRUE(spent);
  EXPECT_EQ(spent->disk_read_us, 0U);
  EXPECT_EQ(spent->disk_write_us, 1U);
}

}  // namespace
}  // namespace troupe
