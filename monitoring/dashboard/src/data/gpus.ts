import type { Worker } from '../api/types';

export type Gpu = Worker['gpus'][number];

export interface GpuRow {
  id: string;
  worker: Worker;
  /** Its number among those of the worker. */
  index: number;
  gpu: Gpu;
}

/** Those of all workers, in the order of the workers' names. */
export function gpuRows(workers: readonly Worker[]): GpuRow[] {
  return workers.flatMap((worker) => worker.gpus.map((gpu, index) => ({ id: `${worker.id}.${index}`, worker, index, gpu })));
}

export type GpuMeasure = 'utilization' | 'memory' | 'own';

/** Of the whole bar, 0 to 1; null: the driver does not tell. */
export function share(gpu: Gpu, measure: GpuMeasure): number | null {
  if (measure === 'utilization') return gpu.utilization;
  const bytes = measure === 'memory' ? gpu.memory_used : gpu.memory_own;
  return gpu.memory_total > 0 ? Math.min(1, bytes / gpu.memory_total) : null;
}
