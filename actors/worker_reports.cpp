#include <chrono>

#include "actors/log_ring.hpp"
#include "actors/worker_actor.hpp"
#include "monitoring/worker_log.hpp"
#include "protocol/text.hpp"

// What a worker tells of itself, and measures on its way to the scheduler.

namespace troupe {

/// About as often as there are heartbeats.
void WorkerActor::tell_time_spent(bool last) {
  constexpr std::chrono::milliseconds interval{500};
  if (!link_is_up_ || !state_->id() || (!last && now_ - time_told_ < interval)) return;
  time_told_ = now_;
  if (disk_) {
    const auto spill = disk_->counters();
    ledger_.disk(spill.read_ns, spill.write_ns);
  }
  if (auto spent = ledger_.take(options_.registry.get())) link_->send({std::move(*spent)});
  for (auto& [tmpl, known] : templates_) known.span_group = 0;
}

/// How long its way there and back took, and what the clocks differ by.
void WorkerActor::heartbeat_seen(const HeartbeatSeen& seen) {
  const Instant sent{seen.sent_ns};
  const Instant came = Node::now();
  if (seen.sent_ns <= 0 || came < sent || seen.unix_ns < 0) return;  // not an answer to one of ours
  durations_.heartbeats.add(static_cast<std::uint64_t>((came - sent).count() / 1000));
  const auto unix_now = std::chrono::system_clock::now().time_since_epoch();
  skew_.answered(sent, came, std::chrono::duration_cast<Duration>(unix_now), Duration{seen.unix_ns});
}

/// With a heartbeat, which stands last, so that the last words of a worker that dies are known.
void WorkerActor::tell_log(std::vector<WorkerMessage>& messages) {
  using Log = monitoring::WorkerLog;
  auto* beat = messages.empty() ? nullptr : std::get_if<Heartbeat>(&messages.back());
  if (beat == nullptr) return;
  auto page = node_.recent_log().page(0, Log::told_lines_max);
  for (auto& line : page.lines) {
    if (line.number <= told_line_ || line.level == 0) continue;
    line.text = std::string(cut_utf8(line.text, Log::told_text_max));
    beat->log.push_back(std::move(line));
  }
  told_line_ = page.last;
}

}  // namespace troupe
