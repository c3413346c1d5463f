#include <fmt/format.h>

#include <caf/all.hpp>
#include <utility>

#include "actors/worker_actor.hpp"

/// Functions that a worker runs once, outside the task system.
namespace troupe {

namespace {

/// Encodings of results of functions run outside tasks.
constexpr std::size_t function_result_bytes = 16U << 20;

}  // namespace

void WorkerActor::run_function(RunFunction& request) {
  if (inspect(request)) return;
  TaskTemplate tmpl;
  tmpl.function = std::move(request.function);
  const auto shared = std::make_shared<const TaskTemplate>(std::move(tmpl));
  auto& found = known(shared);
  if (!found.function) {
    link_->send({FunctionRan{request.request, {}, found.error}});
  } else {
    Job& job = pool_->acquire();
    job.task = {};
    job.run = {++last_request_};
    job.tmpl = shared;
    job.function = found.function;
    job.arguments = std::move(request.arguments);
    requests_[job.run.value] = request.request;
    ++in_pool_;
    pool_->submit(job);
  }
  templates_.erase(shared.get());
}

void WorkerActor::function_ran(Job& job) {
  const auto found = requests_.find(job.run.value);
  if (found == requests_.end()) return;
  FunctionRan ran{found->second, {}, {}};
  requests_.erase(found);
  std::vector<std::byte> encoded;
  if (job.error) {
    ran.error = complete(*job.error, {});
  } else if (encode_inline(job.result, function_result_bytes, encoded)) {
    ran.value = Bytes::own(std::move(encoded));
  } else {
    TaskError error;
    error.kind = TaskError::Kind::too_large;
    error.message = fmt::format("the result is larger than {} bytes", function_result_bytes);
    ran.error = complete(error, {});
  }
  link_->send({std::move(ran)});
}

}  // namespace troupe
