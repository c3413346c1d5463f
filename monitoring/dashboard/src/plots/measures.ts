import { cores, count, duration, rate } from '../data/format';
import type { Measure } from '../data/workers';

/** The plots that have a bar for each worker. Idle ones are red and saturated ones green, as with Dask; the text says it. */

export const processing: Measure = {
  title: 'Tasks processing',
  value: (worker) => worker.processing,
  text: (value, worker) => `${count(value)}${worker && worker.processing === 0 ? ' idle' : ''}`,
  note: 'green: more than it has threads',
  level: (worker) => (worker.processing === 0 ? 'idle' : worker.processing > worker.threads ? 'full' : 'normal'),
};

export const cpu: Measure = {
  title: 'CPU in use',
  value: (worker) => worker.cpu,
  most: (worker) => worker.threads,
  text: (value, worker) => (worker ? `${cores(value)} of ${count(worker.threads)}` : `${cores(value)} cores`),
};

export const received: Measure = {
  title: 'Bytes received from other workers',
  value: (worker) => worker.received_bytes_per_s,
  text: (value) => rate(value),
};

export const network: Measure = {
  title: 'Bytes received and sent',
  value: (worker) => worker.received_bytes_per_s + worker.sent_bytes_per_s,
  text: (value, worker) => (worker ? `↓ ${rate(worker.received_bytes_per_s)} ↑ ${rate(worker.sent_bytes_per_s)}` : rate(value)),
};

export const disk: Measure = {
  title: 'Values read from and written to disk',
  value: (worker) => worker.disk_read_bytes_per_s + worker.disk_write_bytes_per_s,
  text: (value, worker) => (worker ? `read ${rate(worker.disk_read_bytes_per_s)}, write ${rate(worker.disk_write_bytes_per_s)}` : rate(value)),
};

export const occupancy: Measure = {
  title: 'Occupancy: expected time of what is assigned',
  value: (worker) => worker.occupancy_s,
  text: (value) => duration(value * 1e6),
};
