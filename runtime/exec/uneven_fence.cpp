#include "runtime/exec/uneven_fence.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace troupe {

const bool UnevenFence::has_membarrier_ = register_process();

bool UnevenFence::register_process() {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void UnevenFence::heavy() {
#if defined(__SANITIZE_THREAD__)
  full();
#else
  if (has_membarrier_)
    ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace troupe
