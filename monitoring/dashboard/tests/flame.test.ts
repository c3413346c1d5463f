import { describe, expect, it } from 'vitest';
import { byFunction, flame, frameAt, growth } from '../src/data/flame';

const stacks = [
  { prefix: 'm::f', frames: ['f', 'g'], samples: 3 },
  { prefix: 'm::f', frames: ['f', 'h', 'f'], samples: 9 },
  { prefix: 'm::k', frames: [], samples: 4 },
];

describe('flame graph', () => {
  it('is as wide at each frame as the samples it was seen in', () => {
    const root = flame(stacks);
    expect(root.samples).toBe(16);
    expect(root.inner.map((frame) => [frame.name, frame.samples, frame.own])).toEqual([['m::f', 12, 0], ['m::k', 4, 4]]);
    const f = frameAt(root, ['m::f', 'f']);
    expect(f.inner.map((frame) => [frame.name, frame.samples])).toEqual([['h', 9], ['g', 3]]);
    for (const frame of [root, f]) expect(frame.inner.reduce((sum, inner) => sum + inner.samples, frame.own)).toBe(frame.samples);
  });

  it('goes as far along a path as there are frames', () => {
    const root = flame(stacks);
    expect(frameAt(root, ['m::f', 'gone', 'h']).name).toBe('m::f');
    expect(frameAt(root, [])).toBe(root);
    expect(flame([]).samples).toBe(0);
  });

  it('counts a function that calls itself once', () => {
    expect(byFunction(stacks)).toEqual([
      { name: 'f', own: 9, all: 12 },
      { name: 'm::k', own: 4, all: 4 },
      { name: 'g', own: 3, all: 3 },
      { name: 'm::f', own: 0, all: 12 },
      { name: 'h', own: 0, all: 9 },
    ]);
  });

  it('says by how much the share of a frame changed', () => {
    const root = flame(stacks);
    const before = flame([{ prefix: 'm::f', frames: ['f', 'g'], samples: 1 }, { prefix: 'm::gone', frames: [], samples: 1 }]);
    expect(growth(root, before, ['m::f'])).toBeCloseTo(0.25);
    expect(growth(root, before, ['m::f', 'f', 'g'])).toBeCloseTo(3 / 16 - 0.5);
    expect(growth(root, before, ['m::k'])).toBeCloseTo(0.25);
    expect(growth(root, flame([]), ['m::k'])).toBeCloseTo(0.25);
  });
});
