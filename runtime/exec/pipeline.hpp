#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/exec/arguments.hpp"
#include "runtime/exec/call_frame.hpp"
#include "runtime/exec/module.hpp"
#include "runtime/store/value.hpp"

/// Tasks that are put together from parts as they run: a source of elements, stages that they pass one by one, and a
/// sink that makes the task's value of them. The built-in function `pipeline` runs one; its arguments are
///
///     lead      16, or 17 if the first part is a plain source: the elements of vectors that are inputs
///     parts     each an id (8 bytes), a count of inputs, and its arguments, as in arguments.hpp, as one blob
///     trail     0, or 1 if the last part is a plain sink: it makes a vector of the elements
///
/// so that two pipelines, one after the other, become one by joining bytes. A part is a class of C++, compiled into
/// whatever program or module uses it; it is found by its id, a hash of its name.
namespace troupe {

namespace detail {

/// How an element of type T is handed on. Text goes as a view, so that pieces of it need no memory of their own.
template <class T>
struct passed {
  using type = const T&;
};
template <>
struct passed<std::string> {
  using type = std::string_view;
};
template <class T>
using Passed = typename passed<T>::type;
/// The same, of several that lie one after the other.
template <class T>
using PassedAll = std::span<const std::remove_cvref_t<Passed<T>>>;

}  // namespace detail

/// Thrown in a task that was asked to stop.
struct Stopped : std::runtime_error {
  Stopped() : std::runtime_error("the task was asked to stop") {}
};

/// Something in a pipeline. Lives for the length of one task, on its thread.
class Part {
public:
  Part() = default;
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  virtual ~Part() = default;

  /// Of a source: hands its elements to the next part, until there are no more or no more are wanted.
  virtual void run() {}
  /// All elements have come.
  virtual void finish() {}
  /// Of a sink.
  virtual Value result() { return {}; }
  /// Of a part that takes text: to it the ends of lines are as good as the ends of texts, so that it may be given many
  /// lines as one.
  [[nodiscard]] virtual bool takes_lines_together() const { return false; }

  /// What the parts of one pipeline share.
  struct Flow {
    const CallFrame& frame;  ///< of the task; parts of a module may not see this_task of the program
    bool satisfied{};
    std::uint32_t looks{};
  };
  void link(Part* next, Flow* flow) {
    next_ = next;
    flow_ = flow;
  }

protected:
  /// No further element is wanted. To be asked now and then by whoever gives many: it throws if the task is to stop.
  [[nodiscard]] bool satisfied() const {
    if (++flow_->looks % looks_a_question == 0) heed_stop();
    return flow_->satisfied;
  }
  void be_satisfied() { flow_->satisfied = true; }
  void heed_stop() const {
    if (flow_->frame.host->stop_requested(flow_->frame)) throw Stopped();
  }

  Part* next_{};

private:
  static constexpr std::uint32_t looks_a_question = 16;
  Flow* flow_{};
};

/// A part that takes elements of type T.
template <class T>
class Receiver : public Part {
public:
  virtual void push(detail::Passed<T> element) = 0;
  /// The same; the element may be moved from.
  virtual void take(T&& element) { push(element); }
  /// Several, one after the other.
  virtual void push_all(detail::PassedAll<T> elements) {
    for (const auto& each : elements) {
      if (this->satisfied()) return;
      push(each);
    }
  }
};

/// A part that gives elements of type T.
template <class T, class Base = Part>
class Giver : public Base {
protected:
  void give(detail::Passed<T> element) { static_cast<Receiver<T>*>(this->next_)->push(element); }
  void give_away(T&& element) { static_cast<Receiver<T>*>(this->next_)->take(std::move(element)); }
  void give_all(detail::PassedAll<T> elements) { static_cast<Receiver<T>*>(this->next_)->push_all(elements); }
};
template <class In, class Out>
using Stage = Giver<Out, Receiver<In>>;

/// What a pipeline knows of a class of parts. Constant.
struct PartKind {
  std::string_view name;
  std::uint64_t id;
  std::uint64_t takes;  ///< fingerprint of the type of element; 0: none, it is a source
  std::uint64_t gives;  ///< 0: none, it is a sink
  std::unique_ptr<Part> (*make)(ArgumentReader& arguments);
};

/// All kinds of parts that a program or a module has, as a list that grows when it is loaded and never shrinks.
struct PartNode {
  explicit PartNode(const PartKind& part_kind);
  const PartKind& kind;
  const PartNode* next{};
};

namespace detail {

inline std::atomic<const PartNode*> part_list{nullptr};

/// Parts say their name by describe(sink), as codecs do.
template <class P>
inline constexpr auto part_name = [] {
  constexpr std::size_t length = [] {
    TextLength sink;
    P::describe(sink);
    return sink.length;
  }();
  TextBuffer<length> sink;
  P::describe(sink);
  return sink;
}();

template <class P>
constexpr std::uint64_t fingerprint_taken() {
  if constexpr (requires { typename P::Takes; })
    return type_fingerprint<typename P::Takes>();
  else
    return 0;
}
template <class P>
constexpr std::uint64_t fingerprint_given() {
  if constexpr (requires { typename P::Gives; })
    return type_fingerprint<typename P::Gives>();
  else
    return 0;
}

template <class P>
inline constexpr PartKind part_kind{
    part_name<P>.view(), fingerprint_of_text(part_name<P>.view()), fingerprint_taken<P>(), fingerprint_given<P>(),
    [](ArgumentReader& arguments) -> std::unique_ptr<Part> { return std::make_unique<P>(arguments); }};

/// Where a pipeline with a P is written, this is used, and so P is in the list of the program.
template <class P>
struct ListedPart {
  static inline const PartNode node{part_kind<P>};
};

}  // namespace detail

inline PartNode::PartNode(const PartKind& part_kind) : kind(part_kind), next(detail::part_list.load()) {
  while (!detail::part_list.compare_exchange_weak(next, this)) {
  }
}

/// Writes the arguments of a pipeline, part by part.
class PipelineWriter {
public:
  static constexpr std::byte lead{16};
  static constexpr std::byte lead_plain{17};

  /// `write` writes the arguments of P into an ArgumentWriter.
  template <class P, class Write>
  void part(Write&& write) {
    arguments_.clear();
    write(arguments_);
    (void)&detail::ListedPart<P>::node;
    append(detail::part_kind<P>, P::plain_source, P::plain_sink);
  }
  template <class P>
  void part() {
    part<P>([](ArgumentWriter&) {});
  }
  /// All of it, for make_call; the writer begins anew.
  ArgumentWriter& finish();

private:
  void append(const PartKind& kind, bool plain_source, bool plain_sink);

  ArgumentWriter arguments_;  // of one part
  ArgumentWriter call_;
  bool plain_sink_{};
};

/// One part of a pipeline as it is written down.
struct PartRecord {
  std::uint64_t id{};
  std::uint64_t inputs{};
  std::span<const std::byte> arguments;
};
struct PipelineRecord {
  std::uint64_t after{};  ///< inputs that are only waited for
  bool plain_source{};
  bool plain_sink{};
  std::vector<PartRecord> parts;
};
/// Throws DecodeError.
PipelineRecord read_pipeline(std::span<const std::byte> arguments);

/// `first`, which has a plain sink, and `second`, which begins with a plain source of its one value, in one.
std::vector<std::byte> join_pipelines(std::span<const std::byte> first, std::span<const std::byte> second);
[[nodiscard]] bool is_plain_source(std::span<const std::byte> arguments);
[[nodiscard]] bool is_plain_sink(std::span<const std::byte> arguments);

/// "read lines | map words | count", for people.
std::string describe_pipeline(std::span<const std::byte> arguments);

/// The same as the name of its tasks, "range-map-words-count": without terms and namespaces, at most 60 characters, of a
/// longer one the beginning and the end. Pipelines of the same parts have the same.
std::string pipeline_prefix(std::span<const std::byte> arguments);

/// Adds the parts of a loaded module to those of the process.
void add_parts(const PartNode* list);
/// Null if this process has none with this id.
const PartKind* find_part(std::uint64_t id);

namespace builtin {

void pipeline(CallFrame& frame) noexcept;

}  // namespace builtin

}  // namespace troupe

/// Lists functions of a library that build bags, or anything else of pipelines: TROUPE_PARTS(words, count_words), at
/// global scope. Workers that load the library have the parts that those functions use. The library links
/// Troupe::module alone; what the functions call to build is in the program that loads it.
#define TROUPE_PARTS(module_name, ...)                                                                               \
  namespace troupe_module_##module_name##_detail {                                                                   \
    __attribute__((used)) inline constexpr std::tuple builders{                                                      \
        TROUPE_FOR_EACH_COMMA(TROUPE_MODULE_POINTER, module_name, __VA_ARGS__)};                                     \
  }                                                                                                                  \
  inline constexpr ::troupe::Module module_name = {::troupe::module_abi_version, 0,                                  \
                                                   ::troupe::detail::module_build<>(#module_name, "", #__VA_ARGS__), \
                                                   #module_name, nullptr};                                           \
  extern "C" __attribute__((used, weak, visibility("default")))                                                      \
  const ::troupe::Module* const troupe_module_##module_name = &module_name;

/// Where a process that loads a module finds the parts in it.
extern "C" __attribute__((used, visibility("default"))) inline const troupe::PartNode* troupe_parts() {
  return troupe::detail::part_list.load();
}
