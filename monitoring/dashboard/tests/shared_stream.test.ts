import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Wanted } from '../src/api/stream';
import { type FromPage, type ToPage, hereEvery, hubName } from '../src/api/stream_hub';
import type { StreamLine } from '../src/api/types';

const wanted: Wanted = { address: 'http://here/api/v1/stream', authorization: { Authorization: 'Bearer mine' }, topics: ['summary'], intervalMs: 500 };
const line = (topic: string) => ({ topic, at_unix_ms: 0, data: {} }) as unknown as StreamLine;

/** A shared worker as its pages see it: what they say to it is kept, and the test speaks for it. */
class Worker {
  static made: Worker[] = [];
  onerror: (() => void) | null = null;
  said: FromPage[] = [];
  closed = false;
  port = { onmessage: null as ((event: { data: ToPage }) => void) | null, postMessage: (message: FromPage) => this.said.push(message), close: () => (this.closed = true) };
  constructor(
    readonly url: URL,
    readonly options: { name: string },
  ) {
    Worker.made.push(this);
  }
  get follows(): number[] {
    return this.said.flatMap((message) => (message.say === 'follow' ? [message.number] : []));
  }
  tell(message: ToPage): void {
    this.port.onmessage?.({ data: message });
  }
}

describe('the way of a page to the shared stream', () => {
  let follow: typeof import('../src/api/shared_stream').followStream;
  const listened: string[] = [];
  beforeEach(async () => {
    vi.useFakeTimers();
    vi.resetModules();
    Worker.made = [];
    listened.length = 0;
    vi.stubGlobal('SharedWorker', Worker);
    vi.stubGlobal('addEventListener', (event: string) => listened.push(event));
    follow = (await import('../src/api/shared_stream')).followStream;
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  /** Follows, and keeps what it heard and how it ended. */
  const page = () => {
    const abort = new AbortController();
    const heard: string[] = [];
    const ended = follow(wanted, abort.signal, ({ topic }) => heard.push(topic)).then(
      () => 'goodbye',
      (error: unknown) => (error as Error).message,
    );
    return { abort, heard, ended };
  };

  it('is looked for again when it fell silent, by the same name, and the page says only there that it is here', async () => {
    const silent = page();
    silent.abort.abort('silence');
    expect(await silent.ended).toBe('aborted');
    const { heard } = page();
    expect(Worker.made.map(({ closed }) => closed)).toEqual([true, false]);
    const [dead, alive] = Worker.made as [Worker, Worker];
    expect([alive.url.href, alive.options.name]).toEqual([dead.url.href, hubName]);
    alive.tell({ number: alive.follows.at(-1) ?? 0, line: line('hello') });
    expect(heard).toEqual(['hello']);
    vi.advanceTimersByTime(hereEvery);
    expect(dead.said.map(({ say }) => say)).toEqual(['follow', 'leave']);
    expect(alive.said.map(({ say }) => say)).toEqual(['follow', 'here']);
    expect(listened).toEqual(['pagehide']);
  });

  it('is not to a hub that speaks as an older program did', () => {
    page();
    expect(Worker.made[0]?.options.name).toBe(hubName);
    expect(hubName).toMatch(/^troupe-\d+$/);
  });

  it('stays when the page follows anew for another reason', async () => {
    const first = page();
    first.abort.abort('restart');
    await first.ended;
    page();
    expect(Worker.made.map(({ closed }) => closed)).toEqual([false]);
  });

  it('is not lost by the late failure of a worker that was forgotten', async () => {
    const silent = page();
    silent.abort.abort('silence');
    await silent.ended;
    const { heard } = page();
    const [dead, alive] = Worker.made as [Worker, Worker];
    dead.onerror?.();
    alive.tell({ number: alive.follows.at(-1) ?? 0, line: line('hello') });
    expect(heard).toEqual(['hello']);
  });

  it('takes no answer to an earlier follow for one to the latest', async () => {
    const first = page();
    first.abort.abort('restart');
    await first.ended;
    const second = page();
    const worker = Worker.made[0]!;
    const [before, now] = worker.follows as [number, number];
    worker.tell({ number: before, line: line('summary') });
    worker.tell({ number: before, end: { status: 401, message: 'who are you' } });
    worker.tell({ number: now, line: line('hello') });
    worker.tell({ number: now, line: line('goodbye') });
    expect(await second.ended).toBe('goodbye');
    expect(second.heard).toEqual(['hello', 'goodbye']);
  });
});
