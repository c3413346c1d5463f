#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "monitoring/http_server.hpp"

namespace troupe::monitoring {

/// Who has come in by which door: one-time codes, which stand in the links that are printed, and the tokens that they
/// were exchanged for. Bounded; the oldest go first. From any thread.
class Logins {
public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes code_life{30};
  static constexpr std::size_t codes_max = 32;
  static constexpr std::size_t tokens_max = 256;
  static constexpr unsigned failures_max = 20;  ///< a minute; then nobody is let in for the rest of it

  explicit Logins(std::function<Clock::time_point()> now = Clock::now) : now_(std::move(now)) {}

  /// A code that is good once, for a while.
  [[nodiscard]] std::string make_code(Scope scope);

  enum class Refusal : std::uint8_t { wrong, too_many };
  struct Admission {
    std::string token;
    Scope scope{Scope::none};
  };
  /// The token for a code, which is used up.
  [[nodiscard]] std::optional<Admission> exchange(std::string_view code, Refusal& refusal);
  [[nodiscard]] Scope scope_of(std::string_view token) const;
  /// Tokens that are good.
  [[nodiscard]] std::size_t sessions() const;

private:
  struct Code {
    std::string text;
    Scope scope{};
    Clock::time_point until;
  };
  struct Token {
    std::string text;
    Scope scope{};
  };

  std::function<Clock::time_point()> now_;
  mutable std::mutex mutex_;
  std::deque<Code> codes_;
  std::deque<Token> tokens_;
  unsigned failures_{};
  Clock::time_point failures_since_{};
};

}  // namespace troupe::monitoring
