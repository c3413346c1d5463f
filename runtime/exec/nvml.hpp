#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/messages.hpp"

namespace troupe {

/// NVIDIA's library about its graphics processors, if this machine has it: it is looked for as the process runs, so that
/// nothing here is built against it. Calls go to the driver and may take milliseconds: not on a loop. One thread.
class Nvml {
public:
  /// Null if there is no such library here; nothing is asked of the driver yet.
  static std::unique_ptr<Nvml> load();
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  /// Finds the processors that CUDA_VISIBLE_DEVICES lets this process see, in its order. False: there is none.
  bool open();
  /// What each of them does now. What the driver does not tell stays as it is in a new GpuFigures, and is not an error.
  /// Memory of this process only with `own`.
  [[nodiscard]] std::vector<GpuFigures> read(bool own) const;

private:
  struct Library;
  struct Device;
  explicit Nvml(std::unique_ptr<Library> library);

  std::unique_ptr<Library> library_;
  std::vector<Device> devices_;
};

/// Of processors with these unique names those that a value of CUDA_VISIBLE_DEVICES lets a process see, as places: by
/// number, or by the beginning of a name, up to the first that is none. Null: all.
std::vector<std::size_t> visible_gpus(const char* value, const std::vector<std::string>& names);

}  // namespace troupe
