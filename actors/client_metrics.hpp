#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

class Client;

struct ClientMetricsOptions {
  std::string host{"127.0.0.1"};
  std::uint16_t port{};                      ///< 0: any
  bool insecure{};                           ///< on another interface than loopback, in plain text
  std::vector<std::string> allowed_hosts{};  ///< names, beside loopback's own, that a Host header may carry
};

/// The metrics of a client in a program that embeds it, for Prometheus: what it submitted, what has come of it, what it
/// received, how long its questions take; and of its process. A program that serves pages of its own shows `text()`
/// among them; others have them served by `ClientMetrics(client, {.port = 9100})`, at /metrics, beside /livez and
/// /readyz, which is true while the client is connected. Each client has its own; one may end before its metrics do.
class ClientMetrics {
public:
  explicit ClientMetrics(const Client& client);
  /// Throws Failure if the port is taken or the address is not allowed.
  ClientMetrics(const Client& client, ClientMetricsOptions serve);
  ~ClientMetrics();
  ClientMetrics(const ClientMetrics&) = delete;
  ClientMetrics& operator=(const ClientMetrics&) = delete;

  /// In Prometheus' text format 0.0.4. From any thread.
  [[nodiscard]] std::string text() const;
  /// host:port of the pages; empty if none are served.
  [[nodiscard]] std::string address() const;

private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace troupe
