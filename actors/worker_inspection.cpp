#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <caf/all.hpp>
#include <utility>

#include "actors/inspection.hpp"
#include "actors/log_ring.hpp"
#include "actors/worker_actor.hpp"

/// What a worker answers about itself: see inspection.hpp.
namespace troupe {

namespace {

constexpr std::size_t answer_bytes = 16U << 20;
constexpr std::size_t keys_most = 100'000;
constexpr std::uint64_t duration_us_max = 600'000'000;
constexpr std::uint64_t interval_us_min = 1000;

std::shared_ptr<const TaskError> trouble(std::string text) {
  TaskError error;
  error.kind = TaskError::Kind::invalid;
  error.message = std::move(text);
  return std::make_shared<const TaskError>(std::move(error));
}

template <class T>
FunctionRan answer_of(RequestId request, T value) {
  FunctionRan ran{request, {}, {}};
  std::vector<std::byte> encoded;
  if (encode_inline(Value::make(std::move(value)), answer_bytes, encoded))
    ran.value = Bytes::own(std::move(encoded));
  else
    ran.error = trouble(fmt::format("the answer is larger than {} bytes", answer_bytes));
  return ran;
}

template <class T>
FunctionRan answer_of(RequestId request, Result<T> value) {
  if (value) return answer_of(request, std::move(*value));
  return {request, {}, trouble(value.error().text)};
}

}  // namespace

WorkerReport WorkerActor::report() {
  WorkerReport report;
  report.name = name_;
  report.address = shared_->address;
  report.status = name_of(state_->status());
  report.pid = static_cast<std::uint64_t>(::getpid());
  const auto now = counters();
  report.counters = {{"threads", now.threads},
                     {"executing", now.executing},
                     {"ready", now.ready},
                     {"waiting", now.waiting},
                     {"fetching", now.fetching},
                     {"seceded", now.seceded},
                     {"stored", now.stored},
                     {"spilled", now.spilled},
                     {"managed_bytes", now.managed_bytes},
                     {"spilled_bytes", now.spilled_bytes},
                     {"process_bytes", now.process_bytes},
                     {"memory_limit", now.memory_limit},
                     {"paused", now.paused},
                     {"finished", now.finished},
                     {"erred", now.erred},
                     {"transfers_incoming", now.transfers_incoming},
                     {"transfers_outgoing", now.transfers_outgoing},
                     {"received_bytes", now.received_bytes},
                     {"sent_bytes", now.sent_bytes},
                     {"spill_errors", now.spill_errors}};
  for (const auto& [task, key] : state_->keys(keys_most))
    report.keys.push_back({task.value, key.run.value, name_of(key.intent), name_of(key.activity), name_of(key.data),
                           key.waiting_for, key.needed});
  report.keys_left_out = state_->key_count() - report.keys.size();
  return report;
}

/// Asks the threads of the pool on a thread apart: a profile takes its time, and symbols have to be looked up.
template <class Ask>
void WorkerActor::ask_threads(RequestId request, Ask ask) {
  if (!inspections_) inspections_ = std::make_shared<Inspections>();
  boost::asio::post(inspections_->thread, [this, weak = address(), node = &node_, generation = generation_, request,
                                           pool = pool_, about = inspections_, ask = std::move(ask)] {
    auto ran = answer_of(request, ask(*pool, about->stop));
    node->post([this, weak, generation, ran = std::move(ran)]() mutable {
      const auto alive = caf::actor_cast<caf::actor>(weak);
      if (alive && !ended_ && generation == generation_) link_->send({std::move(ran)});
    });
  });
}

/// True: it is a question about this worker, and is answered, or will be.
bool WorkerActor::inspect(const RunFunction& request) {
  if (request.function.kind != FunctionRef::Kind::builtin) return false;
  const std::string_view name = request.function.name;
  if (name == inspect_log) {
    const auto asked = decode_inline_as<LogRequest>(request.arguments);
    if (!asked) return link_->send({FunctionRan{request.request, {}, trouble(asked.error().text)}}), true;
    auto page = asked->task ? node_.recent_log().page_of(asked->task, asked->count)
                            : node_.recent_log().page(asked->after, asked->count);
    link_->send({answer_of(request.request, LogReply{std::move(page.lines), page.next})});
    return true;
  }
  if (name == inspect_report) return link_->send({answer_of(request.request, report())}), true;
  if (name == inspect_stacks) {
    ask_threads(request.request, [](const Pool& pool, const std::atomic<bool>&) { return running_stacks(pool); });
    return true;
  }
  if (name == inspect_past) {
    auto asked = decode_inline_as<ProfilePastRequest>(request.arguments);
    if (!asked) return link_->send({FunctionRan{request.request, {}, trouble(asked.error().text)}}), true;
    if (!profiler_) return link_->send({FunctionRan{request.request, {}, trouble(profile_is_off_)}}), true;
    ask_threads(request.request, [profiler = profiler_, wanted = std::move(*asked)](
                                     const Pool&, const std::atomic<bool>&) { return profiler->past(wanted); });
    return true;
  }
  if (name == inspect_profile) {
    const auto asked = decode_inline_as<ProfileRequest>(request.arguments);
    if (!asked) return link_->send({FunctionRan{request.request, {}, trouble(asked.error().text)}}), true;
    ProfileOptions options;
    options.duration = std::chrono::microseconds(std::min(asked->duration_us, duration_us_max));
    options.interval = std::chrono::microseconds(std::max(asked->interval_us, interval_us_min));
    options.function = asked->function;
    ask_threads(request.request, [options](const Pool& pool, const std::atomic<bool>& stop) {
      return take_profile(pool, options, stop);
    });
    return true;
  }
  return false;
}

}  // namespace troupe
