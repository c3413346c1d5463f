#include "apps/metrics_boards.hpp"

#include <utility>

#include <boost/json.hpp>

namespace troupe::apps {

namespace json = boost::json;

namespace {

using Kind = Panel::Kind;

Panel panel(std::string title, std::string unit, std::string page, std::string description,
            std::vector<PanelQuery> queries, Kind kind = Kind::lines) {
  return {std::move(title), std::move(unit), std::move(queries), std::move(description), std::move(page), kind};
}

/// With the section of the runbook about what it shows.
Panel explained(std::string section, Panel panel) {
  panel.runbook = std::move(section);
  return panel;
}

/// Series of the workers that are chosen on the board.
std::string of(const std::string& metric, const std::string& matchers = {}) {
  return metric + "{troupe_worker=~\"${worker}\"" + (matchers.empty() ? "" : ", " + matchers) + "}";
}
std::string rate_of(const std::string& metric, const std::string& matchers = {}) {
  return "rate(" + of(metric, matchers) + "[5m])";
}

std::string quantile(const char* q, const std::string& metric, const std::string& by = {}) {
  const std::string labels = by.empty() ? "le" : "le, " + by;
  return std::string("histogram_quantile(") + q + ", sum by (" + labels + ") (rate(" + metric + "_bucket[5m])))";
}

Board overview() {
  return {
      "overview",
      "Troupe: overview",
      {
          explained("troupeworkerlossratehigh",
                    panel("Workers", "short", "/workers", "Workers by state.",
                          {{"sum by (state) (troupe_scheduler_workers)", "{{state}}"}}, Kind::stacked)),
          panel("Tasks", "short", "/status", "Tasks that the scheduler knows, by state.",
                {{"sum by (state) (troupe_scheduler_tasks)", "{{state}}"}}, Kind::stacked),
          panel("Throughput", "ops", "/tasks", "Tasks that made a value, a second.",
                {{"sum(rate(troupe_scheduler_tasks_finished_total[5m]))", "finished"}}),
          explained(
              "troupetaskerrorratiohigh",
              panel(
                  "Failures", "percentunit", "/exceptions", "Share of tasks that failed for good.",
                  {{"sum(rate(troupe_scheduler_tasks_erred_total[5m])) / clamp_min(sum(rate("
                    "troupe_scheduler_tasks_finished_total[5m])) + sum(rate(troupe_scheduler_tasks_erred_total[5m])), "
                    "1e-9)",
                    "failed"}})),
          explained("troupequeueagehigh", panel("Age of the queue", "s", "/tasks",
                                                "Since when the first of the tasks that wait for a worker does so.",
                                                {{"max(troupe_scheduler_queue_age_seconds)", "oldest"}})),
          explained("troupeclustermemoryhigh", panel("Memory of workers", "bytes", "/workers",
                                                     "Values, all else in the processes, and what they may use.",
                                                     {{"sum(troupe_worker_memory_managed_bytes)", "values"},
                                                      {"sum(troupe_worker_memory_unmanaged_bytes)", "other"},
                                                      {"sum(troupe_worker_spilled_bytes)", "on disk"},
                                                      {"sum(troupe_worker_memory_limit_bytes)", "limit"}})),
          panel("Bytes between workers", "Bps", "/status", "Values fetched from other workers.",
                {{"sum(rate(troupe_worker_transfer_received_bytes_total[5m]))", "received"}}),
          panel("Bytes to and from disk", "Bps", "/workers", "Values that did not fit into memory.",
                {{"sum(rate(troupe_worker_spill_write_bytes_total[5m]))", "written"},
                 {"sum(rate(troupe_worker_spill_read_bytes_total[5m]))", "read"}}),
          panel("Clients", "short", "/status", "Clients with a session.",
                {{"sum(troupe_scheduler_clients)", "clients"}}),
      }};
}

Board scheduler() {
  return {
      "scheduler",
      "Troupe: scheduler",
      {
          explained("troupeeventlooplaghigh",
                    panel("Lag of the loop", "s", "/system", "How late the scheduler's loop comes to its timers.",
                          {{"sum by (le) (rate(troupe_event_loop_lag_seconds_bucket{troupe_role=\"scheduler\"}[5m]))",
                            "{{le}}"}},
                          Kind::heatmap)),
          panel("Time of a decision", "s", "/system", "One turn: what came in is taken up, and tasks are placed.",
                {{quantile("0.5", "troupe_scheduler_decision_seconds"), "p50"},
                 {quantile("0.99", "troupe_scheduler_decision_seconds"), "p99"}}),
          panel("Changes of state", "ops", "/tasks", "Transitions of tasks, a second.",
                {{"sum(rate(troupe_scheduler_transitions_total[5m]))", "transitions"}}),
          panel("Submissions", "ops", "/groups", "Graph chunks, and tasks in them, a second.",
                {{"sum(rate(troupe_scheduler_submissions_total[5m]))", "chunks"},
                 {"sum(rate(troupe_scheduler_tasks_submitted_total[5m]))", "tasks"}}),
          panel("Time to take up a graph", "s", "/groups", "One chunk of it.",
                {{quantile("0.5", "troupe_scheduler_submit_duration_seconds"), "p50"},
                 {quantile("0.99", "troupe_scheduler_submit_duration_seconds"), "p99"}}),
          panel("Answers of the API", "s", "/system", "Making the answer to a request, by path.",
                {{quantile("0.5", "troupe_api_request_duration_seconds"), "p50"},
                 {quantile("0.99", "troupe_api_request_duration_seconds"), "p99"}}),
          panel("Viewers", "short", "/status", "Of the dashboard.",
                {{"sum(troupe_dashboard_streams)", "at a page"}, {"sum(troupe_dashboard_sessions)", "logged in"}}),
          panel("Work stolen", "short", "/stealing", "Expected time of tasks asked back and given, a second.",
                {{"sum(rate(troupe_stealing_requests_seconds_total[5m]))", "asked"},
                 {"sum(rate(troupe_stealing_confirmed_seconds_total[5m]))", "given"}}),
          panel("Stealing", "ops", "/stealing", "Tasks asked back from busy workers, given and kept.",
                {{"sum(rate(troupe_stealing_requests_total[5m]))", "asked"},
                 {"sum(rate(troupe_stealing_confirmed_total[5m]))", "given"},
                 {"sum(rate(troupe_stealing_rejected_total[5m]))", "kept"}}),
          panel("Kept", "ops", "/stealing", "Tasks asked back and not given, by reason.",
                {{"sum by (reason) (rate(troupe_stealing_rejected_total[5m]))", "{{reason}}"}}, Kind::stacked),
          explained(
              "trouperecomputestorm",
              panel("Done again", "ops", "/exceptions", "Tasks handed out again after they had been before, by reason.",
                    {{"sum by (reason) (rate(troupe_scheduler_task_retries_total[5m]))", "{{reason}}"}},
                    Kind::stacked)),
          panel("Mailboxes", "short", "/system", "Messages that wait for actors of the scheduler's process.",
                {{"sum by (actor) (troupe_actor_mailbox_messages{troupe_role=\"scheduler\"})", "{{actor}}"}}),
          panel("Clocks", "s", "/workers", "What the clock of a worker differs from the scheduler's by, at most.",
                {{"max(troupe_scheduler_worker_clock_skew_seconds)", "worst"}}),
          panel("CPU", "short", "/system", "Cores that the scheduler's process uses.",
                {{"rate(process_cpu_seconds_total{troupe_role=\"scheduler\"}[5m])", "{{instance}}"}}),
          panel("Memory", "bytes", "/system", "Of the scheduler's process.",
                {{"process_resident_memory_bytes{troupe_role=\"scheduler\"}", "{{instance}}"}}),
      }};
}

Board workers() {
  return {
      "workers",
      "Troupe: workers",
      {
          panel("CPU", "short", "/workers", "Cores in use.",
                {{rate_of("process_cpu_seconds_total", "troupe_role=\"worker\""), "{{troupe_worker}}"}}),
          panel("Memory: values", "bytes", "/workers", "Values in memory.",
                {{of("troupe_worker_memory_managed_bytes"), "{{troupe_worker}}"}}),
          panel("Memory: other", "bytes", "/workers", "Memory of the process beside its values.",
                {{of("troupe_worker_memory_unmanaged_bytes"), "{{troupe_worker}}"}}),
          panel("Received", "Bps", "/workers", "Values fetched from other workers.",
                {{rate_of("troupe_worker_transfer_received_bytes_total"), "{{troupe_worker}}"}}),
          panel("Sent", "Bps", "/workers", "Values given to others.",
                {{rate_of("troupe_worker_transfer_sent_bytes_total"), "{{troupe_worker}}"}}),
          panel("To disk", "Bps", "/workers", "Values written to disk.",
                {{rate_of("troupe_worker_spill_write_bytes_total"), "{{troupe_worker}}"}}),
          panel("Threads in use", "percentunit", "/status", "Tasks that run, of the threads there are.",
                {{of("troupe_worker_tasks", "state=\"executing\"") + " / on (instance) troupe_worker_threads",
                  "{{instance}}"}}),
          explained(
              "troupeeventlooplaghigh",
              panel("Lag of the loops", "s", "/workers", "How late workers' loops come to their timers.",
                    {{"sum by (le) (" + rate_of("troupe_event_loop_lag_seconds_bucket", "troupe_role=\"worker\"") + ")",
                      "{{le}}"}},
                    Kind::heatmap)),
          panel("Way to the scheduler", "s", "/workers", "From a heartbeat's being sent to its answer.",
                {{quantile("0.5", "troupe_worker_heartbeat_rtt_seconds"), "p50"},
                 {quantile("0.99", "troupe_worker_heartbeat_rtt_seconds"), "p99"}}),
          panel("Mailboxes", "short", "/workers", "Messages that wait for actors of workers' processes.",
                {{"sum by (troupe_worker) (" + of("troupe_actor_mailbox_messages", "troupe_role=\"worker\"") + ")",
                  "{{troupe_worker}}"}}),
          panel("Clocks", "s", "/workers", "By which a worker's clock is ahead of the scheduler's.",
                {{of("troupe_worker_clock_skew_seconds"), "{{troupe_worker}}"}}),
          panel("Graphics processors", "percentunit", "/workers", "Share of time in which anything ran on one.",
                {{of("troupe_worker_gpu_utilization_ratio"), "{{troupe_worker}} {{device}}"}}),
          panel("Memory of graphics processors", "bytes", "/workers",
                "What the worker's process uses, and what all do.",
                {{of("troupe_worker_gpu_memory_own_bytes"), "{{troupe_worker}} {{device}}: own"},
                 {of("troupe_worker_gpu_memory_used_bytes"), "{{troupe_worker}} {{device}}: used"},
                 {of("troupe_worker_gpu_memory_size_bytes"), "{{troupe_worker}} {{device}}: there is"}}),
          panel("Held by the allocator", "bytes", "/workers", "Memory that the allocator holds of the system.",
                {{of("troupe_allocator_resident_bytes", "troupe_role=\"worker\""), "{{troupe_worker}}"}}),
          explained("troupeworkerpaused",
                    panel("Paused", "short", "/workers", "1 while nothing new is started, since memory is nearly full.",
                          {{of("troupe_worker_paused"), "{{troupe_worker}}"}})),
      }};
}

Board work() {
  return {"work",
          "Troupe: work",
          {
              panel("Rate", "ops", "/tasks", "Tasks that made a value, by function.",
                    {{"sum by (prefix) (rate(troupe_scheduler_tasks_finished_total[5m]))", "{{prefix}}"}}),
              panel("Duration, median", "s", "/tasks", "Time in the function.",
                    {{quantile("0.5", "troupe_scheduler_task_duration_seconds", "prefix"), "{{prefix}}"}}),
              panel("Duration, p95", "s", "/tasks", "Time in the function.",
                    {{quantile("0.95", "troupe_scheduler_task_duration_seconds", "prefix"), "{{prefix}}"}}),
              panel("Duration, p99", "s", "/tasks", "Time in the function.",
                    {{quantile("0.99", "troupe_scheduler_task_duration_seconds", "prefix"), "{{prefix}}"}}),
              explained("troupetaskerrorratiohigh",
                        panel("Failures", "ops", "/exceptions", "Tasks that failed for good, by function.",
                              {{"sum by (prefix) (rate(troupe_scheduler_tasks_erred_total[5m]))", "{{prefix}}"}})),
              panel("Threads at work", "short", "/tasks", "Time in functions a second, by function.",
                    {{"sum by (prefix) (rate(troupe_scheduler_tasks_compute_seconds_total[5m]))", "{{prefix}}"}}),
              panel("Changes of state", "ops", "/tasks", "Tasks that came into a state, a second.",
                    {{"sum by (state) (rate(troupe_scheduler_task_transitions_total[5m]))", "{{state}}"}}),
              panel("Output", "bytes", "/status", "Size of all values made so far, by function.",
                    {{"sum by (prefix) (troupe_scheduler_tasks_output_bytes)", "{{prefix}}"}}),
              panel("Attempts made again", "ops", "/exceptions", "After one that failed, by function.",
                    {{"sum by (prefix) (rate(troupe_scheduler_tasks_retried_total[5m]))", "{{prefix}}"}}),
          }};
}

Board transfers() {
  return {
      "transfers",
      "Troupe: transfers and disk",
      {
          panel("Values received", "ops", "/workers", "From other workers.",
                {{"sum(rate(troupe_worker_transfers_received_total[5m]))", "values"}}),
          panel("Bytes of a value", "bytes", "/workers", "Mean of those received.",
                {{"sum(rate(troupe_worker_transfer_received_bytes_total[5m])) / "
                  "clamp_min(sum(rate(troupe_worker_transfers_received_total[5m])), 1e-9)",
                  "mean"}}),
          panel("Time of a transfer", "s", "/workers", "From asking to having the values.",
                {{quantile("0.5", "troupe_worker_transfer_duration_seconds"), "p50"},
                 {quantile("0.99", "troupe_worker_transfer_duration_seconds"), "p99"}}),
          panel("Under way", "short", "/workers", "Fetches, and requests of others being answered.",
                {{"sum(troupe_worker_transfers_incoming)", "incoming"},
                 {"sum(troupe_worker_transfers_outgoing)", "outgoing"}}),
          panel("Bandwidth", "Bps", "/system", "What a worker is thought to receive from another.",
                {{"max(troupe_scheduler_bandwidth_bytes_per_second)", "learnt"}}),
          panel("Copied on the way", "Bps", "/workers", "Bytes of large buffers copied in user space.",
                {{"sum(rate(troupe_worker_transfer_copied_bytes_total[5m]))", "copied"}}),
          explained("troupespillerrors", panel("On disk", "bytes", "/workers", "Files that values were written to.",
                                               {{"sum(troupe_worker_spill_disk_bytes)", "files"}})),
          explained("troupespilldisknearlyfull",
                    panel("Room on disk", "percentunit", "/workers", "Free, of the file system for values, by worker.",
                          {{"troupe_worker_spill_disk_free_bytes / (troupe_worker_spill_disk_size_bytes > 0)",
                            "{{troupe_worker}}"}})),
          panel("Values to and from disk", "ops", "/workers", "Writes and reads.",
                {{"sum(rate(troupe_worker_spill_writes_total[5m]))", "written"},
                 {"sum(rate(troupe_worker_spill_reads_total[5m]))", "read"}}),
          panel("Time for disk", "short", "/workers", "Threads that encode, pack and write, or read and unpack.",
                {{"sum(rate(troupe_worker_spill_write_seconds_total[5m]))", "writing"},
                 {"sum(rate(troupe_worker_spill_read_seconds_total[5m]))", "reading"}}),
      }};
}

Board capacity() {
  return {
      "capacity",
      "Troupe: capacity",
      {
          explained(
              "troupenoworkerswithqueuedtasks",
              panel("Workers that are there", "short", "/workers", "And those that are wanted.",
                    {{"sum(troupe_scheduler_workers)", "there"}, {"sum(troupe_scheduler_desired_workers)", "wanted"}})),
          panel(
              "Threads", "short", "/workers", "Of all workers, and those that run a task.",
              {{"sum(troupe_worker_threads)", "threads"}, {"sum(troupe_worker_tasks{state=\"executing\"})", "in use"}}),
          panel("Idle", "percentunit", "/workers", "Share of workers with nothing assigned.",
                {{"sum(troupe_scheduler_workers{state=\"idle\"}) / clamp_min(sum(troupe_scheduler_workers), 1)",
                  "idle"}}),
          explained("troupetasksstucknoworker",
                    panel("Waiting for room", "short", "/status", "Tasks that are ready, and wait for a worker.",
                          {{"sum(troupe_scheduler_tasks{state=\"queued\"})", "queued"},
                           {"sum(troupe_scheduler_tasks{state=\"no_worker\"})", "no worker may run them"}})),
          panel("Memory in use", "percentunit", "/workers", "Of what workers may use.",
                {{"(sum(troupe_worker_memory_managed_bytes) + sum(troupe_worker_memory_unmanaged_bytes)) / "
                  "clamp_min(sum(troupe_worker_memory_limit_bytes), 1)",
                  "in use"}}),
          explained("troupeworkerlossratehigh",
                    panel("Workers that left", "ops", "/events", "By reason.",
                          {{"sum by (reason) (rate(troupe_scheduler_workers_removed_total[5m]))", "{{reason}}"}})),
      }};
}

json::object target_json(const PanelQuery& query, std::size_t number) {
  return {{"datasource", json::object{{"type", "prometheus"}, {"uid", "${datasource}"}}},
          {"expr", query.expression},
          {"legendFormat", query.legend},
          {"refId", std::string(1, static_cast<char>('A' + number))}};
}

json::object panel_json(const Panel& panel, std::size_t number) {
  json::array targets;
  for (std::size_t i = 0; i < panel.queries.size(); ++i) targets.push_back(target_json(panel.queries[i], i));
  constexpr unsigned width = 12;
  constexpr unsigned height = 8;
  json::object custom{{"fillOpacity", panel.kind == Kind::stacked ? 40 : 5}, {"showPoints", "never"}};
  if (panel.kind == Kind::stacked) custom["stacking"] = json::object{{"mode", "normal"}, {"group", "A"}};
  if (panel.kind == Kind::heatmap)
    for (auto& target : targets) target.as_object()["format"] = "heatmap";
  json::object document{
      {"id", number + 1},
      {"title", panel.title},
      {"description", panel.description},
      {"type", panel.kind == Kind::heatmap  ? "heatmap"
               : panel.kind == Kind::number ? "stat"
                                            : "timeseries"},
      {"datasource", json::object{{"type", "prometheus"}, {"uid", "${datasource}"}}},
      {"gridPos", json::object{{"x", (number % 2) * width}, {"y", (number / 2) * height}, {"w", width}, {"h", height}}},
      {"targets", std::move(targets)},
      {"fieldConfig", json::object{{"defaults", json::object{{"unit", panel.unit}, {"custom", std::move(custom)}}},
                                   {"overrides", json::array{}}}},
      {"links", json::array{json::object{
                    {"title", "In Troupe's dashboard"}, {"url", "${dashboard}" + panel.page}, {"targetBlank", true}}}}};
  if (!panel.runbook.empty())
    document["links"].as_array().push_back(
        json::object{{"title", "What to look at"}, {"url", "${runbook}#" + panel.runbook}, {"targetBlank", true}});
  return document;
}

json::object text_variable(const char* name, const char* label, const std::string& value) {
  return {{"name", name},
          {"label", label},
          {"type", "textbox"},
          {"query", value},
          {"current", json::object{{"text", value}, {"value", value}}},
          {"hide", 0}};
}

json::array variables_json(const Board& board, const std::string& runbook) {
  json::object source{{"name", "datasource"},  {"label", "Prometheus"},     {"type", "datasource"},
                      {"query", "prometheus"}, {"current", json::object{}}, {"hide", 0}};
  json::array all{std::move(source), text_variable("dashboard", "Troupe's dashboard", "http://127.0.0.1:8787"),
                  text_variable("runbook", "Runbook", runbook)};
  if (board.name == "workers")
    all.push_back(json::object{{"name", "worker"},
                               {"label", "Worker"},
                               {"type", "query"},
                               {"datasource", json::object{{"type", "prometheus"}, {"uid", "${datasource}"}}},
                               {"query", "label_values(troupe_worker_threads, troupe_worker)"},
                               {"refresh", 2},
                               {"sort", 1},
                               {"multi", true},
                               {"includeAll", true},
                               {"allValue", ".*"},
                               {"current", json::object{{"text", "All"}, {"value", "$__all"}}},
                               {"hide", 0}});
  return all;
}

}  // namespace

const std::vector<Board>& boards() {
  static const std::vector<Board> all{overview(), scheduler(), workers(), work(), transfers(), capacity()};
  return all;
}

json::object grafana_json(const Board& board, const std::string& runbook) {
  json::array panels;
  for (std::size_t i = 0; i < board.panels.size(); ++i) panels.push_back(panel_json(board.panels[i], i));
  return {{"uid", "troupe-" + board.name},
          {"title", board.title},
          {"tags", json::array{"troupe"}},
          {"schemaVersion", 38},
          {"version", 1},
          {"editable", true},
          {"refresh", "10s"},
          {"time", json::object{{"from", "now-30m"}, {"to", "now"}}},
          {"templating", json::object{{"list", variables_json(board, runbook)}}},
          {"annotations",
           json::object{
               {"list", json::array{json::object{
                            {"name", "Workers lost"},
                            {"enable", true},
                            {"iconColor", "red"},
                            {"datasource", json::object{{"type", "prometheus"}, {"uid", "${datasource}"}}},
                            {"expr", "sum(increase(troupe_scheduler_workers_removed_total{reason=\"lost\"}[1m])) > 0"},
                            {"titleFormat", "a worker was lost"}}}}}},
          {"panels", std::move(panels)}};
}

}  // namespace troupe::apps
