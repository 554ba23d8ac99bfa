import { FormatError } from "@gradus/tensor";
import { unknownResidue } from "../constants/residues.ts";
import {
  chainOf,
  chainOfObserved,
  coordinate,
  countResidues,
  isAminoAcid,
  longestChain,
  numberOr,
  type ObservedResidue,
  type Place,
  ResidueList,
  typeOfResidue,
} from "./assemble.ts";
import { alignToSequence } from "./seqres.ts";
import type { Chain, Structure } from "./structure.ts";

const operation = "PDB";

/** Atoms of a chain: those before its end (TER), and HETATM after it, which are ligands and water. */
interface Group {
  readonly residues: ResidueList;
  ended: boolean;
}

/**
 * The protein chains of a text in the PDB format (3.3): those of its first model. With SEQRES records a chain has its whole sequence, and
 * residues that are not seen have no atoms; modified residues have the type of their parent. FormatError, in a sentence, for what is no PDB
 * file, contradicts itself, or holds no protein.
 */
export function readPdb(text: string): Structure {
  const sequences = new Map<string, string[]>();
  const parents = new Map<string, string>();
  const groups = new Map<string, Group>();
  let [id, method, date, resolution, atoms]: [string, string | null, string | null, number | null, number] = ["", null, null, null, 0];
  let number = 0;
  for (const line of linesOf(text)) {
    number++;
    const record = line.slice(0, 6).trimEnd();
    if (record === "HEADER") {
      id = line.slice(62, 66).trim();
      date = isoDate(line.slice(50, 59));
    } else if (record === "REVDAT" && /^ +1 /.test(line.slice(6, 11))) date = isoDate(line.slice(13, 22)) ?? date;
    else if (record === "EXPDTA") method ??= line.slice(10, 79).trim();
    else if (record === "REMARK") {
      const found = /^REMARK {3}2 RESOLUTION\.\s+([\d.]+)/.exec(line.slice(0, 80));
      if (found) resolution = numberOr(found[1], 0) || null;
    } else if (record === "SEQRES") {
      const chain = line.slice(11, 12).trim();
      let list = sequences.get(chain);
      if (!list) sequences.set(chain, (list = []));
      list.push(...line.slice(19, 70).split(/\s+/).filter(Boolean));
      if (list.length > longestChain) throw new FormatError(operation, `the sequence of chain ${chain} is longer than ${longestChain}`);
    } else if (record === "MODRES") {
      const [name, parent] = [line.slice(12, 15).trim(), line.slice(24, 27).trim()];
      if (name && parent) parents.set(name, parent);
    } else if (record === "TER") {
      const group = groups.get(line.length > 21 ? line.slice(21, 22).trim() : "");
      // Some programs write nothing but TER.
      const ended = group ?? (line.trimEnd().length <= 21 ? [...groups.values()].at(-1) : undefined);
      if (ended) ended.ended = true;
    } else if (record === "ENDMDL") break;
    else if (record === "ATOM" || record === "HETATM") {
      atoms++;
      addAtom(groups, line, record === "HETATM", number);
    }
  }
  if (!atoms) throw new FormatError(operation, "the file lists no atoms (ATOM)", "Give a structure in the PDB format");
  const chains: Chain[] = [];
  const count = countResidues(operation);
  for (const [name, { residues }] of groups) {
    count(sequences.get(name)?.length ?? residues.size);
    const chain = chainFrom(name, sequences.get(name), [...residues.residues().values()], parents);
    if (chain) chains.push(chain);
  }
  if (!chains.length) throw new FormatError(operation, "the structure has no protein chain", "Give one that has");
  return { id, method: method || null, resolution, date, chains };
}

function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    yield text.slice(at, text.charCodeAt(end - 1) === 13 && end > at ? end - 1 : end);
    at = end + 1;
  }
}

function addAtom(groups: Map<string, Group>, line: string, het: boolean, lineNumber: number): void {
  const where = (): string => `line ${lineNumber}`;
  if (line.length < 54)
    throw new FormatError(operation, `line ${lineNumber} ends after ${line.length} of an atom's columns`, "The file may be truncated");
  const chain = line.slice(21, 22).trim();
  let group = groups.get(chain);
  if (!group) groups.set(chain, (group = { residues: new ResidueList(), ended: false }));
  if (het && group.ended) return;
  const name = line.slice(12, 16).trim();
  const kind = line.slice(17, 20).trim();
  const residue = line.slice(22, 27).replace(/\s/g, "");
  if (!name || !kind) throw new FormatError(operation, `line ${lineNumber}: the atom has no name or no residue`);
  if (!/^-?\d+\D?$/.test(residue))
    throw new FormatError(operation, `line ${lineNumber}: ${JSON.stringify(residue)} is no number of a residue`);
  group.residues.add(residue, residue, kind, {
    name,
    x: coordinate(operation, line.slice(30, 38), where),
    y: coordinate(operation, line.slice(38, 46), where),
    z: coordinate(operation, line.slice(46, 54), where),
    occupancy: numberOr(line.slice(54, 60), 1),
    bFactor: numberOr(line.slice(60, 66), 0),
  });
}

function chainFrom(
  id: string,
  sequence: readonly string[] | undefined,
  residues: readonly ObservedResidue[],
  parents: ReadonlyMap<string, string>,
): Chain | undefined {
  if (!sequence) {
    const found = residues.filter((residue) => isAminoAcid(residue, parents));
    return found.length ? chainOfObserved(id, found, parents) : undefined;
  }
  const types = sequence.map((name) => typeOfResidue(name, parents));
  // Of DNA and RNA no residue has a type.
  if (types.every((type) => type === unknownResidue) && !residues.some((residue) => isAminoAcid(residue, parents))) return undefined;
  const names = new Set(sequence);
  const found = residues.filter(({ name }) => names.has(name));
  const strange = residues.find((residue) => !names.has(residue.name) && typeOfResidue(residue.name) !== unknownResidue);
  if (strange) throw new FormatError(operation, `chain ${id} has atoms of ${strange.name} ${strange.number}, which SEQRES does not list`);
  if (!found.length) return undefined;
  const places: Place[] = types.map((type) => ({ type }));
  alignToSequence(id, sequence, found).forEach((place, k) => {
    places[place] = { type: types[place]!, residue: found[k]! };
  });
  return chainOf(id, places);
}

const months = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");

/** "02-OCT-07" as "2007-10-02"; the PDB began in 1971. */
function isoDate(text: string): string | null {
  const [, day, name, year] = /^(\d\d)-([A-Z]{3})-(\d\d)$/.exec(text.trim()) ?? [];
  const month = months.indexOf(name ?? "") + 1;
  return month ? `${Number(year) > 70 ? 19 : 20}${year}-${String(month).padStart(2, "0")}-${day}` : null;
}
