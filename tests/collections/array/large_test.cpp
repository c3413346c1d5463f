#include <unistd.h>
#include <filesystem>

#include <gtest/gtest.h>

#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/linalg.hpp"
#include "tests/collections/array/on_blocks.hpp"

namespace troupe::array {
namespace {

namespace fs = std::filesystem;

/// Goes after all that writes into it.
struct Scratch {
  fs::path path{fs::temp_directory_path() / ("array_large_" + std::to_string(::getpid()))};
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { fs::remove_all(path); }
};

/// Two workers that may hold 32 MiB together, and arrays of 128 MiB.
class ArrayLargerThanMemory : public testing::Test {
protected:
  ArrayLargerThanMemory()
      : cluster_(
            {.workers = 2, .memory_limit = 16 << 20, .local_directory = scratch_.path.string(), .dashboard = false}),
        client_(cluster_),
        scope_({.scheduler = SchedulerKind::cluster, .client = &client_}) {}

  [[nodiscard]] bool has_spilled() const {
    std::error_code gone;  // files come and go
    for (auto it = fs::recursive_directory_iterator(scratch_.path, gone);
         !gone && it != fs::recursive_directory_iterator(); it.increment(gone))
      if (it->path().extension() == ".spill") return true;
    return false;
  }

private:
  Scratch scratch_;
  LocalCluster cluster_;
  Client client_;
  ComputeScope scope_;
};

TEST_F(ArrayLargerThanMemory, is_added_to_its_transpose_sliced_and_averaged) {
  const auto x = Generator(1).normal(0, 1, {4096, 4096}, {.chunks = 512});
  const auto there = x.persist();
  const auto means = (there + there.T())[{slice({}, {}, 2)}].mean({.axis = 1}).compute();
  EXPECT_TRUE(has_spilled());
  const auto expected =
      (x + x.T())[{slice({}, {}, 2)}].mean({.axis = 1}).compute({.scheduler = SchedulerKind::threads});
  EXPECT_TRUE(nd::allclose(means, expected, 1e-9, 1e-12));
}

TEST_F(ArrayLargerThanMemory, is_taken_apart_into_singular_values) {
  const auto x = Generator(2).normal(0, 1, {524288, 32}, {.chunks = {16384, 32}}).persist();
  const auto [u, s, vh] = linalg::svd(x);
  const auto [values, product, gram] = compute(s, matmul(u.T(), u), matmul(x.T(), x));
  EXPECT_TRUE(has_spilled());
  EXPECT_TRUE(nd::allclose(product, nd::eye(32, 32), 1e-9, 1e-9));
  EXPECT_TRUE(nd::allclose(nd::square(values), nd::linalg::svd(gram).s, 1e-9));
}

TEST_F(ArrayLargerThanMemory, is_solved_for_right_sides) {
  const auto a = Generator(3).normal(0, 1, {2304, 2304}, {.chunks = {576, 128}}).persist();
  const auto b = Generator(4).normal(0, 1, {2304, 2}, {.chunks = {576, 2}});
  const auto x = linalg::solve(a, b);
  const auto left_over = absolute(matmul(a, x) - b).max().item<double>();
  EXPECT_TRUE(has_spilled());
  EXPECT_LT(left_over, 1e-9);
}

}  // namespace
}  // namespace troupe::array
