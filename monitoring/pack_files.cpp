// Packs files into a source file, so that the program brings them along. Run by the build.
//
//   troupe_pack_files OUT.cpp DIRECTORY [NAME=FILE...]
//
// Each file below DIRECTORY by its path in it, and the others by their names; compressed, with a hash of their content.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  constexpr int with_gzip_header = 15 + 16;
  if (::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, with_gzip_header, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("gzip could not be set up");
  std::string out(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (end != Z_STREAM_END) throw std::runtime_error("gzip did not finish");
  return out;
}

std::uint64_t hash(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void write(std::ostream& out, const std::vector<std::pair<std::string, fs::path>>& files) {
  out << "#include \"monitoring/assets.hpp\"\n\n// Made by troupe_pack_files.\n\nnamespace troupe::monitoring {\n"
         "namespace {\n\n";
  std::string table;
  std::size_t number = 0;
  for (const auto& [name, path] : files) {
    const std::string content = read(path);
    const std::string packed = gzip(content);
    out << "constexpr unsigned char file_" << number << "[] = {";
    for (std::size_t i = 0; i < packed.size(); ++i)
      out << (i % 32 == 0 ? "\n" : "") << static_cast<unsigned>(static_cast<unsigned char>(packed[i])) << ',';
    out << "};\n\n";
    char line[128];
    std::snprintf(line, sizeof line, ", file_%zu, sizeof file_%zu, %zu, \"\\\"%016llx\\\"\"},\n", number, number,
                  content.size(), static_cast<unsigned long long>(hash(content)));
    table += "    {" + quoted(name) + line;
    ++number;
  }
  out << "constexpr PackedFile files[] = {\n"
      << table << "    {\"\", nullptr, 0, 0, \"\"},\n};\n\n}  // namespace\n\n"
      << "std::span<const PackedFile> packed_files() { return {files, " << files.size() << "}; }\n\n"
      << "}  // namespace troupe::monitoring\n";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) throw std::runtime_error("usage: troupe_pack_files OUT.cpp DIRECTORY [NAME=FILE...]");
  std::vector<std::pair<std::string, fs::path>> files;
  const fs::path directory = argv[2];
  if (fs::exists(directory))
    for (const auto& entry : fs::recursive_directory_iterator(directory))
      if (entry.is_regular_file())
        files.emplace_back(fs::relative(entry.path(), directory).generic_string(), entry.path());
  for (int i = 3; i < argc; ++i) {
    const std::string pair = argv[i];
    const auto equals = pair.find('=');
    if (equals == std::string::npos) throw std::runtime_error("not NAME=FILE: " + pair);
    files.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  std::sort(files.begin(), files.end());
  std::ofstream out(argv[1], std::ios::binary);
  write(out, files);
  if (!out.flush()) throw std::runtime_error(std::string("cannot write ") + argv[1]);
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
