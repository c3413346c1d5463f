#include "runtime/exec/local_graph.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>

#include "runtime/core/order.hpp"
#include "runtime/exec/large_pages.hpp"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

/// One run. Tables by task are filled before it and shared by the team during it.
class LocalRun {
public:
  LocalRun(const LocalGraph& graph, const LocalRunOptions& options)
      : graph_(graph),
        options_(options),
        slots_(graph.size()),
        threads_(options.team != nullptr ? options.team->threads() : 1),
        pumps_(std::min(threads_, pumps_max)),
        alive_(new Alive[alive_counters]) {}

  std::optional<Error> prepare() {
    const auto ranks = order({graph_.size(), graph_.offsets, graph_.inputs}, options_.name, large_pages());
    if (!ranks) return ranks.error();
    const auto roots = link(*ranks);
    if (options_.team == nullptr || roots != 1) {
      sequence_.resize(graph_.size());
      for (std::uint32_t task = 0; task < graph_.size(); ++task) sequence_[(*ranks)[task]] = task;
    }
    find_roots(roots);
    return {};
  }

  LocalOutcome run() {
    if (options_.observer != nullptr) options_.observer->begun(graph_.size() - graph_.given.size());
    if (options_.team == nullptr)
      run_in_order();
    else
      options_.team->run([this](Team::Member& self) { run_on_team(self); });
    return outcome();
  }

private:
  static constexpr unsigned pumps_max = 64;
  static constexpr unsigned alive_counters = 64;
  static constexpr std::size_t inputs_on_stack = 6;

  struct alignas(64) Slot final : Team::Task {
    void execute(Team::Member& member) noexcept override { run->execute(*this, member); }

    LocalRun* run{};
    Value value;
    std::atomic<std::uint32_t> waits_for{0};
    std::atomic<std::uint32_t> readers{0};  // not done yet; who wants the value is one
    std::uint32_t first_follower{};
    std::uint32_t followers{};
  };
  struct Root {
    std::uint32_t task;
    std::uint32_t alive_before;  // values alive when it begins, if all run one after the other
  };
  /// Values made and not freed, by thread: the sum is what counts.
  struct alignas(64) Alive {
    std::atomic<std::int64_t> count{0};
  };
  /// Takes tasks without inputs, in order, until there are none, or too many values are alive: then it retires, and
  /// whoever has done something lets it go on.
  struct Pump final : Team::Task {
    void execute(Team::Member& member) noexcept override { run->pump(*this, member); }

    LocalRun* run{};
  };
  struct Execution {
    LocalRun* run;
    bool failed{};
    TaskError error;
  };

  [[nodiscard]] std::span<const std::uint32_t> inputs_of(std::uint32_t task) const {
    return std::span(graph_.inputs).subspan(graph_.offsets[task], graph_.offsets[task + 1] - graph_.offsets[task]);
  }

  /// Gives how many tasks have no inputs.
  std::uint32_t link(std::span<const std::uint32_t> ranks) {
    std::uint32_t roots = 0;
    for (std::uint32_t task = 0; task < graph_.size(); ++task) {
      auto& slot = slots_[task];
      slot.run = this;
      const auto inputs = inputs_of(task);
      roots += inputs.empty();
      slot.waits_for.store(static_cast<std::uint32_t>(inputs.size()), std::memory_order_relaxed);
      for (const auto input : inputs) ++slots_[input].followers;
    }
    std::uint32_t first = 0;
    for (auto& slot : slots_) {
      slot.first_follower = first;
      first += slot.followers;
      slot.readers.store(slot.followers, std::memory_order_relaxed);
      slot.followers = 0;
    }
    followers_.resize(graph_.inputs.size());
    for (std::uint32_t task = 0; task < graph_.size(); ++task)
      for (const auto input : inputs_of(task)) {
        auto& slot = slots_[input];
        // The followers of each are in the static order, as most are anyhow.
        auto place = slot.first_follower + slot.followers++;
        for (; place > slot.first_follower && ranks[followers_[place - 1]] > ranks[task]; --place)
          followers_[place] = followers_[place - 1];
        followers_[place] = task;
      }
    for (const auto task : graph_.wanted) slots_[task].readers.fetch_add(1, std::memory_order_relaxed);
    for (const auto& [task, value] : graph_.given) slots_[task].value = value;
    return roots;
  }

  /// Walks the order once, counting what lives. Of a single one no walk is needed: nothing lives before it.
  void find_roots(std::uint32_t count) {
    ahead_max_ = options_.ahead_max != 0 ? options_.ahead_max : 4 * threads_;
    if (options_.team == nullptr) return;
    roots_.reserve(count);
    if (count == 1) {
      std::uint32_t only = 0;
      while (!inputs_of(only).empty()) ++only;
      roots_.push_back({only, 0});
      return;
    }
    LargeVector<std::uint32_t> readers(graph_.size());
    for (std::uint32_t task = 0; task < graph_.size(); ++task)
      readers[task] = slots_[task].readers.load(std::memory_order_relaxed);
    std::uint32_t alive = 0;
    for (const auto task : sequence_) {
      const auto inputs = inputs_of(task);
      if (inputs.empty()) roots_.push_back({task, alive});
      alive += readers[task] > 0;
      for (const auto input : inputs) alive -= --readers[input] == 0;
    }
  }

  // ---- running ---------------------------------------------------------------------------------------------------

  void run_in_order() {
    for (const auto task : sequence_)
      if (!skips()) call(task, 0);
  }

  void run_on_team(Team::Member& self) {
    std::vector<Pump> pumps(pumps_);
    pump_tasks_ = pumps.data();
    busy_.store(pumps_, std::memory_order_relaxed);
    for (auto& each : pumps) each.run = this;
    for (unsigned i = pumps_; i-- > 1;) self.push(pumps[i]);
    pump(pumps[0], self);
    while (Team::Task* task = self.pop()) task->execute(self);
    self.help_until(ended_, std::uint64_t{graph_.size()} + pumps_);
    while (looking_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  }

  /// A pump that has retired may be taken, and end the run, on another thread while the first still looks at the run:
  /// the end waits for that.
  struct Looking {
    explicit Looking(LocalRun& at) : run(at) { run.looking_.fetch_add(1, std::memory_order_seq_cst); }
    ~Looking() { run.looking_.fetch_sub(1, std::memory_order_release); }
    LocalRun& run;
  };

  void pump(Pump& self, Team::Member& member) noexcept {
    std::uint64_t ended = 0;
    for (bool at_any_rate = false;; at_any_rate = false) {
      const auto next = next_root_.load(std::memory_order_relaxed);
      if (next >= roots_.size()) break;
      if (!at_any_rate && too_many_alive(next)) {
        const auto bit = std::uint64_t{1} << (&self - pump_tasks_);
        const Looking looking(*this);
        ended_.add(std::exchange(ended, 0), member);
        retired_.fetch_or(bit, std::memory_order_seq_cst);
        const bool last = busy_.fetch_sub(1, std::memory_order_seq_cst) == 1;
        // Whoever ended something before that looked too early for this pump: it looks once more itself. The last one
        // goes on at any rate: what is alive waits for roots that are yet to come.
        if (!last && too_many_alive(next_root_.load(std::memory_order_seq_cst))) return;
        if ((retired_.fetch_and(~bit, std::memory_order_seq_cst) & bit) == 0) return;
        busy_.fetch_add(1, std::memory_order_seq_cst);
        at_any_rate = last;
        if (!at_any_rate) continue;
      }
      const auto root = next_root_.fetch_add(1, std::memory_order_relaxed);
      if (root >= roots_.size()) break;
      revive(member, false);
      auto mark = member.mark();
      ended += run_from(roots_[root].task, member, mark);
      ended += run_own(member, mark);
    }
    busy_.fetch_sub(1, std::memory_order_seq_cst);
    wake_last_pumps(member);
    ended_.add(ended + 1, member);  // the run may be gone after this
  }

  void execute(Slot& slot, Team::Member& member) noexcept {
    busy_.fetch_add(1, std::memory_order_seq_cst);
    auto mark = member.mark();
    auto ended = run_from(number_of(slot), member, mark);
    ended += run_own(member, mark);
    revive(member, busy_.fetch_sub(1, std::memory_order_seq_cst) == 1);
    ended_.add(ended, member);  // the run may be gone after this
  }

  [[nodiscard]] std::uint32_t number_of(const Slot& slot) const {
    return static_cast<std::uint32_t>(&slot - slots_.data());
  }

  /// Runs what the member has queued of this run, all that lies above `mark`.
  std::uint64_t run_own(Team::Member& member, std::int64_t& mark) noexcept {
    std::uint64_t ended = 0;
    while (Team::Task* task = member.pop_above(mark))
      ended += run_from(number_of(*static_cast<Slot*>(task)), member, mark);
    return ended;
  }

  /// Runs a task and after it the first of those that can then run; the others may be stolen.
  std::uint64_t run_from(std::uint32_t task, Team::Member& member, std::int64_t& mark) noexcept {
    std::uint64_t ended = 0;
    for (bool more = true; more;) {
      if (!skips()) {
        call(task, member.index());
        // What it waited for in there may have popped all that was queued, of others too.
        mark = std::min(mark, member.mark());
      }
      ++ended;
      more = false;
      const auto& slot = slots_[task];
      for (auto i = slot.followers; i-- > 0;) {
        const auto follower = followers_[slot.first_follower + i];
        auto& waits_for = slots_[follower].waits_for;
        if (waits_for.load(std::memory_order_acquire) != 1 && waits_for.fetch_sub(1, std::memory_order_acq_rel) != 1)
          continue;
        if (more) member.push(slots_[task]);
        task = follower;
        more = true;
      }
    }
    return ended;
  }

  // ---- how far ahead ---------------------------------------------------------------------------------------------

  [[nodiscard]] std::int64_t alive() const {
    std::int64_t sum = 0;
    for (unsigned i = 0; i < alive_counters; ++i) sum += alive_[i].count.load(std::memory_order_seq_cst);
    return sum;
  }
  [[nodiscard]] bool too_many_alive(std::uint64_t root) const {
    return root < roots_.size() && !skips() && threads_ > 1 &&
           alive() > std::int64_t{roots_[root].alive_before} + ahead_max_;
  }
  /// Lets one retired pump look again. An exchange comes before, so that what this thread freed is seen by the pump, or
  /// the pump by this thread.
  void revive(Team::Member& member, bool at_any_rate) {
    if (retired_.load(std::memory_order_seq_cst) == 0) return;
    if (!at_any_rate && too_many_alive(next_root_.load(std::memory_order_relaxed))) return;
    auto retired = retired_.load(std::memory_order_seq_cst);
    while (retired != 0) {
      const auto bit = retired & -retired;
      if (!retired_.compare_exchange_weak(retired, retired & ~bit, std::memory_order_seq_cst)) continue;
      busy_.fetch_add(1, std::memory_order_seq_cst);
      member.push(pump_tasks_[__builtin_ctzll(bit)]);
      return;
    }
  }
  /// No root is left: all pumps may end.
  void wake_last_pumps(Team::Member& member) {
    for (auto retired = retired_.exchange(0, std::memory_order_seq_cst); retired != 0; retired &= retired - 1) {
      busy_.fetch_add(1, std::memory_order_seq_cst);
      member.push(pump_tasks_[__builtin_ctzll(retired)]);
    }
  }

  // ---- one call --------------------------------------------------------------------------------------------------

  [[nodiscard]] bool cancelled() const {
    return options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool skips() const { return failed_.load(std::memory_order_relaxed) || cancelled(); }

  void call(std::uint32_t task, unsigned thread) noexcept {
    const auto inputs = inputs_of(task);
    auto& made = alive_[thread % alive_counters].count;
    Slot& slot = slots_[task];
    const auto& call = graph_.tasks[task];
    if (call.target != nullptr) {
      std::array<Value, inputs_on_stack> few;
      std::vector<Value> many;
      if (inputs.size() > few.size()) many.resize(inputs.size());
      const std::span<Value> values(inputs.size() > few.size() ? many.data() : few.data(), inputs.size());
      std::int64_t freed = 0;
      for (std::size_t i = 0; i < inputs.size(); ++i) freed += take(slots_[inputs[i]], values[i]);
      invoke(task, call, values, thread);
      for (auto& value : values) value.reset();
      if (freed != 0) made.fetch_sub(freed, std::memory_order_seq_cst);
    }
    if (slot.readers.load(std::memory_order_relaxed) == 0)
      slot.value.reset();
    else
      made.fetch_add(1, std::memory_order_relaxed);
  }

  /// Lends or, to the last reader, gives the value. Gives how many values are freed with that.
  static std::int64_t take(Slot& from, Value& to) {
    if (from.readers.load(std::memory_order_acquire) == 1) {
      to = std::move(from.value);
      from.readers.store(0, std::memory_order_relaxed);
      return 1;
    }
    to = from.value;
    if (from.readers.fetch_sub(1, std::memory_order_acq_rel) != 1) return 0;
    from.value.reset();
    return 1;
  }

  void invoke(std::uint32_t task, const LocalGraph::Task& call, std::span<Value> inputs, unsigned thread) noexcept {
    Execution execution{this, false, {}};
    CallFrame frame{&host_table(),    &execution, call.arguments,   inputs, {},
                    TaskId{task + 1}, RunId{1},   call.target->name};
    LocalSpan span;
    if (options_.observer != nullptr) span.begin = Clock::now();
    call.target->thunk(frame);
    if (!execution.failed && !frame.result) {
      execution.failed = true;
      execution.error.message = "the function gave neither a value nor an error";
      execution.error.function = call.target->name;
    }
    if (execution.failed) fail(task, std::move(execution.error));
    if (options_.observer != nullptr) {
      span.task = task;
      span.thread = thread;
      span.function = call.target->name;
      span.end = Clock::now();
      span.failed = execution.failed;
      span.value = execution.failed ? nullptr : &frame.result;
      options_.observer->ended(span);
    }
    slots_[task].value = std::move(frame.result);
  }

  void fail(std::uint32_t task, TaskError error) {
    if (cancelled()) return;  // it gave up because it was asked to
    const std::lock_guard lock(failure_mutex_);
    if (failure_) return;
    error.key = options_.name ? options_.name(task) : std::to_string(task);
    error.attempts = 1;
    failure_ = LocalFailure{std::move(error), path_from(task)};
    failed_.store(true, std::memory_order_relaxed);
  }

  [[nodiscard]] std::vector<std::uint32_t> path_from(std::uint32_t task) const {
    std::vector<std::uint32_t> path{task};
    while (std::find(graph_.wanted.begin(), graph_.wanted.end(), task) == graph_.wanted.end() &&
           slots_[task].followers > 0)
      path.push_back(task = followers_[slots_[task].first_follower]);
    return path;
  }

  LocalOutcome outcome() {
    LocalOutcome result;
    result.failure = std::move(failure_);
    result.cancelled = !result.failure && cancelled();
    if (result.failure || result.cancelled) return result;
    result.values.reserve(graph_.wanted.size());
    for (const auto task : graph_.wanted) result.values.push_back(slots_[task].value);
    return result;
  }

  static const HostTable& host_table() {
    static constexpr HostTable table{
        module_abi_version,
        [](CallFrame& frame, TaskError::Kind kind, std::string_view type, std::string_view message) {
          auto& execution = *static_cast<Execution*>(frame.execution);
          execution.failed = true;
          execution.error.kind = kind;
          execution.error.type = type;
          execution.error.message = message;
          execution.error.function = frame.function;
        },
        [](const CallFrame& frame) { return static_cast<Execution*>(frame.execution)->run->skips(); },
        [](CallFrame&) {},
        [](CallFrame&) {},
        [](const CallFrame&, std::string_view line) {
          std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
        },
    };
    return table;
  }

  const LocalGraph& graph_;
  const LocalRunOptions& options_;
  LargeVector<Slot> slots_;
  LargeVector<std::uint32_t> followers_;
  LargeVector<std::uint32_t> sequence_;  // tasks by rank, where they are gone through in that order
  LargeVector<Root> roots_;              // tasks without inputs, by rank
  const unsigned threads_;
  const unsigned pumps_;
  std::int64_t ahead_max_{};
  Pump* pump_tasks_{};
  std::unique_ptr<Alive[]> alive_;
  alignas(64) std::atomic<std::uint64_t> next_root_{0};
  alignas(64) std::atomic<std::uint64_t> retired_{0};  // bit set: the pump waits
  std::atomic<std::uint32_t> looking_{0};
  alignas(64) std::atomic<std::uint32_t> busy_{0};  // pumps that go on, and members that run what they stole
  alignas(64) std::atomic<bool> failed_{false};
  Team::Member::Counter ended_;
  std::mutex failure_mutex_;
  std::optional<LocalFailure> failure_;
};

}  // namespace

std::vector<std::uint32_t> static_order(std::span<const std::uint32_t> offsets, std::span<const std::uint32_t> inputs) {
  auto ranks = order({static_cast<std::uint32_t>(offsets.size() - 1), offsets, inputs});
  TROUPE_ASSERT(ranks.has_value(), "a graph with a cycle has no order");
  return std::move(*ranks);
}

Result<LocalOutcome> run_local(const LocalGraph& graph, const LocalRunOptions& options) {
  LocalRun run(graph, options);
  if (auto error = run.prepare()) return tl::unexpected(std::move(*error));
  return run.run();
}

}  // namespace troupe
