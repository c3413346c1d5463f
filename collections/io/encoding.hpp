#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::io {

/// What to do with bytes that are not text in the encoding, and with lines and files that are not what they should be.
enum class Errors : std::uint8_t {
  strict,   ///< throw
  replace,  ///< U+FFFD stands for each wrong byte; all else throws
  ignore,   ///< wrong bytes are left out; all else throws
  skip,     ///< lines with wrong bytes, malformed records and the rest of broken files are left out, and counted
};

/// By its name; throws FileError with those there are.
Errors errors_named(std::string_view name);

/// A character encoding by which text can be cut at line ends without looking at what is before.
class Encoding {
public:
  /// By any name that iconv knows; `bytes`: no text at all is wrong, and all stays as it is; `utf-16` and `utf-32` without an order of bytes go by the mark at the beginning of the
  /// text, else little-endian. Throws FileError: unknown, or one that cannot be cut like this.
  explicit Encoding(std::string_view name);

  /// Takes the order of bytes from the first bytes of a text; returns how many bytes of them are a mark, and no text.
  std::size_t look_at_mark(std::string_view first);

  /// As one was asked for; a mark has added the order of bytes.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t unit() const { return unit_; }  ///< characters begin at multiples of so many bytes
  [[nodiscard]] bool is_utf8() const { return utf8_; }
  [[nodiscard]] bool is_bytes() const { return bytes_; }
  [[nodiscard]] bool extends_ascii() const { return extends_ascii_; }  ///< text of bytes below 128 is ASCII
  /// The delimiter as bytes of the encoding; throws FileError if they could lie inside of other characters.
  [[nodiscard]] std::string encode_delimiter(std::string_view utf8) const;
  static constexpr std::size_t mark_bytes_max = 4;

private:
  std::string name_;
  std::size_t unit_{1};
  bool utf8_{};
  bool bytes_{};
  bool extends_ascii_{};
  bool single_byte_{};
};

/// iconv from one encoding to another. One object a thread.
class Converter {
public:
  /// Throws FileError: iconv does not know one of them.
  Converter(const std::string& to, const std::string& from);
  ~Converter();
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  struct Wrong {
    std::size_t at{};   ///< offset of the first byte that cannot be converted
    bool incomplete{};  ///< the input ends inside a character
  };
  /// Appends what `in` means to `out`, up to the first byte that does not fit.
  std::optional<Wrong> convert(std::string_view in, std::string& out);

private:
  void* descriptor_;
};

bool is_ascii(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace troupe::io
