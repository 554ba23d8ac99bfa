import { FormatError } from "@gradus/tensor";
import { atom37Index, atoms37, residueAtoms, residueLetters, residueNames, typeOfName, unknownResidue } from "../constants/residues.ts";
import type { Chain } from "./structure.ts";

/** An atom as a file lists it. */
export interface AtomRecord {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly occupancy: number;
  readonly bFactor: number;
}

/** A residue with atoms. Where a crystal has several kinds in one place, the one that it mostly has. */
export interface ObservedResidue {
  /** Three letters as the file has them. */
  readonly name: string;
  readonly number: string;
  /** All conformations together. */
  readonly atoms: readonly AtomRecord[];
}

/** What common modified residues come from, for files that do not say; HID, CYX and the like are names of molecular mechanics. */
const knownParents = new Map(
  (
    "MSE MET,SEC CYS,PYL LYS,SEP SER,TPO THR,PTR TYR,HYP PRO,CSO CYS,CSD CYS,CME CYS,OCS CYS,CSX CYS,KCX LYS,MLY LYS,M3L LYS,ALY LYS,LLP LYS," +
    "PCA GLN,FME MET,TYS TYR,CGU GLU,HIC HIS,HID HIS,HIE HIS,HIP HIS,HSD HIS,HSE HIS,HSP HIS,CYX CYS,CYM CYS,ASH ASP,GLH GLU,LYN LYS"
  )
    .split(",")
    .map((pair) => pair.split(" ") as [string, string]),
);

/** The type of a residue by its three letters, of its parent for modified ones. */
export function typeOfResidue(name: string, parents?: ReadonlyMap<string, string>): number {
  const plain = typeOfName(name);
  if (plain !== unknownResidue) return plain;
  const given = typeOfName(parents?.get(name) ?? "");
  return given !== unknownResidue ? given : typeOfName(knownParents.get(name) ?? "");
}

/** Whether a residue belongs to a protein: by its name, or because it has a backbone. */
export function isAminoAcid({ name, atoms }: ObservedResidue, parents?: ReadonlyMap<string, string>): boolean {
  if (typeOfResidue(name, parents) !== unknownResidue) return true;
  return ["N", "CA", "C"].every((atom) => atoms.some((a) => a.name === atom));
}

/** More than any chain has: titin, the longest protein known, has 34,350 residues. */
export const longestChain = 40_000;

/** More than the largest assemblies have; each residue takes 740 bytes, so that a small hostile file could ask for all memory. */
const mostResidues = 500_000;

/** Counts the residues of a structure's chains; FormatError for too many. */
export function countResidues(operation: string): (n: number) => void {
  let total = 0;
  return (n) => {
    total += n;
    if (total > mostResidues)
      throw new FormatError(operation, `the structure has more than ${mostResidues} residues`, "Give the chains that are needed alone");
  };
}

/** A place in a chain: its type, and the residue that has atoms there. */
export interface Place {
  readonly type: number;
  readonly residue?: ObservedResidue | undefined;
}

/** A chain of its places in order. `residueIndex` counts from 0 unless given. */
export function chainOf(id: string, places: readonly Place[], residueIndex?: ArrayLike<number>): Chain {
  const n = places.length;
  if (n > longestChain) throw new FormatError("structure", `chain ${id} has ${n} residues`, `Give one of at most ${longestChain}`);
  const chain = {
    id,
    sequence: places.map(({ type }) => residueLetters[type]!).join(""),
    aatype: Int32Array.from(places, ({ type }) => type),
    residueIndex: residueIndex ? Int32Array.from(residueIndex) : Int32Array.from(places, (_, i) => i),
    numbers: places.map(({ residue }) => residue?.number ?? ""),
    atomPositions: new Float32Array(n * atoms37 * 3),
    atomMask: new Float32Array(n * atoms37),
    bFactors: new Float32Array(n * atoms37),
  };
  places.forEach(({ type, residue }, i) => {
    if (!residue) return;
    for (const [place, atom] of chosenAtoms(type, residue)) {
      const at = i * atoms37 + place;
      chain.atomPositions.set([atom.x, atom.y, atom.z], 3 * at);
      chain.atomMask[at] = 1;
      chain.bFactors[at] = atom.bFactor;
    }
  });
  return chain;
}

/** A chain of residues with atoms alone. The authors' numbers tell what is missing between them, where they rise throughout. */
export function chainOfObserved(id: string, residues: readonly ObservedResidue[], parents?: ReadonlyMap<string, string>): Chain {
  const numbers = residues.map(({ number }) => (/^-?\d+$/.test(number) ? Number(number) : Number.NaN));
  const rising = numbers.every((n, i) => (i === 0 ? Number.isFinite(n) : n > numbers[i - 1]!));
  const sensible = rising && numbers.at(-1)! - numbers[0]! < longestChain;
  return chainOf(
    id,
    residues.map((residue) => ({ type: typeOfResidue(residue.name, parents), residue })),
    sensible ? numbers.map((n) => n - numbers[0]!) : undefined,
  );
}

/** Of a residue of unknown type only these are kept: of every other atom it is not known what it is. */
const backbone = ["N", "CA", "C", "O", "CB"];
const atomsOf: readonly ReadonlySet<string>[] = residueNames.map(
  (_, type) => new Set(type === unknownResidue ? backbone : [...residueAtoms[type]!, "OXT"]),
);
const typeNamed = (name: string): number => residueNames.indexOf(name);
const [arginine, cysteine, methionine] = [typeNamed("ARG"), typeNamed("CYS"), typeNamed("MET")];

/** The atoms of a residue by their places in atom37: of several conformations the one of highest occupancy, of equal ones the first. */
function chosenAtoms(type: number, { atoms }: ObservedResidue): Map<number, AtomRecord> {
  const chosen = new Map<number, AtomRecord>();
  for (const atom of atoms) {
    const name = standardName(type, atom.name);
    if (!atomsOf[type]!.has(name)) continue;
    const place = atom37Index(name)!;
    const other = chosen.get(place);
    if (!other || atom.occupancy > other.occupancy) chosen.set(place, atom);
  }
  if (type === arginine) untangleArginine(chosen);
  return chosen;
}

/** Selenium stands where its parent has sulphur. */
function standardName(type: number, name: string): string {
  if (name === "SE" && type === methionine) return "SD";
  if (name === "SE" && type === cysteine) return "SG";
  return name;
}

/** NH1 is the one nearer to CD (IUPAC); some files have the names the other way round. */
function untangleArginine(atoms: Map<number, AtomRecord>): void {
  const [cd, nh1, nh2] = ["CD", "NH1", "NH2"].map((name) => atom37Index(name)!) as [number, number, number];
  const [carbon, first, second] = [atoms.get(cd), atoms.get(nh1), atoms.get(nh2)];
  if (!carbon || !first || !second) return;
  const distance = (a: AtomRecord): number => Math.hypot(a.x - carbon.x, a.y - carbon.y, a.z - carbon.z);
  if (distance(first) > distance(second)) {
    atoms.set(nh1, second);
    atoms.set(nh2, first);
  }
}

/**
 * Collects the atoms of a chain into residues as they come. Residues are told apart by `key`; of several kinds in one place the one is kept
 * whose atoms are occupied most, of equal ones the first.
 */
export class ResidueList {
  private readonly found = new Map<string, { number: string; kinds: Map<string, AtomRecord[]> }>();

  add(key: string, number: string, name: string, atom: AtomRecord): void {
    let place = this.found.get(key);
    if (!place) this.found.set(key, (place = { number, kinds: new Map() }));
    const atoms = place.kinds.get(name);
    if (atoms) atoms.push(atom);
    else place.kinds.set(name, [atom]);
  }

  get size(): number {
    return this.found.size;
  }

  /** By their keys, in the order in which they came. */
  residues(): Map<string, ObservedResidue> {
    const most = (atoms: readonly AtomRecord[]): number => atoms.reduce((max, a) => Math.max(max, a.occupancy), 0);
    return new Map(
      [...this.found].map(([key, { number, kinds }]) => {
        const [name, atoms] = [...kinds].reduce((best, kind) => (most(kind[1]) > most(best[1]) ? kind : best));
        return [key, { name, number, atoms }];
      }),
    );
  }
}

/** A coordinate; FormatError for what is no number or lies beyond what the formats can hold. */
export function coordinate(operation: string, text: string | null | undefined, where: () => string): number {
  const value = Number(text?.trim() || Number.NaN);
  if (!(Math.abs(value) < 1e5)) throw new FormatError(operation, `${where()}: ${JSON.stringify(text ?? "")} is no coordinate in ångström`);
  return value;
}

/** A number, or another one where there is none. */
export function numberOr(text: string | null | undefined, otherwise: number): number {
  const value = Number(text?.trim() || Number.NaN);
  return Number.isFinite(value) ? value : otherwise;
}
