import { ApiError } from './error';
import type { Topic, Wanted } from './stream';
import type { StreamLine } from './types';

/**
 * One stream for all pages of a browser. A browser holds six connections to a server at most, and a stream keeps one for
 * as long as its page is open: seven plots in a notebook would wait for each other for ever.
 */

export type FromPage = ({ say: 'follow' } & Follow) | { say: 'here' } | { say: 'leave' };
/** What was on its way to a page when it followed anew has another number than the page waits for. */
export type ToPage = { number: number } & ({ line: StreamLine } | { end: { status: number; message: string } });

export interface Follow {
  number: number;
  wanted: Wanted;
}

/** Of FromPage and ToPage, to be raised with them: a page does not speak to a hub of an older program that its tabs keep. */
export const hubName = 'troupe-2';

/** What the hub knows of a page: the end of a channel, or a double in tests. */
export interface Page {
  postMessage(message: ToPage): void;
}

/** Pages say that they are here this often; browsers let a page in the background speak only once a minute. */
export const hereEvery = 20_000;
export const silenceMax = 150_000;
/** Pages that open at the same time, as with a layout of many plots, are taken together. */
export const gatherFor = 30;

type Read = (wanted: Wanted, signal: AbortSignal, take: (line: StreamLine) => void) => Promise<void>;

/** The pages that look at one scheduler with one token. */
class Channel {
  readonly pages = new Map<Page, Follow>();
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private open = '';
  private joined = false;

  constructor(
    private readonly read: Read,
    private readonly ended: () => void,
  ) {}

  add(page: Page, follow: Follow): void {
    this.pages.set(page, follow);
    this.joined = true;
    this.settle();
  }

  remove(page: Page): void {
    this.pages.delete(page);
    if (this.pages.size === 0) {
      clearTimeout(this.timer);
      this.abort?.abort();
      this.ended();
    } else {
      this.settle();
    }
  }

  private settle(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), gatherFor);
  }

  /** Who comes anew has to hear all once, so the stream begins anew; who goes may take a topic along. */
  private start(): void {
    const all = [...this.pages.values()].map(({ wanted }) => wanted);
    const topics = [...new Set(all.flatMap((wanted) => wanted.topics))].sort();
    // Lines with all workers are the dear ones: those who read them say how often.
    const slow = all.filter((wanted) => wanted.topics.includes('workers'));
    const intervalMs = Math.min(...(slow.length > 0 ? slow : all).map((wanted) => wanted.intervalMs));
    const first = all[0];
    const key = `${topics.join()} ${intervalMs}`;
    if (!first || (!this.joined && key === this.open)) return;
    this.joined = false;
    this.open = key;
    this.abort?.abort();
    const abort = (this.abort = new AbortController());
    this.read({ ...first, topics, intervalMs }, abort.signal, (line) => abort === this.abort && this.tell(line)).then(
      () => this.end(abort, new ApiError(0, 'the scheduler has ended the connection')),
      (error: unknown) => this.end(abort, error instanceof ApiError ? error : new ApiError(0, 'the scheduler does not answer')),
    );
  }

  private tell(line: StreamLine): void {
    const topic = line.topic as Topic | 'hello' | 'goodbye' | 'heartbeat';
    const forAll = topic === 'hello' || topic === 'goodbye' || topic === 'heartbeat';
    for (const [page, { number, wanted }] of this.pages) if (forAll || wanted.topics.includes(topic)) page.postMessage({ number, line });
  }

  /** Each page decides for itself when to try again. */
  private end(abort: AbortController, { status, message }: ApiError): void {
    if (abort.signal.aborted || abort !== this.abort) return;
    abort.abort();
    clearTimeout(this.timer);
    for (const [page, { number }] of this.pages) page.postMessage({ number, end: { status, message } });
    this.pages.clear();
    this.ended();
  }
}

export class StreamHub {
  private readonly channels = new Map<string, Channel>();
  private readonly heard = new Map<Page, { at: number; channel: string }>();

  constructor(
    private readonly read: Read,
    private readonly now: () => number = Date.now,
  ) {}

  take(page: Page, message: FromPage): void {
    if (message.say === 'here') {
      const known = this.heard.get(page);
      if (known) known.at = this.now();
    } else {
      this.leave(page);
      if (message.say === 'follow') this.follow(page, message);
    }
    this.forgetSilent();
  }

  private follow(page: Page, follow: Follow): void {
    const name = JSON.stringify([follow.wanted.address, follow.wanted.authorization]);
    let channel = this.channels.get(name);
    if (!channel) {
      channel = new Channel(this.read, () => this.channels.delete(name));
      this.channels.set(name, channel);
    }
    this.heard.set(page, { at: this.now(), channel: name });
    channel.add(page, follow);
  }

  private leave(page: Page): void {
    const known = this.heard.get(page);
    if (!known) return;
    this.heard.delete(page);
    const channel = this.channels.get(known.channel);
    if (channel?.pages.has(page)) channel.remove(page);
  }

  /** A page that was killed does not say goodbye. */
  private forgetSilent(): void {
    for (const [page, { at }] of this.heard) if (this.now() - at > silenceMax) this.leave(page);
  }
}
