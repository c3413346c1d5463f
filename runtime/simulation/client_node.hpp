#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/core/client_state.hpp"
#include "runtime/simulation/dialer.hpp"
#include "runtime/simulation/graphs.hpp"
#include "runtime/simulation/host.hpp"

namespace troupe::simulation {

/// A client process: its machine, its link, and a user who submits, waits, looks and lets go, and who knows what every
/// value has to be. P2, P3 and P7 are held against what it is told.
class ClientNode final : private DialerOwner {
public:
  ClientNode(World& world, std::uint32_t node);
  ~ClientNode();

  /// What the user does; see acts.cpp. Each is void once the client is gone.
  void submit(std::uint32_t size, std::uint32_t shape, std::uint64_t salt);
  void scatter(std::uint32_t count, std::uint64_t salt);
  void release(std::uint64_t salt, std::uint64_t most);
  void cancel(std::uint64_t salt, std::uint64_t most);
  void retry();
  void query(std::uint64_t salt);
  void run_everywhere();
  void replicate(std::uint64_t salt, std::uint64_t most);
  void rebalance();
  void retire_workers(std::uint32_t count);
  void restart_workers(std::uint64_t salt);
  void leave();
  void vanish();

  /// Name of the graph that is page `page` of the client at `node`, and back.
  static std::string name_of_page(std::uint32_t node, std::uint64_t page);
  static std::pair<std::uint32_t, std::uint64_t> page_named(const std::string& name);
  /// The scheduler took a page as this group.
  void note_group(std::uint64_t page, std::uint64_t group);

  [[nodiscard]] bool gone() const { return gone_; }
  [[nodiscard]] std::uint32_t node() const { return node_; }
  [[nodiscard]] ProcessId process() const { return process_; }
  /// A key or question that has not been answered: as text; empty if there is none.
  [[nodiscard]] std::string unanswered() const;
  /// Asks for the values of all keys told ready that it has not seen. False: some are still to come.
  bool look_at_all();
  void release_all();
  void check_invariants() const { state_.check_invariants(); }

private:
  enum class Told : std::uint8_t { pending, ready, erred, cancelled, lost };
  struct Key {
    Told told{Told::pending};
    bool seen{};     ///< the value was looked at
    bool looking{};  ///< it is being fetched
    WorkerId holder;
  };
  struct Page {
    std::uint64_t salt{};
    std::shared_ptr<const GraphChunk> chunk;
    std::vector<SimValue> expected;
    std::vector<ClientKey> external;  ///< local
    std::uint64_t group{};
    bool data{};
    std::map<std::uint32_t, Key> keys;  ///< wanted and not released
  };

  void on_messages(std::vector<Bytes>& payloads) override;
  void on_up(bool resumed) override;
  void on_closed(const Error& error) override;
  void handle(ClientEvent event);
  void perform();

  void apply(KeysReady& update);
  void apply(KeysErred& update);
  void apply(KeysCancelled& update);
  void apply(KeysPending& update);
  void apply(PageAccepted& update);
  void apply(PageRefused& update);
  void apply(ScatterPlanned& update);
  void apply(AllKeysLost& update);
  void apply(QueryReply& update);
  void apply(RunReply& update);
  void apply(RequestFailed& update);

  [[nodiscard]] Key* find(ClientKey key);
  template <class Visit>
  void for_each(const std::vector<KeyRange>& ranges, Visit visit);
  void put(const std::string& address, std::uint64_t page, const std::vector<std::uint32_t>& keys);
  void look(ClientKey key);
  void looked(ClientKey key, const GotValues& got);
  [[nodiscard]] std::vector<KeyRange> pick(std::uint64_t salt, std::uint64_t most) const;
  void tell(ClientKey key, Key& known, Told told);
  [[nodiscard]] TaskId task_of(ClientKey key) const;
  [[nodiscard]] RequestId new_request();
  void answered(RequestId request);

  World& world_;
  std::uint32_t node_;
  ProcessId process_;
  ClientState state_;
  ClientEffects effects_;
  std::unique_ptr<Dialer> dialer_;
  std::map<std::uint64_t, Page> pages_;
  std::uint64_t last_page_{};
  std::uint64_t last_request_{};
  std::set<RequestId> requests_;
  std::map<RequestId, ClientKey> lookups_;
  bool gone_{};
  bool closed_{};
};

}  // namespace troupe::simulation
