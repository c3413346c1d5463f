#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace troupe::monitoring {

/// One run, for the table of the slowest.
struct SlowRun {
  std::string key;
  std::string function;
  std::string worker;
  double start_unix_ms{};
  double duration_ms{};
  bool erred{};
};

/// The longest chain of tasks that each need the one before, by how long they ran.
struct CriticalPath {
  std::vector<SlowRun> runs;  ///< in order
  std::uint64_t known{};      ///< tasks whose dependencies are known
};

/// What the API answered about a stretch of time.
struct ReportFacts {
  boost::json::value cluster;
  boost::json::value workers;
  boost::json::value prefixes;
  boost::json::value series;
  boost::json::value stream;
  boost::json::value exceptions;
  boost::json::value events;
  boost::json::value profile;  ///< null: nobody looked
  CriticalPath critical;
  std::vector<SlowRun> slowest;
  std::uint64_t runs{};  ///< in this time
  double busy_s{};       ///< in functions, of these
};

/// A page that opens anywhere, offline: it loads nothing, and runs nothing.
std::string report_page(const ReportFacts& facts);

/// What a reader should look at first, in sentences.
std::vector<std::string> advice(const ReportFacts& facts);

/// Text as it stands in HTML.
std::string escaped(std::string_view text);

}  // namespace troupe::monitoring
