#include "actors/performance_report.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "actors/connect.hpp"
#include "actors/errors.hpp"
#include "actors/local_cluster.hpp"
#include "monitoring/http_client.hpp"
#include "monitoring/report.hpp"
#include "protocol/access.hpp"

namespace troupe {

namespace json = boost::json;

/// The pages of a scheduler, for who has its access file.
class SchedulerPages {
public:
  explicit SchedulerPages(AccessFile access) : access_(std::move(access)) {
    if (access_.http_address.empty())
      throw Failure(ErrorKind::failed, "this scheduler serves no pages, which this needs: it runs without a dashboard");
  }

  [[nodiscard]] Result<std::string> get(const std::string& target) const {
    auto reply = monitoring::ask_page({access_.http_address, access_.http_token.reveal_hex(), "GET", target});
    if (!reply) return tl::unexpected(reply.error());
    if (reply->status != 200)
      return fail(ErrorKind::failed, fmt::format("{} answered with status {}", access_.http_address, reply->status));
    return std::move(reply->body);
  }

private:
  AccessFile access_;
};

namespace {

std::unique_ptr<SchedulerPages> pages_of(const LocalCluster& cluster) {
  return std::make_unique<SchedulerPages>(cluster.connect_options().access);
}

std::unique_ptr<SchedulerPages> pages_of(const std::string& access_file) {
  auto access = AccessFile::read(access_file.empty() ? default_access_path() : std::filesystem::path(access_file));
  if (!access) throw InvalidRequest(access.error().text);
  return std::make_unique<SchedulerPages>(std::move(*access));
}

void write_file(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text << std::flush;
  if (!out) throw Failure(ErrorKind::failed, fmt::format("{}: {}", file, std::strerror(errno)));
}

double unix_ms_now() {
  return std::chrono::duration<double, std::milli>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

PerformanceReport::PerformanceReport(const LocalCluster& cluster, std::string file)
    : pages_(pages_of(cluster)), file_(std::move(file)), begun_(std::chrono::steady_clock::now()) {}

PerformanceReport::PerformanceReport(std::string file, const std::string& access_file)
    : pages_(pages_of(access_file)), file_(std::move(file)), begun_(std::chrono::steady_clock::now()) {}

PerformanceReport::~PerformanceReport() {
  try {
    if (pages_) write();
  } catch (const std::exception&) {
    // Nobody can be told here; who wants to know calls write().
  }
}

void PerformanceReport::write() {
  const auto pages = std::exchange(pages_, nullptr);
  if (!pages) throw InvalidRequest("this report was written before");
  monitoring::ReportOptions options;
  options.last = std::chrono::steady_clock::now() - begun_;
  auto page = monitoring::make_report([&](const std::string& target) { return pages->get(target); }, options);
  if (!page) throw_error(page.error());
  write_file(file_, *page);
}

MemorySampler::MemorySampler(const LocalCluster& cluster) : pages_(pages_of(cluster)), begun_unix_ms_(unix_ms_now()) {}
MemorySampler::MemorySampler(const std::string& access_file)
    : pages_(pages_of(access_file)), begun_unix_ms_(unix_ms_now()) {}
MemorySampler::~MemorySampler() = default;

std::vector<MemorySample> MemorySampler::samples() const {
  constexpr double remembered_s = 600;
  const double back_s = std::clamp((unix_ms_now() - begun_unix_ms_) / 1000 + 1, 1.0, remembered_s);
  auto answer = pages_->get(fmt::format("/api/v1/timeseries?seconds={:.0f}", back_s));
  if (!answer) throw_error(answer.error());
  try {
    const json::value series = json::parse(*answer);
    const auto& times = series.at("times_unix_ms").as_array();
    const auto column = [&](const char* name) -> const json::array& { return series.at("series").at(name).as_array(); };
    std::vector<MemorySample> found;
    for (std::size_t i = 0; i < times.size(); ++i) {
      const double at = times[i].to_number<double>();
      if (at < begun_unix_ms_) continue;
      found.push_back({at, column("memory_process_bytes")[i].to_number<double>(),
                       column("memory_managed_bytes")[i].to_number<double>(),
                       column("memory_spilled_bytes")[i].to_number<double>()});
    }
    return found;
  } catch (const std::exception& error) {
    throw Failure(ErrorKind::failed, fmt::format("an answer is not as it must be: {}", error.what()));
  }
}

void MemorySampler::write(const std::string& file) const {
  std::string text = "unix_ms,process_bytes,managed_bytes,spilled_bytes\n";
  for (const MemorySample& sample : samples())
    text += fmt::format("{:.0f},{:.0f},{:.0f},{:.0f}\n", sample.unix_ms, sample.process_bytes, sample.managed_bytes,
                        sample.spilled_bytes);
  write_file(file, text);
}

}  // namespace troupe
