#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/client_core.hpp"
#include "actors/link.hpp"
#include "actors/value_exchange.hpp"
#include "protocol/messages.hpp"
#include "runtime/core/client_state.hpp"

namespace troupe {

/// What a client's session needs of the loop it lives on, beside its link.
class ClientSurroundings {
public:
  virtual ~ClientSurroundings() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  /// Runs `work` on the loop, once `after` has passed; not after the surroundings are gone.
  virtual void later(Duration after, std::function<void()> work) = 0;
  /// As ValueExchange has them.
  virtual void get(const std::string& address, std::vector<TaskId> tasks, std::uint64_t max_bytes,
                   ValueExchange::Got done) = 0;
  virtual void put(const std::string& address, std::vector<TaskId> tasks, std::vector<Value> values,
                   ValueExchange::Done done) = 0;
  virtual void put_module(ClientCore::Upload upload, ValueExchange::Done done) = 0;
};

/// The half of a client that lives on the loop: feeds the machine with what user threads ordered and the scheduler
/// said, and does what it says: sends, writes outcomes into the futures' slots, and fetches large values from workers,
/// some at a time from each. Owned by the client's actor; on its loop only.
class ClientSession {
public:
  ClientSession(std::shared_ptr<ClientCore> core, ClientConfig config,
                std::unique_ptr<ClientSurroundings> surroundings);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  void start(std::unique_ptr<Link<ClientMessage>> link);
  /// User threads have ordered something.
  void drain();
  void receive(std::vector<ToClient> messages);
  void link_up(bool resumed);
  void link_closed(Error error);
  /// Ends at once: nobody is told.
  void abandon(std::string reason);
  [[nodiscard]] bool ended() const { return ended_; }

private:
  struct Wanted {
    FutureHandle future;
    TaskId task;
    unsigned attempts{};
  };
  struct Source {
    std::deque<Wanted> waiting;
    bool asked{};  ///< one request at a time; it brings many values
  };
  struct Scattered {
    std::vector<Value> values;
    std::size_t puts{};
  };

  void count(const ClientCore::Order& order);
  void upload_module(ClientCore::Upload upload);
  void flush();
  void finish();
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
  [[nodiscard]] detail::FuturePage* find_page(std::uint64_t number);
  void let_go(std::vector<ClientCore::Released> released);
  void fail_slot(detail::FutureSlot& slot, const Error& error);
  void scatter_failed(std::uint64_t number, const std::vector<std::uint32_t>& keys, const std::string& why);

  void want_values(std::vector<FutureHandle> futures);
  void want(Wanted wanted, WorkerId holder);
  void ask(WorkerId holder);
  void got(WorkerId holder, std::vector<Wanted> asked, Result<FetchedValues> result);
  void look_for(std::vector<Wanted> wanted);
  void found(const QueryReply& reply, std::vector<Wanted> wanted);
  void give_up_or_retry(Wanted wanted, std::string why);

  const std::shared_ptr<ClientCore> core_;
  ClientState state_;
  std::unique_ptr<ClientSurroundings> surroundings_;
  std::unique_ptr<Link<ClientMessage>> link_;
  ClientEffects effects_;
  std::unordered_map<std::uint64_t, detail::FuturePage*> pages_;
  std::pair<std::uint64_t, detail::FuturePage*> last_page_{};
  std::map<std::uint64_t, Scattered> scattered_;  // by page
  std::map<WorkerId, Source> sources_;
  std::map<RequestId, std::vector<Wanted>> lookups_;   // who_has under way
  std::uint64_t next_lookup_{std::uint64_t{1} << 63};  // user threads count from 1
  bool batch_left_{};
  bool flushing_{};
  bool was_up_{};
  bool ended_{};
  Error end_error_{ErrorKind::disconnected, "the client was closed"};
};

}  // namespace troupe
