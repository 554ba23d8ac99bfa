import type { Side } from "../games/game.ts";
import type { GoState } from "../games/go/go.ts";
import type { Choice } from "../player.ts";
import { colourIn, nameOf, numberOf, Refusal, whole } from "./gtp-words.ts";

/** Whose words thoughts are told in: Leela Zero's (`lz-analyze`) or KataGo's (`kata-analyze`). Both are read by Sabaki and Lizzie. */
export type Analyst = "lz" | "kata";

export interface Analysis {
  /** null: of who is to move. */
  readonly colour: Side | null;
  /** Seconds from one line to the next. */
  readonly every: number;
  /** Moves that are told of. */
  readonly most: number;
}

/** Where an analysis does not say how often it is to be told. */
const usual = 1;
/** Lines come no faster: nobody would see them. */
const fastest = 0.05;
/** KataGo's further wishes, which are true or false. They may be had, and nothing comes of them. */
const wishes = ["ownership", "ownershipStdev", "movesOwnership", "movesOwnershipStdev", "pvVisits", "pvEdgeVisits", "rootInfo"];

/** `[colour] [interval] [interval n] [minmoves n] [maxmoves n]`, intervals in hundredths of a second. Refusal for what else there is. */
export function readAnalysis(args: readonly string[], analyst: Analyst): Analysis {
  const words = [...args];
  const colour = colourIn(words[0]);
  if (colour !== null) words.shift();
  let [every, most] = [usual, Infinity];
  const interval = (text: string | undefined): void => {
    every = Math.max(fastest, numberOf(text, whole) / 100);
  };
  if (/^\d/.test(words[0] ?? "")) interval(words.shift());
  while (words.length) {
    const [key, value] = words.splice(0, 2);
    if (key === "interval") interval(value);
    else if (key === "minmoves") numberOf(value, whole);
    else if (key === "maxmoves" && analyst === "kata") most = numberOf(value, (n) => whole(n) && n > 0);
    else if (key === "allow" || key === "avoid") throw new Refusal(`${key} is not understood: all moves are analysed`);
    else if (!(analyst === "kata" && wishes.includes(key!) && (value === "true" || value === "false")))
      throw new Refusal(key === args[0] ? "invalid color" : "syntax error");
  }
  return { colour, every, most };
}

/** All moves that were thought of, in one line, the best first. */
export function infoLine(analyst: Analyst, state: GoState, choice: Choice, most = Infinity): string {
  const { move, value, simulations, line } = choice;
  const candidates = choice.candidates ?? [{ move, value, visits: simulations, prior: 0, line }];
  const telling = candidates.slice(0, most).map((c, order) => {
    const winrate = (1 + c.value) / 2;
    const share = (x: number): string => (analyst === "lz" ? String(Math.round(10_000 * x)) : x.toFixed(6));
    const utility = analyst === "kata" ? ` utility ${c.value.toFixed(6)}` : "";
    const expected = (c.line.length ? c.line : [c.move]).map((m) => nameOf(state, m)).join(" ");
    return `info move ${nameOf(state, c.move)} visits ${c.visits}${utility} winrate ${share(winrate)} prior ${share(c.prior)} order ${order} pv ${expected}`;
  });
  return telling.join(" ");
}
