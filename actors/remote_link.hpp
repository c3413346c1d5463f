#pragma once

#include <fmt/format.h>
#include <boost/asio/steady_timer.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/connect.hpp"
#include "actors/link_messages.hpp"
#include "actors/node.hpp"
#include "protocol/codec.hpp"
#include "runtime/net/opener.hpp"
#include "runtime/net/session_channel.hpp"

namespace troupe {

/// A link over TCP: a session, and the attempts to have a wire under it. Owned by an actor, on the loop.
/// Always true: with a wire, nothing is being opened; without one, an attempt or a pause before the next is under way,
/// until it is closed.
template <class Out, class In>
class RemoteLink final : public Link<Out>, private SessionOwner {
public:
  RemoteLink(Node& node, ConnectOptions options, Role role, const caf::actor& owner)
      : node_(node),
        options_(std::move(options)),
        role_(role),
        owner_(caf::actor_cast<caf::actor_addr>(owner)),
        pause_(node.io()),
        backoff_(options_.backoff_min),
        down_since_(Node::now()) {
    if (options_.address.empty()) options_.address = options_.access.scheduler_address;
    options_.session.grace = options_.give_up_after.count() > 0 ? options_.give_up_after : forever;
    renew();
    open();
  }
  ~RemoteLink() override { *alive_ = false; }

  void send(std::vector<Out> messages) override {
    if (closed_) return;
    for (const auto& message : messages) {
      if (drop_until_registered_ && !registers(message)) continue;
      drop_until_registered_ = false;
      auto frame = encoder_.encode(message);
      if (!frame)
        return node_.post([this, alive = alive_, error = frame.error()] {
          if (*alive) fail_with(error);
        });
      channel_->send(*frame);
    }
    channel_->flush();
  }

  void close(std::string reason) override {
    if (closed_) return;
    send({Out{Goodbye{std::move(reason)}}});
    closed_ = true;
    channel_->bye();
    opening_.reset();
    pause_.cancel();
  }

  [[nodiscard]] std::size_t backlog() const override { return channel_->backlog(); }

private:
  static constexpr Duration forever = std::chrono::hours(24 * 3650);

  template <class Event>
  void tell(Event event) {
    if (auto owner = caf::actor_cast<caf::actor>(owner_)) caf::anon_send(owner, std::move(event));
  }

  static bool registers(const ClientMessage& message) { return std::holds_alternative<RegisterClient>(message); }
  static bool registers(const WorkerMessage& message) { return std::holds_alternative<RegisterWorker>(message); }
  static bool registers(const NannyMessage& message) { return std::holds_alternative<RegisterNanny>(message); }

  void renew() {
    if (channel_) node_.post([dying = std::shared_ptr<SessionChannel>(std::move(channel_))] {});
    channel_ = std::make_unique<SessionChannel>(node_.io(), options_.session, static_cast<SessionOwner&>(*this));
  }

  void open() {
    OpenOptions open;
    open.address = options_.address;
    open.role = role_;
    open.key_kind = role_ == Role::client ? KeyKind::client : KeyKind::worker;
    open.key = options_.access.keys().of(open.key_kind);
    open.cluster = options_.access.cluster;
    open.session = session_;
    open.received = session_ ? channel_->last_received() : 0;
    opening_ = std::make_unique<Opening>(node_.io(), std::move(open),
                                         [this](Result<Opened> opened) { this->opened(std::move(opened)); });
  }

  void opened(Result<Opened> opened) {
    node_.post([dying = std::shared_ptr<Opening>(std::move(opening_))] {});  // it is the caller
    if (!opened) return failed(opened.error());
    const auto& established = opened->established;
    const bool resumed = session_ && established.resumed;
    if (ever_up_ && !resumed) {
      renew();
      drop_until_registered_ = true;
    }
    session_ = established.session;
    if (auto attached = channel_->attach(std::move(opened->connection), established); !attached) {
      // Not the session we know: begin another with the next attempt.
      session_ = {};
      return failed({ErrorKind::disconnected, attached.error().text});
    }
    backoff_ = options_.backoff_min;
    ever_up_ = true;
    tell(LinkUp{resumed});
  }

  void failed(const Error& error) {
    if (closed_) return;
    const bool in_vain = error.kind != ErrorKind::disconnected && error.kind != ErrorKind::overloaded;
    const bool late = options_.give_up_after.count() > 0 && Node::now() - down_since_ >= options_.give_up_after;
    if (in_vain || late) return fail_with(error);
    const auto pause = backoff_ / 2 + Duration(static_cast<std::int64_t>(Node::random() % backoff_.count()));
    backoff_ = std::min(backoff_ * 2, options_.backoff_max);
    pause_.expires_after(pause);
    pause_.async_wait([this, alive = alive_](const boost::system::error_code& stopped) {
      if (!stopped && *alive && !closed_) open();
    });
  }

  void fail_with(const Error& error) {
    if (closed_) return;
    closed_ = true;
    opening_.reset();
    pause_.cancel();
    channel_->bye();
    tell(LinkClosed{error});
  }

  void on_payloads(std::vector<Bytes>& payloads) override {
    Received<In> batch;
    batch.messages.reserve(payloads.size());
    for (const auto& payload : payloads) {
      auto message = decode<In>(payload);
      if (!message) {
        node_.post([this, alive = alive_, error = message.error()] {
          if (*alive) fail_with({ErrorKind::failed, fmt::format("{}: {}", options_.address, error.text)});
        });
        break;
      }
      batch.messages.push_back(std::move(*message));
    }
    if (!batch.messages.empty()) tell(std::move(batch));
  }

  void on_cut(const Error& error) override {
    if (closed_) return;
    down_since_ = Node::now();
    tell(LinkDown{error.text});
    failed({ErrorKind::disconnected, error.text});
  }

  void on_over(const Error& error) override { fail_with(error); }

  Node& node_;
  ConnectOptions options_;
  Role role_;
  caf::actor_addr owner_;
  boost::asio::steady_timer pause_;
  Duration backoff_;
  Instant down_since_;
  Token session_;
  bool ever_up_{};
  bool drop_until_registered_{};  ///< a new session: what was meant for the old one is void
  bool closed_{};
  FrameEncoder encoder_;
  std::unique_ptr<SessionChannel> channel_;
  std::unique_ptr<Opening> opening_;
  std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
};

}  // namespace troupe
