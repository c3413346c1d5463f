#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/api_json.hpp"
#include "monitoring/cluster_source.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/http_server.hpp"
#include "monitoring/login.hpp"
#include "monitoring/recorder.hpp"
#include "protocol/query_messages.hpp"

namespace troupe::monitoring {

/// A part of the scheduler's log.
struct LogPage {
  std::vector<LogLine> lines;
  std::uint64_t last{};  ///< number of the last line there is
};

/// Stacks that were seen while somebody looked at the workers' threads.
struct StackSamples {
  struct Stack {
    std::string function;
    std::vector<std::string> frames;  ///< outermost first
    std::uint64_t samples{};
  };
  std::uint64_t looks{};
  std::vector<Stack> stacks;
  std::map<std::string, std::string> unanswered;  ///< why, by name of the worker
};

/// What workers, or the scheduler's own process, remember of what their threads ran.
struct PastSamples {
  struct Window {
    std::chrono::microseconds begun_ago{};
    std::chrono::microseconds length{};
    std::uint64_t samples{};
  };
  struct Worker {
    std::chrono::microseconds interval{};
    std::vector<Window> windows;
  };
  struct Stack {
    std::string prefix;
    std::vector<std::string> frames;  ///< outermost first
    std::uint64_t samples{};
  };
  std::vector<Worker> workers;  ///< those that answered
  std::vector<Stack> stacks;
  std::map<std::string, std::string> unanswered;
};

/// Lines of one task, by name of the worker.
struct TaskLog {
  std::map<std::string, std::vector<LogLine>> lines;
  std::map<std::string, std::string> unanswered;
};

/// Workers are asked themselves, which takes a while; on threads that may block.
struct WorkerQuestions {
  std::function<Result<LogPage>(const std::string& worker, std::uint64_t after, std::size_t most)> log;
  /// An empty list: all workers. An empty function: all functions.
  std::function<Result<StackSamples>(std::vector<std::string> workers, std::chrono::microseconds duration,
                                     std::chrono::microseconds interval, const std::string& function)>
      profile;
  std::function<Result<PastSamples>(std::vector<std::string> workers, std::chrono::microseconds from_ago,
                                    std::chrono::microseconds to_ago, const std::string& prefix)>
      past;
  std::function<Result<TaskLog>(std::vector<std::string> workers, TaskId task, std::size_t most)> task_log;
  /// Of the threads on which the scheduler runs.
  std::function<Result<PastSamples>(std::chrono::microseconds from_ago, std::chrono::microseconds to_ago)> loop_past;
};

/// What the pages below /api/v1 are made from.
struct ApiSources {
  std::shared_ptr<ClusterSource> source;
  std::shared_ptr<Recorder> recorder;
  std::shared_ptr<EventRing> events;
  /// Lines with a number above `after`, at most `most` of them: the first ones; with `after` 0 the last ones there are.
  std::function<LogPage(std::uint64_t after, std::size_t most)> log;
  std::function<void(std::string_view text)> warn;  ///< into that log
  WorkerQuestions ask;
  /// Lets there be so many workers, sooner or later; null: nobody here can start any.
  std::function<Result<void>(unsigned workers)> scale;
  std::shared_ptr<Logins> logins;
  Identity identity;
  std::shared_ptr<std::string> http_address;  ///< where all this is served, once it is
};

/// The paths of docs/api/openapi.json. They read one shared picture of the cluster, however many look at it.
std::vector<Route> api_routes(ApiSources sources);

}  // namespace troupe::monitoring
