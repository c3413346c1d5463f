#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monitoring/api.hpp"

namespace troupe::monitoring {

/// Topics as text, made once for each picture and shared by all streams.
class Topics {
public:
  explicit Topics(ApiSources sources) : sources_(std::move(sources)) {}

  enum class Topic : std::uint8_t { summary, workers, prefixes, events };

  struct Text {
    std::uint64_t number{};  ///< of the picture; 0: the scheduler has ended
    std::shared_ptr<const std::string> json;
  };
  /// Not `events`: these differ from stream to stream.
  [[nodiscard]] Text text(Topic topic, std::chrono::milliseconds most_age);
  [[nodiscard]] const ApiSources& sources() const { return sources_; }

private:
  ApiSources sources_;
  std::mutex mutex_;
  Text texts_[3];
};

/// What one viewer is sent: each topic when it has changed, and a sign of life when nothing has.
std::unique_ptr<LineSource> live_stream(std::shared_ptr<Topics> topics, std::vector<Topics::Topic> wanted,
                                        std::chrono::milliseconds interval);

}  // namespace troupe::monitoring
