#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace troupe::apps {

/// What `troupe top` shows of the cluster, and how: keys change it, `frame` draws it. Knows no terminal.
class TopScreen {
public:
  /// What the API answers to cluster, workers and prefixes.
  void update(boost::json::object cluster, boost::json::object workers, boost::json::object prefixes);
  /// The scheduler does not answer: what was last known stays, and is said to be old.
  void lost(std::string why);

  /// Takes a key up as a terminal sends it; false: the user wants to leave.
  bool key(std::string_view key);
  /// Lines for a terminal of that size; with `colour` it uses ANSI colours.
  [[nodiscard]] std::string frame(std::size_t rows, std::size_t columns, bool colour) const;

private:
  enum class View { workers, prefixes, help };
  [[nodiscard]] std::string head(std::size_t columns, bool colour) const;

  boost::json::object cluster_;
  boost::json::object workers_;
  boost::json::object prefixes_;
  std::string lost_;
  View view_{View::workers};
  std::size_t sort_[2]{2, 1};  ///< column of the view
  bool reverse_{};
  std::size_t first_{};  ///< row that is shown first
};

}  // namespace troupe::apps
