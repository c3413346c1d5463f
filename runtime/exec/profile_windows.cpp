#include "runtime/exec/profile_windows.hpp"

#include <algorithm>

namespace troupe {
namespace {

using Counted = std::vector<std::pair<ProfileWindows::StackId, std::uint32_t>>;

/// Of two lists in the order of the stacks.
Counted sum_of(const Counted& a, const Counted& b) {
  Counted sum;
  sum.reserve(a.size() + b.size());
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() || right != b.end()) {
    if (right == b.end() || (left != a.end() && left->first < right->first)) {
      sum.push_back(*left++);
    } else if (left == a.end() || right->first < left->first) {
      sum.push_back(*right++);
    } else {
      sum.emplace_back(left->first, left->second + right->second);
      ++left;
      ++right;
    }
  }
  return sum;
}

}  // namespace

ProfileWindows::StackId ProfileWindows::number_of(Stack stack) {
  if (const auto known = numbers_.find(stack); known != numbers_.end()) return known->second;
  if (stacks_.size() >= stacks_max && !stack.places.empty()) {
    if (!all_used_) drop_unused_stacks();
    all_used_ = stacks_.size() >= stacks_max - stacks_max / 8;  // not looked through again for so few
    if (all_used_) return number_of({std::move(stack.prefix), {}});
  }
  const auto number = static_cast<StackId>(stacks_.size());
  stacks_.push_back(&numbers_.emplace(std::move(stack), number).first->first);
  return number;
}

void ProfileWindows::add(StackId stack, std::int64_t now_ns) {
  const std::int64_t begin_ns = now_ns - now_ns % cycle_ns_;
  if (begin_ns != open_begin_ns_) {
    close();
    open_begin_ns_ = begin_ns;
    forget(now_ns - cycle_ns_ * static_cast<std::int64_t>(recent_max + older_max * merged));
  }
  ++open_[stack];
}

void ProfileWindows::close() {
  if (open_.empty()) return;
  Counts closed{open_begin_ns_, cycle_ns_, {open_.begin(), open_.end()}};
  std::sort(closed.counts.begin(), closed.counts.end());
  open_.clear();
  recent_.push_back(std::move(closed));
  while (recent_.size() > recent_max) {
    const Counts& oldest = recent_.front();
    const std::int64_t begin_ns = oldest.begin_ns - oldest.begin_ns % (cycle_ns_ * merged);
    if (older_.empty() || older_.back().begin_ns != begin_ns) older_.push_back({begin_ns, 0, {}});
    older_.back().length_ns = oldest.begin_ns + cycle_ns_ - begin_ns;
    older_.back().counts = sum_of(older_.back().counts, oldest.counts);
    recent_.pop_front();
  }
}

void ProfileWindows::forget(std::int64_t before_ns) {
  const std::size_t before = older_.size() + recent_.size();
  while (older_.size() > older_max || (!older_.empty() && older_.front().begin_ns < before_ns)) older_.pop_front();
  while (!recent_.empty() && recent_.front().begin_ns < before_ns) recent_.pop_front();
  if (older_.size() + recent_.size() < before) all_used_ = false;
}

/// Numbers the stacks anew that some window counts.
void ProfileWindows::drop_unused_stacks() {
  constexpr StackId unused = ~StackId{0};
  std::vector<StackId> fresh(stacks_.size(), unused);
  for_each_window([&](std::int64_t, std::int64_t, const auto& counts) {
    for (const auto& [stack, samples] : counts) fresh[stack] = 0;
  });
  std::vector<const Stack*> kept;
  for (StackId old = 0; old < fresh.size(); ++old) {
    if (fresh[old] == unused) {
      numbers_.erase(numbers_.find(*stacks_[old]));
      continue;
    }
    fresh[old] = static_cast<StackId>(kept.size());
    numbers_[*stacks_[old]] = fresh[old];
    kept.push_back(stacks_[old]);
  }
  stacks_ = std::move(kept);
  // The order of the numbers is the same, so that lists stay in order.
  for (auto* windows : {&older_, &recent_})
    for (Counts& window : *windows)
      for (auto& [stack, samples] : window.counts) stack = fresh[stack];
  std::unordered_map<StackId, std::uint32_t> open;
  for (const auto& [stack, samples] : open_) open.emplace(fresh[stack], samples);
  open_ = std::move(open);
  ++generation_;
}

template <class Visit>
void ProfileWindows::for_each_window(Visit&& visit) const {
  for (const auto* windows : {&older_, &recent_})
    for (const Counts& window : *windows) visit(window.begin_ns, window.length_ns, window.counts);
  if (!open_.empty()) visit(open_begin_ns_, cycle_ns_, open_);
}

std::vector<ProfileWindows::Window> ProfileWindows::windows(const std::string& prefix) const {
  std::vector<Window> seen;
  for_each_window([&](std::int64_t begin_ns, std::int64_t length_ns, const auto& counts) {
    Window window{begin_ns, length_ns, 0};
    for (const auto& [stack, samples] : counts)
      if (prefix.empty() || stacks_[stack]->prefix == prefix) window.samples += samples;
    if (window.samples > 0) seen.push_back(window);
  });
  return seen;
}

std::vector<std::pair<ProfileWindows::Stack, std::uint64_t>> ProfileWindows::stacks(std::int64_t from_ns,
                                                                                    std::int64_t to_ns,
                                                                                    const std::string& prefix) const {
  std::vector<std::uint64_t> sums(stacks_.size());
  for_each_window([&](std::int64_t begin_ns, std::int64_t length_ns, const auto& counts) {
    if (begin_ns >= to_ns || begin_ns + length_ns <= from_ns) return;
    for (const auto& [stack, samples] : counts) sums[stack] += samples;
  });
  std::vector<std::pair<Stack, std::uint64_t>> seen;
  for (StackId stack = 0; stack < sums.size(); ++stack)
    if (sums[stack] > 0 && (prefix.empty() || stacks_[stack]->prefix == prefix))
      seen.emplace_back(*stacks_[stack], sums[stack]);
  return seen;
}

}  // namespace troupe
