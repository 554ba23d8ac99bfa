import type { PlotContent, PlottedMark } from "@gradus/notebook/output";
import type { Comparison } from "@gradus/systems/fold";
import { mostAlignedError, type Predicted } from "@gradus/systems/fold/network";
import { pairMap } from "./pair-map.ts";
import { report, type Section } from "./report.ts";

/** What is told of a prediction besides itself. */
export interface PredictionReport {
  readonly id: string;
  readonly predicted: Predicted;
  /** Sentences that whoever reads the structure has to know. */
  readonly notes: readonly string[];
  readonly rows: readonly (readonly [name: string, value: string])[];
  readonly compared?: { readonly name: string; readonly comparison: Comparison };
}

export const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / Math.max(1, values.length);

/** "RMSD 1.23 Å, TM-score 0.71, lDDT 0.81, GDT_TS 0.77 (64 of 70 residues)". */
export const comparisonLine = ({ rmsd, tmScore, lddt, gdtTs, residues, referenceResidues }: Comparison): string =>
  `RMSD ${rmsd.toFixed(2)} Å, TM-score ${tmScore.toFixed(3)}, lDDT ${lddt.toFixed(3)}, GDT_TS ${gdtTs.toFixed(3)} (${residues} of ${referenceResidues} residues)`;

/** A prediction as a page: how sure the network is, of residues and of pairs. */
export async function predictionReport({ id, predicted, notes, rows, compared }: PredictionReport): Promise<string> {
  const { plddt, confidence } = predicted;
  const n = plddt.length;
  const { alignedError, distances } = confidence;
  const sections: Section[] = [
    ...notes.map((text): Section => ({ kind: "text", text })),
    { kind: "table", rows },
    {
      kind: "plot",
      caption: `Predicted lDDT by residue: above 90 side chains can be trusted too, above 70 the backbone; below 50 hardly anything.${compared ? " Beside it the lDDT that was reached." : ""}`,
      plot: confidencePlot(plddt, compared?.comparison),
    },
  ];
  if (alignedError)
    sections.push({
      kind: "drawing",
      caption:
        "Predicted aligned error: how far off a residue is expected to lie when another one is in its right place. Dark blocks are parts whose places in each other are known.",
      svg: await pairMap(alignedError, n, {
        ...{ range: [0, mostAlignedError()], label: "expected error, Å" },
        ...{ x: "residue that is off", y: "residue in its place" },
      }),
    });
  sections.push({
    kind: "drawing",
    caption: "Expected distances between residues' CB atoms (CA of glycine), from the distogram; what is farther than 22 Å counts as that.",
    svg: await pairMap(distances, n, { range: [2, 22], label: "expected distance, Å", x: "residue", y: "residue" }),
  });
  return report(`${id}: mean pLDDT ${mean(plddt).toFixed(1)}`, sections);
}

function confidencePlot(plddt: Float32Array, comparison: Comparison | undefined): PlotContent {
  const marks: PlottedMark[] = [50, 70, 90].map((y) => ({ mark: "rule", y, color: "muted" }));
  const numbers = Array.from(plddt, (_, i) => i + 1);
  if (comparison) {
    const known = numbers.filter((i) => comparison.lddtPerResidue[i - 1] !== null);
    const reached = known.map((i) => 100 * comparison.lddtPerResidue[i - 1]!);
    marks.push({ mark: "line", x: known, y: reached, color: "truth", label: "reached" });
  }
  marks.push({ mark: "line", x: numbers, y: [...plddt], color: "model", label: "predicted", width: 2 });
  return { kind: "plot", marks, options: { x: { label: "residue" }, y: { label: "lDDT", domain: [0, 100] } } };
}
