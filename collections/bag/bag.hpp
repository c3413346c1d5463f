#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "collections/bag/accumulators.hpp"
#include "collections/bag/parts.hpp"
#include "collections/bag/sampling.hpp"
#include "collections/bag/shuffle.hpp"
#include "collections/bag/terms.hpp"
#include "collections/bag/text_terms.hpp"
#include "collections/bag/writing.hpp"
#include "collections/delayed.hpp"
#include "collections/picture.hpp"

namespace troupe {

template <class T>
class Bag;
template <class A>
class TextOf;

/// A listed function as the operation of a bag, with arguments for the parameters after those for elements: values, or
/// Delayed ones.
template <auto F, class... A>
auto fn(const A&... bound) {
  detail::require_listed<F>();
  return bag_detail::FunctionAsked<F, std::decay_t<const A&>...>{{bound...}};
}

/// Elements of type T in no order that matters to most of what is asked, in partitions: an expression each, whose value
/// is a std::vector<T>. What is done to elements one by one is fused: a chain of it is one task a partition, through
/// which they pass without being stored in between. Costs what its partitions cost; copies share them.
///
/// An operation is a listed function, map<f>(bound...), or an object: a term such as _1 * 2, or fn<f>(bound...).
template <class T>
class Bag {
  template <class Asked, std::size_t Elements>
  using Operation = bag_detail::operation_of<Asked, Elements>;
  template <class Asked>
  using Key = bag_detail::result_of_operation<Operation<Asked, 1>, T>;

public:
  using value_type = T;

  Bag() = default;
  /// Of expressions whose values are std::vector<T>.
  explicit Bag(std::vector<ExpressionRef> partitions) : partitions_(std::move(partitions)) {}

  [[nodiscard]] std::size_t npartitions() const { return partitions_.size(); }
  [[nodiscard]] const std::vector<ExpressionRef>& partitions() const { return partitions_; }

  // ---- element by element ----

  template <bag_detail::Asked O>
  auto map(const O& operation) const {
    return stage<bag_detail::Map<T, Operation<O, 1>>>(
        [&](ArgumentWriter& out) { bag_detail::write_operation<1>(out, operation); });
  }
  template <auto F, class... A>
  auto map(const A&... bound) const {
    return map(fn<F>(bound...));
  }
  /// Elements for which it is true.
  template <bag_detail::Asked O>
  Bag filter(const O& operation) const {
    return filter(operation, true);
  }
  template <auto F, class... A>
  Bag filter(const A&... bound) const {
    return filter(fn<F>(bound...), true);
  }
  /// Elements for which it is not.
  template <bag_detail::Asked O>
  Bag remove(const O& operation) const {
    return filter(operation, false);
  }
  template <auto F, class... A>
  Bag remove(const A&... bound) const {
    return filter(fn<F>(bound...), false);
  }
  /// With the elements of each pair, tuple or array as arguments.
  template <bag_detail::Asked O>
  auto starmap(const O& operation) const {
    constexpr auto size = std::tuple_size_v<T>;
    return stage<bag_detail::Starmap<T, Operation<O, size>>>(
        [&](ArgumentWriter& out) { bag_detail::write_operation<size>(out, operation); });
  }
  template <auto F, class... A>
  auto starmap(const A&... bound) const {
    return starmap(fn<F>(bound...));
  }
  /// Element I of pairs, tuples and arrays.
  template <std::size_t I>
  requires(I < std::tuple_size<T>::value) auto pluck() const { return map(terms::element<I>(terms::_1)); }
  /// A member of structs with TROUPE_FIELDS.
  template <auto Member>
  requires std::is_member_object_pointer_v<decltype(Member)>
  auto pluck() const { return map(terms::field<Member>(terms::_1)); }
  /// What maps have for a key, or vectors at a place; one that is not there fails.
  template <class K>
  auto pluck(const K& key) const {
    return map(terms::at(terms::_1, key));
  }
  template <class K, class D>
  auto pluck(const K& key, const D& otherwise) const {
    return map(terms::at(terms::_1, key, otherwise));
  }
  /// The elements of the elements.
  auto flatten() const { return stage<bag_detail::Flatten<T>>(bag_detail::no_arguments); }
  /// Each element of pairs, tuples or arrays as a bag of its own.
  auto unzip() const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return std::tuple(this->template pluck<I>()...); }
    (std::make_index_sequence<std::tuple_size_v<T>>{});
  }
  /// A listed function from one std::vector to another, with whole partitions.
  template <auto F, class... A>
  auto map_partitions(const A&... bound) const {
    using Out = typename function_result<F>::value_type;
    std::vector<ExpressionRef> made;
    for (const auto& each : partitions_)
      made.push_back(delayed<F>(Delayed<std::vector<T>>(each), bound...).expression());
    return Bag<Out>(std::move(made));
  }
  /// What can be done with text: bag.str().lower().
  TextOf<T> str() const { return TextOf<T>(*this); }

  // ---- reductions: trees of tasks, each of at most `split_every` results ----

  auto sum(unsigned split_every = 8) const { return reduce<bag_detail::Sum<T>>(split_every); }
  Delayed<std::uint64_t> count(unsigned split_every = 8) const { return reduce<bag_detail::Count<T>>(split_every); }
  Delayed<double> mean(unsigned split_every = 8) const {
    refuse_empty("mean");
    return reduce<bag_detail::Mean<T>>(split_every);
  }
  /// `ddof` is subtracted from the count.
  Delayed<double> var(std::uint64_t ddof = 0, unsigned split_every = 8) const {
    return spread(ddof, false, split_every);
  }
  Delayed<double> std(std::uint64_t ddof = 0, unsigned split_every = 8) const {
    return spread(ddof, true, split_every);
  }
  Delayed<T> max(unsigned split_every = 8) const {
    refuse_empty("max");
    return reduce<bag_detail::Extreme<T, true>>(split_every);
  }
  Delayed<T> min(unsigned split_every = 8) const {
    refuse_empty("min");
    return reduce<bag_detail::Extreme<T, false>>(split_every);
  }
  Delayed<bool> any(unsigned split_every = 8) const { return reduce<bag_detail::Truth<T, false>>(split_every); }
  Delayed<bool> all(unsigned split_every = 8) const { return reduce<bag_detail::Truth<T, true>>(split_every); }

  /// Pairs of each element and how often it comes, in the order in which they come first, or most frequent first.
  Bag<std::pair<T, std::uint64_t>> frequencies(bool sort = false, unsigned split_every = 8) const {
    return single(reduce<bag_detail::Frequencies<T>>(split_every, [&](ArgumentWriter& out) { out.write<bool>(sort); }));
  }
  /// The k elements with the largest keys, largest first.
  template <bag_detail::Asked K = bag_detail::IdentityAsked>
  Bag topk(std::uint64_t k, const K& key = {}, unsigned split_every = 8) const {
    if (k == 0) throw InvalidRequest("Bag::topk: at least one element has to be asked for");
    return single(reduce<bag_detail::TopK<T, Operation<K, 1>>>(split_every, [&](ArgumentWriter& out) {
      out.write<std::uint64_t>(k);
      bag_detail::write_operation<1>(out, key);
    }));
  }
  /// The first of the elements that have equal keys.
  template <bag_detail::Asked K = bag_detail::IdentityAsked>
  Bag distinct(const K& key = {}, unsigned split_every = 8) const {
    return single(reduce<bag_detail::Distinct<T, Operation<K, 1>>>(
        split_every, [&](ArgumentWriter& out) { bag_detail::write_operation<1>(out, key); }));
  }

  /// `operation` of what has come so far and each element, beginning with the first one, in each partition; `combine`,
  /// which may be the same, of the results of partitions.
  template <bag_detail::Asked O>
  Delayed<T> fold(const O& operation) const {
    return fold_with<T>(std::optional<T>{}, operation, operation);
  }
  /// The same beginning with an initial value, in each partition.
  template <bag_detail::Asked O, class A>
  auto fold(const O& operation, const A& initial) const requires(!bag_detail::Asked<A>) {
    return fold_with<bag_detail::element_type<std::decay_t<const A&>>>(initial, operation, operation);
  }
  template <bag_detail::Asked O, bag_detail::Asked C, class A>
  auto fold(const O& operation, const C& combine, const A& initial, unsigned split_every = 8) const {
    return fold_with<bag_detail::element_type<std::decay_t<const A&>>>(initial, operation, combine, split_every);
  }
  template <auto F, class... Initial>
  auto fold(const Initial&... initial) const {
    return fold(fn<F>(), initial...);
  }
  template <auto F, auto Combine, class A>
  auto fold(const A& initial) const {
    return fold(fn<F>(), fn<Combine>(), initial);
  }
  /// A listed function of whole partitions, and one of the vector of what that gave; it is called with its own results
  /// when there are more than `split_every`.
  template <auto PerPartition, auto Aggregate>
  auto reduction(unsigned split_every = 8) const {
    using A = function_result<PerPartition>;
    static_assert(std::is_same_v<function_result<Aggregate>, A>,
                  "Troupe: the aggregate of a reduction takes a vector of what it gives");
    using Accumulator = bag_detail::Aggregated<A, bag_detail::FunctionOperation<Aggregate, 1>>;
    std::vector<ExpressionRef> states;
    for (const auto& each : partitions_) {
      const auto one = delayed<PerPartition>(Delayed<std::vector<T>>(each)).expression();
      states.push_back(bag_detail::reduce_input<Accumulator>(one, partitions_.size() == 1));
    }
    return Delayed<A>(bag_detail::merge_states<Accumulator>(std::move(states), split_every, bag_detail::no_arguments));
  }
  /// fold for each key by itself: pairs of key and result, in the order in which the keys come first.
  template <bag_detail::Asked K, bag_detail::Asked O>
  auto foldby(const K& key, const O& operation) const {
    return foldby_with<T>(std::optional<T>{}, key, operation, operation, 8);
  }
  template <bag_detail::Asked K, bag_detail::Asked O, class A>
  auto foldby(const K& key, const O& operation, const A& initial) const {
    return foldby_with<bag_detail::element_type<std::decay_t<const A&>>>(initial, key, operation, operation, 8);
  }
  template <bag_detail::Asked K, bag_detail::Asked O, bag_detail::Asked C, class A>
  auto foldby(const K& key, const O& operation, const C& combine, const A& initial, unsigned split_every = 8) const {
    return foldby_with<bag_detail::element_type<std::decay_t<const A&>>>(initial, key, operation, combine, split_every);
  }
  template <auto K, auto F, class... Initial>
  auto foldby(const Initial&... initial) const {
    return foldby(fn<K>(), fn<F>(), initial...);
  }
  /// Results so far, one for each element, through all partitions in order.
  template <bag_detail::Asked O>
  Bag accumulate(const O& operation) const {
    return accumulate_with<T>(std::optional<T>{}, operation);
  }
  /// The same after an initial value, which is given first.
  template <bag_detail::Asked O, class A>
  auto accumulate(const O& operation, const A& initial) const {
    return accumulate_with<bag_detail::element_type<std::decay_t<const A&>>>(initial, operation);
  }
  template <auto F, class... Initial>
  auto accumulate(const Initial&... initial) const {
    return accumulate(fn<F>(), initial...);
  }

  /// Pairs of each key and all elements that have it, in `npartitions`, or as many as now. All elements move: where
  /// foldby says what is wanted, it is faster. A shuffle by tasks has as many stages as it takes for no task to make or
  /// read more than `max_branch` pieces.
  template <bag_detail::Asked K>
  Bag<std::pair<Key<K>, std::vector<T>>> groupby(const K& key, std::size_t npartitions = 0,
                                                 Shuffle how = Shuffle::automatic,
                                                 std::uint32_t max_branch = 32) const {
    const auto wanted = bag_detail::partitions_wanted(npartitions, partitions_.size());
    const auto write = [&](ArgumentWriter& out) { bag_detail::write_operation<1>(out, key); };
    using Operated = Operation<K, 1>;
    return Bag<std::pair<Key<K>, std::vector<T>>>(
        bag_detail::shuffles_on_disk(how)
            ? bag_detail::grouped_on_disk<T, Operated>(partitions_, wanted, write)
            : bag_detail::grouped_by_tasks<T, Operated>(partitions_, wanted, max_branch, write));
  }
  template <auto F>
  auto groupby(std::size_t npartitions = 0, Shuffle how = Shuffle::automatic, std::uint32_t max_branch = 32) const {
    return groupby(fn<F>(), npartitions, how, max_branch);
  }

  // ---- with other bags ----

  /// All pairs of an element of this and one of the other.
  template <class U>
  Bag<std::pair<T, U>> product(const Bag<U>& other) const {
    std::vector<ExpressionRef> made;
    for (const auto& mine : partitions_)
      for (const auto& theirs : other.partitions())
        made.push_back(bag_detail::gather<bag_detail::Product<T, U>>({mine, theirs}));
    return Bag<std::pair<T, U>>(std::move(made));
  }
  /// Pairs (other, element) whose keys are equal. The other is a bag of one partition, or a vector, Delayed or not.
  template <class U, bag_detail::Asked O, bag_detail::Asked K>
  Bag<std::pair<U, T>> join(const Delayed<std::vector<U>>& other, const O& on_other, const K& on_self) const {
    return stage<bag_detail::Join<T, U, Operation<O, 1>, Operation<K, 1>>>([&](ArgumentWriter& out) {
      bag_detail::write_operation<1>(out, on_self);
      bag_detail::write_operation<1>(out, on_other);
      out.write<std::vector<U>>(other);
    });
  }
  template <class U, bag_detail::Asked O, bag_detail::Asked K>
  Bag<std::pair<U, T>> join(std::vector<U> other, const O& on_other, const K& on_self) const {
    return join(delayed(std::move(other)), on_other, on_self);
  }
  template <class U, bag_detail::Asked O, bag_detail::Asked K>
  Bag<std::pair<U, T>> join(const Bag<U>& other, const O& on_other, const K& on_self) const {
    if (other.npartitions() != 1)
      throw InvalidRequest("Bag::join: the other bag has to have one partition; call repartition(1) on it");
    return join(Delayed<std::vector<U>>(other.partitions().front()), on_other, on_self);
  }

  // ---- some of the elements ----

  /// The first n of the first `npartitions` partitions, computed at once; fewer if they have no more.
  std::vector<T> take(std::uint64_t n, std::size_t npartitions = 1, const ComputeOptions& options = {}) const {
    return head(n, npartitions).compute(options);
  }
  /// The same as a bag of one partition.
  Bag head(std::uint64_t n, std::size_t npartitions = 1) const {
    if (npartitions == 0 || npartitions > partitions_.size())
      throw InvalidRequest("Bag::take: npartitions is " + std::to_string(npartitions) + "; the bag has " +
                           std::to_string(partitions_.size()));
    std::vector<ExpressionRef> heads(partitions_.begin(),
                                     partitions_.begin() + static_cast<std::ptrdiff_t>(npartitions));
    const auto write = [&](ArgumentWriter& out) { out.write<std::uint64_t>(n); };
    for (auto& each : heads) each = bag_detail::staged<T, bag_detail::First<T>>({each}, write);
    if (npartitions > 1) heads = {bag_detail::staged<T, bag_detail::First<T>>(heads, write)};
    return Bag(std::move(heads));
  }
  /// Each element with a chance of `probability`. Equal seeds choose equal elements, wherever it is computed.
  Bag random_sample(double probability, std::uint64_t seed) const {
    if (!(probability >= 0 && probability <= 1))
      throw InvalidRequest("Bag::random_sample: the probability has to be from 0 to 1");
    std::vector<ExpressionRef> made;
    for (std::size_t i = 0; i < partitions_.size(); ++i)
      made.push_back(bag_detail::staged<T, bag_detail::RandomSample<T>>({partitions_[i]}, [&](ArgumentWriter& out) {
        out.write<double>(probability);
        out.write<std::uint64_t>(bag_detail::mix(seed, i + 1));
      }));
    return Bag(std::move(made));
  }

  /// k elements, none of them twice, in random order.
  Bag sample(std::uint64_t k, std::uint64_t seed, unsigned split_every = 8) const {
    return chosen<bag_detail::Sample<T>>(k, seed, split_every);
  }
  /// k times one of the elements.
  Bag choices(std::uint64_t k, std::uint64_t seed, unsigned split_every = 8) const {
    return chosen<bag_detail::Choices<T>>(k, seed, split_every);
  }

  // ---- partitions ----

  /// The same elements in another number of partitions: neighbours put together, or each cut into equal parts.
  Bag repartition(std::size_t npartitions) const {
    if (npartitions == 0) throw InvalidRequest("Bag::repartition: npartitions has to be at least 1");
    return Bag(bag_detail::repartitioned<T>(partitions_, npartitions));
  }

  /// In partitions of about so many bytes of memory. Computes how large they are: persist first what is costly.
  Bag repartition_to_bytes(std::uint64_t bytes, const ComputeOptions& options = {}) const {
    if (bytes == 0) throw InvalidRequest("Bag::repartition_to_bytes: at least 1 byte");
    return Bag(bag_detail::repartitioned_to_bytes<T>(partitions_, bytes, options));
  }

  // ---- results ----

  /// All elements, in the order of the partitions.
  std::vector<T> compute(const ComputeOptions& options = {}) const {
    return bag_detail::concatenated<T>(compute_expressions(partitions_, options));
  }
  /// The same elements, there already, or on their way on a cluster.
  Bag persist(const ComputeOptions& options = {}) const { return Bag(persist_expressions(partitions_, options)); }
  /// Each partition.
  [[nodiscard]] std::vector<Delayed<std::vector<T>>> to_delayed() const {
    return detail::delayed_of<std::vector<T>>(partitions_);
  }
  void visualize(const std::string& path, const PictureOptions& options = {}) const {
    write_picture(partitions_, path, options);
  }

  /// One element after the other, in memory for one partition, each of which is computed when it is reached.
  class Iterator {
  public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(const Bag& bag) : partitions_(bag.partitions_) { advance(); }
    const T& operator*() const { return elements_[place_]; }
    const T* operator->() const { return &elements_[place_]; }
    Iterator& operator++() {
      ++place_;
      advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, std::default_sentinel_t) { return a.place_ == a.elements_.size(); }

  private:
    void advance() {
      while (place_ == elements_.size() && next_ < partitions_.size()) {
        elements_ = Delayed<std::vector<T>>(partitions_[next_++]).compute();
        place_ = 0;
      }
    }
    std::vector<ExpressionRef> partitions_;
    std::size_t next_{};
    std::vector<T> elements_;
    std::size_t place_{};
  };
  [[nodiscard]] Iterator begin() const { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

private:
  template <class P, class Write>
  auto stage(const Write& write) const {
    std::vector<ExpressionRef> made;
    made.reserve(partitions_.size());
    for (const auto& each : partitions_) made.push_back(bag_detail::staged<T, P>({each}, write));
    return Bag<typename P::Gives>(std::move(made));
  }
  template <bag_detail::Asked O>
  Bag filter(const O& operation, bool wanted) const {
    return stage<bag_detail::Filter<T, Operation<O, 1>>>([&](ArgumentWriter& out) {
      out.write<bool>(wanted);
      bag_detail::write_operation<1>(out, operation);
    });
  }
  template <class A, class Write = decltype(bag_detail::no_arguments)>
  auto reduce(unsigned split_every, const Write& write = bag_detail::no_arguments) const {
    return bag_detail::reduced<T, A>(partitions_, split_every, write);
  }
  template <class U>
  static Bag<U> single(const Delayed<std::vector<U>>& elements) {
    return Bag<U>({elements.expression()});
  }
  void refuse_empty(const char* what) const {
    if (partitions_.empty()) throw InvalidRequest(std::string("Bag::") + what + ": the bag has no partitions");
  }
  Delayed<double> spread(std::uint64_t ddof, bool root, unsigned split_every) const {
    refuse_empty("var");
    return reduce<bag_detail::Spread<T>>(split_every, [&](ArgumentWriter& out) {
      out.write<std::uint64_t>(ddof);
      out.write<bool>(root);
    });
  }
  template <class A, class O, class C>
  Delayed<A> fold_with(std::optional<A> initial, const O& operation, const C& combine, unsigned split_every = 8) const {
    return reduce<bag_detail::Fold<A, T, Operation<O, 2>, Operation<C, 2>>>(split_every, [&](ArgumentWriter& out) {
      out.write<std::optional<A>>(initial);
      bag_detail::write_operation<2>(out, operation);
      bag_detail::write_operation<2>(out, combine);
    });
  }
  template <class A, class K, class O, class C>
  auto foldby_with(std::optional<A> initial, const K& key, const O& operation, const C& combine,
                   unsigned split_every) const {
    using Accumulator = bag_detail::FoldBy<A, T, Operation<K, 1>, Operation<O, 2>, Operation<C, 2>>;
    return single(reduce<Accumulator>(split_every, [&](ArgumentWriter& out) {
      out.write<std::optional<A>>(initial);
      bag_detail::write_operation<1>(out, key);
      bag_detail::write_operation<2>(out, operation);
      bag_detail::write_operation<2>(out, combine);
    }));
  }
  template <class A>
  Bag chosen(std::uint64_t k, std::uint64_t seed, unsigned split_every) const {
    std::uint64_t task = 0;  // each draws for itself
    return single(reduce<A>(split_every, [&](ArgumentWriter& out) {
      out.write<std::uint64_t>(k);
      out.write<std::uint64_t>(bag_detail::mix(seed, ++task));
    }));
  }
  template <class A, class O>
  Bag<A> accumulate_with(std::optional<A> initial, const O& operation) const {
    std::vector<ExpressionRef> made;
    std::optional<Delayed<std::optional<A>>> carry;
    for (const auto& each : partitions_) {
      made.push_back(bag_detail::staged<T, bag_detail::Accumulate<A, T, Operation<O, 2>>>({each}, [&](auto& out) {
        if (carry)
          out.template write<std::optional<A>>(*carry);
        else
          out.template write<std::optional<A>>(initial);
        out.template write<bool>(!carry);
        bag_detail::write_operation<2>(out, operation);
      }));
      carry = bag_detail::last_of<A>(made.back(), carry);
    }
    return Bag<A>(std::move(made));
  }

  std::vector<ExpressionRef> partitions_;
};

namespace detail {

template <class T>
struct collection_traits<Bag<T>> {
  using type = std::vector<T>;
  static void join(const Bag<T>&, Together&) {}
  static void ask(const Bag<T>& bag, Together&, std::vector<ExpressionRef>& wanted) {
    wanted.insert(wanted.end(), bag.partitions().begin(), bag.partitions().end());
  }
  static type take(const Bag<T>& bag, std::vector<Value>& values, std::size_t& next) {
    return bag_detail::concatenated<T>(taken_from(values, bag, next));
  }
  static Bag<T> kept(const Bag<T>& bag, std::vector<ExpressionRef>& there, std::size_t& next) {
    return Bag<T>(taken_from(there, bag, next));
  }

private:
  template <class X>
  static std::vector<X> taken_from(std::vector<X>& all, const Bag<T>& bag, std::size_t& next) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(next);
    next += bag.npartitions();
    return {std::make_move_iterator(first),
            std::make_move_iterator(first + static_cast<std::ptrdiff_t>(bag.npartitions()))};
  }
};

}  // namespace detail

}  // namespace troupe
