#pragma once

#include <caf/allowed_unsafe_message_type.hpp>

#include "actors/link.hpp"
#include "protocol/messages.hpp"

/// What reaches an actor through CAF. A handler takes the batch by non-const reference (`Received<ToClient>&`) and
/// moves it out: the message is its only holder.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::Received<troupe::ToClient>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::Received<troupe::ToWorker>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::Received<troupe::ToNanny>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::LinkUp)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::LinkDown)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::LinkClosed)
