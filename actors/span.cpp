#include "actors/span.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "actors/errors.hpp"
#include "actors/node.hpp"
#include "protocol/codec.hpp"

namespace troupe {
namespace {

thread_local const SpanContext* innermost = nullptr;

std::optional<std::uint64_t> number(std::string_view hex) {
  std::uint64_t value{};
  for (const char c : hex)
    if (c >= 'A' && c <= 'F') return {};  // W3C has lower case only
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  if (error != std::errc{} || end != hex.data() + hex.size()) return {};
  return value;
}

/// 00-<32 digits>-<16 digits>-<2 digits>; a later version may have more behind them.
Token trace_of(std::string_view header) {
  constexpr std::size_t length = 55;
  const auto refuse = [&]() -> Token {
    throw InvalidRequest(
        fmt::format("span: '{}' is no traceparent of W3C Trace Context, as in "
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                    header.substr(0, 100)));
  };
  if (header.size() < length || header[2] != '-' || header[35] != '-' || header[52] != '-') return refuse();
  const auto version = number(header.substr(0, 2));
  if (!version || *version == 0xff || (*version == 0 && header.size() != length)) return refuse();
  if (header.size() > length && header[length] != '-') return refuse();
  const auto high = number(header.substr(3, 16));
  const auto low = number(header.substr(19, 16));
  const auto parent = number(header.substr(36, 16));
  if (!high || !low || !parent || *parent == 0 || !number(header.substr(53, 2))) return refuse();
  const Token trace{*high, *low};
  return trace ? trace : refuse();
}

}  // namespace

Span::Span(std::string_view name, std::string_view traceparent) : outer_(innermost) {
  if (name.empty()) throw InvalidRequest("span: the name is empty");
  context_.name = outer_ != nullptr ? fmt::format("{}/{}", outer_->name, name) : std::string(name);
  if (context_.name.size() > WireLimits::name_bytes)
    throw InvalidRequest(fmt::format("span: a name of {} bytes; the limit is {}, with those of the spans around it",
                                     context_.name.size(), WireLimits::name_bytes));
  if (!traceparent.empty())
    context_.trace = trace_of(traceparent);
  else
    context_.trace = outer_ != nullptr ? outer_->trace : Token{Node::random(), Node::random()};
  innermost = &context_;
}

Span::~Span() { innermost = outer_; }

const SpanContext* Span::current() { return innermost; }

}  // namespace troupe
