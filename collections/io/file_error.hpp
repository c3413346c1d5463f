#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace troupe::io {

/// Something is wrong with a file, what is in it, or how it was asked for. `what()` names the file, the byte where one
/// is known, and what to do.
class FileError : public std::runtime_error {
public:
  FileError(ErrorKind kind, std::string path, const std::string& text)
      : std::runtime_error(path.empty() ? text : path + ": " + text), kind_(kind), path_(std::move(path)) {}
  /// `text_offset`: in the text that comes out of a compressed file.
  FileError(std::string path, std::uint64_t file_offset, std::optional<std::uint64_t> text_offset,
            const std::string& text)
      : std::runtime_error(path + ": byte " + std::to_string(file_offset) + " of the file" +
                           (text_offset ? ", byte " + std::to_string(*text_offset) + " of its text" : "") + ": " +
                           text),
        kind_(ErrorKind::failed),
        path_(std::move(path)),
        file_offset_(file_offset),
        text_offset_(text_offset) {}

  [[nodiscard]] ErrorKind kind() const { return kind_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::optional<std::uint64_t> file_offset() const { return file_offset_; }
  [[nodiscard]] std::optional<std::uint64_t> text_offset() const { return text_offset_; }

private:
  ErrorKind kind_;
  std::string path_;
  std::optional<std::uint64_t> file_offset_;
  std::optional<std::uint64_t> text_offset_;
};

}  // namespace troupe::io
