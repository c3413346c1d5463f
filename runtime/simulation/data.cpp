#include <algorithm>
#include <utility>

#include "runtime/simulation/world.hpp"

// Values from process to process: a request and its answer over a connection of their own.

namespace troupe::simulation {

struct World::Request {
  std::uint32_t node{};
  ProcessId process{};
  std::uint64_t incarnation{};  ///< of the worker that is asked
  std::vector<TaskId> tasks;
  std::uint64_t max_bytes{};
  Instant given_up{};            ///< if there is no answer by then
  std::vector<SimValue> values;  ///< to put
  std::function<void(GotValues)> got;
  std::function<void(bool)> put;
  bool over{};
};

WorkerProcess* World::worker_at(const std::string& address) {
  const auto found = listeners_.find(address);
  return found == listeners_.end() ? nullptr : found->second;
}

void World::get_values(std::uint32_t node, ProcessId process, const std::string& address,
                       const std::vector<TaskId>& tasks, std::uint64_t max_bytes, std::function<void(GotValues)> done) {
  auto request = std::make_shared<Request>();
  request->node = node;
  request->process = process;
  request->tasks = tasks;
  request->max_bytes = max_bytes;
  request->got = std::move(done);
  const WorkerProcess* peer = worker_at(address);
  const bool busy = execution_random_.chance(healed_ ? 0 : options().busy_rate);
  if (peer == nullptr || busy) {  // refused at once
    GotValues answer;
    answer.outcome = peer == nullptr ? FetchOutcome::lost : FetchOutcome::busy;
    cover().reached(peer == nullptr ? "a peer is gone when it is asked" : "a peer is busy");
    at(now() + network_random_.up_to(options().latency * 2), process,
       [request, answer = std::move(answer)] { request->got(answer); });
    return;
  }
  request->incarnation = peer->incarnation();
  const std::uint32_t to = processes_[peer->process()].node;
  at(network_.arrival(node, to, 64), peer->process(), [this, request] { serve(request); });
  // Silence ends it.
  request->given_up = now() + options().unit;
  at(request->given_up, process, [this, request] {
    if (!request->over) cover().reached("a request for values is given up");
    end(request, false, {FetchOutcome::lost, {}, {}, {}});
  });
}

void World::serve(const std::shared_ptr<Request>& request) {
  const auto found = workers_.find(request->incarnation);
  if (request->over || found == workers_.end()) return;
  WorkerProcess& peer = *found->second;
  const std::uint32_t from = processes_[peer.process()].node;
  if (request->put) {
    peer.put(request->tasks, request->values);
    at(network_.arrival(from, request->node, 64), request->process, [this, request] { end(request, true, {}); });
    return;
  }
  GotValues got = peer.serve(request->tasks, request->max_bytes, request->node < history_.first_client());
  std::size_t bytes = 64;
  for (const SimValue value : got.values) bytes += bytes_of(value);
  const Instant arrival = network_.arrival(from, request->node, bytes);
  const auto served = got.received;
  at(arrival, request->process, [this, request, got = std::move(got)] { end(request, true, got); });
  // The server hears when its answer was read, or that the reader gave up, which may be long before on a slow link.
  if (!served.empty())
    at(std::min(arrival, request->given_up) + network_random_.up_to(options().latency), peer.process(),
       [this, incarnation = request->incarnation, served] {
         if (const auto again = workers_.find(incarnation); again != workers_.end()) again->second->served(served);
       });
}

void World::end(const std::shared_ptr<Request>& request, bool reached, GotValues got) {
  if (std::exchange(request->over, true)) return;
  if (request->put) return request->put(reached);
  request->got(std::move(got));
}

void World::put_values(std::uint32_t node, ProcessId process, const std::string& address, std::vector<TaskId> tasks,
                       std::vector<SimValue> values, std::function<void(bool)> done) {
  auto request = std::make_shared<Request>();
  request->node = node;
  request->process = process;
  request->tasks = std::move(tasks);
  request->values = std::move(values);
  request->put = std::move(done);
  const WorkerProcess* peer = worker_at(address);
  if (peer == nullptr) {
    at(now() + network_random_.up_to(options().latency * 2), process, [this, request] { end(request, false, {}); });
    return;
  }
  request->incarnation = peer->incarnation();
  at(network_.arrival(node, processes_[peer->process()].node, 64), peer->process(),
     [this, request] { serve(request); });
  at(now() + options().unit, process, [this, request] { end(request, false, {}); });
}

}  // namespace troupe::simulation
