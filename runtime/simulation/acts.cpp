#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "protocol/handshake.hpp"
#include "runtime/simulation/client_node.hpp"
#include "runtime/simulation/scheduler_node.hpp"
#include "runtime/simulation/world.hpp"

// What acts do. A fault counts only where it befell somebody.

namespace troupe::simulation {

Host* World::host(std::uint32_t node) { return node >= 1 && node <= hosts_.size() ? hosts_[node - 1].get() : nullptr; }

void World::act(const Act& act) {
  story_.note(static_cast<std::uint64_t>(act.kind), act.node, act.amount);
  story_.tell(now(), [&] {
    return fmt::format("ACT {} node {} other {} amount {}", name_of(act.kind), act.node, act.other, act.amount);
  });
  switch (act.kind) {
    case ActKind::submit:
    case ActKind::scatter:
    case ActKind::release:
    case ActKind::cancel:
    case ActKind::retry:
    case ActKind::query:
    case ActKind::run_everywhere:
    case ActKind::leave:
    case ActKind::vanish:
    case ActKind::replicate:
    case ActKind::rebalance:
    case ActKind::retire_workers:
    case ActKind::restart_workers:
    case ActKind::overload: act_of_user(act); break;
    case ActKind::kill:
    case ActKind::retire:
    case ActKind::join: act_on_host(act); break;
    case ActKind::pause: pause(act); break;
    case ActKind::cut:
    case ActKind::partition:
    case ActKind::slow_link:
    case ActKind::half_open:
    case ActKind::replay:
    case ActKind::slow_reader:
    case ActKind::refuse: act_on_network(act); break;
    case ActKind::wrong_version: act_wrong_version(act); break;
  }
  dying_.clear();
}

void World::act_of_user(const Act& act) {
  if (act.node < history_.first_client()) return;
  ClientNode& user = client(act.node);
  switch (act.kind) {
    case ActKind::submit: return user.submit(std::max(1U, static_cast<std::uint32_t>(act.amount)), act.other, act.salt);
    case ActKind::scatter: return user.scatter(std::max(1U, static_cast<std::uint32_t>(act.amount)), act.salt);
    case ActKind::release: return user.release(act.salt, act.amount);
    case ActKind::cancel: return user.cancel(act.salt, act.amount);
    case ActKind::retry: return user.retry();
    case ActKind::query: return user.query(act.salt);
    case ActKind::run_everywhere: return user.run_everywhere();
    case ActKind::leave: return user.leave();
    case ActKind::vanish: return user.vanish();
    case ActKind::replicate: return user.replicate(act.salt, act.amount);
    case ActKind::rebalance: return user.rebalance();
    case ActKind::retire_workers: return user.retire_workers(static_cast<std::uint32_t>(act.amount));
    case ActKind::restart_workers: return user.restart_workers(act.salt);
    case ActKind::overload:
      if (user.gone()) return;
      inject(Fault::overload);
      for (std::uint64_t i = 0; i < act.amount; ++i)
        user.submit(1 + static_cast<std::uint32_t>(mix(act.salt, i) % 30),
                    static_cast<std::uint32_t>(mix(act.salt, i, 1) & 0xffff), mix(act.salt, i, 2));
      if (act.salt % 2 == 0) user.release(mix(act.salt, act.amount), 8);  // most of it was not even sent
      return;
    default: return;
  }
}

void World::act_on_host(const Act& act) {
  Host* at = host(act.node);
  if (at == nullptr) return;
  if (act.kind == ActKind::join) {
    if (!at->started()) at->start();
  } else if (act.kind == ActKind::kill) {
    if (at->kill(9)) inject(Fault::kill);
  } else if (at->retire(Duration{static_cast<std::int64_t>(act.amount)} + Duration{1})) {
    inject(Fault::retire);
  }
}

void World::pause(const Act& act) {
  const Instant until = now() + Duration{static_cast<std::int64_t>(act.amount)};
  const auto stop = [&](ProcessId process) { pause_until(process, until); };
  if (act.node == 0) {
    stop(scheduler_process);
  } else if (Host* at = host(act.node)) {
    if (at->worker() == nullptr) return;
    stop(at->worker()->process());
  } else {
    if (client(act.node).gone()) return;
    stop(client(act.node).process());
  }
  inject(Fault::pause);
}

void World::act_on_network(const Act& act) {
  const Duration time{static_cast<std::int64_t>(act.amount)};
  const std::uint32_t other = act.other == act.node ? 0 : act.other;
  if (act.node == other) return;
  const std::uint64_t direction = act.salt % 3;  // both ways, or one
  const auto connection = network_.connection_of(act.node);
  switch (act.kind) {
    case ActKind::partition:
      if (direction != 1) network_.block(act.node, other, time);
      if (direction != 2) network_.block(other, act.node, time);
      return inject(Fault::partition);
    case ActKind::slow_link: {
      const Duration latency{
          static_cast<std::int64_t>(mix(act.salt) % static_cast<std::uint64_t>(options().unit.count() / 4))};
      if (direction != 1) network_.slow(act.node, other, time, latency, 0.064 + unit(mix(act.salt, 1)));
      if (direction != 2) network_.slow(other, act.node, time, latency, 0.064 + unit(mix(act.salt, 1)));
      return inject(Fault::slow_link);
    }
    case ActKind::slow_reader: network_.block(0, act.node, time); return inject(Fault::slow_reader);
    case ActKind::refuse: return scheduler_->refuse_until(now() + time);
    case ActKind::cut:
      if (connection == 0) return;
      network_.cut(connection);
      return inject(Fault::partition);
    case ActKind::half_open:
      if (connection == 0) return;
      network_.go_silent(connection);
      return inject(Fault::half_open);
    case ActKind::replay:
      if (connection != 0) network_.replay(connection, 1 + static_cast<std::uint32_t>(act.salt % 20));
      return;
    default: return;
  }
}

/// The real handshake: another major version is refused with a reason, another minor one is taken in.
void World::act_wrong_version(const Act& act) {
  inject(Fault::version);
  const Secret key = *Secret::from_hex(std::string(64, 'a'));
  const bool minor = act.salt % 2 == 0;
  Hello hello;
  hello.version = protocol_version;
  if (minor)
    hello.version.minor = static_cast<std::uint16_t>(hello.version.minor + 1 + act.salt % 5);
  else
    hello.version.major = static_cast<std::uint16_t>(hello.version.major + 1 + act.salt % 5);
  hello.role = Role::worker;
  hello.key = KeyKind::worker;
  hello.cluster = {1, options().seed};
  hello.nonce[0] = std::byte{1};
  ServerHandshake::Settings settings;
  settings.cluster = hello.cluster;
  settings.epoch = {1};
  settings.keys.worker = key;
  settings.roles = {Role::worker};
  ClientHandshake opener(hello, key);
  ServerHandshake listener(settings, Nonce{});
  const auto pass = [](const Bytes& frame) {
    FrameReader reader;
    const auto space = reader.space();
    std::copy(frame.data(), frame.data() + frame.size(), space.begin());
    reader.filled(frame.size());
    return std::move(**reader.next());
  };
  auto answer = listener.receive(pass(opener.start()));
  if (!answer.send) violated("handshake", "a knock is not answered");
  const auto step = opener.receive(pass(*answer.send));
  const bool refused = !step;
  if (refused == minor)
    violated("handshake", minor ? "a peer of another minor version is refused: " + step.error().text
                                : std::string("a peer of another major version is let in"));
  cover().reached(minor ? "another minor version is let in" : "another major version is refused");
}

}  // namespace troupe::simulation
