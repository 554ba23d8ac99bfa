import { ArgumentError, FormatError, GradusError } from "@gradus/tensor";
import { type ChessState, chess, continued } from "../games/chess/chess.ts";
import { movesOf } from "../games/moves.ts";

const results = ["1-0", "0-1", "1/2-1/2", "*"] as const;
/** "*" is a game that goes on, or whose end is not known. */
export type PgnResult = (typeof results)[number];

/** What is told of a game besides its moves. */
export interface PgnInfo {
  readonly event?: string;
  readonly site?: string;
  /** "2026.11.29" */
  readonly date?: string;
  readonly round?: string;
  readonly white?: string;
  readonly black?: string;
  /** Where the rules have not ended the game: resigned, lost on time. */
  readonly result?: PgnResult;
  /** How it ended, in PGN's words: "normal", "time forfeit", "rules infraction". */
  readonly termination?: string;
  /** Said after the last move. */
  readonly comment?: string;
}

export interface PgnGame {
  /** The game at its end. */
  readonly state: ChessState;
  readonly tags: ReadonlyMap<string, string>;
  readonly result: PgnResult;
}

// chessops reads and writes PGN too, but reads over what it does not understand, ends games at empty lines, and writes lines without end.

/** A game as PGN (Portable Game Notation, export format): the moves of a state from its start. */
export function writePgn(state: ChessState, info: PgnInfo = {}): string {
  const { event, site, date = "????.??.??", round, white, black } = info;
  const { outcome } = state;
  const result = outcome ? (outcome.winner === null ? "1/2-1/2" : results[outcome.winner]) : (info.result ?? "*");
  if (!results.includes(result)) throw new ArgumentError("PGN", `the result is ${result}`, `Use one of ${results.join(", ")}`);
  const start = state.clone();
  while (start.ply) start.undo();
  const position = start.position();
  const tags: Record<string, string | undefined> = { Event: event, Site: site, Date: date, Round: round, White: white, Black: black };
  const lines = Object.entries({
    ...{ ...tags, Result: result },
    ...(position === chess.begin().position() ? {} : { SetUp: "1", FEN: position }),
    ...(info.termination ? { Termination: info.termination } : {}),
  }).map(([name, value]) => `[${name} "${(value?.replace(/\s+/g, " ").trim() || "?").replace(/["\\]/g, "\\$&")}"]`);
  let number = Number(position.split(" ")[5]);
  const words = movesOf(state).map((move, i) => {
    const prefix = start.turn === 0 ? `${number}. ` : i === 0 ? `${number}... ` : "";
    if (start.turn === 1) number++;
    const text = prefix + start.sanOf(move);
    start.play(move);
    return text;
  });
  // Lines of fewer than 80 characters.
  const comment = info.comment ? [`{${info.comment.replace(/\}/g, ")").replace(/\s+/g, " ")}}`] : [];
  const moves = [...words, ...comment, result].join(" ").replace(/(.{1,79})( |$)/g, "$1\n");
  return `${lines.join("\n")}\n\n${moves}`;
}

/** What a text of PGN is made of; comments and lines that begin with % are read over, glyphs as well. */
const patterns = [
  String.raw`(?<space>\s+|;.*|^%.*|\{[^}]*\}|\$\d+|[!?]+)`,
  String.raw`\[\s*(?<tag>\w+)\s+"(?<value>(?:[^"\\\n]|\\.)*)"\s*\]`,
  String.raw`(?<result>1-0|0-1|1/2-1/2|\*)(?![^\s;{()[])`,
  String.raw`(?<number>\d+(?:\s*\.)+|\d+(?=\s|$))`,
  "(?<bracket>[()])",
  String.raw`(?<move>[KQRBNOa-h0][\w=+#\-]{0,9})`,
];

/**
 * The games of a PGN text, their main lines. Where moves follow a draw that nobody claimed, a state begins at that position. FormatError for
 * what is no PGN, for moves that are not legal, and for games of other rules.
 */
export function readPgn(text: string): PgnGame[] {
  const games: PgnGame[] = [];
  let tags = new Map<string, string>();
  let state: ChessState | null = null;
  let [depth, at] = [0, 0];
  const fail = (problem: string): never => {
    throw new FormatError("PGN", `game ${games.length + 1}: ${problem}`, "Give records of games of chess in PGN");
  };
  const end = (result: string | undefined): void => {
    if (depth) fail("a variation does not end");
    if (!state && !tags.size && result === undefined) return;
    const last = result ?? tags.get("Result") ?? "*";
    games.push({ state: state ?? begin(), tags, result: results.find((one) => one === last) ?? "*" });
    [tags, state] = [new Map(), null];
  };
  const begin = (): ChessState => {
    const variant = tags.get("Variant") ?? "standard";
    if (!/^(standard|chess|normal|from position)$/i.test(variant)) fail(`its rules are those of ${variant}`);
    try {
      return chess.begin(tags.get("FEN"));
    } catch (error) {
      if (!(error instanceof GradusError)) throw error;
      return fail(error.message);
    }
  };
  const body = text.replace(/^\ufeff/, "");
  const token = new RegExp(patterns.join("|"), "my");
  for (; at < body.length; at = token.lastIndex) {
    token.lastIndex = at;
    const groups = token.exec(body)?.groups;
    if (!groups) return fail(`there is ${JSON.stringify(body.slice(at, at + 20).split(/\s/)[0])} where a move or a tag should be`);
    const { tag, value, result, bracket, move } = groups;
    if (bracket) depth += bracket === "(" ? 1 : -1;
    if (depth < 0) fail("a variation ends that did not begin");
    if (depth) continue;
    if (tag !== undefined) {
      if (state) end(undefined);
      tags.set(tag, value!.replace(/\\(["\\])/g, "$1"));
    } else if (result !== undefined) end(result);
    else if (move !== undefined) {
      state ??= begin();
      try {
        if (state.outcome) state = continued(state);
        state.play(state.actionOf(move));
      } catch (error) {
        if (!(error instanceof GradusError)) throw error;
        fail(`after ${state.ply} moves, ${error.message}`);
      }
    }
  }
  end(undefined);
  if (!games.length) fail("the text holds none");
  return games;
}
