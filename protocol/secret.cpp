#include "protocol/secret.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "protocol/error.hpp"

namespace troupe {
namespace {

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return {};
}

}  // namespace

void system_random(std::span<std::byte> into) {
  while (!into.empty()) {
    const auto got = ::getrandom(into.data(), std::min<std::size_t>(into.size(), 256), 0);
    if (got < 0 && errno == EINTR) continue;
    TROUPE_ASSERT(got > 0, "the kernel gives no random bytes");
    into = into.subspan(static_cast<std::size_t>(got));
  }
}

Secret::Secret(std::span<const std::byte, size> bytes) { std::copy(bytes.begin(), bytes.end(), bytes_.begin()); }

Secret::~Secret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Secret Secret::draw(const RandomSource& random) {
  Secret secret;
  random(secret.bytes_);
  return secret;
}

std::optional<Secret> Secret::from_hex(std::string_view hex) {
  if (hex.size() != 2 * size) return {};
  Secret secret;
  for (std::size_t i = 0; i < size; ++i) {
    const auto high = digit(hex[2 * i]);
    const auto low = digit(hex[2 * i + 1]);
    if (!high || !low) return {};
    secret.bytes_[i] = static_cast<std::byte>(*high << 4 | *low);
  }
  return secret;
}

std::string Secret::reveal_hex() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * size);
  for (const auto byte : bytes_) {
    hex += digits[static_cast<unsigned>(byte) >> 4];
    hex += digits[static_cast<unsigned>(byte) & 15];
  }
  return hex;
}

Secret::operator bool() const { return !(*this == Secret{}); }

bool operator==(const Secret& a, const Secret& b) { return equal_in_constant_time(a.bytes_, b.bytes_); }

Proof prove(const Secret& key, std::initializer_list<std::span<const std::byte>> parts) {
  std::vector<std::byte> message;
  for (const auto part : parts) {
    const std::uint64_t length = part.size();
    const auto* length_bytes = reinterpret_cast<const std::byte*>(&length);
    message.insert(message.end(), length_bytes, length_bytes + sizeof length);
    message.insert(message.end(), part.begin(), part.end());
  }
  Proof proof{};
  unsigned size = 0;
  const auto* done = ::HMAC(EVP_sha256(), key.reveal().data(), static_cast<int>(Secret::size),
                            reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                            reinterpret_cast<unsigned char*>(proof.data()), &size);
  TROUPE_ASSERT(done != nullptr && size == proof.size(), "HMAC-SHA256 is not to be had");
  return proof;
}

bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return equal_in_constant_time(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
}

}  // namespace troupe
