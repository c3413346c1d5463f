#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collections/bag/accumulators.hpp"

/// Samples of a fixed size. What is chosen follows from the seed and the elements' places alone.
namespace troupe::bag_detail {

/// A number from above 0 to 1.
inline double fraction(std::uint64_t bits) { return (static_cast<double>(bits >> 11) + 1) * 0x1p-53; }

/// `count` elements, none twice: those whose places have the smallest random numbers, in the order of these.
template <class T>
class Sample {
public:
  using Input = T;
  using State = std::vector<std::pair<std::uint64_t, T>>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("sample#");
    detail::describe<T>(out);
  }
  explicit Sample(ArgumentReader& arguments)
      : count_(arguments.read<std::uint64_t>()), seed_(arguments.read<std::uint64_t>()) {}
  void add(Passed<T> element) {
    const auto number = mix(seed_, ++place_);
    if (chosen_.size() == count_ && chosen_.front().first <= number) return;
    insert({number, T(element)});
  }
  void merge(State other) {
    for (auto& each : other) insert(std::move(each));
  }
  State state() {
    std::sort(chosen_.begin(), chosen_.end(), before);
    return std::move(chosen_);
  }
  std::vector<T> result() {
    if (chosen_.size() < count_)
      throw std::invalid_argument("a sample of " + std::to_string(count_) + " elements of a bag that has " +
                                  std::to_string(chosen_.size()));
    std::vector<T> elements;
    for (auto& [number, element] : state()) elements.push_back(std::move(element));
    return elements;
  }

private:
  static bool before(const std::pair<std::uint64_t, T>& a, const std::pair<std::uint64_t, T>& b) {
    return a.first < b.first;
  }
  void insert(std::pair<std::uint64_t, T> each) {
    chosen_.push_back(std::move(each));
    std::push_heap(chosen_.begin(), chosen_.end(), before);
    if (chosen_.size() <= count_) return;
    std::pop_heap(chosen_.begin(), chosen_.end(), before);
    chosen_.pop_back();
  }

  std::uint64_t count_;
  std::uint64_t seed_;
  std::uint64_t place_{};
  State chosen_;
};

/// `count` elements, each chosen of all there are: a reservoir of one for each. Where the next element enters a
/// reservoir is drawn ahead, so that most elements cost nothing (Li's algorithm L for a reservoir of one).
template <class T>
class Choices {
public:
  using Input = T;
  using State = std::tuple<std::uint64_t, std::vector<T>>;  ///< of how many, and what
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("choices#");
    detail::describe<T>(out);
  }
  explicit Choices(ArgumentReader& arguments)
      : count_(arguments.read<std::uint64_t>()), seed_(arguments.read<std::uint64_t>()) {}
  void add(Passed<T> element) {
    if (++seen_ == 1) {
      for (std::uint64_t i = 0; i < count_; ++i) {
        chosen_.push_back(T(element));
        schedule(i, 1);
      }
      return;
    }
    while (!entries_.empty() && entries_.front().first == seen_) {
      std::pop_heap(entries_.begin(), entries_.end(), std::greater<>());
      const auto reservoir = entries_.back().second;
      entries_.pop_back();
      chosen_[reservoir] = T(element);
      schedule(reservoir, seen_);
    }
  }
  void merge(State other) {
    auto& [seen, chosen] = other;
    if (seen == 0) return;
    seen_ += seen;
    if (chosen_.empty()) {
      chosen_ = std::move(chosen);
      return;
    }
    for (std::size_t i = 0; i < chosen_.size(); ++i)
      if (fraction(random()) * static_cast<double>(seen_) <= static_cast<double>(seen))
        chosen_[i] = std::move(chosen[i]);
  }
  State state() { return {seen_, std::move(chosen_)}; }
  std::vector<T> result() {
    if (seen_ == 0 && count_ > 0) throw_empty("a choice");
    return std::move(chosen_);
  }

private:
  std::uint64_t random() { return mix(seed_, ++draws_); }
  /// Element n enters a reservoir with a chance of 1 / n: after `last` it is the next with n > last / fraction.
  void schedule(std::uint64_t reservoir, std::uint64_t last) {
    const auto next = static_cast<double>(last) / fraction(random());
    if (next >= 0x1p62) return;
    entries_.emplace_back(std::max(static_cast<std::uint64_t>(next), last) + 1, reservoir);
    std::push_heap(entries_.begin(), entries_.end(), std::greater<>());
  }

  std::uint64_t count_;
  std::uint64_t seed_;
  std::uint64_t draws_{};
  std::uint64_t seen_{};
  std::vector<T> chosen_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> entries_;  ///< a heap: element to enter, reservoir
};

/// Bytes of memory that all elements take.
template <class T>
class MemoryOf {
public:
  using Input = T;
  using State = std::uint64_t;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("bytes#");
    detail::describe<T>(out);
  }
  explicit MemoryOf(ArgumentReader&) {}
  void add(Passed<T> element) {
    if constexpr (std::is_same_v<T, std::string>)
      bytes_ += sizeof(std::string) + element.size();
    else
      bytes_ += deep_size<T>(element);
  }
  void merge(State other) { bytes_ += other; }
  [[nodiscard]] State state() const { return bytes_; }
  [[nodiscard]] State result() const { return bytes_; }

private:
  State bytes_{};
};

}  // namespace troupe::bag_detail
