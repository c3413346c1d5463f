#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "actors/errors.hpp"
#include "collections/array_files/hdf5.hpp"
#include "collections/array_files/picture.hpp"
#include "collections/array_files/zarr.hpp"
#include "collections/io/file_error.hpp"
#include "tests/collections/io/files.hpp"

namespace troupe::array_files {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string said(const std::function<void()>& act) {
  try {
    act();
  } catch (const io::FileError& error) {
    return error.what();
  }
  return "nothing";
}

nd::NdArray counted(const nd::Shape& shape) {
  nd::NdArray made(shape, nd::DType::int32);
  for (std::int64_t i = 0; i < made.size(); ++i) made.mutable_data_as<std::int32_t>()[i] = static_cast<std::int32_t>(i);
  return made;
}

struct ArrayFiles : ::testing::Test {
  /// Some bytes of a file become others, or the file ends there.
  static void damage(const std::string& file, std::uint64_t at) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    ASSERT_TRUE(stream) << file;
    stream.seekp(static_cast<std::streamoff>(at));
    stream.write("\xff\x00\xff\x00\xff\x00\xff\x00", 8);
  }
  static void cut(const std::string& file, std::uint64_t size) { std::filesystem::resize_file(file, size); }
  std::string zarr(ZarrCompressor compressor, int format = 3) {
    const auto path = files.path("a" + std::string(name_of(compressor)) + std::to_string(format));
    ZarrArray::create(path, nd::DType::int32, {10, 10}, {5, 10}, {.format = format, .compressor = compressor})
        .write({0, 0}, counted({10, 10}));
    return path;
  }

  io::ScratchFiles files;
};

TEST_F(ArrayFiles, an_npy_file_has_its_name_when_it_is_whole_and_is_checked_when_it_is_opened) {
  const auto path = files.path("new/a.npy");
  const FlatFile made = create_npy(path, nd::DType::int32, {3, 4});
  EXPECT_THAT(said([&] { open_npy(path); }), HasSubstr("a.npy"));
  made.write({0, 0}, counted({3, 4}));
  finish_file(made, path);
  EXPECT_EQ(open_npy(path).read({{2, 3, -1}, {1, 2, 2}}).to_vector<int>(), (std::vector<int>{9, 11, 5, 7, 1, 3}));
  cut(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(said([&] { open_npy(path); }), AllOf(HasSubstr("a.npy: has"), HasSubstr("(3, 4) of int32")));
  EXPECT_THAT(said([&] { open_npy(files.write("text.npy", "this is text")); }), HasSubstr("text.npy"));
  EXPECT_THAT(said([&] { open_raw(path, nd::DType::float64, {1000}, 5); }),
              HasSubstr("(1000,) of float64 from byte 5"));
  EXPECT_THROW((void)made.read({{0, 4, 1}, {0, 4, 1}}), InvalidRequest);
  EXPECT_THROW((void)made.read({{0, 3, 1}}), InvalidRequest);
}

TEST_F(ArrayFiles, chunks_of_zarr_that_are_damaged_are_named) {
  for (const auto compressor :
       {ZarrCompressor::none, ZarrCompressor::gzip, ZarrCompressor::zstd, ZarrCompressor::blosc}) {
    const auto path = zarr(compressor);
    const ZarrArray array = ZarrArray::open(path);
    const auto chunk = path + "/c/1/0";
    EXPECT_EQ(array.read({{7, 1, 1}, {3, 2, 1}}).to_vector<int>(), (std::vector<int>{73, 74}));
    cut(chunk, std::filesystem::file_size(chunk) / 2);
    EXPECT_THAT(said([&] { (void)array.read(whole({10, 10})); }), HasSubstr("c/1/0: ")) << name_of(compressor);
    std::filesystem::remove(chunk);
    EXPECT_EQ(array.read({{7, 1, 1}, {3, 2, 1}}).to_vector<int>(), (std::vector<int>{0, 0})) << "was never written";
    if (compressor == ZarrCompressor::none) continue;
    damage(path + "/c/0/0", 8);
    EXPECT_THAT(said([&] {
                  (void)array.read({{0, 1, 1}, {0, 1, 1}});
                }),
                compressor == ZarrCompressor::blosc ? HasSubstr("c/0/0: ") : HasSubstr(" data at byte "))
        << name_of(compressor);
  }
}

TEST_F(ArrayFiles, metadata_of_zarr_that_is_wrong_is_told_with_its_key) {
  const auto open = [&](const std::string& text, const char* name = "zarr.json") {
    files.write(std::string("wrong/") + name, text);
    return said([&] { (void)ZarrArray::open(files.path("wrong")); });
  };
  EXPECT_THAT(said([&] { (void)ZarrArray::open(files.path("none")); }), HasSubstr("is this a Zarr array?"));
  EXPECT_THAT(open("{"),
              AllOf(HasSubstr("zarr.json: byte 1 of the file: malformed JSON: "), Not(HasSubstr("boost.json"))));
  EXPECT_THAT(open("{} {"), HasSubstr("zarr.json: byte 3 of the file: malformed JSON: "));
  EXPECT_THAT(open("[]"), HasSubstr("not an object"));
  EXPECT_THAT(open(R"({"zarr_format":4})"), HasSubstr("'zarr_format' is 4"));
  EXPECT_THAT(open(R"({"zarr_format":3,"node_type":"group"})"), HasSubstr("is a group"));
  const std::string good = R"({"zarr_format":3,"node_type":"array","shape":[4],"data_type":"int8","chunk_grid":)"
                           R"({"name":"regular","configuration":{"chunk_shape":[2]}},"chunk_key_encoding":)"
                           R"({"name":"default"},"fill_value":0,"codecs":[{"name":"bytes"}]})";
  EXPECT_EQ(open(good), "nothing");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return open(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_THAT(changed("[4]", "[-4]"), HasSubstr("'shape' is [-4]"));
  EXPECT_THAT(changed("[4]", "[4,4]"), HasSubstr("chunks of (2,) for a shape of (4, 4)"));
  EXPECT_THAT(changed("[2]", "[0]"), HasSubstr("'chunk_shape' is [0]"));
  EXPECT_THAT(changed("int8", "string"), HasSubstr("'data_type' is \"string\""));
  EXPECT_THAT(changed("regular", "strange"), HasSubstr("strange"));
  EXPECT_THAT(changed(R"("fill_value":0)", R"("fill_value":"x")"), HasSubstr("'fill_value'"));
  EXPECT_THAT(changed(R"({"name":"bytes"})", R"({"name":"zstd"})"), HasSubstr("zstd"));
  EXPECT_THAT(changed(R"({"name":"bytes"})", ""), HasSubstr("makes bytes"));
  std::filesystem::remove(files.path("wrong/zarr.json"));
  EXPECT_THAT(open(R"({"zarr_format":2,"shape":[4],"chunks":[2],"dtype":[["a","<f8"]]})", ".zarray"),
              HasSubstr("'dtype' is"));
}

TEST_F(ArrayFiles, nothing_is_overwritten_unless_that_is_asked_for) {
  const auto path = zarr(ZarrCompressor::zstd, 2);
  const auto again = [&](bool overwrite) {
    return said([&] { (void)ZarrArray::create(path, nd::DType::int8, {3}, {3}, {.overwrite = overwrite}); });
  };
  EXPECT_THAT(again(false), HasSubstr("is there already"));
  EXPECT_EQ(ZarrArray::open(path).shape(), (nd::Shape{10, 10}));
  EXPECT_EQ(again(true), "nothing");
  EXPECT_EQ(ZarrArray::open(path).shape(), nd::Shape{3});
  files.write("mine/notes.txt", "not an array");
  EXPECT_THAT(
      said([&] { (void)ZarrArray::create(files.path("mine"), nd::DType::int8, {3}, {3}, {.overwrite = true}); }),
      HasSubstr("is this a Zarr array?"));
  EXPECT_TRUE(std::filesystem::exists(files.path("mine/notes.txt")));
  EXPECT_THROW((void)ZarrArray::create(files.path("x"), nd::DType::int8, {3}, {3, 3}), InvalidRequest);
}

TEST_F(ArrayFiles, datasets_of_hdf5_that_are_not_there_or_not_numbers_are_told) {
  const auto path = files.path("a.h5");
  const auto set = create_hdf5(path, "/group/data", nd::DType::int32, {4, 5}, {2, 5}, 3);
  set.write({0, 0}, counted({4, 5}));
  EXPECT_EQ(open_hdf5(path, "/group/data").chunks, (nd::Shape{2, 5}));
  EXPECT_EQ(set.read({{3, 2, -2}, {4, 1, 1}}).to_vector<int>(), (std::vector<int>{19, 9}));
  EXPECT_THAT(said([&] { (void)open_hdf5(files.path("none.h5"), "x"); }), HasSubstr("there is no such file"));
  EXPECT_THAT(said([&] { (void)open_hdf5(path, "other"); }), HasSubstr("other: cannot be opened"));
  EXPECT_THAT(said([&] { (void)open_hdf5(files.write("text.h5", "text"), "x"); }),
              HasSubstr("cannot be opened as HDF5"));
  EXPECT_THAT(said([&] { (void)create_hdf5(path, "/group/data", nd::DType::int8, {1}); }), HasSubstr("cannot be made"));
  EXPECT_THROW((void)set.read({{0, 5, 1}, {0, 5, 1}}), InvalidRequest);
}

TEST_F(ArrayFiles, pictures_that_are_none_or_cut_short_are_told) {
  const auto path = files.path("a.png");
  nd::NdArray picture = nd::NdArray::full({20, 30, 3}, nd::Scalar(7), nd::DType::uint8);
  write_png(path, picture);
  EXPECT_EQ(inspect_picture(path).shape, (nd::Shape{20, 30, 3}));
  EXPECT_EQ(read_picture(path).to_vector<int>(), picture.to_vector<int>());
  EXPECT_THAT(said([&] { (void)read_picture(files.write("text.png", "text")); }),
              HasSubstr("neither a PNG nor a JPEG"));
  EXPECT_THAT(said([&] { (void)read_picture(files.path("none.png")); }), HasSubstr("none.png: cannot be read"));
  EXPECT_THAT(said([&] { (void)read_picture(files.write("a.jpg", "\xff\xd8\xff nonsense")); }), HasSubstr("as JPEG"));
  EXPECT_EQ(pictures_named(files.path("*.png")), (std::vector<std::string>{path, files.path("text.png")}));
  EXPECT_THAT(said([&] { (void)pictures_named(files.path("*.gif")); }), HasSubstr("there is no such file"));
  EXPECT_THROW(write_png(path, nd::NdArray({20, 30, 5}, nd::DType::uint8)), InvalidRequest);
  EXPECT_THROW(write_png(path, nd::NdArray({20, 30}, nd::DType::float32)), InvalidRequest);
  cut(path, std::filesystem::file_size(path) - 20);
  EXPECT_THAT(said([&] { (void)read_picture(path); }), HasSubstr("as PNG: it is cut short"));
}

TEST_F(ArrayFiles, stacks_whose_files_do_not_fit_are_told) {
  const auto path = files.path("stack");
  write_npy_stack_info(path, nd::DType::int32, {{2, 2}, {3}}, 0);
  EXPECT_THAT(said([&] { (void)open_npy_stack(path); }), HasSubstr("0.npy"));
  const auto save = [&](const std::string& name, const nd::Shape& shape) {
    const auto bytes = nd::npy_bytes(counted(shape));
    files.write("stack/" + name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  save("0.npy", {2, 3});
  save("1.npy", {2, 3});
  EXPECT_EQ(open_npy_stack(path).shape, (nd::Shape{4, 3}));
  save("1.npy", {2, 4});
  EXPECT_THAT(said([&] { (void)open_npy_stack(path); }), HasSubstr("1.npy: holds (2, 4) of int32"));
  EXPECT_THROW(write_npy_stack_info(path, nd::DType::int32, {{2, 2}, {3, 3}}, 0), InvalidRequest);
}

}  // namespace
}  // namespace troupe::array_files
