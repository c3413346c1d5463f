import { describe, expect, it, vi } from 'vitest';

vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => undefined, removeItem: () => undefined });
const { takeFragment } = await import('../src/api/session.svelte');

function at(href: string): { location: Location; history: History; shown: string[] } {
  const url = new URL(href);
  const shown: string[] = [];
  return { location: url as unknown as Location, history: { state: null, replaceState: (_: unknown, __: string, to: string) => shown.push(to) } as unknown as History, shown };
}

describe('the fragment of the address', () => {
  it('gives its code away once, and is gone from the address bar', () => {
    const { location, history, shown } = at('http://127.0.0.1:8787/status?view=list#code=abc');
    expect(takeFragment(location, history)).toEqual({ code: 'abc', token: undefined });
    expect(shown).toEqual(['/status?view=list']);
  });

  it('stays if it is not for us', () => {
    const { location, history, shown } = at('http://127.0.0.1:8787/status#main');
    expect(takeFragment(location, history)).toEqual({});
    expect(shown).toEqual([]);
  });
});
