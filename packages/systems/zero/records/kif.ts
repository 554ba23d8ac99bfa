/// <reference path="./tsshogi.d.ts" />
import { FormatError, GradusError } from "@gradus/tensor";
import { exportKIF, importKIF, Move, Position, Record, RecordMetadataKey, SpecialMoveType } from "tsshogi";
import { movesOf } from "../games/moves.ts";
import { type ShogiState, shogi } from "../games/shogi/shogi.ts";
import type { Termination } from "../match.ts";

/** What is told of a game besides its moves. */
export interface KifInfo {
  readonly black?: string;
  readonly white?: string;
  /** "2026/11/29" */
  readonly date?: string;
  /** What ended the game where its rules have not: who is to move has resigned, failed or was late, or it went on for too long. */
  readonly termination?: Termination;
  /** Said with the end. */
  readonly comment?: string;
}

const endings: { readonly [T in Termination]: SpecialMoveType | null } = {
  rules: null,
  resignation: SpecialMoveType.RESIGN,
  forfeit: SpecialMoveType.FOUL_LOSE,
  time: SpecialMoveType.TIMEOUT,
  length: SpecialMoveType.MAX_MOVES,
};

/** How the record of a game ends that has ended. */
function ending({ outcome, turn }: ShogiState): SpecialMoveType | null {
  if (!outcome) return null;
  if (outcome.reason === "perpetual check") return outcome.winner === turn ? SpecialMoveType.FOUL_WIN : SpecialMoveType.FOUL_LOSE;
  if (outcome.winner !== null) return SpecialMoveType.MATE;
  return outcome.reason === "repetition" ? SpecialMoveType.REPETITION_DRAW : SpecialMoveType.MAX_MOVES;
}

/** A game as KIF, the text that Japanese programs keep shogi games in: the moves of a state from its start. */
export function writeKif(state: ShogiState, info: KifInfo = {}): string {
  const { black = "", white = "", date = "", termination = "rules", comment = "" } = info;
  const start = state.clone();
  while (start.ply) start.undo();
  const record = new Record(Position.newBySFEN(start.position())!);
  const line = (text: string): string => text.replace(/\s+/g, " ");
  if (black) record.metadata.setStandardMetadata(RecordMetadataKey.BLACK_NAME, line(black));
  if (white) record.metadata.setStandardMetadata(RecordMetadataKey.WHITE_NAME, line(white));
  if (date) record.metadata.setStandardMetadata(RecordMetadataKey.DATE, line(date));
  for (const move of movesOf(state)) {
    record.append(record.position.createMoveByUSI(start.nameOf(move))!);
    start.play(move);
  }
  const end = ending(state) ?? endings[termination];
  if (end) record.append(end);
  if (comment) record.current.comment = line(comment);
  return exportKIF(record);
}

/** The game of a KIF text at the end of its main line. FormatError for what is none, and for moves that are not legal. */
export function readKif(text: string): { readonly state: ShogiState; readonly black: string; readonly white: string } {
  const fail = (problem: string): never => {
    throw new FormatError("KIF", problem, "Give a record of a game of shogi in KIF");
  };
  if (text.length > 1e6) return fail(`the text has ${text.length} characters`);
  if (!/^\s*(手数|\d+\s)|：/m.test(text)) return fail("the text holds no game");
  let record: Record | Error;
  try {
    record = importKIF(text);
  } catch (error) {
    // Texts that it did not foresee.
    record = error as Error;
  }
  if (record instanceof Error) return fail(record.message);
  try {
    const state = shogi.begin(record.initialPosition.sfen);
    for (const { move } of record.moves) if (move instanceof Move) state.play(state.actionOf(move.usi));
    const name = (key: RecordMetadataKey): string => (record as Record).metadata.getStandardMetadata(key) ?? "";
    return { state, black: name(RecordMetadataKey.BLACK_NAME), white: name(RecordMetadataKey.WHITE_NAME) };
  } catch (error) {
    if (!(error instanceof GradusError)) throw error;
    return fail(error.message);
  }
}
