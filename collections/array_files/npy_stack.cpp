#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "actors/errors.hpp"
#include "collections/array_files/flat_file.hpp"
#include "collections/io/file_error.hpp"
#include "collections/io/output.hpp"

// The `info` of a stack is a pickled dictionary of chunks, dtype and axis. All but the axis can be read from the files.

namespace troupe::array_files {
namespace {

namespace fs = std::filesystem;
using io::FileError;

/// Writes what Python's pickle module reads as protocol 2.
class Pickler {
public:
  Pickler() : out_("\x80\x02") {}
  Pickler& raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }
  Pickler& text(std::string_view text) {
    out_ += 'X';
    little(static_cast<std::uint32_t>(text.size()), 4);
    out_ += text;
    return *this;
  }
  Pickler& integer(std::int64_t value) {
    if (value >= INT32_MIN && value <= INT32_MAX) {
      out_ += 'J';
      return little(static_cast<std::uint64_t>(value), 4);
    }
    out_ += "\x8a\x08";
    return little(static_cast<std::uint64_t>(value), 8);
  }
  [[nodiscard]] std::string take() { return std::move(out_ += '.'); }

private:
  Pickler& little(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
  std::string out_;
};

/// The integer behind the key "axis" in a pickle of any protocol.
std::optional<int> axis_in(std::string_view pickle) {
  auto at = pickle.find("axis");
  if (at == std::string_view::npos) return std::nullopt;
  at += 4;
  if (at < pickle.size() && pickle[at] == '\'') ++at;  // protocol 0
  const auto byte = [&](std::size_t i) { return i < pickle.size() ? static_cast<unsigned char>(pickle[i]) : 0U; };
  for (; at < pickle.size(); ++at) switch (pickle[at]) {
      case '\n':
      case '\x94': break;        // memoize
      case 'q': ++at; break;     // memo of one byte
      case 'r': at += 4; break;  // of four
      case 'p': at = std::min(pickle.size(), pickle.find('\n', at)); break;
      case 'K': return static_cast<int>(byte(at + 1));
      case 'M': return static_cast<int>(byte(at + 1) | byte(at + 2) << 8);
      case 'J': return static_cast<int>(byte(at + 1) | byte(at + 2) << 8 | byte(at + 3) << 16 | byte(at + 4) << 24);
      case 'I': return std::atoi(std::string(pickle.substr(at + 1, 12)).c_str());
      default: return std::nullopt;
    }
  return std::nullopt;
}

}  // namespace

std::string NpyStack::file(std::size_t number) const {
  return (fs::path(directory) / (std::to_string(number) + ".npy")).string();
}

NpyStack open_npy_stack(const std::string& directory) {
  const std::string info_path = (fs::path(directory) / "info").string();
  std::ifstream in(info_path, std::ios::binary);
  if (!in) throw FileError(ErrorKind::invalid, info_path, "cannot be read: is this a stack of npy files?");
  const std::string info{std::istreambuf_iterator<char>(in), {}};
  NpyStack stack;
  stack.directory = directory;
  const auto axis = axis_in(info);
  if (!axis) throw FileError(ErrorKind::invalid, info_path, "does not say along which axis the files are stacked");
  stack.axis = *axis;
  std::error_code error;
  for (std::size_t number = 0; number == 0 || fs::exists(stack.file(number), error); ++number) {
    const FlatFile file = open_npy(stack.file(number));
    if (stack.axis < 0 || static_cast<std::size_t>(stack.axis) >= file.shape.size())
      throw FileError(ErrorKind::invalid, file.path,
                      "of shape " + nd::text_of(file.shape) + " has no axis " + std::to_string(stack.axis));
    const auto along = static_cast<std::size_t>(stack.axis);
    if (number == 0) {
      stack.dtype = file.dtype;
      stack.shape = file.shape;
      stack.shape[along] = 0;
    }
    nd::Shape expected = stack.shape;
    if (expected.size() == file.shape.size()) expected[along] = file.shape[along];
    if (expected != file.shape || file.dtype != stack.dtype)
      throw FileError(ErrorKind::invalid, file.path,
                      "holds " + nd::text_of(file.shape) + " of " + std::string(name_of(file.dtype)) +
                          ", which does not fit those before it");
    stack.extents.push_back(file.shape[along]);
    stack.shape[along] += file.shape[along];
  }
  return stack;
}

void write_npy_stack_info(const std::string& directory, nd::DType dtype,
                          const std::vector<std::vector<std::int64_t>>& chunks, int axis) {
  for (std::size_t i = 0; i < chunks.size(); ++i)
    if (static_cast<int>(i) != axis && chunks[i].size() > 1)
      throw InvalidRequest("a stack of npy files has one chunk along all axes but its own; axis " + std::to_string(i) +
                           " has " + std::to_string(chunks[i].size()));
  Pickler pickle;
  pickle.raw("}(").text("chunks").raw("(");
  for (const auto& extents : chunks) {
    pickle.raw("(");
    for (const auto extent : extents) pickle.integer(extent);
    pickle.raw("t");
  }
  pickle.raw("t").text("dtype").raw("cnumpy\ndtype\n").text(npy_descr(dtype)).raw("\x85R");
  pickle.text("axis").integer(axis).raw("u");
  io::OutputFile out((fs::path(directory) / "info").string(), io::Compression::none);
  out.write(pickle.take());
  out.finish();
}

}  // namespace troupe::array_files
