/** A position as cells show it with `custom("board", ...)`. Places are fields row by row, then what is in hand above the board, then below. */
export interface DrawnBoard {
  readonly rows: number;
  readonly columns: number;
  /** What stands there, "" where nothing does. */
  readonly fields: readonly string[];
  readonly checkered?: boolean;
  /** Pieces are tiles that point where they move. */
  readonly tiles?: boolean;
  readonly hands?: readonly [readonly string[], readonly string[]];
  /** Places whose pieces stand on their heads. */
  readonly turned?: readonly number[];
  /** Legal moves from place to place; the label tells those between the same two apart. */
  readonly steps: readonly { readonly from: number; readonly to: number; readonly move: number; readonly label: string }[];
  /** Places of the last move. */
  readonly marked: readonly number[];
  /** What places are called, for those who do not see them: "e4", "white has in hand: 2 pawns". */
  readonly names: readonly string[];
  /** What pieces are called; "-P" is a "P" that stands on its head. */
  readonly words: Readonly<Record<string, string>>;
}
