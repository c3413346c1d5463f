// Writes the kept corpus: make_corpus DIRECTORY, with one folder for each fuzz target. Inputs that fuzzing finds
// interesting are added beside these by hand.

#include <cstdio>
#include <filesystem>
#include <fstream>

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
}
