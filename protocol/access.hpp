#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "protocol/handshake.hpp"
#include "protocol/ids.hpp"
#include "protocol/secret.hpp"

namespace troupe {

/// What a client or worker needs to reach a scheduler and be let in. Written by the scheduler as it starts, mode 0600;
/// whoever can read it is a friend.
struct AccessFile {
  Token cluster;
  std::string scheduler_address;  ///< host:port
  std::string http_address;       ///< host:port of dashboard and metrics; empty = none
  std::uint64_t pid{};            ///< of the scheduler
  Epoch epoch;
  std::int64_t started_unix_ms{};
  Secret worker_key;
  Secret client_key;
  Secret http_token;

  /// Draws cluster id, epoch and keys; the rest is the caller's to fill in.
  static AccessFile generate(const RandomSource& random = system_random);
  /// Refuses a file that others may read, of another owner, too large, truncated, or not as this version writes it.
  /// Every error names the path and says what to do.
  static Result<AccessFile> read(const std::filesystem::path& path);
  /// Mode 0600, in place at once or not at all; a missing parent directory is made with mode 0700.
  [[nodiscard]] Result<void> write(const std::filesystem::path& path) const;

  [[nodiscard]] Keys keys() const { return {worker_key, client_key}; }

  friend bool operator==(const AccessFile&, const AccessFile&) = default;
};

/// $TROUPE_ACCESS_FILE, else $XDG_RUNTIME_DIR/troupe/access.json, else ~/.local/state/troupe/access.json, else
/// /tmp/troupe-<uid>/access.json.
std::filesystem::path default_access_path();

/// The 32 hexadecimal digits of Token::hex(); nothing if they are not.
std::optional<Token> token_from_hex(std::string_view hex);

}  // namespace troupe
