#pragma once

#include <cstdint>

#include "protocol/error.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

/// Values in frames, one after the other in a file in memory that two processes share: one writes, and tells the other
/// where. Large buffers are read where they lie. Owned by each process for itself; used by one thread at a time.
///
/// What is read may have been written by a process that went wrong: all of it is checked.
class SharedFrames {
public:
  /// An empty file, which no other program inherits unless it is told to.
  static Result<SharedFrames> create();
  /// The file behind an inherited descriptor; takes the descriptor over.
  static Result<SharedFrames> open(int fd);
  SharedFrames(SharedFrames&& other) noexcept;
  SharedFrames& operator=(SharedFrames&& other) noexcept;
  ~SharedFrames();

  [[nodiscard]] int fd() const { return fd_; }
  /// Copies the value into the file; gives its place.
  Result<std::uint64_t> append(const EncodedValue& value);
  /// The value at a place. Its buffers lie in the file, and live on without this object; changing them changes no file.
  [[nodiscard]] Result<EncodedValue> read(std::uint64_t place) const;

  /// A number beside the values; 0 in a new file.
  Result<void> set_mark(std::uint64_t mark);
  [[nodiscard]] Result<std::uint64_t> mark() const;

private:
  explicit SharedFrames(int fd) : fd_(fd) {}
  int fd_{-1};
};

}  // namespace troupe
