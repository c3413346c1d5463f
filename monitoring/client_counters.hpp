#pragma once

#include <cstdint>

#include "monitoring/histogram.hpp"

namespace troupe::monitoring {

/// What a client did since its start.
struct ClientCounters {
  bool connected{};
  std::uint64_t reconnections{};
  std::uint64_t submissions{};  ///< chunks of graphs; calls that went out together are one
  std::uint64_t submitted_tasks{};
  std::uint64_t finished{};
  std::uint64_t erred{};
  std::uint64_t cancelled{};
  std::uint64_t lost{};
  std::uint64_t received_values{};  ///< small ones, that came with the news, and those fetched from workers
  std::uint64_t received_bytes{};
  std::uint64_t failed_fetches{};  ///< a worker did not answer, or had not what it was asked for
  std::uint64_t scattered_values{};
  std::uint64_t scattered_bytes{};
  std::uint64_t waiting_chunks{};  ///< submitted, and not on the wire yet
  DurationHistogram requests;      ///< questions to the scheduler, until their answer
};

}  // namespace troupe::monitoring
