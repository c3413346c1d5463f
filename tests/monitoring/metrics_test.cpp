#include "monitoring/metrics.hpp"

#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <zlib.h>

#include "monitoring/client_collector.hpp"
#include "monitoring/cluster_collector.hpp"
#include "monitoring/collectors.hpp"
#include "monitoring/dask_names.hpp"
#include "tests/monitoring/promtool.hpp"

namespace troupe::monitoring {
namespace {

using testing::HasSubstr;
using testing::Not;

SchedulerCounters some_scheduler() {
  SchedulerCounters c;
  c.tasks[static_cast<std::size_t>(TaskState::processing)] = 3;
  c.tasks[static_cast<std::size_t>(TaskState::forgotten)] = 17;
  c.workers_running = 5;
  c.workers_idle = 2;
  c.workers_saturated = 1;
  c.workers_lost = 4;
  c.steal_requests = 9;
  c.prefixes["add"] = {.finished = 10, .suspicious = 1, .compute_us = 2'500'000, .output_bytes = 80};
  c.prefixes["add"].entered[static_cast<std::size_t>(TaskState::memory)] = 12;
  c.steal_requests_us = 1'500'000;
  c.prefixes["weird \"name\"\\\n"] = {.finished = 1};
  return c;
}

std::unique_ptr<Metrics> some_metrics() {
  auto metrics = std::make_unique<Metrics>(BuildInfo{"0.1.0", "abc", "gcc"});
  metrics->add_scheduler(some_scheduler);
  metrics->add_worker([] { return WorkerCounters{.threads = 2, .executing = 1, .compute_us = 1500}; });
  return metrics;
}

TEST(Metrics, shows_what_moved_between_workers_and_to_disk) {
  Metrics metrics(BuildInfo{"0.1.0", "abc", "gcc"});
  metrics.add_scheduler([] {
    SchedulerCounters c;
    c.steals_confirmed = 5;
    c.steals_rejected[static_cast<std::size_t>(KeptReason::worker_gone)] = 6;
    c.retries[static_cast<std::size_t>(RetryReason::input_lost)] = 7;
    c.queue_age_s = 61;
    c.bandwidth = 125e6;
    return c;
  });
  metrics.add_worker([] {
    return WorkerCounters{.transfers_received = 3,
                          .transfers_sent = 4,
                          .received_bytes = 300,
                          .sent_bytes = 400,
                          .transfers_incoming = 1,
                          .transfers_outgoing = 2,
                          .spill_written_bytes = 70,
                          .spill_read_bytes = 80,
                          .spill_writes = 7,
                          .spill_reads = 8,
                          .spill_write_ns = 2'500'000'000,
                          .spill_disk_bytes = 9};
  });
  const std::string body = metrics.scrape("", "").body;
  for (const char* line :
       {"troupe_stealing_confirmed_total 5\n", "troupe_stealing_rejected_total{reason=\"worker_gone\"} 6\n",
        "troupe_stealing_rejected_total{reason=\"started\"} 0\n",
        "troupe_scheduler_task_retries_total{reason=\"input_lost\"} 7\n",
        "troupe_scheduler_task_retries_total{reason=\"error\"} 0\n", "troupe_scheduler_queue_age_seconds 61\n",
        "troupe_scheduler_bandwidth_bytes_per_second 125000000\n", "troupe_worker_transfers_received_total 3\n",
        "troupe_worker_transfers_sent_total 4\n", "troupe_worker_transfer_received_bytes_total 300\n",
        "troupe_worker_transfer_sent_bytes_total 400\n", "troupe_worker_transfers_incoming 1\n",
        "troupe_worker_transfers_outgoing 2\n", "troupe_worker_spill_write_bytes_total 70\n",
        "troupe_worker_spill_read_bytes_total 80\n", "troupe_worker_spill_writes_total 7\n",
        "troupe_worker_spill_reads_total 8\n", "troupe_worker_spill_write_seconds_total 2.5\n",
        "troupe_worker_spill_disk_bytes 9\n"})
    EXPECT_THAT(body, HasSubstr(line));
}

Surroundings some_surroundings() {
  return {300, 1000, 2500, -1'500'000, {{"H\"100", 42, 4, 16, 1}, {"old", -1, 0, 8, 0}}};
}

TEST(Metrics, shows_what_a_worker_knows_of_its_machine_and_of_the_way_to_the_scheduler) {
  Metrics metrics(BuildInfo{"0.1.0", "abc", "gcc"});
  metrics.add(std::make_shared<SurroundingsCollector>(some_surroundings));
  WorkerDurations durations;
  durations.heartbeats.add(2500);
  metrics.add(std::make_shared<WorkerDurationsCollector>([=] { return durations; }));
  metrics.add(std::make_shared<MailboxCollector>([] {
    return std::map<std::string, std::uint64_t>{{"client", 0}, {"worker", 7}};
  }));
  const std::string body = metrics.scrape("", "").body;
  for (const char* line :
       {"troupe_worker_latency_seconds 0.0025\n", "troupe_worker_clock_skew_seconds -1.5\n",
        "troupe_worker_spill_disk_free_bytes 300\n", "troupe_worker_spill_disk_size_bytes 1000\n",
        "troupe_worker_gpu_info{device=\"0\",name=\"H\\\"100\"} 1\n",
        "troupe_worker_gpu_utilization_ratio{device=\"0\"} 0.42\n",
        "troupe_worker_gpu_memory_used_bytes{device=\"0\"} 4\n",
        "troupe_worker_gpu_memory_size_bytes{device=\"1\"} 8\n", "troupe_worker_gpu_memory_own_bytes{device=\"0\"} 1\n",
        "troupe_worker_heartbeat_rtt_seconds_count 1\n",
        "troupe_worker_heartbeat_rtt_seconds_bucket{le=\"0.001024\"} 0\n",
        "troupe_worker_heartbeat_rtt_seconds_bucket{le=\"0.004096\"} 1\n",
        "troupe_actor_mailbox_messages{actor=\"client\"} 0\n", "troupe_actor_mailbox_messages{actor=\"worker\"} 7\n"})
    EXPECT_THAT(body, HasSubstr(line));
  EXPECT_THAT(body, Not(HasSubstr("utilization_ratio{device=\"1\"}"))) << "the driver does not tell";
  EXPECT_EQ(promtool(body), "");
  metrics.show_dask_names();
  EXPECT_THAT(metrics.scrape("", "").body, HasSubstr("\ndask_worker_latency_seconds 0.0025\n"));
}

TEST(Metrics, of_a_client_show_what_it_counted) {
  Metrics metrics(BuildInfo{"0.1.0", "abc", "gcc"});
  metrics.add(std::make_shared<ClientCollector>([] {
    ClientCounters c{true, 2, 3, 400, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, {}};
    c.requests.add(1500);
    return c;
  }));
  const std::string body = metrics.scrape("", "").body;
  for (const char* line :
       {"troupe_client_connected 1\n", "troupe_client_reconnections_total 2\n", "troupe_client_submissions_total 3\n",
        "troupe_client_tasks_submitted_total 400\n", "troupe_client_futures_done_total{state=\"finished\"} 5\n",
        "troupe_client_futures_done_total{state=\"erred\"} 6\n",
        "troupe_client_futures_done_total{state=\"cancelled\"} 7\n",
        "troupe_client_futures_done_total{state=\"lost\"} 8\n", "troupe_client_values_received_total 9\n",
        "troupe_client_received_bytes_total 10\n", "troupe_client_fetches_failed_total 11\n",
        "troupe_client_values_scattered_total 12\n", "troupe_client_scattered_bytes_total 13\n",
        "troupe_client_waiting_chunks 14\n", "troupe_client_request_duration_seconds_count 1\n"})
    EXPECT_THAT(body, HasSubstr(line));
  EXPECT_EQ(promtool(body), "");
}

TEST(Metrics, without_graphics_processors_nothing_is_said_of_them) {
  Metrics metrics(BuildInfo{"0.1.0", "abc", "gcc"});
  metrics.add(std::make_shared<SurroundingsCollector>([] { return Surroundings{}; }));
  EXPECT_THAT(metrics.scrape("", "").body, Not(HasSubstr("gpu")));
}

TEST(Metrics, promtool_finds_nothing_to_say) {
  const std::string body = some_metrics()->scrape("", "").body;
  EXPECT_EQ(promtool(body), "") << body;
}

TEST(Metrics, shows_the_names_operators_know_with_values_of_the_snapshot) {
  const auto page = some_metrics()->scrape("text/plain", "");
  EXPECT_EQ(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line : {"troupe_scheduler_tasks{state=\"processing\"} 3\n",
                           "troupe_scheduler_tasks{state=\"erred\"} 0\n",
                           "troupe_scheduler_tasks_forgotten_total 17\n",
                           "troupe_scheduler_workers{state=\"idle\"} 2\n",
                           "troupe_scheduler_workers{state=\"partially_saturated\"} 2\n",
                           "troupe_scheduler_workers{state=\"saturated\"} 1\n",
                           "troupe_scheduler_workers_removed_total{reason=\"lost\"} 4\n",
                           "troupe_scheduler_workers_removed_total{reason=\"drained\"} 0\n",
                           "troupe_scheduler_tasks_suspicious_total{prefix=\"add\"} 1\n",
                           "troupe_scheduler_tasks_compute_seconds_total{prefix=\"add\"} 2.5\n",
                           "troupe_scheduler_tasks_output_bytes{prefix=\"add\"} 80\n",
                           "troupe_stealing_requests_total 9\n",
                           "troupe_stealing_requests_seconds_total 1.5\n",
                           "troupe_worker_threads_idle 1\n",
                           "troupe_scheduler_task_transitions_total{prefix=\"add\",state=\"memory\"} 12\n",
                           "troupe_scheduler_task_transitions_total{prefix=\"add\",state=\"forgotten\"} 0\n",
                           "troupe_worker_tasks{state=\"executing\"} 1\n",
                           "troupe_worker_threads 2\n",
                           "troupe_build_info{version=\"0.1.0\",revision=\"abc\",compiler=\"gcc\"} 1\n",
                           "# TYPE process_cpu_seconds_total counter\n"})
    EXPECT_THAT(page.body, HasSubstr(line));
  EXPECT_THAT(page.body, Not(HasSubstr("{state=\"forgotten\"}")));
}

double value_of(const std::string& body, const std::string& name) {
  const auto at = body.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::strtod(body.c_str() + at + 1 + name.size(), nullptr);
}

TEST(Metrics, reads_the_process_from_proc) {
  const std::string body = some_metrics()->scrape("", "").body;
  EXPECT_GT(value_of(body, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value_of(body, "process_virtual_memory_bytes"), value_of(body, "process_resident_memory_bytes"));
  EXPECT_GE(value_of(body, "process_open_fds"), 3);
  EXPECT_GT(value_of(body, "process_max_fds"), value_of(body, "process_open_fds"));
  EXPECT_GE(value_of(body, "process_threads"), 1);
  EXPECT_NEAR(value_of(body, "process_start_time_seconds"), static_cast<double>(::time(nullptr)), 3600);
}

TEST(Metrics, many_prefixes_end_in_other_and_are_counted) {
  Metrics metrics({});
  metrics.add_scheduler([] {
    SchedulerCounters c;
    for (int i = 0; i < 1000; ++i) c.prefixes[fmt::format("f{:04}", i)].finished = 1;
    c.prefixes["other"].finished = 5;  // the machine's own remainder
    return c;
  });
  const std::string body = metrics.scrape("", "").body;
  EXPECT_THAT(body, HasSubstr("troupe_scheduler_tasks_finished_total{prefix=\"f0199\"} 1\n"));
  EXPECT_THAT(body, Not(HasSubstr("f0200")));
  EXPECT_THAT(body, HasSubstr("troupe_scheduler_tasks_finished_total{prefix=\"other\"} 805\n"));
  EXPECT_THAT(body, HasSubstr("troupe_metrics_label_overflow_total 800\n"));
  EXPECT_LT(body.size(), 1U << 20);
}

TEST(Metrics, names_that_would_break_a_page_are_made_harmless_and_stay_one_series_each) {
  Metrics metrics({});
  metrics.add_scheduler([] {
    SchedulerCounters c;
    c.prefixes["a\x1b[31m"].finished = 1;
    c.prefixes["a\x07[31m"].finished = 2;
    c.prefixes["bad \xff utf"].finished = 3;
    c.prefixes["gr\xc3\xbc\xc3\x9f"].finished = 4;
    c.prefixes[std::string(100'000, 'x')].finished = 5;
    return c;
  });
  const std::string body = metrics.scrape("", "").body;
  EXPECT_THAT(body, HasSubstr("{prefix=\"a?[31m\"} 3\n"));
  EXPECT_THAT(body, HasSubstr("{prefix=\"bad ? utf\"} 3\n"));
  EXPECT_THAT(body, HasSubstr("{prefix=\"gr\xc3\xbc\xc3\x9f\"} 4\n"));
  EXPECT_LT(body.size(), 20'000U);
}

TEST(Metrics, open_metrics_is_spoken_when_asked_for) {
  const auto page =
      some_metrics()->scrape("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2", "");
  EXPECT_EQ(page.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(page.body.ends_with("# EOF\n"));
  EXPECT_THAT(page.body, HasSubstr("# TYPE troupe_scheduler_tasks_forgotten counter\n"));
  EXPECT_THAT(page.body, HasSubstr("\ntroupe_scheduler_tasks_forgotten_total 17\n"));
  EXPECT_THAT(page.body, HasSubstr("# UNIT troupe_scheduler_tasks_compute_seconds seconds\n"));
  EXPECT_THAT(page.body, HasSubstr("# TYPE troupe_build info\n"));
  EXPECT_THAT(page.body, HasSubstr("\ntroupe_build_info{version=\"0.1.0\""));
  EXPECT_THAT(page.body, HasSubstr("{prefix=\"weird \\\"name\\\"\\\\?\"}"));
  // No family twice, as the format demands.
  std::set<std::string> seen;
  std::istringstream lines(page.body);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(!line.starts_with("# TYPE ") || seen.insert(line).second) << line;
  }
}

TEST(Metrics, boards_made_for_dask_find_its_names_if_that_is_asked_for) {
  const auto metrics = some_metrics();
  EXPECT_THAT(metrics->scrape("", "").body, Not(HasSubstr("dask_")));
  metrics->show_dask_names();
  const std::string page = metrics->scrape("", "").body;
  std::set<std::string> names;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("# TYPE dask_")) names.insert(line.substr(7, line.find(' ', 7) - 7));
  EXPECT_THAT(
      names,
      testing::UnorderedElementsAre(
          "dask_scheduler_clients", "dask_scheduler_client_connections_added_total",
          "dask_scheduler_client_connections_removed_total", "dask_scheduler_workers",
          "dask_scheduler_workers_added_total", "dask_scheduler_workers_removed_total", "dask_scheduler_tasks",
          "dask_scheduler_tasks_forgotten_total", "dask_scheduler_tasks_suspicious_total", "dask_scheduler_task_groups",
          "dask_scheduler_tasks_compute_seconds_total", "dask_scheduler_tasks_output_bytes",
          "dask_scheduler_prefix_state_totals_total", "dask_stealing_request_count_total",
          "dask_stealing_request_cost_total", "dask_worker_tasks", "dask_worker_threads", "dask_worker_memory_bytes",
          "dask_worker_transfer_incoming_count", "dask_worker_transfer_incoming_count_total",
          "dask_worker_transfer_outgoing_count", "dask_worker_transfer_outgoing_count_total",
          "dask_worker_transfer_outgoing_bytes_total", "dask_worker_spill_bytes_total", "dask_worker_spill_count_total",
          "dask_worker_spill_time_seconds_total"));
  EXPECT_THAT(page, HasSubstr("\ndask_scheduler_tasks{state=\"processing\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("\ndask_scheduler_tasks_suspicious_total{task_prefix_name=\"add\"} 1\n"));
  EXPECT_THAT(page,
              HasSubstr("\ndask_scheduler_prefix_state_totals_total{task_prefix_name=\"add\",state=\"memory\"} 12\n"))
      << "changes into the state";
  EXPECT_THAT(
      page, HasSubstr("\ndask_scheduler_prefix_state_totals_total{task_prefix_name=\"add\",state=\"no-worker\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\ndask_scheduler_tasks{state=\"no-worker\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\ndask_worker_tasks{state=\"long-running\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\ndask_stealing_request_cost_total 1.5\n"));
  EXPECT_THAT(page, HasSubstr("\ndask_scheduler_workers_removed_total 4\n"));
  EXPECT_THAT(page, HasSubstr("\ndask_worker_memory_bytes{type=\"spilled\"} 0\n"));
}

TEST(Metrics, ticks_of_a_loop_are_those_of_the_node_that_it_is_of) {
  Metrics metrics(BuildInfo{"0.1.0", "abc", "gcc"});
  metrics.add_worker([] { return WorkerCounters{}; });
  metrics.add(std::make_shared<LagProbe>([] {}));
  metrics.show_dask_names();
  const std::string page = metrics.scrape("", "").body;
  EXPECT_THAT(page, HasSubstr("# TYPE dask_worker_tick_count_total counter\ndask_worker_tick_count_total "));
  EXPECT_THAT(page, Not(HasSubstr("dask_scheduler_tick")));
}

/// The rows of a table of a document, cell by cell.
std::vector<std::vector<std::string>> table_rows(const std::string& file, std::string_view first_cell) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| " + std::string(first_cell))) continue;
    auto& row = rows.emplace_back();
    std::istringstream cells(line.substr(2));
    for (std::string cell; std::getline(cells, cell, '|');) row.push_back(cell);
  }
  return rows;
}

TEST(Metrics, the_document_says_of_each_of_the_names_of_dask_what_it_is_here) {
  std::map<std::string, std::set<std::string>> ours;
  for (const auto& [dask, here] : dask_names()) ours[std::string(dask)].insert(std::string(here));
  const auto rows = table_rows(TROUPE_DOCS "/metrics.md", "`dask_");
  EXPECT_EQ(rows.size(), 49U);
  std::map<std::string, std::set<std::string>> said;
  for (const auto& row : rows) {
    if (row.at(1).starts_with(" none")) continue;
    auto& names = said[row.at(0).substr(1, row.at(0).find('`', 1) - 1)];
    for (std::size_t at = row.at(1).find("`troupe_"); at != std::string::npos; at = row.at(1).find("`troupe_", at + 1))
      names.insert(row.at(1).substr(at + 1, row.at(1).find('`', at + 1) - at - 1));
  }
  EXPECT_EQ(said, ours);
}

TEST(Metrics, gzip_is_used_when_the_scraper_takes_it) {
  auto metrics = some_metrics();
  EXPECT_EQ(metrics->scrape("", "deflate, gzip;q=0").content_encoding, "");
  const auto page = metrics->scrape("", "deflate, gzip;q=0.8");
  ASSERT_EQ(page.content_encoding, "gzip");
  std::string plain(1 << 20, '\0');
  z_stream stream{};
  ASSERT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(page.body.data()));
  stream.avail_in = static_cast<uInt>(page.body.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  plain.resize(stream.total_out);
  ::inflateEnd(&stream);
  EXPECT_THAT(plain, HasSubstr("troupe_scheduler_clients 0\n"));
}

TEST(Metrics, a_source_that_throws_is_counted_and_the_rest_is_shown) {
  auto metrics = some_metrics();
  metrics->add_worker([]() -> WorkerCounters { throw std::runtime_error("gone"); });
  const std::string body = metrics->scrape("", "").body;
  EXPECT_THAT(body, HasSubstr("troupe_scrape_errors_total 1\n"));
  EXPECT_THAT(body, HasSubstr("troupe_scheduler_clients 0\n"));
  EXPECT_THAT(metrics->scrape("", "").body, HasSubstr("troupe_scrapes_total 2\n"));
}

TEST(Metrics, two_nodes_of_one_process_do_not_share_their_series) {
  Metrics scheduler({});
  scheduler.add_scheduler(some_scheduler);
  Metrics worker({});
  worker.add_worker([] { return WorkerCounters{}; });
  EXPECT_THAT(worker.scrape("", "").body, Not(HasSubstr("troupe_scheduler")));
  EXPECT_THAT(scheduler.scrape("", "").body, Not(HasSubstr("troupe_worker")));
}

TEST(Accepts, reads_lists_and_qualities) {
  EXPECT_TRUE(accepts("a, b;q=0.5 ,c", "b"));
  EXPECT_FALSE(accepts("a, b;q=0", "b"));
  EXPECT_FALSE(accepts("ab", "a"));
  EXPECT_FALSE(accepts("", "a"));
}

}  // namespace
}  // namespace troupe::monitoring
