#include "monitoring/login.hpp"

#include <algorithm>
#include <string_view>

#include "protocol/secret.hpp"

namespace troupe::monitoring {

namespace {

std::string draw() { return Secret::draw(system_random).reveal_hex(); }

}  // namespace

std::string Logins::make_code(Scope scope) {
  const std::lock_guard lock(mutex_);
  if (codes_.size() == codes_max) codes_.pop_front();
  codes_.push_back({draw(), scope, now_() + code_life});
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
                                  [&](const Code& known) { return equal_in_constant_time(known.text, code); });
  if (found == codes_.end()) {
    ++failures_;
    refusal = Refusal::wrong;
    return std::nullopt;
  }
  const Scope scope = found->scope;
  codes_.erase(found);
  if (tokens_.size() == tokens_max) tokens_.pop_front();
  tokens_.push_back({draw(), scope});
  return Admission{tokens_.back().text, scope};
}

std::size_t Logins::sessions() const {
  const std::lock_guard lock(mutex_);
  return tokens_.size();
}

Scope Logins::scope_of(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  Scope scope = Scope::none;
  for (const Token& known : tokens_)  // all of them, however early it is found
    if (equal_in_constant_time(known.text, token)) scope = known.scope;
  return scope;
}

}  // namespace troupe::monitoring
