#include "actors/inspection.hpp"

#include <utility>

#include "actors/client.hpp"
#include "actors/client_core.hpp"

namespace troupe {
namespace {

constexpr std::chrono::seconds patience{30};
constexpr std::size_t request_bytes_max = 64U << 10;

template <class T, class Request>
ByWorker<T> ask(Client& client, std::string_view function, Request request, std::vector<std::string> workers,
                std::chrono::microseconds at_least = {}) {
  RunOnWorkers run;
  run.function.kind = FunctionRef::Kind::builtin;
  run.function.name = function;
  std::vector<std::byte> bytes;
  if (!encode_inline(Value::make(std::move(request)), request_bytes_max, bytes))
    throw InvalidRequest("a question to workers is too long");
  run.arguments = Bytes::own(std::move(bytes));
  run.workers = std::move(workers);
  const auto deadline = std::chrono::steady_clock::now() + at_least + patience;
  auto reply = client.core().run(std::move(run), deadline);
  if (!reply) throw_error(reply.error());
  ByWorker<T> answers;
  for (auto& outcome : reply->outcomes) {
    if (outcome.error) {
      answers.emplace(outcome.worker.name, tl::unexpected(*outcome.error));
      continue;
    }
    auto value = decode_inline_as<T>(outcome.value);
    if (value) {
      answers.emplace(outcome.worker.name, std::move(*value));
    } else {
      TaskError error;
      error.message = std::move(value.error().text);
      answers.emplace(outcome.worker.name, tl::unexpected(std::move(error)));
    }
  }
  return answers;
}

}  // namespace

ByWorker<LogReply> worker_logs(Client& client, std::vector<std::string> workers, LogRequest request) {
  return ask<LogReply>(client, inspect_log, request, std::move(workers));
}

ByWorker<std::vector<RunningStack>> worker_stacks(Client& client, std::vector<std::string> workers) {
  return ask<std::vector<RunningStack>>(client, inspect_stacks, Unit{}, std::move(workers));
}

ByWorker<Profile> worker_profiles(Client& client, std::vector<std::string> workers, const ProfileRequest& request) {
  return ask<Profile>(client, inspect_profile, request, std::move(workers),
                      std::chrono::microseconds(static_cast<std::int64_t>(request.duration_us)));
}

ByWorker<ProfilePast> worker_pasts(Client& client, std::vector<std::string> workers,
                                   const ProfilePastRequest& request) {
  return ask<ProfilePast>(client, inspect_past, request, std::move(workers));
}

ByWorker<WorkerReport> worker_reports(Client& client, std::vector<std::string> workers) {
  return ask<WorkerReport>(client, inspect_report, Unit{}, std::move(workers));
}

}  // namespace troupe
