#include "runtime/exec/symbols.hpp"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <unordered_map>

namespace troupe {
namespace {

/// "int f<int>(int, char)" is f<int>: what stands between the last blank outside of brackets and the parameters.
std::string without_parameters(std::string_view text) {
  std::size_t end = text.size();
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' && depth == 0 && i > 0 && text.substr(i, 21) != "(anonymous namespace)") {
      end = i;
      break;
    }
    if (c == '<' || c == '(' || c == '{') ++depth;
    if ((c == '>' && (i == 0 || text[i - 1] != '-')) || c == ')' || c == '}') --depth;
    if (c == ' ' && depth == 0 && text.substr(begin, i - begin).find("operator") == std::string_view::npos)
      begin = i + 1;
  }
  return begin < end ? std::string(text.substr(begin, end - begin)) : std::string(text);
}

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
  return status == 0 && text ? without_parameters(text.get()) : std::string(symbol);
}

}  // namespace

struct Symbols::Parts {
  Dwfl_Callbacks callbacks{};
  Dwfl* dwfl{};
  std::unordered_map<const void*, std::string> names;

  /// What is loaded now; a module that came since is found by another look.
  void look() {
    dwfl_report_begin(dwfl);
    dwfl_linux_proc_report(dwfl, ::getpid());
    dwfl_report_end(dwfl, nullptr, nullptr);
  }
  [[nodiscard]] std::string find(const void* address) {
    const auto at = reinterpret_cast<Dwarf_Addr>(address);
    Dwfl_Module* module = dwfl != nullptr ? dwfl_addrmodule(dwfl, at) : nullptr;
    if (dwfl != nullptr && module == nullptr) {
      look();
      module = dwfl_addrmodule(dwfl, at);
    }
    if (module == nullptr) return fmt::format("{:#x}", at);
    if (const char* symbol = dwfl_module_addrname(module, at)) {
      const std::string text(symbol);
      return demangled(text.substr(0, text.find('@')).c_str());  // without the version of the library
    }
    Dwarf_Addr start = 0;
    const char* file = dwfl_module_info(module, nullptr, &start, nullptr, nullptr, nullptr, nullptr, nullptr);
    const std::string_view path(file != nullptr ? file : "?");
    return fmt::format("{}+{:#x}", path.substr(path.find_last_of('/') + 1), at - start);
  }
};

Symbols::Symbols() : parts_(std::make_unique<Parts>()) {
  parts_->callbacks.find_elf = dwfl_linux_proc_find_elf;
  parts_->callbacks.find_debuginfo = dwfl_standard_find_debuginfo;
  parts_->dwfl = dwfl_begin(&parts_->callbacks);
  if (parts_->dwfl != nullptr) parts_->look();
}

Symbols::~Symbols() {
  if (parts_->dwfl != nullptr) dwfl_end(parts_->dwfl);
}

const std::string& Symbols::name_of(const void* address) {
  auto& name = parts_->names[address];
  if (name.empty()) name = parts_->find(address);
  return name;
}

}  // namespace troupe
