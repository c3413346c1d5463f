#include "protocol/access.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/samples.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;

AccessFile filled() {
  auto access = AccessFile::generate(samples::random(1));
  access.scheduler_address = "127.0.0.1:8786";
  access.http_address = "127.0.0.1:8787";
  access.pid = 4711;
  access.started_unix_ms = 1'790'000'000'000;
  return access;
}

class AccessFileTest : public ::testing::Test {
protected:
  AccessFileTest() { path_ = directory_.path() / "troupe" / "access.json"; }

  std::string contents() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void overwrite(std::string_view text) const { std::ofstream(path_) << text; }
  std::string replaced(std::string_view from, std::string_view to) const {
    auto text = contents();
    return text.replace(text.find(from), from.size(), to);
  }
  unsigned mode(const std::filesystem::path& path) const {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }
  std::string read_error() const {
    const auto access = AccessFile::read(path_);
    return access ? "read" : access.error().text;
  }

  troupe::testing::TemporaryFolder directory_;
  std::filesystem::path path_;
};

TEST_F(AccessFileTest, ComesBackAsItWasWritten) {
  auto access = filled();
  access.scheduler_address = "[::1]:8786 \"quoted\"\n";
  ASSERT_TRUE(access.write(path_));
  const auto back = AccessFile::read(path_);
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(*back, access);
}

TEST_F(AccessFileTest, IsForItsOwnerOnly) {
  ASSERT_TRUE(filled().write(path_));
  EXPECT_EQ(mode(path_), 0600U);
  EXPECT_EQ(mode(path_.parent_path()), 0700U);
}

TEST_F(AccessFileTest, ReplacesAnOldOneAndLeavesNothingBeside) {
  ASSERT_TRUE(filled().write(path_));
  auto next = filled();
  next.pid = 4712;
  ASSERT_TRUE(next.write(path_));
  EXPECT_EQ(AccessFile::read(path_)->pid, 4712U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_.parent_path()), {}), 1);
}

TEST_F(AccessFileTest, KeysAreDrawnAfreshEachTime) {
  const auto first = AccessFile::generate();
  const auto second = AccessFile::generate();
  EXPECT_FALSE(first.worker_key == second.worker_key);
  EXPECT_FALSE(first.client_key == second.client_key);
  EXPECT_FALSE(first.worker_key == first.client_key);
  EXPECT_NE(first.cluster, second.cluster);
  EXPECT_TRUE(first.epoch);
}

TEST_F(AccessFileTest, ThatIsMissingSaysWhatToDo) {
  EXPECT_THAT(read_error(), HasSubstr(path_.string()));
  EXPECT_THAT(read_error(), HasSubstr("start a scheduler on this machine"));
}

TEST_F(AccessFileTest, ThatOthersMayReadIsRefused) {
  ASSERT_TRUE(filled().write(path_));
  for (const unsigned open : {0640U, 0604U, 0620U, 0666U}) {
    ASSERT_EQ(::chmod(path_.c_str(), open), 0);
    EXPECT_THAT(read_error(), HasSubstr("others can read or write it")) << open;
    EXPECT_THAT(read_error(), HasSubstr("chmod 600 " + path_.string()));
  }
}

TEST_F(AccessFileTest, OfAnotherOwnerIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_TRUE(filled().write(path_));
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_THAT(read_error(), HasSubstr("belongs to user 12345, not to you (0)"));
}

TEST_F(AccessFileTest, CutOffAnywhereIsRefused) {
  ASSERT_TRUE(filled().write(path_));
  const auto whole = contents();
  for (std::size_t size = 0; size + 2 < whole.size(); ++size) {
    overwrite(whole.substr(0, size));
    ASSERT_THAT(read_error(), HasSubstr("is not valid JSON: it is damaged; start the scheduler anew")) << size;
  }
}

TEST_F(AccessFileTest, WithAWrongFieldNamesIt) {
  ASSERT_TRUE(filled().write(path_));
  const auto whole = contents();
  const auto key = filled().worker_key.reveal_hex();
  overwrite(replaced(key, key.substr(1)));
  EXPECT_THAT(read_error(), HasSubstr("'worker_key' is missing or wrong"));
  overwrite(whole);
  overwrite(replaced("\"pid\": 4711", "\"pid\": -1"));
  EXPECT_THAT(read_error(), HasSubstr("'pid' is missing or wrong"));
  overwrite(whole);
  overwrite(replaced("http_address", "elsewhere"));
  EXPECT_THAT(read_error(), HasSubstr("'http_address' is missing or wrong"));
  overwrite("[]");
  EXPECT_THAT(read_error(), HasSubstr("is not valid JSON"));
}

TEST_F(AccessFileTest, OfAnotherReleaseSaysSo) {
  ASSERT_TRUE(filled().write(path_));
  overwrite(replaced("\"version\": 1", "\"version\": 2"));
  EXPECT_THAT(read_error(), HasSubstr("has layout version 2, this program reads 1"));
}

TEST_F(AccessFileTest, NoErrorShowsAKey) {
  ASSERT_TRUE(filled().write(path_));
  overwrite(replaced("\"pid\": 4711", "\"pid\": \"x\""));
  EXPECT_THAT(read_error(), Not(HasSubstr(filled().worker_key.reveal_hex().substr(0, 8))));
}

TEST_F(AccessFileTest, TooLargeOrNoFileIsRefused) {
  ASSERT_TRUE(filled().write(path_));
  overwrite(std::string((64U << 10) + 1, ' '));
  EXPECT_THAT(read_error(), HasSubstr("65537 bytes are too many"));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(read_error(), HasSubstr("is not a regular file"));
}

TEST_F(AccessFileTest, ThatCannotBeWrittenSaysWhereAndWhatToDo) {
  std::ofstream(directory_.path() / "troupe") << "a file where the directory should be";
  const auto written = filled().write(path_);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().text, HasSubstr(path_.string()));
  EXPECT_THAT(written.error().text, HasSubstr("TROUPE_ACCESS_FILE"));
}

TEST_F(AccessFileTest, IsNotWrittenWhereOthersCouldReplaceIt) {
  std::filesystem::create_directory(path_.parent_path());
  ASSERT_EQ(::chmod(path_.parent_path().c_str(), 0777), 0);
  const auto written = filled().write(path_);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().text, HasSubstr("others can write into"));
}

class Environment {
public:
  explicit Environment(std::initializer_list<std::pair<const char*, const char*>> variables) {
    for (const auto& [name, value] : variables) {
      const char* old = std::getenv(name);
      saved_.emplace_back(name, old ? std::optional<std::string>(old) : std::nullopt);
      value ? ::setenv(name, value, 1) : ::unsetenv(name);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : saved_)
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
  }

private:
  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST(DefaultAccessPath, FollowsTheEnvironmentInOrder) {
  {
    const Environment all{{"TROUPE_ACCESS_FILE", "/a/b.json"}, {"XDG_RUNTIME_DIR", "/run/me"}, {"HOME", "/home/me"}};
    EXPECT_EQ(default_access_path(), "/a/b.json");
  }
  {
    const Environment runtime{{"TROUPE_ACCESS_FILE", nullptr}, {"XDG_RUNTIME_DIR", "/run/me"}, {"HOME", "/home/me"}};
    EXPECT_EQ(default_access_path(), "/run/me/troupe/access.json");
  }
  {
    const Environment home{{"TROUPE_ACCESS_FILE", ""}, {"XDG_RUNTIME_DIR", nullptr}, {"HOME", "/home/me"}};
    EXPECT_EQ(default_access_path(), "/home/me/.local/state/troupe/access.json");
  }
  {
    const Environment none{{"TROUPE_ACCESS_FILE", nullptr}, {"XDG_RUNTIME_DIR", nullptr}, {"HOME", nullptr}};
    EXPECT_EQ(default_access_path(), "/tmp/troupe-" + std::to_string(::getuid()) + "/access.json");
  }
}

TEST(TokenFromHex, IsTheInverseOfHex) {
  const Token token{0x0123456789abcdef, 0xfedcba9876543210};
  EXPECT_EQ(token_from_hex(token.hex()), token);
  EXPECT_FALSE(token_from_hex("0123"));
  EXPECT_FALSE(token_from_hex("0123456789abcdef0123456789abcdeg"));
}

TEST(Secret, ComesBackFromHexAndOnlyFromHex) {
  const auto secret = Secret::draw(samples::random(3));
  EXPECT_EQ(Secret::from_hex(secret.reveal_hex()), secret);
  EXPECT_FALSE(Secret::from_hex(secret.reveal_hex().substr(1)));
  EXPECT_FALSE(Secret::from_hex(std::string(64, 'x')));
  EXPECT_FALSE(static_cast<bool>(Secret{}));
}

TEST(Secret, IsWipedWhenItGoes) {
  alignas(Secret) std::array<std::byte, sizeof(Secret)> memory{};
  auto* secret = new (memory.data()) Secret(Secret::draw(samples::random(3)));
  ASSERT_NE(memory, (std::array<std::byte, sizeof(Secret)>{}));
  secret->~Secret();
  EXPECT_EQ(memory, (std::array<std::byte, sizeof(Secret)>{}));
}

}  // namespace
}  // namespace troupe
