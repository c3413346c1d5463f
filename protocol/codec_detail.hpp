#pragma once

// Private to the codec_*.cpp files: the only ones that see Cap'n Proto.

#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "protocol/codec.hpp"
#include "protocol/messages.capnp.h"
#include "protocol/messages.hpp"

static_assert(std::endian::native == std::endian::little, "lists of numbers are copied as they lie in memory");

namespace troupe::codec {

/// Thrown by writers and readers, caught in FrameEncoder and decode() only.
struct Malformed {
  std::string text;
};

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Malformed{fmt::format(format, std::forward<Args>(args)...)};
}

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// ---- writing ---------------------------------------------------------------------------------------------------

template <class Container>
unsigned count(const Container& container) {
  return static_cast<unsigned>(container.size());
}

/// Fills a list of numbers of the wire from a vector of the same bytes, in one piece.
template <class U, class T>
void put(typename capnp::List<U>::Builder list, const std::vector<T>& values) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(U) == 0);
  const capnp::AnyList::Reader raw(list.asReader());
  if (!values.empty())
    std::memcpy(const_cast<capnp::byte*>(raw.getRawBytes().begin()), values.data(), values.size() * sizeof(T));
}

/// For people: what is over the limit is cut off.
capnp::Text::Reader text(const std::string& value);
/// Names something: over the limit it is refused.
capnp::Text::Reader name(const std::string& value, std::string_view field);
inline capnp::Data::Reader data(const Bytes& bytes) {
  return {reinterpret_cast<const capnp::byte*>(bytes.data()), bytes.size()};
}

void fill(capnp::List<capnp::Text>::Builder w, const std::vector<std::string>& names, std::string_view field);
void fill(wire::Token::Builder w, const Token& value);
/// A span lies in two fields of what it is part of.
template <class Builder>
void fill_span(Builder w, const SpanContext& value) {
  if (!value) return;
  w.setSpan(name(value.name, "span"));
  fill(w.initTrace(), value.trace);
}
void fill(wire::Error::Builder w, const Error& value);
void fill(wire::TaskError::Builder w, const TaskError& value);
void fill(wire::Function::Builder w, const FunctionRef& value);
void fill(wire::Template::Builder w, const TaskTemplate& value);
void fill(wire::Address::Builder w, const WorkerAddress& value);
void fill(wire::Values::Builder w, const InlineValues& value);
void fill(wire::KeyRanges::Builder w, const std::vector<KeyRange>& value);
void fill(wire::ErrorTable::Builder w, const std::vector<std::shared_ptr<const TaskError>>& value);
void fill(wire::Graph::Builder w, const GraphChunk& value);
void fill(capnp::List<wire::Resource>::Builder w, const std::vector<ResourceAmount>& value);
void fill(capnp::List<wire::Module>::Builder w, const std::vector<ModuleInfo>& value);
void fill(wire::WorkerAddresses::Builder w, const WorkerAddresses& value);
void fill(wire::LogLine::Builder w, const LogLine& m);
void fill(wire::Heartbeat::Builder w, const Heartbeat& m);
void fill(wire::TimeSpent::Builder w, const TimeSpent& m);
void fill(wire::QueryReply::Builder w, const QueryReply& m);

void write(wire::ClientMessage::Builder w, const ClientMessage& message);
void write(wire::ToClient::Builder w, const ToClient& message);
void write(wire::WorkerMessage::Builder w, const WorkerMessage& message);
void write(wire::ToWorker::Builder w, const ToWorker& message);
void write(wire::NannyMessage::Builder w, const NannyMessage& message);
void write(wire::ToNanny::Builder w, const ToNanny& message);
void write(wire::PeerMessage::Builder w, const PeerMessage& message);

/// About how many bytes a message takes, its large parts exactly, so that it is built in one piece.
std::size_t expected_bytes(const ClientMessage& message);
std::size_t expected_bytes(const ToClient& message);
std::size_t expected_bytes(const WorkerMessage& message);
std::size_t expected_bytes(const ToWorker& message);
std::size_t expected_bytes(const NannyMessage& message);
std::size_t expected_bytes(const ToNanny& message);
std::size_t expected_bytes(const PeerMessage& message);

/// Of a list, Data or Text: its bytes, and its padding.
template <class T>
std::size_t list_bytes(const std::vector<T>& values) {
  return values.size() * sizeof(T) + 8;
}
inline std::size_t list_bytes(const Bytes& bytes) { return bytes.size() + 8; }
inline std::size_t list_bytes(const InlineValues& values) {
  return list_bytes(values.offsets) + list_bytes(values.bytes) + 24;
}
/// What the fixed part of a message takes at most.
inline constexpr std::size_t fixed_bytes = 320;

// ---- reading ---------------------------------------------------------------------------------------------------

/// One payload being read: checks what it hands out, and pays for it out of a budget in proportion to the payload.
class Input {
public:
  explicit Input(const Bytes& payload) : payload_(payload), budget_(payload.size() * 8 + (4U << 10)) {}

  /// Names the message in errors.
  void begin(std::string_view message) { message_ = message; }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw Malformed{fmt::format("{}: {}", message_, fmt::format(format, std::forward<Args>(args)...))};
  }

  void charge(std::size_t bytes) {
    if (bytes > budget_) refuse("unpacks to far more than its {} bytes", payload_.size());
    budget_ -= bytes;
  }

  /// A list of numbers, in one piece if it lies so (it always does unless a strange writer made it).
  template <class T, class List>
  void numbers(const List& list, std::vector<T>& into) {
    using U = std::remove_cvref_t<decltype(list[0])>;
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) == sizeof(U));
    const auto size = list.size();
    charge(size * sizeof(T));
    const auto raw = capnp::AnyList::Reader(list).getRawBytes();
    if (raw.size() == size * sizeof(T)) {
      const auto* first = reinterpret_cast<const T*>(raw.begin());
      into.assign(first, first + size);
      return;
    }
    into.reserve(size);
    for (unsigned i = 0; i < size; ++i) into.push_back(std::bit_cast<T>(U{list[i]}));
  }
  template <class T, class List>
  void numbers(const List& list, std::vector<T>& into, std::size_t tasks, std::string_view field) {
    if (list.size() != tasks) refuse("{} has {} entries for {} tasks", field, list.size(), tasks);
    numbers(list, into);
  }
  /// Reserves for a list of structs.
  template <class List, class T>
  void reserve(const List& list, std::vector<T>& into) {
    charge(list.size() * sizeof(T));
    into.reserve(list.size());
  }
  /// `tasks` + 1 ascending entries from 0 to `total`; or none, and nothing to cut.
  void offsets(const std::vector<std::uint32_t>& offsets, std::size_t tasks, std::size_t total,
               std::string_view field) const;
  void flags(const std::vector<std::uint8_t>& flags, std::string_view field) const;

  std::string name(capnp::Text::Reader text, std::string_view field);
  std::string text(capnp::Text::Reader text, std::string_view field);
  Bytes bytes(capnp::Data::Reader data);

  template <class Enum>
  Enum enumerator(std::uint8_t value, Enum last, std::string_view field) const {
    if (value > static_cast<std::uint8_t>(last))
      refuse("{} is {}, the last known is {}", field, value, static_cast<std::uint8_t>(last));
    return static_cast<Enum>(value);
  }

private:
  std::string limited(capnp::Text::Reader text, std::size_t limit, std::string_view field);

  const Bytes& payload_;
  std::size_t budget_;
  std::string_view message_{"message"};
};

std::vector<std::string> read_names(Input& in, capnp::List<capnp::Text>::Reader r, std::string_view field);
Token read(Input& in, wire::Token::Reader r);
template <class Reader>
SpanContext read_span(Input& in, Reader r) {
  if (!r.hasSpan()) return {};
  return {in.name(r.getSpan(), "span"), read(in, r.getTrace())};
}
Error read(Input& in, wire::Error::Reader r);
TaskError read(Input& in, wire::TaskError::Reader r);
FunctionRef read(Input& in, wire::Function::Reader r);
TaskTemplate read(Input& in, wire::Template::Reader r);
WorkerAddress read(Input& in, wire::Address::Reader r);
InlineValues read(Input& in, wire::Values::Reader r, std::size_t tasks);
std::vector<KeyRange> read(Input& in, wire::KeyRanges::Reader r);
std::vector<std::shared_ptr<const TaskError>> read(Input& in, wire::ErrorTable::Reader r, std::size_t tasks);
GraphChunk read(Input& in, wire::Graph::Reader r);
std::vector<ResourceAmount> read(Input& in, capnp::List<wire::Resource>::Reader r);
std::vector<ModuleInfo> read(Input& in, capnp::List<wire::Module>::Reader r);
WorkerAddresses read(Input& in, wire::WorkerAddresses::Reader r);
LogLine read(Input& in, wire::LogLine::Reader r);
Heartbeat read(Input& in, wire::Heartbeat::Reader r);
TimeSpent read(Input& in, wire::TimeSpent::Reader r);
QueryReply read(Input& in, wire::QueryReply::Reader r);

ClientMessage read(Input& in, wire::ClientMessage::Reader r);
ToClient read(Input& in, wire::ToClient::Reader r);
WorkerMessage read(Input& in, wire::WorkerMessage::Reader r);
ToWorker read(Input& in, wire::ToWorker::Reader r);
NannyMessage read(Input& in, wire::NannyMessage::Reader r);
ToNanny read(Input& in, wire::ToNanny::Reader r);
PeerMessage read(Input& in, wire::PeerMessage::Reader r);

}  // namespace troupe::codec
