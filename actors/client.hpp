#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "actors/completion_queue.hpp"
#include "actors/errors.hpp"
#include "actors/future.hpp"
#include "actors/graph_builder.hpp"
#include "actors/task_options.hpp"
#include "protocol/messages.hpp"
#include "runtime/exec/arguments.hpp"
#include "runtime/exec/module.hpp"

namespace troupe {

class LocalCluster;
struct ClientParts;
struct ConnectOptions;
class Node;

struct ClientOptions {
  std::string name{"client"};
  std::string access_file{};                        ///< path; empty: the one of this user
  std::chrono::milliseconds timeout{30'000};        ///< for the first connection; then Disconnected is thrown
  std::chrono::milliseconds give_up_after{60'000};  ///< without a connection, later; then everything is lost
  std::function<void(std::string_view)> log{};      ///< called on a thread of ours; the library prints nothing
};

enum class ReturnWhen : std::uint8_t { all_completed, first_completed };

template <class T>
struct WaitResult {
  std::vector<Future<T>> done;
  std::vector<Future<T>> not_done;
};

struct Progress {
  std::size_t pending{};
  std::size_t finished{};
  std::size_t erred{};
  std::size_t cancelled{};
  std::size_t lost{};
  [[nodiscard]] std::size_t total() const { return pending + finished + erred + cancelled + lost; }
  [[nodiscard]] std::size_t done() const { return total() - pending; }
};

struct Explanation {
  std::string code;                ///< stable, for programs
  std::vector<std::string> lines;  ///< for people
};

namespace detail {

template <class R>
struct element_of {
  using type = std::ranges::range_value_t<R>;
};

template <class A>
concept OptionsFirst = std::is_same_v<std::remove_cvref_t<A>, TaskOptions>;

/// Writes a map's calls into chunks and hands each over as it is full.
class MapWriter {
public:
  MapWriter(ClientCore& core, const FunctionId& function, const TaskOptions* options);
  ~MapWriter();
  void add(const ArgumentWriter& call);
  std::vector<FutureHandle> finish();

private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

std::vector<FutureHandle> reduce(ClientCore& core, const FunctionId& function, const TaskOptions* options,
                                 std::vector<FutureHandle> futures);
FutureHandle submit(ClientCore& core, const FunctionId& function, const TaskOptions* options,
                    const ArgumentWriter& call);

template <class T>
std::vector<FutureHandle> handles_of(const std::vector<Future<T>>& futures) {
  std::vector<FutureHandle> handles;
  handles.reserve(futures.size());
  for (const auto& future : futures) handles.push_back(future.handle());
  return handles;
}

template <class T>
std::vector<Future<T>> futures_of(std::vector<FutureHandle> handles) {
  std::vector<Future<T>> futures;
  futures.reserve(handles.size());
  for (auto& handle : handles) futures.emplace_back(std::move(handle));
  return futures;
}

}  // namespace detail

/// A program's conversation with a cluster: submits calls of functions that stand in a TROUPE_MODULE, and gets Futures.
/// Any number of threads may use it at the same time. Owned by the program, destroyed on a thread of its own: not in a
/// callback. Two things end with it: its futures get no more news, and the cluster forgets what only they wanted.
class Client {
public:
  /// `address`: "host:port", "tcp://host:port", the path of an access file, or empty for the scheduler of the access
  /// file of this user. Blocks until it is connected; throws Disconnected, or InvalidRequest for a bad access file.
  explicit Client(std::string_view address, ClientOptions options = {});
  explicit Client(LocalCluster& cluster, ClientOptions options = {});
  /// For composition roots: on a node that outlives it.
  Client(Node& node, const ConnectOptions& connect, ClientOptions options);
  explicit Client(std::unique_ptr<ClientParts> parts);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  ///< closes

  // ---- work ----------------------------------------------------------------------------------------------------

  /// Calls F somewhere in the cluster. Arguments are values that convert to the parameters, futures of this client, or
  /// containers with such futures in them. Costs about a microsecond; what several threads submit goes out together.
  template <auto F, class... A>
  requires(sizeof...(A) == 0 || !detail::OptionsFirst<std::tuple_element_t<0, std::tuple<A..., void>>>)
      Future<function_result<F>> submit(const A&... arguments) {
    return submit_with<F>(nullptr, arguments...);
  }
  template <auto F, class... A>
  Future<function_result<F>> submit(const TaskOptions& options, const A&... arguments) {
    return submit_with<F>(&options, arguments...);
  }

  /// Calls F for the first elements of all ranges, then for the second ones, and so on to the end of the shortest.
  /// Elements are values or futures.
  template <auto F, std::ranges::input_range... R>
  requires(sizeof...(R) > 0) std::vector<Future<function_result<F>>> map(const R&... ranges) {
    return map_with<F>(nullptr, ranges...);
  }
  template <auto F, std::ranges::input_range... R>
  requires(sizeof...(R) > 0) std::vector<Future<function_result<F>>> map(const TaskOptions& options,
                                                                         const R&... ranges) {
    return map_with<F>(&options, ranges...);
  }

  /// Combines values two by two with F, in a tree: F(T, T) gives T. Their order is kept; F has to be associative.
  template <auto F, class T>
  Future<T> reduce(const std::vector<Future<T>>& futures, const TaskOptions& options = {}) {
    detail::require_listed<F>();
    check_arguments<F, Future<T>, Future<T>>();
    static_assert(std::is_same_v<function_result<F>, T>, "Troupe: reduce needs a function of two T that gives a T");
    return Future<T>(
        std::move(detail::reduce(core(), detail::function_id<F>, &options, detail::handles_of(futures)).front()));
  }

  /// Submits a graph; a future for each of `wanted`.
  template <class T>
  std::vector<Future<T>> submit_graph(Graph graph, const std::vector<GraphNode<T>>& wanted) {
    std::vector<std::uint32_t> indices;
    for (const auto& node : wanted) indices.push_back(node.index);
    if (indices.empty()) return {};
    return detail::futures_of<T>(troupe::submit_graph(core(), std::move(graph), indices));
  }
  template <class T>
  Future<T> submit_graph(Graph graph, const GraphNode<T>& wanted) {
    return submit_graph(std::move(graph), std::vector{wanted}).front();
  }
  /// The raw door: by index; all tasks if there is none.
  std::vector<FutureHandle> submit_graph(Graph graph, std::span<const std::uint32_t> wanted) {
    return troupe::submit_graph(core(), std::move(graph), wanted);
  }

  // ---- values --------------------------------------------------------------------------------------------------

  /// The values of all, in order; throws for the first that has none.
  template <class T>
  [[nodiscard]] std::vector<T> gather(const std::vector<Future<T>>& futures) {
    wait_values(detail::handles_of(futures));
    std::vector<T> values;
    values.reserve(futures.size());
    for (const auto& future : futures) values.push_back(future.get());
    return values;
  }

  /// Puts a value into the memory of workers.
  template <class T>
  Future<T> scatter(T value, const ScatterOptions& options = {}) {
    std::vector<Value> values;
    values.push_back(Value::make(std::move(value)));
    return Future<T>(std::move(scatter_values(std::move(values), options).front()));
  }
  /// The same for each element.
  template <class T>
  std::vector<Future<T>> scatter_each(std::vector<T> values, const ScatterOptions& options = {}) {
    std::vector<Value> made;
    made.reserve(values.size());
    for (auto&& value : values) made.push_back(Value::make(T(std::move(value))));
    return detail::futures_of<T>(scatter_values(std::move(made), options));
  }

  // ---- waiting -------------------------------------------------------------------------------------------------

  /// Blocks until all, or the first, are done; throws TimeoutError.
  template <class T>
  WaitResult<T> wait(const std::vector<Future<T>>& futures, ReturnWhen when = ReturnWhen::all_completed) {
    wait_handles(detail::handles_of(futures), {}, when);
    return sorted_out(futures);
  }
  template <class T>
  WaitResult<T> wait(const std::vector<Future<T>>& futures, std::chrono::milliseconds timeout,
                     ReturnWhen when = ReturnWhen::all_completed) {
    wait_handles(detail::handles_of(futures), timeout, when);
    return sorted_out(futures);
  }
  template <class T>
  [[nodiscard]] AsCompleted<T> as_completed(const std::vector<Future<T>>& futures) {
    return AsCompleted<T>(futures);
  }
  template <class T>
  [[nodiscard]] Progress progress(const std::vector<Future<T>>& futures) const {
    Progress counts;
    for (const auto& future : futures) count(future.status(), counts);
    return counts;
  }
  /// Waits for all; meanwhile a terminal has a line for each prefix: "add  [##  ]  50% 5/10  2.0/s  2 s - 3 s left".
  template <class T>
  Progress show_progress(const std::vector<Future<T>>& futures, std::ostream& out,
                         std::chrono::milliseconds every = std::chrono::milliseconds{100}) {
    return show_progress(detail::handles_of(futures), out, every);
  }
  Progress show_progress(const std::vector<FutureHandle>& futures, std::ostream& out, std::chrono::milliseconds every);

  // ---- control -------------------------------------------------------------------------------------------------

  /// The tasks need not run any more, unless another client wants them too and not `force`. One that runs goes on to
  /// its end, if it does not ask this_task::stop_requested(). Returns at once; futures say `cancelled` soon.
  template <class T>
  void cancel(const std::vector<Future<T>>& futures, bool force = false, std::string reason = {}) {
    cancel_handles(detail::handles_of(futures), force, std::move(reason));
  }
  template <class T>
  void cancel(const Future<T>& future, bool force = false, std::string reason = {}) {
    cancel_handles({future.handle()}, force, std::move(reason));
  }
  /// Tries failed tasks again, and failed inputs of theirs.
  template <class T>
  void retry(const std::vector<Future<T>>& futures) {
    retry_handles(detail::handles_of(futures));
  }
  template <class T>
  void retry(const Future<T>& future) {
    retry_handles({future.handle()});
  }

  /// Runs F once on each worker (or the named ones), outside the task system: values or errors by worker name.
  template <auto F, class... A>
  std::map<std::string, tl::expected<function_result<F>, TaskError>> run_on_workers(const A&... arguments) {
    return run_on<F>(std::vector<std::string>{}, arguments...);
  }
  template <auto F, class... A>
  std::map<std::string, tl::expected<function_result<F>, TaskError>> run_on(std::vector<std::string> workers,
                                                                            const A&... arguments) {
    detail::require_listed<F>();
    auto& writer = detail::argument_writer();
    writer.template call<F>(arguments...);
    std::map<std::string, tl::expected<function_result<F>, TaskError>> results;
    for (auto& outcome : run(function_ref<F>(), writer, std::move(workers)).outcomes) {
      if (outcome.error) {
        results.emplace(outcome.worker.name, tl::unexpected(*outcome.error));
      } else {
        results.emplace(outcome.worker.name, detail::copy_value<function_result<F>>({outcome.value, nullptr}));
      }
    }
    return results;
  }

  /// Loads a module file (a shared library with a TROUPE_MODULE) into each worker there is, or the named ones, by its
  /// SHA-256: what became of it, by worker name. Tasks of the module run there from then on. A worker refuses unless
  /// its operator started it with --allow-uploads. Throws InvalidRequest for a file that is no module.
  std::map<std::string, tl::expected<void, Error>> upload_module(const std::string& path,
                                                                 const std::vector<std::string>& workers = {});
  /// Copies values to further workers and waits until the copies are there; they stay as long as the values do.
  template <class T>
  void replicate(const std::vector<Future<T>>& futures, const ReplicateOptions& options = {}) {
    replicate_handles(detail::handles_of(futures), options);
  }
  template <class T>
  void replicate(const Future<T>& future, const ReplicateOptions& options = {}) {
    replicate_handles({future.handle()}, options);
  }
  /// Moves values from workers whose memory is fuller than others' and waits until they have moved: these futures'
  /// values, or all there are; among the named workers, or all.
  template <class T>
  void rebalance(const std::vector<Future<T>>& futures, std::vector<std::string> workers = {},
                 std::chrono::milliseconds timeout = std::chrono::seconds{60}) {
    if (!futures.empty()) rebalance_handles(detail::handles_of(futures), std::move(workers), timeout);
  }
  void rebalance(std::vector<std::string> workers = {}, std::chrono::milliseconds timeout = std::chrono::seconds{60}) {
    rebalance_handles({}, std::move(workers), timeout);
  }
  /// Ends the named workers without losing anything: they finish what they run, and what only they hold moves to
  /// others. Returns the names of those that have ended. Throws if nobody can take their values.
  std::vector<std::string> retire_workers(std::vector<std::string> workers,
                                          std::chrono::milliseconds timeout = std::chrono::seconds{60});
  /// The same for `count` of those that hold least.
  std::vector<std::string> retire_workers(unsigned count, std::chrono::milliseconds timeout = std::chrono::seconds{60});

  /// Cancels tasks for all clients that want them, or tries failed ones again, by their names ("sum-12-0", "12-0", or
  /// the user's own), whoever submitted them. Throws InvalidRequest, and does nothing, if one is not known.
  void control_tasks(TaskControl control, std::vector<std::string> tasks, std::string reason,
                     std::chrono::milliseconds timeout = std::chrono::seconds{60});

  /// Cancels all tasks of all clients, and has every worker process that a nanny watches over started again; workers
  /// without one stay, and hold nothing. Returns the names of those that are back; throws if one is not in time.
  std::vector<std::string> restart(std::chrono::milliseconds timeout = std::chrono::seconds{60});
  /// Has the named workers' processes started again. What they run runs elsewhere, what only they hold is computed
  /// again. Throws InvalidRequest, and restarts none, if one of them has no nanny.
  std::vector<std::string> restart_workers(std::vector<std::string> workers,
                                           std::chrono::milliseconds timeout = std::chrono::seconds{60});

  /// Workers that hold the value, by future.
  template <class T>
  [[nodiscard]] std::vector<std::vector<WorkerAddress>> who_has(const std::vector<Future<T>>& futures) {
    return ask_about(QueryKind::who_has, detail::handles_of(futures)).holders;
  }
  [[nodiscard]] std::shared_ptr<const SchedulerSummary> scheduler_info();
  /// Blocks until `count` workers run; throws TimeoutError.
  void wait_for_workers(std::uint32_t count, std::chrono::milliseconds timeout = std::chrono::seconds{30});
  /// Why the task is where it is.
  template <class T>
  [[nodiscard]] Explanation explain(const Future<T>& future) {
    auto reply = ask_about(QueryKind::explain, {future.handle()});
    return {std::move(reply.code), std::move(reply.lines)};
  }
  /// What happened to the task.
  template <class T>
  [[nodiscard]] std::vector<std::string> story(const Future<T>& future) {
    return ask_about(QueryKind::story, {future.handle()}).lines;
  }
  /// Any question; its `request` is filled in. Throws what the answer says, or TimeoutError.
  [[nodiscard]] QueryReply ask(Query query, std::chrono::milliseconds timeout = std::chrono::seconds{30});

  /// Ends the whole cluster: workers, then the scheduler; then closes.
  void shutdown();
  /// Ends the conversation. Futures that are pending are lost. Done by the destructor too.
  void close();
  [[nodiscard]] bool closed() const;
  /// For the composition root and our own code.
  [[nodiscard]] ClientCore& core() const;
  /// Of the client that this process opened last and has not closed, if its program opened it itself; else null.
  [[nodiscard]] static ClientCore* latest();

private:
  template <auto F, class... A>
  Future<function_result<F>> submit_with(const TaskOptions* options, const A&... arguments) {
    detail::require_listed<F>();
    auto& writer = detail::argument_writer();
    writer.template call<F>(arguments...);
    return Future<function_result<F>>(detail::submit(core(), detail::function_id<F>, options, writer));
  }

  template <auto F, class... R>
  std::vector<Future<function_result<F>>> map_with(const TaskOptions* options, const R&... ranges) {
    detail::require_listed<F>();
    check_arguments<F, std::ranges::range_value_t<const R>...>();
    detail::MapWriter map(core(), detail::function_id<F>, options);
    auto at = std::make_tuple(std::ranges::begin(ranges)...);
    const auto end = std::make_tuple(std::ranges::end(ranges)...);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      for (; ((std::get<I>(at) != std::get<I>(end)) && ...); (++std::get<I>(at), ...)) {
        auto& writer = detail::argument_writer();
        writer.template call<F>(static_cast<const std::ranges::range_value_t<const R>&>(*std::get<I>(at))...);
        map.add(writer);
      }
    }
    (std::index_sequence_for<R...>{});
    return detail::futures_of<function_result<F>>(map.finish());
  }

  template <class T>
  static WaitResult<T> sorted_out(const std::vector<Future<T>>& futures) {
    WaitResult<T> result;
    for (const auto& future : futures) (future.done() ? result.done : result.not_done).push_back(future);
    return result;
  }
  static void count(FutureStatus status, Progress& counts);

  void wait_handles(const std::vector<FutureHandle>& futures, std::optional<std::chrono::milliseconds> timeout,
                    ReturnWhen when);
  void wait_values(const std::vector<FutureHandle>& futures);
  std::vector<FutureHandle> scatter_values(std::vector<Value> values, const ScatterOptions& options);
  void cancel_handles(const std::vector<FutureHandle>& futures, bool force, std::string reason);
  void retry_handles(const std::vector<FutureHandle>& futures);
  void replicate_handles(const std::vector<FutureHandle>& futures, const ReplicateOptions& options);
  void rebalance_handles(const std::vector<FutureHandle>& futures, std::vector<std::string> workers,
                         std::chrono::milliseconds timeout);
  std::vector<std::string> restart_handles(std::vector<std::string> workers, std::chrono::milliseconds timeout);
  RunReply run(FunctionRef function, const ArgumentWriter& call, std::vector<std::string> workers);
  QueryReply ask_about(QueryKind kind, const std::vector<FutureHandle>& futures);

  std::unique_ptr<ClientParts> parts_;
};

/// Puts values into the memory of workers.
std::vector<FutureHandle> scatter_values(ClientCore& core, std::vector<Value> values, const ScatterOptions& options);

}  // namespace troupe
