import { untrack } from 'svelte';
import { authorization, url } from './api/client';
import { ApiError } from './api/error';
import { Backoff } from './api/ndjson';
import { session } from './api/session.svelte';
import { followStream } from './api/shared_stream';
import type { Topic } from './api/stream';
import type { Cluster, ClusterEvent, Events, Prefixes, StreamLine, Workers } from './api/types';

/** Silence for this long means that the scheduler is gone: it says something every two seconds. */
const silenceMax = 6_000;
const eventsKept = 2_000;
/** Above so many workers a line with all of them is long, and comes less often. */
const manyWorkers = 200;
const manyWorkersInterval = 2_000;
/** A tab that nobody looks at for this long stops reading, and goes on when it is looked at again. */
const hiddenMax = 30_000;

/**
 * What the cluster is, as the scheduler last told it. Keeps the last state when the scheduler is lost, and comes back by
 * itself. One for the whole page; `follow` says what is read, and is called by the page that is shown.
 */
class Live {
  connection = $state<'connecting' | 'live' | 'lost' | 'paused'>('connecting');
  /** Why it is lost, in words. */
  problem = $state('');
  cluster = $state.raw<Cluster | null>(null);
  workers = $state.raw<Workers | null>(null);
  prefixes = $state.raw<Prefixes | null>(null);
  events = $state.raw<ClusterEvent[]>([]);
  /** This machine's clock, once a second, for what is written as an age. */
  now = $state(Date.now());
  /** When the last line came, by this machine's clock. */
  heardAt = $state.raw(0);
  /** The scheduler's clock minus ours, in milliseconds. */
  skew = $state.raw(0);
  /** The scheduler has begun a new life while the page was open. */
  restarted = $state(false);
  nextTryAt = $state.raw(0);
  /** How the cluster ended, if it is read from a history: then nothing changes any more. */
  recorded = $state.raw<Cluster['recorded']>(null);

  private many = $derived((this.cluster?.workers.total ?? 0) > manyWorkers);
  private topics: Topic[] = [];
  private intervalMs = 500;
  private epoch = '';
  private abort: AbortController | null = null;
  private wake: (() => void) | null = null;
  private running = false;
  private backoff = new Backoff();

  get serverNow(): number {
    return this.now + this.skew;
  }

  /** Reads these topics from now on; to be called inside the set-up of a page. */
  follow(topics: () => Topic[], intervalMs = 500): void {
    $effect(() => {
      const wanted = topics();
      const interval = this.many && wanted.includes('workers') ? Math.max(intervalMs, manyWorkersInterval) : intervalMs;
      untrack(() => this.change(wanted, interval));
    });
  }

  private change(topics: Topic[], intervalMs: number): void {
    if (topics.join() === this.topics.join() && intervalMs === this.intervalMs) return;
    this.topics = topics;
    this.intervalMs = intervalMs;
    this.restart();
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    setInterval(() => (this.now = Date.now()), 1000);
    let hiddenSince = 0;
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) {
        if (this.connection === 'paused') this.restart();
        hiddenSince = 0;
        return;
      }
      const since = (hiddenSince = Date.now());
      setTimeout(() => {
        if (document.hidden && hiddenSince === since) this.abort?.abort('hidden');
      }, hiddenMax);
    });
    void this.loop();
  }

  /** Tries again at once. */
  restart(): void {
    this.backoff.reset();
    this.abort?.abort('restart');
    this.wake?.();
  }

  private async loop(): Promise<void> {
    for (;;) {
      if (!session.token || this.topics.length === 0 || (document.hidden && this.connection === 'paused')) {
        await this.sleep(60_000);
        continue;
      }
      const abort = (this.abort = new AbortController());
      try {
        await this.read(abort);
        this.lose('the scheduler has ended the connection');
      } catch (error) {
        if (abort.signal.aborted && abort.signal.reason === 'restart') continue;
        if (abort.signal.aborted && abort.signal.reason === 'hidden') {
          this.connection = 'paused';
          continue;
        }
        if (error instanceof ApiError && error.status === 401) {
          session.refuse();
          continue;
        }
        this.lose(error instanceof ApiError ? error.message : abort.signal.reason === 'silence' ? 'the scheduler is silent' : 'the scheduler does not answer');
      }
      const wait = this.backoff.next();
      this.nextTryAt = Date.now() + wait;
      await this.sleep(wait);
    }
  }

  private lose(problem: string): void {
    this.connection = 'lost';
    this.problem = problem;
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), ms);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
    });
  }

  private async read(abort: AbortController): Promise<void> {
    const silence = () => setTimeout(() => abort.abort('silence'), silenceMax);
    let watch = silence();
    const wanted = { address: url('api/v1/stream'), authorization: authorization(), topics: [...this.topics], intervalMs: this.intervalMs };
    try {
      await followStream(wanted, abort.signal, (line) => {
        clearTimeout(watch);
        watch = silence();
        this.take(line);
      });
    } finally {
      clearTimeout(watch);
      if (!abort.signal.aborted) abort.abort('done');
    }
  }

  private take(line: StreamLine): void {
    this.heardAt = Date.now();
    this.skew = line.at_unix_ms - this.heardAt;
    this.now = this.heardAt;
    if (line.topic === 'goodbye') return;
    if (line.topic === 'hello') this.greet(String((line.data as { epoch?: unknown } | undefined)?.epoch ?? ''));
    this.connection = 'live';
    this.problem = '';
    this.backoff.reset();
    const data = line.data as unknown;
    if (line.topic === 'summary') this.cluster = data as Cluster;
    else if (line.topic === 'workers') this.workers = data as Workers;
    else if (line.topic === 'prefixes') this.prefixes = data as Prefixes;
    else if (line.topic === 'events') this.addEvents(data as Events);
  }

  private greet(epoch: string): void {
    if (this.epoch !== '' && epoch !== this.epoch) {
      this.restarted = true;
      this.cluster = null;
      this.workers = null;
      this.prefixes = null;
      this.events = [];
    }
    this.epoch = epoch;
  }

  private addEvents(more: Events): void {
    const last = this.events.at(-1)?.seq ?? -1;
    const fresh = more.events.filter((event) => event.seq > last);
    if (fresh.length > 0) this.events = [...this.events, ...fresh].slice(-eventsKept);
  }
}

export const live = new Live();
