#include "collections/io/encoding.hpp"

#include <iconv.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "collections/io/file_error.hpp"

namespace troupe::io {
namespace {

/// Names that people write and iconv does not know.
std::string iconv_name(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = c == '_' ? '-' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (upper == "UTF8" || upper == "UTF-8-SIG") return "UTF-8";
  if (upper == "LATIN-1") return "ISO-8859-1";
  for (const std::string_view wide : {"UTF16", "UTF32"})
    if (upper.starts_with(wide)) upper.insert(3, "-");
  for (const std::string_view wide : {"UTF-16-", "UTF-32-"})
    if (upper.starts_with(wide)) upper.erase(6, 1);
  return upper;
}

constexpr char separators_end = 0x30;  // line ends and separators are the first 48 characters of ASCII

/// Each byte from `from` to `last`, alone, is the character of ASCII.
bool is_ascii_from(Converter& converter, int from, int last) {
  for (int byte = from; byte <= last; ++byte) {
    const char c = static_cast<char>(byte);
    std::string text;
    if (converter.convert({&c, 1}, text) || text != std::string_view(&c, 1)) return false;
  }
  return true;
}

/// No byte waits for another.
bool is_single_byte(Converter& converter) {
  for (int byte = 0x80; byte < 0x100; ++byte) {
    const char c = static_cast<char>(byte);
    std::string text;
    if (const auto wrong = converter.convert({&c, 1}, text); wrong && wrong->incomplete) return false;
  }
  return true;
}

}  // namespace

Errors errors_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Errors>, 4> all{
      {{"strict", Errors::strict}, {"replace", Errors::replace}, {"ignore", Errors::ignore}, {"skip", Errors::skip}}};
  for (const auto& [known, errors] : all)
    if (known == name) return errors;
  throw FileError(ErrorKind::invalid, "",
                  fmt::format("no errors= '{}'; there are strict, replace, ignore, skip", name));
}

Encoding::Encoding(std::string_view name) : name_(iconv_name(name)) {
  if (name_.starts_with("UTF-16")) unit_ = 2;
  if (name_.starts_with("UTF-32")) unit_ = 4;
  utf8_ = name_ == "UTF-8";
  bytes_ = name_ == "BYTES";
  if (utf8_ || bytes_) return;
  Converter converter("UTF-8", name_);
  if (unit_ > 1) return;
  if (!is_ascii_from(converter, 0, separators_end - 1))
    throw FileError(ErrorKind::unsupported, "",
                    fmt::format("text in '{}' cannot be cut into lines as it stands; convert it first: iconv -f {} -t "
                                "utf-8",
                                name, name_));
  extends_ascii_ = is_ascii_from(converter, separators_end, 0x7F);
  single_byte_ = is_single_byte(converter);
}

std::size_t Encoding::look_at_mark(std::string_view first) {
  using namespace std::string_view_literals;
  if (utf8_) return first.starts_with("\xEF\xBB\xBF"sv) ? 3 : 0;
  if (unit_ == 1) return 0;
  const std::string_view little = unit_ == 2 ? "\xFF\xFE"sv : "\xFF\xFE\0\0"sv;
  const std::string_view big = unit_ == 2 ? "\xFE\xFF"sv : "\0\0\xFE\xFF"sv;
  const bool open = name_.size() == 6;
  const bool is_little = first.starts_with(little);
  const bool is_big = first.starts_with(big);
  if (open) name_ += is_big ? "BE" : "LE";
  return (is_little && name_.ends_with("LE")) || (is_big && name_.ends_with("BE")) ? unit_ : 0;
}

std::string Encoding::encode_delimiter(std::string_view utf8) const {
  if (!io::is_utf8(utf8)) throw FileError(ErrorKind::invalid, "", "the line delimiter is not UTF-8");
  if (utf8_ || bytes_) return std::string(utf8);
  std::string bytes;
  if (Converter(name_, "UTF-8").convert(utf8, bytes))
    throw FileError(ErrorKind::invalid, "", fmt::format("the line delimiter has characters that {} has not", name_));
  const bool apart = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= 0 && c < separators_end; });
  if (unit_ == 1 && !single_byte_ && !apart)
    throw FileError(ErrorKind::unsupported, "",
                    fmt::format("in {} the bytes of this line delimiter may be parts of other characters; convert the "
                                "text first: iconv -f {} -t utf-8",
                                name_, name_));
  return bytes;
}

Converter::Converter(const std::string& to, const std::string& from)
    : descriptor_(::iconv_open(to.c_str(), from.c_str())) {
  if (descriptor_ == reinterpret_cast<void*>(-1))
    throw FileError(ErrorKind::invalid, "",
                    fmt::format("no encoding '{}'; `iconv -l` lists them", from == "UTF-8" ? to : from));
}

Converter::~Converter() { ::iconv_close(descriptor_); }

std::optional<Converter::Wrong> Converter::convert(std::string_view in, std::string& out) {
  ::iconv(descriptor_, nullptr, nullptr, nullptr, nullptr);
  char* from = const_cast<char*>(in.data());
  std::size_t left = in.size();
  std::size_t used = out.size();
  bool pending = true;  // iconv holds back a character that the next may combine with; without input it gives it
  while (left > 0 || pending) {
    out.resize(used + left + left / 2 + 16);
    char* to = out.data() + used;
    std::size_t room = out.size() - used;
    pending = left > 0;
    const std::size_t code = ::iconv(descriptor_, pending ? &from : nullptr, pending ? &left : nullptr, &to, &room);
    const int error = errno;
    used = out.size() - room;
    if (code != static_cast<std::size_t>(-1)) continue;
    if (error != E2BIG) {
      out.resize(used);
      return Wrong{in.size() - left, error == EINVAL};
    }
    pending = true;
  }
  out.resize(used);
  return std::nullopt;
}

bool is_ascii(std::string_view text) {
  constexpr std::uint64_t high_bits = 0x8080808080808080ULL;
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    if ((word & high_bits) != 0) return false;
  }
  return std::all_of(at, at + left, [](char c) { return static_cast<signed char>(c) >= 0; });
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

}  // namespace troupe::io
