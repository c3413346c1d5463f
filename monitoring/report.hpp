#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "protocol/error.hpp"

namespace troupe::monitoring {

struct ReportOptions {
  std::chrono::nanoseconds last{std::chrono::minutes(10)};  ///< how far back
};

/// What a cluster did lately as one page: HTML that loads and runs nothing. `ask` answers a page of the API, its path with
/// parameters, as JSON.
Result<std::string> make_report(const std::function<Result<std::string>(const std::string& target)>& ask,
                                const ReportOptions& options);

}  // namespace troupe::monitoring
