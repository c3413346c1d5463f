#include "runtime/exec/system_monitor.hpp"

#include <pthread.h>
#include <sys/statvfs.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "runtime/exec/nvml.hpp"

namespace troupe {

struct SystemMonitor::Shared {
  SystemMonitorOptions options;
  std::unique_ptr<Nvml> nvml;  ///< on the thread only; null: there are no processors
  std::mutex mutex;
  std::condition_variable changed;
  bool stop{};   ///< guarded by mutex, as what follows
  bool ended{};  ///< the thread is done
  Surroundings last;
};

std::unique_ptr<SystemMonitor> SystemMonitor::start(SystemMonitorOptions options) {
  auto nvml = Nvml::load();
  if (!nvml && options.disk.empty()) return nullptr;
  auto shared = std::make_shared<Shared>();
  shared->options = std::move(options);
  shared->nvml = std::move(nvml);
  return std::unique_ptr<SystemMonitor>(new SystemMonitor(std::move(shared)));
}

SystemMonitor::SystemMonitor(std::shared_ptr<Shared> shared)
    : shared_(std::move(shared)), thread_([shared = shared_] {
        ::pthread_setname_np(::pthread_self(), "troupe-monitor");
        run(*shared);
        {
          const std::lock_guard lock(shared->mutex);
          shared->ended = true;
        }
        shared->changed.notify_all();
      }) {}

SystemMonitor::~SystemMonitor() {
  constexpr std::chrono::seconds patience{2};
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->changed.notify_all();
  const bool ended = shared_->changed.wait_for(lock, patience, [this] { return shared_->ended; });
  lock.unlock();
  ended ? thread_.join() : thread_.detach();
}

Surroundings SystemMonitor::last() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->last;
}

void SystemMonitor::run(Shared& shared) {
  auto& [options, nvml, mutex, changed, stop, ended, last] = shared;
  if (nvml && !nvml->open()) nvml.reset();
  while (nvml || !options.disk.empty()) {
    Surroundings seen;
    struct statvfs disk {};
    if (!options.disk.empty() && ::statvfs(options.disk.c_str(), &disk) == 0) {
      seen.disk_free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;  // what is not kept for the administrator
      seen.disk_total_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
    }
    if (nvml) seen.gpus = nvml->read(options.own_process);
    std::unique_lock lock(mutex);
    last = std::move(seen);
    if (changed.wait_for(lock, options.interval, [&shared] { return shared.stop; })) return;
  }
}

}  // namespace troupe
