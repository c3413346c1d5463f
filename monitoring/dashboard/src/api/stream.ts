import { ApiError, refusal } from './error';
import { LineCutter } from './ndjson';
import type { StreamLine } from './types';

export type Topic = 'summary' | 'workers' | 'prefixes' | 'events';

/** What is to be read of /api/v1/stream, and as whom. */
export interface Wanted {
  address: string;
  authorization: Record<string, string>;
  topics: readonly Topic[];
  intervalMs: number;
}

/** Reads the stream until it ends, by its last line or otherwise; throws a ApiError if it is none. */
export async function readStream(wanted: Wanted, signal: AbortSignal, take: (line: StreamLine) => void): Promise<void> {
  const where = new URL(wanted.address);
  where.searchParams.set('topics', wanted.topics.join(','));
  where.searchParams.set('interval_ms', String(wanted.intervalMs));
  const answer = await fetch(where, {
    headers: { ...wanted.authorization, Accept: 'application/x-ndjson' },
    cache: 'no-store',
    credentials: 'omit',
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new ApiError(0, 'the scheduler does not answer');
  });
  if (!answer.ok || !answer.body) throw await refusal(answer);
  const reader = answer.body.getReader();
  const cutter = new LineCutter();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const text of cutter.push(value)) {
        const line = JSON.parse(text) as StreamLine;
        take(line);
        if (line.topic === 'goodbye') return;
      }
    }
  } finally {
    // A stream that nobody reads any more would keep its connection.
    void reader.cancel().catch(() => {});
  }
}
