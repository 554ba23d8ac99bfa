import type { Symmetry } from "./game.ts";

/** The squares of a board of n by n, row by row from the top, after each of its eight turns and mirrorings; the first changes nothing. */
export function dihedral(n: number): Int32Array[] {
  return Array.from({ length: 8 }, (_, kind) =>
    Int32Array.from({ length: n * n }, (_, square) => {
      let [row, column] = [Math.floor(square / n), square % n];
      if (kind & 4) column = n - 1 - column;
      for (let turn = 0; turn < (kind & 3); turn++) [row, column] = [column, n - 1 - row];
      return row * n + column;
    }),
  );
}

/** The symmetries of a square board whose moves are its squares, and `extra` more that stay what they are. */
export const boardSymmetries = (n: number, extra: number): Symmetry[] =>
  dihedral(n).map((squares) => ({ squares, actions: Int32Array.of(...squares, ...Array.from({ length: extra }, (_, i) => n * n + i)) }));

/** Rows of a board as text, with letters below and numbers at the left, counted from the bottom or from the top. */
export function drawBoard(rows: readonly (readonly string[])[], letters = "abcdefghijklmnopqrstuvwxyz", fromTop = false): string {
  const width = String(rows.length).length;
  const lines = rows.map((row, i) => `${String(fromTop ? i + 1 : rows.length - i).padStart(width)} ${row.join(" ")}`);
  return [...lines, `${" ".repeat(width)} ${[...letters].slice(0, rows[0]!.length).join(" ")}`].join("\n");
}
