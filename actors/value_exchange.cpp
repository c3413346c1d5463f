#include "actors/value_exchange.hpp"

#include "actors/local_directory.hpp"
#include "actors/node.hpp"

namespace troupe {

CarriedItem carry(TaskId task, const Value& value) {
  auto encoded = value.encode();
  CarriedItem carried;
  carried.item.task = task;
  carried.item.present = 1;
  carried.item.fingerprint = encoded.fingerprint;
  carried.item.nbytes = encoded.nbytes();
  carried.item.header = std::move(encoded.header);
  carried.buffers = std::move(encoded.buffers);
  return carried;
}

Value unpack(CarriedItem carried) {
  EncodedValue encoded;
  encoded.fingerprint = carried.item.fingerprint;
  encoded.header = std::move(carried.item.header);
  encoded.buffers = std::move(carried.buffers);
  return Value::from_encoded(std::move(encoded));
}

class ValueExchange::Core : public std::enable_shared_from_this<ValueExchange::Core> {
public:
  Core(Node& node, DataOptions options)
      : node_(node), pool_(std::make_unique<DataPool>(node.io(), std::move(options))) {}

  void get_here(ValueSource& source, const std::vector<TaskId>& tasks, std::uint64_t max_bytes, Got done) {
    source.get_values(tasks, max_bytes, [weak = weak_from_this(), done = std::move(done)](FetchedValues fetched) {
      if (const auto self = weak.lock())
        self->later([fetched = std::move(fetched), done]() mutable { done(std::move(fetched)); });
    });
  }

  /// On the loop, soon, unless the exchange is gone by then.
  template <class Call>
  void later(Call call) {
    node_.post([weak = weak_from_this(), call = std::move(call)]() mutable {
      const auto self = weak.lock();
      if (self && self->pool_) call();
    });
  }

  Node& node_;
  std::unique_ptr<DataPool> pool_;  ///< null once the exchange is gone
};

ValueExchange::ValueExchange(Node& node, DataOptions options)
    : core_(std::make_shared<Core>(node, std::move(options))) {}
ValueExchange::~ValueExchange() { core_->pool_.reset(); }

void ValueExchange::get(const std::string& address, std::vector<TaskId> tasks, std::uint64_t max_bytes, Got done) {
  if (auto* source = core_->node_.directory().find(address))
    return core_->get_here(*source, tasks, max_bytes, std::move(done));
  core_->pool_->get(address, std::move(tasks), max_bytes, [done = std::move(done)](Result<GetReply> reply) {
    if (!reply) return done(tl::unexpected(std::move(reply.error())));
    FetchedValues fetched;
    fetched.status = reply->status;
    for (auto& carried : reply->items) {
      const auto task = carried.item.task;
      if (carried.item.missing) fetched.missing.push_back(task);
      if (!carried.item.present) continue;
      fetched.tasks.push_back(task);
      fetched.values.push_back(unpack(std::move(carried)));
    }
    done(std::move(fetched));
  });
}

void ValueExchange::put(const std::string& address, std::vector<TaskId> tasks, std::vector<Value> values, Done done) {
  if (auto* source = core_->node_.directory().find(address)) {
    auto error = source->put_values(std::move(tasks), std::move(values));
    return core_->later(
        [error = std::move(error), done = std::move(done)] { error ? done(tl::unexpected(*error)) : done({}); });
  }
  std::vector<CarriedItem> items;
  items.reserve(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) items.push_back(carry(tasks[i], values[i]));
  core_->pool_->put(address, std::move(items), std::move(done));
}

void ValueExchange::put_module(const std::string& address, std::string name, std::string sha256, Bytes file,
                               Done done) {
  if (auto* source = core_->node_.directory().find(address)) {
    auto error = source->put_module(name, sha256, file);
    return core_->later(
        [error = std::move(error), done = std::move(done)] { error ? done(tl::unexpected(*error)) : done({}); });
  }
  core_->pool_->put_module(address, std::move(name), std::move(sha256), std::move(file), std::move(done));
}

const DataCounters& ValueExchange::counters() const { return core_->pool_->counters(); }

}  // namespace troupe
