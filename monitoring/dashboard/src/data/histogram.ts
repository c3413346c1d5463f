/** Over this many workers a bar for each says less than how many there are of each size. */
export const barsMax = 100;

export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** Bins of even width from 0 to `top`, a round figure at or above the greatest value; each value is in exactly one bin. */
export function histogram(values: readonly number[], wanted = 20, top = roundUp(greatest(values))): Bin[] {
  if (values.length === 0) return [];
  const width = (top > 0 ? top : 1) / wanted;
  const bins = Array.from({ length: wanted }, (_, i) => ({ from: i * width, to: (i + 1) * width, count: 0 }));
  for (const value of values) {
    const bin = bins[Math.min(wanted - 1, Math.max(0, Math.floor(value / width)))];
    if (bin) ++bin.count;
  }
  return bins;
}

export function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
export function roundUp(value: number): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 2.5, 5, 10]) if (value <= step * power * (1 + 1e-12)) return step * power;
  return 10 * power;
}

/** The same for bytes: the next power of two times 1, 1.25, 1.5 or 1.75, so that axes read as 512 MiB, not 537 MB. */
export function roundUpBytes(value: number): number {
  if (value <= 0) return 0;
  const power = 2 ** Math.floor(Math.log2(value));
  for (const step of [1, 1.25, 1.5, 1.75, 2]) if (value <= step * power) return step * power;
  return 2 * power;
}
