#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/error.hpp"
#include "protocol/messages.hpp"
#include "protocol/task.hpp"
#include "runtime/exec/module.hpp"

namespace troupe {

/// A function that this process can run.
struct ResolvedFunction {
  std::string name;  ///< module::name; of built-ins the bare name
  std::string signature;
  Thunk thunk{};
};

/// A file that modules were loaded from.
struct LoadedModule {
  std::string path;    ///< canonical
  std::string sha256;  ///< of its content then, hex
  std::vector<ModuleInfo> modules;
};

/// The functions that a worker can run: of the program's own modules, of modules loaded from files, and built-ins.
/// Owned by the worker's shell and used on its io thread. Functions are never removed: pointers to them stay good.
class FunctionRegistry {
public:
  FunctionRegistry();
  /// Adds a module that is part of the program. Adding the same build again changes nothing.
  Result<ModuleInfo> add(const Module& module);
  void add_builtin(std::string name, std::string signature, Thunk thunk);
  template <auto F>
  void add_builtin(std::string name) {
    add_builtin(std::move(name), detail::signature<F>(), &detail::thunk<F>);
  }

  /// Loads all modules of a shared library, for good. Its content must have this SHA-256 (hex), if one is given.
  /// Refused without running any of its code: what is no ELF library of ours, or could be changed by anybody.
  Result<std::vector<ModuleInfo>> load(const std::string& path, std::string_view sha256 = {});

  /// The error says what is known instead. Build 0 finds the build that was added last.
  [[nodiscard]] Result<const ResolvedFunction*> find(const FunctionRef& ref) const;
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const ResolvedFunction& function : functions_) visit(function);
  }
  /// Files that were loaded, in their order, each once.
  [[nodiscard]] const std::vector<LoadedModule>& files() const { return files_; }
  /// In the order of adding.
  [[nodiscard]] const std::vector<ModuleInfo>& infos() const { return infos_; }

private:
  [[nodiscard]] Error unknown(const FunctionRef& ref) const;

  std::vector<ModuleInfo> infos_;
  std::vector<LoadedModule> files_;
  std::deque<ResolvedFunction> functions_;
  std::unordered_map<std::string, const ResolvedFunction*> by_key_;  // module, build and name in one text
};

/// A module as it is uploaded.
struct ModuleFile {
  Bytes bytes;
  std::string sha256;  ///< hex
};
inline constexpr std::uint64_t module_file_bytes_max = std::uint64_t{1} << 30;

/// Reads a shared library, none of whose code is run. Refused: what is no ELF library of ours.
Result<ModuleFile> read_module_file(const std::string& path);

}  // namespace troupe
