#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "protocol/time.hpp"
#include "runtime/simulation/random.hpp"

namespace troupe::simulation {

/// What happened, twice: as a digest of everything, which is equal only for equal histories, and, where somebody wants
/// to read it, as lines.
class Story {
public:
  explicit Story(bool told) : told_(told) {}

  void note(std::uint64_t value) { digest_ = (digest_ ^ value) * 1099511628211ULL ^ digest_ >> 47; }
  template <class... Values>
  void note(std::uint64_t first, Values... more) {
    note(first);
    (note(static_cast<std::uint64_t>(more)), ...);
  }

  /// `text` is a function that gives the line; it is called only where it is read.
  template <class Text>
  void tell(Instant now, Text&& text) {
    if (told_) add(now, text());
  }
  [[nodiscard]] bool told() const { return told_; }
  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

private:
  static constexpr std::size_t most_lines = 1'000'000;

  void add(Instant now, std::string text) {
    const auto us = now.nanoseconds / 1000 - 1'000'000;
    std::string time = std::to_string(us / 1000) + "." + std::to_string(1000 + us % 1000).substr(1) + " ms  ";
    if (lines_.size() == most_lines) lines_.pop_front();
    lines_.push_back(std::move(time) + std::move(text));
  }

  bool told_;
  std::uint64_t digest_{14695981039346656037ULL};
  std::deque<std::string> lines_;
};

}  // namespace troupe::simulation
