#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collections/cache.hpp"
#include "collections/expression.hpp"

namespace troupe {

/// Where expressions are computed.
enum class SchedulerKind : std::uint8_t {
  automatic,  ///< the client that was opened last, else `threads`
  threads,    ///< on threads of this process, which pass each other the very objects
  sync,       ///< on the calling thread, in order: for debuggers
  processes,  ///< in child processes, started for the call; main needs its `is_child` line
  cluster,    ///< on the cluster of `client`, or of the client that was opened last
};

std::string_view name_of(SchedulerKind kind);
/// By its name; throws InvalidRequest with those there are.
SchedulerKind scheduler_named(std::string_view name);

/// Lets one thread end what others compute. Copies are the same.
class CancelToken {
public:
  /// Calls that wait throw Cancelled as soon as what has begun has ended; of `cluster` soon, and what runs goes on to its
  /// end there, if it does not ask this_task::stop_requested().
  void cancel() { flag_->store(true); }
  [[nodiscard]] bool cancelled() const { return flag_->load(); }
  [[nodiscard]] const std::atomic<bool>* flag() const { return flag_.get(); }

private:
  std::shared_ptr<std::atomic<bool>> flag_{std::make_shared<std::atomic<bool>>(false)};
};

/// How to compute. What is left as it is comes from the innermost ComputeScope of the thread, then from variables of the
/// environment, TROUPE__COMPUTE__THREADS and the like, then from files of configuration, then from the defaults.
/// collections/compute_config.hpp reads both.
struct ComputeOptions {
  SchedulerKind scheduler{SchedulerKind::automatic};
  unsigned threads{};         ///< of `threads`; processes of `processes`; 0: one for each processor
  Client* client{};           ///< of `cluster`
  std::uint32_t ahead_max{};  ///< of `threads`: values alive beyond those of a run in order; 0: four a thread
  LocalObserver* observer{};  ///< sees each task of `threads` and `sync`; elsewhere the results asked for, counted
  const CancelToken* cancel{};
  Cache* cache{};  ///< of `threads` and `sync`: values of pure calls that were kept
};

/// Options for all that this thread computes while the scope lives.
class ComputeScope {
public:
  explicit ComputeScope(ComputeOptions options);
  ~ComputeScope();
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

private:
  friend ComputeOptions resolved(const ComputeOptions& asked);
  ComputeOptions options_;
  ComputeScope* outer_;
};

/// `asked`, and for what it leaves open what scope, variables, files and defaults say: never `automatic`.
ComputeOptions resolved(const ComputeOptions& asked);

/// The values of all, computed as one graph. Throws TaskFailed with the key of the task that failed and the path from it
/// to what was asked for; Cancelled; InvalidRequest.
std::vector<Value> compute_expressions(std::span<const ExpressionRef> wanted, const ComputeOptions& options);
/// The same as expressions that are there: values on this machine, futures on a cluster, where nothing is waited for.
std::vector<ExpressionRef> persist_expressions(std::span<const ExpressionRef> wanted, const ComputeOptions& options);

}  // namespace troupe
