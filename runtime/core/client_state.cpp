#include "runtime/core/client_state.hpp"

#include <algorithm>

#include "runtime/core/mutant.hpp"

namespace troupe {
namespace {

/// Remembers the last lookup: keys come in runs of one submission.
template <class Lookup>
class Remembered {
public:
  explicit Remembered(Lookup lookup) : lookup_(std::move(lookup)) {}
  std::uint64_t operator()(std::uint64_t from) {
    if (from != from_) {
      from_ = from;
      to_ = lookup_(from);
    }
    return to_;
  }

private:
  Lookup lookup_;
  std::uint64_t from_{};
  std::uint64_t to_{};
};

Error lost_connection(std::string text) { return {ErrorKind::disconnected, std::move(text)}; }

}  // namespace

void ClientState::start(ClientEffects& out) { out.to_scheduler.emplace_back(RegisterClient{config_.name}); }

void ClientState::handle(ClientEvent event, Instant /*now*/, ClientEffects& out) {
  if (closed_) {
    // What is asked of a closed client fails at once; the rest has nobody to hear it.
    if (auto* graph = std::get_if<GraphSubmitted>(&event))
      out.updates.emplace_back(PageRefused{graph->page, lost_connection("client: closed")});
    if (auto* scatter = std::get_if<ScatterWanted>(&event))
      out.updates.emplace_back(PageRefused{scatter->page, lost_connection("client: closed")});
    if (auto* query = std::get_if<QueryWanted>(&event))
      out.updates.emplace_back(RequestFailed{query->query.request, lost_connection("client: closed")});
    if (auto* placement = std::get_if<PlacementWanted>(&event))
      out.updates.emplace_back(RequestFailed{placement->request(), lost_connection("client: closed")});
    if (auto* run = std::get_if<RunWanted>(&event))
      out.updates.emplace_back(RequestFailed{run->run.request, lost_connection("client: closed")});
    return;
  }
  std::visit([&](auto&& each) { on(std::forward<decltype(each)>(each), out); }, std::move(event));
}

const WorkerAddress* ClientState::address(WorkerId worker) const {
  const auto found = addresses_.find(worker);
  return found == addresses_.end() ? nullptr : &found->second;
}

std::optional<TaskId> ClientState::task(ClientKey local) const {
  const auto* page = find_page(local.submission());
  if (page == nullptr || page->group == 0) return {};
  return TaskId::of(page->group, local.index());
}

// ---- from the API ----------------------------------------------------------------------------------------------

void ClientState::on(GraphSubmitted&& event, ClientEffects& out) {
  const bool bulk = !event.last || event.graph != event.page;
  auto& page = add_page(event.page, event.chunk->all_wanted ? event.chunk->size : event.chunk->wanted.size());
  page.pinned = bulk;
  if (bulk || names_waiting_page(event.chunk->external)) {
    line_.emplace_back(std::move(event));
    advance(out);
  } else {
    send(std::move(event), false, out);
  }
}

void ClientState::on(ScatterWanted&& event, ClientEffects& out) {
  add_page(event.page, event.nbytes.size());
  const auto submission = number(event.page, false);
  out.to_scheduler.emplace_back(
      ScatterKeys{submission, event.token, std::move(event.nbytes), event.replicas, std::move(event.workers)});
}

void ClientState::on(KeysReleased&& event, ClientEffects& out) {
  // Only what waits has to wait: a future of a large graph dropped early must not keep others' values alive.
  KeysReleased later;
  std::erase_if(event.keys, [&](const KeyRange& range) {
    const auto* page = find_page(range.first.submission());
    if (page == nullptr || page->submission != 0) return false;
    later.keys.push_back(range);
    return true;
  });
  if (!later.keys.empty() && !TROUPE_MUTANT(a_release_overtakes_its_submission)) line_.emplace_back(std::move(later));
  if (!event.keys.empty()) send(std::move(event), out);
}

void ClientState::on(CancelWanted&& event, ClientEffects& out) {
  if (names_waiting_page(event.keys)) {
    line_.emplace_back(std::move(event));
  } else {
    send(std::move(event), out);
  }
}

void ClientState::on(RetryWanted&& event, ClientEffects& out) {
  if (names_waiting_page(event.keys)) {
    line_.emplace_back(std::move(event));
  } else {
    send(std::move(event), out);
  }
}

void ClientState::on(QueryWanted&& event, ClientEffects& out) {
  requests_.insert(event.query.request);
  if (names_waiting_page(event.query.keys)) {
    line_.emplace_back(std::move(event));
  } else {
    send(std::move(event), out);
  }
}

void ClientState::on(PlacementWanted&& event, ClientEffects& out) {
  requests_.insert(event.request());
  const bool waits = std::visit(
      [&](const auto& each) {
        if constexpr (requires { each.keys; }) return names_waiting_page(each.keys);
        return false;
      },
      event.command);
  if (waits) {
    line_.emplace_back(std::move(event));
  } else {
    send(std::move(event), out);
  }
}

void ClientState::on(RunWanted&& event, ClientEffects& out) {
  requests_.insert(event.run.request);
  out.to_scheduler.emplace_back(std::move(event.run));
}

void ClientState::on(ShutdownWanted&& /*event*/, ClientEffects& out) { out.to_scheduler.emplace_back(Shutdown{}); }

void ClientState::on(CloseWanted&& event, ClientEffects& out) {
  out.to_scheduler.emplace_back(Goodbye{event.reason});
  lose_everything(lost_connection("client: closed: " + event.reason), out);
  closed_ = true;
  out.close = true;
  out.close_reason = std::move(event.reason);
}

void ClientState::send(GraphSubmitted&& event, bool bulk, ClientEffects& out) {
  Remembered submission_of([this](std::uint64_t page) {
    const auto* found = find_page(page);
    return found == nullptr ? 0 : found->submission;
  });
  for (auto& key : event.chunk->external) {
    const auto submission = submission_of(key.submission());
    if (submission == 0) return refuse(event, out);
    key = ClientKey::of(submission, key.index());
  }
  if (find_page(event.graph) == nullptr) return refuse(event, out);
  const auto submission = number(event.page, bulk);
  const auto first = find_page(event.graph)->submission;
  if (!event.last || event.graph != event.page) open_graphs_[event.graph].push_back(event.page);
  if (event.last) close_graph(event.graph);
  out.to_scheduler.emplace_back(SubmitGraph{submission, first, event.last, event.token, std::move(event.name),
                                            std::move(event.chunk), std::move(event.held), event.parent,
                                            std::move(event.span)});
}

void ClientState::refuse(const GraphSubmitted& event, ClientEffects& out) {
  out.updates.emplace_back(PageRefused{event.page, lost_connection("client: an input was lost with the connection to "
                                                                   "the scheduler; submit it again")});
  pages_.erase(event.page);
  if (event.last) close_graph(event.graph);
}

void ClientState::close_graph(std::uint64_t graph) {
  const auto open = open_graphs_.find(graph);
  if (open == open_graphs_.end()) return;
  const auto pages = std::move(open->second);
  open_graphs_.erase(open);
  for (const auto page : pages) {
    find_page(page)->pinned = false;
    forget_if_unused(page);
  }
}

void ClientState::send(KeysReleased&& event, ClientEffects& out) {
  auto wire = to_wire(event.keys);
  for (const auto& range : event.keys)
    if (auto* page = find_page(range.first.submission())) {
      TROUPE_ASSERT(page->live >= range.count, "client: a key was released twice");
      page->live -= range.count;
      forget_if_unused(range.first.submission());
    }
  if (!wire.empty()) out.to_scheduler.emplace_back(ReleaseKeys{std::move(wire)});
}

void ClientState::send(CancelWanted&& event, ClientEffects& out) {
  auto wire = to_wire(event.keys);
  if (!wire.empty()) out.to_scheduler.emplace_back(CancelKeys{std::move(wire), event.force, std::move(event.reason)});
}

void ClientState::send(RetryWanted&& event, ClientEffects& out) {
  auto wire = to_wire(event.keys);
  if (!wire.empty()) out.to_scheduler.emplace_back(RetryKeys{std::move(wire)});
}

bool ClientState::to_wire(std::vector<ClientKey>& keys, RequestId request, ClientEffects& out) {
  for (auto& key : keys) {
    const auto* page = find_page(key.submission());
    if (page == nullptr) {
      requests_.erase(request);
      out.updates.emplace_back(
          RequestFailed{request, {ErrorKind::invalid, "client: the scheduler knows nothing of this future any more"}});
      return false;
    }
    key = ClientKey::of(page->submission, key.index());
  }
  return true;
}

void ClientState::send(QueryWanted&& event, ClientEffects& out) {
  if (to_wire(event.query.keys, event.query.request, out)) out.to_scheduler.emplace_back(std::move(event.query));
}

void ClientState::send(PlacementWanted&& event, ClientEffects& out) {
  std::visit(
      [&](auto& each) {
        if constexpr (requires { each.keys; })
          if (!to_wire(each.keys, each.request, out)) return;
        out.to_scheduler.emplace_back(std::move(each));
      },
      event.command);
}

void ClientState::advance(ClientEffects& out) {
  while (!line_.empty()) {
    auto& front = line_.front();
    if (std::holds_alternative<GraphSubmitted>(front) && bulk_unanswered_ >= config_.bulk_window) return;
    auto item = std::move(front);
    line_.pop_front();
    std::visit(
        [&](auto&& each) {
          if constexpr (std::is_same_v<std::decay_t<decltype(each)>, GraphSubmitted>) {
            send(std::move(each), true, out);
          } else {
            send(std::move(each), out);
          }
        },
        std::move(item));
  }
}

// ---- from the link ---------------------------------------------------------------------------------------------

void ClientState::on(ClientLinkUp&& event, ClientEffects& out) {
  const bool first = !linked_;
  linked_ = true;
  if (first || event.resumed || TROUPE_MUTANT(a_new_session_keeps_old_pages)) return;
  lose_everything(lost_connection("client: the session with the scheduler was lost; submit again"), out);
  start(out);
}

void ClientState::on(ClientLinkClosed&& event, ClientEffects& out) {
  lose_everything(event.error, out);
  closed_ = true;
  out.close = true;
  out.close_reason = event.error.text;
}

void ClientState::on(SchedulerTold&& event, ClientEffects& out) {
  std::visit([&](auto&& each) { on(std::forward<decltype(each)>(each), out); }, std::move(event.message));
}

void ClientState::on(ClientRegistered&& message, ClientEffects& /*out*/) { id_ = message.client; }

void ClientState::on(Accepted&& message, ClientEffects& out) {
  const auto* submission = find_submission(message.submission);
  if (submission == nullptr) return;
  const auto number = submission->page;
  answered(message.submission);
  if (auto* page = find_page(number)) {
    page->answered = true;
    page->group = message.group;
    if (message.error) {
      out.updates.emplace_back(PageRefused{number, std::move(*message.error)});
    } else {
      out.updates.emplace_back(PageAccepted{number, message.group});
    }
    forget_if_unused(number);
  }
  advance(out);
}

void ClientState::on(KeysReady&& message, ClientEffects& out) {
  to_local(message.keys);
  out.updates.emplace_back(std::move(message));
}

void ClientState::on(KeysErred&& message, ClientEffects& out) {
  to_local(message.keys);
  out.updates.emplace_back(std::move(message));
}

void ClientState::on(KeysCancelled&& message, ClientEffects& out) {
  out.updates.emplace_back(KeysCancelled{to_local(message.keys), std::move(message.reason)});
}

void ClientState::on(KeysPending&& message, ClientEffects& out) {
  out.updates.emplace_back(KeysPending{to_local(message.keys)});
}

void ClientState::on(WorkerAddresses&& message, ClientEffects& /*out*/) {
  for (auto& worker : message.workers) addresses_[worker.worker] = std::move(worker);
}

void ClientState::on(ScatterTargets&& message, ClientEffects& out) {
  const auto* submission = find_submission(message.submission);
  if (submission == nullptr) return;
  const auto number = submission->page;
  answered(message.submission);
  auto* page = find_page(number);
  if (page == nullptr) return;
  page->answered = true;
  page->group = message.group;
  if (message.error) {
    out.updates.emplace_back(PageRefused{number, std::move(*message.error)});
  } else {
    ScatterPlanned plan{number, message.group, std::move(message.offsets), {}};
    plan.targets.reserve(message.targets.size());
    for (const auto worker : message.targets) {
      const auto* known = address(worker);
      plan.targets.push_back(known != nullptr ? *known : WorkerAddress{worker, {}, {}, {}});
    }
    out.updates.emplace_back(std::move(plan));
  }
  forget_if_unused(number);
}

void ClientState::on(QueryReply&& message, ClientEffects& out) {
  if (requests_.erase(message.request) == 0) return;
  // A holder may be one that this client was never introduced to.
  for (const auto& holders :
       TROUPE_MUTANT(holders_are_named_without_address) ? decltype(message.holders){} : message.holders)
    for (const auto& worker : holders) addresses_[worker.worker] = worker;
  out.updates.emplace_back(std::move(message));
}

void ClientState::on(RunReply&& message, ClientEffects& out) {
  if (requests_.erase(message.request) == 0) return;
  out.updates.emplace_back(std::move(message));
}

void ClientState::on(Goodbye&& message, ClientEffects& out) {
  on(ClientLinkClosed{lost_connection("client: the scheduler said goodbye: " + message.reason)}, out);
}

// ---- tables ----------------------------------------------------------------------------------------------------

void ClientState::lose_everything(const Error& error, ClientEffects& out) {
  out.updates.emplace_back(AllKeysLost{error});
  for (const auto request : requests_) out.updates.emplace_back(RequestFailed{request, error});
  requests_.clear();
  pages_.clear();
  submissions_.clear();
  first_submission_ = 1;
  line_.clear();
  open_graphs_.clear();
  bulk_unanswered_ = 0;
  small_unanswered_ = 0;
  addresses_.clear();
  id_ = {};
}

bool ClientState::names_waiting_page(const std::vector<KeyRange>& keys) const {
  if (line_.empty()) return false;
  return std::any_of(keys.begin(), keys.end(), [this](const KeyRange& range) {
    const auto* page = find_page(range.first.submission());
    return page != nullptr && page->submission == 0;
  });
}

bool ClientState::names_waiting_page(const std::vector<ClientKey>& keys) const {
  if (line_.empty()) return false;
  return std::any_of(keys.begin(), keys.end(), [this](ClientKey key) {
    const auto* page = find_page(key.submission());
    return page != nullptr && page->submission == 0;
  });
}

std::vector<KeyRange> ClientState::to_wire(const std::vector<KeyRange>& local) const {
  Remembered submission_of([this](std::uint64_t page) {
    const auto* found = find_page(page);
    return found == nullptr ? 0 : found->submission;
  });
  std::vector<KeyRange> wire;
  wire.reserve(local.size());
  for (const auto& range : local)
    if (const auto submission = submission_of(range.first.submission()))
      wire.push_back({ClientKey::of(submission, range.first.index()), range.count});
  return wire;
}

void ClientState::to_local(std::vector<ClientKey>& keys) const {
  Remembered page_of([this](std::uint64_t submission) {
    const auto* found = find_submission(submission);
    return found == nullptr ? 0 : found->page;
  });
  for (auto& key : keys) {
    const auto page = page_of(key.submission());
    key = page == 0 ? ClientKey{} : ClientKey::of(page, key.index());
  }
}

std::vector<KeyRange> ClientState::to_local(const std::vector<KeyRange>& wire) const {
  std::vector<KeyRange> local;
  local.reserve(wire.size());
  for (const auto& range : wire)
    if (const auto* submission = find_submission(range.first.submission()); submission && submission->page != 0)
      local.push_back({ClientKey::of(submission->page, range.first.index()), range.count});
  return local;
}

ClientState::Page* ClientState::find_page(std::uint64_t page) {
  const auto found = pages_.find(page);
  return found == pages_.end() ? nullptr : &found->second;
}

const ClientState::Page* ClientState::find_page(std::uint64_t page) const {
  const auto found = pages_.find(page);
  return found == pages_.end() ? nullptr : &found->second;
}

ClientState::Submission* ClientState::find_submission(std::uint64_t submission) {
  if (submission < first_submission_ || submission - first_submission_ >= submissions_.size()) return nullptr;
  return &submissions_[submission - first_submission_];
}

const ClientState::Submission* ClientState::find_submission(std::uint64_t submission) const {
  return const_cast<ClientState*>(this)->find_submission(submission);
}

ClientState::Page& ClientState::add_page(std::uint64_t page, std::uint64_t live) {
  TROUPE_ASSERT(page != 0, "client: pages are numbered from 1");
  const auto [at, added] = pages_.try_emplace(page);
  TROUPE_ASSERT(added, "client: a page is submitted once");
  at->second.live = live;
  return at->second;
}

std::uint64_t ClientState::number(std::uint64_t page, bool bulk) {
  const auto submission = first_submission_ + submissions_.size();
  submissions_.push_back({page, bulk});
  find_page(page)->submission = submission;
  ++(bulk ? bulk_unanswered_ : small_unanswered_);
  return submission;
}

void ClientState::answered(std::uint64_t submission) {
  const auto* found = find_submission(submission);
  const auto* page = find_page(found->page);
  if (page == nullptr || page->answered) return;
  if (found->bulk && TROUPE_MUTANT(an_answered_chunk_still_counts)) return;
  --(found->bulk ? bulk_unanswered_ : small_unanswered_);
}

void ClientState::forget_if_unused(std::uint64_t number) {
  const auto* page = find_page(number);
  if (page->live > 0 || !page->answered || page->pinned) return;
  find_submission(page->submission)->page = 0;
  pages_.erase(number);
  while (!submissions_.empty() && submissions_.front().page == 0) {
    submissions_.pop_front();
    ++first_submission_;
  }
}

void ClientState::check_invariants() const {
  std::uint32_t bulk = 0;
  std::uint32_t small = 0;
  for (std::size_t i = 0; i < submissions_.size(); ++i) {
    const auto& submission = submissions_[i];
    if (submission.page == 0) continue;
    const auto* page = find_page(submission.page);
    TROUPE_ASSERT(page != nullptr && page->submission == first_submission_ + i, "client: page and submission disagree");
    if (!page->answered) ++(submission.bulk ? bulk : small);
  }
  TROUPE_ASSERT(bulk == bulk_unanswered_ && small == small_unanswered_, "client: unanswered submissions miscounted");
  TROUPE_ASSERT(bulk_unanswered_ <= config_.bulk_window, "client: more chunks under way than the window");
  std::size_t waiting = 0;
  for (const auto& item : line_) waiting += std::holds_alternative<GraphSubmitted>(item) ? 1 : 0;
  std::size_t unnumbered = 0;
  for (const auto& [number, page] : pages_) {
    if (page.submission == 0) ++unnumbered;
    TROUPE_ASSERT(page.live > 0 || !page.answered || page.pinned, "client: an unused page was kept");
  }
  TROUPE_ASSERT(waiting == unnumbered, "client: a page without number is not in line");
}

}  // namespace troupe
