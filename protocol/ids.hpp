#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace troupe {

/// A number that cannot be mistaken for another kind of number. Zero is "none".
template <class Tag, class Rep>
struct Id {
  Rep value{};

  constexpr explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

/// One registration of a worker process with a scheduler. Given by the scheduler, never reused in an epoch: a worker
/// that is declared lost and comes back gets another one, so an address is never mistaken for an identity.
using WorkerId = Id<struct WorkerTag, std::uint32_t>;
/// One registration of a client with a scheduler, never reused in an epoch.
using ClientId = Id<struct ClientTag, std::uint32_t>;
/// One registration of a nanny with a scheduler, never reused in an epoch.
using NannyId = Id<struct NannyTag, std::uint32_t>;
/// One attempt to compute a task; grows with every attempt, so that a late completion can be refused.
using RunId = Id<struct RunTag, std::uint32_t>;
/// One life of a scheduler. Sessions of another epoch are refused.
using Epoch = Id<struct EpochTag, std::uint64_t>;
/// One life of a worker process; drawn at random by the process as it starts.
using Incarnation = Id<struct IncarnationTag, std::uint64_t>;
/// A question that expects one answer, numbered by the one who asks.
using RequestId = Id<struct RequestTag, std::uint64_t>;
/// Index of a task template in the scheduler's table; defined to a worker once, before its first use.
using TemplateId = Id<struct TemplateTag, std::uint32_t>;

/// Where a task stands: the group (one accepted submission) and the task's index in it. Inside one scheduler epoch
/// a TaskId is never reused. The scheduler gives the group's number.
struct TaskId {
  static constexpr unsigned index_bits = 24;
  static constexpr std::uint64_t index_mask = (std::uint64_t{1} << index_bits) - 1;
  static constexpr std::uint64_t group_max = ~std::uint64_t{0} >> index_bits;

  std::uint64_t value{};

  static constexpr TaskId of(std::uint64_t group, std::uint32_t index) { return {group << index_bits | index}; }
  [[nodiscard]] constexpr std::uint64_t group() const { return value >> index_bits; }
  [[nodiscard]] constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(value & index_mask); }
  constexpr explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(const TaskId&, const TaskId&) = default;
};

/// The same task as one client names it: the number of the client's own submission and the index in it. Only this
/// client and its scheduler session use it; the scheduler translates.
struct ClientKey {
  std::uint64_t value{};

  static constexpr ClientKey of(std::uint64_t submission, std::uint32_t index) {
    return {submission << TaskId::index_bits | index};
  }
  [[nodiscard]] constexpr std::uint64_t submission() const { return value >> TaskId::index_bits; }
  [[nodiscard]] constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(value & TaskId::index_mask); }
  constexpr explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(const ClientKey&, const ClientKey&) = default;
};

/// `count` keys of one submission, from `first` on.
struct KeyRange {
  ClientKey first;
  std::uint32_t count{1};
  friend constexpr auto operator<=>(const KeyRange&, const KeyRange&) = default;
};

/// 128 bits that name something across processes: a cluster, or a group of tasks (hash of function, module build and
/// arguments for pure calls; random otherwise).
struct Token {
  std::uint64_t high{};
  std::uint64_t low{};

  constexpr explicit operator bool() const { return (high | low) != 0; }
  friend constexpr auto operator<=>(const Token&, const Token&) = default;
  [[nodiscard]] std::string hex() const;
};

struct IdHash {
  /// Finaliser of MurmurHash3: spreads dense numbers over all bits.
  static constexpr std::size_t mix(std::uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return x;
  }
  template <class Tag, class Rep>
  std::size_t operator()(const Id<Tag, Rep>& id) const {
    return mix(id.value);
  }
  std::size_t operator()(const TaskId& id) const { return mix(id.value); }
  std::size_t operator()(const ClientKey& id) const { return mix(id.value); }
  std::size_t operator()(const Token& token) const { return mix(token.high ^ mix(token.low)); }
};

}  // namespace troupe

template <class Tag, class Rep>
struct std::hash<troupe::Id<Tag, Rep>> : troupe::IdHash {};
template <>
struct std::hash<troupe::TaskId> : troupe::IdHash {};
template <>
struct std::hash<troupe::ClientKey> : troupe::IdHash {};
template <>
struct std::hash<troupe::Token> : troupe::IdHash {};
