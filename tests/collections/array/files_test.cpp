#include <unistd.h>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collections/array_files/picture.hpp"
#include "collections/io/file_error.hpp"
#include "tests/collections/array/on_blocks.hpp"

namespace troupe::array {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ArrayFiles : public OnBlocks {
protected:
  ArrayFiles() : directory_(fs::temp_directory_path() / ("array_files_" + std::to_string(::getpid()))) {
    fs::create_directories(directory_);
  }
  ~ArrayFiles() override { fs::remove_all(directory_); }
  [[nodiscard]] std::string at(const std::string& name) const { return (directory_ / name).string(); }

private:
  fs::path directory_;
};
INSTANTIATE_TEST_SUITE_P(On, ArrayFiles, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(ArrayFiles, are_written_block_by_block_and_read_in_other_blocks) {
  const auto a = values({13, 9}, DType::float32);
  const auto x = blocks(a) * 2;
  const auto twice = nd::multiply(a, 2);
  to_npy(x, at("x.npy"));
  expect_equal(from_npy(at("x.npy"), {5, 4}), twice, "npy");
  to_npy_stack(x, at("stack"), 0);
  expect_equal(from_npy_stack(at("stack")), twice, "stack");
  for (const int format : {2, 3}) {
    const auto directory = at("x" + std::to_string(format) + ".zarr");
    to_zarr(x, directory, {.format = format});
    expect_equal(from_zarr(directory, {3, -1}), twice, "zarr");
    expect_equal(from_zarr(directory)[{slice(2, 11, 3)}], twice.slice(0, Slice{2, 11, 3}), "part of zarr");
  }
  to_hdf5(x, at("x.h5"), "/group/x", 4);
  expect_equal(from_hdf5(at("x.h5"), "/group/x", {4, 4}), twice, "hdf5");
  std::ofstream(at("raw"), std::ios::binary)
      .write(reinterpret_cast<const char*>(a.contiguous().data()), static_cast<std::streamsize>(a.nbytes()));
  expect_equal(from_raw(at("raw"), DType::float32, {13, 9}, 4), a, "raw");
}

TEST_P(ArrayFiles, of_pictures_are_one_array) {
  const auto a = nd::absolute(values({4, 5, 3})).astype(DType::uint8);
  array_files::write_png(at("1.png"), a);
  array_files::write_png(at("2.png"), nd::multiply(a, 2));
  const auto both = imread(at("*.png"));
  EXPECT_EQ(both.shape(), (Shape{2, 4, 5, 3}));
  expect_equal(both[1], nd::multiply(a, 2), "the second");
}

TEST_P(ArrayFiles, that_are_wrong_are_refused_at_once) {
  std::ofstream(at("bad.npy")) << "no npy";
  EXPECT_THROW((void)from_npy(at("bad.npy")), io::FileError);
  EXPECT_THROW((void)from_zarr(at("nothing")), io::FileError);
  EXPECT_THROW((void)from_hdf5(at("nothing.h5"), "x"), io::FileError);
}

class ArrayOverlap : public OnBlocks {};
INSTANTIATE_TEST_SUITE_P(On, ArrayOverlap, OnEveryScheduler::all(), OnEveryScheduler::name_of_case);

TEST_P(ArrayOverlap, gives_blocks_their_neighbours_and_takes_them_away) {
  const auto a = values({12, 10});
  const auto x = from_array(a, {4, 5});
  for (const auto* boundary : {"none", "reflect", "periodic", "nearest", "0"}) {
    const std::vector<Depth> depth{{1, 2}, {0, 1}};
    const auto seen = overlap(x, depth, boundary);
    EXPECT_EQ(seen.numblocks(), (Shape{3, 2})) << boundary;
    expect_equal(trim_overlap(seen, depth, boundary), a, boundary);
    expect_equal((map_overlap<array_tests::doubled>(x, depth, boundary)), nd::multiply(a, 2), boundary);
  }
  expect_equal(overlap(from_array(a, {6, 10}), {{1, 1}, {0, 0}}, "none").blocks({1}), a.slice(0, 5, 12),
               "the second block");
  EXPECT_THAT(refusal_of([&] { (void)overlap(x, {{1, 1}}, "none"); }), HasSubstr("1 depths for the shape (12, 10)"));
}

}  // namespace
}  // namespace troupe::array
