#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/store/container_codec.hpp"
#include "runtime/store/value.hpp"

/// What a process is told that makes one call, and what it answers: values like all others.
namespace troupe {

/// A value of any type inside another one.
struct CarriedValue {
  std::uint64_t fingerprint{};
  Buffer header;
  std::vector<Buffer> buffers;

  static CarriedValue of(const Value& value) {
    CarriedValue carried;
    auto encoded = value.encode();
    carried.fingerprint = encoded.fingerprint;
    carried.header = Buffer(std::move(encoded.header));
    for (auto& buffer : encoded.buffers) carried.buffers.emplace_back(std::move(buffer));
    return carried;
  }
  [[nodiscard]] Value value() const {
    EncodedValue encoded;
    encoded.fingerprint = fingerprint;
    encoded.header = header.bytes();
    for (const auto& buffer : buffers) encoded.buffers.push_back(buffer.bytes());
    return Value::from_encoded(std::move(encoded));
  }
};

struct CallRequest {
  std::uint8_t kind{};  ///< FunctionRef, as far as it names one
  std::string module;
  std::uint64_t build{};
  std::string name;
  std::uint64_t task{};
  std::uint32_t run{};
  Buffer arguments;
  std::vector<CarriedValue> inputs;
};

struct CallReply {
  bool ok{};
  CarriedValue value;
  std::uint8_t kind{};  ///< TaskError, as far as the call knows it
  std::string type;
  std::string message;
};

}  // namespace troupe

TROUPE_FIELDS(troupe::CarriedValue, fingerprint, header, buffers)
TROUPE_FIELDS(troupe::CallRequest, kind, module, build, name, task, run, arguments, inputs)
TROUPE_FIELDS(troupe::CallReply, ok, value, kind, type, message)
