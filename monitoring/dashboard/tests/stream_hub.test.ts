import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../src/api/error';
import type { Topic, Wanted } from '../src/api/stream';
import { type Page, StreamHub, type ToPage, gatherFor, silenceMax } from '../src/api/stream_hub';
import type { StreamLine } from '../src/api/types';

const wanted = (topics: Topic[], intervalMs = 500, token = 'mine'): Wanted => ({ address: 'http://here/api/v1/stream', authorization: { Authorization: `Bearer ${token}` }, topics, intervalMs });
const line = (topic: string) => ({ topic, at_unix_ms: 0, data: {} }) as unknown as StreamLine;

class Listener implements Page {
  heard: string[] = [];
  numbers: number[] = [];
  postMessage(message: ToPage): void {
    this.numbers.push(message.number);
    this.heard.push('line' in message ? message.line.topic : `end ${message.end.status}`);
  }
}

/** The streams that were opened, of which each can be spoken into, ended, and asked whether it is still read. */
class Streams {
  opened: { wanted: Wanted; signal: AbortSignal; take: (line: StreamLine) => void; fail: (error: unknown) => void }[] = [];
  readonly read = (asked: Wanted, signal: AbortSignal, take: (line: StreamLine) => void) =>
    new Promise<void>((_, fail) => this.opened.push({ wanted: asked, signal, take, fail }));
  get last() {
    return this.opened.at(-1)!;
  }
  get held() {
    return this.opened.filter(({ signal }) => !signal.aborted).length;
  }
}

describe('the stream that all pages share', () => {
  let streams: Streams;
  let hub: StreamHub;
  let now = 0;
  beforeEach(() => {
    vi.useFakeTimers();
    streams = new Streams();
    now = 0;
    hub = new StreamHub(streams.read, () => now);
  });
  afterEach(() => void vi.useRealTimers());
  const pass = () => vi.advanceTimersByTime(gatherFor);
  const follow = (topics: Topic[], intervalMs?: number, token?: string) => {
    const page = new Listener();
    hub.take(page, { say: 'follow', number: 1, wanted: wanted(topics, intervalMs, token) });
    return page;
  };

  it('is one for pages that open together, and each hears what it asked for', () => {
    const summary = follow(['summary']);
    const workers = follow(['summary', 'workers']);
    pass();
    expect(streams.opened.length).toBe(1);
    expect(streams.last.wanted.topics).toEqual(['summary', 'workers']);
    for (const topic of ['hello', 'summary', 'workers', 'heartbeat']) streams.last.take(line(topic));
    expect(summary.heard).toEqual(['hello', 'summary', 'heartbeat']);
    expect(workers.heard).toEqual(['hello', 'summary', 'workers', 'heartbeat']);
  });

  it('begins anew for a page that comes later, and never holds two connections', () => {
    const first = follow(['summary']);
    pass();
    const stale = streams.last.take;
    const second = follow(['summary']);
    pass();
    expect(streams.opened.length).toBe(2);
    expect(streams.held).toBe(1);
    stale(line('summary'));
    streams.last.take(line('hello'));
    expect([first.heard, second.heard]).toEqual([['hello'], ['hello']]);
  });

  it('comes as often as the most impatient wants, but for lines with all workers as often as their readers want', () => {
    follow(['summary'], 500);
    follow(['summary'], 200);
    pass();
    expect(streams.last.wanted.intervalMs).toBe(200);
    follow(['workers'], 2000);
    pass();
    expect(streams.last.wanted.intervalMs).toBe(2000);
  });

  it('loses a topic with the last page that reads it, and ends with the last page', () => {
    const summary = follow(['summary']);
    const events = follow(['events']);
    pass();
    hub.take(events, { say: 'leave' });
    pass();
    expect(streams.last.wanted.topics).toEqual(['summary']);
    hub.take(summary, { say: 'leave' });
    expect(streams.held).toBe(0);
  });

  it('tells all pages of its end, and each comes back by itself', async () => {
    const pages = [follow(['summary']), follow(['summary'])];
    pass();
    streams.last.fail(new ApiError(401, 'who are you'));
    await vi.advanceTimersByTimeAsync(0);
    for (const page of pages) expect(page.heard).toEqual(['end 401']);
    hub.take(pages[0]!, { say: 'follow', number: 2, wanted: wanted(['summary']) });
    pass();
    streams.last.take(line('hello'));
    expect(pages[0]!.heard).toEqual(['end 401', 'hello']);
    expect(pages[1]!.heard).toEqual(['end 401']);
  });

  it('is not held any more when it has failed', async () => {
    follow(['summary']);
    pass();
    streams.last.fail(new SyntaxError('no JSON'));
    await vi.advanceTimersByTimeAsync(0);
    expect(streams.opened.length).toBe(1);
    expect(streams.held).toBe(0);
  });

  it('says to which follow of a page each message belongs', async () => {
    const page = follow(['summary']);
    pass();
    streams.last.take(line('hello'));
    hub.take(page, { say: 'follow', number: 2, wanted: wanted(['summary'], 500, 'other') });
    pass();
    streams.last.take(line('hello'));
    streams.last.fail(new ApiError(401, 'who are you'));
    await vi.advanceTimersByTimeAsync(0);
    expect(page.heard).toEqual(['hello', 'hello', 'end 401']);
    expect(page.numbers).toEqual([1, 2, 2]);
  });

  it('is another one for another token', () => {
    const mine = follow(['summary']);
    follow(['summary'], 500, 'other');
    pass();
    expect(streams.held).toBe(2);
    streams.last.take(line('hello'));
    expect(mine.heard).toEqual([]);
  });

  it('forgets pages that were killed', () => {
    const alive = follow(['summary']);
    const killed = follow(['events']);
    pass();
    now = silenceMax;
    hub.take(alive, { say: 'here' });
    now = silenceMax + 1;
    hub.take(alive, { say: 'here' });
    pass();
    expect(streams.last.wanted.topics).toEqual(['summary']);
    streams.last.take(line('hello'));
    expect(killed.heard).toEqual([]);
  });
});
