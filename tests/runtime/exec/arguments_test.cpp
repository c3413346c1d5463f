#include "runtime/exec/arguments.hpp"

#include <gtest/gtest.h>

#include "tests/runtime/exec/calls.hpp"
#include "tests/runtime/exec/demo_module.hpp"

namespace troupe {
namespace {

using shapes::Counted;
using testing::call;
template <class T>
using Future = testing::FakeFuture<T>;

template <auto F, class... A>
testing::Called call_with(std::vector<Value> inputs, const A&... argument) {
  ArgumentWriter writer;
  writer.call<F>(argument...);
  EXPECT_EQ(writer.dependencies.size(), inputs.size());
  return call(&detail::thunk<F>, writer.bytes, std::move(inputs));
}

TEST(Arguments, literals_are_converted_to_the_parameters_types) {
  EXPECT_EQ(*call_with<shapes::add>({}, 1, 2.5F).result.get<double>(), 3.5);
  EXPECT_EQ(*call_with<shapes::greet>({}, "ab", 2).result.get<std::string>(), "abab");
  EXPECT_TRUE(call_with<shapes::nothing>({}).result.get<Unit>());
}

TEST(Arguments, a_const_reference_binds_to_the_stored_object_itself) {
  const auto stored = Value::make(Counted(5));
  Counted::copies = Counted::moves = 0;
  const auto called = call_with<shapes::address_of>({stored}, Future<Counted>{ClientKey{1}});
  EXPECT_EQ(*called.result.get<std::int64_t>(), reinterpret_cast<std::int64_t>(stored.get<Counted>()));
  EXPECT_EQ(Counted::copies, 0);
  EXPECT_EQ(Counted::moves, 0);
}

TEST(Arguments, a_value_is_moved_for_the_last_reader_and_copied_for_others) {
  const auto kept = Value::make(Counted(5));
  Counted::copies = 0;
  EXPECT_EQ(*call_with<shapes::by_move>({kept}, Future<Counted>{}).result.get<int>(), 5);
  EXPECT_EQ(Counted::copies, 1);
  EXPECT_EQ(kept.get<Counted>()->number, 5);

  std::vector<Value> last;
  last.push_back(Value::make(Counted(6)));
  Counted::copies = 0;
  EXPECT_EQ(*call_with<shapes::by_move>(std::move(last), Future<Counted>{}).result.get<int>(), 6);
  EXPECT_EQ(Counted::copies, 0);
  last.assign(1, {});
  last[0] = Value::make(Counted(7));
  EXPECT_EQ(*call_with<shapes::by_value>(std::move(last), Future<Counted>{}).result.get<int>(), 7);
  EXPECT_EQ(Counted::copies, 0);
}

TEST(Arguments, the_same_future_twice_is_two_inputs) {
  const auto two = Value::make(2.0);
  const Future<double> future{ClientKey{9}};
  EXPECT_EQ(*call_with<shapes::add>({two, two}, future, future).result.get<double>(), 4.0);
}

TEST(Arguments, stored_numbers_are_read_as_numbers_of_other_types) {
  EXPECT_EQ(*call_with<shapes::add>({Value::make(3), Value::from_encoded(Value::make(0.5F).encode())}, Future<int>{},
                                    Future<float>{})
                 .result.get<double>(),
            3.5);
}

TEST(Arguments, futures_may_stand_inside_containers) {
  const std::map<std::string, std::vector<Future<double>>> rows{{"a", {{ClientKey{1}}, {ClientKey{2}}}}, {"b", {}}};
  const std::pair more{7, Future<double>{ClientKey{3}}};
  const std::optional<Future<double>> maybe{{ClientKey{4}}};
  const auto called = call_with<shapes::sum_all>(
      {Value::make(1.0), Value::make(2.0), Value::make(4.0), Value::make(8.0)}, rows, more, maybe);
  ASSERT_FALSE(called.error) << called.error->message;
  EXPECT_EQ(*called.result.get<double>(), 22.0);
  EXPECT_EQ(*call_with<shapes::sum>({Value::make(1.0), Value::make(2.0)}, std::vector<Future<double>>(2))
                 .result.get<double>(),
            3.0);
  EXPECT_EQ(*call_with<shapes::sum_all>({}, std::map<std::string, std::vector<double>>{{"x", {1, 2}}},
                                        std::pair{1, 2.0}, std::nullopt)
                 .result.get<double>(),
            6.0);
}

TEST(Arguments, lists_of_futures_alone_have_the_same_bytes_whichever_they_are) {
  ArgumentWriter writer;
  writer.call<shapes::add>(Future<double>{ClientKey{1}}, Future<double>{ClientKey{2}});
  const auto first = writer.bytes;
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(writer.dependencies, (std::vector{ClientKey{1}, ClientKey{2}}));
  writer.clear();
  writer.call<shapes::add>(Future<double>{ClientKey{8}}, Future<double>{ClientKey{9}});
  EXPECT_EQ(writer.bytes, first);
}

TEST(Arguments, the_compiler_knows_what_fits) {
  static_assert(parameter_accepts<double, int>);
  static_assert(parameter_accepts<const std::string&, char[4]>);
  static_assert(parameter_accepts<Counted&&, Future<Counted>>);
  static_assert(parameter_accepts<double, Future<int>>);
  static_assert(parameter_accepts<const std::vector<double>&, std::vector<Future<double>>>);
  static_assert(!parameter_accepts<std::string, Future<const char*>>);
  static_assert(!parameter_accepts<std::string, int>);
  static_assert(!parameter_accepts<std::string, Future<double>>);
  static_assert(!parameter_accepts<std::vector<std::string>, std::vector<Future<double>>>);
  static_assert(!parameter_accepts<std::map<int, double>, std::vector<Future<double>>>);
  static_assert(!parameter_accepts<std::pair<int, int>, std::tuple<Future<int>, int, int>>);
}

TEST(Arguments, what_does_not_fit_at_run_time_names_the_argument_and_both_types) {
  ArgumentWriter writer;
  writer.call<shapes::greet>("x", Future<int>{});
  const auto called = call(&detail::thunk<shapes::greet>, writer.bytes, {Value::make(std::string("two"))});
  ASSERT_TRUE(called.error);
  EXPECT_EQ(called.error->kind, TaskError::Kind::bad_arguments);
  EXPECT_EQ(called.error->message, "argument 2: the value is string, not i32");
}

TEST(Arguments, too_few_or_too_many_inputs_are_refused) {
  ArgumentWriter writer;
  writer.call<shapes::add>(Future<double>{}, 1.0);
  const auto none = call(&detail::thunk<shapes::add>, writer.bytes);
  EXPECT_EQ(none.error->message, "argument 1: the task has fewer inputs than its arguments name");
  const auto two = call(&detail::thunk<shapes::add>, writer.bytes, {Value::make(1.0), Value::make(1.0)});
  EXPECT_EQ(two.error->message, "the task has more inputs than its arguments name");
}

TEST(Arguments, malformed_bytes_end_in_an_error_wherever_they_are_cut_or_changed) {
  ArgumentWriter writer;
  writer.call<shapes::sum_all>(std::map<std::string, std::vector<Future<double>>>{{"row", {{}, {}}}}, std::pair{1, 2.0},
                               std::optional<Future<double>>{Future<double>{}});
  const std::vector<Value> inputs(3, Value::make(1.0));
  ASSERT_FALSE(call(&detail::thunk<shapes::sum_all>, writer.bytes, inputs).error);
  for (std::size_t size = 0; size < writer.bytes.size(); ++size) {
    const std::vector<std::byte> cut(writer.bytes.begin(), writer.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto called = call(&detail::thunk<shapes::sum_all>, cut, inputs);
    ASSERT_TRUE(called.error) << size;
    EXPECT_EQ(called.error->kind, TaskError::Kind::bad_arguments);
  }
  for (std::size_t at = 0; at < writer.bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = writer.bytes;
      changed[at] ^= static_cast<std::byte>(1 << bit);
      (void)call(&detail::thunk<shapes::sum_all>, changed, inputs);
    }
}

}  // namespace
}  // namespace troupe
