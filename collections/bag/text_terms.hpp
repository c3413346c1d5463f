#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "collections/bag/parts.hpp"
#include "collections/bag/terms.hpp"
#include "collections/bag/text_runs.hpp"

/// What can be done with text, as terms: lower(_1), strip(_1), contains(_1, "x"). Case and white space are those of
/// ASCII: other bytes stay as they are.
namespace troupe::terms {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct ToLower {
  char operator()(char c) const { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
};
struct ToUpper {
  char operator()(char c) const { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; }
};

/// The result lies in a buffer of the part until its next element.
template <class Change>
class Changed {
public:
  std::string_view operator()(std::string_view text) {
    buffer_.resize(text.size());
    std::transform(text.begin(), text.end(), buffer_.begin(), Change{});
    return buffer_;
  }

private:
  std::string buffer_;
};

enum class Ends : std::uint8_t { left = 1, right = 2, both = 3 };

inline std::string_view stripped(std::string_view text, Ends ends) {
  if (ends != Ends::right)
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (ends != Ends::left)
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Calls `piece` with each piece of the text: what lies between separators, or, if there is no separator, between white
/// space, of which none is empty.
template <class Piece>
void for_each_piece(std::string_view text, std::string_view separator, Piece&& piece) {
  if (!separator.empty()) {
    for (;;) {
      const auto end = text.find(separator);
      piece(text.substr(0, end));
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + separator.size());
    }
  }
  bag_detail::for_each_run<bag_detail::NotSpace>(text, piece);
}

/// Shell patterns: * any text, ? any byte, [abc] [a-z] [!a] one of those, or none.
inline bool matches_pattern(std::string_view text, std::string_view pattern) {
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  const auto one = [&](char c, std::size_t& at) {  // moves `at` past what stands for one byte
    if (pattern[at] == '?') return ++at, true;
    const auto close = pattern[at] == '[' ? pattern.find(']', at + 2) : std::string_view::npos;
    if (close == std::string_view::npos) return pattern[at++] == c;
    auto i = at + 1;
    const bool negated = pattern[i] == '!';
    if (negated) ++i;
    bool found = false;
    for (; i < close; ++i) {
      if (i + 2 < close && pattern[i + 1] == '-') {
        found = found || (pattern[i] <= c && c <= pattern[i + 2]);
        i += 2;
      } else {
        found = found || pattern[i] == c;
      }
    }
    at = close + 1;
    return found != negated;
  };
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    auto next = p;
    if (p < pattern.size() && one(text[t], next)) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

template <class Number>
Number number_in(std::string_view text) {
  const auto digits = stripped(text, Ends::both);
  Number number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size())
    throw std::invalid_argument("'" + std::string(text.substr(0, 40)) + "' is not a number");
  return number;
}

// clang-format off
TROUPE_TERM_FUNCTION(Lower, "lower")
  std::string_view operator()(std::string_view text) { return changed(text); }
  Changed<ToLower> changed;
};
TROUPE_TERM_FUNCTION(Upper, "upper")
  std::string_view operator()(std::string_view text) { return changed(text); }
  Changed<ToUpper> changed;
};
TROUPE_TERM_FUNCTION(Strip, "strip")
  std::string_view operator()(std::string_view text) const { return stripped(text, Ends::both); }
};
TROUPE_TERM_FUNCTION(LeftStrip, "lstrip")
  std::string_view operator()(std::string_view text) const { return stripped(text, Ends::left); }
};
TROUPE_TERM_FUNCTION(RightStrip, "rstrip")
  std::string_view operator()(std::string_view text) const { return stripped(text, Ends::right); }
};
TROUPE_TERM_FUNCTION(Contains, "contains")
  bool operator()(std::string_view text, std::string_view part) const { return text.find(part) != text.npos; }
};
TROUPE_TERM_FUNCTION(StartsWith, "startswith")
  bool operator()(std::string_view text, std::string_view part) const { return text.starts_with(part); }
};
TROUPE_TERM_FUNCTION(EndsWith, "endswith")
  bool operator()(std::string_view text, std::string_view part) const { return text.ends_with(part); }
};
TROUPE_TERM_FUNCTION(Matches, "match")
  bool operator()(std::string_view text, std::string_view pattern) const { return matches_pattern(text, pattern); }
};
TROUPE_TERM_FUNCTION(Replace, "replace")
  std::string operator()(std::string_view text, std::string_view part, std::string_view by) const {
    if (part.empty()) throw std::invalid_argument("replace: the text to be replaced is empty");
    std::string result;
    for (auto at = text.find(part); at != text.npos; at = text.find(part)) {
      result.append(text.substr(0, at)).append(by);
      text.remove_prefix(at + part.size());
    }
    return result.append(text);
  }
};
TROUPE_TERM_FUNCTION(Split, "split")
  std::vector<std::string> operator()(std::string_view text, std::string_view separator) const {
    std::vector<std::string> pieces;
    for_each_piece(text, separator, [&](std::string_view piece) { pieces.emplace_back(piece); });
    return pieces;
  }
};
TROUPE_TERM_FUNCTION(ToInteger, "integer")
  std::int64_t operator()(std::string_view text) const { return number_in<std::int64_t>(text); }
};
TROUPE_TERM_FUNCTION(ToReal, "real")
  double operator()(std::string_view text) const { return number_in<double>(text); }
};
// clang-format on

template <Term A>
auto lower(const A& text) {
  return call<Lower>(text);
}
template <Term A>
auto upper(const A& text) {
  return call<Upper>(text);
}
template <Term A>
auto strip(const A& text) {
  return call<Strip>(text);
}
template <Term A>
auto lstrip(const A& text) {
  return call<LeftStrip>(text);
}
template <Term A>
auto rstrip(const A& text) {
  return call<RightStrip>(text);
}
template <Term A, class B>
auto contains(const A& text, const B& part) {
  return call<Contains>(text, part);
}
template <Term A, class B>
auto startswith(const A& text, const B& part) {
  return call<StartsWith>(text, part);
}
template <Term A, class B>
auto endswith(const A& text, const B& part) {
  return call<EndsWith>(text, part);
}
/// Whether all of it fits a shell pattern.
template <Term A>
auto match(const A& text, std::string pattern) {
  return call<Matches>(text, pattern);
}
template <Term A, class B, class C>
auto replace(const A& text, const B& part, const C& by) {
  return call<Replace>(text, part, by);
}
/// At white space, or at a separator.
template <Term A>
auto split(const A& text, std::string separator = {}) {
  return call<Split>(text, separator);
}
/// The number that the text is, with nothing before or behind it but white space.
template <Term A>
auto integer(const A& text) {
  return call<ToInteger>(text);
}
template <Term A>
auto real(const A& text) {
  return call<ToReal>(text);
}

}  // namespace troupe::terms

namespace troupe::bag_detail {

/// A stage that finds texts in texts, and gives them on several at once.
class Finder : public Stage<std::string, std::string>, public OtherPart {
public:
  using Takes = std::string;
  using Gives = std::string;

protected:
  void found(std::string_view text) {
    batch_[held_++] = text;
    if (held_ == batch_.size()) give_found();
  }
  void give_found() {
    give_all({batch_.data(), held_});
    held_ = 0;
  }

private:
  std::array<std::string_view, 32> batch_;
  std::size_t held_{};
};

/// The pieces of texts, without a vector of them.
class Pieces final : public Finder {
public:
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("split");
  }
  explicit Pieces(ArgumentReader& arguments) : separator_(arguments.read<std::string>()) {}
  void push(std::string_view text) override {
    terms::for_each_piece(text, separator_, [this](std::string_view piece) { found(piece); });
    give_found();
  }
  [[nodiscard]] bool takes_lines_together() const override { return separator_.empty(); }

private:
  std::string separator_;
};

/// Runs of ASCII letters, in lower case.
class Words final : public Finder {
public:
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("words");
  }
  explicit Words(ArgumentReader&) {}
  void push(std::string_view text) override {
    lower_.resize(text.size());
    // No other byte than a letter becomes a small one by this; what else becomes of them is of no interest.
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
      std::uint64_t eight;
      std::memcpy(&eight, text.data() + at, 8);
      eight |= 0x2020202020202020ULL;
      std::memcpy(lower_.data() + at, &eight, 8);
    }
    for (; at < text.size(); ++at) lower_[at] = static_cast<char>(text[at] | 0x20);
    for_each_run<LowerLetters>(lower_, [this](std::string_view word) { found(word); });
    give_found();
  }
  [[nodiscard]] bool takes_lines_together() const override { return true; }

private:
  std::string lower_;
};

}  // namespace troupe::bag_detail
