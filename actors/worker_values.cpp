#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <cerrno>
#include <cstring>

#include "actors/worker_actor.hpp"

/// How values get into a worker's store and out of it, other than by its own tasks.
namespace troupe {

void WorkerActor::fetch(Fetch& fetch) {
  auto received = [this, weak = caf::actor_addr(address()), number = fetch.fetch, peer = fetch.peer,
                   generation = generation_, asked = Node::now()](Result<FetchedValues> fetched) {
    const auto alive = caf::actor_cast<caf::actor>(weak);
    if (!alive || ended_ || generation != generation_) return;
    const auto took_ns = static_cast<std::uint64_t>((Node::now() - asked).count());
    durations_.transfers.add(took_ns / 1000);
    FetchDone event;
    event.fetch = number;
    if (!fetched) {
      event.outcome = FetchOutcome::lost;
      node_.log(LogLevel::warning, "values_not_received",
                fmt::format("{}: values not received: {}", name_, fetched.error().text));
    } else if (fetched->status != DataStatus::ok) {
      event.outcome = fetched->status == DataStatus::busy ? FetchOutcome::busy : FetchOutcome::lost;
    } else {
      ++transfers_received_;
      TimeLedger::Fetched noted(ledger_, peer, took_ns);
      for (std::size_t i = 0; i < fetched->tasks.size(); ++i) {
        const auto nbytes = fetched->values[i].nbytes();
        noted.add(fetched->values[i], nbytes);
        put(fetched->tasks[i], std::move(fetched->values[i]), nbytes);
        received_bytes_ += nbytes;
        event.nbytes.push_back(nbytes);
      }
      event.received = std::move(fetched->tasks);
      event.missing = std::move(fetched->missing);
    }
    caf::anon_send(alive, std::move(event));
  };
  exchange_->get(fetch.address, std::move(fetch.tasks), fetch.max_bytes, std::move(received));
}

/// Values in memory are there at once; what is on disk is read, and given away without becoming ours again.
void WorkerActor::gather(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, GatherDone answer) {
  struct Gathering {
    std::vector<Gathered> items;
    std::size_t reading{};
    GatherDone answer;
  };
  const auto all = std::make_shared<Gathering>();
  all->items.resize(tasks.size());
  std::uint64_t sum = 0;
  bool any = false;
  std::vector<std::size_t> on_disk;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Gathered& item = all->items[i];
    item.task = tasks[i];
    const Value* value = store_.find(tasks[i]);
    const bool spilled = value == nullptr && disk_ && disk_->contains(tasks[i]);
    item.missing = value == nullptr && !spilled;
    if (item.missing) continue;
    const auto nbytes = spilled ? disk_->nbytes(tasks[i]) : value->nbytes();
    if (any && sum + nbytes > max_bytes) continue;
    any = true;
    sum += nbytes;
    if (spilled)
      on_disk.push_back(i);
    else
      item.value = *value;
  }
  if (on_disk.empty()) return answer(std::move(all->items));
  all->reading = on_disk.size();
  all->answer = std::move(answer);
  for (const auto i : on_disk) {
    disk_->read(tasks[i], [this, all, i, generation = generation_](Result<EncodedValue> value) {
      Gathered& item = all->items[i];
      if (value) {
        item.value = Value::from_encoded(std::move(*value));
      } else {
        item.missing = true;
        if (generation == generation_ && disk_->contains(item.task)) {
          log_lost(item.task, value.error());
          disk_->erase(item.task);
          caf::anon_send(caf::actor_cast<caf::actor>(this), ValuesLost{{item.task}});
        }
      }
      if (--all->reading == 0) all->answer(std::move(all->items));
    });
  }
}

void WorkerActor::get(const std::vector<TaskId>& tasks, std::uint64_t max_bytes, Got answer) {
  gather(tasks, max_bytes, [this, answer = std::move(answer)](std::vector<Gathered> gathered) {
    std::vector<CarriedItem> items;
    items.reserve(gathered.size());
    ValuesServed serving{{}, true};
    const auto begun = Node::now();
    for (const auto& [task, value, missing] : gathered) {
      if (value) {
        sent_bytes_ += value.nbytes();
        items.push_back(carry(task, value));
        serving.tasks.push_back(task);
        continue;
      }
      CarriedItem absent;
      absent.item.task = task;
      absent.item.missing = missing ? 1 : 0;
      items.push_back(std::move(absent));
    }
    ledger_.serialized(static_cast<std::uint64_t>((Node::now() - begun).count()));
    ++transfers_sent_;
    if (!serving.tasks.empty()) caf::anon_send(caf::actor_cast<caf::actor>(this), std::move(serving));
    answer(std::move(items));
  });
}

void WorkerActor::get_values(const std::vector<TaskId>& tasks, std::uint64_t max_bytes,
                             std::function<void(FetchedValues)> answer) {
  gather(tasks, max_bytes, [answer = std::move(answer)](std::vector<Gathered> gathered) {
    FetchedValues fetched;
    for (auto& [task, value, missing] : gathered) {
      if (missing) fetched.missing.push_back(task);
      if (!value) continue;
      fetched.tasks.push_back(task);
      fetched.values.push_back(std::move(value));
    }
    answer(std::move(fetched));
  });
}

void WorkerActor::served(const std::vector<TaskId>& tasks) {
  if (!ended_) caf::anon_send(caf::actor_cast<caf::actor>(this), ValuesServed{tasks, false});
}

std::optional<Error> WorkerActor::put(std::vector<CarriedItem> items) {
  std::vector<TaskId> tasks;
  std::vector<Value> values;
  for (auto& item : items) {
    tasks.push_back(item.item.task);
    values.push_back(unpack(std::move(item)));
  }
  return put_values(std::move(tasks), std::move(values));
}

std::optional<Error> WorkerActor::put_values(std::vector<TaskId> tasks, std::vector<Value> values) {
  ValuesPut event;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    // One that is here already is in use: the same id means the same value.
    if (store_.contains(tasks[i]) || (disk_ && disk_->contains(tasks[i]))) continue;
    event.tasks.push_back(tasks[i]);
    event.nbytes.push_back(store_.put(tasks[i], std::move(values[i])));
  }
  if (!event.tasks.empty()) caf::anon_send(caf::actor_cast<caf::actor>(this), std::move(event));
  return {};
}

namespace {

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::optional<Error> write_file(const std::filesystem::path& path, const Bytes& bytes) {
  const auto failed = [&](std::string_view what) {
    return Error{ErrorKind::failed, fmt::format("{} {}: {}", what, path.string(), std::strerror(errno))};
  };
  const auto temporary = fmt::format("{}.{}.part", path.string(), ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0700);
  if (fd < 0) return failed("cannot create");
  for (std::size_t written = 0; written < bytes.size();) {
    const auto count = ::write(fd, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const auto error = failed("cannot write");
      ::close(fd);
      ::unlink(temporary.c_str());
      return error;
    }
    written += static_cast<std::size_t>(count);
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot write");
  return {};
}

}  // namespace

std::optional<Error> WorkerActor::refuse_module(KeyKind key, const PutModule& module) const {
  if (key != KeyKind::client) return Error{ErrorKind::invalid, "modules are uploaded with the client key"};
  if (!options_.allow_uploads || !options_.registry)
    return Error{ErrorKind::unsupported, fmt::format("{} takes no uploads of modules; its operator must allow them "
                                                     "(--allow-uploads), or load {} there (--module)",
                                                     name_, module.name)};
  if (!is_hash(module.sha256)) return Error{ErrorKind::invalid, "the module's SHA-256 is not 64 hexadecimal digits"};
  if (module.size > module_file_bytes_max)
    return Error{ErrorKind::overloaded,
                 fmt::format("a module of {} bytes: at most {} are taken", module.size, module_file_bytes_max)};
  return {};
}

/// Kept under its hash, written whole or not at all: others may share the directory.
std::optional<Error> WorkerActor::put_module(const std::string& name, const std::string& sha256, const Bytes& file) {
  if (auto refused = refuse_module(KeyKind::client, {{}, name, sha256, file.size()})) return refused;
  const auto path = options_.upload_directory / (sha256 + ".so");
  if (auto error = write_file(path, file)) return error;
  auto loaded = options_.registry->load(path.string(), sha256);
  if (!loaded) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return Error{loaded.error().kind, fmt::format("{}: {}", name_, loaded.error().text)};
  }
  node_.log(LogLevel::info, "module_uploaded", fmt::format("{}: module {} uploaded, {}", name_, name, sha256));
  for (auto& [tmpl, known] : templates_)
    if (!known.function) known.tmpl.reset();  // look again
  if (link_) link_->send({ModulesAdded{std::move(*loaded)}});
  return {};
}

/// Passes modules on that were uploaded here, to a worker that came later: each file once. To upload is a client's
/// right; this worker has that key as all nodes do, and uses it for what a client uploaded.
void WorkerActor::share(ShareModules& modules) {
  if (!sharing_) {
    DataOptions data;
    data.cluster = options_.access.cluster;
    data.key_kind = KeyKind::client;
    data.key = options_.access.client_key;
    sharing_ = std::make_unique<ValueExchange>(node_, std::move(data));
  }
  for (const auto& file : options_.registry->files()) {
    if (std::filesystem::path(file.path).filename() != file.sha256 + ".so") continue;  // no upload
    const auto wanted = [&](const ModuleInfo& info) {
      for (std::size_t i = 0; i < modules.names.size(); ++i)
        if (modules.names[i] == info.name && modules.builds[i] == info.build) return true;
      return false;
    };
    const auto found = std::find_if(file.modules.begin(), file.modules.end(), wanted);
    if (found == file.modules.end()) continue;
    const auto failed = [node = &node_, name = found->name, to = modules.to](const std::string& why) {
      node->log(LogLevel::warning, "module_not_passed_on",
                fmt::format("module {} was not passed on to {}: {}", name, to, why));
    };
    auto content = read_module_file(file.path);
    if (!content) {
      failed(content.error().text);
      continue;
    }
    sharing_->put_module(modules.to, found->name, file.sha256, std::move(content->bytes),
                         [failed](const Result<void>& put) {
                           if (!put) failed(put.error().text);
                         });
  }
}

}  // namespace troupe
