#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "apps/door.hpp"
#include "protocol/access.hpp"

namespace troupe::apps {

/// The command line as a reader of a scheduler's pages, with the token of the access file. Each question is a
/// connection of its own. Raises CommandError: no pages, not reached, refused.
class HttpClient {
public:
  /// Finds the access file as all commands do.
  explicit HttpClient(const Door& door);

  [[nodiscard]] boost::json::value get(std::string_view target);
  [[nodiscard]] boost::json::value post(std::string_view target, const boost::json::value& body);
  /// The page as it is.
  [[nodiscard]] std::string get_text(std::string_view target);
  /// Calls `take` with each part of an endless page as it comes, until it returns false or the page ends.
  void follow(std::string_view target, const std::function<bool(std::string_view)>& take);
  /// host:port
  [[nodiscard]] const std::string& address() const { return address_; }

private:
  [[nodiscard]] std::string ask(std::string_view method, std::string_view target, std::string body);

  std::string address_;
  std::string token_;
  std::chrono::milliseconds timeout_;
};

}  // namespace troupe::apps
