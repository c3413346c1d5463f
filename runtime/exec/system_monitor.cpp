#include "runtime/exec/system_monitor.hpp"

#include <pthread.h>
#include <sys/statvfs.h>

#include <utility>

#include "runtime/exec/nvml.hpp"

namespace troupe {

std::unique_ptr<SystemMonitor> SystemMonitor::start(SystemMonitorOptions options) {
  auto nvml = Nvml::load();
  if (!nvml && options.disk.empty()) return nullptr;
  return std::unique_ptr<SystemMonitor>(new SystemMonitor(std::move(options), std::move(nvml)));
}

SystemMonitor::SystemMonitor(SystemMonitorOptions options, std::unique_ptr<Nvml> nvml)
    : options_(std::move(options)), nvml_(std::move(nvml)), thread_([this] { run(); }) {}

SystemMonitor::~SystemMonitor() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Surroundings SystemMonitor::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void SystemMonitor::run() {
  ::pthread_setname_np(::pthread_self(), "troupe-monitor");
  if (nvml_ && !nvml_->open()) nvml_.reset();
  while (nvml_ || !options_.disk.empty()) {
    Surroundings seen;
    struct statvfs disk {};
    if (!options_.disk.empty() && ::statvfs(options_.disk.c_str(), &disk) == 0) {
      seen.disk_free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;  // what is not kept for the administrator
      seen.disk_total_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
    }
    if (nvml_) seen.gpus = nvml_->read(options_.own_process);
    std::unique_lock lock(mutex_);
    last_ = std::move(seen);
    if (changed_.wait_for(lock, options_.interval, [this] { return stop_; })) return;
  }
}

}  // namespace troupe
