#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "collections/io/compression.hpp"

namespace troupe::io {

/// An open file, closed at the end of its scope. Throws FileError.
class InputFile {
public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Up to `size` bytes from `offset`; 0 at the end of the file.
  std::size_t read(char* into, std::size_t size, std::uint64_t offset) const;
  /// All of `size` bytes, as far as the file has them.
  std::size_t read_all(char* into, std::size_t size, std::uint64_t offset) const;
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  [[noreturn]] void raise() const;

  std::string path_;
  int descriptor_;
  bool stream_{};                     ///< a pipe or the like: can only be read on
  mutable std::uint64_t position_{};  ///< of a stream
};

/// The bytes of a file from some place on, unpacked. Throws FileError.
class ByteSource {
public:
  virtual ~ByteSource() = default;
  /// At least one byte, or 0 at the end.
  virtual std::size_t read(char* into, std::size_t size) = 0;
  /// How far the file itself has been read.
  [[nodiscard]] virtual std::uint64_t file_offset() const = 0;
};

/// `compression` is not `infer`; of a compressed file `offset` is 0. The file outlives the source.
std::unique_ptr<ByteSource> open_source(const InputFile& file, Compression compression, std::uint64_t offset);

}  // namespace troupe::io
