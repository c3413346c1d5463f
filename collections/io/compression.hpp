#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace troupe::io {

enum class Compression : std::uint8_t {
  infer,  ///< by the end of the file's name: .gz, .bz2, .xz, .zst; none of them: none
  none,
  gzip,
  bzip2,
  xz,
  zstd,
};

std::string_view name_of(Compression compression);
/// By its name, `infer` included; throws FileError with those there are.
Compression compression_named(std::string_view name);
/// What `asked` means for a file of this name; never `infer`.
Compression resolved(Compression asked, std::string_view path);

/// The compressed bytes are not what they should be; whoever knows the file makes a FileError of it.
struct BadArchive : std::runtime_error {
  explicit BadArchive(const std::string& why, std::size_t taken = 0, std::size_t given = 0)
      : std::runtime_error(why), consumed(taken), produced(given) {}
  std::size_t consumed;  ///< bytes of the input before what is wrong was met
  std::size_t produced;  ///< and of the output
};

/// Unpacks one frame (member, stream) after the other. One object a file, on one thread.
class Decompressor {
public:
  struct Step {
    std::size_t consumed{};
    std::size_t produced{};
    bool frame_ended{};
  };
  virtual ~Decompressor() = default;
  /// Takes from `in` and gives to `out` what it can. No progress with an empty `in`: it needs more. Throws BadArchive.
  virtual Step step(std::span<const char> in, std::span<char> out) = 0;
  /// Another frame begins with the next byte.
  virtual void restart() = 0;
  /// Zeros may follow a frame.
  [[nodiscard]] virtual bool padded() const { return false; }
};

/// Packs one frame, as the tool of that name does when not told otherwise. One object a file, on one thread.
class Compressor {
public:
  struct Step {
    std::size_t consumed{};
    std::size_t produced{};
    bool ended{};  ///< all is out; only after `last`
  };
  virtual ~Compressor() = default;
  /// `last`: nothing comes behind `in`; call again until `ended`.
  virtual Step step(std::span<const char> in, std::span<char> out, bool last) = 0;
};

/// Not for `none` and `infer`.
std::unique_ptr<Decompressor> make_decompressor(Compression compression);
std::unique_ptr<Compressor> make_compressor(Compression compression);
/// The deflate of gzip without header and checksum, as record files have it.
std::unique_ptr<Decompressor> make_raw_inflater();
std::unique_ptr<Compressor> make_raw_deflater();

}  // namespace troupe::io
