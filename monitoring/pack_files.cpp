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

#include "monitoring/gzip.hpp"

namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
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
    const std::string packed = troupe::monitoring::gzip(content, 9);
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
