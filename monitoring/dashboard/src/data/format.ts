/** How figures are written: short, of even width, and never rounded to something that reads as another figure. */

const groups = new Intl.NumberFormat('en-US');

/** 1234567 -> "1,234,567" */
export function count(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? '–' : groups.format(Math.round(value));
}

/** At most three significant digits and a suffix: 1234567 -> "1.23M"; below 100,000 whole numbers are written in full. */
export function short(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return '–';
  if (Math.abs(value) < 100_000) return Number.isInteger(value) || Math.abs(value) >= 1000 ? groups.format(Math.round(value)) : digits(value, true);
  return scaled(value, 1000, ['', 'k', 'M', 'G', 'T']);
}

/** 1536 -> "1.50 KiB" */
export function bytes(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return '–';
  return scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB']);
}

export function rate(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? '–' : `${bytes(value)}/s`;
}

function scaled(value: number, step: number, units: string[]): string {
  let unit = 0;
  let scaledValue = value;
  while (Math.abs(scaledValue) >= step && unit < units.length - 1) {
    scaledValue /= step;
    ++unit;
  }
  // 999.7 k would be written "1000k": it is 1.00 M.
  if (unit < units.length - 1 && Number(digits(scaledValue, unit > 0)) >= step) {
    scaledValue /= step;
    ++unit;
  }
  return digits(scaledValue, unit > 0) + units[unit];
}

function digits(value: number, padded: boolean): string {
  const size = Math.abs(value);
  if (!padded && Number.isInteger(value)) return String(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** A duration in microseconds: "850 µs", "12.3 ms", "4.56 s", "3 min 20 s", "2 h 05 min", "3 d 04 h". */
export function duration(us: number | null | undefined): string {
  if (us == null || !Number.isFinite(us)) return '–';
  if (us < 0) return `−${duration(-us)}`;
  if (us > 0 && us < 0.05) return '< 0.1 µs';
  if (us < 999.5) return `${us < 10 && !Number.isInteger(us) ? us.toFixed(1) : us.toFixed(0)} µs`;
  if (us < 999_500) return `${digits(us / 1e3, true)} ms`;
  if (us < 59.95e6) return `${digits(us / 1e6, true)} s`;
  const seconds = Math.round(us / 1e6);
  const two = (n: number) => String(n).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** Processors in use: "0.85", "12.3", "2,701". */
export function cores(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return '–';
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : count(value);
}

/** How long ago, in words that do not change ten times a second: "now", "4 s ago", "3 min ago". */
export function age(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return '–';
  if (ms < 1000) return 'now';
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** 0.123 -> "12 %"; what is not nothing is never written as 0 %, what is not all never as 100 %. */
export function percent(fraction: number | null | undefined): string {
  if (fraction == null || !Number.isFinite(fraction)) return '–';
  const value = fraction * 100;
  if (value > 0 && value < 1) return '< 1 %';
  if (value > 99 && value < 100) return '> 99 %';
  return `${Math.round(value)} %`;
}

/** A time of day on this machine's clock: "14:03:07.250". */
export function clock(ms: number, withMilliseconds = false): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withMilliseconds ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text;
}

export function dateTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(ms)}`;
}

/** "1 task", "2 tasks" */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** What a cut list says of itself; nothing is said where nothing is cut. */
export function showing(shown: number, total: number, what: string): string {
  return shown >= total ? plural(total, what, `${what}s`) : `showing ${count(shown)} of ${count(total)} ${what}s`;
}

/** A long name with its middle left out, since the ends are what tells names apart. */
export function middle(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = Math.ceil((limit - 1) * 0.6);
  return `${text.slice(0, head)}…${text.slice(text.length - (limit - 1 - head))}`;
}
