#include "runtime/store/object_store.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

constexpr std::size_t places_min = 64;

}  // namespace

void ObjectStore::put(TaskId task, Value value, std::uint64_t nbytes) {
  TROUPE_ASSERT(task && value, "a store keeps values of tasks only");
  if ((size_ + 1) * 2 > keys_.size()) grow();
  const auto place = place_of(task);
  if (keys_[place] == 0) {
    keys_[place] = task.value;
    ++size_;
  } else {
    nbytes_ -= entries_[place].nbytes;
  }
  nbytes_ += nbytes;
  entries_[place].nbytes = nbytes;
  entries_[place].value = std::move(value);
}

std::uint64_t ObjectStore::erase(TaskId task) {
  const auto place = place_of(task);
  if (keys_.empty() || keys_[place] == 0) return 0;
  const auto nbytes = entries_[place].nbytes;
  entries_[place].value.reset();
  remove(place);
  return nbytes;
}

Value ObjectStore::extract(TaskId task) {
  const auto place = place_of(task);
  if (keys_.empty() || keys_[place] == 0) return {};
  Value value = std::move(entries_[place].value);
  remove(place);
  return value;
}

void ObjectStore::clear() {
  keys_.clear();
  entries_.clear();
  size_ = 0;
  nbytes_ = 0;
}

/// Closes the gap: moves back what stands behind it and is not at home yet.
void ObjectStore::remove(std::size_t place) {
  const auto mask = keys_.size() - 1;
  nbytes_ -= entries_[place].nbytes;
  --size_;
  for (auto next = (place + 1) & mask; keys_[next] != 0; next = (next + 1) & mask) {
    if (((next - home(keys_[next])) & mask) < ((next - place) & mask)) continue;  // its home lies behind the gap
    keys_[place] = keys_[next];
    entries_[place] = std::move(entries_[next]);
    place = next;
  }
  keys_[place] = 0;
}

void ObjectStore::grow() {
  const auto places = std::max(places_min, keys_.size() * 2);
  auto keys = std::exchange(keys_, std::vector<std::uint64_t>(places));
  auto entries = std::exchange(entries_, std::vector<Entry>(places));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == 0) continue;
    const auto place = place_of(TaskId{keys[i]});
    keys_[place] = keys[i];
    entries_[place] = std::move(entries[i]);
  }
}

}  // namespace troupe
