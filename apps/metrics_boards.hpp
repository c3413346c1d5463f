#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace troupe::apps {

/// One query of a panel.
struct PanelQuery {
  std::string expression;
  std::string legend;
};

/// One panel of a board.
struct Panel {
  std::string title;
  std::string unit;  ///< as Grafana names it
  std::vector<PanelQuery> queries;
  std::string description;
  std::string page;  ///< of the dashboard, about the same thing
  enum class Kind { lines, stacked, number, heatmap } kind{Kind::lines};
  std::string runbook{};  ///< its section about what it shows, or empty
};

struct Board {
  std::string name;  ///< of its file
  std::string title;
  std::vector<Panel> panels;
};

/// The boards that are shipped, from code: only what there is metrics for.
const std::vector<Board>& boards();

/// A board as Grafana imports it; `runbook` is where that is.
boost::json::object grafana_json(const Board& board, const std::string& runbook);

}  // namespace troupe::apps
