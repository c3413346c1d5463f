#include "runtime/exec/function_registry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <utility>

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "runtime/exec/builtin.hpp"
#include "runtime/exec/pipeline.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view symbol_prefix = "troupe_module_";

std::string key_of(std::string_view module, std::uint64_t build, std::string_view name) {
  return fmt::format("{}\n{:x}\n{}", module, build, name);
}

Result<std::vector<char>> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(ErrorKind::invalid, fmt::format("module {}: {}", path, std::strerror(errno)));
  const auto size = file.tellg();
  if (size < 0 || static_cast<std::size_t>(size) > module_file_bytes_max)
    return fail(ErrorKind::invalid, fmt::format("module {}: larger than {} bytes", path, module_file_bytes_max));
  std::vector<char> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  if (!file.read(bytes.data(), size)) return fail(ErrorKind::failed, fmt::format("module {}: cannot be read", path));
  return bytes;
}

std::string sha256_of(std::span<const char> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
}

/// What would let anybody change the code that is about to be loaded.
std::optional<Error> check_place(const fs::path& path) {
  for (const auto& place : {path, path.parent_path()}) {
    struct stat status {};
    if (::stat(place.c_str(), &status) != 0)
      return Error{ErrorKind::invalid, fmt::format("module {}: {}", place.string(), std::strerror(errno))};
    if ((status.st_mode & S_IWOTH) != 0)
      return Error{ErrorKind::invalid, fmt::format("module {}: anybody may write {}; chmod o-w it", path.string(),
                                                   place == path ? "to it" : "to its directory")};
    if (place == path && !S_ISREG(status.st_mode))
      return Error{ErrorKind::invalid, fmt::format("module {}: not a file", path.string())};
  }
  return {};
}

/// One structure out of a file that may be cut short or lie.
template <class T>
bool read_at(std::span<const char> file, std::uint64_t offset, T& out) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return false;
  std::memcpy(&out, file.data() + offset, sizeof(T));
  return true;
}

/// The symbols by which TROUPE_MODULE makes its tables known, from the dynamic symbol table of an ELF library.
Result<std::vector<std::string>> descriptor_symbols(std::span<const char> file, const std::string& path) {
  const auto broken = [&](const char* what) {
    return fail(ErrorKind::invalid, fmt::format("module {}: {}", path, what));
  };
  Elf64_Ehdr header;
  if (!read_at(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN)
    return broken("not a 64-bit ELF shared library");
  std::vector<std::string> names;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    Elf64_Shdr strings;
    if (!read_at(file, header.e_shoff + std::uint64_t{i} * sizeof section, section)) return broken("cut short");
    if (section.sh_type != SHT_DYNSYM) continue;
    if (!read_at(file, header.e_shoff + std::uint64_t{section.sh_link} * sizeof strings, strings) ||
        strings.sh_offset > file.size() || strings.sh_size > file.size() - strings.sh_offset)
      return broken("cut short");
    for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= section.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      if (!read_at(file, section.sh_offset + at, symbol)) return broken("cut short");
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= strings.sh_size) continue;
      const char* text = file.data() + strings.sh_offset + symbol.st_name;
      const std::string_view name(text, ::strnlen(text, strings.sh_size - symbol.st_name));
      if (name.starts_with(symbol_prefix)) names.emplace_back(name);
    }
  }
  if (names.empty()) return broken("no TROUPE_MODULE in it");
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<Error> check(const Module& module, const std::string& from) {
  if (module.abi_version != module_abi_version)
    return Error{ErrorKind::unsupported,
                 fmt::format("module {}: built for version {} of the module interface, this process has {}; build it "
                             "again with this Troupe",
                             from, module.abi_version, module_abi_version)};
  // One of parts alone has no functions.
  if ((module.function_count == 0) != (module.functions == nullptr) || !module.name || module.build == 0)
    return Error{ErrorKind::invalid, fmt::format("module {}: its table is empty or damaged", from)};
  return {};
}

}  // namespace

Result<ModuleFile> read_module_file(const std::string& path) {
  const auto file = read_file(path);
  if (!file) return tl::unexpected(file.error());
  if (const auto symbols = descriptor_symbols(*file, path); !symbols) return tl::unexpected(symbols.error());
  return ModuleFile{Bytes::copy(std::string_view(file->data(), file->size())), sha256_of(*file)};
}

FunctionRegistry::FunctionRegistry() {
  add_builtin("checkpoint", "unit(any...)", &builtin::checkpoint);
  add_builtin("wait_on", "any(any, ...)", &builtin::wait_on);
  add_builtin("pipeline", "any(any...)", &builtin::pipeline);
  for (const auto* list = detail::builtin_lists.load(); list != nullptr; list = list->next)
    for (const auto& each : list->functions)
      add_builtin(std::string(each.name), std::string(each.signature), each.thunk);
}

Result<ModuleInfo> FunctionRegistry::add(const Module& module) {
  if (auto error = check(module, module.name ? module.name : "without a name"))
    return tl::unexpected(std::move(*error));
  ModuleInfo info{module.name, module.build, {}};
  for (const auto& function : module.table()) info.functions.emplace_back(function.name);
  const bool known = std::find(infos_.begin(), infos_.end(), info) != infos_.end();
  for (const auto& function : module.table()) {
    auto& resolved = by_key_[key_of(info.name, info.build, function.name)];
    if (!resolved) {
      functions_.push_back({fmt::format("{}::{}", info.name, function.name), function.signature, function.thunk});
      resolved = &functions_.back();
    }
    by_key_[key_of(info.name, 0, function.name)] = resolved;
  }
  if (!known) infos_.push_back(info);
  return info;
}

void FunctionRegistry::add_builtin(std::string name, std::string signature, Thunk thunk) {
  functions_.push_back({std::move(name), std::move(signature), thunk});
  by_key_[key_of("", 0, functions_.back().name)] = &functions_.back();
}

Result<std::vector<ModuleInfo>> FunctionRegistry::load(const std::string& path, std::string_view sha256) {
  std::error_code code;
  const fs::path canonical = fs::canonical(path, code);  // never a name that dlopen would search for
  if (code) return fail(ErrorKind::invalid, fmt::format("module {}: {}", path, code.message()));
  if (auto error = check_place(canonical)) return tl::unexpected(std::move(*error));
  const auto file = read_file(canonical.string());
  if (!file) return tl::unexpected(file.error());
  const auto actual = sha256_of(*file);
  if (!sha256.empty() && actual != sha256)
    return fail(ErrorKind::invalid, fmt::format("module {}: its SHA-256 is {}, not {}", path, actual, sha256));
  const auto symbols = descriptor_symbols(*file, canonical.string());
  if (!symbols) return tl::unexpected(symbols.error());

  void* library = ::dlopen(canonical.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) return fail(ErrorKind::invalid, fmt::format("module {}: {}", path, ::dlerror()));
  std::vector<const Module*> modules;
  for (const auto& symbol : *symbols) {
    const auto* found = static_cast<const Module* const*>(::dlsym(library, symbol.c_str()));
    if (!found || !*found) return fail(ErrorKind::invalid, fmt::format("module {}: no symbol {}", path, symbol));
    if (auto error = check(**found, canonical.string())) return tl::unexpected(std::move(*error));
    modules.push_back(*found);
  }
  if (void* parts = ::dlsym(library, "troupe_parts")) add_parts(reinterpret_cast<const PartNode* (*)()>(parts)());
  std::vector<ModuleInfo> infos;
  for (const auto* module : modules) infos.push_back(*add(*module));
  const auto same = [&](const LoadedModule& known) { return known.path == canonical && known.sha256 == actual; };
  if (std::none_of(files_.begin(), files_.end(), same)) files_.push_back({canonical.string(), actual, infos});
  return infos;
}

Result<const ResolvedFunction*> FunctionRegistry::find(const FunctionRef& ref) const {
  switch (ref.kind) {
    case FunctionRef::Kind::builtin:
    case FunctionRef::Kind::module: {
      const bool builtin = ref.kind == FunctionRef::Kind::builtin;
      const auto found = by_key_.find(key_of(builtin ? "" : ref.module, builtin ? 0 : ref.build, ref.name));
      if (found != by_key_.end()) return found->second;
      return tl::unexpected(unknown(ref));
    }
    case FunctionRef::Kind::payload:
      return fail(ErrorKind::unsupported, fmt::format("this worker has no runtime {}", ref.module));
  }
  return fail(ErrorKind::invalid, "a function of unknown kind");
}

Error FunctionRegistry::unknown(const FunctionRef& ref) const {
  if (ref.kind == FunctionRef::Kind::builtin)
    return {ErrorKind::unsupported, fmt::format("no built-in function is called {}", ref.name)};
  std::string known;
  for (const auto& info : infos_) {
    if (info.name != ref.module) {
      known += fmt::format("{}{}", known.empty() ? "" : ", ", info.name);
      continue;
    }
    if (ref.build == 0 || info.build == ref.build)
      return {ErrorKind::unsupported, fmt::format("module {} has no function {}; it has {}", ref.module, ref.name,
                                                  fmt::join(info.functions, ", "))};
  }
  const bool other_build =
      std::any_of(infos_.begin(), infos_.end(), [&](const ModuleInfo& info) { return info.name == ref.module; });
  if (other_build)
    return {ErrorKind::unsupported, fmt::format("module {} is here, but not the build {:016x} that the client was "
                                                "compiled with; load the same build on both sides",
                                                ref.module, ref.build)};
  return {ErrorKind::unsupported, fmt::format("no module {} is loaded (there is: {}); start the worker with --module",
                                              ref.module, known.empty() ? "none" : known)};
}

}  // namespace troupe
