import { ArgumentError, ShapeError } from "@gradus/tensor";

/**
 * Predicted aligned errors as JSON, in the layout of AlphaFold DB: the error at residue j when aligned on residue i, in ångström, rows for i.
 * `pae` is [N, N], `max` the largest that the network can say.
 */
export function paeJson(pae: ArrayLike<number>, max: number): string {
  const n = Math.round(Math.sqrt(pae.length));
  if (n * n !== pae.length) throw new ShapeError("paeJson", `${pae.length} numbers are no square`, "Give [N, N]");
  const rows: number[][] = [];
  for (let i = 0; i < n; i++) {
    const row: number[] = [];
    for (let j = 0; j < n; j++) {
      const error = pae[i * n + j]!;
      if (!(error >= 0 && error < Infinity)) throw new ArgumentError("paeJson", `the error of residue ${j + 1} on ${i + 1} is ${error}`);
      row.push(Math.round(error * 100) / 100);
    }
    rows.push(row);
  }
  return JSON.stringify([{ predicted_aligned_error: rows, max_predicted_aligned_error: Math.round(max * 100) / 100 }]);
}
