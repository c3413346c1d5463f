#include "actors/dashboard.hpp"

#include <map>
#include <type_traits>
#include <utility>

#include "actors/client.hpp"
#include "actors/connect.hpp"
#include "actors/errors.hpp"
#include "actors/inspection.hpp"
#include "actors/log_ring.hpp"
#include "actors/node.hpp"
#include "actors/scheduler_source.hpp"
#include "monitoring/api.hpp"
#include "monitoring/assets.hpp"
#include "monitoring/cluster_collector.hpp"
#include "monitoring/event_ring.hpp"
#include "monitoring/login.hpp"
#include "monitoring/recorder.hpp"
#include "monitoring/request_collector.hpp"
#include "monitoring/worker_log.hpp"
#include "runtime/exec/continuous_profiler.hpp"

namespace troupe {

namespace {

/// What `ask` says to a client of the scheduler, one of its own for as long as that takes. On a thread that may block.
template <class Ask>
auto answer_of(Node& node, const SchedulerHandle& scheduler, Ask ask) -> Result<std::invoke_result_t<Ask, Client&>> {
  ConnectOptions connect;
  connect.local = scheduler;
  connect.access.cluster = scheduler.cluster();
  try {
    Client client(node, connect, ClientOptions{.name = "dashboard"});
    return ask(client);
  } catch (const Failure& failure) {
    return tl::unexpected(Error{ErrorKind::failed, failure.what()});
  }
}

std::chrono::microseconds microseconds(std::uint64_t count) {
  return std::chrono::microseconds(static_cast<std::int64_t>(count));
}

monitoring::PastSamples::Worker windows_of(const ProfilePast& past) {
  monitoring::PastSamples::Worker of;
  of.interval = microseconds(past.interval_us);
  for (const auto& window : past.windows)
    of.windows.push_back({microseconds(window.begun_ago_us), microseconds(window.length_us), window.samples});
  return of;
}

/// Of all workers as of one.
monitoring::PastSamples past_samples(ByWorker<ProfilePast> answers) {
  monitoring::PastSamples seen;
  std::map<std::pair<std::string, std::vector<std::string>>, std::uint64_t> sums;
  for (auto& [worker, past] : answers) {
    if (!past) {
      seen.unanswered.emplace(worker, past.error().message);
      continue;
    }
    seen.workers.push_back(windows_of(*past));
    for (auto& stack : past->stacks) sums[{std::move(stack.prefix), std::move(stack.frames)}] += stack.samples;
  }
  for (const auto& [stack, samples] : sums) seen.stacks.push_back({stack.first, stack.second, samples});
  return seen;
}

monitoring::WorkerQuestions questions_of(Node& node, SchedulerHandle scheduler) {
  monitoring::WorkerQuestions ask;
  ask.log = [&node, scheduler](const std::string& worker, std::uint64_t after,
                               std::size_t most) -> Result<monitoring::LogPage> {
    auto answers = answer_of(node, scheduler, [&](Client& client) {
      return worker_logs(client, {worker}, {after == 0 ? 0 : after + 1, static_cast<std::uint32_t>(most), {}});
    });
    if (!answers) return tl::unexpected(answers.error());
    if (answers->empty()) return tl::unexpected(Error{ErrorKind::failed, "the worker did not answer"});
    auto& reply = answers->begin()->second;
    if (!reply) return tl::unexpected(Error{ErrorKind::failed, reply.error().message});
    return monitoring::LogPage{std::move(reply->lines), reply->next == 0 ? 0 : reply->next - 1};
  };
  ask.task_log = [&node, scheduler](std::vector<std::string> workers, TaskId task,
                                    std::size_t most) -> Result<monitoring::TaskLog> {
    const LogRequest request{0, static_cast<std::uint32_t>(most), task};
    auto answers =
        answer_of(node, scheduler, [&](Client& client) { return worker_logs(client, std::move(workers), request); });
    if (!answers) return tl::unexpected(answers.error());
    monitoring::TaskLog log;
    for (auto& [worker, reply] : *answers) {
      if (reply)
        log.lines.emplace(worker, std::move(reply->lines));
      else
        log.unanswered.emplace(worker, reply.error().message);
    }
    return log;
  };
  ask.past = [&node, scheduler](std::vector<std::string> workers, std::chrono::microseconds from_ago,
                                std::chrono::microseconds to_ago,
                                const std::string& prefix) -> Result<monitoring::PastSamples> {
    const ProfilePastRequest request{static_cast<std::uint64_t>(from_ago.count()),
                                     static_cast<std::uint64_t>(to_ago.count()), prefix};
    auto answers =
        answer_of(node, scheduler, [&](Client& client) { return worker_pasts(client, std::move(workers), request); });
    if (!answers) return tl::unexpected(answers.error());
    return past_samples(std::move(*answers));
  };
  ask.profile = [&node, scheduler = std::move(scheduler)](
                    std::vector<std::string> workers, std::chrono::microseconds duration,
                    std::chrono::microseconds interval,
                    const std::string& function) -> Result<monitoring::StackSamples> {
    ProfileRequest request;
    request.duration_us = static_cast<std::uint64_t>(duration.count());
    request.interval_us = static_cast<std::uint64_t>(interval.count());
    request.function = function;
    auto answers = answer_of(node, scheduler,
                             [&](Client& client) { return worker_profiles(client, std::move(workers), request); });
    if (!answers) return tl::unexpected(answers.error());
    monitoring::StackSamples seen;
    std::map<std::pair<std::string, std::vector<std::string>>, std::uint64_t> sums;
    for (auto& [worker, profile] : *answers) {
      if (!profile) {
        seen.unanswered.emplace(worker, profile.error().message);
        continue;
      }
      seen.looks += profile->looks;
      for (auto& stack : profile->stacks) sums[{std::move(stack.function), std::move(stack.frames)}] += stack.samples;
    }
    for (auto& [stack, samples] : sums) seen.stacks.push_back({stack.first, stack.second, samples});
    return seen;
  };
  return ask;
}

}  // namespace

/// What the loops of this process did, by which the scheduler runs.
class LoopProfile {
public:
  LoopProfile(Node& node, std::chrono::microseconds interval, std::chrono::microseconds cycle) {
    if (interval <= std::chrono::microseconds(0)) return;
    auto started = ContinuousProfiler::start_on_loops([&node](const auto& visit) { node.for_each_loop_thread(visit); },
                                                      {interval, cycle});
    if (started)
      profiler_ = std::move(*started);
    else
      why_not_ = "no continuous profile: " + started.error().text;
  }
  [[nodiscard]] Result<monitoring::PastSamples> past(std::chrono::microseconds from_ago,
                                                     std::chrono::microseconds to_ago) const {
    if (!profiler_) return tl::unexpected(Error{ErrorKind::unsupported, why_not_});
    ProfilePast past =
        profiler_->past({static_cast<std::uint64_t>(from_ago.count()), static_cast<std::uint64_t>(to_ago.count()), {}});
    monitoring::PastSamples seen;
    seen.workers.push_back(windows_of(past));
    for (auto& stack : past.stacks)
      seen.stacks.push_back({std::move(stack.prefix), std::move(stack.frames), stack.samples});
    return seen;
  }

private:
  std::unique_ptr<ContinuousProfiler> profiler_;
  std::string why_not_{"the continuous profile is off here: worker.profile.interval"};
};

/// In the order of starting: ended from the last to the first.
struct Dashboard::Parts {
  std::shared_ptr<monitoring::Logins> logins{std::make_shared<monitoring::Logins>()};
  std::shared_ptr<monitoring::HistoryWriter> history;
  std::shared_ptr<monitoring::Recorder> recorder;
  std::unique_ptr<monitoring::HttpServer> http;  ///< null: no pages

  Result<void> serve(Node& node, const SchedulerHandle& scheduler, DashboardOptions options,
                     monitoring::ApiSources api);
};

Result<std::unique_ptr<Dashboard>> Dashboard::start(Node& node, SchedulerHandle scheduler, DashboardOptions options) {
  auto parts = std::make_unique<Parts>();
  if (!options.events) options.events = std::make_shared<monitoring::EventRing>(1000);
  monitoring::ApiSources api;
  api.source = source_of(node, scheduler, options.events);
  api.events = options.events;
  api.log = [&node](std::uint64_t after, std::size_t most) {
    LogRing::Page page = node.recent_log().page(after == 0 ? 0 : after + 1, most);
    return monitoring::LogPage{std::move(page.lines), page.last};
  };
  api.warn = [&node](std::string_view text) { node.log(LogLevel::warning, "dashboard", text); };
  std::shared_ptr<monitoring::HistoryWriter> history;
  if (!options.history.directory.empty())
    history = std::make_shared<monitoring::HistoryWriter>(
        std::move(options.history),
        monitoring::HistorySources{api.source, api.events, api.log, api.warn, options.build, options.worker_log});
  api.recorder = parts->recorder = std::make_shared<monitoring::Recorder>(api.source);
  if (options.serve)
    if (auto served = parts->serve(node, scheduler, std::move(options), std::move(api)); !served)
      return tl::unexpected(std::move(served.error()));
  // Only now: of one that does not start nothing is written.
  if (history) parts->recorder->show_to(parts->history = std::move(history));
  return std::unique_ptr<Dashboard>(new Dashboard(std::move(parts)));
}

Result<void> Dashboard::Parts::serve(Node& node, const SchedulerHandle& scheduler, DashboardOptions options,
                                     monitoring::ApiSources api) {
  api.ask = questions_of(node, scheduler);
  const auto loops = std::make_shared<const LoopProfile>(
      node, std::chrono::duration_cast<std::chrono::microseconds>(options.profile_interval),
      std::chrono::duration_cast<std::chrono::microseconds>(options.profile_cycle));
  api.ask.loop_past = [loops](std::chrono::microseconds from_ago, std::chrono::microseconds to_ago) {
    return loops->past(from_ago, to_ago);
  };
  api.logins = logins;
  api.scale = std::move(options.scale);

  monitoring::PageSources pages;
  pages.metrics = std::make_shared<monitoring::Metrics>(options.build);
  if (options.dask_names) pages.metrics->show_dask_names();
  pages.metrics->add(std::make_shared<monitoring::MailboxCollector>([&node] { return node.waiting_messages(); }));
  pages.metrics->add_scheduler([scheduler] { return scheduler.counters(); });
  pages.ready = std::move(options.ready);
  pages.summary = [scheduler] { return scheduler.summary(); };
  pages.counters = [scheduler] { return scheduler.counters(); };
  pages.desired_workers = [source = api.source] { return source->desired_workers(); };

  monitoring::HttpConfig config;
  config.host = options.host;
  config.port = options.port;
  config.insecure = options.insecure;
  config.token = std::move(options.token);
  config.allowed_hosts = std::move(options.allowed_hosts);
  config.frame_ancestors = std::move(options.frame_ancestors);
  config.scope_of = [known = logins](std::string_view token) { return known->scope_of(token); };

  // The pages of the API ask who they are for the address they are served at, which is known once it is bound.
  api.http_address = std::make_shared<std::string>();
  api.identity = {options.build, api.recorder->clock().now_ms(), api.scale != nullptr, {}};
  pages.metrics->add(std::make_shared<monitoring::RecorderCollector>(api.recorder, api.source));
  const auto requests = std::make_shared<monitoring::RequestCollector>([known = logins] { return known->sessions(); });
  pages.metrics->add(requests);
  auto cluster = std::make_shared<monitoring::Metrics>(options.build);
  cluster->add(std::make_shared<monitoring::ClusterCollector>(api.recorder));
  std::vector<monitoring::Route> routes = monitoring::node_routes(std::move(pages));
  routes.push_back(monitoring::metrics_route("/metrics/cluster", std::move(cluster)));
  const auto address = api.http_address;
  for (auto& route : monitoring::api_routes(std::move(api))) routes.push_back(requests->counted(std::move(route)));
  for (auto& route : monitoring::asset_routes(routes)) routes.push_back(std::move(route));
  auto served = monitoring::HttpServer::start(config, routes, address.get());
  if (!served && options.any_port && served.error().kind == ErrorKind::failed && config.port != 0) {
    config.port = 0;
    served = monitoring::HttpServer::start(std::move(config), std::move(routes), address.get());
  }
  if (!served) return tl::unexpected(std::move(served.error()));
  http = std::move(*served);
  return {};
}

Dashboard::Dashboard(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Dashboard::~Dashboard() { end_history("ended"); }

void Dashboard::end_history(std::string_view reason) {
  if (!parts_->history) return;
  const bool alive = parts_->recorder->finish();
  std::exchange(parts_->history, nullptr)->end(reason, alive);
}

std::string Dashboard::address() const { return parts_->http ? parts_->http->address() : std::string(); }

std::string Dashboard::login_link(monitoring::Scope scope) const {
  return "http://" + address() + "/status#code=" + parts_->logins->make_code(scope);
}

}  // namespace troupe
