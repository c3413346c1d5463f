#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace troupe::testing {

/// Stands between two ends of TCP connections and passes bytes on, until it has passed as many as `budget` said when
/// the connection came; then both sides are cut, as a failing network would. On one io_context.
class CuttingProxy {
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;

public:
  static constexpr std::uint64_t never = UINT64_MAX;

  CuttingProxy(boost::asio::io_context& io, std::uint16_t target, std::function<std::uint64_t()> budget)
      : io_(io),
        acceptor_(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        target_(target),
        budget_(std::move(budget)) {
    accept();
  }
  ~CuttingProxy() { *alive_ = false; }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] int cuts() const { return *cuts_; }
  /// Cuts all connections that are there now.
  void cut() {
    for (auto& weak : std::exchange(wires_, {}))
      if (auto wire = weak.lock()) wire->cut();
  }

private:
  struct Wire : std::enable_shared_from_this<Wire> {
    Wire(tcp::socket accepted, boost::asio::io_context& io, std::uint64_t bytes, std::shared_ptr<int> cuts)
        : one(std::move(accepted)), other(io), left(bytes), count(std::move(cuts)) {}

    void cut() {
      if (!one.is_open()) return;
      ++*count;
      end();
    }
    void end() {
      error_code ignored;
      one.close(ignored);
      other.close(ignored);
    }
    void pass(tcp::socket& from, tcp::socket& to, std::array<char, 8192>& space) {
      from.async_read_some(boost::asio::buffer(space), [this, self = shared_from_this(), &from, &to, &space](
                                                           const error_code& error, std::size_t got) {
        if (error) return end();
        const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(got, left));
        if (left != never) left -= part;
        boost::asio::async_write(to, boost::asio::buffer(space.data(), part),
                                 [this, self, &from, &to, &space](const error_code& failed, std::size_t) {
                                   if (failed) return end();
                                   if (left == 0) return cut();
                                   pass(from, to, space);
                                 });
      });
    }

    tcp::socket one;
    tcp::socket other;
    std::uint64_t left;
    std::shared_ptr<int> count;
    std::array<char, 8192> there{};
    std::array<char, 8192> back{};
  };

  void accept() {
    acceptor_.async_accept([this, alive = alive_](const error_code& error, tcp::socket socket) {
      if (error || !*alive) return;
      ++connections_;
      auto wire = std::make_shared<Wire>(std::move(socket), io_, budget_(), cuts_);
      wires_.push_back(wire);
      wire->other.async_connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), target_),
                                [wire](const error_code& failed) {
                                  if (failed) return wire->end();
                                  wire->pass(wire->one, wire->other, wire->there);
                                  wire->pass(wire->other, wire->one, wire->back);
                                });
      accept();
    });
  }

  boost::asio::io_context& io_;
  tcp::acceptor acceptor_;
  std::uint16_t target_;
  std::function<std::uint64_t()> budget_;
  std::vector<std::weak_ptr<Wire>> wires_;
  int connections_{};
  std::shared_ptr<int> cuts_{std::make_shared<int>(0)};
  std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
};

}  // namespace troupe::testing
