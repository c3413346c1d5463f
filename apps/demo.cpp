#include "apps/demo.hpp"

#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "apps/config_values.hpp"
#include "apps/node_door.hpp"
#include "runtime/exec/machine.hpp"

namespace troupe::apps {

namespace fs = std::filesystem;

namespace {

std::uint64_t threads_of(Client& client) {
  const auto summary = client.scheduler_info();
  std::uint64_t threads = 0;
  for (const WorkerSummary& worker : summary->workers) threads += worker.threads;
  if (threads == 0)
    throw CommandError(ExitCode::failed, "the scheduler has no workers; start one with `troupe worker`");
  return threads;
}

}  // namespace

FileTree list_files(const std::vector<std::string>& paths) {
  std::map<std::string, std::uint64_t> sizes;
  const auto unreadable = [](const fs::path& path, const std::error_code& error) {
    return CommandError(ExitCode::failed, fmt::format("{}: {}", printable(path.string()), error.message()));
  };
  for (const std::string& text : paths) {
    const fs::path path = fs::absolute(text);
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status))
      throw CommandError(ExitCode::not_found, fmt::format("{}: no such file or directory", printable(text)));
    if (fs::is_regular_file(status)) {
      sizes.emplace(path.string(), fs::file_size(path));
      continue;
    }
    for (fs::recursive_directory_iterator it(path, error), end; it != end; it.increment(error)) {
      if (error) break;
      if (it->is_symlink() || !it->is_regular_file()) continue;
      const std::uint64_t size = it->file_size(error);
      if (error) break;
      sizes.emplace(it->path().string(), size);
    }
    if (error) throw unreadable(path, error);
  }
  FileTree tree;
  tree.files = sizes.size();
  for (const auto& [path, size] : sizes) {
    tree.bytes += size;
    if (size > 0) tree.filled.push_back({path, size});
  }
  return tree;
}

DemoPlace::DemoPlace(const Door& door) : threads_(available_cpus()) {
  if (!door.scheduler.empty() || !door.access_file.empty() || find_access(door)) {
    connection_.emplace(door);
    options_ = {.scheduler = SchedulerKind::cluster, .client = &connection_->client()};
    threads_ = threads_of(connection_->client());
  } else {
    tell("no scheduler is running; this demo runs on the threads of its own process");
    options_ = {
        .scheduler = SchedulerKind::threads, .threads = static_cast<unsigned>(threads_), .observer = &progress_};
  }
}

std::uint64_t parse_block_size(const std::string& text) {
  const auto size = parse_size(text);
  if (!size || *size == 0)
    throw CommandError(ExitCode::usage, fmt::format("--block-size: '{}' is not a size such as 8MiB", printable(text)));
  return *size;
}

void add_demo(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("demo", "Real work to look at.");
  command->require_subcommand(1);
  command->footer("Examples:\n  troupe demo wordcount /usr/share/doc\n  troupe demo entropy /usr/share/doc\n\n" +
                  std::string(exit_codes_help));
  add_wordcount(*command, door);
  add_entropy(*command, door);
}

}  // namespace troupe::apps
