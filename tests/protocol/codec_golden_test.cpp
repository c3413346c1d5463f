// The bytes of every message, as they were when it was defined. A change here is a change of the protocol: raise
// protocol_version, or find another way. TROUPE_UPDATE_GOLDEN=1 writes the files anew.

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "tests/protocol/codec_cases.hpp"

namespace troupe {
namespace {

std::string path_of(const std::string& name) { return fmt::format("{}/{}.bin", TROUPE_GOLDEN_DIR, name); }

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(CodecGolden, EveryMessageHasTheBytesItAlwaysHad) {
  const bool update = std::getenv("TROUPE_UPDATE_GOLDEN") != nullptr;
  for_each_message([&]<class Message>(const std::string& name, const Message& message) {
    SCOPED_TRACE(name);
    FrameEncoder encoder;
    const auto frame = encoder.encode(message);
    ASSERT_TRUE(frame) << frame.error().text;
    if (update) {
      std::ofstream(path_of(name), std::ios::binary) << frame->payload().text();
      return;
    }
    const auto golden = read_file(path_of(name));
    ASSERT_FALSE(golden.empty()) << path_of(name) << " is missing: run this test with TROUPE_UPDATE_GOLDEN=1";
    EXPECT_EQ(golden, frame->payload().text());
  });
}

TEST(CodecGolden, BytesOfTheFirstReleaseAreStillUnderstood) {
  for_each_message([&]<class Message>(const std::string& name, const Message& message) {
    SCOPED_TRACE(name);
    const auto back = decode<Message>(Bytes::copy(read_file(path_of(name))));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_TRUE(*back == message);
  });
}

}  // namespace
}  // namespace troupe
