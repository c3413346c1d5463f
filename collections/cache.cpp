#include "collections/cache.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace troupe {

namespace {

/// What a call is, in full: nothing is taken for another because two hashes are equal. An input is named by the number
/// that its own text has in the cache.
using CallText = std::string;

template <class T>
void append(CallText& text, const T& part) {
  text.append(reinterpret_cast<const char*>(&part), sizeof part);
}

}  // namespace

struct Cache::State {
  struct Entry {
    std::uint64_t number{};  ///< its name as an input of others; never used twice
    Value value;             ///< null: only the number is needed, by calls that depend on it
    std::uint64_t nbytes{};
    double seconds{};
    std::uint64_t asked{};

    [[nodiscard]] double score() const {
      return seconds / static_cast<double>(std::max<std::uint64_t>(1, nbytes)) * static_cast<double>(asked);
    }
  };

  mutable std::mutex mutex;
  std::uint64_t bytes_max;
  std::unordered_map<CallText, Entry> entries;
  std::uint64_t last_number{};
  Counts counts;

  /// Entries without a value are names; they go when there are many more of them than values.
  void drop_names() {
    if (entries.size() < 1024 + 64 * counts.values) return;
    std::erase_if(entries, [](const auto& each) { return !each.second.value; });
  }

  /// False: what is here is worth more.
  bool make_room(std::uint64_t nbytes, double score) {
    while (counts.bytes + nbytes > bytes_max && counts.values > 0) {
      auto lowest = entries.end();
      for (auto it = entries.begin(); it != entries.end(); ++it)
        if (it->second.value && (lowest == entries.end() || it->second.score() < lowest->second.score())) lowest = it;
      if (lowest->second.score() >= score) return false;
      counts.bytes -= lowest->second.nbytes;
      --counts.values;
      ++counts.evicted;
      lowest->second.value = {};
    }
    return true;
  }
};

Cache::Cache(std::uint64_t bytes_max) : state_(std::make_unique<State>()) { state_->bytes_max = bytes_max; }
Cache::~Cache() = default;

Cache::Counts Cache::counts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

void Cache::clear() {
  const std::lock_guard lock(state_->mutex);
  state_->entries.clear();
  state_->counts.values = state_->counts.bytes = 0;
}

struct CachedRun::Names {
  std::vector<CallText> texts;  ///< by task; empty: it is not to be known again
};

CachedRun::CachedRun(Cache& cache, const Collected& collected)
    : cache_(cache), names_(std::make_unique<Names>()), values_(collected.size()) {
  auto& state = *cache_.state_;
  const std::lock_guard lock(state.mutex);
  state.drop_names();
  names_->texts.resize(collected.size());
  std::vector<std::uint64_t> numbers(collected.size());  // 0: not pure
  for (std::uint32_t task = 0; task < collected.size(); ++task) {
    const auto& expression = *collected.expressions[task];
    CallText text;
    if (expression.is_call()) {
      if (!expression.site()->pure && (expression.options() == nullptr || !expression.options()->pure)) continue;
      const auto inputs = collected.inputs_of(task);
      if (std::any_of(inputs.begin(), inputs.end(), [&](std::uint32_t input) { return numbers[input] == 0; })) continue;
      append(text, expression.site());
      append(text, expression.copy());
      append(text, inputs.size());
      for (const auto input : inputs) append(text, numbers[input]);
      text.append(reinterpret_cast<const char*>(expression.arguments().data()), expression.arguments().size());
    } else {
      append(text, expression.copy());
    }
    auto [found, fresh] = state.entries.try_emplace(text);
    auto& entry = found->second;
    if (fresh) entry.number = ++state.last_number;
    numbers[task] = entry.number;
    if (!expression.is_call()) continue;
    ++entry.asked;
    values_[task] = entry.value;
    names_->texts[task] = std::move(text);
  }
}

CachedRun::~CachedRun() = default;

void CachedRun::spared() {
  const std::lock_guard lock(cache_.state_->mutex);
  ++cache_.state_->counts.hits;
}

void CachedRun::ran(std::uint32_t task, const Value& value, std::chrono::nanoseconds time) {
  const auto& text = names_->texts[task];
  if (text.empty()) return;
  auto& state = *cache_.state_;
  const auto nbytes = value.nbytes();
  const std::lock_guard lock(state.mutex);
  ++state.counts.misses;
  const auto found = state.entries.find(text);
  if (found == state.entries.end() || found->second.value || nbytes > state.bytes_max) return;
  auto& entry = found->second;
  entry.nbytes = nbytes;
  entry.seconds = std::chrono::duration<double>(time).count();
  if (!state.make_room(nbytes, entry.score())) return;
  entry.value = value;
  state.counts.bytes += nbytes;
  ++state.counts.values;
}

}  // namespace troupe
