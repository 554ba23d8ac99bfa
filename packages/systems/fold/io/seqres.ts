import { FormatError } from "@gradus/tensor";
import type { ObservedResidue } from "./assemble.ts";

/** Carbon and nitrogen of neighbours are 1.33 Å apart. */
const bondLength = 2;
/** Residues times gaps to look at: far more than real chains need. */
const mostCells = 2e7;

/**
 * Which residue of the sequence each residue with atoms is (0, 1, ...): PDB files do not say. The names must agree; among the ways to lay the
 * one along the other the one is taken that breaks no bonds and follows the authors' numbers. FormatError where no way is.
 */
export function alignToSequence(chain: string, sequence: readonly string[], residues: readonly ObservedResidue[]): Int32Array {
  const n = residues.length;
  const missing = sequence.length - n;
  const fail = (problem: string): never => {
    throw new FormatError(
      "PDB",
      `chain ${chain}: ${problem}`,
      "Take the SEQRES records out of the file to read the residues with atoms alone",
    );
  };
  if (missing < 0) fail(`there are atoms of ${n} residues, SEQRES lists ${sequence.length}`);
  const width = missing + 1;
  if (n * width > mostCells) fail(`${n} residues cannot be laid along a sequence of ${sequence.length} in reasonable time`);

  // cost[d]: the least cost of laying residues 0 to k so that k is residue k + d of the sequence; from[k][d]: d of the residue before.
  let cost = new Float64Array(width);
  const from = new Int32Array(n * width);
  for (let k = 0; k < n; k++) {
    const next = new Float64Array(width).fill(Infinity);
    const step = k === 0 ? undefined : stepBetween(residues[k - 1]!, residues[k]!);
    // The best place for the residue before, at d or sooner.
    let best = 0;
    for (let d = 0; d < width; d++) {
      if (cost[d]! < cost[best]!) best = d;
      if (sequence[k + d] !== residues[k]!.name) continue;
      if (!step) {
        next[d] = 0;
        continue;
      }
      for (const before of [best, d, d - step.missing]) {
        if (before < 0 || before > d) continue;
        const jump = d - before;
        // A bond decides; numbers only where it does not.
        const price = cost[before]! + (jump === step.missing ? 0 : 1) + (step.bonded ? (jump ? 3 : 0) : jump ? 0 : 0.5);
        if (price < next[d]!) {
          next[d] = price;
          from[k * width + d] = before;
        }
      }
    }
    if (next.every((x) => x === Infinity)) {
      const { name, number } = residues[k]!;
      fail(`residue ${name} ${number} has atoms, but does not stand in SEQRES after what comes before it`);
    }
    cost = next;
  }
  const places = new Int32Array(n);
  let d = cost.reduce((best, x, i) => (x < cost[best]! ? i : best), 0);
  for (let k = n - 1; k >= 0; k--) {
    places[k] = k + d;
    d = from[k * width + d]!;
  }
  return places;
}

/** Whether a bond joins two residues, and how many are missing between them by the authors' numbers. */
function stepBetween(before: ObservedResidue, after: ObservedResidue): { readonly bonded: boolean; readonly missing: number } {
  const carbon = before.atoms.find(({ name }) => name === "C");
  const nitrogen = after.atoms.find(({ name }) => name === "N");
  const bonded =
    carbon !== undefined &&
    nitrogen !== undefined &&
    Math.hypot(carbon.x - nitrogen.x, carbon.y - nitrogen.y, carbon.z - nitrogen.z) < bondLength;
  return { bonded, missing: Math.max(0, Number.parseInt(after.number, 10) - Number.parseInt(before.number, 10) - 1) };
}
