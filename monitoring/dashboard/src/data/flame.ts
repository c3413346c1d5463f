import type { ProfilePast } from '../api/types';

export interface Frame {
  /** Names from the prefix of the task on; tells frames apart, and finds one again in later samples. */
  path: readonly string[];
  name: string;
  samples: number;
  /** Samples in which it was the innermost. */
  own: number;
  inner: Frame[];
}

export type Stacks = ProfilePast['stacks'];

/** Stacks as a tree: a frame is as wide as the samples it was seen in. Inner frames come widest first. */
export function flame(stacks: Stacks): Frame {
  const root: Frame = { path: [], name: 'all', samples: 0, own: 0, inner: [] };
  const known = new Map<Frame, Map<string, Frame>>();
  for (const { prefix, frames, samples } of stacks) {
    let at = root;
    at.samples += samples;
    for (const name of [prefix, ...frames]) {
      let inner = known.get(at);
      if (!inner) known.set(at, (inner = new Map()));
      let next = inner.get(name);
      if (!next) {
        next = { path: [...at.path, name], name, samples: 0, own: 0, inner: [] };
        inner.set(name, next);
        at.inner.push(next);
      }
      next.samples += samples;
      at = next;
    }
    at.own += samples;
  }
  const sort = (frame: Frame): void => {
    frame.inner.sort((a, b) => b.samples - a.samples || (a.name < b.name ? -1 : 1));
    frame.inner.forEach(sort);
  };
  sort(root);
  return root;
}

/** The frame at a path, or the last one on the way that is there. */
export function frameAt(root: Frame, path: readonly string[]): Frame {
  let at = root;
  for (const name of path) {
    const next = at.inner.find((frame) => frame.name === name);
    if (!next) break;
    at = next;
  }
  return at;
}

export interface FunctionTime {
  name: string;
  own: number;
  /** Samples in which it was anywhere; a function that calls itself counts once. */
  all: number;
}

/** What the functions took, however they were reached; those that took most themselves come first. */
export function byFunction(stacks: Stacks): FunctionTime[] {
  const rows = new Map<string, FunctionTime>();
  for (const { prefix, frames, samples } of stacks) {
    const names = [prefix, ...frames];
    for (const name of new Set(names)) {
      const row = rows.get(name) ?? { name, own: 0, all: 0 };
      row.all += samples;
      if (name === names.at(-1)) row.own += samples;
      rows.set(name, row);
    }
  }
  return [...rows.values()].sort((a, b) => b.own - a.own || b.all - a.all || (a.name < b.name ? -1 : 1));
}

/** By how much the share of a frame grew since `before`, from -1 to 1; a frame that was not there had none. */
export function growth(root: Frame, before: Frame, path: readonly string[]): number {
  const share = (of: Frame): number => {
    const frame = frameAt(of, path);
    return frame.path.length === path.length ? frame.samples / Math.max(1, of.samples) : 0;
  };
  return share(root) - share(before);
}
