#pragma once

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/connect.hpp"
#include "actors/link_messages.hpp"
#include "actors/node.hpp"
#include "runtime/exec/module.hpp"

namespace troupe::testing {

/// What a client was told, for a test on another thread to look at.
struct ClientLog {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::uint64_t, Bytes> values;  ///< inline values by key
  std::map<std::uint64_t, std::vector<WorkerId>> holders;
  std::map<std::uint64_t, std::shared_ptr<const TaskError>> errors;
  std::map<std::uint32_t, std::string> addresses;
  std::vector<Accepted> accepted;
  std::vector<QueryReply> replies;
  std::vector<RunReply> runs;
  int ready_messages{};
  int ups{};
  int resumed{};
  int downs{};
  std::optional<Error> closed;

  bool wait(const std::function<bool()>& condition, std::chrono::seconds patience = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, patience, condition);
  }
};

/// A client with no machine: says what the test says, and keeps what it is told.
class TestClientActor final : public caf::event_based_actor {
public:
  TestClientActor(caf::actor_config& config, Node* node, ConnectOptions options, ClientLog* log)
      : caf::event_based_actor(config), node_(*node), options_(std::move(options)), log_(log) {}

  caf::behavior make_behavior() override {
    link_ = connect_client(node_, options_, caf::actor_cast<caf::actor>(this));
    link_->send({RegisterClient{"test"}});
    return {
        [this](Received<ToClient>& batch) {
          const std::lock_guard lock(log_->mutex);
          for (auto& message : batch.messages) std::visit([this](auto& one) { take(one); }, message);
          log_->changed.notify_all();
        },
        [this](const LinkUp& up) {
          const std::lock_guard lock(log_->mutex);
          ++log_->ups;
          log_->resumed += up.resumed;
          log_->changed.notify_all();
        },
        [this](const LinkDown&) {
          const std::lock_guard lock(log_->mutex);
          ++log_->downs;
          log_->changed.notify_all();
        },
        [this](LinkClosed& closed) {
          const std::lock_guard lock(log_->mutex);
          log_->closed = closed.error;
          log_->changed.notify_all();
        },
    };
  }
  void on_exit() override { link_.reset(); }
  Link<ClientMessage>& link() { return *link_; }

private:
  void take(KeysReady& ready) {
    ++log_->ready_messages;
    for (std::size_t i = 0; i < ready.keys.size(); ++i) {
      log_->values[ready.keys[i].value] = ready.values.at(i);
      log_->holders[ready.keys[i].value].push_back(ready.workers[i]);
    }
  }
  void take(KeysErred& erred) {
    for (std::size_t i = 0; i < erred.keys.size(); ++i) log_->errors[erred.keys[i].value] = erred.errors[i];
  }
  void take(WorkerAddresses& known) {
    for (auto& worker : known.workers) log_->addresses[worker.worker.value] = worker.address;
  }
  void take(Accepted& accepted) { log_->accepted.push_back(accepted); }
  void take(QueryReply& reply) { log_->replies.push_back(reply); }
  void take(RunReply& reply) { log_->runs.push_back(reply); }
  template <class Other>
  void take(Other&) {}

  Node& node_;
  ConnectOptions options_;
  ClientLog* log_;
  std::unique_ptr<Link<ClientMessage>> link_;
};

/// A client for tests, on a node of the test's choice.
class TestClient {
public:
  TestClient(Node& node, ConnectOptions options) : node_(node) {
    actor_ = node.spawn<TestClientActor>(&node, std::move(options), &log);
  }
  ~TestClient() {
    caf::scoped_actor self{node_.system()};
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
    self->wait_for(actor_);
  }

  void send(ClientMessage message) {
    node_.call([&] {
      static_cast<TestClientActor*>(caf::actor_cast<caf::abstract_actor*>(actor_))->link().send({std::move(message)});
    });
  }
  void close() {
    node_.call(
        [&] { static_cast<TestClientActor*>(caf::actor_cast<caf::abstract_actor*>(actor_))->link().close("done"); });
  }

  /// `count` calls of F, each with what `arguments(writer, i)` writes; dependencies as indices of the same chunk.
  template <auto F>
  void submit(std::uint64_t submission, std::uint32_t count,
              const std::function<void(ArgumentWriter&, std::uint32_t, std::vector<std::uint32_t>&)>& arguments,
              Annotations annotations = {}) {
    auto chunk = std::make_shared<GraphChunk>();
    chunk->size = count;
    TaskTemplate tmpl;
    tmpl.function.kind = FunctionRef::Kind::module;
    tmpl.function.module = std::string(ListedFunction<F>::module);
    tmpl.function.build = ListedFunction<F>::build;
    tmpl.function.name = std::string(ListedFunction<F>::name);
    tmpl.prefix = tmpl.function.name;
    tmpl.annotations = std::move(annotations);
    chunk->templates = {tmpl};
    ArgumentWriter writer;
    chunk->argument_offsets = {0};
    chunk->dependency_offsets = {0};
    for (std::uint32_t i = 0; i < count; ++i) {
      arguments(writer, i, chunk->dependencies);
      chunk->argument_offsets.push_back(static_cast<std::uint32_t>(writer.bytes.size()));
      chunk->dependency_offsets.push_back(static_cast<std::uint32_t>(chunk->dependencies.size()));
    }
    chunk->arguments = Bytes::own(std::move(writer.bytes));
    SubmitGraph submit;
    submit.submission = submit.graph = submission;
    submit.token = {Node::random(), Node::random()};
    submit.chunk = std::move(chunk);
    send(std::move(submit));
  }

  bool wait_values(std::size_t count, std::chrono::seconds patience = std::chrono::seconds(20)) {
    return log.wait([&] { return log.values.size() + log.errors.size() >= count; }, patience);
  }
  template <class T>
  T value(std::uint64_t submission, std::uint32_t index) {
    const std::lock_guard lock(log.mutex);
    auto decoded = decode_inline_as<T>(log.values.at(ClientKey::of(submission, index).value));
    EXPECT_TRUE(decoded) << decoded.error().text;
    return decoded ? *decoded : T{};
  }

  ClientLog log;

private:
  Node& node_;
  caf::actor actor_;
};

}  // namespace troupe::testing
