/** Who moves first is 0: black in Go, Othello and shogi, white in chess, X in tic-tac-toe. */
export type Side = 0 | 1;

/** How a game ended. */
export interface Outcome {
  /** null is a draw. */
  readonly winner: Side | null;
  /** Why, in a few words: "four in a row", "stalemate", "black by 3.5". */
  readonly reason: string;
}

/** A way to turn or mirror the board that changes nothing: what lies at i afterwards lay at [i] before. */
export interface Symmetry {
  /** [rows * columns] */
  readonly squares: Int32Array;
  /** [actions] */
  readonly actions: Int32Array;
}

/**
 * Rules of a game for two with nothing hidden and nothing left to chance, and how a network sees it. A game knows no search and no
 * network. Moves are numbers below `actions`; what each means stays the same all game long.
 */
export interface Game {
  /** As in commands and files: "connect4", "go9". */
  readonly name: string;
  readonly title: string;
  /** What the network sees is [rows, columns, planes], from the side of who is to move (Silver and others 2018, table S1). */
  readonly rows: number;
  readonly columns: number;
  readonly planes: number;
  /** Moves there are, legal or not (table S2). */
  readonly actions: number;
  /**
   * Moves per square where moves are numbered square by square: move = square * movePlanes + plane, and those beyond
   * rows * columns * movePlanes (passing) come last. 0 where moves are no matter of squares.
   */
  readonly movePlanes: number;
  /** The first changes nothing. */
  readonly symmetries: readonly Symmetry[];
  /** The moves of a usual game, for time management and schedules. */
  readonly typicalLength: number;
  /** A game at its start, or at a position in the game's own notation. FormatError for text that is none. */
  begin(position?: string): State;
}

/** A game under way. It changes with `play` and `undo`: a search walks down and back up. */
export interface State {
  readonly game: Game;
  readonly turn: Side;
  /** Moves played since `begin`. */
  readonly ply: number;
  /** null while the game goes on. */
  readonly outcome: Outcome | null;
  /** The same for positions that the rules treat alike from here on; evaluations are shared by it. */
  readonly key: string;
  /** The move that led here, if any. */
  readonly last: number | null;
  /** Legal moves, ascending; none once the game is over. The array is the caller's. */
  legal(): number[];
  /** ArgumentError for a move that is not legal; nothing has changed then. */
  play(action: number): void;
  /** Takes the last move back. StateError at the beginning. */
  undo(): void;
  /** Writes [rows, columns, planes] there, all of it. */
  observe(planes: Float32Array): void;
  /** A move as people write it: "d4", "e2e4", "P*5e", "pass". */
  nameOf(action: number): string;
  /** The move of that name. ArgumentError when there is none that is legal. */
  actionOf(name: string): number;
  /** The position in the game's own notation, which `begin` reads. */
  position(): string;
  /** The board as text, for people. */
  toString(): string;
  /** A copy that goes its own way. */
  clone(): State;
}
