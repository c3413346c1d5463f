import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Wanted, readStream } from '../src/api/stream';

const wanted: Wanted = { address: 'http://here/api/v1/stream', authorization: {}, topics: ['summary'], intervalMs: 500 };

/** An answer that goes on for ever after this text, and knows whether somebody holds it. */
function answer(text: string): { held: () => boolean } {
  let held = true;
  const body = new ReadableStream<Uint8Array>({
    start: (stream) => stream.enqueue(new TextEncoder().encode(text)),
    cancel: () => void (held = false),
  });
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body)));
  return { held: () => held };
}

describe('a stream that is read', () => {
  afterEach(() => void vi.unstubAllGlobals());

  it('is let go when a line cannot be read', async () => {
    const { held } = answer('{"topic":"hello"}\n{"topic":\n');
    const heard: string[] = [];
    await expect(readStream(wanted, new AbortController().signal, ({ topic }) => heard.push(topic))).rejects.toThrow(SyntaxError);
    expect(heard).toEqual(['hello']);
    expect(held()).toBe(false);
  });

  it('is let go when a line cannot be taken, and after the last one', async () => {
    const first = answer('{"topic":"hello"}\n');
    await expect(readStream(wanted, new AbortController().signal, () => { throw new Error('full'); })).rejects.toThrow('full');
    expect(first.held()).toBe(false);
    const second = answer('{"topic":"goodbye"}\n');
    await readStream(wanted, new AbortController().signal, () => undefined);
    expect(second.held()).toBe(false);
  });
});
