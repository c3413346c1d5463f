#include <cmath>
#include <unordered_map>

#include "protocol/codec_detail.hpp"

namespace troupe::codec {

// ---- writing ---------------------------------------------------------------------------------------------------

capnp::Text::Reader text(const std::string& value) {
  // A reader of text expects its NUL in memory; the copy of a cut text lives until the field is written.
  if (value.size() <= WireLimits::text_bytes) return {value.c_str(), value.size()};
  thread_local std::string cut;
  auto end = WireLimits::text_bytes;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80U) --end;  // not inside a character
  cut.assign(value, 0, end);
  return {cut.c_str(), cut.size()};
}

capnp::Text::Reader name(const std::string& value, std::string_view field) {
  if (value.size() > WireLimits::name_bytes)
    refuse("{} of {} bytes, the limit is {}: '{}...'", field, value.size(), WireLimits::name_bytes,
           std::string_view(value).substr(0, 60));
  return {value.c_str(), value.size()};
}

void fill(capnp::List<capnp::Text>::Builder w, const std::vector<std::string>& names, std::string_view field) {
  for (unsigned i = 0; i < names.size(); ++i) w.set(i, name(names[i], field));
}

void fill(wire::Token::Builder w, const Token& value) {
  w.setHigh(value.high);
  w.setLow(value.low);
}

void fill(wire::Error::Builder w, const Error& value) {
  w.setKind(static_cast<std::uint8_t>(value.kind));
  w.setText(text(value.text));
}

void fill(wire::TaskError::Builder w, const TaskError& value) {
  w.setKind(static_cast<std::uint8_t>(value.kind));
  w.setAttempts(value.attempts);
  w.setRoot(value.root.value);
  w.setType(text(value.type));
  w.setMessage(text(value.message));
  w.setFunction(text(value.function));
  w.setKey(text(value.key));
  w.setWorker(text(value.worker));
}

void fill(wire::Function::Builder w, const FunctionRef& value) {
  w.setKind(static_cast<std::uint8_t>(value.kind));
  w.setBuild(value.build);
  w.setModule(name(value.module, "module name"));
  w.setName(name(value.name, "function name"));
  if (!value.payload.empty()) w.setPayload(data(value.payload));
}

void fill(capnp::List<wire::Resource>::Builder w, const std::vector<ResourceAmount>& value) {
  for (unsigned i = 0; i < value.size(); ++i) {
    w[i].setName(name(value[i].name, "resource name"));
    w[i].setAmount(value[i].amount);
  }
}

void fill(capnp::List<wire::Module>::Builder w, const std::vector<ModuleInfo>& value) {
  for (unsigned i = 0; i < value.size(); ++i) {
    w[i].setName(name(value[i].name, "module name"));
    w[i].setBuild(value[i].build);
    fill(w[i].initFunctions(count(value[i].functions)), value[i].functions, "function name");
  }
}

void fill(wire::Template::Builder w, const TaskTemplate& value) {
  fill(w.initFunction(), value.function);
  w.setPrefix(name(value.prefix, "task prefix"));
  if (!value.arguments.empty()) w.setArguments(data(value.arguments));
  if (value.annotations == Annotations{}) return;
  auto annotations = w.initAnnotations();
  annotations.setPriority(value.annotations.priority);
  annotations.setRetries(value.annotations.retries);
  annotations.setPure(value.annotations.pure);
  annotations.setRunAhead(value.annotations.run_ahead);
  annotations.setAllowOtherWorkers(value.annotations.allow_other_workers);
  annotations.setTimeoutMs(value.annotations.timeout_ms);
  annotations.setIsolate(value.annotations.isolate);
  annotations.setMemoryLimit(value.annotations.memory_limit);
  fill(annotations.initWorkers(count(value.annotations.workers)), value.annotations.workers, "worker name");
  fill(annotations.initResources(count(value.annotations.resources)), value.annotations.resources);
}

void fill(wire::Address::Builder w, const WorkerAddress& value) {
  w.setWorker(value.worker.value);
  w.setName(name(value.name, "worker name"));
  w.setAddress(name(value.address, "worker address"));
  w.setHost(name(value.host, "host name"));
}

void fill(wire::WorkerAddresses::Builder w, const WorkerAddresses& value) {
  auto list = w.initWorkers(count(value.workers));
  for (unsigned i = 0; i < value.workers.size(); ++i) fill(list[i], value.workers[i]);
}

void fill(wire::Values::Builder w, const InlineValues& value) {
  put<std::uint32_t>(w.initOffsets(count(value.offsets)), value.offsets);
  w.setBytes(data(value.bytes));
}

void fill(wire::KeyRanges::Builder w, const std::vector<KeyRange>& value) {
  auto firsts = w.initFirsts(count(value));
  bool single = true;
  for (unsigned i = 0; i < value.size(); ++i) {
    firsts.set(i, value[i].first.value);
    single = single && value[i].count == 1;
  }
  if (single) return;
  auto counts = w.initCounts(count(value));
  for (unsigned i = 0; i < value.size(); ++i) counts.set(i, value[i].count);
}

void fill(wire::ErrorTable::Builder w, const std::vector<std::shared_ptr<const TaskError>>& value) {
  std::vector<const TaskError*> distinct;
  std::unordered_map<const TaskError*, std::uint32_t> places;
  auto error_of = w.initErrorOf(count(value));
  for (unsigned i = 0; i < value.size(); ++i) {
    TROUPE_ASSERT(value[i] != nullptr, "a failed task brings its error");
    const auto [place, added] = places.try_emplace(value[i].get(), count(distinct));
    if (added) distinct.push_back(value[i].get());
    error_of.set(i, place->second);
  }
  auto errors = w.initErrors(count(distinct));
  for (unsigned i = 0; i < distinct.size(); ++i) fill(errors[i], *distinct[i]);
}

void fill(wire::Graph::Builder w, const GraphChunk& value) {
  w.setSize(value.size);
  auto templates = w.initTemplates(count(value.templates));
  for (unsigned i = 0; i < value.templates.size(); ++i) fill(templates[i], value.templates[i]);
  put<std::uint16_t>(w.initTemplateOf(count(value.template_of)), value.template_of);
  put<std::uint32_t>(w.initRank(count(value.rank)), value.rank);
  put<std::uint32_t>(w.initDependencyOffsets(count(value.dependency_offsets)), value.dependency_offsets);
  put<std::uint32_t>(w.initDependencies(count(value.dependencies)), value.dependencies);
  put<std::uint64_t>(w.initExternal(count(value.external)), value.external);
  put<std::uint32_t>(w.initArgumentOffsets(count(value.argument_offsets)), value.argument_offsets);
  w.setArguments(data(value.arguments));
  w.setAllWanted(value.all_wanted);
  put<std::uint32_t>(w.initWanted(count(value.wanted)), value.wanted);
}

// ---- reading ---------------------------------------------------------------------------------------------------

void Input::offsets(const std::vector<std::uint32_t>& offsets, std::size_t tasks, std::size_t total,
                    std::string_view field) const {
  if (offsets.empty()) {
    if (total != 0) refuse("no {} for {} entries", field, total);
    return;
  }
  if (offsets.size() != tasks + 1)
    refuse("{} has {} entries, {} tasks need {}", field, offsets.size(), tasks, tasks + 1);
  bool descends = false;
  for (std::size_t i = 0; i < tasks; ++i) descends |= offsets[i] > offsets[i + 1];
  if (descends || offsets.front() != 0 || offsets.back() != total)
    refuse("{} do not ascend from 0 to {}", field, total);
}

void Input::flags(const std::vector<std::uint8_t>& flags, std::string_view field) const {
  std::uint8_t all = 0;
  for (const auto flag : flags) all |= flag;
  if (all > 1) refuse("{} holds something other than 0 and 1", field);
}

std::string Input::limited(capnp::Text::Reader text, std::size_t limit, std::string_view field) {
  if (text.size() > limit) refuse("{} of {} bytes, the limit is {}", field, text.size(), limit);
  charge(text.size());
  return {text.begin(), text.size()};
}

std::string Input::name(capnp::Text::Reader text, std::string_view field) {
  return limited(text, WireLimits::name_bytes, field);
}

std::string Input::text(capnp::Text::Reader text, std::string_view field) {
  return limited(text, WireLimits::text_bytes, field);
}

Bytes Input::bytes(capnp::Data::Reader data) {
  const auto* begin = reinterpret_cast<const std::byte*>(data.begin());
  if (data.size() >= WireLimits::slice_bytes && data.size() * WireLimits::slice_pins >= payload_.size())
    return {payload_.owner(), begin, data.size()};
  charge(data.size());
  return Bytes::copy(std::span(begin, data.size()));
}

std::vector<std::string> read_names(Input& in, capnp::List<capnp::Text>::Reader r, std::string_view field) {
  std::vector<std::string> names;
  in.reserve(r, names);
  for (const auto text : r) names.push_back(in.name(text, field));
  return names;
}

Token read(Input&, wire::Token::Reader r) { return {r.getHigh(), r.getLow()}; }

Error read(Input& in, wire::Error::Reader r) {
  return {in.enumerator(r.getKind(), ErrorKind::unsupported, "error kind"), in.text(r.getText(), "error text")};
}

TaskError read(Input& in, wire::TaskError::Reader r) {
  TaskError error;
  error.kind = in.enumerator(r.getKind(), TaskError::Kind::too_large, "error kind");
  error.attempts = r.getAttempts();
  error.root = {r.getRoot()};
  error.type = in.text(r.getType(), "error type");
  error.message = in.text(r.getMessage(), "error message");
  error.function = in.text(r.getFunction(), "error function");
  error.key = in.text(r.getKey(), "error key");
  error.worker = in.text(r.getWorker(), "error worker");
  return error;
}

FunctionRef read(Input& in, wire::Function::Reader r) {
  FunctionRef function;
  function.kind = in.enumerator(r.getKind(), FunctionRef::Kind::payload, "function kind");
  function.build = r.getBuild();
  function.module = in.name(r.getModule(), "module name");
  function.name = in.name(r.getName(), "function name");
  function.payload = in.bytes(r.getPayload());
  return function;
}

std::vector<ResourceAmount> read(Input& in, capnp::List<wire::Resource>::Reader r) {
  std::vector<ResourceAmount> resources;
  in.reserve(r, resources);
  for (const auto resource : r) {
    if (!std::isfinite(resource.getAmount()) || resource.getAmount() < 0)
      in.refuse("resource amount {} is not a finite number from 0 up", resource.getAmount());
    resources.push_back({in.name(resource.getName(), "resource name"), resource.getAmount()});
  }
  return resources;
}

std::vector<ModuleInfo> read(Input& in, capnp::List<wire::Module>::Reader r) {
  std::vector<ModuleInfo> modules;
  in.reserve(r, modules);
  for (const auto module : r)
    modules.push_back({in.name(module.getName(), "module name"), module.getBuild(),
                       read_names(in, module.getFunctions(), "function name")});
  return modules;
}

TaskTemplate read(Input& in, wire::Template::Reader r) {
  TaskTemplate result;
  result.function = read(in, r.getFunction());
  result.prefix = in.name(r.getPrefix(), "task prefix");
  result.arguments = in.bytes(r.getArguments());
  if (!r.hasAnnotations()) return result;
  const auto annotations = r.getAnnotations();
  result.annotations.priority = annotations.getPriority();
  result.annotations.retries = annotations.getRetries();
  result.annotations.pure = annotations.getPure();
  result.annotations.run_ahead = annotations.getRunAhead();
  result.annotations.allow_other_workers = annotations.getAllowOtherWorkers();
  result.annotations.timeout_ms = annotations.getTimeoutMs();
  result.annotations.isolate = annotations.getIsolate();
  result.annotations.memory_limit = annotations.getMemoryLimit();
  if (result.annotations.timeout_ms < 0) in.refuse("timeout of {} ms", result.annotations.timeout_ms);
  result.annotations.workers = read_names(in, annotations.getWorkers(), "worker name");
  result.annotations.resources = read(in, annotations.getResources());
  return result;
}

WorkerAddress read(Input& in, wire::Address::Reader r) {
  return {{r.getWorker()},
          in.name(r.getName(), "worker name"),
          in.name(r.getAddress(), "worker address"),
          in.name(r.getHost(), "host name")};
}

WorkerAddresses read(Input& in, wire::WorkerAddresses::Reader r) {
  in.begin("WorkerAddresses");
  WorkerAddresses message;
  const auto workers = r.getWorkers();
  in.reserve(workers, message.workers);
  for (const auto worker : workers) message.workers.push_back(read(in, worker));
  return message;
}

InlineValues read(Input& in, wire::Values::Reader r, std::size_t tasks) {
  InlineValues values;
  in.numbers(r.getOffsets(), values.offsets);
  values.bytes = in.bytes(r.getBytes());
  in.offsets(values.offsets, tasks, values.bytes.size(), "value offsets");
  return values;
}

std::vector<KeyRange> read(Input& in, wire::KeyRanges::Reader r) {
  const auto firsts = r.getFirsts();
  const auto counts = r.getCounts();
  if (counts.size() != 0 && counts.size() != firsts.size())
    in.refuse("{} counts for {} key ranges", counts.size(), firsts.size());
  std::vector<KeyRange> ranges;
  in.reserve(firsts, ranges);
  for (unsigned i = 0; i < firsts.size(); ++i) {
    const KeyRange range{{firsts[i]}, counts.size() == 0 ? 1U : counts[i]};
    if (range.count == 0 || std::uint64_t{range.first.index()} + range.count > ClientKey::of(1, 0).value)
      in.refuse("range of {} keys from index {} on", range.count, range.first.index());
    ranges.push_back(range);
  }
  return ranges;
}

std::vector<std::shared_ptr<const TaskError>> read(Input& in, wire::ErrorTable::Reader r, std::size_t tasks) {
  const auto list = r.getErrors();
  const auto error_of = r.getErrorOf();
  if (error_of.size() != tasks) in.refuse("errors for {} of {} tasks", error_of.size(), tasks);
  std::vector<std::shared_ptr<const TaskError>> distinct;
  in.charge(list.size() * sizeof(TaskError));
  in.reserve(list, distinct);
  for (const auto error : list) distinct.push_back(std::make_shared<const TaskError>(read(in, error)));
  std::vector<std::shared_ptr<const TaskError>> errors;
  in.reserve(error_of, errors);
  for (const auto place : error_of) {
    if (place >= distinct.size()) in.refuse("error {} of {}", place, distinct.size());
    errors.push_back(distinct[place]);
  }
  return errors;
}

GraphChunk read(Input& in, wire::Graph::Reader r) {
  GraphChunk chunk;
  chunk.size = r.getSize();
  const auto templates = r.getTemplates();
  in.reserve(templates, chunk.templates);
  for (const auto each : templates) chunk.templates.push_back(read(in, each));
  in.numbers(r.getTemplateOf(), chunk.template_of);
  in.numbers(r.getRank(), chunk.rank);
  in.numbers(r.getDependencyOffsets(), chunk.dependency_offsets);
  in.numbers(r.getDependencies(), chunk.dependencies);
  in.numbers(r.getExternal(), chunk.external);
  in.numbers(r.getArgumentOffsets(), chunk.argument_offsets);
  chunk.arguments = in.bytes(r.getArguments());
  chunk.all_wanted = r.getAllWanted();
  in.numbers(r.getWanted(), chunk.wanted);
  if (auto error = validate(chunk)) in.refuse("{}", error->text);
  return chunk;
}

}  // namespace troupe::codec
