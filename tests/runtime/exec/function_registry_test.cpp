#include "runtime/exec/function_registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/exec/pipeline.hpp"
#include "tests/runtime/exec/calls.hpp"
#include "tests/runtime/exec/demo_module.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// A directory that only we may write to, gone after the test.
class FunctionRegistryTest : public ::testing::Test {
protected:
  std::string copy_of(const char* library, const char* name = "module.so") {
    const auto path = directory_.path() / name;
    fs::copy_file(library, path);
    fs::permissions(path, fs::perms::owner_all);
    return path.string();
  }
  std::string error_of(const std::string& path, std::string_view sha256 = {}) {
    const auto loaded = registry_.load(path, sha256);
    EXPECT_FALSE(loaded) << path;
    EXPECT_TRUE(registry_.infos().empty());
    return loaded ? "" : loaded.error().text;
  }

  troupe::testing::TemporaryFolder directory_;
  FunctionRegistry registry_;
};

TEST_F(FunctionRegistryTest, finds_functions_of_its_own_modules_by_build_or_any) {
  ASSERT_TRUE(registry_.add(demo));
  ASSERT_TRUE(registry_.add(demo));
  ASSERT_EQ(registry_.infos().size(), 1U);
  EXPECT_EQ(registry_.infos()[0].functions.size(), demo.function_count);
  auto ref = function_ref<shapes::add>();
  const auto* function = *registry_.find(ref);
  EXPECT_EQ(function->name, "demo::shapes::add");
  EXPECT_EQ(function->signature, "f64(f64,f64)");
  EXPECT_EQ(function->thunk, &detail::thunk<shapes::add>);
  ref.build = 0;
  EXPECT_EQ(*registry_.find(ref), function);
}

TEST_F(FunctionRegistryTest, says_what_it_knows_when_it_does_not_find) {
  EXPECT_THAT(registry_.find(function_ref<shapes::add>()).error().text, HasSubstr("no module demo is loaded"));
  (void)registry_.add(demo);
  auto ref = function_ref<shapes::add>();
  ref.name = "subtract";
  EXPECT_THAT(registry_.find(ref).error().text, HasSubstr("no function subtract; it has shapes::add, "));
  ref = function_ref<shapes::add>();
  ref.build ^= 1;
  EXPECT_THAT(registry_.find(ref).error().text, HasSubstr("not the build"));
  ref.module = "other";
  EXPECT_THAT(registry_.find(ref).error().text, HasSubstr("there is: demo"));
  ref.kind = FunctionRef::Kind::payload;
  EXPECT_EQ(registry_.find(ref).error().kind, ErrorKind::unsupported);
}

TEST_F(FunctionRegistryTest, built_ins_have_names_of_their_own) {
  registry_.add_builtin<shapes::add>("add");
  FunctionRef ref;
  ref.name = "add";
  EXPECT_EQ((*registry_.find(ref))->thunk, &detail::thunk<shapes::add>);
  ref.name = "subtract";
  EXPECT_FALSE(registry_.find(ref));
  ref.name = "add";
  ref.kind = FunctionRef::Kind::module;
  EXPECT_TRUE(registry_.infos().empty());
}

TEST_F(FunctionRegistryTest, loads_all_modules_of_a_library_and_runs_them) {
  const auto path = copy_of(TROUPE_TEST_LOADED_MODULE);
  const auto loaded = registry_.load(path, read_module_file(path)->sha256);
  ASSERT_TRUE(loaded) << loaded.error().text;
  ASSERT_EQ(loaded->size(), 3U);
  EXPECT_EQ((*loaded)[0].name, "loaded_first");
  EXPECT_EQ((*loaded)[1].name, "loaded_parts");
  EXPECT_TRUE((*loaded)[1].functions.empty());
  EXPECT_EQ((*loaded)[2].functions, std::vector<std::string>{"loaded::task"});

  FunctionRef ref{FunctionRef::Kind::module, "loaded_first", (*loaded)[0].build, "loaded::scaled", {}};
  ArgumentWriter writer;
  writer.write<std::vector<double>>(testing::FakeFuture<std::vector<double>>{});
  writer.write<double>(2.0);
  const auto called = testing::call((*registry_.find(ref))->thunk, writer.bytes, {Value::make(std::vector{1.0, 2.0})});
  ASSERT_FALSE(called.error) << called.error->message;
  EXPECT_EQ(*called.result.get<std::vector<double>>(), (std::vector{2.0, 4.0}));

  ref.name = "loaded::fails";
  const auto failed = testing::call((*registry_.find(ref))->thunk, {});
  EXPECT_EQ(failed.error->type, "std::runtime_error");
  EXPECT_EQ(failed.error->message, "from the module");

  ref = {FunctionRef::Kind::module, "loaded_second", 0, "loaded::task", {}};
  EXPECT_EQ(*testing::call((*registry_.find(ref))->thunk, {}).result.get<std::uint64_t>(), 77U);
}

TEST_F(FunctionRegistryTest, parts_of_a_library_make_pipelines_once_it_is_loaded) {
  // Written as by a program that has the same source.
  ArgumentWriter last;
  last.write<std::int64_t>(10);
  std::vector<std::byte> pipeline{PipelineWriter::lead};
  Encoder out(pipeline);
  for (const auto* name : {"loaded numbers", "loaded sum"}) {
    out.scalar(detail::fingerprint_of_text(name));
    out.count(0);
    const bool first = name == std::string_view("loaded numbers");
    out.blob(last.bytes.data(), first ? last.bytes.size() : 0);
  }
  pipeline.push_back(std::byte{0});

  ASSERT_TRUE(registry_.load(copy_of(TROUPE_TEST_LOADED_MODULE)));
  const FunctionRef ref{FunctionRef::Kind::builtin, "", 0, "pipeline", {}};
  const auto called = testing::call((*registry_.find(ref))->thunk, pipeline);
  ASSERT_FALSE(called.error) << called.error->message;
  EXPECT_EQ(*called.result.get<std::int64_t>(), 55);
  EXPECT_EQ(describe_pipeline(pipeline), "loaded numbers | loaded sum");
}

TEST_F(FunctionRegistryTest, refuses_a_file_with_another_hash) {
  const auto path = copy_of(TROUPE_TEST_LOADED_MODULE);
  EXPECT_THAT(error_of(path, std::string(64, '0')), HasSubstr("its SHA-256 is " + read_module_file(path)->sha256));
}

TEST_F(FunctionRegistryTest, refuses_a_module_of_another_interface) {
  EXPECT_THAT(error_of(copy_of(TROUPE_TEST_OLD_MODULE)),
              HasSubstr("built for version " + std::to_string(module_abi_version + 1) + " of the module interface"));
}

TEST_F(FunctionRegistryTest, refuses_what_is_no_module_without_opening_it) {
  EXPECT_THAT(error_of(copy_of(TROUPE_TEST_NO_MODULE)), HasSubstr("no TROUPE_MODULE in it"));
  EXPECT_THAT(error_of((directory_.path() / "missing.so").string()), HasSubstr("No such file"));
  std::ofstream(directory_.path() / "text.so")
      << "not a library at all, but long enough to hold a header of one, if it were";
  EXPECT_THAT(error_of((directory_.path() / "text.so").string()), HasSubstr("not a 64-bit ELF shared library"));
  EXPECT_THAT(error_of(directory_.path().string()), HasSubstr("not a file"));
}

TEST_F(FunctionRegistryTest, refuses_a_library_that_is_cut_short_anywhere) {
  const auto path = copy_of(TROUPE_TEST_LOADED_MODULE);
  const auto size = fs::file_size(path);
  for (std::uintmax_t kept = 0; kept < size; kept += 1 + size / 60) {
    fs::remove(path);
    fs::copy_file(TROUPE_TEST_LOADED_MODULE, path);
    fs::resize_file(path, kept);
    EXPECT_THAT(error_of(path), HasSubstr("module ")) << kept;
  }
}

TEST_F(FunctionRegistryTest, refuses_what_anybody_may_change) {
  const auto path = copy_of(TROUPE_TEST_LOADED_MODULE);
  ::chmod(path.c_str(), 0777);
  EXPECT_THAT(error_of(path), HasSubstr("anybody may write to it"));
  ::chmod(path.c_str(), 0755);
  ::chmod(directory_.path().c_str(), 0777);
  EXPECT_THAT(error_of(path), HasSubstr("anybody may write to its directory"));
  ::chmod(directory_.path().c_str(), 0700);
  EXPECT_TRUE(registry_.load(path));
}

}  // namespace
}  // namespace troupe
