import { describe, expect, it } from 'vitest';
import type { States, TaskStream } from '../src/api/types';
import { hash, oklch, prefixColor } from '../src/data/colors';
import { histogram, roundUp, roundUpBytes } from '../src/data/histogram';
import { layers, lineage } from '../src/data/layers';
import { memoryLevel, memoryParts, processBytes, sum } from '../src/data/memory';
import { Picture, TimeView, roundStep, tickText, ticks } from '../src/data/picture';
import { done, known, progressParts, progressRows, progressText } from '../src/data/progress';
import { bytesSplits, wholeSteps } from '../src/data/series';
import { matches, sorted } from '../src/data/table';
import { fit, move, zoom } from '../src/plots/pan_zoom';
import { type Geometry, geometry, hit, labelWidth } from '../src/plots/stream_painter';

const states = (given: Partial<States>): States => ({ released: 0, waiting: 0, no_worker: 0, queued: 0, processing: 0, memory: 0, erred: 0, ...given });

describe('colours', () => {
  it('are the same for the same name, and never red, orange or gray', () => {
    expect(prefixColor('inc')).toBe(prefixColor('inc'));
    for (let i = 0; i < 500; ++i) {
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(prefixColor(`f${i}`).slice(at, at + 2), 16)) as [number, number, number];
      expect(Math.max(r, g, b) - Math.min(r, g, b), `f${i} is gray`).toBeGreaterThan(25);
      expect(r > 1.45 * g && r > 1.45 * b, `f${i} is red`).toBe(false);
    }
  });

  it('spread over many names', () => {
    expect(new Set(Array.from({ length: 200 }, (_, i) => prefixColor(`function_${i}`))).size).toBeGreaterThan(30);
    expect(hash('a')).not.toBe(hash('b'));
  });

  it('OKLCH without chroma is gray', () => {
    expect(oklch(1, 0, 0)).toBe('#ffffff');
    expect(oklch(0, 0, 0)).toBe('#000000');
  });
});

describe('progress', () => {
  const mixed = states({ released: 10, memory: 20, erred: 5, processing: 5, queued: 40, no_worker: 10, waiting: 10 });

  it('is done when released, in memory or failed', () => {
    expect(known(mixed)).toBe(100);
    expect(done(mixed)).toBe(35);
  });

  it('has parts that add up, in one order, without empty ones', () => {
    expect(progressParts(mixed).map((part) => part.name)).toEqual(['released', 'memory', 'erred', 'processing', 'queued', 'no_worker', 'waiting']);
    expect(progressParts(mixed).reduce((all, part) => all + part.share, 0)).toBeCloseTo(1);
    expect(progressParts(states({ memory: 3 }))).toEqual([{ name: 'memory', label: 'in memory', count: 3, share: 1 }]);
    expect(progressParts(states({}))).toEqual([]);
  });

  it('is said in words', () => {
    expect(progressText(states({ memory: 1234, erred: 1 }))).toBe('1,234 in memory, 1 erred');
    expect(progressText(states({}))).toBe('no tasks now');
  });

  it('puts what is left to do first', () => {
    const row = (name: string, tasks: States) => ({ name, tasks, finished: 0, erred: 0, retried: 0, suspicious: 0, compute_s: 0, output_bytes: 0, mean_duration_s: 0, eta_s: 0 });
    const rows = [row('done', states({ memory: 1 })), row('left', states({ waiting: 1 })), row('gone', states({}))] as unknown as Parameters<typeof progressRows>[0];
    expect(progressRows(rows).map((each) => each.name)).toEqual(['left', 'done', 'gone']);
  });
});

describe('memory', () => {
  const memory = { managed: 30, unmanagedOld: 10, unmanagedRecent: 5, spilled: 20, limit: 100 };

  it('does not count what is on disk as used', () => {
    expect(processBytes(memory)).toBe(45);
    expect(memoryParts(memory).map((part) => part.bytes)).toEqual([30, 10, 5, 20]);
    expect(sum([memory, memory]).limit).toBe(200);
  });

  it('is near from 60 % on, and paused only when the worker says so', () => {
    expect(memoryLevel(memory, false)).toBe('normal');
    expect(memoryLevel({ ...memory, managed: 45 }, false)).toBe('near');
    expect(memoryLevel({ ...memory, managed: 99 }, false)).toBe('near');
    expect(memoryLevel(memory, true)).toBe('paused');
    expect(memoryLevel({ ...memory, managed: 1e12, limit: 0 }, false)).toBe('normal');
  });
});

describe('histograms', () => {
  it('put each value into exactly one bin', () => {
    const values = Array.from({ length: 1000 }, (_, i) => i / 10);
    const bins = histogram(values, 20);
    expect(bins).toHaveLength(20);
    expect(bins.reduce((all, bin) => all + bin.count, 0)).toBe(1000);
    expect(bins.at(-1)?.to).toBe(100);
  });

  it('put the greatest value into the last bin', () => {
    expect(histogram([5, 10], 10).at(-1)?.count).toBe(1);
    expect(histogram([0, 0, 0], 4).map((bin) => bin.count)).toEqual([3, 0, 0, 0]);
    expect(histogram([], 4)).toEqual([]);
    expect(histogram([1, 3], 4, 8).map((bin) => bin.count)).toEqual([1, 1, 0, 0]);
  });

  it('end at round figures', () => {
    expect([roundUp(7), roundUp(0.013), roundUp(1000), roundUp(0)]).toEqual([10, 0.02, 1000, 0]);
    expect([roundUpBytes(1000), roundUpBytes(1025), roundUpBytes(3 * 2 ** 30)]).toEqual([1024, 1280, 3 * 2 ** 30]);
  });
});

describe('the task stream', () => {
  const stream = (rects: [lane: number, start: number, duration: number, count?: number, erred?: number][]): TaskStream =>
    ({
      schema: 'troupe/v1/task-stream', now_unix_ms: 2000, from_unix_ms: 1000, to_unix_ms: 2000, total: rects.length, covered: rects.length, shown: rects.length,
      lanes: [{ worker_id: 1, worker: 'a', thread: 0 }, { worker_id: 1, worker: 'a', thread: 1 }],
      prefixes: ['inc', 'sum'],
      rects: { lane: rects.map(([lane]) => lane), start_ms: rects.map(([, start]) => start), duration_ms: rects.map(([, , duration]) => duration), busy_ms: rects.map(([, , duration]) => duration / 2), prefix: rects.map((_, i) => i % 2), count: rects.map(([, , , n]) => n ?? 1), erred: rects.map(([, , , , n]) => n ?? 0), key: rects.map((_, i) => `k${i}`) },
    }) as TaskStream;

  it('has absolute times and ends with its latest run', () => {
    const picture = new Picture(stream([[0, 0, 100], [1, 500, 300]]));
    expect([...picture.start]).toEqual([1000, 1500]);
    expect([...picture.end]).toEqual([1100, 1800]);
    expect(picture.latest).toBe(1800);
    expect(new Picture(stream([])).latest).toBe(-Infinity);
  });

  it('is summed up by prefix, counting what was drawn together', () => {
    const picture = new Picture(stream([[0, 0, 100], [1, 500, 300, 7, 2], [0, 200, 50]]));
    expect(picture.summary()).toEqual([{ prefix: 'sum', count: 7, erred: 2, busyMs: 150 }, { prefix: 'inc', count: 2, erred: 0, busyMs: 75 }]);
    expect(picture.busy(1)).toBe(0.5);
  });

  it('finds what lies under a point, or within three pixels of it', () => {
    const picture = new Picture(stream([[0, 0, 100], [1, 500, 300]]));
    const place: Geometry = geometry(picture, { width: 1000 + labelWidth, height: 102, ratio: 1, dark: false, highlight: null, selected: -1 });
    expect(place.plotWidth).toBe(1000);
    const view = TimeView.of(1000, 2000);
    expect(hit(picture, view, place, labelWidth + 50, 5)).toBe(0);
    expect(hit(picture, view, place, labelWidth + 102, 5)).toBe(0);
    expect(hit(picture, view, place, labelWidth + 110, 5)).toBe(-1);
    expect(hit(picture, view, place, labelWidth + 600, 5)).toBe(-1);
    expect(hit(picture, view, place, labelWidth + 600, place.rowHeight + 5)).toBe(1);
    expect(hit(picture, view, place, 10, 5)).toBe(-1);
  });

  it('zooms about a point and pans without changing its length', () => {
    const view = TimeView.of(1000, 2000).zoomed(0.5, 1250);
    expect([view.from, view.to, view.following]).toEqual([1125, 1625, false]);
    const panned = view.panned(100);
    expect([panned.from, panned.span]).toEqual([1225, 500]);
    expect(TimeView.of(0, 1).zoomed(1e-9, 0).span).toBeGreaterThan(0);
  });

  it('has an axis of round times', () => {
    expect(ticks(1000, 11_000, 5)).toEqual([2000, 4000, 6000, 8000, 10_000]);
    expect(ticks(5, 5, 3)).toEqual([]);
    expect([roundStep(0.3), roundStep(700), roundStep(40_000), roundStep(1e12)]).toEqual([0.5, 1000, 60_000, 86_400_000]);
    expect(tickText(new Date(2026, 0, 1, 14, 3, 7, 250).getTime(), 10)).toBe('14:03:07.25');
    expect(tickText(new Date(2026, 0, 1, 14, 3, 7).getTime(), 60_000)).toBe('14:03');
  });
});

describe('graphs', () => {
  const edges = [[0, 2], [1, 2], [2, 3], [4, 5]];

  it('have a column for each depth, and no two nodes in one place', () => {
    const placed = layers([0, 0, 1, 2, 0, 1], edges);
    expect([...placed.x]).toEqual([0, 0, 1, 2, 0, 1]);
    expect(placed.tallest).toBe(3);
    expect(new Set([...placed.x].map((x, i) => `${x},${placed.y[i]}`)).size).toBe(6);
  });

  it('put nodes beside what they depend on', () => {
    const placed = layers([0, 0, 1, 1], [[0, 3], [1, 2]]);
    expect((placed.y[0] ?? 0) < (placed.y[1] ?? 0)).toBe((placed.y[3] ?? 0) < (placed.y[2] ?? 0));
  });

  it('fold what is too high for one column, in order', () => {
    const placed = layers(Array.from({ length: 500 }, () => 0), []);
    expect(placed.tallest).toBeLessThanOrEqual(60);
    expect(new Set([...placed.x].map((x, i) => `${x},${placed.y[i]}`)).size).toBe(500);
    expect([...placed.y].every((y, i) => i === 0 || y >= (placed.y[i - 1] ?? 0))).toBe(true);
  });

  it('light up what a task depends on and what depends on it, and nothing else', () => {
    expect([...lineage(2, 6, edges)]).toEqual([1, 1, 1, 1, 0, 0]);
    expect([...lineage(0, 6, edges)]).toEqual([1, 0, 1, 1, 0, 0]);
  });

  it('bear a loop in the data', () => {
    expect([...lineage(0, 2, [[0, 1], [1, 0]])]).toEqual([1, 1]);
  });

  it('keep the point under the pointer when they are zoomed', () => {
    const sight = zoom(fit({ width: 100, height: 100 }, { width: 200, height: 200 }), 2, 50, 60);
    const back = zoom(sight, 0.5, 50, 60);
    expect(back.x).toBeCloseTo(fit({ width: 100, height: 100 }, { width: 200, height: 200 }).x);
    expect(move(sight, sight.scale, 0).x).toBeCloseTo(sight.x - 1);
  });
});

describe('tables', () => {
  const rows = [{ n: 'w10', v: 3 }, { n: 'w2', v: null }, { n: 'W1', v: 7 }];

  it('sort names as people count, and what is missing last both ways', () => {
    expect(sorted(rows, (row) => row.n, false).map((row) => row.n)).toEqual(['W1', 'w2', 'w10']);
    expect(sorted(rows, (row) => row.v, false).map((row) => row.v)).toEqual([3, 7, null]);
    expect(sorted(rows, (row) => row.v, true).map((row) => row.v)).toEqual([7, 3, null]);
  });

  it('keep the order of equals', () => {
    expect(sorted([{ a: 1, i: 0 }, { a: 1, i: 1 }], (row) => row.a, true).map((row) => row.i)).toEqual([0, 1]);
  });

  it('filter by all words, in any column', () => {
    expect(matches(['worker-1', 'running'], 'RUN 1')).toBe(true);
    expect(matches(['worker-1', 'running'], 'paused')).toBe(false);
    expect(matches([null, 4], '')).toBe(true);
  });
});

it('axes of bytes are marked at powers of two, those of counts at whole numbers', () => {
  expect(bytesSplits(null, 0, 0, 4 * 2 ** 30)).toEqual([0, 1, 2, 3, 4].map((n) => n * 2 ** 30));
  expect(wholeSteps.slice(0, 4)).toEqual([1, 2, 5, 10]);
});
