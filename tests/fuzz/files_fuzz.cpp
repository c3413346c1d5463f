// Files of strangers: text packed in every way, JSON lines, Avro. Nothing but FileError comes out of them, with `skip`
// not even that, and the lines and values of all blocks are those of the whole file.

#include <sys/mman.h>
#include <unistd.h>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>

#include "collections/io/avro.hpp"
#include "collections/io/json.hpp"
#include "collections/io/text.hpp"

namespace {

using namespace troupe;
using namespace troupe::io;

/// A file in memory.
class File {
public:
  explicit File(std::string_view content) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    TROUPE_ASSERT(::write(descriptor_, content.data(), content.size()) == static_cast<ssize_t>(content.size()),
                  "written");
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
  int descriptor_;
};

using Items = std::vector<std::string>;

/// Of whole files and of the same in two blocks. Nothing: it was refused.
template <class Read>
std::optional<Items> read_all(const Read& read, const std::vector<TextBlock>& blocks) {
  Items items;
  try {
    for (const auto& block : blocks) read(block, items);
  } catch (const FileError&) {
    return std::nullopt;
  }
  return items;
}

template <class Read>
void check(const Read& read, const std::string& path, std::uint64_t cut, bool may_refuse) {
  const auto whole = read_all(read, {{path}});
  const auto halves = read_all(read, {{path, 0, cut}, {path, cut}});
  TROUPE_ASSERT(may_refuse || (whole && halves), "what is skipped is not thrown");
  TROUPE_ASSERT(whole == halves, "blocks have together what the file has");
}

void read_text_of(const TextFormat& format, const TextBlock& block, Items& items) {
  read_lines(block, format, [&](std::string_view line) { items.emplace_back(line); });
}

void read_json_of(const TextFormat& format, const TextBlock& block, Items& items) {
  read_json_lines(block, format, [&](const Json& value) { items.push_back(boost::json::serialize(value)); });
}

void read_avro_of(Errors errors, const TextBlock& block, Items& items) {
  AvroReader reader(block, errors);
  for (Json value; reader.next(value);) items.push_back(boost::json::serialize(value));
}

}  // namespace

/// Byte 0: what the file is; byte 1: where it is cut; byte 2: delimiter, and whether errors are skipped.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const File file({reinterpret_cast<const char*>(data + 3), size - 3});
  const std::vector<std::string> delimiters{"", "\n", "aa", "aba"};
  const Errors errors = (data[2] & 4U) != 0 ? Errors::skip : (data[2] & 8U) != 0 ? Errors::replace : Errors::strict;
  const bool may_refuse = errors != Errors::skip;
  TextFormat format{.delimiter = delimiters[data[2] % 4], .errors = errors};
  const std::uint64_t cut = std::uint64_t{data[1]} * (size - 3) / 255;
  const unsigned kind = data[0] % 8;
  if (kind < 5) {
    format.compression = static_cast<Compression>(kind + 1);
    const auto read = [&](const TextBlock& block, Items& items) { read_text_of(format, block, items); };
    if (format.compression == Compression::none)
      check(read, file.path(), cut, may_refuse);
    else
      TROUPE_ASSERT(read_all(read, {{file.path()}}) || may_refuse, "what is skipped is not thrown");
  } else if (kind == 5) {
    format.compression = Compression::none;
    check([&](const TextBlock& block, Items& items) { read_json_of(format, block, items); }, file.path(), cut,
          may_refuse);
  } else if (kind == 6) {
    format.encoding = "utf-16";
    check([&](const TextBlock& block, Items& items) { read_text_of(format, block, items); }, file.path(), cut,
          may_refuse);
  } else {
    // A marker that harm has put elsewhere may lead into the middle of a block: only a whole file is asked for.
    const auto read = [&](const TextBlock& block, Items& items) { read_avro_of(errors, block, items); };
    TROUPE_ASSERT(read_all(read, {{file.path()}}) || may_refuse, "what is skipped is not thrown");
    TROUPE_ASSERT(read_all(read, {{file.path(), cut}}) || may_refuse, "what is skipped is not thrown");
  }
  return 0;
}
