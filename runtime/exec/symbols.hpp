#pragma once

#include <memory>
#include <string>

namespace troupe {

/// Names of functions by address, from the symbol tables of the program and of all it has loaded. On one thread.
class Symbols {
public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  /// Demangled, without the types of its parameters; where no symbol is, the file and the place in it.
  [[nodiscard]] const std::string& name_of(const void* address);

private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace troupe
