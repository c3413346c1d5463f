#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace troupe {

/// Fills the span with bytes nobody can guess. Machines are handed one, so that tests can repeat a run.
using RandomSource = std::function<void(std::span<std::byte>)>;
/// The kernel's generator.
void system_random(std::span<std::byte> into);

/// 256 bits that only those with the access file know. Cannot be printed by accident; wiped when destroyed.
class Secret {
public:
  static constexpr std::size_t size = 32;

  Secret() = default;
  explicit Secret(std::span<const std::byte, size> bytes);
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret();

  static Secret draw(const RandomSource& random);
  /// 64 hexadecimal digits; nothing if they are not.
  static std::optional<Secret> from_hex(std::string_view hex);
  /// For the access file and nothing else.
  [[nodiscard]] std::string reveal_hex() const;
  [[nodiscard]] std::span<const std::byte, size> reveal() const& { return bytes_; }
  std::span<const std::byte, size> reveal() const&& = delete;  // it would outlive the secret
  /// False if never set: nobody can prove that he knows it.
  explicit operator bool() const;

  /// In constant time.
  friend bool operator==(const Secret& a, const Secret& b);

private:
  std::array<std::byte, size> bytes_{};
};

/// The code that proves knowledge of a key.
using Proof = std::array<std::byte, 32>;
/// HMAC-SHA256 over the parts, each after its length as a little-endian u64.
Proof prove(const Secret& key, std::initializer_list<std::span<const std::byte>> parts);
/// Compares in constant time.
bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b);
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace troupe
