/** Parts of a worker's (or the cluster's) memory bar, and its colour: blue, orange near spilling, red when paused. */

export interface MemoryFigures {
  managed: number;
  unmanagedOld: number;
  unmanagedRecent: number;
  spilled: number;
  /** 0 = none */
  limit: number;
}

export type MemoryLevel = 'normal' | 'near' | 'paused';

export interface MemoryPart {
  name: 'managed' | 'unmanaged-old' | 'unmanaged-recent' | 'spilled';
  label: string;
  bytes: number;
}

export function memoryParts(memory: MemoryFigures): MemoryPart[] {
  return [
    { name: 'managed', label: 'values', bytes: memory.managed },
    { name: 'unmanaged-old', label: 'unmanaged, old', bytes: memory.unmanagedOld },
    { name: 'unmanaged-recent', label: 'unmanaged, recent', bytes: memory.unmanagedRecent },
    { name: 'spilled', label: 'spilled to disk', bytes: memory.spilled },
  ];
}

export function processBytes(memory: MemoryFigures): number {
  return memory.managed + memory.unmanagedOld + memory.unmanagedRecent;
}

/** What a worker does at these shares of its limit by default: spill what is least used at 60 %, pause at 80 %. */
export const nearSpill = 0.6;

export function memoryLevel(memory: MemoryFigures, paused: boolean): MemoryLevel {
  if (paused) return 'paused';
  return memory.limit > 0 && processBytes(memory) >= nearSpill * memory.limit ? 'near' : 'normal';
}

export function sum(all: MemoryFigures[]): MemoryFigures {
  const total: MemoryFigures = { managed: 0, unmanagedOld: 0, unmanagedRecent: 0, spilled: 0, limit: 0 };
  for (const one of all) {
    total.managed += one.managed;
    total.unmanagedOld += one.unmanagedOld;
    total.unmanagedRecent += one.unmanagedRecent;
    total.spilled += one.spilled;
    total.limit += one.limit;
  }
  return total;
}
