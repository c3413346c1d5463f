#include "monitoring/task_stream.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace troupe::monitoring {

namespace {

/// What is drawn of one lane: runs that are wider than a pixel, and the others by the pixel that they begin in.
struct LaneDraft {
  std::pair<WorkerId, std::uint16_t> lane;
  std::vector<StreamRect> wide;
  std::vector<StreamRect> pixels;  ///< count 0: none
  std::uint64_t runs{};
};

StreamRect rect_of(const TaskRun& run, std::uint32_t lane) {
  const std::int64_t busy = run.end_ns() - run.start_ns;
  return {lane, run.start_ns, run.end_ns(), busy, run.prefix, 1, run.erred, run.task, busy};
}

/// Whether what follows is to be drawn into the same rectangle: neither of them is as wide as a pixel, nor the gap, and
/// together they stay within one.
bool merges(const StreamRect& rect, const StreamRect& next, std::int64_t pixel_ns) {
  return next.end_ns - next.start_ns < pixel_ns && next.end_ns - rect.start_ns <= pixel_ns;
}

void merge(StreamRect& rect, const StreamRect& next) {
  rect.start_ns = std::min(rect.start_ns, next.start_ns);
  rect.end_ns = std::max(rect.end_ns, next.end_ns);
  rect.busy_ns += next.busy_ns;
  rect.count += next.count;
  rect.erred += next.erred;
  rect.task = {};
  // The prefix with the most time, as far as one can tell from the two that lead.
  if (next.prefix == rect.prefix) {
    rect.prefix_ns += next.prefix_ns;
  } else if (next.prefix_ns > rect.prefix_ns) {
    rect.prefix = next.prefix;
    rect.prefix_ns = next.prefix_ns - rect.prefix_ns;
  } else {
    rect.prefix_ns -= next.prefix_ns;
  }
}

std::vector<StreamRect> coarser(const std::vector<StreamRect>& fine, std::int64_t pixel_ns) {
  std::vector<StreamRect> rects;
  for (const StreamRect& next : fine) {
    if (!rects.empty() && rects.back().lane == next.lane && merges(rects.back(), next, pixel_ns))
      merge(rects.back(), next);
    else
      rects.push_back(next);
  }
  return rects;
}

/// The workers with the lowest numbers, of all that are seen: runs of others need not be looked at any further.
class FirstWorkers {
public:
  explicit FirstWorkers(std::size_t most) : most_(most) {}
  /// False: it is none of them. Who was one may turn out not to be.
  bool take(WorkerId worker) {
    if (worker > last_) return false;
    if (!seen_.insert(worker).second || seen_.size() <= most_) return true;
    seen_.erase(std::prev(seen_.end()));
    last_ = *seen_.rbegin();
    return worker <= last_;
  }
  [[nodiscard]] WorkerId last() const { return last_; }

private:
  const std::size_t most_;
  std::set<WorkerId> seen_;
  WorkerId last_{UINT32_MAX};
};

/// Goes through the history once: no sorting of what may be a million runs.
std::vector<LaneDraft> drafts_of(const TaskHistory::Snapshot& history, const StreamWindow& window,
                                 std::int64_t pixel_ns, std::uint64_t& total) {
  const std::unordered_set<WorkerId> chosen(window.workers.begin(), window.workers.end());
  FirstWorkers first_workers(window.most_workers);
  WorkerId last_taken{};
  std::vector<LaneDraft> drafts;
  std::unordered_map<std::uint64_t, std::size_t> known;
  for (const auto& block : history.blocks) {
    if (block->size == 0 || block->last_ns < window.from_ns || block->first_ns > window.to_ns) continue;
    for (std::uint32_t i = 0; i < block->size; ++i) {
      const TaskRun& run = block->runs[i];
      if (run.end_ns() < window.from_ns || run.start_ns > window.to_ns) continue;
      ++total;
      if (!chosen.empty() && !chosen.contains(run.worker)) continue;
      if (run.worker != last_taken && !first_workers.take(run.worker)) continue;
      last_taken = run.worker <= first_workers.last() ? run.worker : WorkerId{};
      const auto [at, first] = known.try_emplace(std::uint64_t{run.worker.value} << 16 | run.thread, drafts.size());
      if (first) drafts.push_back({{run.worker, run.thread}, {}, {}, 0});
      LaneDraft& draft = drafts[at->second];
      ++draft.runs;
      const StreamRect rect = rect_of(run, 0);
      if (rect.end_ns - rect.start_ns >= pixel_ns) {
        draft.wide.push_back(rect);
        continue;
      }
      if (draft.pixels.empty()) draft.pixels.resize(std::size_t{window.width} + 2);
      const std::int64_t pixel = std::max<std::int64_t>(0, run.start_ns - window.from_ns) / pixel_ns;
      StreamRect& place = draft.pixels[std::min<std::size_t>(static_cast<std::size_t>(pixel), window.width + 1U)];
      if (place.count == 0)
        place = rect;
      else
        merge(place, rect);
    }
  }
  std::erase_if(drafts, [&](const LaneDraft& draft) { return draft.lane.first > first_workers.last(); });
  std::sort(drafts.begin(), drafts.end(), [](const LaneDraft& a, const LaneDraft& b) { return a.lane < b.lane; });
  return drafts;
}

}  // namespace

StreamPicture draw_task_stream(const TaskHistory::Snapshot& history, const StreamWindow& window) {
  StreamPicture picture;
  const std::int64_t span_ns = std::max<std::int64_t>(1, window.to_ns - window.from_ns);
  std::int64_t pixel_ns = span_ns / std::max(1U, window.width) + 1;
  std::size_t workers = 0;
  WorkerId last_worker{};
  for (LaneDraft& draft : drafts_of(history, window, pixel_ns, picture.total)) {
    if (draft.lane.first != last_worker) {
      if (workers == window.most_workers) break;
      ++workers;
      last_worker = draft.lane.first;
    }
    const std::size_t begin = picture.rects.size();
    picture.rects.insert(picture.rects.end(), draft.wide.begin(), draft.wide.end());
    for (const StreamRect& rect : draft.pixels)
      if (rect.count > 0) picture.rects.push_back(rect);
    std::sort(picture.rects.begin() + static_cast<std::ptrdiff_t>(begin), picture.rects.end(),
              [](const StreamRect& a, const StreamRect& b) { return a.start_ns < b.start_ns; });
    for (std::size_t i = begin; i < picture.rects.size(); ++i)
      picture.rects[i].lane = static_cast<std::uint32_t>(picture.lanes.size());
    picture.lanes.push_back(draft.lane);
    picture.covered += draft.runs;
  }
  while (picture.rects.size() > std::max(window.most_rects, picture.lanes.size()) && pixel_ns < 2 * span_ns) {
    pixel_ns *= 2;
    picture.rects = coarser(picture.rects, pixel_ns);
  }
  return picture;
}

}  // namespace troupe::monitoring
