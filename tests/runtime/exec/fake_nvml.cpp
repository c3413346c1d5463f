// Stands for NVIDIA's libnvidia-ml.so.1: two processors, of which the second tells little. The caller's process uses a
// gigabyte of the first, somebody else two.
#include <unistd.h>

#include <cstring>

namespace {

constexpr int success = 0;
constexpr int not_supported = 3;
constexpr int insufficient_size = 7;
constexpr unsigned long long gigabyte = 1ULL << 30;
int first = 0;
int second = 1;

}  // namespace

extern "C" {

int nvmlInit_v2() { return success; }
int nvmlShutdown() { return success; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return success;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  *handle = index == 0 ? &first : &second;
  return success;
}
int nvmlDeviceGetName(void* handle, char* name, unsigned length) {
  std::strncpy(name, handle == &first ? "Fake One" : "Fake Two", length);
  return success;
}
int nvmlDeviceGetUUID(void* handle, char* name, unsigned length) {
  std::strncpy(name, handle == &first ? "GPU-1111-2222" : "GPU-3333-4444", length);
  return success;
}
struct Utilization {
  unsigned gpu;
  unsigned memory;
};
int nvmlDeviceGetUtilizationRates(void* handle, Utilization* utilization) {
  if (handle != &first) return not_supported;
  utilization->gpu = 42;
  utilization->memory = 7;
  return success;
}
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
int nvmlDeviceGetMemoryInfo(void* handle, Memory* memory) {
  memory->total = (handle == &first ? 16 : 8) * gigabyte;
  memory->used = handle == &first ? 4 * gigabyte : 0;
  memory->free = memory->total - memory->used;
  return success;
}
struct Process {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};
int nvmlDeviceGetComputeRunningProcesses_v3(void* handle, unsigned* count, Process* processes) {
  const unsigned there = handle == &first ? 40 : 1;  // more than one asks for at first
  if (*count < there) {
    *count = there;
    return insufficient_size;
  }
  *count = there;
  const auto own = static_cast<unsigned>(getpid());
  for (unsigned i = 0; i < there; ++i) processes[i] = {own + 1 + i, 2 * gigabyte, 0, 0};
  processes[there - 1] = {own, handle == &first ? gigabyte : ~0ULL, 0, 0};
  return success;
}
}
