import { untrack } from 'svelte';
import { type Query, get } from './api/client';
import { ApiError } from './api/error';
import { session } from './api/session.svelte';

export interface Question {
  path: string;
  query?: Query;
}

/**
 * Asks the scheduler again and again for as long as the component that made it is shown, never twice at once, and not
 * while the tab is hidden. What was answered last stays when an answer fails.
 */
export class Poll<Answer> {
  data = $state.raw<Answer | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** The question that `data` answers, to tell an old answer from the one that is waited for. */
  answered = $state.raw<Question | null>(null);
  private ask: (() => void) | null = null;

  /** `question` may read state: when that changes, it is asked at once. null: nothing is asked. */
  constructor(question: () => Question | null, intervalMs: () => number) {
    $effect(() => {
      const wanted = question();
      const interval = intervalMs();
      if (!wanted || !session.token) return;
      return untrack(() => this.run(wanted, interval));
    });
  }

  refresh(): void {
    this.ask?.();
  }

  private run(wanted: Question, interval: number): () => void {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    const round = async (): Promise<void> => {
      clearTimeout(timer);
      if (asking || abort.signal.aborted) return;
      asking = true;
      if (!document.hidden) await this.once(wanted, abort.signal);
      asking = false;
      if (!abort.signal.aborted) timer = setTimeout(() => void round(), this.error ? Math.max(interval, 3000) : interval);
    };
    this.ask = () => void round();
    void round();
    return () => {
      abort.abort();
      clearTimeout(timer);
      this.ask = null;
    };
  }

  private async once(wanted: Question, signal: AbortSignal): Promise<void> {
    try {
      const data = await get<Answer>(wanted.path, wanted.query, signal);
      if (signal.aborted) return;
      this.data = data;
      this.answered = wanted;
      this.error = null;
    } catch (error) {
      if (signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(0, 'the answer could not be read');
      if (this.error.status === 404) this.data = null;
    }
  }
}
