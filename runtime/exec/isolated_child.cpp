#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>
#include <utility>

#include "runtime/exec/isolated_call.hpp"
#include "runtime/exec/isolation.hpp"
#include "runtime/store/shared_frames.hpp"

// The side of the process that was started for one call.

namespace troupe {
namespace {

volatile sig_atomic_t stop_requested = 0;

struct ChildExecution {
  bool failed{};
  CallReply reply;
};

const HostTable& host_table() {
  static constexpr HostTable table{
      module_abi_version,
      [](CallFrame& frame, TaskError::Kind kind, std::string_view type, std::string_view message) {
        auto& execution = *static_cast<ChildExecution*>(frame.execution);
        execution.failed = true;
        execution.reply.kind = static_cast<std::uint8_t>(kind);
        execution.reply.type = type;
        execution.reply.message = message;
      },
      [](const CallFrame&) { return stop_requested != 0; },
      [](CallFrame&) {},
      [](CallFrame&) {},
      [](const CallFrame&, std::string_view line) {  // stderr is read by who started this
        std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
      },
  };
  return table;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

int refuse(std::string_view text) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  return 2;
}

/// Writes the answer before the mark that says that it is whole.
Result<void> answer(SharedFrames& shared, CallReply reply) {
  const auto place = shared.append(Value::make(std::move(reply)).encode());
  if (!place) return tl::unexpected(place.error());
  return shared.set_mark(*place);
}

CallReply make_call(CallRequest& request, const ResolvedFunction& function) {
  std::vector<Value> inputs;
  for (const auto& input : request.inputs) inputs.push_back(input.value());
  request.inputs.clear();
  ChildExecution execution;
  CallFrame frame{&host_table(),      &execution,   request.arguments.bytes().span(), inputs, {}, TaskId{request.task},
                  RunId{request.run}, function.name};
  function.thunk(frame);
  if (!execution.failed && !frame.result)
    frame.host->fail(frame, TaskError::Kind::exception, {}, "the function gave neither a value nor an error");
  execution.reply.ok = !execution.failed;
  if (execution.reply.ok) execution.reply.value = CarriedValue::of(frame.result);
  return std::move(execution.reply);
}

}  // namespace

int run_isolated_child(int argc, char** argv, FunctionRegistry& registry) {
  int fd = -1;
  std::uint64_t place = 0;
  if (argc < 4 || argc % 2 != 0 || !parse_number(argv[2], fd) || !parse_number(argv[3], place))
    return refuse(fmt::format("{}: is for calls that a worker makes in a process of their own", isolated_argument));
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
  auto shared = SharedFrames::open(fd);
  if (!shared) return refuse(shared.error().text);
  auto frames = shared->read(place);
  if (!frames) return refuse(frames.error().text);
  auto request = Value::from_encoded(std::move(*frames)).take<CallRequest>();
  if (!request) return refuse(request.error().text);
  for (int i = 4; i < argc; i += 2)
    if (const auto loaded = registry.load(argv[i], argv[i + 1]); !loaded) return refuse(loaded.error().text);

  FunctionRef function;
  function.kind = static_cast<FunctionRef::Kind>(request->kind);
  function.module = request->module;
  function.build = request->build;
  function.name = request->name;
  CallReply reply;
  if (const auto found = registry.find(function)) {
    reply = make_call(*request, **found);
  } else {
    reply.kind = static_cast<std::uint8_t>(TaskError::Kind::unknown_function);
    reply.message = found.error().text;
  }
  if (const auto written = answer(*shared, std::move(reply)); !written) return refuse(written.error().text);
  std::fflush(nullptr);
  ::_exit(0);  // destructors of the program's globals have nothing to do with one call, and may hang
}

}  // namespace troupe
