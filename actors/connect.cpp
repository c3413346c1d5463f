#include "actors/connect.hpp"

#include "actors/local_link.hpp"
#include "actors/remote_link.hpp"

namespace troupe {

namespace {

template <class Out, class In>
std::unique_ptr<Link<Out>> connect(Node& node, ConnectOptions options, Role role, const caf::actor& owner) {
  TROUPE_ASSERT(node.on_loop(), "links are made on the loop");
  if (options.local) return std::make_unique<LocalLink<Out>>(*options.local, role, owner);
  return std::make_unique<RemoteLink<Out, In>>(node, std::move(options), role, owner);
}

}  // namespace

std::unique_ptr<Link<ClientMessage>> connect_client(Node& node, ConnectOptions options, caf::actor owner) {
  return connect<ClientMessage, ToClient>(node, std::move(options), Role::client, owner);
}
std::unique_ptr<Link<WorkerMessage>> connect_worker(Node& node, ConnectOptions options, caf::actor owner) {
  return connect<WorkerMessage, ToWorker>(node, std::move(options), Role::worker, owner);
}
std::unique_ptr<Link<NannyMessage>> connect_nanny(Node& node, ConnectOptions options, caf::actor owner) {
  return connect<NannyMessage, ToNanny>(node, std::move(options), Role::nanny, owner);
}

}  // namespace troupe
