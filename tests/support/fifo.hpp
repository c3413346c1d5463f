#pragma once

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::testing {

/// A named pipe by which tasks in other processes tell a test how far they are, a line at a time; see tell().
class Fifo {
public:
  explicit Fifo(std::string path) : path_(std::move(path)) {
    ::mkfifo(path_.c_str(), 0600);
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);  // the writers' end too: it never ends
  }
  ~Fifo() { ::close(descriptor_); }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  /// The next line; nothing after `patience`.
  std::optional<std::string> read_line(std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      if (const auto end = unread_.find('\n'); end != std::string::npos) {
        auto line = unread_.substr(0, end);
        unread_.erase(0, end + 1);
        return line;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd wait{descriptor_, POLLIN, 0};
      if (::poll(&wait, 1, std::max(0, static_cast<int>(left.count()))) <= 0) return {};
      char space[4096];
      const auto got = ::read(descriptor_, space, sizeof space);
      if (got > 0) unread_.append(space, static_cast<std::size_t>(got));
    }
  }

  /// For tasks: one line, whole.
  static void tell(const std::string& path, const std::string& line) {
    std::ofstream out(path);
    out << line + "\n" << std::flush;
  }

private:
  std::string path_;
  int descriptor_{-1};
  std::string unread_;
};

}  // namespace troupe::testing
