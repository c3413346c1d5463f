import { ApiError } from './error';
import { type Wanted, readStream } from './stream';
import { type FromPage, type ToPage, hereEvery } from './stream_hub';
import type { StreamLine } from './types';

/** The way to the hub of all pages: undefined before it is looked for, null where the browser has none or it does not start. */
let port: MessagePort | null | undefined;
let failed: (() => void) | null = null;

function connect(): MessagePort | null {
  if (typeof SharedWorker === 'undefined') return null;
  try {
    const worker = new SharedWorker(new URL('./stream_worker.ts', import.meta.url), { type: 'module', name: 'troupe' });
    worker.onerror = () => {
      port = null;
      failed?.();
    };
    const made = worker.port;
    const say = (message: FromPage) => made.postMessage(message);
    setInterval(() => say({ say: 'here' }), hereEvery);
    addEventListener('pagehide', () => say({ say: 'leave' }));
    return made;
  } catch {
    return null;
  }
}

/** Reads the stream, through the hub where there is one, until it ends, which throws, or says goodbye. One at a time. */
export function followStream(wanted: Wanted, signal: AbortSignal, take: (line: StreamLine) => void): Promise<void> {
  if (port === undefined) port = connect();
  const hub = port;
  if (!hub) return readStream(wanted, signal, take);
  return new Promise((resolve, reject) => {
    const stop = () => {
      hub.onmessage = null;
      failed = null;
      signal.removeEventListener('abort', aborted);
    };
    const leave = () => {
      stop();
      hub.postMessage({ say: 'leave' } satisfies FromPage);
    };
    const aborted = () => {
      leave();
      reject(new Error('aborted'));
    };
    failed = () => {
      stop();
      reject(new ApiError(0, 'the scheduler does not answer'));
    };
    signal.addEventListener('abort', aborted);
    hub.onmessage = ({ data }: MessageEvent<ToPage>) => {
      if ('end' in data) {
        stop();
        reject(new ApiError(data.end.status, data.end.message));
        return;
      }
      take(data.line);
      if (data.line.topic !== 'goodbye') return;
      leave();
      resolve();
    };
    hub.postMessage({ say: 'follow', wanted } satisfies FromPage);
  });
}
