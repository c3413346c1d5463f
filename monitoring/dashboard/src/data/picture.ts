import type { TaskStream } from '../api/types';

/**
 * A window of the task stream as the scheduler drew it together: columns, so that a hundred thousand rectangles are a few
 * arrays. Times are milliseconds of the Unix clock. Rectangles stand for one run of a task, or for many that are narrower
 * than a pixel.
 */
export class Picture {
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly size: number;
  readonly from: number;
  readonly to: number;
  /** The end of the latest run in the window. */
  readonly latest: number;

  constructor(readonly stream: TaskStream) {
    const { rects, from_unix_ms: from } = stream;
    this.size = rects.lane.length;
    this.from = from;
    this.to = stream.to_unix_ms;
    this.start = Float64Array.from(rects.start_ms, (ms) => from + ms);
    this.end = new Float64Array(this.size);
    let latest = -Infinity;
    for (let i = 0; i < this.size; ++i) {
      const end = (this.start[i] ?? 0) + (rects.duration_ms[i] ?? 0);
      this.end[i] = end;
      if (end > latest) latest = end;
    }
    this.latest = latest;
  }

  lane(i: number): number {
    return this.stream.rects.lane[i] ?? 0;
  }

  prefix(i: number): string {
    return this.stream.prefixes[this.stream.rects.prefix[i] ?? 0] ?? '';
  }

  count(i: number): number {
    return this.stream.rects.count[i] ?? 1;
  }

  erred(i: number): number {
    return this.stream.rects.erred[i] ?? 0;
  }

  key(i: number): string {
    return this.stream.rects.key[i] ?? '';
  }

  worker(i: number): { worker: string; worker_id: number; thread: number } {
    return this.stream.lanes[this.lane(i)] ?? { worker: '', worker_id: 0, thread: 0 };
  }

  /** Share of a rectangle's time in which functions ran. */
  busy(i: number): number {
    const duration = this.stream.rects.duration_ms[i] ?? 0;
    return duration > 0 ? Math.min(1, (this.stream.rects.busy_ms[i] ?? 0) / duration) : 1;
  }

  /** The picture in words: what ran, the most first. */
  summary(): { prefix: string; count: number; erred: number; busyMs: number }[] {
    const parts = new Map<string, { prefix: string; count: number; erred: number; busyMs: number }>();
    for (let i = 0; i < this.size; ++i) {
      const prefix = this.prefix(i);
      let part = parts.get(prefix);
      if (!part) parts.set(prefix, (part = { prefix, count: 0, erred: 0, busyMs: 0 }));
      part.count += this.count(i);
      part.erred += this.erred(i);
      part.busyMs += this.stream.rects.busy_ms[i] ?? 0;
    }
    return [...parts.values()].sort((a, b) => b.busyMs - a.busyMs);
  }
}

const spanMin = 0.05;
const spanMax = 7 * 86_400_000;

/**
 * The part of time that is looked at, in milliseconds. Following, its right edge goes with the clock, and stays at the
 * last work once nothing has run for a while: when a computation ends, its picture is still there.
 */
export class TimeView {
  constructor(
    readonly from: number,
    readonly to: number,
    readonly following: boolean,
  ) {}

  get span(): number {
    return this.to - this.from;
  }

  static follow(span: number, now: number, latest: number): TimeView {
    const idle = Number.isFinite(latest) && latest < now - span * 0.25;
    const to = idle ? latest + span * 0.04 : now;
    return new TimeView(to - span, to, true);
  }

  zoomed(factor: number, at: number): TimeView {
    const span = Math.min(spanMax, Math.max(spanMin, this.span * factor));
    const share = this.span > 0 ? (at - this.from) / this.span : 0.5;
    const from = at - share * span;
    return new TimeView(from, from + span, false);
  }

  panned(ms: number): TimeView {
    return new TimeView(this.from + ms, this.to + ms, false);
  }

  static of(from: number, to: number): TimeView {
    return new TimeView(from, Math.max(to, from + spanMin), false);
  }
}

/** Times for an axis: about `wanted` of them, at round distances. */
export function ticks(from: number, to: number, wanted: number): number[] {
  const span = to - from;
  if (!(span > 0) || wanted < 1) return [];
  const step = roundStep(span / wanted);
  const result: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) result.push(at);
  return result;
}

const clockSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400].map((s) => s * 1000);

export function roundStep(ms: number): number {
  if (ms > 500) return clockSteps.find((step) => step >= ms) ?? 86_400_000;
  const power = 10 ** Math.floor(Math.log10(ms));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= ms * (1 - 1e-9)) ?? ms;
}

/** A time on an axis with as many digits as the distance of its marks needs. */
export function tickText(ms: number, step: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (step >= 60_000) return hours;
  const seconds = `${hours}:${two(date.getSeconds())}`;
  if (step >= 1000) return seconds;
  const digits = step >= 100 ? 1 : step >= 10 ? 2 : 3;
  const fraction = (((ms % 1000) + 1000) % 1000) / 1000;
  if (step >= 1) return `${seconds}${fraction.toFixed(digits).slice(1)}`;
  return `…${two(date.getSeconds())}${fraction.toFixed(5).slice(1)}`;
}
