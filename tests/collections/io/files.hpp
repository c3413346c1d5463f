#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "collections/io/text.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe::io {

/// A directory for a test's files, removed at its end.
class ScratchFiles {
public:
  [[nodiscard]] std::string path(std::string_view name) const { return root_.path(name); }
  std::string write(std::string_view name, std::string_view text) const {
    const auto file = root_.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
    return file.string();
  }
  /// What the real tool makes of a text; `tool` with its options writes to its standard output.
  std::string packed(std::string_view name, std::string_view text, const std::string& tool) const {
    const auto plain = write("plain.tmp", text);
    const auto file = path(name);
    const auto command = "(" + tool + ") < '" + plain + "' > '" + file + "'";
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command);
    return file;
  }

private:
  troupe::testing::TemporaryFolder root_;
};

/// What a FileError says that this throws.
inline std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<std::string> lines_of(const TextBlock& block, const TextFormat& format = {},
                                         ReadCounts* counts = nullptr) {
  std::vector<std::string> lines;
  const auto counted = read_lines(block, format, [&](std::string_view line) { lines.emplace_back(line); });
  if (counts != nullptr) *counts = counted;
  return lines;
}

inline std::vector<std::string> lines_of(const std::vector<TextPartition>& partitions, const TextFormat& format = {}) {
  std::vector<std::string> lines;
  for (const auto& partition : partitions)
    for (const auto& block : partition)
      for (auto& line : lines_of(block, format)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace troupe::io
