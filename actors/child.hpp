#pragma once

#include <vector>

#include "runtime/exec/module.hpp"

namespace troupe {

/// Names a module of this program, as in {demo}.
class ModuleRef {
public:
  ModuleRef(const Module& module) : module_(&module) {}  // NOLINT(google-explicit-constructor): {demo} is the point
  [[nodiscard]] const Module& get() const { return *module_; }

private:
  const Module* module_;
};
using Modules = std::vector<ModuleRef>;

/// True if this program was started as a worker by a LocalCluster in processes, or for one isolated task. To stand at the
/// top of main():
///   if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {demo});
bool is_child(int argc, char** argv);
/// Runs the worker until its cluster ends it, or the task; gives main's exit code.
int run_child(int argc, char** argv, const Modules& modules);
/// is_child() was asked, so that this program can be started as a worker, or for a task.
bool can_be_child();

}  // namespace troupe
