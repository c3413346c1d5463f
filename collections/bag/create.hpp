#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collections/bag/bag.hpp"

/// How bags begin.
namespace troupe::bag {

struct PartitionOptions {
  std::size_t partition_size{};  ///< elements of each but the last; 0: as npartitions says
  std::size_t npartitions{};     ///< 0: 100, and of fewer elements one each
};

namespace detail_ {

/// How many elements each partition has.
inline std::size_t partition_size(std::size_t size, const PartitionOptions& options, const char* function) {
  if (options.partition_size != 0 && options.npartitions != 0)
    throw InvalidRequest(std::string(function) + ": give partition_size or npartitions, not both");
  if (options.partition_size != 0) return options.partition_size;
  const auto wanted = options.npartitions != 0 ? options.npartitions : std::size_t{100};
  return std::max<std::size_t>(1, (size + wanted - 1) / wanted);
}

}  // namespace detail_

/// The elements of a vector, in partitions.
template <class T>
Bag<T> from_sequence(std::vector<T> elements, const PartitionOptions& options = {}) {
  const auto size = detail_::partition_size(elements.size(), options, "bag::from_sequence");
  std::vector<ExpressionRef> partitions;
  for (std::size_t first = 0; first < elements.size(); first += size) {
    const auto begin = std::make_move_iterator(elements.begin() + static_cast<std::ptrdiff_t>(first));
    const auto count = std::min(size, elements.size() - first);
    partitions.push_back(make_value(Value::make(std::vector<T>(begin, begin + static_cast<std::ptrdiff_t>(count)))));
  }
  if (partitions.empty()) partitions.push_back(make_value(Value::make(std::vector<T>{})));
  return Bag<T>(std::move(partitions));
}
inline Bag<std::string> from_sequence(std::initializer_list<const char*> elements,
                                      const PartitionOptions& options = {}) {
  return from_sequence(std::vector<std::string>(elements.begin(), elements.end()), options);
}

/// Each a partition.
template <class T>
Bag<T> from_delayed(const std::vector<Delayed<std::vector<T>>>& partitions) {
  for (const auto& each : partitions) (void)name_of(each.expression());  // refuses empty ones
  return Bag<T>(troupe::detail::expressions_of(partitions));
}
template <class T>
Bag<T> from_delayed(const Delayed<std::vector<T>>& partition) {
  return from_delayed(std::vector{partition});
}

/// The numbers from 0 to n - 1.
inline Bag<std::int64_t> range(std::int64_t n, std::size_t npartitions) {
  if (n < 0) throw InvalidRequest("bag::range: n is negative");
  if (npartitions == 0) throw InvalidRequest("bag::range: npartitions has to be at least 1");
  std::vector<ExpressionRef> partitions;
  const auto parts = static_cast<std::int64_t>(
      std::min<std::uint64_t>(npartitions, static_cast<std::uint64_t>(std::max<std::int64_t>(n, 1))));
  for (std::int64_t i = 0; i < parts; ++i)
    partitions.push_back(bag_detail::gather<bag_detail::Range>({}, [&](ArgumentWriter& out) {
      out.write<std::int64_t>(n / parts * i + std::min(i, n % parts));
      out.write<std::int64_t>(n / parts * (i + 1) + std::min(i + 1, n % parts));
    }));
  return Bag<std::int64_t>(std::move(partitions));
}

/// Tuples of the elements at equal places. All have to have as many partitions, and these as many elements.
template <class T, class... U>
Bag<std::tuple<T, U...>> zip(const Bag<T>& first, const Bag<U>&... others) {
  const auto npartitions = first.npartitions();
  if (((others.npartitions() != npartitions) || ...)) {
    std::string text = "bag::zip: the bags have " + std::to_string(npartitions);
    ((text += ", " + std::to_string(others.npartitions())), ...);
    throw InvalidRequest(text + " partitions; repartition one of them");
  }
  std::vector<ExpressionRef> made;
  for (std::size_t i = 0; i < npartitions; ++i)
    made.push_back(bag_detail::gather<bag_detail::Zip<T, U...>>({first.partitions()[i], others.partitions()[i]...}));
  return Bag<std::tuple<T, U...>>(std::move(made));
}

/// All elements of all.
template <class T, class... U>
Bag<T> concat(const Bag<T>& first, const Bag<U>&... others) {
  static_assert((std::is_same_v<T, U> && ...), "Troupe: bags of one type can be concatenated");
  auto partitions = first.partitions();
  (partitions.insert(partitions.end(), others.partitions().begin(), others.partitions().end()), ...);
  return Bag<T>(std::move(partitions));
}

/// F of the elements at equal places of several bags.
template <auto F, class... T>
auto map(const Bag<T>&... bags) {
  return zip(bags...).template starmap<F>();
}
template <bag_detail::Asked O, class... T>
auto map(const O& operation, const Bag<T>&... bags) {
  return zip(bags...).starmap(operation);
}

}  // namespace troupe::bag
