import { checkCount } from "../dataset/batch.ts";
import { Random } from "../random.ts";

export interface RnaOptions {
  /** Default 0. Strand i depends on the seed and i alone. */
  readonly seed?: number;
  /** How likely each letter of a motif is another one, and each pair of a stem does not fit. Default 0.06. */
  readonly mutation?: number;
}

const letters = "ACGU";
const partner: Record<string, string> = { A: "U", C: "G", G: "C", U: "A" };
/** What a letter of a motif stands for (IUPAC). */
const wildcards: Record<string, string> = { R: "AG", Y: "CU", N: letters };

/** A strand that grows from its 5' end, with its pairs in dot-bracket notation. */
class Strand {
  sequence = "";
  structure = "";
  readonly random: Random;
  readonly mutation: number;
  /** Share of G and C. */
  private readonly gc: number;

  constructor(random: Random, mutation: number, gc: number) {
    this.random = random;
    this.mutation = mutation;
    this.gc = gc;
  }

  base(): string {
    return this.random.chance(this.gc) ? "GC"[this.random.integer(2)]! : "AU"[this.random.integer(2)]!;
  }

  /** `low` to `high` unpaired letters. */
  loose(low: number, high: number): this {
    for (let n = low + this.random.integer(high - low + 1); n > 0; n--) this.add(this.base(), ".");
    return this;
  }

  /** A motif, unpaired; some letters differ. */
  motif(pattern: string, mutation = this.mutation): this {
    for (const letter of pattern) {
      const choice = wildcards[letter] ?? letter;
      this.add(this.random.chance(mutation) ? letters[this.random.integer(4)]! : choice[this.random.integer(choice.length)]!, ".");
    }
    return this;
  }

  /** A stem of `low` to `high` pairs around what `inside` adds. Some pairs are G·U, some do not fit. */
  stem(low: number, high: number, inside: () => void): this {
    const five = Array.from({ length: low + this.random.integer(high - low + 1) }, () => this.base());
    const fits = five.map((_, i) => i === 0 || i === five.length - 1 || !this.random.chance(this.mutation));
    five.forEach((letter, i) => this.add(letter, fits[i] ? "(" : "."));
    inside();
    for (let i = five.length - 1; i >= 0; i--) {
      const letter = five[i]!;
      if (!fits[i])
        this.add(letter, "."); // no base pairs with itself
      else this.add(letter === "G" && this.random.chance(0.15) ? "U" : partner[letter]!, ")");
    }
    return this;
  }

  private add(letter: string, bracket: string): void {
    this.sequence += letter;
    this.structure += bracket;
  }
}

/** Boxes C and D, held together by a stem of the ends; C' and D' in between, less well kept. */
function boxCD(s: Strand): void {
  s.loose(0, 6).stem(4, 6, () => {
    s.loose(0, 2)
      .motif("RUGAUGA")
      .loose(12, 24)
      .motif("CUGA", 2.5 * s.mutation);
    s.loose(4, 12)
      .motif("RUGAUGA", 3 * s.mutation)
      .loose(12, 24)
      .motif("CUGA")
      .loose(0, 2);
  });
  s.loose(0, 6);
}

/** A hairpin with a pocket halfway up, in whose loop a motif may stand. */
function hairpin(s: Strand, loop: string): void {
  s.stem(6, 9, () => {
    s.loose(4, 8).stem(4, 7, () => {
      if (loop)
        s.loose(1, 3)
          .motif(loop, s.mutation / 2)
          .loose(1, 4);
      else s.loose(4, 10);
    });
    s.loose(4, 8);
  });
}

/** Two hairpins, a hinge with box H between them, and ACA three letters before the end. */
function boxHACA(s: Strand, loop = ""): void {
  s.loose(0, 6);
  hairpin(s, loop);
  s.loose(1, 4).motif("ANANNA").loose(1, 4);
  hairpin(s, loop);
  s.loose(0, 3).motif("ACA").loose(3, 3);
}

/** Of Cajal bodies: built like one of the others, with a box that takes it there: CAB (UGAG) in the loops, or a stretch of GU. */
function cajal(s: Strand): void {
  if (s.random.chance(0.6)) boxHACA(s, "UGAG");
  else {
    s.loose(0, 6).stem(4, 6, () => {
      s.loose(0, 2).motif("RUGAUGA").loose(12, 30);
      s.stem(5, 8, () => {
        s.motif("GUGUGUGUGU", s.mutation);
      });
      s.loose(8, 20).motif("CUGA").loose(0, 2);
    });
    s.loose(0, 6);
  }
}

const families = { "C/D box": boxCD, "H/ACA box": boxHACA, "Cajal body": cajal };

/**
 * Made-up RNA of three families, in the image of the small nucleolar RNAs (Kiss 2002): with boxes C and D, with boxes H and ACA, and
 * of Cajal bodies, which look like the others but for a short box more. Some are fragments, as in databases; and as in databases,
 * the letters differ: the first two families are written with T, as DNA, the last with U.
 *
 * Gives `sequences`; `structures`, which bases pair, in dot-bracket notation; `labels`, the family of each; and `families`, their names.
 * @example
 * const { sequences, structures, labels, families } = rnaFamilies(3, { seed: 1 });
 * sequences.forEach((s, i) => console.log(`${families[labels[i]!]}\n${s}\n${structures[i]}`));
 */
export function rnaFamilies(
  count: number,
  { seed = 0, mutation = 0.06 }: RnaOptions = {},
): { sequences: string[]; structures: string[]; labels: Int32Array; families: readonly string[] } {
  checkCount("rnaFamilies", count, 0);
  const names = Object.keys(families) as (keyof typeof families)[];
  const labels = new Int32Array(count);
  const sequences: string[] = [];
  const structures: string[] = [];
  for (let i = 0; i < count; i++) {
    const random = new Random(seed, i);
    labels[i] = random.integer(names.length);
    const strand = new Strand(random, mutation, random.uniform(0.35, 0.6));
    families[names[labels[i]!]!](strand);
    const [sequence, structure] = fragment(strand, random);
    sequences.push(labels[i] === 2 ? sequence : sequence.replaceAll("U", "T"));
    structures.push(structure);
  }
  return { sequences, structures, labels, families: names };
}

/** One in six lacks up to a third at one end; brackets that lose their partner become dots. */
function fragment({ sequence, structure }: Strand, random: Random): [sequence: string, structure: string] {
  if (!random.chance(1 / 6)) return [sequence, structure];
  const cut = Math.floor(sequence.length * random.uniform(0, 0.33));
  const [from, to] = random.chance(0.5) ? [cut, sequence.length] : [0, sequence.length - cut];
  const brackets = structure.split("");
  const open: number[] = [];
  brackets.forEach((bracket, i) => {
    if (bracket === "(") open.push(i);
    if (bracket !== ")") return;
    const first = open.pop()!;
    if (first < from || i >= to) brackets[first] = brackets[i] = ".";
  });
  return [sequence.slice(from, to), brackets.slice(from, to).join("")];
}
