import type { ProfilePast } from '../api/types';

/** A part of the past, in milliseconds of the Unix clock. */
export interface Span {
  from: number;
  to: number;
}

type Activity = Pick<ProfilePast['activity'], 'from_unix_ms' | 'step_ms'> & { threads: readonly number[] };

/** Whole columns of the picture, at least one. */
export function columnsOf(activity: Activity, first: number, last: number): Span {
  const begin = Math.max(0, Math.min(activity.threads.length - 1, Math.floor(first)));
  const end = Math.max(begin + 1, Math.min(activity.threads.length, Math.ceil(last)));
  return { from: activity.from_unix_ms + begin * activity.step_ms, to: activity.from_unix_ms + end * activity.step_ms };
}

/** The part after a key: an arrow moves it by its half, plus and minus halve and double it. null: the key means nothing. */
export function moved(activity: Activity, span: Span, key: string): Span | null {
  const first = (span.from - activity.from_unix_ms) / activity.step_ms;
  const length = Math.max(1, (span.to - span.from) / activity.step_ms);
  const step = Math.max(1, Math.round(length / 2));
  const within = (from: number, size: number): Span => {
    const wide = Math.max(1, Math.min(activity.threads.length, Math.round(size)));
    const begin = Math.max(0, Math.min(activity.threads.length - wide, Math.round(from)));
    return columnsOf(activity, begin, begin + wide);
  };
  switch (key) {
    case 'ArrowLeft': return within(first - step, length);
    case 'ArrowRight': return within(first + step, length);
    case '+': return within(first + length / 4, length / 2);
    case '-': return within(first - length / 2, length * 2);
    default: return null;
  }
}
