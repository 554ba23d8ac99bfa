import { type FileEntry, Random } from "@gradus/data";
import { ArgumentError, GradusError } from "@gradus/tensor";
import { type Example, groupRelated } from "../data.ts";
import { generateFolds } from "../generate/folds.ts";
import { type Alignment, singleSequence } from "../io/alignment.ts";
import { readAlignment } from "../io/read-alignment.ts";

/** A chain with the alignments of its sequence. */
export interface LearnedChain extends Example {
  readonly alignments: readonly Alignment[];
}

/** What a network learns from, and what it is tested on. */
export interface Chains {
  readonly training: readonly LearnedChain[];
  readonly heldOut: readonly LearnedChain[];
}

/** Chains made by rule; no sequence is on both sides. They are exact: networks learn from them, too, how sure they may be. */
export function generatedChains(training: number, heldOut: number, seed: number): Chains {
  const made = (count: number, part: "training" | "held-out"): LearnedChain[] =>
    generateFolds(count, { seed, part }).map(({ kind, chain }, i) => ({
      name: `${kind} ${i + 1}`,
      ...{ chain, resolution: 1, alignments: [singleSequence(chain.sequence)] },
    }));
  return { training: made(training, "training"), heldOut: made(heldOut, "held-out") };
}

/**
 * Divides known chains in two: related ones are on one side, and of chains with the same sequence only the first counts. At least the share
 * `heldOut` of all chains is kept from training. `alignments` are used where their query is a chain's sequence. ArgumentError where nothing
 * is left to train on.
 */
export function dividedChains(examples: readonly Example[], alignments: readonly Alignment[], heldOut: number, seed: number): Chains {
  if (!(heldOut >= 0 && heldOut < 1)) throw new ArgumentError("dividedChains", `the share held out is ${heldOut}`, "Give 0 to below 1");
  const seen = new Set<string>();
  const different = examples.filter(({ chain }) => !seen.has(chain.sequence) && seen.add(chain.sequence));
  const chains = different.map((example): LearnedChain => {
    const own = alignments.filter(({ rows }) => rows[0] === example.chain.sequence);
    return { ...example, alignments: own.length ? own : [singleSequence(example.chain.sequence)] };
  });
  const groups = groupRelated(chains.map(({ chain }) => chain));
  const order = new Random(seed, 7).shuffle(Int32Array.from(groups.keys()));
  const kept = new Set<number>();
  // Chains without relatives come first, so that little more is kept from training than was asked for.
  const smallFirst = [...order].sort((a, b) => groups[a]!.length - groups[b]!.length);
  for (const group of smallFirst) {
    if (kept.size >= heldOut * chains.length) break;
    for (const i of groups[group]!) kept.add(i);
  }
  const side = (isKept: boolean): LearnedChain[] => chains.filter((_, i) => kept.has(i) === isKept);
  const divided = { training: side(false), heldOut: side(true) };
  if (!divided.training.length)
    throw new ArgumentError(
      "dividedChains",
      chains.length === 1
        ? "the only chain is held out, and none is left to train on"
        : `all ${chains.length} chains are held out, and none is left to train on`,
      "Hold out a smaller share, or none: related chains are on one side",
    );
  return divided;
}

/** The alignments among `files` whose query is the sequence of a chain, and a sentence for each that is of none of them. */
export async function readAlignments(
  files: readonly FileEntry[],
  examples: readonly Example[],
): Promise<{ readonly alignments: readonly Alignment[]; readonly skipped: readonly string[] }> {
  const sequences = [...new Set(examples.map(({ chain }) => chain.sequence))];
  const [alignments, skipped]: [Alignment[], string[]] = [[], []];
  for (const file of files.filter(({ name }) => /\.(a3m|sto|stockholm)(\.gz)?$/i.test(name))) {
    const bytes = await file.read();
    const fitting: Alignment[] = [];
    for (const sequence of sequences) {
      try {
        fitting.push(await readAlignment(bytes, sequence));
      } catch (error) {
        if (!(error instanceof GradusError)) throw error;
      }
    }
    alignments.push(...fitting);
    if (!fitting.length) skipped.push(`${file.name}: it is no alignment that begins with the sequence of one of the chains`);
  }
  return { alignments, skipped };
}
