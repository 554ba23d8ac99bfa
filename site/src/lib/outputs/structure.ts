/** An atom of a protein, in ångström. */
export interface DrawnAtom {
  readonly name: string;
  readonly at: Point;
}

export type Point = readonly [x: number, y: number, z: number];

export interface DrawnResidue {
  /** Three letters, as in PDB files. */
  readonly name: string;
  /** One letter, X for what is none of the twenty. */
  readonly letter: string;
  readonly atoms: readonly DrawnAtom[];
  /** Null where the file has none. */
  readonly alpha: Point | null;
  /** pLDDT in predictions: the B factor of CA. */
  readonly confidence: number;
}

/** Colours of the course by meaning, pLDDT's classes, or values from 0 to 1. */
const colourings = ["plddt", "values", "data", "model", "truth", "error", "muted"] as const;
export type Colouring = (typeof colourings)[number];

/** A chain as cells describe it: `{ pdb, name, colour, values }`. */
export interface DrawnChain {
  /** What the legend calls it; may be empty. */
  readonly name: string;
  readonly residues: readonly DrawnResidue[];
  readonly colour: Colouring;
  /** For each residue, 0 to 1, where it is coloured by values. */
  readonly values: readonly number[];
}

/** A line between the CA of two residues of the first chain, the thicker, the larger its weight from 0 to 1. */
export interface Link {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
}

/** Chains in one space, as cells describe them; residues are numbered from 0. */
export interface DrawnStructure {
  readonly chains: readonly DrawnChain[];
  /** Residues of the first chain that stand out. */
  readonly marked: ReadonlySet<number>;
  readonly links: readonly Link[];
  /** Bonds and atoms as well as ribbons. */
  readonly sticks: boolean;
}

const mostChains = 6;
const mostAtoms = 60_000;
const mostResidues = 5000;
const mostLinks = 200;

const isObject = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null;
const listOf = (x: unknown): readonly unknown[] => (Array.isArray(x) ? x : []);
const share = (x: unknown): number => (typeof x === "number" && x > 0 ? Math.min(1, x) : 0);

const letters: Readonly<Record<string, string>> = {
  ...{ ALA: "A", ARG: "R", ASN: "N", ASP: "D", CYS: "C", GLN: "Q", GLU: "E", GLY: "G", HIS: "H", ILE: "I" },
  ...{ LEU: "L", LYS: "K", MET: "M", PHE: "F", PRO: "P", SER: "S", THR: "T", TRP: "W", TYR: "Y", VAL: "V" },
};

/** Residues of the ATOM lines of a PDB file's first model; null where it has none, or too much. */
export function readResidues(text: string): DrawnResidue[] | null {
  const residues: (DrawnResidue & { atoms: DrawnAtom[]; alpha: Point | null; confidence: number })[] = [];
  let last = "";
  let count = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("ENDMDL")) break;
    if (!line.startsWith("ATOM  ")) continue;
    const at = [30, 38, 46].map((column) => Number(line.slice(column, column + 8))) as unknown as Point;
    const [name, residue, number] = [line.slice(12, 16).trim(), line.slice(17, 20).trim(), line.slice(21, 27)];
    if (!/^[A-Z0-9']{1,4}$/.test(name) || !/^[A-Z0-9]{1,3}$/.test(residue) || !at.every((x) => Math.abs(x) < 10_000)) return null;
    if (++count > mostAtoms) return null;
    if (number !== last || !residues.length) {
      if (residues.length === mostResidues) return null;
      residues.push({ name: residue, letter: letters[residue] ?? "X", atoms: [], alpha: null, confidence: 0 });
      last = number;
    }
    const own = residues.at(-1)!;
    own.atoms.push({ name, at });
    if (name !== "CA") continue;
    own.alpha = at;
    own.confidence = Number(line.slice(60, 66)) || 0;
  }
  return residues.length ? residues : null;
}

/** The chains in a cell's data; null where there are none. */
export function structureOf(data: unknown): DrawnStructure | null {
  if (!isObject(data)) return null;
  const chains = listOf(data["chains"])
    .slice(0, mostChains)
    .map((c): DrawnChain | null => {
      if (!isObject(c) || typeof c["pdb"] !== "string") return null;
      const residues = readResidues(c["pdb"]);
      const colour = colourings.find((known) => known === c["colour"]) ?? "model";
      const name = typeof c["name"] === "string" ? c["name"].slice(0, 80) : "";
      return residues && { name, residues, colour, values: listOf(c["values"]).slice(0, residues.length).map(share) };
    });
  if (!chains.length || !chains.every((c) => c !== null)) return null;
  const { length } = chains[0]!.residues;
  const isResidue = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0 && (n as number) < length;
  return {
    chains,
    marked: new Set(listOf(data["marked"]).filter(isResidue)),
    links: listOf(data["links"])
      .slice(0, mostLinks)
      .flatMap((l): Link[] => {
        const [from, to, weight] = listOf(l);
        return isResidue(from) && isResidue(to) && from !== to ? [{ from, to, weight: share(weight) }] : [];
      }),
    sticks: data["sticks"] === true,
  };
}

/** The classes of pLDDT as AlphaFold's database colours them (Varadi et al. 2022). */
export const confidenceClasses = [
  { name: "veryHigh", from: 90, colour: "#0053d6" },
  { name: "confident", from: 70, colour: "#65cbf3" },
  { name: "low", from: 50, colour: "#ffdb13" },
  { name: "veryLow", from: 0, colour: "#ff7d45" },
] as const;

/** The colour of a residue, as CSS says it: it follows the page's light or dark colours. */
export function colourOf({ colour, residues, values }: DrawnChain, residue: number): string {
  if (colour === "values") return `color-mix(in srgb, var(--model) ${Math.round(100 * (values[residue] ?? 0))}%, var(--hair))`;
  if (colour !== "plddt") return `var(--${colour})`;
  const { confidence } = residues[residue]!;
  return confidenceClasses.find(({ from }) => confidence > from)?.colour ?? confidenceClasses.at(-1)!.colour;
}
