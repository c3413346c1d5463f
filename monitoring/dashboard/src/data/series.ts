import type { Timeseries } from '../api/types';
import { roundUpBytes } from './histogram';

/** Marks of an axis in bytes: whole parts of a power of two. */
export function bytesSplits(_plot: unknown, _axis: number, low: number, high: number): number[] {
  const step = roundUpBytes(Math.max(1, (high - low) / 4));
  const marks: number[] = [];
  for (let at = 0; at <= high; at += step) marks.push(at);
  return marks;
}

/** Distances of marks for what is counted. */
export const wholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();

/** The columns by these names; one that the scheduler does not send is a line of gaps, never a line of zeros. */
export function column(answer: Timeseries, name: string): readonly (number | null)[] {
  return answer.series[name] ?? answer.times_unix_ms.map(() => null);
}

export function has(answer: Timeseries, name: string): boolean {
  return (answer.series[name]?.length ?? 0) > 0;
}
