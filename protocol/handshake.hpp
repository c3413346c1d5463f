#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/framing.hpp"
#include "protocol/ids.hpp"
#include "protocol/secret.hpp"

/// Mutual authentication of a connection, without a socket: frames in, frames out.
///
///   opener                                   listener
///   hello {version, role, key, cluster, nonce, features, session}  ->
///                                         <- challenge {version, epoch, features, nonce, proof}
///   proof {proof}                            ->
///                                         <- welcome {session, resumed, received, epoch, features, proof}
///
/// Or `refuse {reason, version, text}` from the listener at any point. Every proof is an HMAC-SHA256 with the role's
/// key over a label of its own, the whole hello and the whole challenge: it is worth nothing in another direction, to
/// another peer, with another version, role, cluster or set of features, or a second time. The key never travels.
/// Layouts: docs/wire_format.md; fixed, little-endian, no Cap'n Proto.
namespace troupe {

struct ProtocolVersion {
  std::uint16_t major{};
  std::uint16_t minor{};
  friend constexpr auto operator<=>(const ProtocolVersion&, const ProtocolVersion&) = default;
};
/// Peers of the same major understand each other; they speak the smaller minor.
inline constexpr ProtocolVersion protocol_version{1, 0};

/// What the opener is to the listener. `peer` opens a data connection.
enum class Role : std::uint8_t { client = 1, worker, nanny, peer };
/// Whose key the proofs are made with. Clients use the client key, workers and nannies the worker key, a peer its own.
enum class KeyKind : std::uint8_t { worker = 1, client };
std::string_view name_of(Role role);
std::string_view name_of(KeyKind kind);

using Nonce = std::array<std::byte, 32>;
Nonce draw_nonce(const RandomSource& random);
Token draw_token(const RandomSource& random);

/// Keys that this process knows. An empty one: connections that need it are refused.
struct Keys {
  Secret worker;
  Secret client;
  [[nodiscard]] const Secret& of(KeyKind kind) const { return kind == KeyKind::worker ? worker : client; }
};

enum class RefuseReason : std::uint16_t {
  malformed = 1,   ///< the frame makes no sense
  version,         ///< the major versions differ
  cluster,         ///< another cluster listens here
  role,            ///< this listener does not serve that role
  authentication,  ///< the proof is wrong; nothing more is said
  unavailable,     ///< not now: closing, or full
};

struct Hello {
  ProtocolVersion version{protocol_version};
  Role role{Role::client};
  KeyKind key{KeyKind::client};
  Token cluster;
  Nonce nonce{};
  std::uint64_t features{};  ///< bits of optional abilities
  Token session;             ///< to resume; zero: a new one
  std::uint64_t received{};  ///< of that session: highest sequence received from the other side
  friend bool operator==(const Hello&, const Hello&) = default;
};

/// What both sides know in the end.
struct Established {
  Role role{Role::client};
  KeyKind key{KeyKind::client};
  ProtocolVersion version;   ///< to speak
  std::uint64_t features{};  ///< that both have
  Epoch epoch;               ///< of the listener
  Token session;
  bool resumed{};
  std::uint64_t peer_received{};  ///< of the resumed session: highest sequence the other side has; resend above it
  friend bool operator==(const Established&, const Established&) = default;
};

/// The side that opened the connection. Owned by one connection attempt, on its thread; used once.
class ClientHandshake {
public:
  struct Step {
    std::optional<Bytes> send;               ///< a whole frame
    std::optional<Established> established;  ///< done: switch the FrameReader to authenticated()
  };

  /// `hello.nonce` must be fresh; `key` is the one that `hello.key` names.
  ClientHandshake(Hello hello, Secret key);

  /// The first frame.
  [[nodiscard]] Bytes start() const { return hello_frame_; }
  /// The next frame that came. An error ends the attempt: close the connection and show the text.
  Result<Step> receive(const IncomingFrame& frame);

private:
  enum class State : std::uint8_t { challenge, welcome, over };

  Result<Step> on_challenge(const Bytes& payload);
  Result<Step> on_welcome(const Bytes& payload);

  Hello hello_;
  Secret key_;
  Bytes hello_frame_;
  Bytes challenge_;  ///< the part that proofs cover
  State state_{State::challenge};
  Established established_;
};

/// The side that listens. Owned by one accepted connection, on its thread; used once.
class ServerHandshake {
public:
  struct Settings {
    Token cluster;
    Epoch epoch;
    std::uint64_t features{};
    Keys keys;
    std::vector<Role> roles;  ///< that this listener serves
    ProtocolVersion version{protocol_version};
  };
  struct Step {
    std::optional<Bytes> send;           ///< a whole frame; sent also when `error` is set, before closing
    std::optional<Error> error;          ///< for the log; the peer was told what it may know
    std::optional<Hello> authenticated;  ///< proven: look the session up, then call welcome() or refuse()
  };

  ServerHandshake(Settings settings, Nonce nonce);

  Step receive(const IncomingFrame& frame);

  /// After `authenticated`: the frame that ends the handshake, and what was agreed.
  struct Welcome {
    Bytes send;
    Established established;
  };
  /// `received`: highest sequence this side has of the resumed session; 0 for a new one.
  [[nodiscard]] Welcome welcome(Token session, bool resumed, std::uint64_t received) const;
  /// A refusal at any point, as a whole frame.
  [[nodiscard]] Bytes refuse(RefuseReason reason, std::string_view text) const;

private:
  enum class State : std::uint8_t { hello, proof, authenticated, over };

  Step on_hello(const Bytes& payload);
  Step on_proof(const Bytes& payload);
  Step refused(RefuseReason reason, std::string_view text, ErrorKind kind);

  Settings settings_;
  Nonce nonce_;
  State state_{State::hello};
  Hello hello_;
  Bytes hello_payload_;
  Bytes challenge_;  ///< the part that proofs cover
};

}  // namespace troupe
