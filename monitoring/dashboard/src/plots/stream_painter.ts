import { prefixColor } from '../data/colors';
import { middle } from '../data/format';
import { type Picture, type TimeView, roundStep, tickText, ticks } from '../data/picture';

/** Draws a picture of the task stream on a canvas, and finds what lies under a point of it. Keeps nothing of the page. */

export interface Look {
  width: number;
  height: number;
  ratio: number;
  dark: boolean;
  /** Only this prefix in full colour. */
  highlight: string | null;
  selected: number;
}

export interface Geometry {
  left: number;
  plotWidth: number;
  plotHeight: number;
  rowHeight: number;
  rows: number;
}

const axisHeight = 22;
/** For the names of workers, left of the plot. */
export const labelWidth = 110;
const ink = { light: '#4b5563', dark: '#a9b1bd' };

/** Rows fill the height, but are no higher than reads well; where there are too many for four pixels each, fewer. */
export function geometry(picture: Picture, look: Look): Geometry {
  const rows = picture.stream.lanes.length;
  const plotHeight = Math.max(0, look.height - axisHeight);
  const rowHeight = rows === 0 ? 0 : Math.min(40, plotHeight / rows);
  return { left: labelWidth, plotWidth: Math.max(1, look.width - labelWidth), plotHeight, rowHeight, rows };
}

export function paint(context: CanvasRenderingContext2D, picture: Picture, view: TimeView, look: Look): void {
  const place = geometry(picture, look);
  context.setTransform(look.ratio, 0, 0, look.ratio, 0, 0);
  context.clearRect(0, 0, look.width, look.height);
  paintRows(context, picture, look, place);
  paintAxis(context, view, look, place);
  context.save();
  context.beginPath();
  context.rect(place.left, 0, place.plotWidth, place.plotHeight);
  context.clip();
  paintRects(context, picture, view, look, place);
  context.restore();
}

function paintRows(context: CanvasRenderingContext2D, picture: Picture, look: Look, place: Geometry): void {
  const { lanes } = picture.stream;
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  let labelled = -Infinity;
  for (let from = 0, band = 0; from < place.rows; ++band) {
    let to = from + 1;
    while (to < place.rows && lanes[to]?.worker_id === lanes[from]?.worker_id) ++to;
    const top = from * place.rowHeight;
    const bottom = to * place.rowHeight;
    if (band % 2 === 1) {
      context.fillStyle = look.dark ? 'rgba(255,255,255,0.035)' : 'rgba(15,23,42,0.035)';
      context.fillRect(0, top, look.width, bottom - top);
    }
    const centre = Math.max(7, (top + bottom) / 2);
    if (centre - labelled >= 13) {
      labelled = centre;
      context.fillStyle = look.dark ? ink.dark : ink.light;
      context.fillText(fitted(context, lanes[from]?.worker ?? '', labelWidth - 10), 2, centre);
    }
    from = to;
  }
}

const fits = new Map<string, string>();

/** As much of a name as fits, without its middle: names of one cluster differ at their ends. */
function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  const id = `${width}|${text}`;
  let known = fits.get(id);
  if (known === undefined) {
    known = text.slice(0, 200);
    for (let length = known.length - 1; length > 1 && context.measureText(known).width > width; --length) known = middle(text, length);
    if (fits.size > 5000) fits.clear();
    fits.set(id, known);
  }
  return known;
}

function paintAxis(context: CanvasRenderingContext2D, view: TimeView, look: Look, place: Geometry): void {
  const wanted = Math.max(1, place.plotWidth / 110);
  const step = roundStep(view.span / wanted);
  context.strokeStyle = look.dark ? 'rgba(255,255,255,0.09)' : 'rgba(15,23,42,0.09)';
  context.fillStyle = look.dark ? ink.dark : ink.light;
  context.font = '11px system-ui, sans-serif';
  context.lineWidth = 1;
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  context.beginPath();
  for (const time of ticks(view.from, view.to, wanted)) {
    const x = Math.round(place.left + ((time - view.from) / view.span) * place.plotWidth) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, place.plotHeight + 4);
    if (x > place.left + 24 && x < look.width - 28) context.fillText(tickText(time, step), x, place.plotHeight + 16);
  }
  context.moveTo(place.left, place.plotHeight + 0.5);
  context.lineTo(look.width, place.plotHeight + 0.5);
  context.stroke();
}

function paintRects(context: CanvasRenderingContext2D, picture: Picture, view: TimeView, look: Look, place: Geometry): void {
  const { left, plotWidth, rowHeight } = place;
  const scale = plotWidth / view.span;
  const gap = rowHeight >= 8 ? 1 : 0;
  const height = Math.max(1, rowHeight - gap);
  const colors = picture.stream.prefixes.map(prefixColor);
  const stripes = failedStripes(context);
  for (let i = 0; i < picture.size; ++i) {
    const start = picture.start[i] ?? 0;
    const end = picture.end[i] ?? 0;
    if (end < view.from || start > view.to) continue;
    const x = left + (start - view.from) * scale;
    const width = Math.max(0.8, (end - start) * scale);
    const y = picture.lane(i) * rowHeight;
    const failed = picture.erred(i);
    const dimmed = look.highlight !== null && picture.prefix(i) !== look.highlight;
    // A merged rectangle is as strong as it was busy: gaps between its runs shine through.
    context.globalAlpha = (dimmed ? 0.15 : 1) * (picture.count(i) > 1 ? 0.35 + 0.65 * picture.busy(i) : 1);
    const allFailed = failed > 0 && failed === picture.count(i);
    context.fillStyle = allFailed ? '#000000' : (colors[picture.stream.rects.prefix[i] ?? 0] ?? '#888888');
    context.fillRect(x, y, width, height);
    context.globalAlpha = dimmed ? 0.15 : 1;
    if (failed > 0) paintFailed(context, { x, y, width, height }, allFailed, look, stripes);
    if (i === look.selected) outline(context, { x, y, width, height }, look.dark ? '#ffffff' : '#111827', 2);
    if (width > 40 && height >= 13 && !allFailed) paintName(context, picture.prefix(i), Math.max(x, left), Math.min(x + width, left + plotWidth), y + height / 2);
  }
  context.globalAlpha = 1;
}

/** A name, or enough of it to be told from others; less than that is only noise. */
function paintName(context: CanvasRenderingContext2D, name: string, from: number, to: number, y: number): void {
  context.font = '11px system-ui, sans-serif';
  const room = Math.floor((to - from - 8) / 16) * 16;
  const text = fitted(context, name, room);
  if (text !== name && text.length < 9) return;
  context.fillStyle = '#0b1220';
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillText(text, from + 4, y);
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Black where all failed; where some of those drawn together did, a black foot. White stripes or an edge tell it on black. */
function paintFailed(context: CanvasRenderingContext2D, box: Box, all: boolean, look: Look, stripes: CanvasPattern | null): void {
  if (!all) {
    context.fillStyle = '#000000';
    context.fillRect(box.x, box.y + box.height * 0.7, box.width, box.height * 0.3);
    return;
  }
  if (stripes && box.width >= 5) {
    context.fillStyle = stripes;
    context.fillRect(box.x, box.y, box.width, box.height);
  }
  if (!look.dark) return;
  if (box.width >= 4) return outline(context, box, '#ffffff', 1);
  context.fillStyle = 'rgba(255,255,255,0.6)';
  context.fillRect(box.x, box.y, box.width, box.height);
}

function outline(context: CanvasRenderingContext2D, box: Box, color: string, width: number): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.strokeRect(box.x + width / 2, box.y + width / 2, Math.max(0.5, box.width - width), Math.max(0.5, box.height - width));
}

const stripesOf = new WeakMap<CanvasRenderingContext2D, CanvasPattern | null>();

function failedStripes(context: CanvasRenderingContext2D): CanvasPattern | null {
  if (stripesOf.has(context)) return stripesOf.get(context) ?? null;
  const tile = document.createElement('canvas');
  tile.width = tile.height = 8;
  const pen = tile.getContext('2d');
  if (pen) {
    pen.strokeStyle = 'rgba(255,255,255,0.75)';
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (const from of [-8, 0, 8]) {
      pen.moveTo(from - 1, 9);
      pen.lineTo(from + 9, -1);
    }
    pen.stroke();
  }
  const made = pen ? context.createPattern(tile, 'repeat') : null;
  stripesOf.set(context, made);
  return made;
}

/** The rectangle under a point, or the nearest in its row within three pixels; -1 if none. */
export function hit(picture: Picture, view: TimeView, place: Geometry, x: number, y: number): number {
  if (x < place.left || y >= place.plotHeight || place.rowHeight === 0) return -1;
  const row = Math.floor(y / place.rowHeight);
  const scale = place.plotWidth / view.span;
  const time = view.from + (x - place.left) / scale;
  let found = -1;
  let nearest = 3 / scale;
  for (let i = 0; i < picture.size; ++i) {
    if (picture.lane(i) !== row) continue;
    const distance = Math.max((picture.start[i] ?? 0) - time, time - (picture.end[i] ?? 0), 0);
    if (distance <= nearest) {
      nearest = distance;
      found = i;
    }
  }
  return found;
}
