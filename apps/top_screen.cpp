#include "apps/top_screen.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"

namespace troupe::apps {

namespace json = boost::json;

namespace {

double number(const json::value& row, const char* name) { return row.at(name).to_number<double>(); }
std::string text(const json::value& row, const char* name) { return printable(row.at(name).as_string()); }
std::string size(double bytes) { return show_size(static_cast<std::uint64_t>(std::max(0.0, bytes))); }

/// One column of a table: its head, how wide it is, what it shows, and what it is sorted by.
struct Column {
  const char* head;
  int width;  ///< below 0: to the left
  std::function<std::string(const json::value&)> show;
  std::function<double(const json::value&)> order;  ///< empty: by what is shown
};

Column count_of(const char* head, int width, const char* field) {
  return {head, width, [field](const json::value& row) { return fmt::format("{:.0f}", number(row, field)); },
          [field](const json::value& row) { return number(row, field); }};
}
Column size_of(const char* head, int width, const char* field) {
  return {head, width, [field](const json::value& row) { return size(number(row, field)); },
          [field](const json::value& row) { return number(row, field); }};
}
Column name_of(const char* head, int width, const char* field) {
  return {head, -width, [field](const json::value& row) { return text(row, field); }, {}};
}

const std::vector<Column>& worker_columns() {
  static const std::vector<Column> columns{
      name_of("WORKER", 20, "name"),
      name_of("STATUS", 8, "status"),
      {"CPU%", 6, [](const json::value& row) { return fmt::format("{:.0f}", 100 * number(row, "cpu")); },
       [](const json::value& row) { return number(row, "cpu"); }},
      count_of("THREADS", 7, "threads"),
      count_of("RUN", 5, "executing"),
      count_of("TASKS", 8, "processing"),
      size_of("MEMORY", 10, "process_bytes"),
      size_of("VALUES", 10, "managed_bytes"),
      size_of("DISK", 10, "spilled_bytes"),
      size_of("IN/S", 10, "received_bytes_per_s"),
      size_of("OUT/S", 10, "sent_bytes_per_s"),
      count_of("FINISHED", 10, "finished"),
  };
  return columns;
}

double of_tasks(const json::value& row, const char* state) { return row.at("tasks").at(state).to_number<double>(); }

const std::vector<Column>& prefix_columns() {
  const auto state = [](const char* head, const char* name) {
    return Column{head, 10, [name](const json::value& row) { return fmt::format("{:.0f}", of_tasks(row, name)); },
                  [name](const json::value& row) { return of_tasks(row, name); }};
  };
  static const std::vector<Column> columns{
      name_of("FUNCTION", 24, "name"),
      state("PROCESSING", "processing"),
      state("QUEUED", "queued"),
      state("WAITING", "waiting"),
      state("MEMORY", "memory"),
      state("FAILED", "erred"),
      count_of("FINISHED", 10, "finished"),
      {"LEARNT", 9,
       [](const json::value& row) {
         return show_duration(
             std::chrono::nanoseconds(static_cast<std::int64_t>(number(row, "mean_duration_s") * 1e9)));
       },
       [](const json::value& row) { return number(row, "mean_duration_s"); }},
      {"LEFT", 9, [](const json::value& row) { return fmt::format("{:.0f} s", number(row, "eta_s")); },
       [](const json::value& row) { return number(row, "eta_s"); }},
  };
  return columns;
}

/// At most `width` characters of UTF-8 text, and spaces up to it; to the left if `width` is negative.
std::string cell(const std::string& content, int width) {
  const auto wanted = static_cast<std::size_t>(std::abs(width));
  std::string shown;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < content.size();) {
    std::size_t length = 1;
    while (i + length < content.size() && (static_cast<unsigned char>(content[i + length]) & 0xC0U) == 0x80U) ++length;
    if (characters == wanted) break;
    shown.append(content, i, length);
    ++characters;
    i += length;
  }
  const std::string space(wanted - characters, ' ');
  return width < 0 ? shown + space : space + shown;
}

std::string clipped(std::string line, std::size_t columns) { return cell(line, -static_cast<int>(columns)); }

std::string bar(double share, std::size_t width) {
  const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(width));
  return "[" + std::string(filled, '|') + std::string(width - filled, ' ') + "]";
}

constexpr const char* help_text[] = {
    "",
    "  tab         workers, or functions",
    "  < and >     sort by the column to the left or right",
    "  r           the other way round",
    "  arrows      up and down; page up and page down",
    "  h or ?      this help, and back",
    "  q           leave",
};

}  // namespace

void TopScreen::update(json::object cluster, json::object workers, json::object prefixes) {
  cluster_ = std::move(cluster);
  workers_ = std::move(workers);
  prefixes_ = std::move(prefixes);
  lost_.clear();
}

void TopScreen::lost(std::string why) { lost_ = std::move(why); }

bool TopScreen::key(std::string_view key) {
  const std::size_t columns = view_ == View::prefixes ? prefix_columns().size() : worker_columns().size();
  std::size_t& sort = sort_[view_ == View::prefixes ? 1 : 0];
  constexpr std::size_t page = 10;
  if (key == "q" || key == "\x03" || key == "\x1b") return false;
  if (key == "h" || key == "?") {
    view_ = view_ == View::help ? View::workers : View::help;
  } else if (key == "\t") {
    view_ = view_ == View::workers ? View::prefixes : View::workers;
    first_ = 0;
  } else if (key == ">" || key == "\x1b[C") {
    sort = (sort + 1) % columns;
  } else if (key == "<" || key == "\x1b[D") {
    sort = (sort + columns - 1) % columns;
  } else if (key == "r") {
    reverse_ = !reverse_;
  } else if (key == "\x1b[B" || key == "j") {
    ++first_;
  } else if (key == "\x1b[A" || key == "k") {
    first_ -= first_ > 0 ? 1 : 0;
  } else if (key == "\x1b[6~") {
    first_ += page;
  } else if (key == "\x1b[5~") {
    first_ -= std::min(first_, page);
  }
  return true;
}

std::string TopScreen::head(std::size_t columns, bool colour) const {
  const auto& c = cluster_;
  const auto at = [&](const char* part, const char* name) { return number(c.at(part), name); };
  const double threads = c.at("threads").to_number<double>();
  const double cpu = at("rates", "cpu");
  const double limit = at("memory", "limit_bytes");
  const double process = at("memory", "process_bytes");
  const double values = at("memory", "managed_bytes");
  std::vector<std::string> lines;
  lines.push_back(fmt::format("troupe {}  {}  {:.0f} workers, {:.0f} threads, {:.0f} clients{}",
                              printable(c.at("version").as_string()), printable(c.at("address").as_string()),
                              at("workers", "total"), threads, c.at("clients").to_number<double>(),
                              lost_.empty() ? "" : "  NOT ANSWERING: " + lost_));
  lines.push_back(fmt::format("cpu    {} {:5.1f} of {:.0f} cores    {:.0f} tasks/s, {:.0f} failed/s",
                              bar(threads > 0 ? cpu / threads : 0, 20), cpu, threads, at("rates", "finished_per_s"),
                              at("rates", "erred_per_s")));
  lines.push_back(fmt::format("memory {} {} in values, {} on disk, {} in processes{}",
                              bar(limit > 0 ? std::max(process, values) / limit : 0, 20), size(values),
                              size(at("memory", "spilled_bytes")), size(process),
                              limit > 0 ? " of " + size(limit) : std::string()));
  lines.push_back(
      fmt::format("tasks  {:.0f} processing, {:.0f} of them running, {:.0f} queued, {:.0f} waiting, {:.0f} without a "
                  "worker, {:.0f} in memory, {:.0f} failed",
                  at("tasks", "processing"), c.at("executing").to_number<double>(), at("tasks", "queued"),
                  at("tasks", "waiting"), at("tasks", "no_worker"), at("tasks", "memory"), at("tasks", "erred")));
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool alarm = i == 0 && !lost_.empty();
    out += (colour && alarm    ? "\x1b[31;1m"
            : colour && i == 0 ? "\x1b[1m"
                               : "") +
           clipped(lines[i], columns) + (colour && i == 0 ? "\x1b[0m" : "") + "\n";
  }
  return out;
}

std::string TopScreen::frame(std::size_t rows, std::size_t columns, bool colour) const {
  if (cluster_.empty()) return clipped(lost_.empty() ? "asking the scheduler" : lost_, columns) + "\n";
  std::string out = head(columns, colour);
  constexpr std::size_t head_lines = 4;
  if (view_ == View::help) {
    for (const char* line : help_text) out += clipped(line, columns) + "\n";
    return out;
  }
  const bool of_workers = view_ == View::workers;
  const auto& table = of_workers ? worker_columns() : prefix_columns();
  const json::object& source = of_workers ? workers_ : prefixes_;
  const json::array& all = source.at(of_workers ? "workers" : "prefixes").as_array();
  const Column& by = table[sort_[of_workers ? 0 : 1]];
  std::vector<const json::value*> order;
  for (const json::value& row : all) order.push_back(&row);
  std::stable_sort(order.begin(), order.end(), [&](const json::value* a, const json::value* b) {
    if (!by.order) return by.show(*a) < by.show(*b);
    return by.order(*a) > by.order(*b);  // numbers: the largest first
  });
  if (reverse_) std::reverse(order.begin(), order.end());
  std::string heads;
  for (const Column& column : table)
    heads += cell(&column == &by ? std::string(column.head) + (reverse_ ? "^" : "v") : column.head, column.width) + " ";
  out += (colour ? "\x1b[7m" : "") + clipped(heads, columns) + (colour ? "\x1b[0m" : "") + "\n";
  const std::size_t room = rows > head_lines + 3 ? rows - head_lines - 3 : 1;  // heads, foot, and the cursor
  const std::size_t first = std::min(first_, order.size() > room ? order.size() - room : 0);
  for (std::size_t i = first; i < std::min(order.size(), first + room); ++i) {
    std::string line;
    for (const Column& column : table) line += cell(column.show(*order[i]), column.width) + " ";
    out += clipped(line, columns) + "\n";
  }
  const std::size_t last = std::min(order.size(), first + room);
  out += clipped(
      fmt::format("{} {} to {} of {}    h help  tab {}  < > sort  q leave", of_workers ? "workers" : "functions",
                  order.empty() ? 0 : first + 1, last, order.size(), of_workers ? "functions" : "workers"),
      columns);
  return out + "\n";
}

}  // namespace troupe::apps
