#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "apps/process.hpp"

/// The `troupe` program as a stranger runs it: in a home of its own, with nothing but what the test gives it.
namespace troupe::apps {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Ended {
  int status{};
  std::string out;
  std::string err;
};

class TroupeProgramTest : public ::testing::Test {
protected:
  TroupeProgramTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "troupe-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    environment_ = {{"HOME", folder_},
                    {"XDG_CONFIG_HOME", path("config")},
                    {"XDG_RUNTIME_DIR", folder_},
                    {"XDG_STATE_HOME", ""},
                    {"TROUPE_ACCESS_FILE", access_file()},
                    {"TROUPE_CONFIG", ""},
                    {"TROUPE_SCHEDULER", ""},
                    {"TROUPE_OUTPUT", ""}};
  }
  ~TroupeProgramTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::string access_file() const { return path("access.json"); }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  static std::string read(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }

  /// A node that goes on running; its stderr is in `NAME.err`.
  ChildProcess start(const std::string& name, std::vector<std::string> arguments) const {
    std::vector<std::string> command{"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>'" + path(name + ".err") + "'",
                                     TROUPE_BINARY};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto child = ChildProcess::start(command, {.environment = environment_});
    EXPECT_TRUE(child);
    return std::move(*child);
  }

  /// Runs to the end.
  Ended run(const std::vector<std::string>& arguments) const {
    auto child = start("run", arguments);
    Ended ended;
    while (auto line = child.read_line(std::chrono::seconds(60))) ended.out += *line + "\n";
    ended.status = child.wait(std::chrono::seconds(60)).value_or(-1);
    ended.err = read(path("run.err"));
    return ended;
  }

  /// A scheduler on ports of its own; returns once it is ready, with what it said.
  std::pair<ChildProcess, boost::json::object> start_scheduler(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"scheduler", "--port", "0", "--dashboard-address", ":0", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto child = start("scheduler", arguments);
    auto said = ready(child, "scheduler");
    return {std::move(child), std::move(said)};
  }
  std::pair<ChildProcess, boost::json::object> start_worker(const std::string& name,
                                                            std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"worker", "--no-nanny", "--nthreads", "1", "--name", name, "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto child = start(name, arguments);
    auto said = ready(child, name);
    return {std::move(child), std::move(said)};
  }

  std::string folder_;
  std::vector<std::pair<std::string, std::string>> environment_;

private:
  boost::json::object ready(ChildProcess& child, const std::string& name) const {
    const auto line = child.read_line(std::chrono::seconds(30));
    EXPECT_TRUE(line) << name << " did not get ready: " << read(path(name + ".err"));
    return line ? boost::json::parse(*line).as_object() : boost::json::object{};
  }
};

}  // namespace troupe::apps
