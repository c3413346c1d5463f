#include "runtime/exec/pipeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "runtime/exec/local_graph.hpp"
#include "runtime/exec/module.hpp"

namespace troupe {
namespace {

struct Plain {
  static constexpr bool plain_source = false;
  static constexpr bool plain_sink = false;
};

/// Numbers from 0 on, as long as they are wanted.
class Numbers final : public Giver<std::int64_t>, public Plain {
public:
  using Gives = std::int64_t;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("numbers");
  }
  explicit Numbers(ArgumentReader& arguments) : count_(arguments.read<std::int64_t>()) {}
  void run() override {
    for (std::int64_t i = 0; i < count_ && !satisfied(); ++i) give(i);
  }

private:
  std::int64_t count_;
};

class Total final : public Receiver<std::int64_t>, public Plain {
public:
  using Takes = std::int64_t;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("total#i64");
  }
  explicit Total(ArgumentReader& arguments) : most_(arguments.read<std::int64_t>()) {}
  void push(const std::int64_t& number) override {
    if (number == 13) throw std::out_of_range("no 13");
    total_ += number;
    if (total_ >= most_) be_satisfied();
  }
  Value result() override { return Value::make(total_); }

private:
  std::int64_t most_;
  std::int64_t total_{};
};

class TextLength final : public Receiver<std::string>, public Plain {
public:
  using Takes = std::string;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("length");
  }
  explicit TextLength(ArgumentReader&) {}
  void push(std::string_view) override {}
};

template <class Sink>
std::vector<std::byte> numbers_into(std::int64_t count, std::int64_t most) {
  PipelineWriter writer;
  writer.part<Numbers>([&](ArgumentWriter& out) { out.write<std::int64_t>(count); });
  writer.part<Sink>([&](ArgumentWriter& out) { out.write<std::int64_t>(most); });
  return writer.finish().bytes;
}

const LocalTarget pipeline_target{&builtin::pipeline, "pipeline"};

LocalOutcome outcome_of(const std::vector<std::byte>& arguments) {
  LocalGraph graph;
  graph.tasks.push_back({&pipeline_target, arguments});
  graph.offsets.push_back(0);
  graph.wanted = {0};
  auto outcome = run_local(graph, {});
  EXPECT_TRUE(outcome);
  return std::move(*outcome);
}

TEST(Pipeline, PushesElementsUntilNoMoreAreWanted) {
  EXPECT_EQ(*outcome_of(numbers_into<Total>(10, 1'000)).values.at(0).get<std::int64_t>(), 45);
  EXPECT_EQ(*outcome_of(numbers_into<Total>(INT64_MAX, 50)).values.at(0).get<std::int64_t>(), 55);
}

TEST(Pipeline, AFailureSaysWhichPipelineItWas) {
  const auto outcome = outcome_of(numbers_into<Total>(20, 1'000));
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->error.kind, TaskError::Kind::exception);
  EXPECT_THAT(outcome.failure->error.message, testing::HasSubstr("numbers | total: no 13"));
}

TEST(Pipeline, PartsThatDoNotFitOrAreNotThereAreRefused) {
  const auto other_type = outcome_of(numbers_into<TextLength>(1, 1));
  ASSERT_TRUE(other_type.failure);
  EXPECT_EQ(other_type.failure->error.kind, TaskError::Kind::bad_arguments);
  EXPECT_THAT(other_type.failure->error.message, testing::HasSubstr("length takes another type of element"));

  auto unknown = numbers_into<Total>(1, 1);
  unknown[1] ^= std::byte{1};  // of the id of the first part
  const auto nobody_has = outcome_of(unknown);
  ASSERT_TRUE(nobody_has.failure);
  EXPECT_THAT(nobody_has.failure->error.message,
              testing::HasSubstr("start its workers from the program that computes"));
}

TEST(Pipeline, BytesThatAreNoPipelineAreRefusedHoweverLongTheyAre) {
  const auto whole = numbers_into<Total>(3, 9);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto outcome = outcome_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    ASSERT_TRUE(outcome.failure) << size;
    EXPECT_EQ(outcome.failure->error.kind, TaskError::Kind::bad_arguments) << size;
  }
}

TEST(Pipeline, WhatBeginsAfterOthersReadsNothingOfThem) {
  ArgumentWriter prefix;
  prefix.after(1);
  auto arguments = prefix.bytes;
  const auto rest = numbers_into<Total>(3, 9);
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  EXPECT_EQ(read_pipeline(arguments).after, 1U);
  EXPECT_EQ(read_pipeline(arguments).parts.size(), 2U);
  EXPECT_EQ(describe_pipeline(arguments), "numbers | total");
  EXPECT_EQ(pipeline_prefix(arguments), "numbers-total");
}

}  // namespace
}  // namespace troupe
