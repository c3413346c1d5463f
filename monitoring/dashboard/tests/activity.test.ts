import { describe, expect, it } from 'vitest';
import { columnsOf, moved } from '../src/data/activity';

const activity = { from_unix_ms: 1000, step_ms: 10, threads: Array.from({ length: 20 }, () => 1) };

describe('activity', () => {
  it('is chosen in whole columns, at least one, and within the picture', () => {
    expect(columnsOf(activity, 2.7, 4.1)).toEqual({ from: 1020, to: 1050 });
    expect(columnsOf(activity, 3, 3)).toEqual({ from: 1030, to: 1040 });
    expect(columnsOf(activity, -5, 99)).toEqual({ from: 1000, to: 1200 });
    expect(columnsOf(activity, 20, 20)).toEqual({ from: 1190, to: 1200 });
  });

  it('moves by keys, and stays within the picture', () => {
    const span = { from: 1040, to: 1080 };
    expect(moved(activity, span, 'ArrowLeft')).toEqual({ from: 1020, to: 1060 });
    expect(moved(activity, span, 'ArrowRight')).toEqual({ from: 1060, to: 1100 });
    expect(moved(activity, span, '+')).toEqual({ from: 1050, to: 1070 });
    expect(moved(activity, span, '-')).toEqual({ from: 1020, to: 1100 });
    expect(moved(activity, { from: 1000, to: 1040 }, 'ArrowLeft')).toEqual({ from: 1000, to: 1040 });
    expect(moved(activity, { from: 1180, to: 1200 }, 'ArrowRight')).toEqual({ from: 1180, to: 1200 });
    expect(moved(activity, { from: 1000, to: 1010 }, '+')).toEqual({ from: 1000, to: 1010 });
    expect(moved(activity, span, 'Enter')).toBeNull();
  });
});
