/** What we use of tsshogi 2.2.0: its own declarations name files without an extension, which Node.js's resolution does not find. */
declare module "tsshogi" {
  export type PieceType = string;
  export const handPieceTypes: PieceType[];
  export type Color = "black" | "white";
  export class Square {
    constructor(file: number, rank: number);
    static readonly all: Square[];
  }
  export class Move {
    readonly from: Square | PieceType;
    readonly to: Square;
    readonly promote: boolean;
    readonly usi: string;
    withPromote(): Move;
  }
  export function parseUSIMove(move: string): { from: Square | PieceType; to: Square; promote: boolean } | null;

  export class Position {
    readonly board: { listSquaresByColor(color: Color): Square[] };
    readonly color: Color;
    readonly sfen: string;
    static newBySFEN(sfen: string): Position | null;
    hand(color: Color): { count(kind: PieceType): number };
    createMove(from: Square | PieceType, to: Square): Move | null;
    createMoveByUSI(move: string): Move | null;
    isValidMove(move: Move): boolean;
    getSFEN(ply: number): string;
  }
  export enum JishogiDeclarationRule {
    GENERAL24 = "general24",
    GENERAL27 = "general27",
  }
  export enum JishogiDeclarationResult {
    WIN = "win",
    LOSE = "lose",
    DRAW = "draw",
  }
  export function judgeJishogiDeclaration(rule: JishogiDeclarationRule, position: Position, color: Color): JishogiDeclarationResult;

  export enum SpecialMoveType {
    RESIGN = "resign",
    TIMEOUT = "timeout",
    MAX_MOVES = "maxMoves",
    REPETITION_DRAW = "repetitionDraw",
    MATE = "mate",
    FOUL_WIN = "foulWin",
    FOUL_LOSE = "foulLose",
  }
  export enum RecordMetadataKey {
    BLACK_NAME = "blackName",
    WHITE_NAME = "whiteName",
    DATE = "date",
  }
  export class Record {
    constructor(position?: Position);
    readonly metadata: {
      getStandardMetadata(key: RecordMetadataKey): string | undefined;
      setStandardMetadata(key: RecordMetadataKey, value: string): void;
    };
    readonly initialPosition: Position;
    readonly position: Position;
    readonly current: { comment: string };
    readonly moves: { readonly move: Move | { readonly type: string } }[];
    readonly repetition: boolean;
    readonly perpetualCheck: Color | null;
    append(move: Move | SpecialMoveType): boolean;
  }
  export function importKIF(text: string): Record | Error;
  export function exportKIF(record: Record): string;
}
