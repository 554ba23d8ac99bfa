import { ArgumentError, FormatError } from "@gradus/tensor";
import type { Side } from "../games/game.ts";
import { continueFrom, type GoGame, type GoState, go } from "../games/go/go.ts";

/** What is told of a game besides its moves. */
export interface SgfInfo {
  readonly black?: string;
  readonly white?: string;
  /** As SGF has it: "B+3.5", "W+R", "0". */
  readonly result?: string;
  /** "2026-11-29" */
  readonly date?: string;
  /** Said with the last move. */
  readonly comment?: string;
}

const escaped = (text: string): string => text.replace(/[\\\]]/g, (c) => `\\${c}`);

// @sabaki/sgf reads SGF too, but comes without types and as CommonJS, brings a tokenizer, and leaves what the properties mean to its user.

/** A game as SGF (Smart Game Format, FF[4]): the moves of a state from its start. */
export function writeSgf(state: GoState, { black = "", white = "", result = "", date = "", comment = "" }: SgfInfo = {}): string {
  const { game } = state;
  const at = (point: number): string =>
    point === game.size ** 2 ? "" : String.fromCharCode(97 + (point % game.size), 97 + Math.floor(point / game.size));
  const { setup } = game;
  const properties = [
    `GM[1]FF[4]CA[UTF-8]AP[Gradus]RU[Tromp-Taylor]SZ[${game.size}]KM[${game.komi}]`,
    ...(setup.black.length && setup.next === 1 && !setup.white.length ? [`HA[${setup.black.length}]`] : []),
    ...(black ? [`PB[${escaped(black)}]`] : []),
    ...(white ? [`PW[${escaped(white)}]`] : []),
    ...(date ? [`DT[${escaped(date)}]`] : []),
    ...(result ? [`RE[${escaped(result)}]`] : []),
    ...(setup.black.length ? [`AB${setup.black.map((p) => `[${at(p)}]`).join("")}`] : []),
    ...(setup.white.length ? [`AW${setup.white.map((p) => `[${at(p)}]`).join("")}`] : []),
    ...(setup.black.length || setup.white.length ? [`PL[${"BW"[setup.next]}]`] : []),
  ];
  const moves = state.history.map((move, i) => `;${"BW"[(setup.next + i) & 1]}[${at(move)}]`);
  const last = comment ? `C[${escaped(comment)}]` : "";
  return `(;${properties.join("")}\n${moves.join("").replace(/(.{60,70});/g, "$1\n;")}${last})\n`;
}

/** Far more than a game on 19 x 19 has. */
const mostNodes = 5000;

type Node = ReadonlyMap<string, readonly string[]>;

/** The nodes of the first game's main line. */
function mainLine(text: string): Node[] {
  const fail = (problem: string): never => {
    throw new FormatError("SGF", problem, "Give a record of a game of Go in SGF");
  };
  const nodes: Map<string, string[]>[] = [];
  let [at, depth] = [text.indexOf("("), 0];
  if (at < 0) return fail("the text holds no game");
  // Variations after the first are read over.
  let over = 0;
  let ended = -1;
  let values: string[] | null = null;
  for (; at < text.length; at++) {
    const c = text[at]!;
    if (/\s/.test(c)) continue;
    if (c === "(") {
      depth++;
      if (ended >= 0 && !over) over = depth;
      values = null;
    } else if (c === ")") {
      if (over === depth) over = 0;
      depth--;
      if (ended < 0) ended = depth;
      values = null;
      if (depth === 0) return nodes.length ? nodes : fail("the game has no nodes");
    } else if (c === ";") {
      if (!over && ended < 0) nodes.push(new Map());
      values = null;
    } else if (c === "[") {
      let value = "";
      for (at++; at < text.length && text[at] !== "]"; at++) {
        if (text[at] === "\\") at++;
        value += text[at] ?? "";
      }
      if (at >= text.length) return fail("it ends within a value");
      if (!values) return fail("there is a value without a property");
      values.push(value);
    } else if (/[A-Za-z]/.test(c)) {
      let name = "";
      for (; /[A-Za-z]/.test(text[at] ?? ""); at++) name += text[at]!.replace(/[a-z]/, "");
      at--;
      values = [];
      const node = nodes.at(-1);
      if (!over && ended < 0) {
        if (!node) return fail(`there is a property ${name} before the first node`);
        values = node.get(name) ?? [];
        node.set(name, values);
      }
    } else return fail(`there is ${JSON.stringify(c)} where a property should be`);
  }
  return fail("it ends before the game does");
}

/**
 * The game of an SGF text at the end of its main line. Where a colour plays twice in a row, or stones are set up later, what lay on the
 * board then is where the game begins. FormatError for what is no game of Go on a square board, and for moves that are not legal.
 */
export function readSgf(text: string): GoState {
  if (text.length > 1e6) throw new FormatError("SGF", `the text has ${text.length} characters`, "Give a single game");
  const nodes = mainLine(text);
  if (nodes.length > mostNodes) throw new FormatError("SGF", `the game has ${nodes.length} moves`, `Give one of at most ${mostNodes}`);
  const root = nodes[0]!;
  const first = (name: string): string | undefined => root.get(name)?.[0]?.trim();
  const fail = (problem: string): never => {
    throw new FormatError("SGF", problem, "Give a record of a game of Go on a square board of 5 to 19 lines");
  };
  if ((first("GM") ?? "1") !== "1") return fail("it is no game of Go");
  const size = Number(first("SZ") ?? 19);
  if (!Number.isInteger(size) || size < 5 || size > 19) return fail(`the board is ${first("SZ")}`);
  const komi = Number(first("KM") ?? 0);
  if (!(Math.abs(komi) <= size * size && Number.isInteger(2 * komi))) return fail(`komi is ${first("KM")}`);
  const pointOf = (value: string): number => {
    const [column, row] = [value.charCodeAt(0) - 97, value.charCodeAt(1) - 97];
    if (value === "" || (value === "tt" && size <= 19)) return size * size;
    if (!(value.length === 2 && column >= 0 && column < size && row >= 0 && row < size)) return fail(`there is no point ${value}`);
    return row * size + column;
  };
  /** Points of a setup, rectangles such as "aa:cc" included. */
  const pointsOf = (node: Node, name: string): number[] =>
    (node.get(name) ?? []).flatMap((value) => {
      const [from, to = from, more] = value.trim().split(":").map(pointOf) as [number, number?, number?];
      const [top, bottom] = [Math.floor(from / size), Math.floor(to / size)];
      const [left, right] = [from % size, to % size];
      if (more !== undefined || bottom === size || bottom < top || right < left) return fail(`there are no points ${name}[${value}]`);
      const points: number[] = [];
      for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) points.push(row * size + column);
      return points;
    });
  const turnOf = (node: Node): Side | undefined =>
    ({ b: 0, w: 1 })[node.get("PL")?.[0]?.trim()[0]?.toLowerCase() ?? ""] as Side | undefined;

  let state = go({ size, komi }).begin();
  for (const node of nodes) {
    const stones = new Map<number, number>([...state.stones.entries()].filter(([, colour]) => colour));
    const setup = ["AE", "AB", "AW"].map((name) => pointsOf(node, name));
    const named = setup.flat();
    if (new Set(named).size !== named.length) return fail("two stones lie on one point");
    for (const [colour, points] of setup.entries()) for (const point of points) stones.set(point, colour);
    if (named.length || node.has("PL")) {
      const of = (colour: number): number[] => [...stones.keys()].filter((point) => stones.get(point) === colour);
      const [black, white] = [of(1), of(2)];
      // Stones of handicap alone: white begins.
      const next = turnOf(node) ?? (node === root && black.length > 0 && !white.length ? 1 : state.turn);
      state = started(() => go({ size, komi, setup: { black, white, next } }));
    }
    for (const side of [0, 1] as const) {
      const value = node.get("BW"[side]!)?.[0];
      if (value === undefined) continue;
      const move = pointOf(value.trim());
      if (state.turn !== side || state.outcome) state = continueFrom(state, side);
      if (!state.legal().includes(move)) return fail(`move ${state.ply + 1}, ${state.nameOf(move)}, is not legal`);
      state.play(move);
    }
  }
  return state;
}

/** A game from a setup, whose faults are those of the text. */
function started(make: () => GoGame): GoState {
  try {
    return make().begin();
  } catch (error) {
    throw error instanceof ArgumentError ? new FormatError("SGF", error.message) : error;
  }
}
