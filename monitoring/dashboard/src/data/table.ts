/** Sorting and filtering of rows that are all here; what the server holds more of is sorted and filtered there. */

export type Cell = string | number | null | undefined;

export interface Sort {
  column: string;
  descending: boolean;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Numbers by size, text as people count ("w2" before "w10"), what is missing last in both directions. */
export function compare(a: Cell, b: Cell): number {
  const missing = (cell: Cell) => cell == null || (typeof cell === 'number' && Number.isNaN(cell));
  if (missing(a) || missing(b)) return missing(a) === missing(b) ? 0 : missing(a) ? Infinity : -Infinity;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return collator.compare(String(a), String(b));
}

export function sorted<Row>(rows: readonly Row[], value: (row: Row) => Cell, descending: boolean): Row[] {
  return rows
    .map((row, index) => ({ row, index, cell: value(row) }))
    .sort((a, b) => {
      const order = compare(a.cell, b.cell);
      const turned = descending && Number.isFinite(order) ? -order : order;
      return turned === 0 || Number.isNaN(turned) ? a.index - b.index : turned > 0 ? 1 : -1;
    })
    .map(({ row }) => row);
}

/** Every word of the filter has to occur in one of the texts; capitals do not matter. */
export function matches(texts: readonly Cell[], filter: string): boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const all = texts.map((text) => String(text ?? '').toLowerCase());
  return words.every((word) => all.some((text) => text.includes(word)));
}
