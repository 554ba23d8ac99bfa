import { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { Chain } from "../io/structure.ts";
import { type BackboneAngles, buildBackbone, closestContact } from "./backbone.ts";

export const foldKinds = ["helix", "hairpin", "helix-turn-helix"] as const;
export type FoldKind = (typeof foldKinds)[number];

/** A chain made by rule: its sequence determines its shape. */
export interface GeneratedFold {
  readonly kind: FoldKind;
  readonly chain: Chain;
  /** The torsions it was built from, by residue. */
  readonly angles: readonly BackboneAngles[];
}

/** Residues that form helices, and those that form strands. */
const helixLetters = "AELKMQR";
const strandLetters = "VITYFW";
const helix: BackboneAngles = { phi: -63, psi: -42 };
/** Found, like the turns below, by bringing N and O of strands that face each other to 2.9 Å, the length of a hydrogen bond. */
const strand: BackboneAngles = { phi: -121, psi: 119.6 };

/** The two residues of a hairpin's turn, with the residue before and the one after, which bend a little. */
interface Turn {
  readonly motifs: readonly string[];
  readonly angles: readonly [BackboneAngles, BackboneAngles, BackboneAngles, BackboneAngles];
}

const turns: readonly Turn[] = [
  // Type I', the favourite of asparagine or aspartate before glycine.
  {
    motifs: ["NG", "DG"],
    angles: [
      { phi: -156.8, psi: 133.4 },
      { phi: 63.1, psi: 25.1 },
      { phi: 88.1, psi: 7.8 },
      { phi: -101, psi: 128.2 },
    ],
  },
  // Type II', with glycine first.
  {
    motifs: ["GN", "GD"],
    angles: [
      { phi: -129.9, psi: 116.5 },
      { phi: 58.5, psi: -128.3 },
      { phi: -87.5, psi: 8.3 },
      { phi: -110, psi: 123.8 },
    ],
  },
];

/** Between helices each of these letters has torsions of its own. */
const loopAngles: Readonly<Record<string, BackboneAngles>> = {
  G: { phi: 62, psi: 38 },
  P: { phi: -65, psi: 145 },
  S: { phi: -80, psi: 155 },
  N: { phi: -85, psi: 5 },
  D: { phi: -95, psi: 95 },
};
/** Of all words of three to five letters those after which the second helix comes back along the first without running into it. */
const loops = ["PND", "GPND", "GPNP", "PNSNN", "GGSND", "PSGSP", "PNPSG", "GSSGN", "GGPNP"] as const;

/** Sequences of this many in a hundred are held out. */
const heldOutPercent = 20;

/** Whether a sequence is kept from training: its own letters decide (FNV-1a), so that no sequence is ever on both sides, whatever the seed. */
export function isHeldOut(sequence: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < sequence.length; i++) hash = Math.imul(hash ^ sequence.charCodeAt(i), 0x01000193);
  // The last bits of FNV depend on few letters.
  hash ^= hash >>> 15;
  return (hash >>> 0) % 100 < heldOutPercent;
}

export interface GenerateOptions {
  /** Default 0. The same seed gives the same chains. */
  readonly seed?: number;
  /** Which side of the division. Default "training". */
  readonly part?: "training" | "held-out";
  /** Default all. */
  readonly kinds?: readonly FoldKind[];
}

/**
 * Chains whose sequence determines their shape, each sequence once: helices, hairpins, and two helices joined by a loop. Nearer than 2.5 Å come
 * no atoms of residues that are not neighbours.
 */
export function generateFolds(count: number, { seed = 0, part = "training", kinds = foldKinds }: GenerateOptions = {}): GeneratedFold[] {
  if (!Number.isInteger(count) || count < 0 || count > 1e6)
    throw new ArgumentError("generateFolds", `the count is ${count}`, "Give 0 to 1,000,000");
  const strange = kinds.find((kind) => !foldKinds.includes(kind));
  if (!kinds.length || strange !== undefined)
    throw new ArgumentError("generateFolds", `there is no kind ${strange}`, `There are ${foldKinds.join(", ")}`);
  const random = new Random(seed, part === "held-out" ? 1 : 0);
  const folds: GeneratedFold[] = [];
  const seen = new Set<string>();
  while (folds.length < count) {
    const kind = kinds[random.integer(kinds.length)]!;
    const sequence = { helix: drawHelix, hairpin: drawHairpin, "helix-turn-helix": drawHelixTurnHelix }[kind](random);
    if (seen.has(sequence) || isHeldOut(sequence) !== (part === "held-out")) continue;
    seen.add(sequence);
    const angles = anglesOf(sequence);
    const chain = buildBackbone(sequence, angles);
    if (closestContact(chain) >= 2.5) folds.push({ kind, chain, angles });
  }
  return folds;
}

const between = (random: Random, low: number, high: number): number => low + random.integer(high - low + 1);
const letters = (random: Random, of: string, n: number): string => Array.from({ length: n }, () => of[random.integer(of.length)]!).join("");

const drawHelix = (random: Random): string => letters(random, helixLetters, between(random, 12, 28));

function drawHairpin(random: Random): string {
  const n = between(random, 4, 8);
  const { motifs } = turns[random.integer(turns.length)]!;
  return letters(random, strandLetters, n) + motifs[random.integer(motifs.length)]! + letters(random, strandLetters, n);
}

function drawHelixTurnHelix(random: Random): string {
  const [first, second] = [between(random, 8, 14), between(random, 8, 14)];
  return letters(random, helixLetters, first) + loops[random.integer(loops.length)]! + letters(random, helixLetters, second);
}

/** The torsions that the rules give a sequence. ArgumentError for sequences that no rule made. */
export function anglesOf(sequence: string): BackboneAngles[] {
  const found = new RegExp(`^([${strandLetters}]+)(..)([${strandLetters}]+)$`).exec(sequence);
  if (found) {
    const [before, motif, after] = found.slice(1) as [string, string, string];
    const turn = turns.find(({ motifs }) => motifs.includes(motif));
    if (turn) return [...new Array(before.length - 1).fill(strand), ...turn.angles, ...new Array(after.length - 1).fill(strand)];
  }
  return Array.from(sequence, (letter) => {
    const angles = helixLetters.includes(letter) ? helix : loopAngles[letter];
    if (!angles)
      throw new ArgumentError("anglesOf", `no rule knows ${JSON.stringify(letter)} in ${sequence}`, "Take sequences of generateFolds");
    return angles;
  });
}
