#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "protocol/messages.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

class FunctionRegistry;

/// Where the time of a worker went since it told the scheduler last. Owned by the worker's shell, on its loop alone; to
/// note a run costs no more than a few additions.
class TimeLedger {
public:
  static constexpr std::size_t prefixes_max = 200;
  static constexpr std::size_t types_max = 200;
  static constexpr std::size_t spans_max = 200;  ///< pairs of a prefix and a span, between two calls of `take`

  /// Of one prefix, or of one in one span, in nanoseconds.
  struct Function {
    std::uint64_t runs{};
    std::int64_t cpu_ns{};
    std::int64_t noncpu_ns{};
    std::int64_t unsplit_ns{};
    /// `cpu`: of it on a processor; less than 0: not asked.
    void add(std::int64_t duration, std::int64_t cpu) {
      ++runs;
      if (cpu < 0) {
        unsplit_ns += duration;
      } else {
        const auto on_processor = cpu < duration ? cpu : duration;
        cpu_ns += on_processor;
        noncpu_ns += duration - on_processor;
      }
    }
  };

  /// Stays where it is. Beyond `prefixes_max` it is that of all others.
  Function& function(const std::string& prefix);
  /// Of the runs that `function` counts too, those in that span. Goes with the next `take`; null: beyond `spans_max`.
  Function* in_span(const std::string& prefix, const std::string& span);

  /// A fetch from a peer, with what it brought.
  class Fetched {
  public:
    Fetched(TimeLedger& ledger, WorkerId from, std::uint64_t ns) : ledger_(ledger), from_(from), ns_(ns) {}
    void add(const Value& value, std::uint64_t nbytes);
    ~Fetched();
    Fetched(const Fetched&) = delete;
    Fetched& operator=(const Fetched&) = delete;

  private:
    struct Part {
      std::uint64_t values{};
      std::uint64_t bytes{};
    };
    TimeLedger& ledger_;
    const WorkerId from_;
    const std::uint64_t ns_;
    Part whole_;
    std::map<std::uint64_t, Part> types_;  ///< by fingerprint
  };
  /// Workers have other ids from now on.
  void forget_sources() { sources_.clear(); }
  void serialized(std::uint64_t ns) { serialize_ns_ += ns; }
  /// What the disk thread has used so far.
  void disk(std::uint64_t read_ns, std::uint64_t write_ns);

  /// What was noted since the last call; none: nothing. Types that nobody has named yet are looked for in the signatures
  /// of functions that are known here.
  [[nodiscard]] std::optional<TimeSpent> take(const FunctionRegistry* functions);

private:
  /// In nanoseconds, so that many short ones are not lost by rounding.
  struct Moved {
    std::uint64_t values{};
    std::uint64_t bytes{};
    std::uint64_t ns{};
  };
  struct Type {
    std::string name;  ///< empty: only its fingerprint is known
    Moved moved;
  };
  [[nodiscard]] static ValuesMoved taken(Moved& moved);
  std::uint64_t type_of(const Value& value);
  void name_types(const FunctionRegistry& functions);

  std::unordered_map<std::string, Function> functions_;
  std::map<std::pair<std::string, std::string>, Function> spans_;  ///< by prefix and span
  std::unordered_map<WorkerId, Moved> sources_;
  std::unordered_map<std::uint64_t, Type> types_;  ///< by fingerprint; 0: all for which there is no room
  bool unnamed_{};                                 ///< a type was added without a name
  std::uint64_t serialize_ns_{};
  std::uint64_t disk_read_ns_{};
  std::uint64_t disk_write_ns_{};
  std::uint64_t disk_read_told_ns_{};
  std::uint64_t disk_write_told_ns_{};
};

}  // namespace troupe
