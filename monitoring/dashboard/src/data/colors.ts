/**
 * The colours people have learnt from Dask: transfer red, disk orange, (de)serialise gray, all see-through; what failed
 * black; what computed a colour by the name of its prefix, the same on every plot. Each also has a pattern or a word, so
 * that colour is never the only sign.
 */

export const activityColors = {
  transfer: 'rgba(229, 57, 53, 0.4)',
  disk: 'rgba(251, 140, 0, 0.4)',
  serialize: 'rgba(128, 128, 128, 0.4)',
};

/** The same, as lines: a line at 40 % is hard to see. */
export const activityLines = { transfer: '#e5484d', disk: '#f08c00', serialize: '#8a8f98' };

/** FNV-1a: the colour of a name is the same in every tab, on every day. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; ++i) {
    value ^= text.charCodeAt(i);
    value = Math.imul(value, 0x01000193);
  }
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3c6d);
  value ^= value >>> 13;
  return value >>> 0;
}

const cache = new Map<string, string>();

/** From gold over green and blue to magenta: red and orange are taken. Each hue in three strengths. */
const hues = [95, 125, 145, 165, 190, 215, 237, 256, 275, 294, 313, 332, 350];
const strengths = [
  { lightness: 0.64, chroma: 0.125 },
  { lightness: 0.74, chroma: 0.115 },
  { lightness: 0.84, chroma: 0.085 },
];

export function prefixColor(prefix: string): string {
  let color = cache.get(prefix);
  if (color === undefined) {
    const value = hash(prefix);
    const hue = hues[value % hues.length] ?? 256;
    const { lightness, chroma } = strengths[Math.floor(value / hues.length) % strengths.length] ?? { lightness: 0.7, chroma: 0.1 };
    // Gold is gold only when it is light.
    color = oklch(hue < 100 ? Math.max(lightness, 0.78) : lightness, chroma, hue);
    if (cache.size > 20_000) cache.clear();
    cache.set(prefix, color);
  }
  return color;
}

/** Björn Ottosson's OKLCH to sRGB, clipped. Even lightness makes no prefix shout. */
export function oklch(lightness: number, chroma: number, hue: number): string {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const hex = linear.map((value) => {
    const clipped = Math.min(1, Math.max(0, value));
    const encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(encoded * 255)
      .toString(16)
      .padStart(2, '0');
  });
  return `#${hex.join('')}`;
}

/** States of a task, in the order in which they lie on a progress bar, with Dask's colours of its graph page. */
export const states = ['memory', 'erred', 'released', 'processing', 'queued', 'waiting', 'no_worker'] as const;
export type TaskState = (typeof states)[number];

export const stateColors: Record<string, string> = {
  memory: '#d64541',
  erred: '#000000',
  released: '#5b8ff0',
  processing: '#3fa34d',
  queued: '#e0b400',
  waiting: '#9aa0a6',
  no_worker: '#c2185b',
  forgotten: '#cfd3d8',
};

export const stateLabels: Record<string, string> = {
  memory: 'in memory',
  erred: 'erred',
  released: 'released',
  processing: 'processing',
  queued: 'queued',
  waiting: 'waiting',
  no_worker: 'no worker',
  forgotten: 'forgotten',
};

/** Series of a time plot, told apart on white and on black. */
export const seriesColors = ['#3b82f6', '#e57c23', '#17a27c', '#c2479c', '#8a63d2', '#b0901e', '#2aa3b8', '#d6504d'];
