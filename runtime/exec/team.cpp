#include "runtime/exec/team.hpp"

#include <pthread.h>
#include <sched.h>
#include <csignal>

#include "protocol/error.hpp"

namespace troupe {
namespace {

constexpr unsigned spin_rounds = 64;  // looks for work before a member lets other threads run
constexpr unsigned yield_rounds = 8;  // and before it sleeps
constexpr std::size_t slab_blocks = 64;

thread_local Team::Member* current_member = nullptr;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

Team::Team(unsigned threads) : threads_(threads == 0 ? 1 : threads), members_(new Member[threads_ - 1 + guests_max]) {
  for (unsigned i = 0; i < threads_ - 1 + guests_max; ++i) {
    members_[i].team_ = this;
    members_[i].index_ = i;
    members_[i].seed_ = i * 2654435761U + 1;
  }
  // Signals of the host program are not for these threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i + 1 < threads_; ++i) handles_.emplace_back([this, i] { work(members_[i]); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Team::~Team() {
  TROUPE_ASSERT(guests_.load() == 0, "a team is destroyed while a thread runs in it");
  stopping_.store(true, std::memory_order_seq_cst);
  parking_.wake_all();
  for (auto& handle : handles_) handle.join();
}

Team::Member* Team::current() const {
  return current_member != nullptr && current_member->team_ == this ? current_member : nullptr;
}

Team* Team::joined() { return current_member != nullptr ? current_member->team_ : nullptr; }

Team::Guest::Guest(Team& joined) : team(joined), self(joined.enter()), outer(std::exchange(current_member, &self)) {}

Team::Guest::~Guest() {
  current_member = outer;
  team.leave(self);
}

Team::Member& Team::enter() {
  for (;;) {
    auto taken = guests_.load(std::memory_order_relaxed);
    while (taken != ~0U) {
      const auto free = static_cast<unsigned>(__builtin_ctz(~taken));
      if (guests_.compare_exchange_weak(taken, taken | 1U << free, std::memory_order_seq_cst))
        return members_[threads_ - 1 + free];
    }
    std::unique_lock lock(guests_mutex_);
    guest_left_.wait(lock, [this] { return guests_.load() != ~0U; });
  }
}

void Team::leave(Member& guest) {
  TROUPE_ASSERT(guest.deque_.empty(), "Team::run ended before the tasks that it pushed");
  const std::lock_guard lock(guests_mutex_);
  guests_.fetch_and(~(1U << (guest.index_ - (threads_ - 1))), std::memory_order_seq_cst);
  guest_left_.notify_one();
}

void Team::work(Member& self) {
  pthread_setname_np(pthread_self(), "troupe-team");
  current_member = &self;
  while (!stopping_.load(std::memory_order_relaxed))
    if (Task* task = self.steal_or_sleep(nullptr, 0)) {
      task->execute(self);
      while (Task* own = self.pop()) own->execute(self);
    }
}

Team::Task* Team::steal(Member& self) {
  const unsigned own = threads_ - 1;
  if (own > 0) {
    self.seed_ = self.seed_ * 1664525U + 1013904223U;
    auto victim = static_cast<unsigned>(std::uint64_t{self.seed_} * own >> 32);
    for (unsigned i = 0; i < own; ++i, victim = victim + 1 == own ? 0 : victim + 1)
      if (victim != self.index_)
        if (Task* task = members_[victim].deque_.steal()) return task;
  }
  for (auto guests = guests_.load(std::memory_order_seq_cst); guests != 0; guests &= guests - 1) {
    const auto victim = own + static_cast<unsigned>(__builtin_ctz(guests));
    if (victim != self.index_)
      if (Task* task = members_[victim].deque_.steal()) return task;
  }
  return nullptr;
}

Team::Task* Team::Member::steal_or_sleep(Counter* counter, std::uint64_t target) {
  const auto done = [&] { return counter != nullptr && counter->count() == target; };
  Team& team = *team_;
  for (unsigned round = 0; round < spin_rounds + yield_rounds; ++round) {
    if (done()) return nullptr;
    if (Task* task = team.steal(*this)) return task;
    if (round < spin_rounds)
      relax();
    else
      sched_yield();
  }
  team.parking_.enlist(bed_);
  if (counter != nullptr) counter->word_.fetch_or(1, std::memory_order_seq_cst);
  UnevenFence::heavy();
  Task* const task = team.steal(*this);
  if (task != nullptr || done() || team.stopping_.load(std::memory_order_seq_cst)) {
    // Whoever woke it in between meant another task than this; it must not be forgotten.
    if (!team.parking_.leave(bed_)) team.parking_.wake_one();
    return task;
  }
  team.parking_.sleep(bed_);
  return nullptr;
}

void Team::Member::help_until(Counter& counter, std::uint64_t target) {
  while (counter.count() != target) {
    if (Task* task = steal_or_sleep(&counter, target)) {
      task->execute(*this);
      while (Task* own = pop()) own->execute(*this);
    }
  }
  counter.word_.store(target << 1, std::memory_order_relaxed);  // nobody touches it now
}

void Team::Member::refill() {
  free_ = returned_.exchange(nullptr, std::memory_order_acquire);
  if (free_ != nullptr) return;
  slabs_.push_back(std::make_unique<Block[]>(slab_blocks));
  for (std::size_t i = slab_blocks; i-- > 0;) {
    slabs_.back()[i].next = free_;
    free_ = &slabs_.back()[i];
  }
}

void Team::Member::release_from_afar(Block& block) {
  Block* head = returned_.load(std::memory_order_relaxed);
  do block.next = head;
  while (!returned_.compare_exchange_weak(head, &block, std::memory_order_release, std::memory_order_relaxed));
}

void TaskGroup::wait_for_stolen() {
  elsewhere_ += spawned_;
  self_.help_until(done_elsewhere_, elsewhere_);
  spawned_ = 0;
}

void TaskGroup::fail() noexcept {
  if (!failed_.exchange(true, std::memory_order_acq_rel)) error_ = std::current_exception();
}

void TaskGroup::rethrow() {
  failed_.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace troupe
