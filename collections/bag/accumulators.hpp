#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "collections/bag/elements.hpp"
#include "collections/bag/operations.hpp"
#include "collections/bag/text_counts.hpp"

/// Reductions: what is kept of elements seen, how two such states become one, and what comes out. An accumulator has
///   Input, State     types; State is what travels between tasks
///   add(element), merge(state), state(), result(), and satisfied() if it may have seen enough
/// States are merged in the order of the partitions.
namespace troupe::bag_detail {

[[noreturn]] inline void throw_empty(const char* what) {
  throw std::invalid_argument(std::string(what) + " of an empty bag is not defined");
}

/// What sums of T are kept in.
template <class T>
using SumType = std::conditional_t<
    std::is_floating_point_v<T>, double,
    std::conditional_t<std::is_integral_v<T>,
                       std::conditional_t<std::is_signed_v<T> || std::is_same_v<T, bool>, std::int64_t, std::uint64_t>,
                       T>>;

template <class T>
class Sum {
public:
  using Input = T;
  using State = SumType<T>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("sum#");
    detail::describe<T>(out);
  }
  explicit Sum(ArgumentReader&) {}
  void add(Passed<T> element) { merge(State(element)); }
  void merge(State other) {
    if constexpr (std::is_integral_v<State>) {
      if (__builtin_add_overflow(sum_, other, &sum_))
        throw std::overflow_error("the sum is larger than 64 bits hold; map to double first");
    } else {
      sum_ = sum_ + other;
    }
  }
  State state() { return std::move(sum_); }
  State result() { return std::move(sum_); }

private:
  State sum_{};
};

template <class T>
class Count {
public:
  using Input = T;
  using State = std::uint64_t;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("count#");
    detail::describe<T>(out);
  }
  explicit Count(ArgumentReader&) {}
  void add(Passed<T>) { ++count_; }
  void merge(State other) { count_ += other; }
  [[nodiscard]] State state() const { return count_; }
  [[nodiscard]] State result() const { return count_; }

private:
  State count_{};
};

/// Count, mean and sum of squared distances from it, merged without loss (Chan, Golub and LeVeque).
class Moments {
public:
  using State = std::tuple<std::uint64_t, double, double>;
  void add(double x) {
    ++count_;
    const auto distance = x - mean_;
    mean_ += distance / static_cast<double>(count_);
    squares_ += distance * (x - mean_);
  }
  void merge(const State& other) {
    const auto [count, mean, squares] = other;
    if (count == 0) return;
    const auto all = static_cast<double>(count_ + count);
    const auto distance = mean - mean_;
    squares_ += squares + distance * distance * static_cast<double>(count_) * static_cast<double>(count) / all;
    mean_ += distance * static_cast<double>(count) / all;
    count_ += count;
  }
  [[nodiscard]] State state() const { return {count_, mean_, squares_}; }

protected:
  std::uint64_t count_{};
  double mean_{};
  double squares_{};
};

template <class T>
class Mean : public Moments {
public:
  using Input = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("mean#");
    detail::describe<T>(out);
  }
  explicit Mean(ArgumentReader&) {}
  void add(Passed<T> element) { Moments::add(static_cast<double>(element)); }
  [[nodiscard]] double result() const {
    if (count_ == 0) throw_empty("the mean");
    return mean_;
  }
};

/// Variance, or its root; `ddof` is taken from the count.
template <class T>
class Spread : public Moments {
public:
  using Input = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("var#");
    detail::describe<T>(out);
  }
  explicit Spread(ArgumentReader& arguments) : ddof_(arguments.read<std::uint64_t>()), root_(arguments.read<bool>()) {}
  void add(Passed<T> element) { Moments::add(static_cast<double>(element)); }
  [[nodiscard]] double result() const {
    if (count_ <= ddof_) throw std::invalid_argument("the variance needs more elements than ddof");
    const auto variance = squares_ / static_cast<double>(count_ - ddof_);
    return root_ ? std::sqrt(variance) : variance;
  }

private:
  std::uint64_t ddof_;
  bool root_;
};

/// The first of the largest, or of the smallest.
template <class T, bool largest>
class Extreme {
public:
  using Input = T;
  using State = std::optional<T>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text(largest ? "max#" : "min#");
    detail::describe<T>(out);
  }
  explicit Extreme(ArgumentReader&) {}
  void add(Passed<T> element) {
    if (!best_ || (largest ? Passed<T>(*best_) < element : element < Passed<T>(*best_))) best_ = T(element);
  }
  void merge(State other) {
    if (other) add(*other);
  }
  State state() { return std::move(best_); }
  T result() {
    if (!best_) throw_empty(largest ? "the maximum" : "the minimum");
    return std::move(*best_);
  }

private:
  State best_;
};

/// Whether there is one, or are only, elements that are true.
template <class T, bool all>
class Truth {
public:
  using Input = T;
  using State = bool;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text(all ? "all#" : "any#");
    detail::describe<T>(out);
  }
  explicit Truth(ArgumentReader&) {}
  void add(Passed<T> element) { merge(static_cast<bool>(element)); }
  void merge(State other) { value_ = all ? value_ && other : value_ || other; }
  [[nodiscard]] bool satisfied() const { return value_ != all; }
  [[nodiscard]] State state() const { return value_; }
  [[nodiscard]] State result() const { return value_; }

private:
  bool value_{all};
};

/// How often each element comes.
template <class T>
class Counts {
public:
  using Entries = std::vector<std::pair<T, std::uint64_t>>;
  void add(Passed<T> element) { ++counts_[element]; }
  void add_all(detail::PassedAll<T> elements) {
    for (const auto& each : elements) ++counts_[each];
  }
  void merge(Entries other) {
    if (counts_.entries().empty())
      counts_ = Grouping<T, std::uint64_t>(std::move(other));
    else
      for (const auto& [element, count] : other) counts_[element] += count;
  }
  /// In the order in which they came first; nothing is left.
  Entries take() { return counts_.take(); }

private:
  Grouping<T, std::uint64_t> counts_;
};
template <>
class Counts<std::string> {
public:
  using Entries = std::vector<std::pair<std::string, std::uint64_t>>;
  void add(std::string_view text) { counts_.add({&text, 1}); }
  void add_all(std::span<const std::string_view> texts) { counts_.add(texts); }
  void merge(const Entries& other) { counts_.add(other); }
  Entries take() { return counts_.take(); }

private:
  TextCounts counts_;
};

/// How often each element comes, in the order in which they came first, or by how often.
template <class T>
class Frequencies {
public:
  using Input = T;
  using State = std::vector<std::pair<T, std::uint64_t>>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("frequencies#");
    detail::describe<T>(out);
  }
  explicit Frequencies(ArgumentReader& arguments) : sort_(arguments.read<bool>()) {}
  void add(Passed<T> element) { counts_.add(element); }
  void add_all(detail::PassedAll<T> elements) { counts_.add_all(elements); }
  void merge(State other) { counts_.merge(std::move(other)); }
  State state() { return counts_.take(); }
  State result() {
    auto counts = counts_.take();
    if (sort_)
      std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    return counts;
  }

private:
  bool sort_;
  Counts<T> counts_;
};

/// The `count` elements with the largest keys, largest first; of equal ones those that came first.
template <class T, class Key>
class TopK {
  using K = result_of_operation<Key, T>;

public:
  using Input = T;
  using State = std::vector<std::pair<K, T>>;  ///< in that order
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Key>(out, "topk");
    describe_types<T>(out);
  }
  explicit TopK(ArgumentReader& arguments) : count_(arguments.read<std::uint64_t>()), key_(arguments) {}
  void add(Passed<T> element) {
    decltype(auto) key = key_(element);
    if (heap_.size() == count_ && !(heap_.front().key < key)) return;
    insert({K(key), next_++, T(element)});
  }
  void merge(State other) {
    for (auto& [key, element] : other) {
      if (heap_.size() == count_ && !(heap_.front().key < key)) return;
      insert({std::move(key), next_++, std::move(element)});
    }
  }
  State state() {
    State sorted;
    for (auto& each : take_sorted()) sorted.emplace_back(std::move(each.key), std::move(each.element));
    return sorted;
  }
  std::vector<T> result() {
    std::vector<T> sorted;
    for (auto& each : take_sorted()) sorted.push_back(std::move(each.element));
    return sorted;
  }

private:
  struct Entry {
    K key;
    std::uint64_t place;
    T element;
  };
  /// The heap's first is the one that goes next.
  static bool stays_longer(const Entry& a, const Entry& b) {
    if (a.key < b.key) return false;
    return b.key < a.key || a.place < b.place;
  }
  void insert(Entry entry) {
    heap_.push_back(std::move(entry));
    std::push_heap(heap_.begin(), heap_.end(), stays_longer);
    if (heap_.size() <= count_) return;
    std::pop_heap(heap_.begin(), heap_.end(), stays_longer);
    heap_.pop_back();
  }
  std::vector<Entry> take_sorted() {
    std::sort(heap_.begin(), heap_.end(), stays_longer);
    return std::exchange(heap_, {});
  }

  std::uint64_t count_;
  Key key_;
  std::vector<Entry> heap_;
  std::uint64_t next_{};
};

/// The first element of each key.
template <class T, class Key>
class Distinct {
  using K = result_of_operation<Key, T>;

public:
  using Input = T;
  using State = std::vector<std::pair<K, T>>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Key>(out, "distinct");
    describe_types<T>(out);
  }
  explicit Distinct(ArgumentReader& arguments) : key_(arguments) {}
  void add(Passed<T> element) {
    bool is_new;
    auto& first = firsts_.find_or_add(key_(element), is_new);
    if (is_new) first = T(element);
  }
  void merge(State other) {
    for (auto& [key, element] : other) {
      bool is_new;
      auto& first = firsts_.find_or_add(key, is_new);
      if (is_new) first = std::move(element);
    }
  }
  State state() { return firsts_.take(); }
  std::vector<T> result() {
    std::vector<T> elements;
    for (auto& [key, element] : firsts_.entries()) elements.push_back(std::move(element));
    return elements;
  }

private:
  Key key_;
  Grouping<K, T> firsts_;
};

/// Elements one after the other by a binary operation, the results of partitions by another one.
template <class A, class T, class Operation, class Combine>
class Fold {
public:
  using Input = T;
  using State = std::optional<A>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Operation, Combine>(out, "fold");
    describe_types<A, T>(out);
  }
  explicit Fold(ArgumentReader& arguments)
      : folded_(arguments.read<std::optional<A>>()), operation_(arguments), combine_(arguments) {}
  void add(Passed<T> element) {
    if (folded_)
      folded_ = A(operation_(Passed<A>(*folded_), element));
    else if constexpr (std::is_constructible_v<A, Passed<T>>)
      folded_ = A(element);
    else
      throw std::invalid_argument("fold needs an initial value, since results and elements have different types");
  }
  void merge(State other) {
    if (!other) return;
    if (merged_)
      merged_ = A(combine_(Passed<A>(*merged_), Passed<A>(*other)));
    else
      merged_ = std::move(other);
  }
  State state() { return merged_ ? std::move(merged_) : std::move(folded_); }
  A result() {
    auto last = state();
    if (!last) throw std::invalid_argument("fold of an empty bag is not defined without an initial value");
    return std::move(*last);
  }

private:
  State folded_;  // of elements
  State merged_;  // of states
  Operation operation_;
  Combine combine_;
};

/// The same for each key by itself.
template <class A, class T, class Key, class Operation, class Combine>
class FoldBy {
  using K = result_of_operation<Key, T>;

public:
  using Input = T;
  using State = std::vector<std::pair<K, A>>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Key, Operation, Combine>(out, "foldby");
    describe_types<A, T>(out);
  }
  explicit FoldBy(ArgumentReader& arguments)
      : initial_(arguments.read<std::optional<A>>()), key_(arguments), operation_(arguments), combine_(arguments) {}
  void add(Passed<T> element) {
    bool is_new;
    auto& folded = groups_.find_or_add(key_(element), is_new);
    if (is_new && !initial_) {
      if constexpr (std::is_constructible_v<A, Passed<T>>)
        folded = A(element);
      else
        throw std::invalid_argument("foldby needs an initial value, since results and elements have different types");
      return;
    }
    if (is_new) folded = *initial_;
    folded = A(operation_(Passed<A>(folded), element));
  }
  void merge(State other) {
    for (auto& [key, value] : other) {
      bool is_new;
      auto& folded = groups_.find_or_add(key, is_new);
      folded = is_new ? std::move(value) : A(combine_(Passed<A>(folded), Passed<A>(value)));
    }
  }
  State state() { return groups_.take(); }
  State result() { return groups_.take(); }

private:
  std::optional<A> initial_;
  Key key_;
  Operation operation_;
  Combine combine_;
  Grouping<K, A> groups_;
};

/// Calls of the user's own: of the elements of one partition, and of what those calls gave.
template <class A, class Aggregate>
class Aggregated {
public:
  using Input = A;
  using State = std::vector<A>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Aggregate>(out, "aggregate");
    describe_types<A>(out);
  }
  explicit Aggregated(ArgumentReader& arguments) : aggregate_(arguments) {}
  void add(Passed<A> each) { all_.emplace_back(each); }
  void merge(State other) { all_.insert(all_.end(), other.begin(), other.end()); }
  State state() { return {A(aggregate_(all_))}; }
  A result() { return A(aggregate_(all_)); }

private:
  Aggregate aggregate_;
  State all_;
};

}  // namespace troupe::bag_detail
