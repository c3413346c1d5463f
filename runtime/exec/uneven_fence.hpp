#pragma once

#include <atomic>

namespace troupe {

/// A pair of fences for two sides that must not both miss what the other one wrote, where one side runs all the time
/// and the other rarely: the frequent side pays next to nothing, the rare one interrupts all threads of the process
/// (membarrier(2)). On kernels without it both are ordinary fences.
class UnevenFence {
public:
  static void light() {
#if defined(__SANITIZE_THREAD__)
    full();
#else
    if (has_membarrier_) [[likely]]
      std::atomic_signal_fence(std::memory_order_seq_cst);
    else
      std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  }
  static void heavy();

private:
  static bool register_process();
#if defined(__SANITIZE_THREAD__)
  /// Thread sanitizers do not understand fences.
  static void full() {
    static std::atomic<int> word{0};
    word.fetch_add(1, std::memory_order_seq_cst);
  }
#endif
  static const bool has_membarrier_;
};

}  // namespace troupe
