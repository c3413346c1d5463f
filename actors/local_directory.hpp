#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace troupe {

class ValueSource;

/// Where values can be had inside one process, by the address a worker registers with: its data listener's, or
/// local:<n> if it has none. Owned by the node; touched on its loop only.
class LocalDirectory {
public:
  /// A name that no other source of this node has.
  [[nodiscard]] std::string next_name() { return "local:" + std::to_string(++last_); }
  void add(const std::string& address, ValueSource* source) { sources_[address] = source; }
  void remove(const std::string& address) { sources_.erase(address); }
  /// Null if it is not in this process.
  [[nodiscard]] ValueSource* find(const std::string& address) const {
    const auto found = sources_.find(address);
    return found == sources_.end() ? nullptr : found->second;
  }

private:
  std::unordered_map<std::string, ValueSource*> sources_;
  std::uint64_t last_{};
};

}  // namespace troupe
