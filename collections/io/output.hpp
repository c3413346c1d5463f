#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collections/io/compression.hpp"

namespace troupe::io {

/// Paths for `count` partitions: a `*` in the pattern's last part becomes the number of the partition, or what `name`
/// makes of it. Numbers have as many digits as the largest needs, so that the names sort. Without a `*` the pattern is a
/// directory, and the files are 0.part, 1.part and so on in it. Throws FileError: two paths are the same.
std::vector<std::string> output_paths(const std::string& pattern, std::size_t count,
                                      const std::function<std::string(std::size_t)>& name = {});

/// A file that appears under its name when it is whole: until then it has another name in the same directory, which is
/// made if need be. Throws FileError; what was written is removed when the object ends without `finish`.
class OutputFile {
public:
  OutputFile(std::string path, Compression compression);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void finish();
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  static constexpr std::size_t piece = 256 * 1024;

  void open();
  void flush();
  void put(const char* data, std::size_t size);
  void compress(std::string_view bytes, bool last);
  [[noreturn]] void raise(const std::string& act) const;

  std::string path_;
  std::string written_as_;  ///< empty: there is no such file
  int descriptor_{-1};
  std::unique_ptr<Compressor> compressor_;
  std::string gathered_;  ///< small writes, or what the compressor gave
  std::uint64_t bytes_{};
};

}  // namespace troupe::io
