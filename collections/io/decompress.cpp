#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "collections/io/compression.hpp"
#include "collections/io/file_error.hpp"

namespace troupe::io {
namespace {

constexpr std::array<std::pair<Compression, std::string_view>, 6> names{{{Compression::infer, "infer"},
                                                                         {Compression::none, "none"},
                                                                         {Compression::gzip, "gzip"},
                                                                         {Compression::bzip2, "bzip2"},
                                                                         {Compression::xz, "xz"},
                                                                         {Compression::zstd, "zstd"}}};
constexpr std::array<std::pair<std::string_view, Compression>, 5> suffixes{{{".gz", Compression::gzip},
                                                                            {".bz2", Compression::bzip2},
                                                                            {".xz", Compression::xz},
                                                                            {".zst", Compression::zstd},
                                                                            {".zstd", Compression::zstd}}};

/// Sizes of zlib and bzip2 have 32 bits.
unsigned limited(std::size_t size) { return static_cast<unsigned>(std::min<std::size_t>(size, std::size_t{1} << 30)); }

class Inflate final : public Decompressor {
public:
  explicit Inflate(int window_bits) {
    if (::inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
  }
  ~Inflate() override { ::inflateEnd(&stream_); }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  Step step(std::span<const char> in, std::span<char> out) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = limited(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = limited(out.size());
    const unsigned in_before = stream_.avail_in;
    const unsigned out_before = stream_.avail_out;
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    const Step done{in_before - stream_.avail_in, out_before - stream_.avail_out, code == Z_STREAM_END};
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      throw BadArchive(stream_.msg != nullptr ? stream_.msg : "preset dictionary needed", done.consumed, done.produced);
    return done;
  }
  void restart() override { ::inflateReset(&stream_); }
  [[nodiscard]] bool padded() const override { return true; }

private:
  z_stream stream_{};
};

class Bunzip2 final : public Decompressor {
public:
  Bunzip2() { begin(); }
  ~Bunzip2() override { ::BZ2_bzDecompressEnd(&stream_); }
  Bunzip2(const Bunzip2&) = delete;
  Bunzip2& operator=(const Bunzip2&) = delete;

  Step step(std::span<const char> in, std::span<char> out) override {
    stream_.next_in = const_cast<char*>(in.data());
    stream_.avail_in = limited(in.size());
    stream_.next_out = out.data();
    stream_.avail_out = limited(out.size());
    const unsigned in_before = stream_.avail_in;
    const unsigned out_before = stream_.avail_out;
    const int code = ::BZ2_bzDecompress(&stream_);
    if (code == BZ_MEM_ERROR) throw std::bad_alloc();
    const Step done{in_before - stream_.avail_in, out_before - stream_.avail_out, code == BZ_STREAM_END};
    if (code == BZ_DATA_ERROR_MAGIC) throw BadArchive("no bzip2 stream begins here");
    if (code != BZ_OK && code != BZ_STREAM_END)
      throw BadArchive("checksum or structure wrong", done.consumed, done.produced);
    return done;
  }
  void restart() override {
    ::BZ2_bzDecompressEnd(&stream_);
    begin();
  }

private:
  void begin() {
    stream_ = {};
    if (::BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw std::bad_alloc();
  }
  bz_stream stream_{};
};

class Unxz final : public Decompressor {
public:
  Unxz() { restart(); }
  ~Unxz() override { ::lzma_end(&stream_); }
  Unxz(const Unxz&) = delete;
  Unxz& operator=(const Unxz&) = delete;

  Step step(std::span<const char> in, std::span<char> out) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret code = ::lzma_code(&stream_, LZMA_RUN);
    const Step done{in.size() - stream_.avail_in, out.size() - stream_.avail_out, code == LZMA_STREAM_END};
    switch (code) {
      case LZMA_OK:
      case LZMA_BUF_ERROR:
      case LZMA_STREAM_END: break;
      case LZMA_MEM_ERROR: throw std::bad_alloc();
      case LZMA_MEMLIMIT_ERROR: throw BadArchive(fmt::format("needs more than {} MiB to unpack", memory_max >> 20U));
      case LZMA_FORMAT_ERROR: throw BadArchive("no xz stream begins here");
      case LZMA_OPTIONS_ERROR: throw BadArchive("made with options that this liblzma does not know");
      default: throw BadArchive("checksum or structure wrong", done.consumed, done.produced);
    }
    return done;
  }
  void restart() override {
    if (::lzma_stream_decoder(&stream_, memory_max, 0) != LZMA_OK) throw std::bad_alloc();
  }
  [[nodiscard]] bool padded() const override { return true; }

private:
  static constexpr std::uint64_t memory_max = std::uint64_t{1} << 30;  // xz -9 needs 65 MiB
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class Unzstd final : public Decompressor {
public:
  Unzstd() : context_(::ZSTD_createDCtx()) {
    if (!context_) throw std::bad_alloc();
  }

  Step step(std::span<const char> in, std::span<char> out) override {
    // No more than it asks for, which is a header or a block: it does not say where in its input it met an error.
    ZSTD_inBuffer input{in.data(), std::min(in.size(), asked_), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t code = ::ZSTD_decompressStream(context_.get(), &output, &input);
    if (::ZSTD_isError(code) != 0) throw BadArchive(::ZSTD_getErrorName(code));
    asked_ = code;
    return {input.pos, output.pos, code == 0};
  }
  void restart() override {
    ::ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
    asked_ = first_asked;
  }

private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
  };
  static constexpr std::size_t first_asked = 18;  // the longest header of a frame
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  std::size_t asked_{first_asked};
};

}  // namespace

std::string_view name_of(Compression compression) {
  for (const auto& [each, name] : names)
    if (each == compression) return name;
  return "unknown";
}

Compression compression_named(std::string_view name) {
  std::string all;
  for (const auto& [compression, known] : names) {
    if (known == name) return compression;
    all += (all.empty() ? "" : ", ") + std::string(known);
  }
  throw FileError(ErrorKind::invalid, "", fmt::format("no compression '{}'; there are {}", name, all));
}

Compression resolved(Compression asked, std::string_view path) {
  if (asked != Compression::infer) return asked;
  for (const auto& [suffix, compression] : suffixes)
    if (path.ends_with(suffix)) return compression;
  return Compression::none;
}

std::unique_ptr<Decompressor> make_decompressor(Compression compression) {
  switch (compression) {
    case Compression::gzip: return std::make_unique<Inflate>(16 + MAX_WBITS);
    case Compression::bzip2: return std::make_unique<Bunzip2>();
    case Compression::xz: return std::make_unique<Unxz>();
    case Compression::zstd: return std::make_unique<Unzstd>();
    case Compression::infer:
    case Compression::none: break;
  }
  TROUPE_ASSERT(false, "no compression to undo");
}

std::unique_ptr<Decompressor> make_raw_inflater() { return std::make_unique<Inflate>(-MAX_WBITS); }

}  // namespace troupe::io
