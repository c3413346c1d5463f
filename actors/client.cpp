#include "actors/client.hpp"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <ostream>

#include <fmt/format.h>

#include "actors/client_actor.hpp"
#include "actors/local_cluster.hpp"
#include "actors/progress_lines.hpp"
#include "protocol/access.hpp"
#include "runtime/exec/function_registry.hpp"

namespace troupe {
namespace {

constexpr std::chrono::seconds close_patience{5};

Deadline after(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

AccessFile read_access(const std::filesystem::path& path) {
  auto access = AccessFile::read(path);
  if (!access) throw InvalidRequest(access.error().text);
  return std::move(*access);
}

bool is_path(std::string_view address) {
  return address.find("://") == std::string_view::npos &&
         (address.find('/') != std::string_view::npos || address.ends_with(".json"));
}

ConnectOptions connect_options(std::string_view address, const ClientOptions& options) {
  ConnectOptions connect;
  if (is_path(address)) {
    connect.access = read_access(address);
  } else {
    connect.access =
        read_access(options.access_file.empty() ? default_access_path() : std::filesystem::path(options.access_file));
    connect.address = address;
  }
  return connect;
}

/// Waits for the scheduler's word; the parts are taken apart again if it does not come.
std::unique_ptr<ClientParts> open_and_wait(Node& node, std::unique_ptr<Node> own, ConnectOptions connect,
                                           const ClientOptions& options) {
  connect.give_up_after = options.give_up_after;
  const auto where = connect.local             ? std::string("the local scheduler")
                     : connect.address.empty() ? connect.access.scheduler_address
                                               : connect.address;
  auto parts = open_client(node, std::move(connect), ClientConfig{.name = options.name});
  parts->own_node = std::move(own);
  const bool in_time = parts->core->wait_connected(after(options.timeout));
  if (in_time && !parts->core->ended()) return parts;
  const auto reason = in_time ? parts->core->end_reason()
                              : Error{ErrorKind::disconnected,
                                      fmt::format("no answer from {} in {} ms", where, options.timeout.count())};
  node.call([&] {
    if (parts->door->running != nullptr) parts->door->running->abandon(reason.text);
  });
  throw_error(reason);
}

NodeOptions node_options(const ClientOptions& options) {
  NodeOptions node;
  if (options.log) node.log = [log = options.log](LogLevel, std::string_view text, const LogContext&) { log(text); };
  return node;
}

std::vector<ClientKey> keys_of(const std::vector<FutureHandle>& futures) {
  std::vector<ClientKey> keys;
  keys.reserve(futures.size());
  for (const auto& future : futures) keys.push_back(future.key());
  return keys;
}

}  // namespace

namespace detail {

struct MapWriter::Parts {
  ClientCore& core;
  const FunctionId& function;
  const TaskOptions* options;
  ChunkBuilder builder;
  Token token;            ///< folded over the calls of the chunk, if they are pure or named
  std::uint64_t graph{};  ///< page of the first chunk
  std::uint64_t chunks{};
  std::vector<FutureHandle> handles;

  [[nodiscard]] bool pure() const { return options != nullptr && options->pure; }
  [[nodiscard]] bool named() const { return options != nullptr && !options->key.empty(); }

  void send(bool last) {
    GraphSubmitted submitted;
    submitted.page = core.next_page_number();
    if (graph == 0) graph = submitted.page;
    submitted.graph = graph;
    submitted.last = last;
    if (named()) {
      const auto part = fmt::format("{}/{}", options->key, chunks);
      TaskOptions name;
      name.key = part;
      submitted.token = core.token_of({&function, &name, {}, {}});
      submitted.name = part;
    } else {
      submitted.token = pure() ? token : core.random_token();
    }
    submitted.chunk = builder.finish();
    core.submit_chunk(std::move(submitted), {}, handles);
    token = {};
    ++chunks;
  }
};

MapWriter::MapWriter(ClientCore& core, const FunctionId& function, const TaskOptions* options)
    : parts_(new Parts{core, function, options, {}, {}, 0, 0, {}}) {}

MapWriter::~MapWriter() = default;

void MapWriter::add(const ArgumentWriter& call) {
  auto& parts = *parts_;
  if (parts.builder.full()) parts.send(false);
  parts.core.check_mine(call.dependencies);
  const CallView view{&parts.function, parts.options, call.bytes, call.dependencies};
  if (parts.pure() && !parts.named()) {
    const auto one = parts.core.token_of(view);
    parts.token.high = parts.token.high * 0x9e3779b97f4a7c15ULL + one.high;
    parts.token.low = (parts.token.low ^ one.low) * 0xff51afd7ed558ccdULL + 1;
  }
  parts.builder.add(view, nullptr);
}

std::vector<FutureHandle> MapWriter::finish() {
  if (!parts_->builder.empty()) parts_->send(true);
  return std::move(parts_->handles);
}

FutureHandle submit(ClientCore& core, const FunctionId& function, const TaskOptions* options,
                    const ArgumentWriter& call) {
  return core.submit({&function, options, call.bytes, call.dependencies});
}

/// Neighbours first, so that the order of the values is kept.
std::vector<FutureHandle> reduce(ClientCore& core, const FunctionId& function, const TaskOptions* options,
                                 std::vector<FutureHandle> futures) {
  core.check_mine(futures);
  if (futures.empty()) throw InvalidRequest("reduce needs one future at least");
  if (futures.size() == 1) return futures;
  Graph graph;
  const auto root = graph.add_tree(function, *options, futures);
  return troupe::submit_graph(core, std::move(graph), std::span(&root, 1));
}

}  // namespace detail

// ---- life ------------------------------------------------------------------------------------------------------

/// The clients that collections may use without being told which: the last one on top.
struct OpenClients {
  std::mutex mutex;
  std::vector<ClientCore*> all;

  static OpenClients& instance() {
    static OpenClients clients;
    return clients;
  }
  void add(ClientCore& core) {
    const std::lock_guard lock(mutex);
    all.push_back(&core);
  }
  void remove(const ClientCore& core) {
    const std::lock_guard lock(mutex);
    std::erase(all, &core);
  }
};

ClientCore* Client::latest() {
  auto& open = OpenClients::instance();
  const std::lock_guard lock(open.mutex);
  return open.all.empty() ? nullptr : open.all.back();
}

Client::Client(std::string_view address, ClientOptions options) {
  auto connect = connect_options(address, options);
  auto node = std::make_unique<Node>(node_options(options));
  auto& loop = *node;
  parts_ = open_and_wait(loop, std::move(node), std::move(connect), options);
  OpenClients::instance().add(core());
}

Client::Client(LocalCluster& cluster, ClientOptions options) {
  parts_ = open_and_wait(cluster.node(), nullptr, cluster.connect_options(), options);
  OpenClients::instance().add(core());
}

Client::Client(Node& node, const ConnectOptions& connect, ClientOptions options) {
  parts_ = open_and_wait(node, nullptr, connect, options);
}

Client::Client(std::unique_ptr<ClientParts> parts) : parts_(std::move(parts)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    close();
    parts_ = std::move(other.parts_);
  }
  return *this;
}

Client::~Client() { close(); }

ClientCore& Client::core() const { return *parts_->core; }

bool Client::closed() const { return !parts_ || parts_->core->ended(); }

void Client::close() {
  if (!parts_) return;
  OpenClients::instance().remove(core());
  parts_->core->check_may_block("Client::close");
  TROUPE_ASSERT(!parts_->core->callbacks().is_mine(), "a client is not closed from its own callback");
  parts_->core->tell(CloseWanted{"closed"});
  if (!parts_->core->wait_ended(after(close_patience)))
    parts_->node->call([this] {
      if (parts_->door->running != nullptr) parts_->door->running->abandon("it did not end in time");
    });
  parts_->core->callbacks().stop();
}

void Client::shutdown() {
  parts_->core->tell(ShutdownWanted{});
  (void)parts_->core->wait_ended(after(close_patience * 2));
  close();
}

// ---- waiting and asking ----------------------------------------------------------------------------------------

void Client::wait_handles(const std::vector<FutureHandle>& futures, std::optional<std::chrono::milliseconds> timeout,
                          ReturnWhen when) {
  core().check_mine(futures);
  const auto deadline = timeout ? after(*timeout) : Deadline{};
  const bool in_time = detail::blocking(core(), "Client::wait", [&] {
    return when == ReturnWhen::all_completed ? core().wait_all(futures, deadline) : core().wait_any(futures, deadline);
  });
  if (!in_time) throw TimeoutError(fmt::format("not done after {} ms", timeout->count()));
}

void Client::wait_values(const std::vector<FutureHandle>& futures) {
  core().check_mine(futures);
  (void)detail::blocking(core(), "Client::gather", [&] { return core().wait_values(futures, {}); });
}

std::vector<FutureHandle> scatter_values(ClientCore& core, std::vector<Value> values, const ScatterOptions& options) {
  if (options.replicas == 0 && !options.broadcast) throw InvalidRequest("scatter: no copy at all is wanted");
  return core.scatter(std::move(values), options.broadcast ? 0 : options.replicas, options.workers);
}

std::vector<FutureHandle> Client::scatter_values(std::vector<Value> values, const ScatterOptions& options) {
  return troupe::scatter_values(core(), std::move(values), options);
}

void Client::cancel_handles(const std::vector<FutureHandle>& futures, bool force, std::string reason) {
  core().cancel(futures, force, std::move(reason));
}

void Client::retry_handles(const std::vector<FutureHandle>& futures) { core().retry(futures); }

RunReply Client::run(FunctionRef function, const ArgumentWriter& call, std::vector<std::string> workers) {
  if (!call.dependencies.empty())
    throw InvalidRequest("a function that is run on workers outside of tasks takes no futures: get() them first");
  RunOnWorkers request;
  request.function = std::move(function);
  request.arguments = Bytes::copy(call.bytes);
  request.workers = std::move(workers);
  auto reply = core().run(std::move(request));
  if (!reply) throw_error(reply.error());
  return std::move(*reply);
}

std::map<std::string, tl::expected<void, Error>> Client::upload_module(const std::string& path,
                                                                       const std::vector<std::string>& workers) {
  const auto file = read_module_file(path);
  if (!file) throw_error(file.error());
  std::map<std::string, tl::expected<void, Error>> outcomes;
  for (const auto& name : workers) outcomes[name] = fail(ErrorKind::invalid, "no worker is called " + name);
  const auto summary = scheduler_info();
  for (const auto& worker : summary->workers) {
    const auto& [id, name, address, host] = worker.address;
    if (!workers.empty() && !outcomes.contains(name)) continue;
    PutModule module{{}, std::filesystem::path(path).filename().string(), file->sha256, file->bytes.size()};
    outcomes[name] = core().upload({address, std::move(module), file->bytes});
  }
  return outcomes;
}

QueryReply Client::ask(Query query, std::chrono::milliseconds timeout) {
  auto reply = core().query(std::move(query), after(timeout));
  if (!reply) throw_error(reply.error());
  return std::move(*reply);
}

QueryReply Client::ask_about(QueryKind kind, const std::vector<FutureHandle>& futures) {
  core().check_mine(futures);
  Query query;
  query.kind = kind;
  query.keys = keys_of(futures);
  return ask(std::move(query));
}

void Client::replicate_handles(const std::vector<FutureHandle>& futures, const ReplicateOptions& options) {
  core().check_mine(futures);
  if (options.branching == 0) throw InvalidRequest("replicate: branching has to be 1 or more");
  Replicate command;
  command.keys = keys_of(futures);
  command.copies = options.copies;
  command.branching = options.branching;
  command.workers = options.workers;
  if (auto reply = core().place({std::move(command)}, after(options.timeout)); !reply) throw_error(reply.error());
}

void Client::rebalance_handles(const std::vector<FutureHandle>& futures, std::vector<std::string> workers,
                               std::chrono::milliseconds timeout) {
  core().check_mine(futures);
  Rebalance command;
  command.keys = keys_of(futures);
  command.workers = std::move(workers);
  if (auto reply = core().place({std::move(command)}, after(timeout)); !reply) throw_error(reply.error());
}

std::vector<std::string> Client::retire_workers(std::vector<std::string> workers, std::chrono::milliseconds timeout) {
  if (workers.empty()) return {};
  auto reply = core().place({RetireWorkers{{}, std::move(workers), 0}}, after(timeout));
  if (!reply) throw_error(reply.error());
  return std::move(reply->lines);
}

void Client::control_tasks(TaskControl control, std::vector<std::string> tasks, std::string reason,
                           std::chrono::milliseconds timeout) {
  if (tasks.empty()) return;
  auto reply = core().place({ControlTasks{{}, control, std::move(tasks), std::move(reason)}}, after(timeout));
  if (!reply) throw_error(reply.error());
}

std::vector<std::string> Client::restart(std::chrono::milliseconds timeout) { return restart_handles({}, timeout); }

std::vector<std::string> Client::restart_workers(std::vector<std::string> workers, std::chrono::milliseconds timeout) {
  if (workers.empty()) return {};
  return restart_handles(std::move(workers), timeout);
}

std::vector<std::string> Client::restart_handles(std::vector<std::string> workers, std::chrono::milliseconds timeout) {
  const auto patience = std::clamp<std::int64_t>(timeout.count(), 0, std::numeric_limits<std::uint32_t>::max());
  // The scheduler knows whom to name, so it is asked to be the one that loses patience.
  auto reply = core().place({RestartWorkers{{}, std::move(workers), static_cast<std::uint32_t>(patience)}},
                            after(timeout + std::chrono::seconds(5)));
  if (!reply) throw_error(reply.error());
  return std::move(reply->lines);
}

std::vector<std::string> Client::retire_workers(unsigned count, std::chrono::milliseconds timeout) {
  if (count == 0) return {};
  auto reply = core().place({RetireWorkers{{}, {}, count}}, after(timeout));
  if (!reply) throw_error(reply.error());
  return std::move(reply->lines);
}

std::shared_ptr<const SchedulerSummary> Client::scheduler_info() {
  Query query;
  query.kind = QueryKind::scheduler_info;
  return ask(std::move(query)).summary;
}

void Client::wait_for_workers(std::uint32_t count, std::chrono::milliseconds timeout) {
  Query query;
  query.kind = QueryKind::wait_for_workers;
  query.count = count;
  auto reply = core().query(std::move(query), after(timeout));
  if (reply) return;
  if (reply.error().kind != ErrorKind::failed) throw_error(reply.error());
  throw TimeoutError(fmt::format("fewer than {} workers after {} ms", count, timeout.count()));
}

void Client::count(FutureStatus status, Progress& counts) {
  switch (status) {
    case FutureStatus::pending: ++counts.pending; return;
    case FutureStatus::finished: ++counts.finished; return;
    case FutureStatus::erred: ++counts.erred; return;
    case FutureStatus::cancelled: ++counts.cancelled; return;
    case FutureStatus::lost: ++counts.lost; return;
  }
}

Progress Client::show_progress(const std::vector<FutureHandle>& futures, std::ostream& out,
                               std::chrono::milliseconds every) {
  core().check_mine(futures);
  constexpr std::chrono::seconds ask_again{1};
  constexpr std::chrono::milliseconds patience{500};  // a busy scheduler may be late: then what is known is used
  using Clock = ProgressLines::Clock;
  ProgressLines lines(out, Clock::now());
  ProgressLines::ByPrefix by_prefix;
  std::vector<Progress*> counted_in;
  counted_in.reserve(futures.size());
  for (const auto& future : futures) counted_in.push_back(&by_prefix[core().prefix_of(*future.slot())]);
  Clock::time_point asked{};
  while (true) {
    Progress all;
    for (auto& [prefix, counts] : by_prefix) counts = {};
    for (std::size_t i = 0; i < futures.size(); ++i) {
      const FutureStatus status = detail::status_of(futures[i]);
      count(status, all);
      count(status, *counted_in[i]);
    }
    if (all.pending == 0) {
      lines.end(by_prefix, Clock::now());
      return all;
    }
    if (lines.visible() && Clock::now() - asked >= ask_again) {
      asked = Clock::now();
      Query query;
      query.kind = QueryKind::durations;
      (void)detail::blocking(core(), "Client::show_progress", [&] {
        const auto learnt = core().query(std::move(query), after(patience));
        if (learnt) lines.learn(learnt->durations, learnt->slots);
        return learnt.has_value();
      });
    }
    lines.show(by_prefix, Clock::now());
    (void)detail::blocking(core(), "Client::show_progress", [&] { return core().wait_all(futures, after(every)); });
  }
}

}  // namespace troupe
