import { describe, expect, it } from 'vitest';
import type { Bandwidth, Spans, TimeSpent } from '../src/api/types';
import { actions, functionRows, matrix, partsText, spanRows, speeds, strength, sum } from '../src/data/times';
import { duration } from '../src/data/format';

const spent: TimeSpent = {
  schema: 'troupe/v1/time-spent',
  now_unix_ms: 0,
  activities: { thread_cpu_s: 4, thread_noncpu_s: 1, execute_s: 3, transfer_s: 1.5, serialize_s: 0, disk_read_s: 0.25, disk_write_s: 0.25 },
  total: 2,
  shown: 2,
  functions: [
    { prefix: 'load', runs: 3, thread_cpu_s: 4, thread_noncpu_s: 1, execute_s: 0 },
    { prefix: 'sum', runs: 1000, thread_cpu_s: 0, thread_noncpu_s: 0, execute_s: 3 },
  ],
};

const moved = (bytes_per_s: number | null) => ({ values: 1, bytes: 10, seconds: 1, bytes_per_s });
const bandwidth: Bandwidth = {
  schema: 'troupe/v1/bandwidth',
  now_unix_ms: 0,
  total: 3,
  shown: 2,
  workers: [{ id: 4, name: 'a' }, { id: 9, name: 'b' }],
  pairs: [{ from: 0, to: 1, ...moved(1e6) }, { from: 1, to: 0, ...moved(null) }],
  others: moved(3),
  types: [],
  all: moved(7),
};

describe('time by action', () => {
  it('has the parts of the time in functions in one bar, and shares that add up', () => {
    const rows = actions(spent);
    expect(rows.map((row) => [row.name, row.seconds])).toEqual([['compute', 8], ['transfer', 1.5], ['serialize', 0], ['disk-read', 0.25], ['disk-write', 0.25]]);
    expect(rows.reduce((all, row) => all + row.share, 0)).toBeCloseTo(1);
    expect(rows[0]?.parts.map((part) => part.activity)).toEqual(['thread-cpu', 'thread-noncpu', 'execute']);
  });

  it('of nothing has no shares that are no numbers', () => {
    const nothing = { ...spent, activities: { thread_cpu_s: 0, thread_noncpu_s: 0, execute_s: 0, transfer_s: 0, serialize_s: 0, disk_read_s: 0, disk_write_s: 0 } };
    expect(actions(nothing).map((row) => row.share)).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('time by function', () => {
  it('has what belongs to no function in a line of its own, without what took no time', () => {
    const rows = functionRows(spent, '');
    expect(rows.map((row) => [row.name, row.runs, row.seconds])).toEqual([['load', 3, 5], ['sum', 1000, 3], ['of no one function', null, 2]]);
    expect(rows[2]?.parts.map((part) => part.activity)).toEqual(['transfer', 'disk-read', 'disk-write']);
    expect(sum(rows.flatMap((row) => row.parts))).toBeCloseTo(10);
  });

  it('of one prefix has that alone', () => {
    expect(functionRows(spent, 'sum').map((row) => row.name)).toEqual(['sum']);
    expect(functionRows(spent, 'none')).toEqual([]);
  });

  it('of one span has no line of what belongs to no function, which is told of all', () => {
    expect(functionRows(spent, '', 'nightly').map((row) => row.name)).toEqual(['load', 'sum']);
    expect(functionRows(spent, 'sum', 'nightly').map((row) => row.name)).toEqual(['sum']);
  });

  it('is said in words', () => {
    expect(partsText(functionRows(spent, 'load')[0]?.parts ?? [], duration)).toBe('thread-cpu 4.00 s, thread-noncpu 1.00 s');
    expect(partsText([], duration)).toBe('no time');
  });
});

describe('time by span', () => {
  it('is that in functions, in the order of the answer', () => {
    const span = (name: string, cpu: number) => ({ name, thread_cpu_s: cpu, thread_noncpu_s: 1, execute_s: 0.5 }) as Spans['spans'][number];
    const rows = spanRows({ spans: [span('nightly', 4), span('nightly/parse', 0)] } as unknown as Spans);
    expect(rows.map((row) => [row.span.name, row.seconds])).toEqual([['nightly', 5.5], ['nightly/parse', 1.5]]);
    expect(partsText(rows[1]?.parts ?? [], duration)).toBe('thread-noncpu 1.00 s, execute 500 ms');
  });
});

describe('bandwidth from worker to worker', () => {
  it('stands in the row of who gave and the column of who got', () => {
    const cells = matrix(bandwidth);
    expect(cells[0]?.[1]?.bytes_per_s).toBe(1e6);
    expect(cells[1]?.[0]?.bytes_per_s).toBeNull();
    expect(cells[0]?.[0]).toBeNull();
  });

  it('has its colours between the slowest and the fastest that is known', () => {
    expect(speeds(bandwidth)).toEqual({ least: 1e6, most: 1e6 });
    expect(speeds({ ...bandwidth, pairs: [] })).toBeNull();
    const range = { least: 1e3, most: 1e9 };
    expect(strength(1e3, range)).toBe(0);
    expect(strength(1e6, range)).toBeCloseTo(0.5);
    expect(strength(1e9, range)).toBe(1);
    expect(strength(1e6, { least: 1e6, most: 1e6 })).toBe(1);
  });
});
