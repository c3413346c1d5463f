#include "monitoring/live.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

namespace troupe::monitoring {

namespace json = boost::json;

namespace {

using Topic = Topics::Topic;

constexpr const char* topic_names[] = {"summary", "workers", "prefixes", "events"};
constexpr std::chrono::seconds silence_max{2};
constexpr std::size_t first_events = 100;
constexpr std::size_t most_events = 1000;
constexpr std::size_t most_prefixes = 200;
constexpr std::size_t most_workers = 10'000;

class LiveStream final : public LineSource {
public:
  LiveStream(std::shared_ptr<Topics> topics, std::vector<Topic> wanted, std::chrono::milliseconds interval)
      : topics_(std::move(topics)), wanted_(std::move(wanted)), interval_(interval), sent_(wanted_.size()) {}

  std::chrono::milliseconds interval() const override {
    return std::min<std::chrono::milliseconds>(interval_, silence_max / 2);
  }

  std::string next() override {
    const auto now = std::chrono::steady_clock::now();
    std::string text;
    if (!greeted_) text += hello();
    greeted_ = true;
    if (now - updated_ >= interval_ - std::chrono::milliseconds(1)) {
      updated_ = now;
      for (std::size_t i = 0; i < wanted_.size(); ++i) text += update(i);
    }
    if (text.empty() && now - spoken_ >= silence_max - std::chrono::milliseconds(1)) text = line("heartbeat", "");
    if (!text.empty()) spoken_ = now;
    return text;
  }

  std::string last() override { return line("goodbye", R"({"reason":"the scheduler stops"})"); }

private:
  std::string line(std::string_view topic, std::string_view data) {
    const double now = topics_->sources().recorder->clock().now_ms();
    const std::string head = fmt::format(R"({{"topic":"{}","seq":{},"at_unix_ms":{:.3f})", topic, seq_++, now);
    return data.empty() ? head + "}\n" : fmt::format("{},\"data\":{}}}\n", head, data);
  }

  std::string hello() {
    json::array names;
    for (const Topic topic : wanted_) names.emplace_back(topic_names[static_cast<std::size_t>(topic)]);
    const auto picture = topics_->sources().recorder->picture(std::chrono::seconds(1));
    const json::object data{{"schema", "troupe/v1/stream"},
                            {"epoch", picture ? std::to_string(picture->view.epoch.value) : ""},
                            {"interval_ms", interval_.count()},
                            {"topics", std::move(names)}};
    return line("hello", json::serialize(data));
  }

  std::string update(std::size_t i) {
    const Topic topic = wanted_[i];
    if (topic == Topic::events) return new_events();
    const auto text = topics_->text(topic, interval_ / 2);
    if (text.json == nullptr || text.number == sent_[i]) return {};
    sent_[i] = text.number;
    return line(topic_names[static_cast<std::size_t>(topic)], *text.json);
  }

  std::string new_events() {
    const bool first = !events_sent_;
    events_sent_ = true;
    const auto [events, last] = topics_->sources().events->since(last_event_, first ? first_events : most_events);
    if (events.empty() && !first) return {};
    last_event_ = last;
    return line("events", json::serialize(events_json(events, last, topics_->sources().recorder->clock().now_ms())));
  }

  const std::shared_ptr<Topics> topics_;
  const std::vector<Topic> wanted_;
  const std::chrono::milliseconds interval_;
  std::vector<std::uint64_t> sent_;  ///< by topic: number of the picture
  std::uint64_t seq_{};
  std::uint64_t last_event_{};
  bool greeted_{};
  bool events_sent_{};
  std::chrono::steady_clock::time_point updated_{};
  std::chrono::steady_clock::time_point spoken_{};
};

}  // namespace

Topics::Text Topics::text(Topic topic, std::chrono::milliseconds most_age) {
  const auto picture = sources_.recorder->picture(most_age);
  if (!picture) return {};
  const std::lock_guard lock(mutex_);
  Text& known = texts_[static_cast<std::size_t>(topic)];
  if (known.number == picture->number) return known;
  json::object document;
  switch (topic) {
    case Topic::summary: document = cluster_json(*picture, sources_.identity, sources_.recorder->clock()); break;
    case Topic::workers: document = workers_json(*picture, most_workers, sources_.recorder->clock()); break;
    case Topic::prefixes: document = prefixes_json(*picture, most_prefixes); break;
    case Topic::events: break;
  }
  known = {picture->number, std::make_shared<const std::string>(json::serialize(document))};
  return known;
}

std::unique_ptr<LineSource> live_stream(std::shared_ptr<Topics> topics, std::vector<Topics::Topic> wanted,
                                        std::chrono::milliseconds interval) {
  return std::make_unique<LiveStream>(std::move(topics), std::move(wanted), interval);
}

}  // namespace troupe::monitoring
