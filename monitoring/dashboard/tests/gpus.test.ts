import { describe, expect, it } from 'vitest';
import type { Worker } from '../src/api/types';
import { type Gpu, gpuRows, share } from '../src/data/gpus';

const gpu = (given: Partial<Gpu>): Gpu => ({ name: 'H100', utilization: 0.25, memory_used: 20, memory_total: 80, memory_own: 8, ...given });

describe('GPUs', () => {
  it('have a line each, of workers that have any', () => {
    const workers = [{ id: 1, gpus: [] }, { id: 2, gpus: [gpu({}), gpu({ name: 'A100' })] }] as unknown as Worker[];
    expect(gpuRows(workers).map((row) => [row.id, row.index, row.gpu.name])).toEqual([['2.0', 0, 'H100'], ['2.1', 1, 'A100']]);
    expect(gpuRows([])).toEqual([]);
  });

  it('are full to their share, or it is not known', () => {
    expect(share(gpu({}), 'utilization')).toBe(0.25);
    expect(share(gpu({ utilization: null }), 'utilization')).toBeNull();
    expect(share(gpu({}), 'memory')).toBe(0.25);
    expect(share(gpu({}), 'own')).toBe(0.1);
    expect(share(gpu({ memory_total: 0 }), 'memory')).toBeNull();
    expect(share(gpu({ memory_used: 90 }), 'memory')).toBe(1);
  });
});
