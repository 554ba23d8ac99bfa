import type { PlotContent, PlottedMark } from "@gradus/notebook/output";
import type { HeadScores, InductionMeasurement, InductionResult } from "@gradus/systems/gpt/in-context";
import { counted, timeLeft } from "../terminal.ts";
import { report } from "./report.ts";

export interface InductionRecord extends InductionResult {
  readonly command: string;
  readonly seconds: number;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function curves(
  label: string,
  lines: readonly (readonly [name: string, of: readonly InductionMeasurement[], y: (m: InductionMeasurement) => number])[],
): PlotContent {
  const marks = lines.map(
    ([name, of, y], color): PlottedMark => ({ mark: "line", x: of.map((m) => m.step), y: of.map(y), color, label: name }),
  );
  return { kind: "plot", marks, options: { x: { label: "step" }, y: { label } } };
}

const most = (score: "prefixMatching" | "previousToken") => (m: InductionMeasurement) => Math.max(...m.heads.map((head) => head[score]));

/** How the induction experiment went, as a page. */
export function inductionReport(r: InductionRecord): string {
  const { layers, steps, batchSize, vocabulary, context, testSequences, width, heads, rate, seed } = r.options;
  const runs = layers.map((n) => ({ layers: n, of: r.measurements.filter((m) => m.layers === n) }));
  const outcome = runs.map(({ layers: n, of }) => {
    const { repeatedAccuracy, repeatedLoss } = of.at(-1)!;
    return `${counted(n, "layer")}: ${percent(repeatedAccuracy)} of repeated tokens right, loss ${repeatedLoss.toFixed(3)}`;
  });
  const named = ({ layer, head }: HeadScores) => `Layer ${layer + 1}, head ${head + 1}`;
  const deepest = runs.reduce((a, b) => (b.layers > a.layers ? b : a));
  return report("In-context learning arises: induction heads", [
    { kind: "text", text: `${outcome.join("; ")}.` },
    {
      kind: "text",
      text: `Networks learn to predict the next token of patterns of different random tokens, which repeat after a distance that is random too. Nothing about a pattern can be learned beforehand: what comes next must be found in the sequence itself. A head that finds earlier places of the present token and looks at what followed them (an induction head; Olsson et al. 2022) needs another one below it, that tells each place what came before it.`,
    },
    {
      kind: "table",
      rows: [
        ["Command", r.command],
        ["Sequences", `${context} tokens of ${vocabulary}; ${testSequences} to measure on`],
        ["Networks", `width ${width}, ${heads} heads a layer, rotary positions`],
        ["Training", `${steps} steps of ${batchSize} sequences, learning rate ${rate}, seed ${seed}`],
        ["Time", timeLeft(r.seconds)],
      ],
    },
    {
      kind: "plot",
      caption: `Loss (nats a token) where the pattern is repeated. Guessing gives ${Math.log(vocabulary).toFixed(2)}.`,
      plot: curves(
        "loss on repetitions",
        runs.map(({ layers: n, of }) => [counted(n, "layer"), of, (m) => m.repeatedLoss] as const),
      ),
    },
    {
      kind: "plot",
      caption: "Share of attention that the best induction head pays to what followed earlier occurrences of the present token.",
      plot: curves(
        "prefix matching",
        runs.map(({ layers: n, of }) => [counted(n, "layer"), of, most("prefixMatching")] as const),
      ),
    },
    {
      kind: "plot",
      caption: `The network of ${counted(deepest.layers, "layer")}: the best induction head, and the head that looks most at the token just before.`,
      plot: curves("share of attention", [
        ["prefix matching", deepest.of, most("prefixMatching")],
        ["previous token", deepest.of, most("previousToken")],
      ]),
    },
    {
      kind: "table",
      rows: deepest.of
        .at(-1)!
        .heads.map(
          (h) => [named(h), `prefix matching ${h.prefixMatching.toFixed(2)}, previous token ${h.previousToken.toFixed(2)}`] as const,
        ),
    },
  ]);
}
