#include "protocol/handshake.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace troupe {
namespace {

// Offsets into the payloads; see docs/wire_format.md. Later minor versions may append to hello, challenge and welcome:
// proofs cover all of a payload, readers skip what they do not know.
constexpr std::size_t hello_bytes = 88;
constexpr std::size_t challenge_bytes = 56;  // before the proof
constexpr std::size_t welcome_bytes = 48;    // before the proof
constexpr std::size_t proof_bytes = sizeof(Proof);
constexpr std::size_t refuse_bytes = 8;  // before the text
constexpr std::size_t refuse_text_max = 512;
constexpr std::size_t payload_max = 4096;

class Writer {
public:
  template <class T>
  Writer& number(T value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof value);
    return *this;
  }
  Writer& token(const Token& value) { return number(value.high).number(value.low); }
  Writer& bytes(std::span<const std::byte> value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  [[nodiscard]] const std::vector<std::byte>& done() const { return bytes_; }

private:
  std::vector<std::byte> bytes_;
};

/// The caller has checked the size.
class Reader {
public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  T number() {
    T value{};
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }
  Token token() {
    const auto high = number<std::uint64_t>();
    return {high, number<std::uint64_t>()};
  }
  Nonce nonce() { return number<Nonce>(); }

private:
  std::span<const std::byte> bytes_;
};

std::span<const std::byte> label(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

Proof listener_proof(const Secret& key, const Bytes& hello, const Bytes& challenge) {
  return prove(key, {label("troupe listener proof 1"), hello.span(), challenge.span()});
}
Proof opener_proof(const Secret& key, const Bytes& hello, const Bytes& challenge) {
  return prove(key, {label("troupe opener proof 1"), hello.span(), challenge.span()});
}
Proof welcome_proof(const Secret& key, const Bytes& hello, const Bytes& challenge, std::span<const std::byte> welcome) {
  return prove(key, {label("troupe welcome proof 1"), hello.span(), challenge.span(), welcome});
}

Bytes frame_of(FrameKind kind, const std::vector<std::byte>& payload) {
  return make_frame({.payload_bytes = 0, .kind = kind}, payload);
}

std::vector<std::byte> encode(const Hello& hello) {
  return Writer()
      .number(hello.version.major)
      .number(hello.version.minor)
      .number(hello.role)
      .number(hello.key)
      .number(std::uint16_t{0})
      .token(hello.cluster)
      .bytes(hello.nonce)
      .number(hello.features)
      .token(hello.session)
      .number(hello.received)
      .done();
}

/// Everything but what depends on the listener; `text` says what is wrong.
std::optional<Hello> decode_hello(const Bytes& payload, std::string& text) {
  if (payload.size() < hello_bytes) {
    text = fmt::format("hello of {} bytes, {} are needed", payload.size(), hello_bytes);
    return {};
  }
  Reader reader(payload.span());
  Hello hello;
  hello.version.major = reader.number<std::uint16_t>();
  hello.version.minor = reader.number<std::uint16_t>();
  const auto role = reader.number<std::uint8_t>();
  const auto key = reader.number<std::uint8_t>();
  const auto reserved = reader.number<std::uint16_t>();
  hello.cluster = reader.token();
  hello.nonce = reader.nonce();
  hello.features = reader.number<std::uint64_t>();
  hello.session = reader.token();
  hello.received = reader.number<std::uint64_t>();
  if (role < static_cast<std::uint8_t>(Role::client) || role > static_cast<std::uint8_t>(Role::peer)) {
    text = fmt::format("hello with unknown role {}", role);
    return {};
  }
  if (key < static_cast<std::uint8_t>(KeyKind::worker) || key > static_cast<std::uint8_t>(KeyKind::client)) {
    text = fmt::format("hello with unknown key {}", key);
    return {};
  }
  if (reserved != 0) {
    text = "hello with reserved bits set";
    return {};
  }
  hello.role = static_cast<Role>(role);
  hello.key = static_cast<KeyKind>(key);
  return hello;
}

bool may_use(Role role, KeyKind key) {
  switch (role) {
    case Role::client: return key == KeyKind::client;
    case Role::worker: return key == KeyKind::worker;
    case Role::nanny: return key == KeyKind::worker;
    case Role::peer: return true;
  }
  return false;
}

ErrorKind kind_of(RefuseReason reason) {
  switch (reason) {
    case RefuseReason::malformed: return ErrorKind::invalid;
    case RefuseReason::version: return ErrorKind::unsupported;
    case RefuseReason::cluster: return ErrorKind::invalid;
    case RefuseReason::role: return ErrorKind::invalid;
    case RefuseReason::authentication: return ErrorKind::invalid;
    case RefuseReason::unavailable: return ErrorKind::disconnected;
  }
  return ErrorKind::failed;
}

std::string version_mismatch(ProtocolVersion mine, ProtocolVersion theirs) {
  return fmt::format("this side speaks protocol {}.{}, the other side {}.{}: use the same release of Troupe on both",
                     mine.major, mine.minor, theirs.major, theirs.minor);
}

/// What an unproven peer says: shown to people, so only plain characters of it.
Error refusal(const Bytes& payload) {
  if (payload.size() < refuse_bytes) return {ErrorKind::invalid, "refused, with a malformed reason"};
  Reader reader(payload.span());
  const auto reason = reader.number<std::uint16_t>();
  const ProtocolVersion theirs{reader.number<std::uint16_t>(), reader.number<std::uint16_t>()};
  const auto length = reader.number<std::uint16_t>();
  if (length > refuse_text_max || length > payload.size() - refuse_bytes)
    return {ErrorKind::invalid, "refused, with a malformed reason"};
  if (reason < static_cast<std::uint16_t>(RefuseReason::malformed) ||
      reason > static_cast<std::uint16_t>(RefuseReason::unavailable))
    return {ErrorKind::failed, fmt::format("refused for reason {}", reason)};
  const auto known = static_cast<RefuseReason>(reason);
  if (known == RefuseReason::version) return {kind_of(known), "refused: " + version_mismatch(protocol_version, theirs)};
  std::string text(payload.slice(refuse_bytes, length).text());
  for (auto& c : text)
    if (c < ' ' || c > '~') c = '?';
  return {kind_of(known), "refused: " + text};
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::client: return "client";
    case Role::worker: return "worker";
    case Role::nanny: return "nanny";
    case Role::peer: return "peer";
  }
  return "unknown";
}

std::string_view name_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::worker: return "worker";
    case KeyKind::client: return "client";
  }
  return "unknown";
}

Nonce draw_nonce(const RandomSource& random) {
  Nonce nonce{};
  random(nonce);
  return nonce;
}

Token draw_token(const RandomSource& random) {
  std::array<std::uint64_t, 2> words{};
  random(std::as_writable_bytes(std::span(words)));
  return {words[0], words[1]};
}

// ---- the side that opened the connection -----------------------------------------------------------------------

ClientHandshake::ClientHandshake(Hello hello, Secret key)
    : hello_(hello), key_(key), hello_frame_(frame_of(FrameKind::hello, encode(hello_))) {
  TROUPE_ASSERT(may_use(hello_.role, hello_.key), "this role has another key");
}

Result<ClientHandshake::Step> ClientHandshake::receive(const IncomingFrame& frame) {
  const auto state = std::exchange(state_, State::over);
  if (frame.header.kind == FrameKind::refuse && state != State::over) return tl::unexpected(refusal(frame.payload));
  if (state == State::challenge && frame.header.kind == FrameKind::challenge) return on_challenge(frame.payload);
  if (state == State::welcome && frame.header.kind == FrameKind::welcome) return on_welcome(frame.payload);
  return fail(ErrorKind::invalid, fmt::format("handshake: a {} frame out of turn", name_of(frame.header.kind)));
}

Result<ClientHandshake::Step> ClientHandshake::on_challenge(const Bytes& payload) {
  const bool sized = payload.size() >= challenge_bytes + proof_bytes && payload.size() <= payload_max;
  if (!sized) return fail(ErrorKind::invalid, fmt::format("handshake: challenge of {} bytes", payload.size()));
  Reader reader(payload.span());
  ProtocolVersion theirs;
  theirs.major = reader.number<std::uint16_t>();
  theirs.minor = reader.number<std::uint16_t>();
  if (theirs.major != hello_.version.major)
    return fail(ErrorKind::unsupported, "handshake: " + version_mismatch(hello_.version, theirs));
  reader.number<std::uint32_t>();  // reserved
  established_.epoch = {reader.number<std::uint64_t>()};
  established_.features = reader.number<std::uint64_t>() & hello_.features;
  const auto nonce = reader.nonce();
  challenge_ = payload.slice(0, payload.size() - proof_bytes);
  const auto hello = hello_frame_.slice(FrameHeader::size, hello_bytes);
  const auto proof = payload.span().last<proof_bytes>();
  if (nonce == hello_.nonce || !key_ || !equal_in_constant_time(proof, listener_proof(key_, hello, challenge_)))
    return fail(ErrorKind::invalid,
                fmt::format("the other side did not prove that it knows the {} key: the access file is not (or no "
                            "longer) that of the process at this address; use the one it wrote when it started",
                            name_of(hello_.key)));
  established_.role = hello_.role;
  established_.key = hello_.key;
  established_.version = std::min(theirs, hello_.version);
  state_ = State::welcome;
  const auto mine = opener_proof(key_, hello, challenge_);
  return Step{frame_of(FrameKind::proof, {mine.begin(), mine.end()}), {}};
}

Result<ClientHandshake::Step> ClientHandshake::on_welcome(const Bytes& payload) {
  const bool sized = payload.size() >= welcome_bytes + proof_bytes && payload.size() <= payload_max;
  if (!sized) return fail(ErrorKind::invalid, fmt::format("handshake: welcome of {} bytes", payload.size()));
  const auto hello = hello_frame_.slice(FrameHeader::size, hello_bytes);
  const auto fields = payload.span().first(payload.size() - proof_bytes);
  if (!equal_in_constant_time(payload.span().last<proof_bytes>(), welcome_proof(key_, hello, challenge_, fields)))
    return fail(ErrorKind::invalid, "handshake: the welcome was changed on its way");
  Reader reader(fields);
  established_.session = reader.token();
  established_.peer_received = reader.number<std::uint64_t>();
  const Epoch epoch{reader.number<std::uint64_t>()};
  const auto features = reader.number<std::uint64_t>();
  const auto resumed = reader.number<std::uint64_t>();
  if (epoch != established_.epoch || features != established_.features || resumed > 1 || !established_.session ||
      (resumed != 0 && established_.session != hello_.session))
    return fail(ErrorKind::invalid, "handshake: the welcome does not fit the challenge");
  established_.resumed = resumed != 0;
  return Step{{}, established_};
}

// ---- the side that listens -------------------------------------------------------------------------------------

ServerHandshake::ServerHandshake(Settings settings, Nonce nonce) : settings_(std::move(settings)), nonce_(nonce) {}

ServerHandshake::Step ServerHandshake::receive(const IncomingFrame& frame) {
  const auto state = std::exchange(state_, State::over);
  if (state == State::hello && frame.header.kind == FrameKind::hello) return on_hello(frame.payload);
  if (state == State::proof && frame.header.kind == FrameKind::proof) return on_proof(frame.payload);
  return refused(RefuseReason::malformed, fmt::format("a {} frame out of turn", name_of(frame.header.kind)),
                 ErrorKind::invalid);
}

Bytes ServerHandshake::refuse(RefuseReason reason, std::string_view text) const {
  text = text.substr(0, refuse_text_max);
  return frame_of(FrameKind::refuse, Writer()
                                         .number(reason)
                                         .number(settings_.version.major)
                                         .number(settings_.version.minor)
                                         .number(static_cast<std::uint16_t>(text.size()))
                                         .bytes(label(text))
                                         .done());
}

ServerHandshake::Step ServerHandshake::refused(RefuseReason reason, std::string_view text, ErrorKind kind) {
  return {refuse(reason, text), Error{kind, fmt::format("handshake refused: {}", text)}, {}};
}

ServerHandshake::Step ServerHandshake::on_hello(const Bytes& payload) {
  // The version stands first for good, so that any two releases can tell each other apart.
  if (payload.size() < 8 || payload.size() > payload_max)
    return refused(RefuseReason::malformed, fmt::format("hello of {} bytes", payload.size()), ErrorKind::invalid);
  Reader reader(payload.span());
  ProtocolVersion theirs;
  theirs.major = reader.number<std::uint16_t>();
  theirs.minor = reader.number<std::uint16_t>();
  if (theirs.major != settings_.version.major)
    return refused(RefuseReason::version, version_mismatch(settings_.version, theirs), ErrorKind::unsupported);
  std::string problem;
  const auto hello = decode_hello(payload, problem);
  if (!hello) return refused(RefuseReason::malformed, problem, ErrorKind::invalid);
  if (hello->cluster != settings_.cluster)
    return refused(RefuseReason::cluster,
                   fmt::format("cluster {} is not here: the access file is of another cluster", hello->cluster.hex()),
                   ErrorKind::invalid);
  if (std::find(settings_.roles.begin(), settings_.roles.end(), hello->role) == settings_.roles.end())
    return refused(RefuseReason::role, fmt::format("role {} is not served at this address", name_of(hello->role)),
                   ErrorKind::invalid);
  if (!may_use(hello->role, hello->key))
    return refused(RefuseReason::role,
                   fmt::format("role {} cannot use the {} key", name_of(hello->role), name_of(hello->key)),
                   ErrorKind::invalid);
  const auto& key = settings_.keys.of(hello->key);
  if (!key || hello->nonce == nonce_)
    return refused(RefuseReason::authentication, "authentication failed", ErrorKind::invalid);
  hello_ = *hello;
  hello_payload_ = Bytes::copy(payload.span());
  Writer challenge;
  challenge.number(settings_.version.major)
      .number(settings_.version.minor)
      .number(std::uint32_t{0})
      .number(settings_.epoch.value)
      .number(settings_.features)
      .bytes(nonce_);
  challenge_ = Bytes::copy(challenge.done());
  challenge.bytes(listener_proof(key, hello_payload_, challenge_));
  state_ = State::proof;
  return {frame_of(FrameKind::challenge, challenge.done()), {}, {}};
}

ServerHandshake::Step ServerHandshake::on_proof(const Bytes& payload) {
  const auto& key = settings_.keys.of(hello_.key);
  if (!equal_in_constant_time(payload.span(), opener_proof(key, hello_payload_, challenge_)))
    return refused(RefuseReason::authentication, "authentication failed", ErrorKind::invalid);
  state_ = State::authenticated;
  return {{}, {}, hello_};
}

ServerHandshake::Welcome ServerHandshake::welcome(Token session, bool resumed, std::uint64_t received) const {
  TROUPE_ASSERT(state_ == State::authenticated, "nobody is welcome before he proved himself");
  TROUPE_ASSERT(static_cast<bool>(session), "a session has a token");
  const auto features = settings_.features & hello_.features;
  Writer welcome;
  welcome.token(session).number(received).number(settings_.epoch.value).number(features).number(std::uint64_t{resumed});
  const auto proof = welcome_proof(settings_.keys.of(hello_.key), hello_payload_, challenge_, welcome.done());
  welcome.bytes(proof);
  return {frame_of(FrameKind::welcome, welcome.done()),
          {hello_.role, hello_.key, std::min(settings_.version, hello_.version), features, settings_.epoch, session,
           resumed, resumed ? hello_.received : 0}};
}

}  // namespace troupe
