#include "actors/scheduler_source.hpp"

#include <atomic>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "actors/client.hpp"
#include "actors/connect.hpp"
#include "actors/errors.hpp"
#include "actors/node.hpp"
#include "actors/scheduler_actor.hpp"

namespace troupe {
namespace {

using monitoring::EventLevel;

constexpr std::chrono::minutes order_patience{10};

class SchedulerSource final : public monitoring::ClusterSource, public std::enable_shared_from_this<SchedulerSource> {
public:
  SchedulerSource(Node& node, SchedulerHandle scheduler, std::shared_ptr<monitoring::EventRing> events)
      : node_(node), scheduler_(std::move(scheduler)), events_(std::move(events)) {}

  std::optional<ClusterView> view() override {
    return ask([](SchedulerState& state) { return std::optional(state.view(Node::now())); });
  }
  TaskPage tasks(const TaskFilter& filter, std::uint64_t from, std::size_t most, std::size_t most_scanned) override {
    return ask([&](SchedulerState& state) { return state.tasks(filter, from, most, most_scanned); });
  }
  std::optional<TaskFacts> detail(std::string_view task) override {
    return ask([&](SchedulerState& state) { return state.detail(state.find_task(task), Node::now()); });
  }
  std::vector<GroupView> groups(std::size_t most) override {
    return ask([&](SchedulerState& state) { return state.latest_groups(most); });
  }
  std::vector<GroupTasks> graph(std::size_t most, std::uint64_t only_group) override {
    return ask([&](SchedulerState& state) { return state.latest_tasks(most, only_group); });
  }
  std::vector<TaskStep> steps(std::size_t most) override {
    return ask([&](SchedulerState& state) { return state.latest_steps(most); });
  }
  TaskHistory::Snapshot history() override {
    return ask([](SchedulerState& state) { return state.history().snapshot(); });
  }
  std::vector<FailedTask> failures() override {
    return ask([](SchedulerState& state) {
      const auto& list = state.history().failures();
      return std::vector<FailedTask>(list.begin(), list.end());
    });
  }
  std::vector<StolenTask> steals() override {
    return ask([](SchedulerState& state) {
      const auto& list = state.history().steals();
      return std::vector<StolenTask>(list.begin(), list.end());
    });
  }

  TimeView times() override {
    return ask([](SchedulerState& state) { return state.times(); });
  }

  std::vector<SpanView> spans() override {
    return ask([](SchedulerState& state) { return state.spans(); });
  }

  std::uint64_t desired_workers() override {
    return ask([](SchedulerState& state) { return state.desired_workers(monitoring::desired_within); });
  }

  monitoring::TurnDurations turns() override {
    return node_.call([this] {
      SchedulerActor* running = scheduler_.shared().running;
      if (running == nullptr) return monitoring::TurnDurations{};
      return monitoring::TurnDurations{running->decisions(), running->submissions()};
    });
  }

  Result<void> control(TaskControl control, const std::vector<std::string>& tasks, const std::string& reason) override {
    return attempt([&](Client& client) { client.control_tasks(control, tasks, reason, std::chrono::seconds(10)); });
  }
  Result<void> retire(const std::string& worker) override {
    return later(fmt::format("worker '{}' is drained", worker),
                 [worker](Client& client) { client.retire_workers({worker}, order_patience); });
  }
  Result<void> restart(const std::string& worker) override {
    return later(fmt::format("worker '{}' was started again", worker),
                 [worker](Client& client) { client.restart_workers({worker}, order_patience); });
  }

private:
  template <class F>
  auto ask(F&& question) -> std::invoke_result_t<F, SchedulerState&> {
    return node_.call([this, &question]() -> std::invoke_result_t<F, SchedulerState&> {
      SchedulerActor* running = scheduler_.shared().running;
      if (running == nullptr) return {};
      return question(running->state());
    });
  }

  template <class F>
  Result<void> attempt(F&& order) {
    try {
      ConnectOptions connect;
      connect.local = scheduler_;
      ClientOptions options;
      options.name = "dashboard";
      Client client(node_, std::move(connect), std::move(options));
      order(client);
      return {};
    } catch (const Failure& failure) {
      return tl::unexpected(Error{failure.kind(), failure.what()});
    } catch (const std::exception& error) {
      return tl::unexpected(Error{ErrorKind::failed, error.what()});
    }
  }

  /// Orders that take long are waited for in a thread that ends with the node.
  template <class F>
  Result<void> later(std::string done, F order) {
    if (scheduler_.stopped()) return tl::unexpected(Error{ErrorKind::disconnected, "the scheduler has ended"});
    node_.finish_later(std::thread([this, self = shared_from_this(), done = std::move(done), order = std::move(order)] {
      const auto result = attempt(order);
      events_->add(result ? EventLevel::info : EventLevel::error, "action", {}, result ? done : result.error().text);
    }));
    return {};
  }

  Node& node_;
  SchedulerHandle scheduler_;
  std::shared_ptr<monitoring::EventRing> events_;
};

}  // namespace

std::shared_ptr<monitoring::ClusterSource> source_of(Node& node, SchedulerHandle scheduler,
                                                     std::shared_ptr<monitoring::EventRing> events) {
  return std::make_shared<SchedulerSource>(node, std::move(scheduler), std::move(events));
}

}  // namespace troupe
