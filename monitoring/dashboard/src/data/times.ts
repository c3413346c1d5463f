import type { Bandwidth, Spans, TimeSpent } from '../api/types';

/** What time goes to, under Dask's names. The first three are parts of the time in functions. */
export type Activity = 'thread-cpu' | 'thread-noncpu' | 'execute' | 'transfer' | 'serialize' | 'disk-read' | 'disk-write';

export const activityHints: Record<Activity, string> = {
  'thread-cpu': 'in functions, on a processor',
  'thread-noncpu': 'in functions, waiting: for a processor, a lock, a file',
  execute: 'in functions, not told apart: short runs, a thread’s first run of a function, isolated tasks',
  transfer: 'from asking another worker for values until they are there',
  serialize: 'of values given to others',
  'disk-read': 'of values, with unpacking',
  'disk-write': 'of values, with encoding and packing',
};

export interface Part {
  activity: Activity;
  seconds: number;
}

type Split = Pick<TimeSpent['activities'], 'thread_cpu_s' | 'thread_noncpu_s' | 'execute_s'>;

function inFunctions(split: Split): Part[] {
  return [
    { activity: 'thread-cpu', seconds: split.thread_cpu_s },
    { activity: 'thread-noncpu', seconds: split.thread_noncpu_s },
    { activity: 'execute', seconds: split.execute_s },
  ];
}

export const sum = (parts: readonly Part[]): number => parts.reduce((all, part) => all + part.seconds, 0);

/** A bar of the plot of time by action: computing has three parts, the others are one each. */
export interface Action {
  name: string;
  parts: Part[];
  seconds: number;
  share: number;
}

export function actions(spent: TimeSpent): Action[] {
  const all = spent.activities;
  const rows: { name: string; parts: Part[] }[] = [
    { name: 'compute', parts: inFunctions(all) },
    { name: 'transfer', parts: [{ activity: 'transfer', seconds: all.transfer_s }] },
    { name: 'serialize', parts: [{ activity: 'serialize', seconds: all.serialize_s }] },
    { name: 'disk-read', parts: [{ activity: 'disk-read', seconds: all.disk_read_s }] },
    { name: 'disk-write', parts: [{ activity: 'disk-write', seconds: all.disk_write_s }] },
  ];
  const total = rows.reduce((result, row) => result + sum(row.parts), 0);
  return rows.map((row) => ({ ...row, seconds: sum(row.parts), share: total > 0 ? sum(row.parts) / total : 0 }));
}

/** A function, or what belongs to none. */
export interface FunctionRow {
  name: string;
  function: boolean;
  /** None: nobody counts it. */
  runs: number | null;
  parts: Part[];
  seconds: number;
}

/** Those that took longest first; what belongs to no function comes last, unless only one prefix or span is wanted. */
export function functionRows(spent: TimeSpent, prefix: string, span = ''): FunctionRow[] {
  const rows: FunctionRow[] = spent.functions
    .filter((row) => prefix === '' || row.prefix === prefix)
    .map((row) => ({ name: row.prefix, function: true, runs: row.runs, parts: inFunctions(row), seconds: sum(inFunctions(row)) }));
  if (prefix !== '' || span !== '') return rows;
  const others = actions(spent)
    .slice(1)
    .flatMap((action) => action.parts)
    .filter((part) => part.seconds > 0);
  if (others.length > 0) rows.push({ name: 'of no one function', function: false, runs: null, parts: others, seconds: sum(others) });
  return rows;
}

export interface SpanRow {
  span: Spans['spans'][number];
  parts: Part[];
  seconds: number;
}

export function spanRows({ spans }: Spans): SpanRow[] {
  return spans.map((span) => ({ span, parts: inFunctions(span), seconds: sum(inFunctions(span)) }));
}

/** "thread-cpu 1.50 s, execute 20.0 ms": the bar in words. */
export function partsText(parts: readonly Part[], duration: (us: number) => string): string {
  const said = parts.filter((part) => part.seconds > 0).map((part) => `${part.activity} ${duration(part.seconds * 1e6)}`);
  return said.length > 0 ? said.join(', ') : 'no time';
}

export type Pair = Bandwidth['pairs'][number];

/** By place of the one that gave, then of the one that got; null: nothing went that way. */
export function matrix(bandwidth: Bandwidth): (Pair | null)[][] {
  const cells: (Pair | null)[][] = bandwidth.workers.map(() => bandwidth.workers.map(() => null));
  for (const pair of bandwidth.pairs) {
    const row = cells[pair.from];
    if (row && pair.to < row.length) row[pair.to] = pair;
  }
  return cells;
}

/** The slowest and the fastest of what is known; null: nothing is. */
export function speeds(bandwidth: Bandwidth): { least: number; most: number } | null {
  const known = bandwidth.pairs.map((pair) => pair.bytes_per_s).filter((speed): speed is number => speed !== null && speed > 0);
  return known.length > 0 ? { least: Math.min(...known), most: Math.max(...known) } : null;
}

/** Where a speed lies between the slowest and the fastest, each tenfold as far as the next: 0 to 1. */
export function strength(speed: number, { least, most }: { least: number; most: number }): number {
  if (speed <= least || most <= least) return speed >= most ? 1 : 0;
  return Math.min(1, Math.log(speed / least) / Math.log(most / least));
}
