#include "monitoring/metrics.hpp"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "monitoring/collectors.hpp"
#include "monitoring/dask_names.hpp"
#include "monitoring/gzip.hpp"

namespace troupe::monitoring {

using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Calls `visit(name, parameters)` for each element of a comma-separated header.
template <class Visit>
void for_each_element(std::string_view header, Visit visit) {
  while (!header.empty()) {
    const auto comma = header.find(',');
    const std::string_view element = trim(header.substr(0, comma));
    const auto semicolon = element.find(';');
    visit(trim(element.substr(0, semicolon)),
          semicolon == std::string_view::npos ? std::string_view{} : element.substr(semicolon));
    if (comma == std::string_view::npos) return;
    header.remove_prefix(comma + 1);
  }
}

double quality(std::string_view parameters) {
  const auto at = parameters.find("q=");
  return at == std::string_view::npos ? 1.0 : std::strtod(std::string(parameters.substr(at + 2)).c_str(), nullptr);
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
}

void append_sample(std::string& out, std::string_view name, const prometheus::ClientMetric& metric, double value) {
  out += name;
  if (!metric.label.empty()) {
    char separator = '{';
    for (const auto& label : metric.label) {
      out += separator;
      out += label.name;
      out += "=\"";
      append_escaped(out, label.value, true);
      out += '"';
      separator = ',';
    }
    out += '}';
  }
  fmt::format_to(std::back_inserter(out), " {}\n", value);
}

/// Names and values of an example's labels are 128 characters at most, together: of a long name of a span none are shown.
void append_example(std::string& out, const Example& example) {
  constexpr std::size_t most = 128;
  std::size_t length = 0;
  char separator = '{';
  out += " # ";
  for (const auto& [name, value] : {std::pair<std::string_view, const std::string&>("task", example.task),
                                    {"trace_id", example.trace_id},
                                    {"span", example.span}}) {
    length += name.size() + value.size();
    if (value.empty() || length > most) continue;
    out += separator;
    out += name;
    out += "=\"";
    append_escaped(out, value, true);
    out += '"';
    separator = ',';
  }
  fmt::format_to(std::back_inserter(out), "}} {} {:.3f}\n", example.value, example.at_unix_s);
}

void append_histogram(std::string& out, const std::string& name, const prometheus::ClientMetric& metric,
                      const std::vector<Example>* examples) {
  for (std::size_t i = 0; i < metric.histogram.bucket.size(); ++i) {
    const auto& bucket = metric.histogram.bucket[i];
    prometheus::ClientMetric line;
    line.label = metric.label;
    line.label.push_back({"le", std::isinf(bucket.upper_bound) ? "+Inf" : fmt::format("{}", bucket.upper_bound)});
    append_sample(out, name + "_bucket", line, static_cast<double>(bucket.cumulative_count));
    if (examples == nullptr || i >= examples->size() || (*examples)[i].task.empty()) continue;
    const Example& example = (*examples)[i];
    out.pop_back();  // its line end
    append_example(out, example);
  }
  append_sample(out, name + "_count", metric, static_cast<double>(metric.histogram.sample_count));
  append_sample(out, name + "_sum", metric, metric.histogram.sample_sum);
}

/// OpenMetrics wants the unit said as well; ours is always the name's last word.
std::string_view unit_of(std::string_view family) {
  for (std::string_view unit : {"seconds", "bytes"})
    if (family.size() > unit.size() && family.ends_with(unit) && family[family.size() - unit.size() - 1] == '_')
      return unit;
  return {};
}

}  // namespace

bool accepts(std::string_view header, std::string_view value) {
  bool found = false;
  for_each_element(header, [&](std::string_view name, std::string_view parameters) {
    if (name == value && quality(parameters) > 0) found = true;
  });
  return found;
}

std::string open_metrics_text(const std::vector<MetricFamily>& families, const Examples& examples) {
  std::string out;
  for (const MetricFamily& family : families) {
    std::string_view name = family.name;
    const char* type = "gauge";
    if (family.type == MetricType::Counter) {
      type = "counter";
      if (name.ends_with("_total")) name.remove_suffix(6);
    } else if (family.type == MetricType::Histogram) {
      type = "histogram";
    } else if (name.ends_with("_info")) {
      type = "info";
      name.remove_suffix(5);
    }
    fmt::format_to(std::back_inserter(out), "# TYPE {} {}\n", name, type);
    if (const auto unit = unit_of(name); !unit.empty())
      fmt::format_to(std::back_inserter(out), "# UNIT {} {}\n", name, unit);
    fmt::format_to(std::back_inserter(out), "# HELP {} ", name);
    append_escaped(out, family.help, true);
    out += '\n';
    if (family.type == MetricType::Histogram) {
      const auto found = examples.find(family.name);
      for (std::size_t i = 0; i < family.metric.size(); ++i)
        append_histogram(out, family.name, family.metric[i], found == examples.end() ? nullptr : &found->second.at(i));
      continue;
    }
    for (const auto& metric : family.metric)
      append_sample(out, family.name, metric,
                    family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value);
  }
  out += "# EOF\n";
  return out;
}

Metrics::Metrics(BuildInfo build) {
  add(std::make_shared<BuildCollector>(std::move(build)));
  add(std::make_shared<ProcessCollector>());
}

Metrics::~Metrics() = default;

void Metrics::add_scheduler(std::function<SchedulerCounters()> counters) {
  add(std::make_shared<SchedulerCollector>(std::move(counters)));
}

void Metrics::add_worker(std::function<WorkerCounters()> counters) {
  add(std::make_shared<WorkerCollector>(std::move(counters)));
}

void Metrics::add(std::shared_ptr<prometheus::Collectable> source) {
  const std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
}

void Metrics::show_dask_names() {
  const std::lock_guard lock(mutex_);
  dask_names_ = true;
}

std::vector<MetricFamily> Metrics::collect(Examples& examples) {
  const auto start = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  std::vector<MetricFamily> families;
  for (const auto& source : sources_) {
    try {
      for (MetricFamily& family : source->Collect()) families.push_back(std::move(family));
      if (const auto* with = dynamic_cast<const WithExamples*>(source.get()))
        for (auto& [family, rows] : with->examples()) examples[family] = rows;
    } catch (const std::exception&) {
      ++errors_;
    }
  }
  if (dask_names_)
    for (MetricFamily& family : under_dask_names(families)) families.push_back(std::move(family));
  ++scrapes_;
  duration_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  families.push_back(
      counter("troupe_scrapes_total", "Times these metrics were read.", {{static_cast<double>(scrapes_)}}));
  families.push_back(counter("troupe_scrape_errors_total", "Sources of metrics that failed when asked.",
                             {{static_cast<double>(errors_)}}));
  families.push_back(
      counter("troupe_scrape_duration_seconds_total", "Time spent collecting these metrics.", {{duration_seconds_}}));
  return families;
}

Metrics::Page Metrics::scrape(std::string_view accept, std::string_view accept_encoding) {
  Examples examples;
  const auto families = collect(examples);
  Page page;
  if (accepts(accept, "application/openmetrics-text")) {
    page.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    page.body = open_metrics_text(families, examples);
  } else {
    page.content_type = "text/plain; version=0.0.4; charset=utf-8";
    page.body = prometheus::TextSerializer().Serialize(families);
  }
  if (accepts(accept_encoding, "gzip")) {
    page.body = gzip(page.body, 1);
    page.content_encoding = "gzip";
  }
  return page;
}

}  // namespace troupe::monitoring
