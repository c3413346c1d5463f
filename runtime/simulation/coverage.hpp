#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/messages.hpp"
#include "runtime/core/probe.hpp"
#include "runtime/core/worker_state.hpp"

namespace troupe::simulation {

/// How often each thing worth reaching was reached: messages by kind, ways between states of a task and their causes,
/// states of a key on a worker, ends of effects, and what the world itself notes. A kind of thing that never happens
/// in many histories is one that the simulation proves nothing about.
class Coverage {
public:
  template <class Message>
  void message(const Message& message) {
    ++row<Message>()[message.index()];
  }
  void transition(TaskState from, TaskState to, const char* cause) {
    ++transitions_[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
    ++causes_[cause];
  }
  void key(const KeyView& view) {
    ++keys_[static_cast<std::size_t>(view.intent)][static_cast<std::size_t>(view.activity)]
           [static_cast<std::size_t>(view.data)];
  }
  /// `name` is a literal.
  void reached(const char* name) { ++causes_[name]; }

  void add(const Coverage& other);
  /// Every point with its count; those of a fixed set stand there with zero.
  [[nodiscard]] std::map<std::string, std::uint64_t> points() const;

  /// Points that a good number of histories has to reach. Sorted.
  static const std::vector<std::string>& sometimes();

private:
  using Row = std::array<std::uint64_t, 16>;
  template <class Message>
  Row& row() {
    if constexpr (std::is_same_v<Message, ClientMessage>) return messages_[0];
    if constexpr (std::is_same_v<Message, ToClient>) return messages_[1];
    if constexpr (std::is_same_v<Message, WorkerMessage>) return messages_[2];
    if constexpr (std::is_same_v<Message, ToWorker>) return messages_[3];
    if constexpr (std::is_same_v<Message, NannyMessage>) return messages_[4];
    if constexpr (std::is_same_v<Message, ToNanny>) return messages_[5];
  }

  std::array<Row, 6> messages_{};
  std::array<std::array<std::uint64_t, task_state_count>, task_state_count> transitions_{};
  std::array<std::array<std::array<std::uint64_t, 4>, 4>, 4> keys_{};
  struct Causes {
    std::vector<std::pair<const char*, std::uint64_t>> entries;
    std::uint64_t& operator[](const char* name) {
      for (auto& [known, count] : entries)
        if (known == name) return count;
      return entries.emplace_back(name, 0).second;
    }
  } causes_;
};

}  // namespace troupe::simulation
