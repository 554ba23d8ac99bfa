import { mayDeclare } from "../games/shogi/declaration.ts";
import { type ShogiState, shogi } from "../games/shogi/shogi.ts";
import type { Dialect } from "./universal.ts";

/** The Universal Shogi Interface (Romstad 2007, with what Shogidokoro added: byo-yomi, `gameover`, `bestmove win`). */
export const usi: Dialect = {
  name: "usi",
  game: shogi,
  notation: "sfen",
  // By what rule a win is declared with an entered king; it has to be the other side's too, else the declaration loses.
  settings: [
    { name: "USI_Ponder", type: "check", value: false },
    { name: "EnteringKingRule", type: "combo", value: "CSARule27", among: ["NoEnteringKing", "CSARule24", "CSARule27"] },
  ],
  ignored: ["USI_Hash"],
  none: "resign",
  resign: "resign",
  claim(state, settings) {
    const rule = { CSARule24: 24, CSARule27: 27 }[settings.get("EnteringKingRule")!] as 24 | 27 | undefined;
    return rule && mayDeclare((state as ShogiState).now, rule) ? "win" : null;
  },
  scale: 600,
  japanese: true,
};
