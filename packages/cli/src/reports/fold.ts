import type { PlotContent, PlottedMark } from "@gradus/notebook/output";
import type { ChainScore, FoldConfig, TrainedNetwork } from "@gradus/systems/fold/network";
import { timeLeft } from "../terminal.ts";
import { report, type Section } from "./report.ts";

/** Scores of a chain as they are kept. */
export type KeptScore = Pick<ChainScore, "name" | "residues" | "lddt" | "tmScore" | "rmsd" | "plddt">;

/** Means over chains. */
export interface MeanScores {
  readonly chains: number;
  readonly lddt: number;
  readonly tmScore: number;
  /** Ångström; `under2` is the share of the chains below two. */
  readonly rmsd: number;
  readonly under2: number;
}

/** What is written beside trained weights. */
export interface FoldRecord {
  readonly system: "fold";
  readonly config: FoldConfig;
  /** Chains made by rule, or known structures. */
  readonly task: "generated" | "structures";
  readonly chains: number;
  /** Chains that came with an alignment of relatives, in this run and those that it went on from. */
  readonly aligned: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  readonly dropout: boolean;
  readonly seconds: number;
  readonly resumed: boolean;
  readonly command: string;
  readonly training: readonly KeptScore[];
  readonly heldOut: readonly KeptScore[];
  readonly history: readonly {
    readonly step: number;
    readonly loss: number;
    readonly training: MeanScores | null;
    readonly heldOut: MeanScores | null;
  }[];
}

const rounded = (x: number): number => Number(x.toFixed(3));

export const scoreOf = ({ name, residues, lddt, tmScore, rmsd, plddt }: ChainScore): KeptScore => ({
  ...{ name, residues, lddt: rounded(lddt), tmScore: rounded(tmScore), rmsd: rounded(rmsd), plddt: rounded(plddt) },
});

export function meanScores(scores: readonly KeptScore[]): MeanScores {
  const mean = (of: (score: KeptScore) => number): number => scores.reduce((sum, s) => sum + of(s), 0) / Math.max(1, scores.length);
  return {
    chains: scores.length,
    ...{ lddt: mean((s) => s.lddt), tmScore: mean((s) => s.tmScore), rmsd: mean((s) => s.rmsd) },
    under2: mean((s) => Number(s.rmsd < 2)),
  };
}

/** "40 chains it has not seen: lDDT 0.91, TM-score 0.72, 0.83 Å, 95 % below 2 Å". */
export function scoresLine(what: string, scores: readonly KeptScore[]): string {
  const { chains, lddt, tmScore, rmsd, under2 } = meanScores(scores);
  return `${chains} ${what}: lDDT ${lddt.toFixed(2)}, TM-score ${tmScore.toFixed(2)}, ${rmsd.toFixed(2)} Å, ${Math.round(100 * under2)} % below 2 Å`;
}

/** How a run of `gradus train fold` went, as a page. */
export function foldReport(r: FoldRecord, { training, heldOut }: TrainedNetwork): string {
  const x = r.history.map((h) => h.step);
  const line = (y: readonly number[], color: PlottedMark["color"], label: string): PlottedMark => ({
    ...{ mark: "line", x, y, label },
    ...(color === undefined ? {} : { color }),
  });
  const has = heldOut.length > 0;
  const of = (side: "training" | "heldOut") => r.history.map((h) => h[side]?.lddt ?? 0);
  const lddts: PlotContent = {
    kind: "plot",
    marks: [line(of("training"), "data", "seen"), ...(has ? [line(of("heldOut"), "model", "not seen")] : [])],
    options: { x: { label: "step" }, y: { label: "lDDT-Cα", domain: [0, 1] } },
  };
  const loss: PlotContent = {
    kind: "plot",
    marks: [
      line(
        r.history.map((h) => h.loss),
        "data",
        "loss",
      ),
    ],
    options: { x: { label: "step" }, y: { label: "loss" } },
  };
  const best = has ? scoresLine("chains it has not seen", heldOut) : scoresLine("chains it has seen", training);
  const rows = (scores: readonly ChainScore[]): (readonly [string, string])[] =>
    scores.slice(0, 60).map((s) => [s.name, `${s.residues} residues: ${alone(s)}, pLDDT ${s.plddt.toFixed(0)}`] as const);
  return report(best, [
    {
      kind: "text",
      text: "Predictions are compared with what is known by their CA atoms: lDDT asks whether distances below 15 Å are kept, the TM-score and the RMSD lay one structure upon the other.",
    },
    {
      kind: "table",
      rows: [
        ["Seen in training", scoresLine("chains", training)],
        ...(has ? [["Kept from training", scoresLine("chains", heldOut)] as const] : []),
        ["Command", r.command],
        ["Training", `${r.steps} updates from ${r.batchSize} chains each; seed ${r.seed}`],
        ["Time", `${timeLeft(r.seconds)}${r.resumed ? ", with breaks" : ""}`],
      ],
    },
    { kind: "plot", caption: "lDDT-Cα of some chains while training went on.", plot: lddts },
    { kind: "plot", caption: "Loss (equation 7 of AlphaFold's supplement).", plot: loss },
    ...[...(has ? heldOut : training)].slice(0, 6).map(overlay),
    { kind: "table", rows: rows(training) },
    ...(has ? [{ kind: "table", rows: rows(heldOut) } as const] : []),
  ]);
}

const alone = ({ lddt, tmScore, rmsd }: KeptScore): string =>
  `lDDT ${lddt.toFixed(2)}, TM-score ${tmScore.toFixed(2)}, ${rmsd.toFixed(2)} Å`;

/** A prediction upon what is known, CA atom by CA atom, seen from where it is widest. */
function overlay(score: ChainScore): Section {
  const { name, predicted, known } = score;
  const [a, b] = widest(known);
  const along = (points: Float32Array, axis: readonly number[]): number[] =>
    Array.from({ length: points.length / 3 }, (_, i) => axis.reduce((sum, v, k) => sum + v * points[3 * i + k]!, 0));
  const isKnown = (_: unknown, i: number): boolean => known.subarray(3 * i, 3 * i + 3).some((v) => v !== 0);
  const path = (points: Float32Array, color: PlottedMark["color"], label: string): PlottedMark => ({
    ...{ mark: "line", x: along(points, a).filter(isKnown), y: along(points, b).filter(isKnown), label, width: 2 },
    ...(color === undefined ? {} : { color }),
  });
  return {
    kind: "plot",
    caption: `${name}: ${alone(score)}.`,
    plot: {
      kind: "plot",
      marks: [path(known, "truth", "known"), path(predicted, "model", "predicted")],
      options: { square: true, x: { label: "Å" }, y: { label: "Å" }, height: 280 },
    },
  };
}

/** The two directions in which points are spread the most: by power iteration on their covariance. */
function widest(points: Float32Array): readonly [readonly number[], readonly number[]] {
  const n = points.length / 3;
  const centre = [0, 1, 2].map((k) => Array.from({ length: n }, (_, i) => points[3 * i + k]!).reduce((s, v) => s + v / n, 0));
  const covariance = [0, 1, 2].map((k) =>
    [0, 1, 2].map((l) =>
      Array.from({ length: n }, (_, i) => (points[3 * i + k]! - centre[k]!) * (points[3 * i + l]! - centre[l]!)).reduce((s, v) => s + v, 0),
    ),
  );
  const dot = (u: readonly number[], v: readonly number[]): number => u.reduce((s, x, k) => s + x * v[k]!, 0);
  const found: number[][] = [];
  for (const start of [
    [1, 0.3, 0.1],
    [0.1, 1, 0.3],
  ]) {
    let v = start;
    for (let i = 0; i < 50; i++) {
      v = covariance.map((row) => dot(row, v));
      for (const u of found) v = v.map((x, k) => x - dot(u, v) * u[k]!);
      const length = Math.hypot(...v) || 1;
      v = v.map((x) => x / length);
    }
    found.push(v);
  }
  return [found[0]!, found[1]!];
}
