import type { Worker } from '../api/types';
import type { MemoryFigures } from './memory';

export function memoryOf(worker: Worker): MemoryFigures {
  return {
    managed: worker.managed_bytes,
    unmanagedOld: worker.unmanaged_old_bytes,
    unmanagedRecent: worker.unmanaged_recent_bytes,
    spilled: worker.spilled_bytes,
    limit: worker.memory_limit_bytes,
  };
}

/** One plot with a bar for each worker, or a histogram of many. */
export interface Measure {
  title: string;
  value: (worker: Worker) => number;
  /** The end of the axis, if it means something: all threads, say. */
  most?: (worker: Worker) => number;
  text: (value: number, worker: Worker | null) => string;
  /** What the colours of bars say. */
  note?: string;
  level?: (worker: Worker) => 'idle' | 'normal' | 'full';
}
