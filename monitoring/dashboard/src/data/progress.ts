import type { Prefix, States } from '../api/types';

/** A part of a progress bar; which look it has is Dask's: released light, memory solid, ready gray, queued hatched. */
export interface ProgressPart {
  name: 'memory' | 'released' | 'erred' | 'processing' | 'queued' | 'no_worker' | 'waiting';
  label: string;
  count: number;
  share: number;
}

const order: { name: ProgressPart['name']; label: string }[] = [
  { name: 'released', label: 'released' },
  { name: 'memory', label: 'in memory' },
  { name: 'erred', label: 'erred' },
  { name: 'processing', label: 'processing' },
  { name: 'queued', label: 'queued' },
  { name: 'no_worker', label: 'no worker' },
  { name: 'waiting', label: 'waiting' },
];

export function known(states: States): number {
  return order.reduce((all, { name }) => all + states[name], 0);
}

/** Done, one way or the other: in memory, released again, or failed. */
export function done(states: States): number {
  return states.memory + states.released + states.erred;
}

export function progressParts(states: States): ProgressPart[] {
  const all = known(states);
  return order
    .map(({ name, label }) => ({ name, label, count: states[name], share: all > 0 ? states[name] / all : 0 }))
    .filter((part) => part.count > 0);
}

/** "12 in memory, 3 processing": the bar in words. */
export function progressText(states: States): string {
  const parts = progressParts(states).map((part) => `${part.count.toLocaleString('en-US')} ${part.label}`);
  return parts.length > 0 ? parts.join(', ') : 'no tasks now';
}

export function addStates(all: readonly States[]): States {
  const sum = { released: 0, waiting: 0, no_worker: 0, queued: 0, processing: 0, memory: 0, erred: 0 } satisfies States;
  for (const states of all) for (const { name } of order) sum[name] += states[name];
  return sum;
}

/** Those with work left come first, in the order of the scheduler; then what is done. */
export function progressRows(prefixes: readonly Prefix[]): Prefix[] {
  const left = (prefix: Prefix) => known(prefix.tasks) > done(prefix.tasks);
  return [...prefixes.filter(left), ...prefixes.filter((prefix) => !left(prefix))];
}
