/**
 * Places for the nodes of a large graph: a column for each depth, and within it an order that follows the neighbours on the
 * left, then on the right (Sugiyama's barycentres, two sweeps). Thousands of nodes in milliseconds, where a full layout
 * takes minutes.
 */
export interface Placed {
  x: Float32Array;
  y: Float32Array;
  /** Of the drawing, in columns and rows. */
  width: number;
  tallest: number;
}

/** A column that is higher stands in several, close together: hundreds of tasks beside each other are a block, not a line. */
const rowsMax = 60;
const closeTogether = 0.3;

export function layers(depth: readonly number[], edges: readonly (readonly number[])[]): Placed {
  const size = depth.length;
  const columns: number[][] = [];
  depth.forEach((at, node) => (columns[at] ??= []).push(node));
  const used = columns.filter((column) => column !== undefined);
  const before: number[][] = Array.from({ length: size }, () => []);
  const after: number[][] = Array.from({ length: size }, () => []);
  for (const [from, to] of edges) {
    if (from === undefined || to === undefined) continue;
    before[to]?.push(from);
    after[from]?.push(to);
  }
  const y = new Float32Array(size);
  const spread = (column: number[]) => column.forEach((node, i) => (y[node] = i - (column.length - 1) / 2));
  used.forEach(spread);
  const order = (column: number[], neighbours: number[][]) => {
    const centre = new Map(column.map((node) => [node, mean(neighbours[node] ?? [], y, y[node] ?? 0)]));
    column.sort((a, b) => (centre.get(a) ?? 0) - (centre.get(b) ?? 0) || a - b);
    spread(column);
  };
  for (let sweep = 0; sweep < 2; ++sweep) {
    for (const column of used) order(column, before);
    for (const column of [...used].reverse()) order(column, after);
  }
  for (const column of used) order(column, before);
  return stand(used, y);
}

/** Gives columns their places from left to right, folding those that are too high; `y` has the order within them. */
function stand(columns: readonly number[][], y: Float32Array): Placed {
  const x = new Float32Array(y.length);
  let left = 0;
  let tallest = 0;
  for (const column of columns) {
    const folds = Math.ceil(column.length / rowsMax);
    const rows = Math.ceil(column.length / folds);
    column.forEach((node, i) => {
      x[node] = left + (i % folds) * closeTogether;
      y[node] = Math.floor(i / folds) - (rows - 1) / 2;
    });
    left += (folds - 1) * closeTogether + 1;
    tallest = Math.max(tallest, rows);
  }
  return { x, y, width: Math.max(0, left - 1), tallest };
}

function mean(nodes: readonly number[], y: Float32Array, otherwise: number): number {
  if (nodes.length === 0) return otherwise;
  let sum = 0;
  for (const node of nodes) sum += y[node] ?? 0;
  return sum / nodes.length;
}

/** All nodes that one depends on, and all that depend on it, itself among them. */
export function lineage(node: number, size: number, edges: readonly (readonly number[])[]): Uint8Array {
  const lit = new Uint8Array(size);
  const before: number[][] = Array.from({ length: size }, () => []);
  const after: number[][] = Array.from({ length: size }, () => []);
  for (const [from, to] of edges) {
    if (from === undefined || to === undefined) continue;
    before[to]?.push(from);
    after[from]?.push(to);
  }
  for (const neighbours of [before, after]) {
    const left = [node];
    const seen = new Set(left);
    while (left.length > 0) {
      const at = left.pop() ?? 0;
      lit[at] = 1;
      for (const next of neighbours[at] ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        left.push(next);
      }
    }
  }
  return lit;
}
