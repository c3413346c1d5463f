#include "runtime/exec/module.hpp"

#include <gtest/gtest.h>

#include "tests/runtime/exec/calls.hpp"
#include "tests/runtime/exec/demo_module.hpp"

namespace versions {
int same(int x) { return x; }
int other(int x) { return x; }
long changed(int x) { return x; }
}  // namespace versions

namespace troupe {

std::uint64_t build_seen_by_another_source();  // module_other_source.cpp
const Module* table_seen_by_another_source();

namespace {

TEST(Module, is_a_constant_table_of_names_signatures_and_thunks) {
  static_assert(demo.function_count == 13);
  static_assert(function_name<shapes::add>() == "shapes::add");
  static_assert(function_name<shapes::sum>() == "shapes::sum", "without the leading colons");
  EXPECT_EQ(std::string_view(demo.name), "demo");
  EXPECT_EQ(std::string_view(demo.functions[0].signature), "f64(f64,f64)");
  EXPECT_EQ(std::string_view(demo.functions[5].signature), "f64(map<string,vec<f64>>,pair<i32,f64>,optional<f64>)");
  EXPECT_EQ(std::string_view(demo.functions[7].signature), "unit()");
}

TEST(Module, names_its_functions_for_the_wire) {
  const auto ref = function_ref<shapes::greet>();
  EXPECT_EQ(ref.kind, FunctionRef::Kind::module);
  EXPECT_EQ(ref.module, "demo");
  EXPECT_EQ(ref.name, "shapes::greet");
  EXPECT_EQ(ref.build, demo.build);
  static_assert(std::is_same_v<function_result<shapes::greet>, std::string>);
  static_assert(std::is_same_v<function_result<shapes::nothing>, Unit>);
}

TEST(Module, does_not_know_a_function_that_is_not_listed) {
  static_assert(detail::Listed<shapes::add>);
  static_assert(!detail::Listed<shapes::unlisted>);
}

TEST(Module, is_the_same_in_every_source_that_includes_its_header) {
  EXPECT_EQ(build_seen_by_another_source(), demo.build);
  EXPECT_EQ(table_seen_by_another_source(), &demo);
}

TEST(Module, is_another_build_when_name_version_functions_or_signatures_differ) {
  using detail::module_build;
  constexpr auto build = module_build<versions::same>("m", "", "f");
  static_assert(build == module_build<versions::other>("m", "", "f"), "where a function lies is not its interface");
  static_assert(build != module_build<versions::changed>("m", "", "f"));
  static_assert(build != module_build<versions::same>("n", "", "f"));
  static_assert(build != module_build<versions::same>("m", "2", "f"));
  static_assert(build != module_build<versions::same>("m", "", "g"));
  static_assert(build == module_build<versions::same>("m", "", " f "), "spaces in the list do not matter");
}

TEST(Module, exceptions_become_errors_with_type_and_message) {
  ArgumentWriter writer;
  writer.call<shapes::throw_runtime_error>("went wrong");
  const auto plain = testing::call(&detail::thunk<shapes::throw_runtime_error>, writer.bytes);
  ASSERT_TRUE(plain.error);
  EXPECT_EQ(plain.error->kind, TaskError::Kind::exception);
  EXPECT_EQ(plain.error->type, "std::runtime_error");
  EXPECT_EQ(plain.error->message, "went wrong");
  EXPECT_FALSE(plain.result);

  const auto nested = testing::call(&detail::thunk<shapes::throw_nested>, {});
  EXPECT_EQ(nested.error->message, "reading table: row 7");
  EXPECT_NE(nested.error->type.find("std::logic_error"), std::string::npos);

  const auto number = testing::call(&detail::thunk<shapes::throw_number>, {});
  EXPECT_EQ(number.error->type, "int");
  EXPECT_EQ(number.error->message, "an exception that is no std::exception");
}

TEST(Module, functions_know_their_task_and_outside_of_one_there_is_none) {
  EXPECT_EQ(*testing::call(&detail::thunk<shapes::who_am_i>, {}).result.get<std::uint64_t>(), 78U);
  EXPECT_EQ(this_task::id(), TaskId{});
  EXPECT_FALSE(this_task::stop_requested());
  this_task::secede();
  this_task::rejoin();
}

}  // namespace
}  // namespace troupe
