#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "runtime/core/client_events.hpp"

namespace troupe {

struct ClientConfig {
  std::string name{"client"};
  std::uint32_t bulk_window{4};   ///< chunks of large graphs that may wait for their Accepted at a time
  std::uint32_t small_window{8};  ///< other submissions of which `busy()` says to hold back and gather more
};

/// Decides what one client tells the scheduler and what its futures are told; never acts. Owned by ClientActor, touched
/// only on its thread.
///
/// Always true: submissions go out numbered 1, 2, …; nothing that names a page goes out before that page's submission;
/// chunks of graphs of several chunks wait in line while `bulk_window` of them are under way, and anything else that
/// does not depend on a chunk in that line passes it, so that a small job never waits for a large graph.
/// What is known of a single key is not here but in the table that user threads read (actors/future_table.hpp).
class ClientState {
public:
  explicit ClientState(ClientConfig config) : config_(std::move(config)) {}

  /// Speaks the first word. To be called once, before any event.
  void start(ClientEffects& out);
  void handle(ClientEvent event, Instant now, ClientEffects& out);

  /// Enough single submissions wait for their answer: further ones are better gathered into one.
  [[nodiscard]] bool busy() const { return small_unanswered_ >= config_.small_window; }
  /// Chunks that wait in line: a producer of chunks holds back while there are many.
  [[nodiscard]] std::size_t backlog() const { return line_.size(); }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] ClientId id() const { return id_; }
  [[nodiscard]] const WorkerAddress* address(WorkerId worker) const;
  [[nodiscard]] std::optional<TaskId> task(ClientKey local) const;

  void check_invariants() const;

private:
  struct Page {
    std::uint64_t submission{};  ///< 0: waits in line
    std::uint64_t group{};
    std::uint64_t live{};  ///< keys not released yet
    bool answered{};
    bool pinned{};  ///< a later chunk of its graph may still name it
  };
  struct Submission {
    std::uint64_t page{};  ///< 0: forgotten
    bool bulk{};
  };
  /// What waits in line: chunks, and whatever names a page that waits there.
  using Waiting = std::variant<GraphSubmitted, KeysReleased, CancelWanted, RetryWanted, QueryWanted, PlacementWanted>;

  void on(GraphSubmitted&& event, ClientEffects& out);
  void on(ScatterWanted&& event, ClientEffects& out);
  void on(KeysReleased&& event, ClientEffects& out);
  void on(CancelWanted&& event, ClientEffects& out);
  void on(RetryWanted&& event, ClientEffects& out);
  void on(QueryWanted&& event, ClientEffects& out);
  void on(PlacementWanted&& event, ClientEffects& out);
  void on(RunWanted&& event, ClientEffects& out);
  void on(ShutdownWanted&& event, ClientEffects& out);
  void on(CloseWanted&& event, ClientEffects& out);
  void on(ClientLinkUp&& event, ClientEffects& out);
  void on(ClientLinkClosed&& event, ClientEffects& out);
  void on(SchedulerTold&& event, ClientEffects& out);

  void on(ClientRegistered&& message, ClientEffects& out);
  void on(Accepted&& message, ClientEffects& out);
  void on(KeysReady&& message, ClientEffects& out);
  void on(KeysErred&& message, ClientEffects& out);
  void on(KeysCancelled&& message, ClientEffects& out);
  void on(KeysPending&& message, ClientEffects& out);
  void on(WorkerAddresses&& message, ClientEffects& out);
  void on(ScatterTargets&& message, ClientEffects& out);
  void on(QueryReply&& message, ClientEffects& out);
  void on(RunReply&& message, ClientEffects& out);
  void on(Goodbye&& message, ClientEffects& out);

  void send(GraphSubmitted&& event, bool bulk, ClientEffects& out);
  void send(KeysReleased&& event, ClientEffects& out);
  void send(CancelWanted&& event, ClientEffects& out);
  void send(RetryWanted&& event, ClientEffects& out);
  void send(QueryWanted&& event, ClientEffects& out);
  void send(PlacementWanted&& event, ClientEffects& out);
  /// False: one is not known any more, and the question is answered so.
  bool to_wire(std::vector<ClientKey>& keys, RequestId request, ClientEffects& out);
  /// An input is not known any more.
  void refuse(const GraphSubmitted& event, ClientEffects& out);
  void close_graph(std::uint64_t graph);
  /// Moves the line on as far as the window allows.
  void advance(ClientEffects& out);
  void lose_everything(const Error& error, ClientEffects& out);

  [[nodiscard]] bool names_waiting_page(const std::vector<KeyRange>& keys) const;
  [[nodiscard]] bool names_waiting_page(const std::vector<ClientKey>& keys) const;
  [[nodiscard]] std::vector<KeyRange> to_wire(const std::vector<KeyRange>& local) const;
  void to_local(std::vector<ClientKey>& keys) const;
  [[nodiscard]] std::vector<KeyRange> to_local(const std::vector<KeyRange>& wire) const;
  [[nodiscard]] Page* find_page(std::uint64_t page);
  [[nodiscard]] const Page* find_page(std::uint64_t page) const;
  [[nodiscard]] Submission* find_submission(std::uint64_t submission);
  [[nodiscard]] const Submission* find_submission(std::uint64_t submission) const;
  Page& add_page(std::uint64_t page, std::uint64_t live);
  std::uint64_t number(std::uint64_t page, bool bulk);
  void answered(std::uint64_t submission);
  void forget_if_unused(std::uint64_t page);

  ClientConfig config_;
  ClientId id_;
  bool linked_{};
  bool closed_{};
  std::map<std::uint64_t, Page> pages_;  // by number; consecutive lookups mostly meet the same one
  std::deque<Submission> submissions_;   // by number, from first_submission_ on
  std::uint64_t first_submission_{1};
  std::deque<Waiting> line_;
  std::map<std::uint64_t, std::vector<std::uint64_t>> open_graphs_;  // pages sent, by first page, until the last chunk
  std::uint32_t bulk_unanswered_{};
  std::uint32_t small_unanswered_{};
  std::set<RequestId> requests_;
  std::map<WorkerId, WorkerAddress> addresses_;
};

}  // namespace troupe
