#include "runtime/exec/nvml.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace troupe {
namespace {

// The parts of its interface that are used here, as its documentation has them. They do not change: what is new there has
// a new name.
using Return = int;
constexpr Return success = 0;
constexpr Return insufficient_size = 7;
constexpr std::uint64_t not_available = ~std::uint64_t{0};
constexpr unsigned name_bytes = 96;

using Handle = void*;
struct Utilization {
  unsigned gpu;
  unsigned memory;
};
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
struct Process {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};
struct OldProcess {
  unsigned pid;
  unsigned long long used_memory;
};

/// Bytes that this process has on a device; `list` is one of the library's calls for it.
template <class Entry>
std::uint64_t own_memory(Return (*list)(Handle, unsigned*, Entry*), Handle device) {
  std::vector<Entry> entries(32);
  auto count = static_cast<unsigned>(entries.size());
  Return result = list(device, &count, entries.data());
  if (result == insufficient_size) {
    entries.resize(std::size_t{count} + 32);
    count = static_cast<unsigned>(entries.size());
    result = list(device, &count, entries.data());
  }
  if (result != success) return 0;
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < count; ++i)
    if (entries[i].pid == static_cast<unsigned>(::getpid()) && entries[i].used_memory != not_available)
      sum += entries[i].used_memory;
  return sum;
}

}  // namespace

struct Nvml::Device {
  Handle handle{};
  std::string name;
};

struct Nvml::Library {
  void* handle{};
  bool begun{};
  Return (*init)(){};
  Return (*shutdown)(){};
  Return (*count)(unsigned*){};
  Return (*by_index)(unsigned, Handle*){};
  Return (*name)(Handle, char*, unsigned){};
  Return (*uuid)(Handle, char*, unsigned){};
  Return (*utilization)(Handle, Utilization*){};
  Return (*memory)(Handle, Memory*){};
  Return (*processes)(Handle, unsigned*, Process*){};         ///< null before its 11th version
  Return (*old_processes)(Handle, unsigned*, OldProcess*){};  ///< then in its place; else null

  template <class Function>
  bool find(Function*& function, const char* symbol) {
    function = reinterpret_cast<Function*>(::dlsym(handle, symbol));
    return function != nullptr;
  }
  bool find_all() {
    if (!find(processes, "nvmlDeviceGetComputeRunningProcesses_v3") &&
        !find(processes, "nvmlDeviceGetComputeRunningProcesses_v2"))
      find(old_processes, "nvmlDeviceGetComputeRunningProcesses");
    return find(init, "nvmlInit_v2") && find(shutdown, "nvmlShutdown") && find(count, "nvmlDeviceGetCount_v2") &&
           find(by_index, "nvmlDeviceGetHandleByIndex_v2") && find(name, "nvmlDeviceGetName") &&
           find(uuid, "nvmlDeviceGetUUID") && find(utilization, "nvmlDeviceGetUtilizationRates") &&
           find(memory, "nvmlDeviceGetMemoryInfo");
  }
  ~Library() {
    if (begun) shutdown();
    if (handle != nullptr) ::dlclose(handle);
  }
};

Nvml::Nvml(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Nvml::~Nvml() = default;

std::unique_ptr<Nvml> Nvml::load() {
  auto library = std::make_unique<Library>();
  library->handle = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr || !library->find_all()) return nullptr;
  return std::unique_ptr<Nvml>(new Nvml(std::move(library)));
}

bool Nvml::open() {
  Library& of = *library_;
  if (of.init() != success) return false;
  of.begun = true;
  unsigned count = 0;
  if (of.count(&count) != success) return false;
  std::vector<Device> all;
  std::vector<std::string> names;
  for (unsigned i = 0; i < count; ++i) {
    Device device;
    if (of.by_index(i, &device.handle) != success) device.handle = nullptr;
    std::array<char, name_bytes> text{};
    if (device.handle != nullptr && of.name(device.handle, text.data(), text.size()) == success)
      device.name = text.data();
    text = {};
    names.emplace_back(
        device.handle != nullptr && of.uuid(device.handle, text.data(), text.size()) == success ? text.data() : "");
    all.push_back(std::move(device));
  }
  for (const auto place : visible_gpus(std::getenv("CUDA_VISIBLE_DEVICES"), names))
    if (all[place].handle != nullptr) devices_.push_back(all[place]);
  return !devices_.empty();
}

std::vector<GpuFigures> Nvml::read(bool own) const {
  const Library& of = *library_;
  std::vector<GpuFigures> figures;
  for (const Device& device : devices_) {
    GpuFigures gpu;
    gpu.name = device.name;
    gpu.utilization_percent = -1;
    Utilization busy{};
    if (of.utilization(device.handle, &busy) == success) gpu.utilization_percent = static_cast<std::int32_t>(busy.gpu);
    Memory memory{};
    if (of.memory(device.handle, &memory) == success) {
      gpu.memory_used = memory.used;
      gpu.memory_total = memory.total;
    }
    if (own && of.processes != nullptr)
      gpu.memory_own = own_memory(of.processes, device.handle);
    else if (own && of.old_processes != nullptr)
      gpu.memory_own = own_memory(of.old_processes, device.handle);
    figures.push_back(std::move(gpu));
  }
  return figures;
}

std::vector<std::size_t> visible_gpus(const char* value, const std::vector<std::string>& names) {
  std::vector<std::size_t> places;
  if (value == nullptr) {
    for (std::size_t i = 0; i < names.size(); ++i) places.push_back(i);
    return places;
  }
  for (std::string_view rest = value; !rest.empty();) {
    const auto comma = rest.find(',');
    std::string_view entry = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    while (!entry.empty() && entry.front() == ' ') entry.remove_prefix(1);
    while (!entry.empty() && entry.back() == ' ') entry.remove_suffix(1);
    std::size_t place = names.size();
    if (!entry.empty() && entry.find_first_not_of("0123456789") == std::string_view::npos && entry.size() < 9) {
      place = static_cast<std::size_t>(std::stoul(std::string(entry)));
    } else if (!entry.empty()) {
      place = 0;
      while (place < names.size() && !names[place].starts_with(entry)) ++place;
    }
    if (place >= names.size()) break;
    places.push_back(place);
  }
  return places;
}

}  // namespace troupe
