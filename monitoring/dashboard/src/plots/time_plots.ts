import { activityLines, seriesColors, stateColors } from '../data/colors';
import { bytes, cores, count, duration, rate, short } from '../data/format';

/** What is drawn over time, by the names of the scheduler's columns. */
export interface TimePlot {
  label: string;
  lines: { name: string; label: string; color: string; dash?: number[]; fill?: boolean }[];
  text: (value: number) => string;
  binary?: boolean;
  atLeast?: number;
}

const [blue, orange, green, magenta, violet] = seriesColors as [string, string, string, string, string];

export const schedulerPlots: TimePlot[] = [
  { label: 'CPU of the scheduler', lines: [{ name: 'scheduler_cpu', label: 'cores', color: blue, fill: true }], text: cores, atLeast: 0.1 },
  { label: 'Memory of the scheduler', lines: [{ name: 'scheduler_memory_bytes', label: 'process', color: violet, fill: true }], text: bytes, binary: true },
  { label: 'Delay of its loop', lines: [{ name: 'scheduler_lag_ms', label: 'worst', color: magenta }], text: (ms) => duration(ms * 1000), atLeast: 1 },
  { label: 'Open files', lines: [{ name: 'scheduler_open_files', label: 'open', color: green }], text: count, atLeast: 10 },
];

export const contentionPlots: TimePlot[] = schedulerPlots.slice(2, 3);

export const workPlots: TimePlot[] = [
  {
    label: 'Tasks per second',
    lines: [
      { name: 'finished_per_s', label: 'finished', color: green, fill: true },
      { name: 'erred_per_s', label: 'erred', color: activityLines.transfer, dash: [4, 3] },
    ],
    text: short,
    atLeast: 1,
  },
  {
    label: 'Tasks',
    lines: [
      { name: 'processing', label: 'processing', color: stateColors.processing ?? green },
      { name: 'executing', label: 'executing', color: blue },
      { name: 'queued', label: 'queued', color: stateColors.queued ?? orange, dash: [6, 3] },
      { name: 'waiting', label: 'waiting', color: '#8a8f98', dash: [2, 3] },
    ],
    text: short,
    atLeast: 1,
  },
];

export const cpuPlots: TimePlot[] = [{ label: 'CPU of workers', lines: [{ name: 'cpu', label: 'cores', color: blue, fill: true }], text: cores, atLeast: 1 }];

export const memoryPlots: TimePlot[] = [
  {
    label: 'Memory',
    lines: [
      { name: 'memory_process_bytes', label: 'processes', color: blue, fill: true },
      { name: 'memory_managed_bytes', label: 'values', color: violet, dash: [6, 3] },
      { name: 'memory_spilled_bytes', label: 'spilled', color: '#8a8f98', dash: [2, 3] },
    ],
    text: bytes,
    binary: true,
  },
];

export const networkPlots: TimePlot[] = [
  {
    label: 'Values between workers',
    lines: [
      { name: 'received_bytes_per_s', label: 'received', color: activityLines.transfer, fill: true },
      { name: 'sent_bytes_per_s', label: 'sent', color: magenta, dash: [6, 3] },
    ],
    text: rate,
    binary: true,
    atLeast: 1024,
  },
];

export const diskPlots: TimePlot[] = [
  {
    label: 'Values to and from disk',
    lines: [
      { name: 'disk_write_bytes_per_s', label: 'written', color: activityLines.disk, fill: true },
      { name: 'disk_read_bytes_per_s', label: 'read', color: orange, dash: [6, 3] },
    ],
    text: rate,
    binary: true,
    atLeast: 1024,
  },
];

export const workersPlots: TimePlot[] = [
  {
    label: 'Workers',
    lines: [
      { name: 'workers', label: 'all', color: blue },
      { name: 'idle', label: 'idle', color: activityLines.transfer, dash: [2, 3] },
      { name: 'saturated', label: 'saturated', color: green, dash: [6, 3] },
    ],
    text: count,
    atLeast: 1,
  },
];

export const occupancyPlots: TimePlot[] = [
  { label: 'Occupancy', lines: [{ name: 'occupancy_s', label: 'expected time of what is assigned', color: violet, fill: true }], text: (s) => duration(s * 1e6), atLeast: 0.001 },
];

export const stealingPlots: TimePlot[] = [{ label: 'Steals per second', lines: [{ name: 'steals_per_s', label: 'confirmed', color: orange }], text: short, atLeast: 1 }];

export const workerPlots: TimePlot[] = [...cpuPlots.map((plot) => ({ ...plot, label: 'CPU' })), ...memoryPlots, { label: 'Executing', lines: [{ name: 'executing', label: 'tasks', color: green }], text: count, atLeast: 1 }, ...networkPlots, ...diskPlots];
