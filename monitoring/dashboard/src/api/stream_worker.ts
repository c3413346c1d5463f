import { readStream } from './stream';
import { type FromPage, StreamHub } from './stream_hub';

/** Shared by all pages of a browser that come from this scheduler. */

const hub = new StreamHub(readStream);

(self as unknown as SharedWorkerGlobalScope).onconnect = (event) => {
  const port = event.ports[0];
  if (port) port.onmessage = (message: MessageEvent<FromPage>) => hub.take(port, message.data);
};
