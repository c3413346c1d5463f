#include "collections/array_files/picture.hpp"

#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include <glob.h>
#include <jpeglib.h>
#include <png.h>

#include "actors/errors.hpp"
#include "collections/io/file_error.hpp"
#include "collections/io/output.hpp"
#include "collections/io/source.hpp"

// The libraries report failures by longjmp. Nothing with a destructor may begin between a setjmp and the calls it
// guards, so each guarded function gets all its memory from outside.

namespace troupe::array_files {
namespace {

using io::FileError;
using Bytes = std::vector<unsigned char>;

Bytes content_of(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw FileError(ErrorKind::invalid, path, "cannot be read: " + error.message());
  Bytes bytes(size);
  bytes.resize(io::InputFile(path).read_all(reinterpret_cast<char*>(bytes.data()), bytes.size(), 0));
  return bytes;
}

// ---- PNG -----------------------------------------------------------------------------------------------------------

/// What a call of libpng is about, and what went wrong in it.
struct PngJob {
  const unsigned char* data{};
  std::size_t left{};
  std::string* out{};
  std::array<char, 128> wrong{};
  png_structp png{};
  png_infop info{};
};

void png_failed(png_structp png, const char* text) {
  auto* job = static_cast<PngJob*>(png_get_error_ptr(png));
  std::strncpy(job->wrong.data(), text, job->wrong.size() - 1);
  std::longjmp(png_jmpbuf(png), 1);
}
void png_warned(png_structp, const char*) {}

void png_take(png_structp png, png_bytep into, png_size_t size) {
  auto* job = static_cast<PngJob*>(png_get_io_ptr(png));
  if (size > job->left) png_error(png, "it is cut short");
  std::memcpy(into, job->data, size);
  job->data += size;
  job->left -= size;
}

struct PngReading {
  PngJob job;
  explicit PngReading(const Bytes& bytes) {
    job.data = bytes.data();
    job.left = bytes.size();
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, png_failed, png_warned);
    job.info = job.png != nullptr ? png_create_info_struct(job.png) : nullptr;
    if (job.info == nullptr) throw std::bad_alloc();
    png_set_read_fn(job.png, &job, png_take);
  }
  ~PngReading() { png_destroy_read_struct(&job.png, &job.info, nullptr); }
  PngReading(const PngReading&) = delete;
  PngReading& operator=(const PngReading&) = delete;
};

/// Rows and columns, channels, bytes of a sample. False: `wrong` says why not.
bool png_begin(PngJob& job, std::array<std::size_t, 4>& found) {
  if (setjmp(png_jmpbuf(job.png)) != 0) return false;
  png_read_info(job.png, job.info);
  png_set_expand(job.png);  // palettes, bits, and transparency that is told apart
  png_set_interlace_handling(job.png);
  if (png_get_bit_depth(job.png, job.info) == 16) png_set_swap(job.png);
  png_read_update_info(job.png, job.info);
  found = {png_get_image_height(job.png, job.info), png_get_image_width(job.png, job.info),
           png_get_channels(job.png, job.info), png_get_bit_depth(job.png, job.info) == 16 ? 2U : 1U};
  return true;
}

bool png_rows(PngJob& job, png_bytepp rows) {
  if (setjmp(png_jmpbuf(job.png)) != 0) return false;
  png_read_image(job.png, rows);
  png_read_end(job.png, nullptr);
  return true;
}

PictureInfo info_of(std::size_t rows, std::size_t columns, std::size_t channels, std::size_t sample_bytes) {
  PictureInfo info{sample_bytes == 2 ? nd::DType::uint16 : nd::DType::uint8,
                   {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}};
  if (channels > 1) info.shape.push_back(static_cast<std::int64_t>(channels));
  return info;
}

bool is_png(const Bytes& bytes) { return bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0; }
bool is_jpeg(const Bytes& bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

PictureInfo png_picture(const std::string& path, const Bytes& bytes, nd::NdArray* into) {
  PngReading reading(bytes);
  std::array<std::size_t, 4> found{};
  const auto failed = [&] {
    return FileError(ErrorKind::failed, path, std::string("as PNG: ") + reading.job.wrong.data());
  };
  if (!png_begin(reading.job, found)) throw failed();
  const PictureInfo info = info_of(found[0], found[1], found[2], found[3]);
  if (into == nullptr) return info;
  *into = nd::NdArray(info.shape, info.dtype);
  std::vector<png_bytep> rows(found[0]);
  const std::size_t row_bytes = found[1] * found[2] * found[3];
  for (std::size_t row = 0; row < rows.size(); ++row)
    rows[row] = reinterpret_cast<png_bytep>(into->mutable_data()) + row * row_bytes;
  if (!png_rows(reading.job, rows.data())) throw failed();
  return info;
}

void png_give(png_structp png, png_bytep data, png_size_t size) {
  static_cast<PngJob*>(png_get_io_ptr(png))->out->append(reinterpret_cast<const char*>(data), size);
}
void png_flushed(png_structp) {}

bool png_all(PngJob& job, png_uint_32 rows, png_uint_32 columns, int depth, int color, png_bytepp data) {
  if (setjmp(png_jmpbuf(job.png)) != 0) return false;
  png_set_IHDR(job.png, job.info, columns, rows, depth, color, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(job.png, job.info);
  if (depth == 16) png_set_swap(job.png);
  png_write_image(job.png, data);
  png_write_end(job.png, nullptr);
  return true;
}

// ---- JPEG ----------------------------------------------------------------------------------------------------------

struct JpegJob {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  std::jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> wrong{};

  JpegJob() {
    jpeg.err = jpeg_std_error(&errors);
    jpeg.client_data = this;
    errors.error_exit = [](j_common_ptr common) {
      auto* job = static_cast<JpegJob*>(common->client_data);
      common->err->format_message(common, job->wrong.data());
      std::longjmp(job->back, 1);
    };
    errors.output_message = [](j_common_ptr) {};
    errors.emit_message = [](j_common_ptr common, int level) {
      if (level < 0) common->err->error_exit(common);  // a warning: data that is damaged or cut short
    };
  }
  ~JpegJob() { jpeg_destroy_decompress(&jpeg); }
  JpegJob(const JpegJob&) = delete;
  JpegJob& operator=(const JpegJob&) = delete;
};

bool jpeg_begin(JpegJob& job, const unsigned char* data, unsigned long size) {
  if (setjmp(job.back) != 0) return false;
  jpeg_create_decompress(&job.jpeg);
  jpeg_mem_src(&job.jpeg, data, size);
  jpeg_read_header(&job.jpeg, TRUE);
  jpeg_calc_output_dimensions(&job.jpeg);
  return true;
}

bool jpeg_rows(JpegJob& job, unsigned char* into, std::size_t row_bytes) {
  if (setjmp(job.back) != 0) return false;
  jpeg_start_decompress(&job.jpeg);
  while (job.jpeg.output_scanline < job.jpeg.output_height) {
    unsigned char* row = into + job.jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&job.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&job.jpeg);
  return true;
}

PictureInfo jpeg_picture(const std::string& path, const Bytes& bytes, nd::NdArray* into) {
  const auto job = std::make_unique<JpegJob>();
  const auto failed = [&] { return FileError(ErrorKind::failed, path, std::string("as JPEG: ") + job->wrong.data()); };
  if (!jpeg_begin(*job, bytes.data(), bytes.size())) throw failed();
  const auto channels = static_cast<std::size_t>(job->jpeg.out_color_components);
  const PictureInfo info = info_of(job->jpeg.output_height, job->jpeg.output_width, channels, 1);
  if (into == nullptr) return info;
  *into = nd::NdArray(info.shape, info.dtype);
  if (!jpeg_rows(*job, reinterpret_cast<unsigned char*>(into->mutable_data()), job->jpeg.output_width * channels))
    throw failed();
  return info;
}

PictureInfo picture(const std::string& path, nd::NdArray* into) {
  const Bytes bytes = content_of(path);
  if (is_png(bytes)) return png_picture(path, bytes, into);
  if (is_jpeg(bytes)) return jpeg_picture(path, bytes, into);
  throw FileError(ErrorKind::invalid, path, "is neither a PNG nor a JPEG file");
}

}  // namespace

PictureInfo inspect_picture(const std::string& path) { return picture(path, nullptr); }

nd::NdArray read_picture(const std::string& path) {
  nd::NdArray read;
  (void)picture(path, &read);
  return read;
}

void write_png(const std::string& path, const nd::NdArray& picture) {
  constexpr std::array colors{PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGBA};
  const std::int64_t channels = picture.ndim() == 3 ? picture.extent(2) : 1;
  const bool deep = picture.dtype() == nd::DType::uint16;
  if (picture.ndim() < 2 || picture.ndim() > 3 || channels < 1 || channels > 4 || picture.size() == 0 ||
      (!deep && picture.dtype() != nd::DType::uint8))
    throw InvalidRequest("a PNG file is made of rows, columns and up to four channels of uint8 or uint16, not of " +
                         nd::text_of(picture.shape()) + " of " + std::string(name_of(picture.dtype())));
  nd::NdArray samples = picture.contiguous();
  const auto rows = static_cast<std::size_t>(picture.extent(0));
  std::vector<png_bytep> data(rows);
  for (std::size_t row = 0; row < rows; ++row)
    data[row] = reinterpret_cast<png_bytep>(samples.mutable_data()) + row * (samples.nbytes() / rows);
  std::string bytes;
  PngJob job;
  job.out = &bytes;
  job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, png_failed, png_warned);
  job.info = job.png != nullptr ? png_create_info_struct(job.png) : nullptr;
  if (job.info == nullptr) throw std::bad_alloc();
  png_set_write_fn(job.png, &job, png_give, png_flushed);
  const bool done = png_all(job, static_cast<png_uint_32>(rows), static_cast<png_uint_32>(picture.extent(1)),
                            deep ? 16 : 8, colors[static_cast<std::size_t>(channels - 1)], data.data());
  png_destroy_write_struct(&job.png, &job.info);
  if (!done) throw FileError(ErrorKind::failed, path, std::string("as PNG: ") + job.wrong.data());
  io::OutputFile out(path, io::Compression::none);
  out.write(bytes);
  out.finish();
}

std::vector<std::string> pictures_named(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (paths.empty()) throw FileError(ErrorKind::invalid, pattern, "there is no such file");
  return paths;
}

}  // namespace troupe::array_files
