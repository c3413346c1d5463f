import { post } from '../api/client';
import { ApiError } from '../api/error';
import type { Action } from '../api/types';

/** A question before something is done that cannot be undone, and what came of it. One at a time, shown by the shell. */

export interface Deed {
  title: string;
  /** What will happen, in a sentence. */
  text: string;
  /** What it is done to; long lists are cut, and say so. */
  items?: string[];
  verb: string;
  danger?: boolean;
  run: () => Promise<Action>;
}

class Asked {
  deed = $state.raw<Deed | null>(null);
  running = $state(false);
  said = $state.raw<{ text: string; bad: boolean } | null>(null);
  private timer: ReturnType<typeof setTimeout> | undefined;

  ask(deed: Deed): void {
    this.deed = deed;
  }

  async confirm(): Promise<void> {
    const { deed } = this;
    if (!deed || this.running) return;
    this.running = true;
    try {
      this.say((await deed.run()).text, false);
    } catch (error) {
      this.say(error instanceof ApiError ? error.message : String(error), true);
    }
    this.running = false;
    this.deed = null;
  }

  cancel(): void {
    if (!this.running) this.deed = null;
  }

  say(text: string, bad: boolean): void {
    this.said = { text, bad };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.said = null), bad ? 15_000 : 8_000);
  }
}

export const asked = new Asked();

export function cancelTasks(keys: string[]): void {
  asked.ask({
    title: keys.length === 1 ? 'Cancel this task?' : `Cancel ${keys.length} tasks?`,
    text: 'Everybody who waits for it, and for what depends on it, is told that it was cancelled.',
    items: keys,
    verb: 'Cancel',
    danger: true,
    run: () => post<Action>('api/v1/tasks/cancel', { keys, reason: 'from the dashboard' }),
  });
}

export function retryTasks(keys: string[]): void {
  asked.ask({
    title: keys.length === 1 ? 'Try this task again?' : `Try ${keys.length} tasks again?`,
    text: 'Failed tasks, and failed ones that they depend on, run again.',
    items: keys,
    verb: 'Try again',
    run: () => post<Action>('api/v1/tasks/retry', { keys, reason: 'from the dashboard' }),
  });
}

export function drainWorker(id: number, name: string): void {
  asked.ask({
    title: `Drain ${name}?`,
    text: 'It gets nothing new, finishes what it runs, gives to others what it alone holds, and ends.',
    verb: 'Drain',
    danger: true,
    run: () => post<Action>(`api/v1/workers/${id}/drain`, {}),
  });
}

export function scaleCluster(workers: number, now: number): void {
  asked.ask({
    title: `Scale from ${now} to ${workers} workers?`,
    text: workers < now ? 'Those that hold least finish what they run, give to others what they alone hold, and end.' : 'More of them are started on the machine of the scheduler.',
    verb: 'Scale',
    danger: workers < now,
    run: () => post<Action>('api/v1/scale', { workers }),
  });
}

export function restartWorker(id: number, name: string): void {
  asked.ask({
    title: `Restart ${name}?`,
    text: 'Its process starts anew. What it runs is run again elsewhere, and what it alone holds is computed again if it is needed.',
    verb: 'Restart',
    danger: true,
    run: () => post<Action>(`api/v1/workers/${id}/restart`, {}),
  });
}
