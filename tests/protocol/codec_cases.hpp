#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "protocol/codec.hpp"
#include "tests/support/samples.hpp"

namespace troupe {

/// Calls `visit(conversation, messages)` for each of the seven conversations.
template <class Visit>
void for_each_conversation(Visit visit) {
  visit("client_message", samples::client_messages());
  visit("to_client", samples::to_client_messages());
  visit("worker_message", samples::worker_messages());
  visit("to_worker", samples::to_worker_messages());
  visit("nanny_message", samples::nanny_messages());
  visit("to_nanny", samples::to_nanny_messages());
  visit("peer_message", samples::peer_messages());
}

/// Calls `visit(name, message)` for a filled sample of every message.
template <class Visit>
void for_each_message(Visit visit) {
  for_each_conversation([&](std::string_view conversation, const auto& messages) {
    for (const auto& message : messages) visit(fmt::format("{}.{:02}", conversation, message.index()), message);
  });
}

}  // namespace troupe
