import { describe, expect, it } from 'vitest';
import { age, bytes, cores, count, duration, middle, percent, plural, rate, short, showing } from '../src/data/format';

describe('figures', () => {
  it('are written in full with commas', () => {
    expect(count(1_234_567)).toBe('1,234,567');
    expect(count(0)).toBe('0');
    expect(count(undefined)).toBe('–');
    expect(count(Number.NaN)).toBe('–');
  });

  it('are shortened from a hundred thousand on', () => {
    expect(short(99_999)).toBe('99,999');
    expect(short(123_456)).toBe('123k');
    expect(short(1_234_567)).toBe('1.23M');
    expect(short(0.4)).toBe('0.40');
    expect(short(-150_000)).toBe('-150k');
  });

  it('never round up to a thousand of a unit', () => {
    expect(short(999_700)).toBe('1.00M');
    expect(bytes(1023.7 * 1024)).toBe('1.00 MiB');
  });

  it('are bytes by powers of two', () => {
    expect(bytes(0)).toBe('0 B');
    expect(bytes(1023)).toBe('1023 B');
    expect(bytes(1536)).toBe('1.50 KiB');
    expect(bytes(64 * 2 ** 30)).toBe('64.0 GiB');
    expect(rate(2 ** 20)).toBe('1.00 MiB/s');
  });

  it('are processors with as many digits as matter', () => {
    expect([cores(0.853), cores(12.34), cores(2701.3), cores(undefined)]).toEqual(['0.85', '12.3', '2,701', '–']);
  });

  it('say how much of a list is shown', () => {
    expect(showing(20_000, 1_000_000, 'run')).toBe('showing 20,000 of 1,000,000 runs');
    expect(showing(1, 1, 'run')).toBe('1 run');
    expect(plural(2, 'task')).toBe('2 tasks');
  });
});

describe('times', () => {
  it('have a unit that fits', () => {
    expect(duration(0)).toBe('0 µs');
    expect(duration(0.02)).toBe('< 0.1 µs');
    expect(duration(3.25)).toBe('3.3 µs');
    expect(duration(850)).toBe('850 µs');
    expect(duration(999.7)).toBe('1.00 ms');
    expect(duration(12_345)).toBe('12.3 ms');
    expect(duration(4_560_000)).toBe('4.56 s');
    expect(duration(59_990_000)).toBe('1 min 00 s');
    expect(duration(200e6)).toBe('3 min 20 s');
    expect(duration(7_500e6)).toBe('2 h 05 min');
    expect(duration(86_400e6 * 3 + 3600e6 * 4)).toBe('3 d 04 h');
    expect(duration(-1000)).toBe('−1.00 ms');
    expect(duration(Number.POSITIVE_INFINITY)).toBe('–');
  });

  it('are ages in words', () => {
    expect(age(999)).toBe('now');
    expect(age(4_000)).toBe('4 s ago');
    expect(age(200_000)).toBe('3 min ago');
    expect(age(7_200_000)).toBe('2 h ago');
  });
});

describe('shares', () => {
  it('are 0 or 100 % only if they are', () => {
    expect(percent(0)).toBe('0 %');
    expect(percent(0.0004)).toBe('< 1 %');
    expect(percent(0.9999)).toBe('> 99 %');
    expect(percent(1)).toBe('100 %');
  });
});

it('a long name keeps both ends', () => {
  expect(middle('short', 10)).toBe('short');
  expect(middle('read_block-0123456789abcdef-17', 20)).toHaveLength(20);
  expect(middle('read_block-0123456789abcdef-17', 20)).toMatch(/^read_block.*…/);
  expect(middle('read_block-0123456789abcdef-17', 20).endsWith('-17')).toBe(true);
});
