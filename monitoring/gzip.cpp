#include "monitoring/gzip.hpp"

#include <stdexcept>

#include <zlib.h>

namespace troupe::monitoring {

std::string gzip(std::string_view text, int level) {
  z_stream stream{};
  constexpr int with_gzip_header = 15 + 16;
  if (::deflateInit2(&stream, level, Z_DEFLATED, with_gzip_header, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("gzip could not be set up");
  std::string out(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib's interface is older than const
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (end != Z_STREAM_END) throw std::runtime_error("gzip did not finish");
  return out;
}

}  // namespace troupe::monitoring
