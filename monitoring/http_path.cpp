#include <map>
#include <string>
#include <string_view>

#include "monitoring/http_server.hpp"

namespace troupe::monitoring {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool percent_decode(std::string_view text, bool plus, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return false;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return true;
}

bool path_fits(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& segments) {
  segments.clear();
  for (;;) {
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    if (wanted == "*" && pattern.size() == 1) return !path.empty();
    const std::string_view given = path.substr(0, path.find('/'));
    if (wanted.starts_with('{')) {
      std::string& value = segments[std::string(wanted.substr(1, wanted.size() - 2))];
      if (given.empty() || !percent_decode(given, false, value)) return false;
    } else if (wanted != given) {
      return false;
    }
    const bool last = wanted.size() == pattern.size();
    if (last != (given.size() == path.size())) return false;
    if (last) return true;
    pattern.remove_prefix(wanted.size() + 1);
    path.remove_prefix(given.size() + 1);
  }
}

}  // namespace troupe::monitoring
