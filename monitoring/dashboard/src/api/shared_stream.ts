import { ApiError } from './error';
import { type Wanted, readStream } from './stream';
import { type FromPage, type ToPage, hereEvery, hubName } from './stream_hub';
import type { StreamLine } from './types';

/**
 * The way to the hub of all pages: undefined before it is looked for and after it fell silent, null where the browser has
 * none or it does not start.
 */
let port: MessagePort | null | undefined;
let failed: (() => void) | null = null;
let follows = 0;

function connect(): MessagePort | null {
  if (typeof SharedWorker === 'undefined') return null;
  try {
    const worker = new SharedWorker(new URL('./stream_worker.ts', import.meta.url), { type: 'module', name: hubName });
    const made = worker.port;
    worker.onerror = () => {
      if (port !== made) return;
      port = null;
      failed?.();
    };
    return made;
  } catch {
    return null;
  }
}

const say = (message: FromPage) => port?.postMessage(message);
if (typeof SharedWorker !== 'undefined') {
  setInterval(() => say({ say: 'here' }), hereEvery);
  addEventListener('pagehide', () => say({ say: 'leave' }));
}

/** Reads the stream, through the hub where there is one, until it ends, which throws, or says goodbye. One at a time. */
export function followStream(wanted: Wanted, signal: AbortSignal, take: (line: StreamLine) => void): Promise<void> {
  if (port === undefined) port = connect();
  const hub = port;
  if (!hub) return readStream(wanted, signal, take);
  const number = ++follows;
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
      if (signal.reason === 'silence') {
        // A hub whose process has died says nothing of it; the next one is found by the same name.
        hub.close();
        if (port === hub) port = undefined;
      }
      reject(new Error('aborted'));
    };
    failed = () => {
      stop();
      reject(new ApiError(0, 'the scheduler does not answer'));
    };
    signal.addEventListener('abort', aborted);
    hub.onmessage = ({ data }: MessageEvent<ToPage>) => {
      if (data.number !== number) return;
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
    hub.postMessage({ say: 'follow', number, wanted } satisfies FromPage);
  });
}
