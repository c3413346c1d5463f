#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/config_values.hpp"
#include "apps/door.hpp"
#include "apps/http_client.hpp"
#include "apps/metrics_boards.hpp"
#include "monitoring/assets.hpp"

namespace troupe::apps {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out << text << std::flush;
  if (!out) throw CommandError(ExitCode::failed, fmt::format("{}: {}", path.string(), std::strerror(errno)));
  print(path.string() + "\n");
}

/// Where the shipped rules say that it is: in the source tree.
constexpr std::string_view runbook_here = "docs/runbook.md";

ExitCode export_grafana(const fs::path& directory, const std::string& runbook) {
  for (const Board& board : boards())
    write(directory / "dashboards" / (board.name + ".json"), json::serialize(grafana_json(board, runbook)) + "\n");
  write(directory / "provisioning" / "dashboards" / "troupe.yml",
        "apiVersion: 1\nproviders:\n  - name: troupe\n    folder: Troupe\n    type: file\n    options:\n"
        "      path: /var/lib/grafana/dashboards/troupe\n");
  write(directory / "provisioning" / "datasources" / "troupe.yml",
        "apiVersion: 1\ndatasources:\n  - name: Prometheus\n    type: prometheus\n    access: proxy\n"
        "    url: http://127.0.0.1:9090\n    isDefault: true\n");
  return ExitCode::done;
}

ExitCode export_rules(const fs::path& directory, const std::string& runbook) {
  constexpr std::string_view folder = "prometheus/";
  for (const monitoring::PackedFile& file : monitoring::packed_files())
    if (std::string_view(file.path).starts_with(folder)) {
      std::string text = monitoring::unpacked(file);
      for (auto at = text.find(runbook_here); at != std::string::npos;
           at = text.find(runbook_here, at + runbook.size()))
        text.replace(at, runbook_here.size(), runbook);
      write(directory / std::string_view(file.path).substr(folder.size()), text);
    }
  return ExitCode::done;
}

ExitCode targets(const Door& door) {
  HttpClient http(door);
  const json::value list = http.get("/api/v1/prometheus/targets");
  if (door.json()) {
    print(json::serialize(list) + "\n");
    return ExitCode::done;
  }
  Table table({"ROLE", "WORKER", "ADDRESS"});
  for (const json::value& entry : list.as_array()) {
    const auto& labels = entry.at("labels").as_object();
    table.add({std::string(labels.at("troupe_role").as_string()), printable(labels.at("troupe_worker").as_string()),
               printable(entry.at("targets").at(0).as_string())});
  }
  print(table.text());
  return ExitCode::done;
}

}  // namespace

void add_metrics(CLI::App& app, Door& door) {
  CLI::App* command = app.add_subcommand("metrics", "What Prometheus and Grafana need to know of a cluster.");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  troupe metrics targets\n  troupe metrics export-rules prometheus\n"
      "  troupe metrics export-grafana grafana\n\n" +
      std::string(exit_codes_help));
  auto directory = std::make_shared<std::string>();
  auto runbook = std::make_shared<std::string>(runbook_here);
  const auto add_runbook = [&](CLI::App& to) {
    to.add_option("--runbook-url", *runbook, fmt::format("where the runbook is read (default {})", runbook_here))
        ->type_name("URL");
  };

  CLI::App* grafana = command->add_subcommand("export-grafana", "Write the boards for Grafana, and how it finds them.");
  grafana->add_option("DIR", *directory, "where to; it is made if need be")->required();
  grafana->footer("Example:\n  troupe metrics export-grafana grafana\n\n" + std::string(exit_codes_help));
  add_runbook(*grafana);
  grafana->callback([&door, directory, runbook] {
    door.run = [directory, runbook] { return export_grafana(*directory, *runbook); };
  });

  CLI::App* rules = command->add_subcommand(
      "export-rules", "Write a configuration of Prometheus, with recording and alert rules and their tests.");
  rules->add_option("DIR", *directory, "where to; it is made if need be")->required();
  rules->footer(
      "Examples:\n  troupe metrics export-rules prometheus\n"
      "  troupe metrics export-rules prometheus --runbook-url https://wiki.example/troupe/runbook\n\n" +
      std::string(exit_codes_help));
  add_runbook(*rules);
  rules->callback(
      [&door, directory, runbook] { door.run = [directory, runbook] { return export_rules(*directory, *runbook); }; });

  CLI::App* list = command->add_subcommand("targets", "List the nodes that serve metrics.");
  door.add_scheduler_options(*list);
  door.add_output_option(*list);
  list->footer("Example:\n  troupe metrics targets\n\n" + std::string(exit_codes_help));
  list->callback([&door] { door.run = [&door] { return targets(door); }; });
}

}  // namespace troupe::apps
