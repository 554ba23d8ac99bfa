/** What a clock says before a move. Times are seconds. */
export interface Clock {
  readonly remaining: number;
  /** Added after each move. */
  readonly increment?: number;
  /** Moves until more time comes, where that is so. */
  readonly movesToGo?: number;
}

/** Held back each move, for the way to whoever keeps the clock. */
const lag = 0.05;

/** How long to think: an even share of the time for the moves that such a game still has, and most of the increment. */
export function secondsForMove({ remaining, increment = 0, movesToGo }: Clock, ply: number, typicalLength: number): number {
  const moves = movesToGo ?? Math.max(8, (typicalLength - ply) / 2);
  const share = remaining / moves + 0.8 * increment;
  return Math.max(0.01, Math.min(share, remaining / 2) - lag);
}
