#pragma once

#include <memory>
#include <utility>
#include <variant>

#include "protocol/codec.hpp"
#include "runtime/simulation/world.hpp"

namespace troupe::simulation {

/// About what a message takes on a wire.
template <class M>
std::size_t wire_bytes(const M& message) {
  return std::visit(
      [](const auto& one) -> std::size_t {
        using One = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<One, SubmitGraph>) return 64 + 32 * one.chunk->size;
        if constexpr (std::is_same_v<One, ComputeTasks>) return 64 + 48 * one.tasks.size() + 16 * one.inputs.size();
        return 64 + sizeof(One);
      },
      message);
}

/// A message as a frame: encoded in histories that try the codec, and else a box that is opened at the other end.
template <class M>
Bytes pack(World& world, M message) {
  if (world.options().codec) {
    auto frame = world.encoder().encode(message);
    if (!frame) world.violated("codec", "a message cannot be encoded: " + frame.error().text);
    return frame->bytes();
  }
  const std::size_t bytes = wire_bytes(message);
  auto box = std::make_shared<M>(std::move(message));
  const auto* data = reinterpret_cast<const std::byte*>(box.get());
  return {std::move(box), data, bytes};
}

/// Each frame is delivered once, so the box may be emptied.
template <class M>
M unpack(World& world, const Bytes& frame) {
  if (world.options().codec) {
    auto message = decode<M>(frame.slice(FrameHeader::size, frame.size() - FrameHeader::size));
    if (!message) world.violated("codec", "a message cannot be decoded: " + message.error().text);
    return std::move(*message);
  }
  return std::move(*const_cast<M*>(static_cast<const M*>(frame.owner().get())));
}

}  // namespace troupe::simulation
