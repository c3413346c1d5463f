#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "runtime/store/container_codec.hpp"

namespace troupe {

/// A value as frames: a small header, and large data in buffers of their own.
struct EncodedValue {
  std::uint64_t fingerprint{};
  Bytes header;
  std::vector<Bytes> buffers;

  [[nodiscard]] std::uint64_t nbytes() const {
    std::uint64_t size = header.size();
    for (const auto& buffer : buffers) size += buffer.size();
    return size;
  }
};

class Value;

namespace detail {

/// What a Value with a type has in common, counted by reference.
struct SharedObject {
  std::atomic<std::uint32_t> references{1};
};

template <class T>
struct HeapObject : SharedObject {
  template <class... A>
  explicit HeapObject(A&&... argument) : value(std::forward<A>(argument)...) {}
  T value;
};

enum class Storage : std::uint8_t { in_place, shared, encoded };

/// What a Value must know of its type. Tables of one type may exist several times, in shared libraries: types are
/// compared by fingerprint and size, never by the table's address.
struct TypeOps {
  std::uint64_t fingerprint;
  std::uint32_t size;
  Storage storage;
  std::string_view name;
  void (*encode)(const void* value, Encoder& out);
  std::uint64_t (*deep_size)(const void* value);
  const void* (*address)(const SharedObject* object);
  void (*destroy)(SharedObject* object);
};

inline constexpr std::size_t value_storage_bytes = 16;

template <class T>
inline constexpr bool in_place = std::is_trivially_copyable_v<T> && sizeof(T) <= value_storage_bytes &&
                                 alignof(T) <= alignof(void*);

template <class T>
inline constexpr TypeOps type_ops = {
    type_fingerprint<T>(),
    sizeof(T),
    in_place<T> ? Storage::in_place : Storage::shared,
    type_name<T>(),
    [](const void* value, Encoder& out) { encode_value(*static_cast<const T*>(value), out); },
    [](const void* value) { return troupe::deep_size(*static_cast<const T*>(value)); },
    [](const SharedObject* object) {
      return static_cast<const void*>(std::addressof(static_cast<const HeapObject<T>*>(object)->value));
    },
    [](SharedObject* object) { delete static_cast<HeapObject<T>*>(object); },
};

/// Bytes of large buffers that decoding copied in this process. Zero copies means: it did not grow.
inline std::atomic<std::uint64_t> copied_bytes{0};

}  // namespace detail

/// Bytes of large buffers (not headers) that decoding has copied so far in this process.
inline std::uint64_t copied_bytes() { return detail::copied_bytes.load(std::memory_order_relaxed); }

/// An immutable object of any type with a codec, shared by reference. Small plain ones lie in the Value itself.
///
/// A Value is owned by whoever holds it and used by one thread; its copies may be used by others at the same time.
/// Always true: its type never changes. One that arrived as frames is decoded when first asked for, once.
/// Pointers to the object of a small Value are good as long as that Value is neither moved nor destroyed; others as
/// long as a copy exists.
class Value {
public:
  Value() = default;
  Value(const Value& other) noexcept : ops_(other.ops_) {
    std::memcpy(storage_, other.storage_, sizeof storage_);
    if (is_counted()) object()->references.fetch_add(1, std::memory_order_relaxed);
  }
  Value(Value&& other) noexcept : ops_(std::exchange(other.ops_, nullptr)) {
    std::memcpy(storage_, other.storage_, sizeof storage_);
  }
  Value& operator=(const Value& other) noexcept {
    Value copy(other);
    swap(copy);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    Value taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Value() { reset(); }

  template <class T>
  static Value make(T&& value) {
    using U = std::remove_cvref_t<T>;
    detail::require_codec<U>();
    Value made;
    if constexpr (detail::in_place<U>)
      ::new (static_cast<void*>(made.storage_)) U(std::forward<T>(value));
    else
      made.set_object(new detail::HeapObject<U>(std::forward<T>(value)));
    made.ops_ = &detail::type_ops<U>;
    return made;
  }
  /// A value in frames. Nothing is decoded, or checked, before it is asked for.
  static Value from_encoded(EncodedValue encoded);

  [[nodiscard]] explicit operator bool() const { return ops_ != nullptr; }
  [[nodiscard]] std::uint64_t fingerprint() const;
  /// For people; of frames not decoded yet it may be the fingerprint.
  [[nodiscard]] std::string type_name() const;
  /// The object, if it is a T; null if it is not, or not decoded yet.
  template <class T>
  [[nodiscard]] const T* get() const;
  /// The object, decoded if it is frames yet. An error names both types.
  template <class T>
  [[nodiscard]] Result<const T*> as() const;
  /// The object itself if this is the last Value that refers to it, else a copy. Leaves this Value empty if it worked.
  template <class T>
  [[nodiscard]] Result<T> take();
  /// Its buffers keep the object alive.
  [[nodiscard]] EncodedValue encode() const;
  /// Appends the encoding with nothing out of band, but at most `limit` bytes. False: too long, `out` is as before.
  [[nodiscard]] bool encode_in_line(std::size_t limit, std::vector<std::byte>& out) const;
  /// Bytes of memory that the object takes, with all it owns.
  [[nodiscard]] std::uint64_t nbytes() const;
  /// No other Value refers to the object.
  [[nodiscard]] bool unique() const {
    return !is_counted() || object()->references.load(std::memory_order_acquire) == 1;
  }
  /// Both refer to one object. Values that lie in place are never the same.
  [[nodiscard]] bool same_object(const Value& other) const {
    return is_counted() && other.is_counted() && object() == other.object();
  }
  void reset() {
    if (is_counted() && object()->references.fetch_sub(1, std::memory_order_acq_rel) == 1) ops_->destroy(object());
    ops_ = nullptr;
  }
  void swap(Value& other) noexcept {
    std::swap(ops_, other.ops_);
    std::byte kept[sizeof storage_];
    std::memcpy(kept, storage_, sizeof storage_);
    std::memcpy(storage_, other.storage_, sizeof storage_);
    std::memcpy(other.storage_, kept, sizeof storage_);
  }

private:
  friend struct EncodedObject;

  [[nodiscard]] bool is_counted() const { return ops_ && ops_->storage != detail::Storage::in_place; }
  [[nodiscard]] bool is_encoded() const { return ops_ && ops_->storage == detail::Storage::encoded; }
  [[nodiscard]] detail::SharedObject* object() const {
    detail::SharedObject* object = nullptr;
    std::memcpy(&object, storage_, sizeof object);
    return object;
  }
  void set_object(detail::SharedObject* object) { std::memcpy(storage_, &object, sizeof object); }
  /// Precondition: not encoded.
  [[nodiscard]] const void* address() const { return is_counted() ? ops_->address(object()) : storage_; }
  template <class T>
  static Error wrong_type(const Value& value) {
    return Error{ErrorKind::invalid,
                 "the value is " + value.type_name() + ", not " + std::string(troupe::type_name<T>())};
  }

  const detail::TypeOps* ops_{};
  alignas(alignof(void*)) std::byte storage_[detail::value_storage_bytes];
};

/// What a Value refers to that arrived as frames: the frames until they have been decoded, then the decoded value.
struct EncodedObject : detail::SharedObject {
  explicit EncodedObject(EncodedValue value)
      : fingerprint(value.fingerprint), nbytes(value.nbytes()), frames(std::move(value)) {}

  template <class T>
  Result<const T*> decode() {
    if (!ready.load(std::memory_order_acquire)) {
      std::lock_guard lock(mutex);
      if (!ready.load(std::memory_order_relaxed)) {
        try {
          Decoder in(frames.header.span(), frames.buffers);
          decoded = Value::make(decode_value<T>(in));
          in.finish();
          copied_counter->fetch_add(in.copied(), std::memory_order_relaxed);
        } catch (const DecodeError& error) {
          decoded.reset();
          return fail(ErrorKind::failed, "not a valid " + std::string(type_name<T>()) + ": " + error.what());
        }
        frames = {};
        ready.store(true, std::memory_order_release);
      }
    }
    if (const T* value = decoded.get<T>()) return value;
    return tl::unexpected(Value::wrong_type<T>(decoded));
  }

  const std::uint64_t fingerprint;
  const std::uint64_t nbytes;
  std::atomic<bool> ready{false};  ///< then `decoded` no longer changes
  std::mutex mutex;                ///< guards all below until `ready`
  EncodedValue frames;
  Value decoded;
  std::atomic<std::uint64_t>* copied_counter{&detail::copied_bytes};  ///< of the process, whichever library decodes
};

namespace detail {

inline constexpr TypeOps encoded_ops = {
    0,       0,       Storage::encoded, "frames",
    nullptr, nullptr, nullptr,          [](SharedObject* object) { delete static_cast<EncodedObject*>(object); },
};

template <class T>
bool names_fingerprint(std::uint64_t fingerprint, std::string& name) {
  if (fingerprint != type_fingerprint<T>()) return false;
  name = type_name<T>();
  return true;
}

template <class... T>
std::string name_fingerprint(std::uint64_t fingerprint) {
  std::string name;
  if ((names_fingerprint<T>(fingerprint, name) || ... || names_fingerprint<std::string>(fingerprint, name)) ||
      (names_fingerprint<std::vector<T>>(fingerprint, name) || ...))
    return name;
  static constexpr char digits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[fingerprint >> shift & 15];
  return "a type with fingerprint " + name;
}

/// The name of a type that people meet often, else the number itself.
inline std::string describe_fingerprint(std::uint64_t fingerprint) {
  return name_fingerprint<double, float, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint64_t,
                          std::uint32_t, std::uint16_t, std::uint8_t, bool, char, std::string, Unit, Buffer>(
      fingerprint);
}

}  // namespace detail

inline Value Value::from_encoded(EncodedValue encoded) {
  Value made;
  made.set_object(new EncodedObject(std::move(encoded)));
  made.ops_ = &detail::encoded_ops;
  return made;
}

inline std::uint64_t Value::fingerprint() const {
  if (!ops_) return 0;
  return is_encoded() ? static_cast<EncodedObject*>(object())->fingerprint : ops_->fingerprint;
}

inline std::string Value::type_name() const {
  if (!ops_) return "nothing";
  if (!is_encoded()) return std::string(ops_->name);
  auto& frames = *static_cast<EncodedObject*>(object());
  return frames.ready.load(std::memory_order_acquire) ? frames.decoded.type_name()
                                                      : detail::describe_fingerprint(frames.fingerprint);
}

template <class T>
const T* Value::get() const {
  if (!ops_) return nullptr;
  if (is_encoded()) {
    auto& frames = *static_cast<EncodedObject*>(object());
    return frames.ready.load(std::memory_order_acquire) ? frames.decoded.get<T>() : nullptr;
  }
  if (ops_->fingerprint != type_fingerprint<T>() || ops_->size != sizeof(T)) return nullptr;
  if constexpr (detail::in_place<T>)
    return std::launder(reinterpret_cast<const T*>(storage_));
  else
    return std::addressof(static_cast<const detail::HeapObject<T>*>(object())->value);
}

template <class T>
Result<const T*> Value::as() const {
  if (const T* value = get<T>()) return value;
  if (!is_encoded() || fingerprint() != type_fingerprint<T>()) return tl::unexpected(wrong_type<T>(*this));
  return static_cast<EncodedObject*>(object())->template decode<T>();
}

template <class T>
Result<T> Value::take() {
  const auto found = as<T>();
  if (!found) return tl::unexpected(found.error());
  const bool last = unique() && (!is_encoded() || static_cast<EncodedObject*>(object())->decoded.unique());
  Result<T> taken = [&]() -> Result<T> {
    if constexpr (std::is_copy_constructible_v<T>) {
      if (!last) return **found;
    } else {
      if (!last) return fail(ErrorKind::failed, "the value has other readers and cannot be copied");
    }
    return std::move(const_cast<T&>(**found));
  }();
  if (taken) reset();
  return taken;
}

inline EncodedValue Value::encode() const {
  if (is_encoded()) {
    auto& frames = *static_cast<EncodedObject*>(object());
    std::unique_lock lock(frames.mutex);
    if (!frames.ready.load(std::memory_order_acquire)) return frames.frames;
    lock.unlock();
    return frames.decoded.encode();
  }
  EncodedValue encoded;
  if (!ops_) return encoded;
  encoded.fingerprint = ops_->fingerprint;
  std::vector<std::byte> header;
  Encoder out(header, encoded.buffers, this, [](const void* source) -> std::shared_ptr<const void> {
    return std::make_shared<const Value>(*static_cast<const Value*>(source));
  });
  ops_->encode(address(), out);
  encoded.header = detail::own_bytes(std::move(header));
  return encoded;
}

inline bool Value::encode_in_line(std::size_t limit, std::vector<std::byte>& out) const {
  if (!ops_) return false;
  const auto before = out.size();
  if (is_encoded()) {
    auto& frames = *static_cast<EncodedObject*>(object());
    std::unique_lock lock(frames.mutex);
    if (frames.ready.load(std::memory_order_acquire)) {
      lock.unlock();
      return frames.decoded.encode_in_line(limit, out);
    }
    const auto header = frames.frames.header.span();
    if (!frames.frames.buffers.empty() || header.size() > limit) return false;
    out.insert(out.end(), header.begin(), header.end());
    return true;
  }
  Encoder encoder(out, limit);
  ops_->encode(address(), encoder);
  if (!encoder.full()) return true;
  out.resize(before);
  return false;
}

inline std::uint64_t Value::nbytes() const {
  if (!ops_) return 0;
  if (is_encoded()) return static_cast<EncodedObject*>(object())->nbytes;
  return ops_->deep_size(address());
}

/// Appends the inline form of a small value, as in InlineValues: its fingerprint in 8 bytes, then its encoding in at
/// most `limit` bytes. False: it is larger, or absent, and `out` is as before.
inline bool encode_inline(const Value& value, std::size_t limit, std::vector<std::byte>& out) {
  if (!value) return false;
  const auto before = out.size();
  const auto fingerprint = value.fingerprint();
  const auto* first = reinterpret_cast<const std::byte*>(&fingerprint);
  out.insert(out.end(), first, first + sizeof fingerprint);
  if (value.encode_in_line(limit, out)) return true;
  out.resize(before);
  return false;
}

/// The value of an inline form, decoded when first asked for. Keeps no part of the message that `bytes` lie in.
inline Result<Value> decode_inline(const Bytes& bytes) {
  EncodedValue encoded;
  if (bytes.size() <= sizeof encoded.fingerprint) return fail(ErrorKind::failed, "an inline value is too short");
  std::memcpy(&encoded.fingerprint, bytes.data(), sizeof encoded.fingerprint);
  encoded.header = detail::copy_bytes(bytes.span().subspan(sizeof encoded.fingerprint));
  return Value::from_encoded(std::move(encoded));
}

/// The object of an inline form, with no Value made.
template <class T>
Result<T> decode_inline_as(const Bytes& bytes) {
  std::uint64_t fingerprint{};
  if (bytes.size() <= sizeof fingerprint) return fail(ErrorKind::failed, "an inline value is too short");
  std::memcpy(&fingerprint, bytes.data(), sizeof fingerprint);
  if (fingerprint != type_fingerprint<T>())
    return fail(ErrorKind::invalid,
                "the value is " + detail::describe_fingerprint(fingerprint) + ", not " + std::string(type_name<T>()));
  try {
    Decoder in(bytes.span().subspan(sizeof fingerprint));
    Result<T> value = decode_value<T>(in);
    in.finish();
    return value;
  } catch (const DecodeError& error) {
    return fail(ErrorKind::failed, "not a valid " + std::string(type_name<T>()) + ": " + error.what());
  }
}

}  // namespace troupe
