// Writes the kept corpus: make_corpus DIRECTORY, with one folder for each fuzz target. Inputs that fuzzing finds
// interesting are added beside these by hand.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "collections/io/avro.hpp"
#include "tests/protocol/codec_cases.hpp"

namespace {

using namespace troupe;

std::filesystem::path root;

void write(const std::string& target, const std::string& name, const std::string& input) {
  std::filesystem::create_directories(root / target);
  std::ofstream(root / target / name, std::ios::binary) << input;
}

void codec_corpus() {
  char conversation = 0;
  for_each_conversation([&](std::string_view name, const auto& messages) {
    for (const auto& message : messages) {
      FrameEncoder encoder;
      const auto frame = encoder.encode(message);
      if (frame)
        write("codec", fmt::format("{}.{:02}", name, message.index()),
              std::string(1, conversation) + std::string(frame->payload().text()));
    }
    ++conversation;
  });
}

void framing_corpus() {
  const auto text = [](const Bytes& bytes) { return std::string(bytes.text()); };
  const auto hello = text(make_frame({0, FrameKind::hello, 0, 0, 0}, samples::bytes(88).span()));
  const auto message = text(make_frame({0, FrameKind::message, 4, 1, 0}, samples::bytes(48).span()));
  const auto ping = text(make_frame({0, FrameKind::ping, 4, 0, 7}));
  const auto data = text(make_frame({0, FrameKind::data, 0, 0, 0}, samples::bytes(16, 13).span())) + "thirteen byte";
  const auto input = [](int authenticated, int step, const std::string& stream) {
    return std::string{static_cast<char>(authenticated), static_cast<char>(step)} + stream;
  };
  write("framing", "hello", input(0, 0, hello));
  write("framing", "messages", input(1, 6, message + ping + message));
  write("framing", "data", input(1, 40, data + message + data + ping));
  write("framing", "message_before_authentication", input(0, 255, message));
  write("framing", "http", input(0, 255, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
}

void handshake_corpus() {
  // Low bits: to the opener, change, make up; high half: which frame heard. See handshake_fuzz.cpp.
  write("handshake", "honest", {0x00, 0x11, 0x20, 0x31});
  write("handshake", "flip_in_hello", {0x02, 0x38, 0x01, 0x11});
  write("handshake", "reflect", {0x00, 0x01, 0x11, 0x10, 0x20});
  write("handshake", "made_up", {0x04, 0x02, 0x03, 0x11, 0x05, 0x01, 0x04});
}

/// What a writer makes of a file, behind the three bytes that files_fuzz.cpp takes.
template <class Write>
void file_input(const std::string& name, char kind, char options, const Write& write_to) {
  const auto path = (root / "file.tmp").string();
  write_to(path);
  std::ifstream file(path, std::ios::binary);
  write("files", name, std::string{kind, 100, options} + std::string(std::istreambuf_iterator<char>(file), {}));
  std::filesystem::remove(path);
}

void files_corpus() {
  const auto lines = [](const io::OutputFormat& format, const std::vector<std::string>& of) {
    return [=](const std::string& path) {
      io::LineWriter writer(path, format);
      for (const auto& line : of) writer.write(line);
      writer.finish();
    };
  };
  const std::vector<std::string> text{"one", "", "zwölf", "aabaaaba", "last"};
  for (const auto packed : {io::Compression::none, io::Compression::gzip, io::Compression::bzip2, io::Compression::xz,
                            io::Compression::zstd})
    file_input(std::string(io::name_of(packed)), static_cast<char>(static_cast<int>(packed) - 1), 4,
               lines({.compression = packed}, text));
  file_input("delimiter_that_overlaps", 0, 3, lines({}, text));
  file_input("json", 5, 4, lines({}, {R"({"a": [1, 2.5, "x", null, true]})", "[", "18446744073709551615"}));
  file_input("utf16", 6, 4, lines({.encoding = "utf-16"}, text));
  const std::string schema =
      R"({"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"long"}},)"
      R"({"name":"m","type":{"type":"map","values":["null","string","R"]}},{"name":"f","type":{"type":"fixed","name":"F","size":2}},)"
      R"({"name":"e","type":{"type":"enum","name":"E","symbols":["x","y"]}}]})";
  for (const auto codec :
       {io::AvroCodec::null, io::AvroCodec::deflate, io::AvroCodec::snappy, io::AvroCodec::zstandard})
    file_input("avro_" + std::string(io::name_of(codec)), 7, 0, [&](const std::string& path) {
      io::AvroWriter writer(path, {.schema = schema, .codec = codec, .block_bytes = 30});
      for (int i = 0; i < 6; ++i)
        writer.write({{"a", {i, -i}}, {"m", {{"k", "text"}, {"n", nullptr}}}, {"f", "ab"}, {"e", "y"}});
      writer.finish();
    });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corpus DIRECTORY\n");
    return 2;
  }
  root = argv[1];
  codec_corpus();
  framing_corpus();
  handshake_corpus();
  files_corpus();
}
