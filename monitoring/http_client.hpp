#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace troupe::monitoring {

struct HttpQuestion {
  std::string address;  ///< host:port, with the host as a number
  std::string token;
  std::string method{"GET"};
  std::string target;
  std::string body{};  ///< JSON
  std::chrono::milliseconds timeout{std::chrono::seconds(30)};
};

struct HttpReply {
  unsigned status{};
  std::string body;
};

/// Asks a page of a node, on a connection of its own. Blocks. An answer with another status than 200 is one too.
Result<HttpReply> ask_page(const HttpQuestion& question);

}  // namespace troupe::monitoring
