import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Backoff, LineCutter } from '../src/api/ndjson';

const encode = (text: string) => new TextEncoder().encode(text);

describe('lines of a stream', () => {
  it('are whole, however the bytes are cut', () => {
    const text = '{"a":1}\n{"b":"ä€😀"}\n\n{"c":3}\n';
    const whole = encode(text);
    for (let size = 1; size <= whole.length; ++size) {
      const cutter = new LineCutter();
      const lines: string[] = [];
      for (let at = 0; at < whole.length; at += size) lines.push(...cutter.push(whole.slice(at, at + size)));
      expect(lines, `chunks of ${size}`).toEqual(['{"a":1}', '{"b":"ä€😀"}', '{"c":3}']);
    }
  });

  it('that have not ended are kept back', () => {
    const cutter = new LineCutter();
    expect(cutter.push(encode('{"a"'))).toEqual([]);
    expect(cutter.push(encode(':1}\n'))).toEqual(['{"a":1}']);
  });

  it('that never end are refused', () => {
    const cutter = new LineCutter();
    const chunk = encode('x'.repeat(4 * 1024 * 1024));
    expect(() => {
      for (let i = 0; i < 10; ++i) cutter.push(chunk);
    }).toThrow('too long');
  });
});

describe('coming back', () => {
  it('waits longer each time, up to a limit, and starts anew after success', () => {
    const backoff = new Backoff(500, 15_000, () => 1);
    expect([1, 2, 3, 4, 5, 6, 7].map(() => backoff.next())).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    backoff.reset();
    expect(backoff.next()).toBe(500);
  });

  it('never waits for nothing', () => {
    expect(new Backoff(500, 15_000, () => 0).next()).toBe(350);
  });
});

describe('the sources', () => {
  const files = (readdirSync('src', { recursive: true }) as string[]).filter((name) => /\.(svelte|ts)$/.test(name));

  it('put text into pages as text only, and no style that a strict policy refuses', () => {
    for (const name of files) {
      const text = readFileSync(`src/${name}`, 'utf8');
      expect(text, name).not.toMatch(/\{@html/);
      expect(text, name).not.toMatch(/\bstyle="[^"{]*"/);
      expect(text, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
    }
  });

  it('ask nobody but the scheduler', () => {
    for (const name of files.filter((each) => each !== 'api/schema.d.ts')) {
      const text = readFileSync(`src/${name}`, 'utf8').replaceAll('http://www.w3.org/2000/svg', '');
      expect(text, name).not.toMatch(/https?:\/\/[a-z]/);
    }
  });
});
