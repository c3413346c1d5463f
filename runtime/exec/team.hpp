#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/exec/parking.hpp"
#include "runtime/exec/work_deque.hpp"

namespace troupe {

/// Threads that share work inside one process by stealing it from each other: the raw engine below graphs and task
/// groups. A thread that calls `run` is a member for that long, so a team of n has n - 1 threads of its own.
///
/// Owned by who runs graphs; outlives what runs on it. Any thread may call `run`, several at a time, members too.
/// Always true: a pushed task is executed once, by a member, before the `run` in which it was pushed returns, if its
/// pusher waits for it (TaskGroup, StaticGraph).
class Team {
public:
  class Member;
  /// Something to execute. Whoever pushes it owns it and keeps it until it has been executed.
  class Task {
  public:
    virtual void execute(Member& member) noexcept = 0;

  protected:
    Task() = default;
    ~Task() = default;
  };

  explicit Team(unsigned threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Calls `body(Member&)` on this thread and gives what it gives.
  template <class Body>
  decltype(auto) run(Body&& body) {
    if (Member* self = current()) return std::forward<Body>(body)(*self);
    const Guest guest(*this);
    return std::forward<Body>(body)(guest.self);
  }

  [[nodiscard]] unsigned threads() const { return threads_; }
  /// The calling thread's membership; null if it is none of this team's.
  [[nodiscard]] Member* current() const;
  /// The team whose member the calling thread is now; null if it is of none.
  [[nodiscard]] static Team* joined();

private:
  static constexpr unsigned guests_max = 32;  // more wait until one has left

  struct Guest {
    explicit Guest(Team& team);
    ~Guest();
    Team& team;
    Member& self;
    Member* outer;
  };

  Member& enter();
  void leave(Member& guest);
  void work(Member& self);
  Task* steal(Member& self);

  const unsigned threads_;
  std::unique_ptr<Member[]> members_;     // threads_ - 1 of its own, then guests_max
  std::atomic<std::uint32_t> guests_{0};  // bit set: taken
  std::mutex guests_mutex_;
  std::condition_variable guest_left_;
  std::atomic<bool> stopping_{false};
  alignas(64) Parking parking_;
  std::vector<std::thread> handles_;
};

/// One thread's place in a team: its queue and its free memory. Used by that thread alone, but for what says otherwise.
class alignas(64) Team::Member {
public:
  /// Others may steal it from now on. The youngest is popped first and stolen last.
  void push(Task& task);
  /// The youngest that nobody has stolen; null if there is none.
  Task* pop() { return deque_.pop(); }
  /// What this member pushes after `mark` lies above it: `pop_above` gives that alone, and null when there is no more.
  [[nodiscard]] std::int64_t mark() const { return deque_.mark(); }
  Task* pop_above(std::int64_t mark) { return deque_.mark() > mark ? deque_.pop() : nullptr; }
  /// Executes stolen tasks until `counter` is `target`. Precondition: its own queue is empty.
  class Counter;
  void help_until(Counter& counter, std::uint64_t target);

  [[nodiscard]] Team& team() const { return *team_; }
  [[nodiscard]] unsigned index() const { return index_; }

  /// Memory for small objects that die soon, wherever they do.
  static constexpr std::size_t block_bytes = 64;
  void* allocate() {
    if (free_ == nullptr) refill();
    Block* const block = free_;
    free_ = block->next;
    return block;
  }
  /// On any thread; `by` is the member that frees.
  void release(void* memory, const Member& by) {
    auto* const block = ::new (memory) Block;
    if (&by == this) {
      block->next = free_;
      free_ = block;
    } else {
      release_from_afar(*block);
    }
  }

private:
  friend class Team;
  struct alignas(block_bytes) Block {
    Block* next;
  };
  Task* steal_or_sleep(Counter* counter, std::uint64_t target);
  void refill();
  void release_from_afar(Block& block);

  Team* team_{};
  unsigned index_{};
  std::uint32_t seed_{};
  Block* free_{};
  Parking::Bed bed_;
  std::vector<std::unique_ptr<Block[]>> slabs_;
  WorkDeque<Task> deque_{256};
  alignas(64) std::atomic<Block*> returned_{nullptr};  // freed by others
};

/// A counter that one member waits for and others move. Nobody touches it after having moved it to the end.
class Team::Member::Counter {
public:
  [[nodiscard]] std::uint64_t count() const { return word_.load(std::memory_order_acquire) >> 1; }
  /// Any member. What it wrote before is seen by who waits.
  void add(std::uint64_t count, Member& by) {
    if ((word_.fetch_add(count << 1, std::memory_order_seq_cst) & 1) != 0) by.team().parking_.wake_all();
  }

private:
  friend class Member;
  friend class Team;
  std::atomic<std::uint64_t> word_{0};  // lowest bit: the waiting member may sleep
};

inline void Team::Member::push(Task& task) {
  deque_.push(&task);
  team_->parking_.wake_one_uneven();
}

/// Tasks spawned by one member, who waits for them all. Every one may be stolen as soon as it is spawned. Lives on the
/// stack of that member.
class TaskGroup {
public:
  explicit TaskGroup(Team::Member& self) : self_(self) {}
  ~TaskGroup() { settle(); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// `act()` or `act(Team::Member&)`, here or on another thread of the team, before `wait` returns.
  template <class F>
  void spawn(F act) {
    using S = Spawned<F>;
    void* memory = nullptr;
    if constexpr (fits<S>)
      memory = self_.allocate();
    else
      memory = ::operator new (sizeof(S), std::align_val_t{alignof(S)});
    auto* const task = ::new (memory) S(*this, std::move(act));
    ++spawned_;
    self_.push(*task);
  }
  /// Helps until all are done; throws what the first of them threw that failed.
  void wait() {
    settle();
    if (failed_.load(std::memory_order_relaxed)) rethrow();
  }

private:
  template <class S>
  static constexpr bool fits = sizeof(S) <= Team::Member::block_bytes && alignof(S) <= Team::Member::block_bytes;

  template <class F>
  class Spawned final : public Team::Task {
  public:
    Spawned(TaskGroup& group, F&& act) : group_(group), act_(std::move(act)) {}

    void execute(Team::Member& member) noexcept override {
      TaskGroup& group = group_;
      try {
        if constexpr (std::is_invocable_v<F&, Team::Member&>)
          act_(member);
        else
          act_();
      } catch (...) {
        group.fail();
      }
      this->~Spawned();
      Team::Member& owner = group.self_;
      if constexpr (fits<Spawned>)
        owner.release(this, member);
      else
        ::operator delete (this, sizeof(Spawned), std::align_val_t{alignof(Spawned)});
      if (&member == &owner)
        --group.spawned_;
      else
        group.done_elsewhere_.add(1, member);  // the group may be gone after this
    }

  private:
    TaskGroup& group_;
    F act_;
  };

  void settle() {
    while (spawned_ != 0) {
      if (Team::Task* task = self_.pop())
        task->execute(self_);
      else
        wait_for_stolen();
    }
  }
  void wait_for_stolen();
  void fail() noexcept;
  [[noreturn]] void rethrow();

  Team::Member& self_;
  std::uint64_t spawned_{0};    // and not yet executed, as far as this member knows
  std::uint64_t elsewhere_{0};  // of done_elsewhere_: accounted for in spawned_
  Team::Member::Counter done_elsewhere_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // written by who set failed_
};

}  // namespace troupe
