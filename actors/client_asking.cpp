#include <chrono>

#include "actors/client_core.hpp"

// What a client orders of the scheduler, and asks it.

namespace troupe {

namespace {

std::vector<KeyRange> ranges_of(std::span<const FutureHandle> futures) {
  std::vector<KeyRange> ranges;
  for (const auto& future : futures) {
    const auto key = future.key();
    if (!ranges.empty() && ranges.back().first.value + ranges.back().count == key.value) {
      ++ranges.back().count;
    } else {
      ranges.push_back({key, 1});
    }
  }
  return ranges;
}

}  // namespace

void ClientCore::tell(ClientEvent event) {
  std::unique_lock lock(mutex_);
  if (ended_) return;
  seal();
  orders_.push_back({std::move(event), nullptr});
  wake_unlocked(lock);
}

void ClientCore::cancel(std::span<const FutureHandle> futures, bool force, std::string reason) {
  check_mine(futures);
  tell(CancelWanted{ranges_of(futures), force, std::move(reason)});
}

void ClientCore::retry(std::span<const FutureHandle> futures) {
  check_mine(futures);
  tell(RetryWanted{ranges_of(futures)});
}

template <class T>
Result<T> ClientCore::ask(RequestId request, Order order, Deadline deadline) {
  check_may_block("a question to the scheduler");
  std::future<Result<Reply>> answer;
  {
    std::unique_lock lock(mutex_);
    if (ended_) return fail(ErrorKind::disconnected, "the client is closed");
    answer = requests_[request].get_future();
    seal();
    orders_.push_back(std::move(order));
    wake_unlocked(lock);
  }
  const auto asked = std::chrono::steady_clock::now();
  if (deadline && answer.wait_until(*deadline) == std::future_status::timeout) {
    std::lock_guard lock(mutex_);
    if (requests_.erase(request) > 0) return fail(ErrorKind::failed, "no answer from the scheduler in the time given");
  }
  auto reply = answer.get();
  const auto took = std::chrono::steady_clock::now() - asked;
  {
    std::lock_guard lock(counters_mutex_);
    counters_.requests.add(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  }
  if (!reply) return tl::unexpected(std::move(reply.error()));
  return std::get<T>(std::move(*reply));
}

Result<QueryReply> ClientCore::query(Query query, Deadline deadline) {
  const RequestId request{next_request_.fetch_add(1)};
  query.request = request;
  auto reply = ask<QueryReply>(request, {QueryWanted{std::move(query)}, nullptr}, deadline);
  if (reply && reply->error) return tl::unexpected(*reply->error);
  return reply;
}

Result<QueryReply> ClientCore::place(PlacementWanted wanted, Deadline deadline) {
  const RequestId request{next_request_.fetch_add(1)};
  std::visit([&](auto& command) { command.request = request; }, wanted.command);
  auto reply = ask<QueryReply>(request, {std::move(wanted), nullptr}, deadline);
  if (reply && reply->error) return tl::unexpected(*reply->error);
  return reply;
}

Result<RunReply> ClientCore::run(RunOnWorkers run, Deadline deadline) {
  const RequestId request{next_request_.fetch_add(1)};
  run.request = request;
  return ask<RunReply>(request, {RunWanted{std::move(run)}, nullptr}, deadline);
}

Result<void> ClientCore::upload(Upload upload) {
  const RequestId request{next_request_.fetch_add(1)};
  upload.module.request = request;
  return ask<PutReply>(request, {std::move(upload), nullptr}, {}).map([](const PutReply&) {});
}

void ClientCore::answer(RequestId request, Result<Reply> reply) {
  std::lock_guard lock(mutex_);
  if (const auto found = requests_.find(request); found != requests_.end()) {
    found->second.set_value(std::move(reply));
    requests_.erase(found);
  }
}

}  // namespace troupe
