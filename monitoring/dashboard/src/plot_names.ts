/** The plots that can be opened alone, at /individual-NAME: one list, for the pages and for /individual-plots.json. Names are Dask's. */
export const plots = [
  { name: 'task-stream', title: 'Task Stream' },
  { name: 'progress', title: 'Progress' },
  { name: 'graph', title: 'Graph' },
  { name: 'groups', title: 'Groups' },
  { name: 'group-progress', title: 'Group Progress' },
  { name: 'cluster-memory', title: 'Cluster Memory' },
  { name: 'workers-memory', title: 'Workers Memory' },
  { name: 'workers', title: 'Workers' },
  { name: 'nprocessing', title: 'Processing' },
  { name: 'cpu', title: 'CPU' },
  { name: 'occupancy', title: 'Occupancy' },
  { name: 'workers-transfer-bytes', title: 'Workers Transfer Bytes' },
  { name: 'workers-network', title: 'Workers Network' },
  { name: 'workers-disk', title: 'Workers Disk' },
  { name: 'workers-cpu-timeseries', title: 'Workers CPU Timeseries' },
  { name: 'workers-memory-timeseries', title: 'Workers Memory Timeseries' },
  { name: 'workers-network-timeseries', title: 'Workers Network Timeseries' },
  { name: 'workers-disk-timeseries', title: 'Workers Disk Timeseries' },
  { name: 'memory-by-key', title: 'Memory By Key' },
  { name: 'compute-time-per-key', title: 'Compute Time Per Key' },
  { name: 'aggregate-time-per-action', title: 'Aggregate Time Per Action' },
  { name: 'fine-performance-metrics', title: 'Fine Performance Metrics' },
  { name: 'bandwidth-workers', title: 'Bandwidth Workers' },
  { name: 'bandwidth-types', title: 'Bandwidth Types' },
  { name: 'profile', title: 'Profile' },
  { name: 'profile-server', title: 'Profile Server' },
  { name: 'gpu-utilization', title: 'GPU Utilization' },
  { name: 'gpu-memory', title: 'GPU Memory' },
  { name: 'rmm-memory', title: 'RMM Memory' },
  { name: 'exceptions', title: 'Exceptions' },
  { name: 'scheduler-system', title: 'Scheduler System' },
  { name: 'contention', title: 'Contention' },
] as const;

export type PlotName = (typeof plots)[number]['name'];

/** The plot of a path such as /individual-task-stream; null if it is none. */
export function plotOf(path: string): (typeof plots)[number] | null {
  const name = /^\/individual-([a-z-]+)$/.exec(path)?.[1];
  return plots.find((plot) => plot.name === name) ?? null;
}
