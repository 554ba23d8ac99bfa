import type { FileEntry, Random } from "@gradus/data";
import { ArgumentError, FormatError, GradusError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { atoms37, residueLetters } from "./constants/residues.ts";
import { alignSequences, identityOf } from "./features/align.ts";
import { readStructure } from "./io/read-structure.ts";
import { alphaCarbons, type Chain, type Structure } from "./io/structure.ts";

/** A chain of a known structure, to be learned from. */
export interface Example {
  /** Such as "2rbg_A": its file and chain. */
  readonly name: string;
  readonly chain: Chain;
  /** Ångström; 0 where there is none, as for NMR and made structures: losses that depend on it leave such chains out. */
  readonly resolution: number;
}

export interface ExampleOptions {
  /** Refuses chains with fewer residues that have a CA atom. Default 10. */
  readonly minResidues?: number;
  /** Refuses longer sequences. Default 2000. */
  readonly maxResidues?: number;
  /** Refuses coarser structures, in ångström. Default 9 (supplement, section 1.2.5). */
  readonly maxResolution?: number;
}

export interface Examples {
  readonly examples: readonly Example[];
  /** A sentence for each file and chain that was left out. */
  readonly skipped: readonly string[];
}

/**
 * The chains of all mmCIF and PDB files among `files`, as of `folderFiles`, packed or not. Files that cannot be read and chains that training
 * should not see are left out, each with a sentence that says why. FormatError where nothing remains.
 */
export async function readExamples(files: readonly FileEntry[], options: ExampleOptions = {}): Promise<Examples> {
  const structures = files.filter(({ name }) => /\.(cif|mmcif|pdb|ent)(\.gz)?$/i.test(name));
  const [examples, skipped]: [Example[], string[]] = [[], []];
  for (const file of structures) {
    const name = file.name
      .split("/")
      .at(-1)!
      .replace(/\.[^.]+(\.gz)?$/i, "");
    let structure: Structure;
    try {
      structure = await readStructure(await file.read());
    } catch (error) {
      if (!(error instanceof GradusError)) throw error;
      skipped.push(`${file.name}: ${error.message}`);
      continue;
    }
    for (const chain of structure.chains) {
      const example = { name: `${name}_${chain.id}`, chain, resolution: structure.resolution ?? 0 };
      const reason = reasonAgainst(example, options);
      if (reason) skipped.push(`${example.name}: ${reason}`);
      else examples.push(example);
    }
  }
  if (!examples.length)
    throw new FormatError(
      "readExamples",
      `among ${files.length} files ${structures.length} are structures, and none has a chain to learn from${skipped[0] ? ` (${skipped[0]})` : ""}`,
      "Give a folder of .cif or .pdb files, packed by gzip or not",
    );
  return { examples, skipped };
}

function reasonAgainst(
  { chain, resolution }: Example,
  { minResidues = 10, maxResidues = 2000, maxResolution = 9 }: ExampleOptions,
): string | undefined {
  const { sequence } = chain;
  const seen = alphaCarbons(chain).mask.reduce((a, b) => a + b, 0);
  if (seen < minResidues) return `${seen} residues have a CA atom, fewer than ${minResidues}`;
  if (sequence.length > maxResidues) return `it has ${sequence.length} residues, more than ${maxResidues}`;
  if (resolution > maxResolution) return `its resolution is ${resolution} Å, coarser than ${maxResolution}`;
  for (const letter of residueLetters) {
    const count = sequence.split(letter).length - 1;
    if (count > 0.8 * sequence.length) return `${letter} makes up ${count} of its ${sequence.length} residues`;
  }
  return undefined;
}

export interface Crop {
  readonly start: number;
  readonly length: number;
}

/**
 * Where a crop of at most `size` residues begins (supplement, section 1.2.8): anywhere alike, or, for the tenth of chains whose losses are not
 * clamped, near the start more often.
 */
export function drawCrop(residues: number, size: number, random: Random, { clamped = true } = {}): Crop {
  if (!(Number.isInteger(size) && size > 0)) throw new ArgumentError("drawCrop", `the size is ${size}`, "Give a whole number from 1 on");
  if (residues <= size) return { start: 0, length: residues };
  const last = residues - size;
  const limit = clamped ? last : last - random.integer(last + 1);
  return { start: random.integer(limit + 1), length: size };
}

/** A part of a chain; numbers and residue indices stay what they are. */
export function cropChain(chain: Chain, { start, length }: Crop): Chain {
  const end = start + length;
  if (!(start >= 0 && length > 0 && end <= chain.sequence.length))
    throw new ArgumentError("cropChain", `${length} residues from ${start} on do not lie in ${chain.sequence.length}`);
  return {
    id: chain.id,
    sequence: chain.sequence.slice(start, end),
    aatype: chain.aatype.slice(start, end),
    residueIndex: chain.residueIndex.slice(start, end),
    numbers: chain.numbers.slice(start, end),
    atomPositions: chain.atomPositions.slice(start * atoms37 * 3, end * atoms37 * 3),
    atomMask: chain.atomMask.slice(start * atoms37, end * atoms37),
    bFactors: chain.bFactors.slice(start * atoms37, end * atoms37),
  };
}

export interface AtomArrays {
  /** Ångström, [r, 37, 3]. */
  readonly positions: ArrayData;
  /** [r, 37] */
  readonly mask: ArrayData;
}

/** A chain's atoms as arrays, cropped and filled up with zeros to r residues: what losses compare with. */
export function atomArrays(
  chain: Chain,
  { start, length }: Crop = { start: 0, length: chain.sequence.length },
  residues = length,
): AtomArrays {
  if (residues < length) throw new ArgumentError("atomArrays", `${length} residues do not fit into ${residues}`);
  const part = cropChain(chain, { start, length });
  const positions = new Float32Array(residues * atoms37 * 3);
  positions.set(part.atomPositions);
  const mask = new Float32Array(residues * atoms37);
  mask.set(part.atomMask);
  return {
    positions: { dtype: "float32", shape: [residues, atoms37, 3], data: positions },
    mask: { dtype: "float32", shape: [residues, atoms37], data: mask },
  };
}

/**
 * Puts chains into groups so that no two of different groups are related by their sequences: what is kept from training must be taken in whole
 * groups. Two chains that are related through a third are in one group. Indices into `chains`.
 */
export function groupRelated(chains: readonly Chain[]): number[][] {
  const parent = chains.map((_, i) => i);
  const root = (i: number): number => {
    if (parent[i] !== i) parent[i] = root(parent[i]!);
    return parent[i]!;
  };
  for (let i = 0; i < chains.length; i++)
    for (let j = i + 1; j < chains.length; j++)
      if (root(i) !== root(j) && related(chains[i]!.sequence, chains[j]!.sequence)) parent[root(j)] = root(i);
  const groups = new Map<number, number[]>();
  chains.forEach((_, i) => groups.set(root(i), [...(groups.get(root(i)) ?? []), i]));
  return [...groups.values()];
}

/**
 * Whether so many residues are equal that the structures are alike: five percent more than the threshold of Sander and Schneider 1991, which is
 * the higher the fewer residues are aligned.
 */
function related(a: string, b: string): boolean {
  const below = alignSequences(a, b);
  if (!below) return false;
  const { identity, pairs } = identityOf(a, b, below);
  return pairs >= 10 && 100 * identity >= 5 + (pairs > 80 ? 24.8 : 290.15 * pairs ** -0.562);
}
