#include "actors/client_actor.hpp"

#include <boost/asio/steady_timer.hpp>
#include <caf/all.hpp>

namespace troupe {
namespace {

/// The node as user threads reach it.
class NodeLoop final : public ClientLoop {
public:
  NodeLoop(Node& node, std::shared_ptr<ClientDoor> door) : node_(node), door_(std::move(door)) {}
  void wake() override {
    node_.post([door = door_] {
      if (door->running != nullptr) door->running->drain();
    });
  }
  [[nodiscard]] bool on_loop() const override { return node_.on_loop(); }

private:
  Node& node_;
  std::shared_ptr<ClientDoor> door_;
};

class NodeSurroundings final : public ClientSurroundings {
public:
  NodeSurroundings(Node& node, DataOptions data) : node_(node), exchange_(node, std::move(data)) {}
  [[nodiscard]] Instant now() const override { return Node::now(); }
  void later(Duration after, std::function<void()> work) override {
    auto timer = std::make_shared<boost::asio::steady_timer>(node_.io(), after);
    timer->async_wait([timer, work = std::move(work), alive = std::weak_ptr<int>(alive_)](const auto& error) {
      if (!error && !alive.expired()) work();
    });
  }
  void get(const std::string& address, std::vector<TaskId> tasks, std::uint64_t max_bytes,
           ValueExchange::Got done) override {
    exchange_.get(address, std::move(tasks), max_bytes, std::move(done));
  }
  void put(const std::string& address, std::vector<TaskId> tasks, std::vector<Value> values,
           ValueExchange::Done done) override {
    exchange_.put(address, std::move(tasks), std::move(values), std::move(done));
  }
  void put_module(ClientCore::Upload upload, ValueExchange::Done done) override {
    exchange_.put_module(upload.address, std::move(upload.module.name), std::move(upload.module.sha256),
                         std::move(upload.file), std::move(done));
  }

private:
  Node& node_;
  ValueExchange exchange_;
  std::shared_ptr<int> alive_{std::make_shared<int>()};
};

DataOptions data_options(const ConnectOptions& connect) {
  DataOptions data;
  data.cluster = connect.local ? connect.local->cluster() : connect.access.cluster;
  data.key_kind = KeyKind::client;
  data.key = connect.access.client_key;
  return data;
}

}  // namespace

ClientActor::ClientActor(caf::actor_config& config, Node* node, ConnectOptions connect, ClientConfig client,
                         std::shared_ptr<ClientCore> core, std::shared_ptr<ClientDoor> door)
    : LoopActor(config, *node, "client"),
      node_(*node),
      connect_(std::move(connect)),
      session_(std::make_unique<ClientSession>(std::move(core), std::move(client),
                                               std::make_unique<NodeSurroundings>(node_, data_options(connect_)))),
      door_(std::move(door)) {}

caf::behavior ClientActor::make_behavior() {
  door_->running = this;
  session_->start(connect_client(node_, std::move(connect_), caf::actor_cast<caf::actor>(this)));
  return {
      [this](Received<ToClient>& batch) {
        session_->receive(std::move(batch.messages));
        leave_if_ended();
      },
      [this](const LinkUp& event) { session_->link_up(event.resumed); },
      [](const LinkDown&) {},
      [this](const LinkClosed& event) {
        session_->link_closed(event.error);
        leave_if_ended();
      },
  };
}

void ClientActor::drain() {
  session_->drain();
  leave_if_ended();
}

void ClientActor::abandon(std::string reason) {
  session_->abandon(std::move(reason));
  leave_if_ended();
}

/// May be called outside of a message, so it asks by one.
void ClientActor::leave_if_ended() {
  if (!session_->ended()) return;
  door_->running = nullptr;
  caf::anon_send_exit(caf::actor_cast<caf::actor>(this), caf::exit_reason::user_shutdown);
}

void ClientActor::on_exit() {
  door_->running = nullptr;
  session_.reset();
}

std::unique_ptr<ClientParts> open_client(Node& node, ConnectOptions connect, ClientConfig client) {
  auto parts = std::make_unique<ClientParts>();
  parts->node = &node;
  parts->door = std::make_shared<ClientDoor>();
  parts->core = std::make_shared<ClientCore>(std::make_unique<NodeLoop>(node, parts->door),
                                             Token{Node::random(), Node::random()});
  node.call([&] { node.spawn<ClientActor>(&node, std::move(connect), std::move(client), parts->core, parts->door); });
  return parts;
}

}  // namespace troupe
