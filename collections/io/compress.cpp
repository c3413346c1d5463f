#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <algorithm>
#include <new>

#include "collections/io/compression.hpp"
#include "protocol/error.hpp"

namespace troupe::io {
namespace {

/// Sizes of zlib and bzip2 have 32 bits.
unsigned limited(std::size_t size) { return static_cast<unsigned>(std::min<std::size_t>(size, std::size_t{1} << 30)); }

class Deflate final : public Compressor {
public:
  explicit Deflate(int window_bits) {
    if (::deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~Deflate() override { ::deflateEnd(&stream_); }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;

  Step step(std::span<const char> in, std::span<char> out, bool last) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = limited(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = limited(out.size());
    const unsigned in_before = stream_.avail_in;
    const unsigned out_before = stream_.avail_out;
    const int code = ::deflate(&stream_, last && in_before == in.size() ? Z_FINISH : Z_NO_FLUSH);
    TROUPE_ASSERT(code != Z_STREAM_ERROR, "deflate is used as it should be");
    return {in_before - stream_.avail_in, out_before - stream_.avail_out, code == Z_STREAM_END};
  }

private:
  z_stream stream_{};
};

class Bzip2 final : public Compressor {
public:
  Bzip2() {
    if (::BZ2_bzCompressInit(&stream_, 9, 0, 0) != BZ_OK) throw std::bad_alloc();
  }
  ~Bzip2() override { ::BZ2_bzCompressEnd(&stream_); }
  Bzip2(const Bzip2&) = delete;
  Bzip2& operator=(const Bzip2&) = delete;

  Step step(std::span<const char> in, std::span<char> out, bool last) override {
    if (in.empty() && !last) return {};  // which bzip2 takes for a mistake
    stream_.next_in = const_cast<char*>(in.data());
    stream_.avail_in = limited(in.size());
    stream_.next_out = out.data();
    stream_.avail_out = limited(out.size());
    const unsigned in_before = stream_.avail_in;
    const unsigned out_before = stream_.avail_out;
    const int code = ::BZ2_bzCompress(&stream_, last && in_before == in.size() ? BZ_FINISH : BZ_RUN);
    TROUPE_ASSERT(code >= BZ_OK, "bzip2 is used as it should be");
    return {in_before - stream_.avail_in, out_before - stream_.avail_out, code == BZ_STREAM_END};
  }

private:
  bz_stream stream_{};
};

class Xz final : public Compressor {
public:
  Xz() {
    if (::lzma_easy_encoder(&stream_, LZMA_PRESET_DEFAULT, LZMA_CHECK_CRC64) != LZMA_OK) throw std::bad_alloc();
  }
  ~Xz() override { ::lzma_end(&stream_); }
  Xz(const Xz&) = delete;
  Xz& operator=(const Xz&) = delete;

  Step step(std::span<const char> in, std::span<char> out, bool last) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret code = ::lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
    if (code == LZMA_MEM_ERROR) throw std::bad_alloc();
    TROUPE_ASSERT(code == LZMA_OK || code == LZMA_STREAM_END || code == LZMA_BUF_ERROR,
                  "liblzma is used as it should be");
    return {in.size() - stream_.avail_in, out.size() - stream_.avail_out, code == LZMA_STREAM_END};
  }

private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class Zstd final : public Compressor {
public:
  Zstd() : context_(::ZSTD_createCCtx()) {
    if (!context_) throw std::bad_alloc();
    ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }

  Step step(std::span<const char> in, std::span<char> out, bool last) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t left =
        ::ZSTD_compressStream2(context_.get(), &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
    if (::ZSTD_isError(left) != 0) throw std::bad_alloc();  // all else would be a mistake in how it is called
    return {input.pos, output.pos, last && left == 0};
  }

private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ::ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace

std::unique_ptr<Compressor> make_compressor(Compression compression) {
  switch (compression) {
    case Compression::gzip: return std::make_unique<Deflate>(16 + MAX_WBITS);
    case Compression::bzip2: return std::make_unique<Bzip2>();
    case Compression::xz: return std::make_unique<Xz>();
    case Compression::zstd: return std::make_unique<Zstd>();
    case Compression::infer:
    case Compression::none: break;
  }
  TROUPE_ASSERT(false, "no compression to do");
}

std::unique_ptr<Compressor> make_raw_deflater() { return std::make_unique<Deflate>(-MAX_WBITS); }

}  // namespace troupe::io
