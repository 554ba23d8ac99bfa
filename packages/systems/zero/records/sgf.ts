import { FormatError } from "@gradus/tensor";
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
}

const escaped = (text: string): string => text.replace(/[\\\]]/g, (c) => `\\${c}`);

/** A game as SGF (Smart Game Format, FF[4]): the moves of a state from its start. */
export function writeSgf(state: GoState, { black = "", white = "", result = "", date = "" }: SgfInfo = {}): string {
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
  return `(;${properties.join("")}\n${moves.join("").replace(/(.{60,70});/g, "$1\n;")})\n`;
}

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
 * The game of an SGF text at the end of its main line. Where a colour plays twice in a row, what lay on the board before is where the
 * game begins. FormatError for what is no game of Go on a square board, and for moves that are not legal.
 */
export function readSgf(text: string): GoState {
  if (text.length > 1e6) throw new FormatError("SGF", `the text has ${text.length} characters`, "Give a single game");
  const nodes = mainLine(text);
  const root = nodes[0]!;
  const first = (name: string): string | undefined => root.get(name)?.[0]?.trim();
  const fail = (problem: string): never => {
    throw new FormatError("SGF", problem, "Give a record of a game of Go on a square board of 5 to 19 lines");
  };
  if ((first("GM") ?? "1") !== "1") return fail("it is no game of Go");
  const size = Number(first("SZ") ?? 19);
  if (!Number.isInteger(size) || size < 5 || size > 19) return fail(`the board is ${first("SZ")}`);
  const komi = Math.round(2 * Number(first("KM") ?? 0)) / 2;
  if (!(Math.abs(komi) <= size * size)) return fail(`komi is ${first("KM")}`);
  const pointOf = (value: string): number => {
    const [column, row] = [value.charCodeAt(0) - 97, value.charCodeAt(1) - 97];
    if (value === "" || (value === "tt" && size <= 19)) return size * size;
    if (!(value.length === 2 && column >= 0 && column < size && row >= 0 && row < size)) return fail(`there is no point ${value}`);
    return row * size + column;
  };
  /** Points of a setup, rectangles such as "aa:cc" included. */
  const pointsOf = (name: string): number[] =>
    (root.get(name) ?? []).flatMap((value) => {
      const [from, to = from] = value.trim().split(":").map(pointOf) as [number, number?];
      const points: number[] = [];
      for (let row = Math.floor(from / size); row <= Math.floor(to / size); row++)
        for (let column = from % size; column <= to % size; column++) points.push(row * size + column);
      return points.filter((p) => p < size * size);
    });
  const [black, white] = [pointsOf("AB"), pointsOf("AW")];
  if (new Set([...black, ...white]).size !== black.length + white.length) return fail("two stones lie on one point");
  const begins: Side = /^w/i.test(first("PL") ?? "") || (first("PL") === undefined && black.length > 0 && !white.length) ? 1 : 0;
  const game: GoGame = go({ size, komi, setup: { black, white, next: begins } });
  let state = game.begin();
  for (const node of nodes)
    for (const side of [0, 1] as const) {
      const value = node.get("BW"[side]!)?.[0];
      if (value === undefined) continue;
      const move = pointOf(value.trim());
      if (state.turn !== side || state.outcome) state = continueFrom(state, side);
      if (!state.legal().includes(move)) return fail(`move ${state.ply + 1}, ${state.nameOf(move)}, is not legal`);
      state.play(move);
    }
  return state;
}
