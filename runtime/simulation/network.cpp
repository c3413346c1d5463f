#include <algorithm>
#include <chrono>

#include "runtime/simulation/channel.hpp"
#include "runtime/simulation/world.hpp"

namespace troupe::simulation {

Network::Network(World& world, std::uint32_t nodes, Duration latency)
    : world_(world), nodes_(nodes), latency_(latency), paths_(std::size_t{nodes} * nodes) {}

Instant Network::arrival(std::uint32_t from, std::uint32_t to, std::size_t bytes) {
  const Path& way = path(from, to);
  Duration delay = world_.network_random().up_to(latency_);
  if (world_.now() < way.slow_until) {
    delay += way.latency;
    delay += std::chrono::microseconds(static_cast<std::int64_t>(static_cast<double>(bytes) / way.bytes_per_us));
  }
  return std::max(world_.now() + delay, way.blocked_until);
}

bool Network::blocked(std::uint32_t from, std::uint32_t to) const { return world_.now() < blocked_until(from, to); }
Instant Network::blocked_until(std::uint32_t from, std::uint32_t to) const { return path(from, to).blocked_until; }

void Network::block(std::uint32_t from, std::uint32_t to, Duration time) {
  Instant& until = path(from, to).blocked_until;
  until = std::max(until, world_.now() + time);
}

void Network::slow(std::uint32_t from, std::uint32_t to, Duration time, Duration latency, double bytes_per_us) {
  Path& way = path(from, to);
  way.slow_until = world_.now() + time;
  way.latency = latency;
  way.bytes_per_us = bytes_per_us;
}

void Network::heal() {
  for (Path& way : paths_) way = {};
}

ProcessId Network::process_of(const Connection& connection, int end) const {
  return end == 0 ? connection.process : World::scheduler_process;
}

std::uint64_t Network::connect(std::uint32_t opener, ProcessId opener_process) {
  Connection& made = connections_.emplace_back();
  made.node = opener;
  made.process = opener_process;
  return connections_.size();
}

Instant Network::welcome(std::uint64_t number) {
  Connection& connection = connections_[number - 1];
  const Instant when = arrival(0, connection.node, 200);
  connection.last_arrival[0] = when + Duration{1};
  return when;
}

void Network::take_end(std::uint64_t connection, int end, Channel* channel) {
  Connection& taken = connections_[connection - 1];
  taken.ends[static_cast<std::size_t>(end)] = channel;
  taken.taken[static_cast<std::size_t>(end)] = true;
}

void Network::release(std::uint64_t number, int end) {
  Connection& connection = connections_[number - 1];
  connection.ends[static_cast<std::size_t>(end)] = nullptr;
  if (!connection.silent) put_under_way(number, 1 - end, 0, {});
}

void Network::cut(std::uint64_t number) {
  // Each end takes what comes before it hears of it, and loses the rest.
  for (const int end : {0, 1})
    if (connections_[number - 1].ends[static_cast<std::size_t>(end)] != nullptr)
      world_.at(world_.now() + world_.network_random().up_to(latency_), process_of(connections_[number - 1], end),
                [this, number, end] {
                  if (Channel* channel = connections_[number - 1].ends[static_cast<std::size_t>(end)])
                    channel->on_closed();
                });
}

void Network::go_silent(std::uint64_t number) { connections_[number - 1].silent = true; }
void Network::replay(std::uint64_t number, std::uint32_t frames) { connections_[number - 1].replays += frames; }

std::uint64_t Network::connection_of(std::uint32_t node) const {
  for (std::size_t i = connections_.size(); i-- > 0;) {
    const Connection& connection = connections_[i];
    if (connection.node == node && connection.ends[0] != nullptr && connection.ends[1] != nullptr) return i + 1;
  }
  return 0;
}

void Network::transmit(std::uint64_t number, int end, std::vector<Wire> frames) {
  if (connections_[number - 1].silent || frames.empty()) return;
  std::size_t bytes = 0;
  for (const Wire& wire : frames) bytes += 28 + wire.frame.size();
  put_under_way(number, 1 - end, bytes, std::move(frames));
}

void Network::put_under_way(std::uint64_t number, int end, std::size_t bytes, std::vector<Wire> frames) {
  Connection& connection = connections_[number - 1];
  const std::uint32_t from = end == 0 ? 0 : connection.node;
  const std::uint32_t to = end == 0 ? connection.node : 0;
  Instant& last = connection.last_arrival[static_cast<std::size_t>(end)];
  last = std::max(arrival(from, to, bytes), last);
  connection.under_way[static_cast<std::size_t>(end)].push_back(std::move(frames));
  plan_delivery(number, end, last);
}

/// One delivery for each thing under way; whichever comes first takes the first of them.
void Network::plan_delivery(std::uint64_t number, int end, Instant when) {
  world_.at(when, process_of(connections_[number - 1], end), [this, number, end] { deliver(number, end); });
}

void Network::deliver(std::uint64_t number, int end) {
  Connection& connection = connections_[number - 1];
  const auto at = static_cast<std::size_t>(end);
  const std::uint32_t from = end == 0 ? 0 : connection.node;
  const std::uint32_t to = end == 0 ? connection.node : 0;
  if (blocked(from, to)) return plan_delivery(number, end, blocked_until(from, to));  // since it was sent
  std::vector<Wire> frames = std::move(connection.under_way[at].front());
  connection.under_way[at].pop_front();
  if (connection.silent) return;
  Channel* channel = connection.ends[at];
  if (channel == nullptr) {
    if (connection.taken[at] && !frames.empty()) world_.cover().reached("frames of a dead connection arrive");
    return;
  }
  if (frames.empty()) return channel->on_closed();
  if (connection.replays > 0 && frames.front().kind == Wire::Kind::message) {
    --connection.replays;
    world_.inject(Fault::replay);
    const std::size_t count = frames.size();
    for (std::size_t i = 0; i < count; ++i) frames.push_back(frames[i]);
  }
  channel->on_frames(frames);
}

}  // namespace troupe::simulation
