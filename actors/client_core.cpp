#include "actors/client_core.hpp"

#include <algorithm>

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "actors/errors.hpp"
#include "actors/span.hpp"

namespace troupe {

using detail::Continuation;
using detail::FuturePage;
using detail::FutureSlot;
using detail::Outcome;
using detail::SlotState;

namespace {

constexpr std::uint32_t batch_capacity_min = 16;
constexpr std::size_t backlog_max = 16;
constexpr std::uint8_t slot_value_wanted = 0x20;  // whoever makes it remote starts to fetch it

SlotState state_of(std::uint8_t bits) { return static_cast<SlotState>(bits & detail::slot_state_mask); }
bool is_done(SlotState state, bool value) {
  return state != SlotState::pending && (!value || state != SlotState::remote);
}

/// A handle, unless the last one is gone already.
FutureHandle hold(FutureSlot& slot) {
  auto count = slot.references.load(std::memory_order_relaxed);
  while (count != 0)
    if (slot.references.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return FutureHandle(&slot);
  return {};
}

void push(FutureSlot& slot, Continuation* continuation) {
  continuation->next = slot.continuations.load(std::memory_order_relaxed);
  while (!slot.continuations.compare_exchange_weak(continuation->next, continuation)) {
  }
}

SpanContext span_now() { return Span::current() != nullptr ? *Span::current() : SpanContext{}; }
bool is_current(const SpanContext& span) {
  const auto* now = Span::current();
  return now == nullptr ? !span : span == *now;
}

}  // namespace

void detail::release_slot(FutureSlot* slot) { page_of(slot)->core->release(slot); }

ClientCore::ClientCore(std::unique_ptr<ClientLoop> loop, Token seed) : loop_(std::move(loop)), seed_(seed) {}

ClientCore::~ClientCore() = default;

// ---- submitting ------------------------------------------------------------------------------------------------

Token ClientCore::random_token() {
  const std::uint64_t number = next_token_.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t words[] = {seed_.high, seed_.low, number};
  const auto hash = XXH3_128bits(words, sizeof words);
  return {hash.high64, hash.low64};
}

Token ClientCore::token_of(const CallView& call) const {
  static const TaskOptions none;
  const auto& options = call.options != nullptr ? *call.options : none;
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  const auto text = [&](std::string_view part) {
    const std::uint64_t size = part.size();
    XXH3_128bits_update(&state, &size, sizeof size);
    XXH3_128bits_update(&state, part.data(), part.size());
  };
  if (!options.key.empty()) {
    text("troupe key");
    text(options.key);
  } else {
    text("troupe call");
    text(call.function->module);
    XXH3_128bits_update(&state, &call.function->build, sizeof call.function->build);
    text(call.function->name);
    text({reinterpret_cast<const char*>(call.arguments.data()), call.arguments.size()});
    for (const auto name : call.inputs) {
      const auto* slot = slot_named(name);
      const auto* page = detail::page_of(slot);
      const std::uint64_t words[] = {page->token.high, page->token.low, page->task_of(*slot)};
      XXH3_128bits_update(&state, words, sizeof words);
    }
  }
  const auto hash = XXH3_128bits_digest(&state);
  return {hash.high64, hash.low64};
}

void ClientCore::check_mine(std::span<const ClientKey> inputs) const {
  for (const auto name : inputs) {
    if (name.value == 0) throw InvalidRequest("an empty future cannot be an argument");
    if (name.value >> 63 != 0) throw InvalidRequest("a node of a Graph cannot be an argument outside of that graph");
    if (detail::page_of(slot_named(name))->core.get() != this)
      throw InvalidRequest("a future of another client cannot be an argument: get() its value, or scatter it");
  }
}

void ClientCore::check_mine(std::span<const FutureHandle> futures) const {
  for (const auto& future : futures) {
    if (!future) throw InvalidRequest("an empty future was given");
    if (&future.core() != this) throw InvalidRequest("a future of another client was given");
  }
}

FutureHandle ClientCore::submit(const CallView& call) {
  check_mine(call.inputs);
  if (call.options != nullptr && (call.options->pure || !call.options->key.empty())) return submit_alone(call);
  std::unique_lock lock(mutex_);
  if (ended_) throw Disconnected("the client is closed");
  const TaskId parent = this_task::id();
  if (!is_current(batch_span_) || parent.group() != batch_parent_.group()) seal();
  if (batch_page_ == nullptr) open_batch();
  const bool first = batch_.empty();
  if (first) {
    batch_parent_ = parent;  // others of its group come along
    batch_span_ = span_now();
  }
  auto* page = batch_page_;
  batch_.add(call, page);
  if (const auto which = batch_.last_template(); which != 0 || first) {
    page->templates_of.resize(which == 0 ? 0 : page->size);
    if (which != 0) page->templates_of.push_back(which);
    if (which >= page->prefixes.size()) page->prefixes.push_back(batch_.last_prefix());
  } else if (!page->templates_of.empty()) {
    page->templates_of.push_back(0);
  }
  auto& slot = page->slots()[page->size++];
  slot.references.store(1, std::memory_order_relaxed);
  if (page->size == page->capacity || batch_.full()) {
    seal();
    wake_unlocked(lock);
  } else if (first) {
    wake_unlocked(lock);
  }
  return FutureHandle(&slot);
}

void ClientCore::open_batch() {
  batch_page_ = FuturePage::make(shared_from_this(), next_page_number(), batch_capacity_);
  batch_page_->token = random_token();
}

void ClientCore::seal() {
  if (batch_.empty()) return;
  auto* page = std::exchange(batch_page_, nullptr);
  page->live = page->size;
  batch_capacity_ = std::clamp(page->size * 2, batch_capacity_min, ChunkBuilder::tasks_max);
  GraphSubmitted all{page->number,    page->number, true,          page->token, {},
                     batch_.finish(), {},           batch_parent_, batch_span_};
  orders_.push_back({ClientEvent{std::move(all)}, page});
}

void ClientCore::wake_unlocked(std::unique_lock<std::mutex>& lock) {
  if (std::exchange(woken_, true)) return;
  lock.unlock();
  loop_->wake();
}

FutureHandle ClientCore::submit_alone(const CallView& call) {
  const auto token = token_of(call);
  ChunkBuilder builder;
  std::unique_lock lock(mutex_);
  if (ended_) throw Disconnected("the client is closed");
  // A named call goes to the scheduler each time: only it can tell whether the definition is the same.
  if (call.options->key.empty())
    if (const auto found = shared_.find(token); found != shared_.end()) {
      const auto state = found->second->current();
      if (state != SlotState::cancelled && state != SlotState::lost)
        if (auto handle = hold(*found->second)) return handle;
    }
  seal();
  auto* page = FuturePage::make(shared_from_this(), next_page_number(), 1);
  try {
    builder.add(call, page);
  } catch (...) {
    lock.unlock();
    FuturePage::destroy(page);
    throw;
  }
  page->token = token;
  page->shared = true;
  page->size = page->live = 1;
  page->prefixes.push_back(builder.last_prefix());
  auto& slot = page->slots()[0];
  slot.references.store(1, std::memory_order_relaxed);
  shared_[token] = &slot;
  GraphSubmitted one{page->number, page->number,    true,      token, call.options->key, builder.finish(),
                     {},           this_task::id(), span_now()};
  orders_.push_back({ClientEvent{std::move(one)}, page});
  wake_unlocked(lock);
  return FutureHandle(&slot);
}

void ClientCore::submit_chunk(GraphSubmitted submitted, std::vector<std::uint32_t> wanted,
                              std::vector<FutureHandle>& handles) {
  if (!loop_->on_loop() && !(submitted.last && submitted.graph == submitted.page))
    (void)sleep_until({}, [this] {
      std::lock_guard lock(mutex_);
      return ended_ || orders_.size() + backlog_.load(std::memory_order_relaxed) < backlog_max;
    });
  submitted.parent = this_task::id();
  submitted.span = span_now();
  const bool all = submitted.chunk->all_wanted;
  const auto size = all ? submitted.chunk->size : static_cast<std::uint32_t>(wanted.size());
  FuturePage* page = nullptr;  // without wanted tasks there is nothing to be told
  if (size > 0) {
    page = FuturePage::make(shared_from_this(), submitted.page, size);
    page->token = submitted.token;
    page->size = page->live = size;
    for (const auto& each : submitted.chunk->templates) page->prefixes.push_back(each.prefix);
    if (page->prefixes.size() > 1)
      for (std::uint32_t i = 0; i < size; ++i)
        page->templates_of.push_back(static_cast<std::uint16_t>(submitted.chunk->template_index(all ? i : wanted[i])));
    page->tasks = std::move(wanted);
    for (std::uint32_t i = 0; i < size; ++i) page->slots()[i].references.store(1, std::memory_order_relaxed);
  }
  handles.reserve(handles.size() + size);
  std::unique_lock lock(mutex_);
  if (ended_) {
    lock.unlock();
    if (page != nullptr) FuturePage::destroy(page);
    throw Disconnected("the client is closed");
  }
  seal();
  orders_.push_back({ClientEvent{std::move(submitted)}, page});
  for (std::uint32_t i = 0; i < size; ++i) handles.emplace_back(page->slots() + i);
  wake_unlocked(lock);
}

std::string ClientCore::prefix_of(const FutureSlot& slot) const {
  const auto* page = detail::page_of(&slot);
  const std::lock_guard lock(mutex_);
  return page->prefixes[page->templates_of.empty() ? 0 : page->templates_of[slot.ordinal]];
}

// ---- waiting ---------------------------------------------------------------------------------------------------

void ClientCore::check_may_block(const char* call) const {
  if (loop_->on_loop())
    assertion_failed("not on the loop", __FILE__, __LINE__,
                     fmt::format("{} blocks, on the very loop thread that would bring what it waits for; use then() or "
                                 "co_await",
                                 call));
}

template <class Done>
bool ClientCore::sleep_until(Deadline deadline, Done done) {
  std::unique_lock lock(sleep_mutex_);
  while (!done()) {
    if (!deadline) {
      changed_.wait(lock);
    } else if (changed_.wait_until(lock, *deadline) == std::cv_status::timeout) {
      return done();
    }
  }
  return true;
}

/// True if it is done; else whoever changes it will wake the sleepers, and fetch the value if that is asked for.
bool ClientCore::mark_or_done(FutureSlot& slot, bool value) const {
  if (is_done(slot.current(), value)) return true;
  const auto bits = static_cast<std::uint8_t>(detail::slot_waited | (value ? slot_value_wanted : 0));
  return is_done(state_of(slot.state.fetch_or(bits, std::memory_order_acq_rel)), value);
}

bool ClientCore::wait_all(std::span<const FutureHandle> futures, Deadline deadline) {
  // From the last on: mostly they are done in order, and then one sleep is enough.
  auto left = futures.size();
  return sleep_until(deadline, [&] {
    while (left > 0 && mark_or_done(*futures[left - 1].slot(), false)) --left;
    return left == 0;
  });
}

bool ClientCore::wait_any(std::span<const FutureHandle> futures, Deadline deadline) {
  if (futures.empty()) return true;
  return sleep_until(deadline, [&] {
    return std::any_of(futures.begin(), futures.end(),
                       [this](const auto& future) { return mark_or_done(*future.slot(), false); });
  });
}

bool ClientCore::wait_values(std::span<const FutureHandle> futures, Deadline deadline) {
  auto left = futures.size();
  FetchValues fetch;
  for (const auto& future : futures) {
    auto& slot = *future.slot();
    if (is_done(slot.current(), true)) continue;
    const auto before = slot.state.fetch_or(slot_value_wanted, std::memory_order_acq_rel);
    if (state_of(before) == SlotState::remote) fetch.futures.push_back(future);
  }
  if (!fetch.futures.empty()) {
    std::unique_lock lock(mutex_);
    if (!ended_) {
      orders_.push_back({std::move(fetch), nullptr});
      wake_unlocked(lock);
    }
  }
  return sleep_until(deadline, [&] {
    while (left > 0 && mark_or_done(*futures[left - 1].slot(), true)) --left;
    return left == 0;
  });
}

void ClientCore::when_done(const FutureHandle& future, std::unique_ptr<Continuation> continuation) {
  auto& slot = *future.slot();
  const bool value = continuation->needs_value();
  push(slot, continuation.release());
  const auto state = state_of(value ? slot.state.fetch_or(slot_value_wanted) : slot.state.load());
  if (state == SlotState::pending) return;
  std::vector<std::unique_ptr<Continuation>> runnable;
  bool fetch = false;
  for (auto* each = slot.continuations.exchange(nullptr); each != nullptr;) {
    auto* next = each->next;
    if (state == SlotState::remote && each->needs_value()) {
      push(slot, each);
      fetch = true;
    } else if (each->on_loop()) {
      std::unique_ptr<Continuation>(each)->run();
    } else {
      runnable.emplace_back(each);
    }
    each = next;
  }
  if (!runnable.empty()) callbacks_.run(std::move(runnable));
  if (!fetch) return;
  std::unique_lock lock(mutex_);
  if (ended_) return;
  orders_.push_back({FetchValues{{future}}, nullptr});
  wake_unlocked(lock);
}

bool ClientCore::wait_connected(Deadline deadline) {
  return sleep_until(deadline, [this] {
    std::lock_guard lock(mutex_);
    return connected_ || ended_;
  });
}

void ClientCore::tell_counters() {
  std::lock_guard lock(counters_mutex_);
  counting_.requests = counters_.requests;  // which those count who ask
  counters_ = counting_;
}

monitoring::ClientCounters ClientCore::counters() const {
  std::lock_guard lock(counters_mutex_);
  return counters_;
}

void ClientCore::set_connected() {
  std::lock_guard lock(mutex_);
  if (!std::exchange(connected_, true)) notify_ = true;
}

Error ClientCore::end_reason() const {
  std::lock_guard lock(mutex_);
  return end_reason_;
}

bool ClientCore::wait_ended(Deadline deadline) {
  return sleep_until(deadline, [this] { return ended(); });
}

bool ClientCore::ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

// ---- releasing -------------------------------------------------------------------------------------------------

void ClientCore::release(FutureSlot* slot) {
  auto* page = detail::page_of(slot);
  std::unique_lock lock(mutex_);
  if (page->shared)
    if (const auto found = shared_.find(page->token); found != shared_.end() && found->second == slot)
      shared_.erase(found);
  if (ended_) {
    const auto keep = shared_from_this();
    const bool last = --page->live == 0;
    lock.unlock();
    if (last) FuturePage::destroy(page);
    return;
  }
  const auto task = page->task_of(*slot);
  if (!released_.empty() && released_.back().page == page && released_.back().first + released_.back().count == task) {
    ++released_.back().count;
  } else {
    released_.push_back({page, task, 1});
  }
  wake_unlocked(lock);
}

bool ClientCore::let_go(FuturePage& page, std::uint32_t count) {
  TROUPE_ASSERT(page.live >= count, "client: a key was let go twice");
  page.live -= count;
  if (page.live > 0) return false;
  FuturePage::destroy(&page);
  return true;
}

// ---- loop ------------------------------------------------------------------------------------------------------

ClientCore::Taken ClientCore::take(bool leave_batch) {
  std::lock_guard lock(mutex_);
  woken_ = false;
  if (!leave_batch) seal();
  if (orders_.size() >= backlog_max) notify_ = true;  // producers of chunks may go on
  Taken taken;
  taken.orders.swap(orders_);
  taken.batch_left = !batch_.empty();
  // A call that is left may name what was released after it, so all releases stay with it.
  if (!taken.batch_left) taken.released.swap(released_);
  return taken;
}

void ClientCore::set_backlog(std::size_t chunks) {
  const auto before = backlog_.exchange(chunks, std::memory_order_relaxed);
  if (before != chunks) notify_ = true;
}

void ClientCore::set_outcome(FutureSlot& slot, SlotState state, std::unique_ptr<Outcome> outcome) {
  if (slot.inline_size != FutureSlot::in_outcome) return;  // the value is here for good
  auto* before = slot.outcome.load(std::memory_order_relaxed);
  outcome->before.reset(before);
  slot.outcome.store(outcome.release(), std::memory_order_release);
  const auto bits = slot.state.exchange(static_cast<std::uint8_t>(state));
  count_outcome(static_cast<SlotState>(bits & detail::slot_state_mask), state);
  if ((bits & detail::slot_waited) != 0) notify_ = true;
  if (state == SlotState::remote && (bits & slot_value_wanted) != 0)
    if (auto handle = hold(slot)) wanted_values_.push_back(std::move(handle));
  collect(slot);
}

/// Of a value that lies on a worker first and is fetched then, the first counts.
void ClientCore::count_outcome(SlotState before, SlotState state) {
  switch (state) {
    case SlotState::pending: break;
    case SlotState::remote:
    case SlotState::finished: counting_.finished += before == SlotState::pending ? 1 : 0; break;
    case SlotState::erred: ++counting_.erred; break;
    case SlotState::cancelled: ++counting_.cancelled; break;
    case SlotState::lost: ++counting_.lost; break;
  }
}

void ClientCore::set_inline(FutureSlot& slot, const Bytes& owner, std::span<const std::byte> value) {
  if (slot.inline_size != FutureSlot::in_outcome) return;
  if (value.size() > FutureSlot::capacity || slot.outcome.load(std::memory_order_relaxed) != nullptr) {
    auto outcome = std::make_unique<Outcome>();
    outcome->inline_value = owner.slice(static_cast<std::size_t>(value.data() - owner.data()), value.size());
    set_outcome(slot, SlotState::finished, std::move(outcome));
    return;
  }
  std::copy(value.begin(), value.end(), slot.inline_value);
  slot.inline_size = static_cast<std::uint8_t>(value.size());
  const auto bits = slot.state.exchange(static_cast<std::uint8_t>(SlotState::finished));
  count_outcome(static_cast<SlotState>(bits & detail::slot_state_mask), SlotState::finished);
  if ((bits & detail::slot_waited) != 0) notify_ = true;
  collect(slot);
}

void ClientCore::set_pending(FutureSlot& slot) {
  if (slot.inline_size != FutureSlot::in_outcome) return;
  const auto* outcome = slot.outcome.load(std::memory_order_relaxed);
  if (slot.current() == SlotState::finished && outcome != nullptr)
    return;  // the value is here, wherever else it is not
  // Those who wait for the value go on to wait for it.
  auto bits = slot.state.load();
  while (!slot.state.compare_exchange_weak(bits, static_cast<std::uint8_t>(bits & ~detail::slot_state_mask))) {
  }
}

void ClientCore::collect(FutureSlot& slot) {
  if (slot.continuations.load() == nullptr) return;
  const auto state = slot.current();
  for (auto* each = slot.continuations.exchange(nullptr); each != nullptr;) {
    auto* next = each->next;
    if (state == SlotState::remote && each->needs_value()) {
      push(slot, each);
      if (auto handle = hold(slot)) wanted_values_.push_back(std::move(handle));
    } else if (each->on_loop()) {
      std::unique_ptr<Continuation>(each)->run();
    } else {
      runnable_.emplace_back(each);
    }
    each = next;
  }
}

std::vector<FutureHandle> ClientCore::publish() {
  if (std::exchange(notify_, false)) {
    { std::lock_guard lock(sleep_mutex_); }
    changed_.notify_all();
  }
  if (!runnable_.empty()) callbacks_.run(std::exchange(runnable_, {}));
  return std::exchange(wanted_values_, {});
}

bool ClientCore::end(const Error& reason) {
  std::vector<Released> released;
  std::map<RequestId, std::promise<Result<Reply>>> requests;
  FuturePage* open = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (!orders_.empty() || !batch_.empty()) return false;
    ended_ = true;
    end_reason_ = reason;
    open = std::exchange(batch_page_, nullptr);
    released.swap(released_);
    requests.swap(requests_);
    // From here on live counts are the lock's.
    std::erase_if(released, [](const Released& each) { return (each.page->live -= each.count) > 0; });
  }
  if (open != nullptr) FuturePage::destroy(open);
  for (const auto& each : released) FuturePage::destroy(each.page);
  for (auto& [request, promise] : requests) promise.set_value(fail(ErrorKind::disconnected, "the client is closed"));
  { std::lock_guard lock(sleep_mutex_); }
  changed_.notify_all();
  return true;
}

}  // namespace troupe
