#pragma once

#include <cxxabi.h>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "protocol/task.hpp"
#include "runtime/exec/arguments.hpp"
#include "runtime/exec/call_frame.hpp"
#include "runtime/store/for_each.hpp"
#include "runtime/store/value.hpp"

namespace troupe {

struct ModuleFunction {
  const char* name;
  const char* signature;  ///< such as "f64(f64,vec<f64>)"
  Thunk thunk;
};

/// A table of functions that tasks may run: constant data, found by its name in a program, by a symbol in a shared
/// library. Made by TROUPE_MODULE alone.
struct Module {
  std::uint32_t abi_version;
  std::uint32_t function_count;
  std::uint64_t build;  ///< hash of its name, version, and its functions' names and signatures; never 0
  const char* name;
  const ModuleFunction* functions;

  [[nodiscard]] std::span<const ModuleFunction> table() const { return {functions, function_count}; }
};

/// Where TROUPE_MODULE keeps what it knows of a listed function.
template <auto F>
struct ListedFunction {};

namespace detail {

template <auto F>
concept Listed = requires {
  ListedFunction<F>::name;
};

template <auto F>
constexpr void require_listed() {
  static_assert(Listed<F>,
                "Troupe: this function is in no module. Add it to a TROUPE_MODULE(name, function, ...) at global "
                "scope, in a header that is included here.");
}

template <class R>
using result_value = std::conditional_t<std::is_void_v<R>, Unit, std::remove_cvref_t<R>>;

template <class F>
struct SignatureText;
template <class R, class... P>
struct SignatureText<R (*)(P...)> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    detail::describe<result_value<R>>(out);
    out.text("(");
    if constexpr (sizeof...(P) > 0) describe_list<std::remove_cvref_t<P>...>(out);
    out.text(")");
  }
  static constexpr auto text = [] {
    constexpr std::size_t length = [] {
      TextLength sink;
      describe(sink);
      return sink.length;
    }();
    TextBuffer<length> sink;
    describe(sink);
    return sink;
  }();
};

template <auto F>
constexpr const char* signature() {
  return SignatureText<typename function_traits<decltype(F)>::pointer>::text.data.data();
}

/// A function's name as it was listed, without leading colons.
constexpr std::string_view listed_name(std::string_view text) { return text.starts_with("::") ? text.substr(2) : text; }

template <auto... F>
constexpr std::uint64_t module_build(std::string_view name, std::string_view version, std::string_view names) {
  TextHash hash;
  hash.text(name);
  hash.text("\n");
  hash.text(version);
  hash.text("\n");
  for (char c : names)
    if (c != ' ') hash.text({&c, 1});
  ((hash.text("\n"), hash.text(signature<F>())), ...);
  return hash.value == 0 ? 1 : hash.value;
}

inline std::string demangled(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = status == 0 && text ? text : type.name();
  std::free(text);
  return name;
}

/// what() of an exception and of all nested in it, outermost first.
inline void append_messages(const std::exception& error, std::string& message) {
  message += error.what();
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& inner) {
    message += ": ";
    append_messages(inner, message);
  } catch (...) {
    message += ": an exception of unknown type";
  }
}

/// To be called in a handler: tells the host which exception ended the call, and where, if that says more than the name
/// of the function.
inline void report_exception(CallFrame& frame, std::string_view where = {}) {
  const std::type_info* type = abi::__cxa_current_exception_type();
  const std::string name = type ? demangled(*type) : "foreign exception";
  std::string message;
  if (!where.empty()) message.append(where).append(": ");
  try {
    throw;
  } catch (const std::exception& error) {
    append_messages(error, message);
  } catch (const std::string& text) {
    message += text;
  } catch (const char* text) {
    message += text;
  } catch (...) {
    message += "an exception that is no std::exception";
  }
  frame.host->fail(frame, TaskError::Kind::exception, name, message);
}

/// One element of a result of several.
template <class R>
Value element_of_result(const R& result, std::size_t index) {
  Value element;
  if constexpr (requires { std::tuple_size<R>::value; }) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((I == index ? static_cast<void>(element = Value::make(std::get<I>(result))) : static_cast<void>(0)), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<R>>{});
  }
  if (!element) throw DecodeError("the result has no element " + std::to_string(index));
  return element;
}

/// Binds the arguments of a call and makes it; the result goes into the frame.
template <auto F, class... P>
void call_with(CallFrame& frame, std::type_identity<std::tuple<P...>>) {
  std::tuple<BoundArgument<P>...> bound;
  std::size_t position = 0;
  try {
    ArgumentReader reader(frame.arguments, frame.inputs);
    if (const auto element = reader.prefix()) {
      using Whole = result_value<typename function_traits<decltype(F)>::result>;
      std::optional<Whole> owned;
      frame.result = element_of_result<Whole>(*reader.template refer<Whole>(owned), *element);
      return;
    }
    std::apply([&](auto&... argument) { ((++position, argument.bind(reader)), ...); }, bound);
    ++position;
    reader.finish();
  } catch (const DecodeError& error) {
    std::string message = std::string(error.what());
    if (position <= sizeof...(P)) message = "argument " + std::to_string(position) + ": " + message;
    frame.host->fail(frame, TaskError::Kind::bad_arguments, {}, message);
    return;
  }
  using R = std::invoke_result_t<decltype(F), P...>;
  std::apply(
      [&](auto&... argument) {
        if constexpr (std::is_void_v<R>) {
          std::invoke(F, argument.pass()...);
          frame.result = Value::make(Unit{});
        } else {
          frame.result = Value::make(std::invoke(F, argument.pass()...));
        }
      },
      bound);
}

template <auto F>
void thunk(CallFrame& frame) noexcept {
  const this_task::detail::Scope scope(frame);
  try {
    call_with<F>(frame, typename function_traits<decltype(F)>::parameters{});
  } catch (...) {
    report_exception(frame);
  }
}

}  // namespace detail

/// Functions that every process can run, of values of any type.
namespace builtin {

/// Gives Unit once all inputs are there.
inline void checkpoint(CallFrame& frame) noexcept { frame.result = Value::make(Unit{}); }
/// Gives its last input once all are there.
inline void wait_on(CallFrame& frame) noexcept {
  if (frame.inputs.empty())
    frame.host->fail(frame, TaskError::Kind::bad_arguments, {}, "wait_on: nothing to give");
  else
    frame.result = std::move(frame.inputs.back());
}

}  // namespace builtin

/// What a task of function F gives; Unit for void.
template <auto F>
using function_result = detail::result_value<typename detail::function_traits<decltype(F)>::result>;

/// The name under which F is listed in its module.
template <auto F>
constexpr std::string_view function_name() {
  detail::require_listed<F>();
  return ListedFunction<F>::name;
}

/// How tasks name F.
template <auto F>
FunctionRef function_ref() {
  detail::require_listed<F>();
  FunctionRef ref;
  ref.kind = FunctionRef::Kind::module;
  ref.module = ListedFunction<F>::module;
  ref.build = ListedFunction<F>::build;
  ref.name = ListedFunction<F>::name;
  return ref;
}

}  // namespace troupe

/// Lists the functions that tasks may run: TROUPE_MODULE(demo, slow_square, math::add), up to 256 of them, at global
/// scope. May stand in a header that many sources include; defines the constant `demo`. A function is known by the
/// name written here, namespaces included; it stands in one module, is not overloaded, and takes and gives values that
/// have codecs. Starts nothing when the program does. In a shared library it is what `troupe worker --module` loads.
#define TROUPE_MODULE(module, ...) TROUPE_MODULE_VERSION(module, "", __VA_ARGS__)

/// The same with a version text: modules of different versions are different builds, and a task runs only where the
/// build that its client was compiled with is loaded.
#define TROUPE_MODULE_VERSION(module_name, version_text, ...)                                                      \
  namespace troupe_module_##module_name##_detail {                                                                 \
    inline constexpr std::uint64_t build =                                                                         \
        ::troupe::detail::module_build<TROUPE_FOR_EACH_COMMA(TROUPE_MODULE_POINTER, module_name, __VA_ARGS__)>(    \
            #module_name, version_text, #__VA_ARGS__);                                                             \
    inline const ::troupe::Module& table();                                                                        \
  }                                                                                                                \
  TROUPE_FOR_EACH(TROUPE_MODULE_LIST, module_name, __VA_ARGS__)                                                    \
  namespace troupe_module_##module_name##_detail {                                                                 \
    inline constexpr ::troupe::ModuleFunction functions[] = {                                                      \
        TROUPE_FOR_EACH_COMMA(TROUPE_MODULE_ENTRY, module_name, __VA_ARGS__)};                                     \
  }                                                                                                                \
  inline constexpr ::troupe::Module module_name = {                                                                \
      ::troupe::module_abi_version, std::size(troupe_module_##module_name##_detail::functions),                    \
      troupe_module_##module_name##_detail::build, #module_name, troupe_module_##module_name##_detail::functions}; \
  namespace troupe_module_##module_name##_detail {                                                                 \
    inline const ::troupe::Module& table() { return module_name; }                                                 \
  }                                                                                                                \
  extern "C" __attribute__((used, weak, visibility("default")))                                                    \
  const ::troupe::Module* const troupe_module_##module_name = &module_name;

#define TROUPE_MODULE_POINTER(module_name, f) &f
#define TROUPE_MODULE_LIST(module_name, f)                                                   \
  template <>                                                                                \
  struct troupe::ListedFunction<&f> {                                                        \
    static constexpr std::string_view name = ::troupe::detail::listed_name(#f);              \
    static constexpr std::string_view module = #module_name;                                 \
    static constexpr std::uint64_t build = ::troupe_module_##module_name##_detail::build;    \
    static const Module& table() { return ::troupe_module_##module_name##_detail::table(); } \
  };
#define TROUPE_MODULE_ENTRY(module_name, f) \
  { ::troupe::detail::listed_name(#f).data(), ::troupe::detail::signature<&f>(), &::troupe::detail::thunk<&f> }
