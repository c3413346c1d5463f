#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/client_door.hpp"
#include "apps/door.hpp"
#include "troupe/delayed.hpp"

/// What the programs of `troupe demo` have in common.
namespace troupe::apps {

/// The plain files under some paths, as `find PATH... -type f` lists them.
struct FileTree {
  struct File {
    std::string path;
    std::uint64_t size{};
  };
  std::vector<File> filled;  ///< those with something in them, in order, each once
  std::size_t files{};       ///< empty ones, too
  std::uint64_t bytes{};
};
/// Throws CommandError that names what is not there or cannot be read.
FileTree list_files(const std::vector<std::string>& paths);

/// Where a demo runs: on the scheduler that was named, else on the one of this user, else on the threads of this
/// process, which it says.
class DemoPlace {
public:
  explicit DemoPlace(const Door& door);
  [[nodiscard]] const ComputeOptions& options() const { return options_; }
  [[nodiscard]] std::uint64_t threads() const { return threads_; }

private:
  std::optional<Connection> connection_;
  ProgressBar progress_;
  ComputeOptions options_;
  std::uint64_t threads_{};
};

/// The bytes that --block-size asks for. Throws CommandError if it is no size.
std::uint64_t parse_block_size(const std::string& text);

void add_wordcount(CLI::App& demo, Door& door);
void add_entropy(CLI::App& demo, Door& door);

}  // namespace troupe::apps
