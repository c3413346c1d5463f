#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collections/bag/elements.hpp"
#include "collections/bag/operations.hpp"

/// Sources, stages and sinks that pass elements on one by one. Header only: modules have them, too.
namespace troupe::bag_detail {

/// Of a part that is neither a plain source nor a plain sink.
struct OtherPart {
  static constexpr bool plain_source = false;
  static constexpr bool plain_sink = false;
};

/// The vector in a value, for reading.
template <class T>
const std::vector<T>& elements_in(const Value& value) {
  const auto found = value.as<std::vector<T>>();
  if (!found) throw DecodeError(found.error().text);
  return **found;
}

// ---- sources -------------------------------------------------------------------------------------------------------

/// The elements of all inputs, which are vectors, one after the other.
template <class T>
class Elements final : public Giver<T> {
public:
  static constexpr bool plain_source = true;
  static constexpr bool plain_sink = false;
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("elements#");
    describe_types<T>(out);
  }
  explicit Elements(ArgumentReader& arguments) : inputs_(arguments.other_inputs()) {}

  void run() override {
    for (auto& input : inputs_) {
      if (input.unique()) {
        auto taken = input.template take<std::vector<T>>();
        if (!taken) throw DecodeError(taken.error().text);
        for (std::size_t i = 0; i < taken->size() && !this->satisfied(); ++i)
          this->give_away(T(std::move((*taken)[i])));
      } else {
        const auto& elements = elements_in<T>(input);
        for (std::size_t i = 0; i < elements.size() && !this->satisfied(); ++i) this->give(elements[i]);
      }
    }
  }

private:
  std::span<Value> inputs_;
};

/// All inputs, each an element.
template <class T>
class Inputs final : public Giver<T>, public OtherPart {
public:
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("inputs#");
    describe_types<T>(out);
  }
  explicit Inputs(ArgumentReader& arguments) : inputs_(arguments.other_inputs()) {}
  void run() override {
    for (auto& input : inputs_) {
      auto taken = input.template take<T>();
      if (!taken) throw DecodeError(taken.error().text);
      this->give_away(std::move(*taken));
    }
  }

private:
  std::span<Value> inputs_;
};

/// Numbers from `begin` to before `end`.
class Range final : public Giver<std::int64_t>, public OtherPart {
public:
  using Gives = std::int64_t;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("range");
  }
  explicit Range(ArgumentReader& arguments)
      : begin_(arguments.read<std::int64_t>()), end_(arguments.read<std::int64_t>()) {}
  void run() override {
    for (auto i = begin_; i < end_ && !satisfied(); ++i) give(i);
  }

private:
  std::int64_t begin_;
  std::int64_t end_;
};

/// Part `index` of `count` equal parts of the one input.
template <class T>
class Slice final : public Giver<T>, public OtherPart {
public:
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("slice#");
    describe_types<T>(out);
  }
  explicit Slice(ArgumentReader& arguments)
      : index_(arguments.read<std::uint64_t>()),
        count_(arguments.read<std::uint64_t>()),
        input_(arguments.other_inputs()) {}
  void run() override {
    for (const auto& input : input_) {
      const auto& elements = elements_in<T>(input);
      const auto end = elements.size() * (index_ + 1) / count_;
      for (auto i = elements.size() * index_ / count_; i < end && !this->satisfied(); ++i) this->give(elements[i]);
    }
  }

private:
  std::uint64_t index_;
  std::uint64_t count_;
  std::span<Value> input_;
};

/// Tuples of the elements at the same place of all inputs, which have to be equally long.
template <class... T>
class Zip final : public Giver<std::tuple<T...>>, public OtherPart {
public:
  using Gives = std::tuple<T...>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("zip#");
    describe_types<T...>(out);
  }
  explicit Zip(ArgumentReader& arguments) : inputs_(arguments.other_inputs()) {
    if (inputs_.size() != sizeof...(T)) throw DecodeError("zip has another number of inputs");
  }
  void run() override { run(std::index_sequence_for<T...>{}); }

private:
  template <std::size_t... I>
  void run(std::index_sequence<I...>) {
    const auto all = std::tie(elements_in<T>(inputs_[I])...);
    const auto size = std::get<0>(all).size();
    if (((std::get<I>(all).size() != size) || ...))
      throw std::invalid_argument("the partitions that are zipped have different numbers of elements");
    for (std::size_t i = 0; i < size && !this->satisfied(); ++i) this->give_away(Gives{std::get<I>(all)[i]...});
  }
  std::span<Value> inputs_;
};

/// All pairs of an element of the first input and one of the second.
template <class A, class B>
class Product final : public Giver<std::pair<A, B>>, public OtherPart {
public:
  using Gives = std::pair<A, B>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("product#");
    describe_types<A, B>(out);
  }
  explicit Product(ArgumentReader& arguments) : inputs_(arguments.other_inputs()) {
    if (inputs_.size() != 2) throw DecodeError("product has two inputs");
  }
  void run() override {
    const auto& first = elements_in<A>(inputs_[0]);
    const auto& second = elements_in<B>(inputs_[1]);
    for (std::size_t i = 0; i < first.size(); ++i)
      for (std::size_t j = 0; j < second.size(); ++j) {
        if (this->satisfied()) return;
        this->give_away(Gives{first[i], second[j]});
      }
  }

private:
  std::span<Value> inputs_;
};

// ---- stages --------------------------------------------------------------------------------------------------------

template <class In, class Operation>
class Map final : public Stage<In, result_of_operation<Operation, In>>, public OtherPart {
public:
  using Takes = In;
  using Gives = result_of_operation<Operation, In>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Operation>(out, "map");
    describe_types<In>(out);
  }
  explicit Map(ArgumentReader& arguments) : operation_(arguments) {}
  void push(Passed<In> element) override {
    using R = std::invoke_result_t<Operation&, Passed<In>>;
    if constexpr (std::is_same_v<R, Gives>)
      this->give_away(operation_(element));
    else
      this->give(operation_(element));
  }

private:
  Operation operation_;
};

template <class In, class Operation>
class Filter final : public Stage<In, In>, public OtherPart {
public:
  using Takes = In;
  using Gives = In;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Operation>(out, "filter");
    describe_types<In>(out);
  }
  explicit Filter(ArgumentReader& arguments) : wanted_(arguments.read<bool>()), operation_(arguments) {}
  void push(Passed<In> element) override {
    if (static_cast<bool>(operation_(element)) == wanted_) this->give(element);
  }
  void take(In&& element) override {
    if (static_cast<bool>(operation_(Passed<In>(element))) == wanted_) this->give_away(std::move(element));
  }

private:
  bool wanted_;
  Operation operation_;
};

/// Calls an operation with the elements of tuples, pairs and arrays.
template <class In, class Operation, class Places = std::make_index_sequence<std::tuple_size_v<In>>>
class Starmap;
template <class In, class Operation, std::size_t... I>
class Starmap<In, Operation, std::index_sequence<I...>> final
    : public Stage<In, result_of_operation<Operation, std::tuple_element_t<I, In>...>>,
      public OtherPart {
public:
  using Takes = In;
  using Gives = result_of_operation<Operation, std::tuple_element_t<I, In>...>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Operation>(out, "starmap");
    describe_types<In>(out);
  }
  explicit Starmap(ArgumentReader& arguments) : operation_(arguments) {}
  void push(Passed<In> element) override {
    using R = std::invoke_result_t<Operation&, Passed<std::tuple_element_t<I, In>>...>;
    if constexpr (std::is_same_v<R, Gives>)
      this->give_away(operation_(Passed<std::tuple_element_t<I, In>>(std::get<I>(element))...));
    else
      this->give(operation_(Passed<std::tuple_element_t<I, In>>(std::get<I>(element))...));
  }

private:
  Operation operation_;
};

/// The elements of containers.
template <class In>
class Flatten final : public Stage<In, element_type<typename In::value_type>>, public OtherPart {
public:
  using Takes = In;
  using Gives = element_type<typename In::value_type>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("flatten#");
    describe_types<In>(out);
  }
  explicit Flatten(ArgumentReader&) {}
  void push(Passed<In> element) override {
    for (const auto& each : element) {
      if (this->satisfied()) return;
      this->give(each);
    }
  }
  void take(In&& element) override {
    for (auto&& each : element) {
      if (this->satisfied()) return;
      if constexpr (std::is_same_v<decltype(each), Gives&>)
        this->give_away(std::move(each));
      else
        this->give(each);
    }
  }
};

/// The first `count`, after which no more are wanted.
template <class T>
class First final : public Stage<T, T>, public OtherPart {
public:
  using Takes = T;
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("first#");
    describe_types<T>(out);
  }
  explicit First(ArgumentReader& arguments) : left_(arguments.read<std::uint64_t>()) {}
  void push(Passed<T> element) override {
    if (left_ > 0) this->give(element);
    count();
  }
  void take(T&& element) override {
    if (left_ > 0) this->give_away(std::move(element));
    count();
  }

private:
  void count() {
    if (left_ > 0) --left_;
    if (left_ == 0) this->be_satisfied();
  }
  std::uint64_t left_;
};

/// Each element with a chance of `probability`; which, follows from the seed and its place alone.
template <class T>
class RandomSample final : public Stage<T, T>, public OtherPart {
public:
  using Takes = T;
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("random_sample#");
    describe_types<T>(out);
  }
  explicit RandomSample(ArgumentReader& arguments)
      : probability_(arguments.read<double>()), seed_(arguments.read<std::uint64_t>()) {}
  void push(Passed<T> element) override {
    if (chosen()) this->give(element);
  }
  void take(T&& element) override {
    if (chosen()) this->give_away(std::move(element));
  }

private:
  bool chosen() { return static_cast<double>(mix(seed_, ++place_) >> 11) * 0x1p-53 < probability_; }

  double probability_;
  std::uint64_t seed_;
  std::uint64_t place_{};
};

/// Running results: the first element, or `initial`, with all elements so far. Gives one for each element, and if it
/// begins with an initial value of its own, that one first.
template <class A, class In, class Operation>
class Accumulate final : public Stage<In, A>, public OtherPart {
public:
  using Takes = In;
  using Gives = A;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Operation>(out, "accumulate");
    describe_types<A, In>(out);
  }
  /// What all partitions before came to; whether that is to be given, too.
  explicit Accumulate(ArgumentReader& arguments)
      : so_far_(arguments.read<std::optional<A>>()), give_first_(arguments.read<bool>()), operation_(arguments) {}
  void push(Passed<In> element) override {
    begin();
    if (so_far_)
      so_far_ = A(operation_(Passed<A>(*so_far_), element));
    else if constexpr (std::is_constructible_v<A, Passed<In>>)
      so_far_ = A(element);
    else
      throw std::invalid_argument("accumulate needs an initial value");
    this->give(*so_far_);
  }
  void finish() override { begin(); }

private:
  void begin() {
    if (give_first_ && so_far_) this->give(*so_far_);
    give_first_ = false;
  }
  std::optional<A> so_far_;
  bool give_first_;
  Operation operation_;
};

/// Pairs of each element with all those of another collection that have the same key: (other, element).
template <class In, class Other, class OtherKey, class Key>
class Join final : public Stage<In, std::pair<Other, In>>, public OtherPart {
  using K = result_of_operation<Key, In>;

public:
  using Takes = In;
  using Gives = std::pair<Other, In>;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<OtherKey, Key>(out, "join");
    describe_types<In, Other>(out);
  }
  explicit Join(ArgumentReader& arguments) : key_(arguments) {
    OtherKey other_key(arguments);
    std::optional<std::vector<Other>> owned;
    for (const auto& each : *arguments.refer<std::vector<Other>>(owned))
      others_[element_type<K>(other_key(Passed<Other>(each)))].push_back(each);
  }
  void push(Passed<In> element) override {
    const auto* matching = others_.find(key_(element));
    if (matching == nullptr) return;
    for (const auto& other : *matching) this->give_away(Gives{other, In(element)});
  }

private:
  Key key_;
  Grouping<K, std::vector<Other>> others_;
};

// ---- sinks ---------------------------------------------------------------------------------------------------------

/// A vector of all elements.
template <class T>
class Collect final : public Receiver<T> {
public:
  static constexpr bool plain_source = false;
  static constexpr bool plain_sink = true;
  using Takes = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("collect#");
    describe_types<T>(out);
  }
  explicit Collect(ArgumentReader&) {}
  void push(Passed<T> element) override { elements_.emplace_back(element); }
  void take(T&& element) override { elements_.emplace_back(std::move(element)); }
  Value result() override { return Value::make(std::move(elements_)); }

private:
  std::vector<T> elements_;
};

/// What an accumulator makes of all elements: its state, for more of them to be merged, or its result.
template <class A>
class Reduce final : public Receiver<typename A::Input>, public OtherPart {
public:
  using Takes = typename A::Input;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    A::describe(out);
  }
  explicit Reduce(ArgumentReader& arguments) : last_(arguments.read<bool>()), accumulator_(arguments) {}
  void push(Passed<Takes> element) override {
    accumulator_.add(element);
    if constexpr (requires(const A& accumulator) { accumulator.satisfied(); })
      if (accumulator_.satisfied()) this->be_satisfied();
  }
  void push_all(detail::PassedAll<Takes> elements) override {
    if constexpr (requires(A & accumulator) { accumulator.add_all(elements); })
      accumulator_.add_all(elements);
    else
      for (const auto& each : elements) push(each);
  }
  Value result() override { return last_ ? Value::make(accumulator_.result()) : Value::make(accumulator_.state()); }

private:
  bool last_;
  A accumulator_;
};

/// The same of states.
template <class A>
class Merge final : public Receiver<typename A::State>, public OtherPart {
public:
  using Takes = typename A::State;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("merge ");
    A::describe(out);
  }
  explicit Merge(ArgumentReader& arguments) : last_(arguments.read<bool>()), accumulator_(arguments) {}
  void push(Passed<Takes> state) override { accumulator_.merge(Takes(state)); }
  void take(Takes&& state) override { accumulator_.merge(std::move(state)); }
  Value result() override { return last_ ? Value::make(accumulator_.result()) : Value::make(accumulator_.state()); }

private:
  bool last_;
  A accumulator_;
};

}  // namespace troupe::bag_detail
