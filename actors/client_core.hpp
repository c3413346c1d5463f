#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "actors/callback_pool.hpp"
#include "actors/chunk_builder.hpp"
#include "actors/future_table.hpp"
#include "monitoring/client_counters.hpp"
#include "runtime/core/client_events.hpp"
#include "runtime/exec/call_frame.hpp"

namespace troupe {

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

/// How user threads reach the loop that a client's session lives on.
class ClientLoop {
public:
  virtual ~ClientLoop() = default;
  /// The session is to call ClientCore::take() soon. From any thread.
  virtual void wake() = 0;
  [[nodiscard]] virtual bool on_loop() const = 0;
};

/// The half of a client that user threads touch: pages of futures, the calls that wait to be sent, and sleepers.
/// Shared by the Client, its futures and its session; from any thread, but where it says "loop".
///
/// A call is appended to the open batch under a short lock; the loop is woken when there was nothing to take before,
/// and takes all there is: so one submission a wake-up, however many threads submit.
class ClientCore : public std::enable_shared_from_this<ClientCore> {
public:
  /// Values to be fetched, by whoever waits for them.
  struct FetchValues {
    std::vector<FutureHandle> futures;
  };
  struct Scatter {
    ScatterWanted wanted;
    std::vector<Value> values;
  };
  /// A module file for one worker.
  struct Upload {
    std::string address;
    PutModule module;  ///< its `request` names the answer
    Bytes file;
  };
  struct Order {
    std::variant<ClientEvent, FetchValues, Scatter, Upload> what;
    detail::FuturePage* page{};  ///< new with it, or null
  };
  struct Released {
    detail::FuturePage* page{};
    std::uint32_t first{};  ///< task
    std::uint32_t count{};
  };
  struct Taken {
    std::vector<Order> orders;
    std::vector<Released> released;  ///< after the orders; none while calls are left that may name them
    bool batch_left{};               ///< the open batch has calls, left to grow
  };

  ClientCore(std::unique_ptr<ClientLoop> loop, Token seed);
  ~ClientCore();

  // ---- any thread ----------------------------------------------------------------------------------------------

  /// One call; all but pure and named ones go with whatever else is submitted before the loop looks.
  FutureHandle submit(const CallView& call);
  /// Numbers a chunk whose page, if it has one at all, is made later.
  [[nodiscard]] std::uint64_t next_page_number() { return next_page_.fetch_add(1, std::memory_order_relaxed); }
  /// Hands over a chunk of a graph, `submitted.chunk` and all; its `page` must be numbered already. A handle for each
  /// of its tasks, or of `wanted`, is appended. Blocks while many chunks wait, unless on the loop.
  void submit_chunk(GraphSubmitted submitted, std::vector<std::uint32_t> wanted, std::vector<FutureHandle>& handles);
  std::vector<FutureHandle> scatter(std::vector<Value> values, unsigned replicas, std::vector<std::string> workers);

  void cancel(std::span<const FutureHandle> futures, bool force, std::string reason);
  void retry(std::span<const FutureHandle> futures);
  [[nodiscard]] Result<QueryReply> query(Query query, Deadline deadline = {});
  /// The command's `request` is filled in.
  [[nodiscard]] Result<QueryReply> place(PlacementWanted wanted, Deadline deadline = {});
  [[nodiscard]] Result<RunReply> run(RunOnWorkers run, Deadline deadline = {});
  [[nodiscard]] Result<void> upload(Upload upload);
  void tell(ClientEvent event);
  void release(detail::FutureSlot* slot);

  /// Waits until none of them is pending. False: the deadline came first.
  [[nodiscard]] bool wait_all(std::span<const FutureHandle> futures, Deadline deadline);
  /// Waits until one of them, at least, is not pending.
  [[nodiscard]] bool wait_any(std::span<const FutureHandle> futures, Deadline deadline);
  /// Waits until none of them is pending and every value is here. False: the deadline came first.
  [[nodiscard]] bool wait_values(std::span<const FutureHandle> futures, Deadline deadline);
  /// Runs it when the future is done, and has its value here if it asks so; soon if that is so already.
  void when_done(const FutureHandle& future, std::unique_ptr<detail::Continuation> continuation);

  /// A future of another client, or none at all, cannot be used here: throws InvalidRequest.
  void check_mine(std::span<const ClientKey> inputs) const;
  void check_mine(std::span<const FutureHandle> futures) const;
  /// Blocking on the loop would stop what is waited for: aborts, naming the call.
  void check_may_block(const char* call) const;
  [[nodiscard]] Token random_token();
  /// Names a call by what it does: equal for equal calls, in any client.
  [[nodiscard]] Token token_of(const CallView& call) const;
  /// How a future's task is called.
  [[nodiscard]] std::string prefix_of(const detail::FutureSlot& slot) const;
  [[nodiscard]] CallbackPool& callbacks() { return callbacks_; }
  /// What was counted, as of the session's last turn.
  [[nodiscard]] monitoring::ClientCounters counters() const;

  /// Waits until the scheduler knows us, or the session has ended.
  [[nodiscard]] bool wait_connected(Deadline deadline);
  /// Waits until the session has ended.
  [[nodiscard]] bool wait_ended(Deadline deadline);
  [[nodiscard]] bool ended() const;
  /// Why, once it has ended.
  [[nodiscard]] Error end_reason() const;

  // ---- loop ----------------------------------------------------------------------------------------------------

  /// All that waits, the open batch too unless `leave_batch`.
  Taken take(bool leave_batch);
  /// Chunks that wait for the wire.
  void set_backlog(std::size_t chunks);
  /// Of the turn; others see it from tell_counters() on.
  [[nodiscard]] monitoring::ClientCounters& counting() { return counting_; }
  void tell_counters();
  void set_outcome(detail::FutureSlot& slot, detail::SlotState state, std::unique_ptr<detail::Outcome> outcome);
  /// `value` is a part of `owner`.
  void set_inline(detail::FutureSlot& slot, const Bytes& owner, std::span<const std::byte> value);
  void set_pending(detail::FutureSlot& slot);
  /// Wakes sleepers and runs continuations of all that changed since the last call. Returns futures whose value
  /// continuations wait for.
  [[nodiscard]] std::vector<FutureHandle> publish();
  using Reply = std::variant<QueryReply, RunReply, PutReply>;
  void answer(RequestId request, Result<Reply> reply);
  /// A page was accepted or refused: those who ask for its group look again.
  void notify() { notify_ = true; }
  /// Keys that nobody holds any more; frees the page with its last.
  static bool let_go(detail::FuturePage& page, std::uint32_t count);
  /// The session is over: pages are freed by their last handle from now on. False: there is something to take first.
  [[nodiscard]] bool end(const Error& reason);
  void set_connected();

private:
  void open_batch();
  /// Closes the open batch into an order.
  void seal();
  void wake_unlocked(std::unique_lock<std::mutex>& lock);
  FutureHandle submit_alone(const CallView& call);
  template <class Done>
  bool sleep_until(Deadline deadline, Done done);
  [[nodiscard]] bool mark_or_done(detail::FutureSlot& slot, bool value) const;
  void collect(detail::FutureSlot& slot);
  void count_outcome(detail::SlotState before, detail::SlotState state);
  template <class T>
  Result<T> ask(RequestId request, Order order, Deadline deadline);

  const std::unique_ptr<ClientLoop> loop_;
  const Token seed_;
  std::atomic<std::uint64_t> next_token_{1};
  std::atomic<std::uint64_t> next_request_{1};
  std::atomic<std::uint64_t> next_page_{1};

  mutable std::mutex mutex_;  // guards all to the next blank line
  std::vector<Order> orders_;
  std::vector<Released> released_;
  ChunkBuilder batch_;
  detail::FuturePage* batch_page_{};
  TaskId batch_parent_;
  SpanContext batch_span_;
  std::uint32_t batch_capacity_{16};
  bool woken_{};
  bool connected_{};
  bool ended_{};
  Error end_reason_;
  std::unordered_map<Token, detail::FutureSlot*> shared_;  // pure and named keys that have handles
  std::map<RequestId, std::promise<Result<Reply>>> requests_;

  std::mutex sleep_mutex_;
  std::condition_variable changed_;
  std::atomic<std::size_t> backlog_{};

  bool notify_{};                                                // loop only
  std::vector<std::unique_ptr<detail::Continuation>> runnable_;  // loop only
  std::vector<FutureHandle> wanted_values_;                      // loop only
  CallbackPool callbacks_;

  monitoring::ClientCounters counting_;  // loop only
  mutable std::mutex counters_mutex_;
  monitoring::ClientCounters counters_;  // guarded by counters_mutex_
};

namespace detail {

/// Gives the slot of the task that calls back for as long as `wait` blocks, so that what it waits for can run.
template <class Wait>
bool blocking(const ClientCore& core, const char* call, Wait wait) {
  core.check_may_block(call);
  struct Away {
    Away() { this_task::secede(); }
    ~Away() { this_task::rejoin(); }
  } away;
  return wait();
}

}  // namespace detail

}  // namespace troupe
