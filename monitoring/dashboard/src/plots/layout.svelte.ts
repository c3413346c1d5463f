import type { LayoutAnswer, LayoutQuestion } from './graph_worker';

/** Asks the worker for the layout of a graph; the last answer stays until a newer one is there. */
export class Layout {
  answer = $state.raw<LayoutAnswer | null>(null);
  private worker: Worker | null = null;
  private asked = 0;

  constructor(question: () => Omit<LayoutQuestion, 'id'> | null) {
    $effect(() => {
      const wanted = question();
      if (!wanted) return;
      this.worker ??= this.hire();
      this.worker.postMessage({ ...wanted, id: ++this.asked } satisfies LayoutQuestion);
    });
    $effect(() => () => this.worker?.terminate());
  }

  private hire(): Worker {
    const worker = new Worker(new URL('./graph_worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = (message: MessageEvent<LayoutAnswer>) => {
      if (message.data.id === this.asked) this.answer = message.data;
    };
    return worker;
  }
}
