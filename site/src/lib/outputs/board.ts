/** A board as cells describe it: fields row by row, "" where one is empty. */
export interface Board {
  readonly rows: number;
  readonly columns: number;
  /** "black" and "white" are stones; other texts, of up to three characters, stand there as they are. */
  readonly fields: readonly string[];
  /** Stones stand where lines cross, as in Go. */
  readonly crossings: boolean;
  /** Fields that can be chosen; all empty ones where the cell does not say. */
  readonly open: ReadonlySet<number>;
}

const most = 26;

/** The board in a cell's data; null where it is none. */
export function boardOf(data: unknown): Board | null {
  if (typeof data !== "object" || data === null) return null;
  const { rows, columns, fields, crossings = false, open } = data as Record<string, unknown>;
  const isSize = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= most;
  if (!isSize(rows) || !isSize(columns) || !Array.isArray(fields) || fields.length !== rows * columns) return null;
  if (!fields.every((f): f is string => typeof f === "string" && (f.length <= 3 || f === "black" || f === "white"))) return null;
  const isField = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0 && (n as number) < fields.length;
  const free = Array.isArray(open) ? open.filter(isField) : fields.flatMap((f, i) => (f ? [] : [i]));
  return { rows, columns, fields, crossings: crossings === true, open: new Set(free) };
}

/** The moves so far: what a board's events are made of. */
export const movesOf = (value: unknown): readonly number[] =>
  Array.isArray(value) ? value.filter((m): m is number => Number.isInteger(m)).slice(0, 2000) : [];
