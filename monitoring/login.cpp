#include "monitoring/login.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <sys/random.h>

namespace troupe::monitoring {

void kernel_random(std::span<std::byte> into) {
  while (!into.empty()) {
    const auto got = ::getrandom(into.data(), into.size(), 0);
    if (got < 0 && errno != EINTR) throw std::runtime_error("the kernel gives no random bytes");
    if (got > 0) into = into.subspan(static_cast<std::size_t>(got));
  }
}

namespace {

/// So many random bytes, in hexadecimal digits.
std::string draw(std::size_t bytes) {
  std::vector<std::byte> random(bytes);
  kernel_random(random);
  std::string text;
  for (const std::byte byte : random) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

}  // namespace

std::string Logins::make_code(Scope scope) {
  const std::lock_guard lock(mutex_);
  if (codes_.size() == codes_max) codes_.pop_front();
  codes_.push_back({draw(16), scope, now_() + code_life});
  return codes_.back().text;
}

std::optional<Logins::Admission> Logins::exchange(std::string_view code, Refusal& refusal) {
  const std::lock_guard lock(mutex_);
  const auto now = now_();
  if (now - failures_since_ >= std::chrono::minutes(1)) {
    failures_ = 0;
    failures_since_ = now;
  }
  refusal = Refusal::too_many;
  if (failures_ >= failures_max) return std::nullopt;
  std::erase_if(codes_, [&](const Code& known) { return known.until <= now; });
  const auto found = std::find_if(codes_.begin(), codes_.end(),
                                  [&](const Code& known) { return constant_time_equal(known.text, code); });
  if (found == codes_.end()) {
    ++failures_;
    refusal = Refusal::wrong;
    return std::nullopt;
  }
  const Scope scope = found->scope;
  codes_.erase(found);
  if (tokens_.size() == tokens_max) tokens_.pop_front();
  tokens_.push_back({draw(32), scope});
  return Admission{tokens_.back().text, scope};
}

Scope Logins::scope_of(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  Scope scope = Scope::none;
  for (const Token& known : tokens_)  // all of them, however early it is found
    if (constant_time_equal(known.text, token)) scope = known.scope;
  return scope;
}

}  // namespace troupe::monitoring
