/** A move from one place to another. Places are fields, then what is in the hand above the board, then in the hand below. */
export interface Step {
  readonly from: number;
  readonly to: number;
  /** What joins the moves so far. */
  readonly move: number;
  /** Tells it from others between the same places: "queen", "promote". */
  readonly label: string;
}

/** A board as cells describe it: fields row by row, "" where one is empty. */
export interface Board {
  readonly rows: number;
  readonly columns: number;
  /** "black" and "white" are stones, "x" and "o" signs; other texts, of up to three characters, stand there as they are. */
  readonly fields: readonly string[];
  /** Stones stand where lines cross, as in Go. */
  readonly crossings: boolean;
  /** Every second field is darker, as in chess. */
  readonly checkered: boolean;
  /** Fields that can be chosen, each a move; all empty ones where the cell does not say. None where there are steps. */
  readonly open: ReadonlySet<number>;
  /** Moves that are made by choosing two places, as in chess. */
  readonly steps: readonly Step[];
  /** Moves without a place, such as passing. */
  readonly others: readonly { readonly label: string; readonly move: number }[];
  /** Pieces in hand, above and below the board. */
  readonly hands: readonly [readonly string[], readonly string[]];
  /** Places whose text stands on its head. */
  readonly turned: ReadonlySet<number>;
  /** Places of the last move; where the cell does not say, the field of the last move. */
  readonly marked: ReadonlySet<number> | null;
  /** How strongly each field is shaded, from 0 to 1: what a player thinks of it. */
  readonly shades: readonly number[];
  /** Texts stand on tiles that point where they move, as in shogi. */
  readonly tiles: boolean;
  /** What fields are called, "e4", and places in hand with what lies there, "white has in hand: 2 pawns". */
  readonly names: readonly string[];
  /** What texts are called: "♞" is a black knight; "-P" a "P" that stands on its head. */
  readonly words: Readonly<Record<string, string>>;
}

const most = 26;
const isText = (f: unknown): f is string => typeof f === "string" && (f.length <= 3 || f === "black" || f === "white");
const isLabel = (f: unknown): f is string => typeof f === "string" && f.length <= 40;
const isObject = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null;
const listOf = (x: unknown): readonly unknown[] => (Array.isArray(x) ? x : []);

/** The board in a cell's data; null where it is none. */
export function boardOf(data: unknown): Board | null {
  if (!isObject(data)) return null;
  const { rows, columns, fields } = data;
  const isSize = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= most;
  if (!isSize(rows) || !isSize(columns) || !Array.isArray(fields) || fields.length !== rows * columns || !fields.every(isText)) return null;
  const hands = [0, 1].map((i) => listOf(listOf(data.hands)[i]).filter(isText).slice(0, most)) as [string[], string[]];
  const places = fields.length + hands[0].length + hands[1].length;
  const isPlace = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0 && (n as number) < places;
  const isMove = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0;
  const placesIn = (x: unknown): ReadonlySet<number> => new Set(listOf(x).filter(isPlace));
  const steps = listOf(data.steps)
    .slice(0, 1000)
    .flatMap((s): Step[] => {
      if (!isObject(s) || !isPlace(s.from) || !isPlace(s.to) || !isMove(s.move)) return [];
      return [{ from: s.from, to: s.to, move: s.move, label: isLabel(s.label) ? s.label : "" }];
    });
  const others = listOf(data.others)
    .slice(0, 8)
    .flatMap((o) => (isObject(o) && isLabel(o.label) && isMove(o.move) ? [{ label: o.label, move: o.move }] : []));
  const empty = data.steps === undefined ? fields.flatMap((f, i) => (f ? [] : [i])) : [];
  return {
    ...{ rows, columns, fields, steps, others, hands },
    ...{ crossings: data.crossings === true, checkered: data.checkered === true, tiles: data.tiles === true },
    open: Array.isArray(data.open) ? placesIn(data.open) : new Set(empty),
    turned: placesIn(data.turned),
    marked: data.marked === undefined ? null : placesIn(data.marked),
    shades: listOf(data.shades)
      .slice(0, fields.length)
      .map((s) => (typeof s === "number" && s > 0 ? Math.min(1, s) : 0)),
    names: listOf(data.names)
      .slice(0, places)
      .map((n) => (isLabel(n) ? n : "")),
    words: isObject(data.words)
      ? Object.fromEntries(
          Object.entries(data.words)
            .filter((e): e is [string, string] => isLabel(e[1]))
            .slice(0, 60),
        )
      : {},
  };
}

/** The moves so far: what a board's events are made of. */
export const movesOf = (value: unknown): readonly number[] =>
  Array.isArray(value) ? value.filter((m): m is number => Number.isInteger(m)).slice(0, 2000) : [];
