#include "collections/array_files/zarr_metadata.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

#include <boost/json.hpp>

#include "actors/errors.hpp"
#include "collections/io/file_error.hpp"

namespace troupe::array_files {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using io::FileError;
using Kind = BytesCodec::Kind;

/// A part of a metadata file that is not as it has to be; whoever knows the file makes a FileError of it.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string quoted(const json::value& value) {
  std::string text = json::serialize(value);
  if (text.size() > 100) text = text.substr(0, 100) + "...";
  return text;
}

const json::value& need(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) throw Wrong(std::string("has no '") + key + "'");
  return *value;
}

const json::object& object_of(const json::value& value, const std::string& what) {
  if (!value.is_object()) throw Wrong(what + " is " + quoted(value) + ", not an object");
  return value.get_object();
}

const json::array& array_of(const json::value& value, const std::string& what) {
  if (!value.is_array()) throw Wrong(what + " is " + quoted(value) + ", not a list");
  return value.get_array();
}

std::string text_of(const json::value& value, const std::string& what) {
  if (!value.is_string()) throw Wrong(what + " is " + quoted(value) + ", not a text");
  return std::string(value.get_string());
}

nd::Shape shape_of(const json::value& value, const std::string& what, std::int64_t least) {
  nd::Shape shape;
  for (const json::value& extent : array_of(value, what)) {
    boost::system::error_code failed;
    const auto number = extent.to_number<std::int64_t>(failed);
    if (failed || number < least) throw Wrong(what + " is " + quoted(value));
    shape.push_back(number);
  }
  if (shape.size() > nd::ndim_max) throw Wrong(what + " has more than " + std::to_string(nd::ndim_max) + " axes");
  return shape;
}

int number_of(const json::object& object, const char* key, int otherwise) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return otherwise;
  boost::system::error_code failed;
  const auto number = value->to_number<int>(failed);
  if (failed) throw Wrong(std::string("'") + key + "' is " + quoted(*value));
  return number;
}

double real_of(const json::value& value) {
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    throw Wrong("'fill_value' is " + quoted(value));
  }
  boost::system::error_code failed;
  const auto number = value.to_number<double>(failed);
  if (failed) throw Wrong("'fill_value' is " + quoted(value));
  return number;
}

/// The bits of a float, as format 3 writes those that have no name.
std::optional<double> float_of_bits(std::string_view text, nd::DType dtype) {
  if (!text.starts_with("0x")) return std::nullopt;
  char* end = nullptr;
  const std::string digits(text.substr(2));
  const auto bits = std::strtoull(digits.c_str(), &end, 16);
  if (end == digits.c_str() || *end != 0) return std::nullopt;
  if (dtype == nd::DType::float32) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return std::bit_cast<double>(static_cast<std::uint64_t>(bits));
}

nd::Scalar fill_of(const json::value& value, nd::DType dtype) {
  if (value.is_null()) return nd::Scalar(0).as(dtype);
  if (dtype == nd::DType::bool_) {
    if (value.is_bool()) return nd::Scalar(value.get_bool());
    return nd::Scalar(real_of(value) != 0);
  }
  if (nd::is_complex(dtype)) {
    const auto& parts = array_of(value, "'fill_value'");
    if (parts.size() != 2) throw Wrong("'fill_value' is " + quoted(value));
    return nd::Scalar(std::complex<double>(real_of(parts[0]), real_of(parts[1]))).as(dtype);
  }
  if (nd::is_float(dtype)) {
    if (value.is_string())
      if (const auto bits = float_of_bits(value.get_string(), dtype)) return nd::Scalar(*bits).as(dtype);
    return nd::Scalar(real_of(value)).as(dtype);
  }
  boost::system::error_code failed;
  if (dtype == nd::DType::uint64) {
    const auto number = value.to_number<std::uint64_t>(failed);
    if (!failed) return nd::Scalar(number).as(dtype);
  } else {
    const auto number = value.to_number<std::int64_t>(failed);
    if (!failed) return nd::Scalar(number).as(dtype);
  }
  throw Wrong("'fill_value' is " + quoted(value) + ", which is no " + std::string(name_of(dtype)));
}

/// "<f8" and the like, also of the other byte order.
nd::DType dtype_of(const json::value& value, bool& swapped) {
  std::string name = text_of(value, "'dtype'");
  swapped = name.starts_with('>');
  if (swapped) name[0] = '<';
  try {
    return nd::dtype_named(name);
  } catch (const InvalidRequest&) {
    throw Wrong("'dtype' is " + quoted(value) + ", which no array here has");
  }
}

BytesCodec numcodec_of(const json::value& value) {
  const json::object& codec = object_of(value, "a compressor");
  const std::string id = text_of(need(codec, "id"), "'id'");
  const int level = number_of(codec, "level", 5);
  if (id == "gzip") return {.kind = Kind::gzip, .level = level};
  if (id == "zlib") return {.kind = Kind::zlib, .level = number_of(codec, "level", 1)};
  if (id == "bz2") return {.kind = Kind::bz2, .level = level};
  if (id == "lzma" && number_of(codec, "format", 1) == 1) return {.kind = Kind::lzma};
  if (id == "zstd") return {.kind = Kind::zstd, .level = level};
  if (id == "lz4") return {.kind = Kind::lz4};
  if (id == "blosc")
    return {.kind = Kind::blosc,
            .level = number_of(codec, "clevel", 5),
            .inner = text_of(need(codec, "cname"), "'cname'"),
            .shuffle = std::max(0, number_of(codec, "shuffle", 1))};
  throw Wrong("the compressor " + quoted(value) + " is not known");
}

int blosc_shuffle(const std::string& name) {
  if (name == "noshuffle") return 0;
  if (name == "shuffle") return 1;
  if (name == "bitshuffle") return 2;
  throw Wrong("the shuffle of Blosc '" + name + "' is not known");
}

ChunkCodecs codecs_of(const json::value& list, nd::DType dtype, const nd::Shape& chunks);

std::shared_ptr<const ChunkCodecs::Sharding> sharding_of(const json::object& settings, nd::DType dtype,
                                                         const nd::Shape& chunks) {
  auto sharding = std::make_shared<ChunkCodecs::Sharding>();
  sharding->chunks = shape_of(need(settings, "chunk_shape"), "'chunk_shape' of a shard", 1);
  bool fits = sharding->chunks.size() == chunks.size();
  for (std::size_t axis = 0; fits && axis < chunks.size(); ++axis) fits = chunks[axis] % sharding->chunks[axis] == 0;
  if (!fits)
    throw Wrong("shards of " + nd::text_of(chunks) + " cannot be divided into " + nd::text_of(sharding->chunks));
  sharding->inner = codecs_of(need(settings, "codecs"), dtype, sharding->chunks);
  if (sharding->inner.sharding) throw Wrong("has shards inside of shards");
  nd::Shape index = chunks;
  index.push_back(2);
  sharding->index = codecs_of(need(settings, "index_codecs"), nd::DType::uint64, index);
  const auto* where = settings.if_contains("index_location");
  sharding->index_at_end = where == nullptr || text_of(*where, "'index_location'") != "start";
  return sharding;
}

/// Of format 3: first what turns arrays, then what makes bytes of them, then what packs those.
ChunkCodecs codecs_of(const json::value& list, nd::DType dtype, const nd::Shape& chunks) {
  ChunkCodecs codecs;
  bool are_bytes = false;
  for (const json::value& value : array_of(list, "'codecs'")) {
    const json::object& codec = object_of(value, "a codec");
    const std::string name = text_of(need(codec, "name"), "'name' of a codec");
    static const json::value nothing = json::object{};
    const auto* configuration = codec.if_contains("configuration");
    const json::object& settings =
        object_of(configuration == nullptr || configuration->is_null() ? nothing : *configuration, "'configuration'");
    const int level = number_of(settings, "level", 5);
    if (name == "transpose" && !are_bytes && codecs.order.empty()) {
      for (const auto axis : shape_of(need(settings, "order"), "'order'", 0))
        codecs.order.push_back(static_cast<int>(axis));
      auto sorted = codecs.order;
      std::sort(sorted.begin(), sorted.end());
      for (std::size_t axis = 0; axis < sorted.size() || axis < chunks.size(); ++axis)
        if (sorted.size() != chunks.size() || sorted[axis] != static_cast<int>(axis))
          throw Wrong("'order' is " + quoted(need(settings, "order")));
    } else if (name == "bytes" && !are_bytes) {
      const auto* endian = settings.if_contains("endian");
      codecs.swapped = endian != nullptr && !endian->is_null() && text_of(*endian, "'endian'") == "big";
      are_bytes = true;
    } else if (name == "sharding_indexed" && !are_bytes) {
      nd::Shape turned = chunks;
      for (std::size_t axis = 0; axis < codecs.order.size(); ++axis)
        turned[axis] = chunks[static_cast<std::size_t>(codecs.order[axis])];
      codecs.sharding = sharding_of(settings, dtype, turned);
      are_bytes = true;
    } else if (name == "gzip" && are_bytes) {
      codecs.bytes.push_back({.kind = Kind::gzip, .level = level});
    } else if (name == "zstd" && are_bytes) {
      codecs.bytes.push_back({.kind = Kind::zstd, .level = level});
    } else if (name == "crc32c" && are_bytes) {
      codecs.bytes.push_back({.kind = Kind::crc32c});
    } else if (name == "blosc" && are_bytes) {
      codecs.bytes.push_back({.kind = Kind::blosc,
                              .level = number_of(settings, "clevel", 5),
                              .inner = text_of(need(settings, "cname"), "'cname'"),
                              .shuffle = blosc_shuffle(text_of(need(settings, "shuffle"), "'shuffle'")),
                              .item_bytes = number_of(settings, "typesize", static_cast<int>(size_of(dtype)))});
    } else {
      throw Wrong("the codec " + quoted(value) + " is not known, or not at this place");
    }
  }
  if (!are_bytes) throw Wrong("'codecs' has none that makes bytes of an array");
  return codecs;
}

char separator_of(const json::object& object, const char* key, char otherwise) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return otherwise;
  const std::string text = text_of(*value, std::string("'") + key + "'");
  if (text != "." && text != "/") throw Wrong(std::string("'") + key + "' is " + quoted(*value));
  return text[0];
}

ZarrMetadata format_2(const json::object& document) {
  ZarrMetadata found;
  found.format = 2;
  found.shape = shape_of(need(document, "shape"), "'shape'", 0);
  found.chunks = shape_of(need(document, "chunks"), "'chunks'", 1);
  found.dtype = dtype_of(need(document, "dtype"), found.codecs.swapped);
  found.fill = fill_of(need(document, "fill_value"), found.dtype);
  found.separator = separator_of(document, "dimension_separator", '.');
  const std::string order = text_of(need(document, "order"), "'order'");
  if (order != "C" && order != "F") throw Wrong("'order' is '" + order + "'");
  if (order == "F")
    for (std::size_t axis = found.shape.size(); axis-- > 0;) found.codecs.order.push_back(static_cast<int>(axis));
  const auto* filters = document.if_contains("filters");
  if (filters != nullptr && !filters->is_null())
    for (const json::value& filter : array_of(*filters, "'filters'")) found.codecs.bytes.push_back(numcodec_of(filter));
  const json::value& compressor = need(document, "compressor");
  if (!compressor.is_null()) found.codecs.bytes.push_back(numcodec_of(compressor));
  for (auto& codec : found.codecs.bytes) codec.item_bytes = static_cast<int>(size_of(found.dtype));
  return found;
}

ZarrMetadata format_3(const json::object& document) {
  ZarrMetadata found;
  found.format = 3;
  if (const auto type = text_of(need(document, "node_type"), "'node_type'"); type != "array")
    throw Wrong("is a " + type + ", not an array");
  found.shape = shape_of(need(document, "shape"), "'shape'", 0);
  const json::value& type = need(document, "data_type");
  try {
    found.dtype = nd::dtype_named(text_of(type, "'data_type'"));
  } catch (const InvalidRequest&) {
    throw Wrong("'data_type' is " + quoted(type) + ", which no array here has");
  }
  const json::object& grid = object_of(need(document, "chunk_grid"), "'chunk_grid'");
  if (text_of(need(grid, "name"), "'name' of the grid") != "regular")
    throw Wrong("the grid of chunks " + quoted(grid) + " is not known");
  found.chunks =
      shape_of(need(object_of(need(grid, "configuration"), "'configuration'"), "chunk_shape"), "'chunk_shape'", 1);
  const json::object& encoding = object_of(need(document, "chunk_key_encoding"), "'chunk_key_encoding'");
  const std::string keys = text_of(need(encoding, "name"), "'name' of the keys");
  if (keys != "default" && keys != "v2") throw Wrong("the keys " + quoted(encoding) + " are not known");
  found.key_begin = keys == "default" ? "c" : "";
  static const json::value nothing = json::object{};
  const auto* configuration = encoding.if_contains("configuration");
  found.separator = separator_of(object_of(configuration == nullptr ? nothing : *configuration, "'configuration'"),
                                 "separator", keys == "default" ? '/' : '.');
  found.fill = fill_of(need(document, "fill_value"), found.dtype);
  found.codecs = codecs_of(need(document, "codecs"), found.dtype, found.chunks);
  return found;
}

json::value fill_json(const nd::Scalar& fill, nd::DType dtype) {
  const auto real = [](double value) -> json::value {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return value;
  };
  if (dtype == nd::DType::bool_) return fill.to_bool();
  if (nd::is_complex(dtype)) {
    const auto value = fill.to_complex();
    return json::array{real(value.real()), real(value.imag())};
  }
  if (nd::is_float(dtype)) return real(fill.to_double());
  if (dtype == nd::DType::uint64) return fill.to_uint64();
  return fill.to_int64();
}

json::array list_of(const nd::Shape& shape) { return json::array(shape.begin(), shape.end()); }

json::object metadata_2(const ZarrMetadata& array, ZarrCompressor compressor) {
  json::value packed = nullptr;
  switch (compressor) {
    case ZarrCompressor::none: break;
    case ZarrCompressor::gzip: packed = {{"id", "gzip"}, {"level", 6}}; break;
    case ZarrCompressor::zstd: packed = {{"id", "zstd"}, {"level", 3}}; break;
    case ZarrCompressor::blosc:
      packed = {{"id", "blosc"}, {"cname", "lz4"}, {"clevel", 5}, {"shuffle", 1}, {"blocksize", 0}};
      break;
  }
  return {{"zarr_format", 2},
          {"shape", list_of(array.shape)},
          {"chunks", list_of(array.chunks)},
          {"dtype", nd::npy_descr(array.dtype)},
          {"compressor", std::move(packed)},
          {"fill_value", fill_json(array.fill, array.dtype)},
          {"order", "C"},
          {"filters", nullptr},
          {"dimension_separator", "."}};
}

json::object metadata_3(const ZarrMetadata& array, ZarrCompressor compressor) {
  json::object bytes{{"name", "bytes"}};
  if (size_of(array.dtype) > 1) bytes["configuration"] = {{"endian", "little"}};
  json::array codecs{std::move(bytes)};
  switch (compressor) {
    case ZarrCompressor::none: break;
    case ZarrCompressor::gzip: codecs.push_back({{"name", "gzip"}, {"configuration", {{"level", 6}}}}); break;
    case ZarrCompressor::zstd:
      codecs.push_back({{"name", "zstd"}, {"configuration", {{"level", 3}, {"checksum", false}}}});
      break;
    case ZarrCompressor::blosc:
      codecs.push_back({{"name", "blosc"},
                        {"configuration",
                         {{"cname", "lz4"},
                          {"clevel", 5},
                          {"shuffle", "shuffle"},
                          {"typesize", size_of(array.dtype)},
                          {"blocksize", 0}}}});
      break;
  }
  return {{"zarr_format", 3},
          {"node_type", "array"},
          {"shape", list_of(array.shape)},
          {"data_type", name_of(array.dtype)},
          {"chunk_grid", {{"name", "regular"}, {"configuration", {{"chunk_shape", list_of(array.chunks)}}}}},
          {"chunk_key_encoding", {{"name", "default"}, {"configuration", {{"separator", "/"}}}}},
          {"fill_value", fill_json(array.fill, array.dtype)},
          {"codecs", std::move(codecs)},
          {"attributes", json::object{}}};
}

}  // namespace

std::string ZarrMetadata::file(const nd::Shape& chunk) const {
  std::string key = key_begin;
  for (const auto index : chunk) {
    if (!key.empty()) key += separator;
    key += std::to_string(index);
  }
  if (key.empty()) key = "0";
  return (fs::path(path) / key).string();
}

ZarrMetadata read_zarr_metadata(const std::string& directory) {
  std::error_code error;
  std::string file = (fs::path(directory) / "zarr.json").string();
  if (!fs::exists(file, error)) file = (fs::path(directory) / ".zarray").string();
  std::ifstream in(file, std::ios::binary);
  if (!in) throw FileError(ErrorKind::invalid, directory, "has neither zarr.json nor .zarray: is this a Zarr array?");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  try {
    json::stream_parser parser;
    boost::system::error_code malformed;
    std::size_t taken = parser.write_some(text, malformed);
    if (!malformed && taken < text.size()) malformed = json::error::extra_data;
    if (!malformed) parser.finish(malformed);
    if (malformed) throw FileError(file, taken, {}, "malformed JSON: " + malformed.message());
    const json::value document = parser.release();
    const json::object& object = object_of(document, "the metadata");
    const int format = number_of(object, "zarr_format", 0);
    if (format != 2 && format != 3) throw Wrong("'zarr_format' is " + std::to_string(format) + ", not 2 or 3");
    ZarrMetadata found = format == 2 ? format_2(object) : format_3(object);
    if (found.chunks.size() != found.shape.size())
      throw Wrong("has chunks of " + nd::text_of(found.chunks) + " for a shape of " + nd::text_of(found.shape));
    (void)nd::size_of(found.chunks);
    found.path = directory;
    return found;
  } catch (const FileError&) {
    throw;
  } catch (const std::exception& wrong) {
    throw FileError(ErrorKind::invalid, file, wrong.what());
  }
}

ZarrMetadataFile zarr_metadata_file(const ZarrMetadata& metadata, ZarrCompressor compressor) {
  if (metadata.format == 2) return {".zarray", json::serialize(metadata_2(metadata, compressor)) + "\n"};
  return {"zarr.json", json::serialize(metadata_3(metadata, compressor)) + "\n"};
}

ChunkCodecs zarr_codecs_of(ZarrCompressor compressor, nd::DType dtype) {
  ChunkCodecs codecs;
  switch (compressor) {
    case ZarrCompressor::none: break;
    case ZarrCompressor::gzip: codecs.bytes.push_back({.kind = Kind::gzip}); break;
    case ZarrCompressor::zstd: codecs.bytes.push_back({.kind = Kind::zstd}); break;
    case ZarrCompressor::blosc:
      codecs.bytes.push_back({.kind = Kind::blosc, .item_bytes = static_cast<int>(size_of(dtype))});
      break;
  }
  return codecs;
}

}  // namespace troupe::array_files
