import { FormatError } from "@gradus/tensor";
import { typeOfLetter, unknownResidue } from "../constants/residues.ts";
import {
  chainOf,
  chainOfObserved,
  coordinate,
  countResidues,
  isAminoAcid,
  longestChain,
  numberOr,
  type Place,
  ResidueList,
  typeOfResidue,
} from "./assemble.ts";
import { type CifBlock, type CifCategory, type CifValue, readCif } from "./cif.ts";
import type { Chain, Structure } from "./structure.ts";

const operation = "mmCIF";

const wanted = new Set(
  (
    "entry atom_site entity_poly entity_poly_seq pdbx_struct_mod_residue chem_comp exptl refine reflns em_3d_reconstruction " +
    "pdbx_audit_revision_history database_pdb_rev pdbx_database_status"
  ).split(" "),
);

/**
 * The protein chains of an mmCIF text: those of its first model, named as the authors name them, with the sequences that were in the
 * experiment. Residues that are not seen have no atoms; modified ones have the type of their parent. FormatError, in a sentence, for what is
 * no mmCIF, contradicts itself, or holds no protein.
 */
export function readMmcif(text: string): Structure {
  const blocks = readCif(text, (category) => wanted.has(category));
  const block = blocks.find(({ categories }) => categories.get("atom_site")?.rows);
  if (!block)
    throw new FormatError(
      operation,
      "the file lists no atoms (_atom_site)",
      "Give the structure itself, not its data or a ligand's description",
    );
  const chains = chainsOf(block);
  if (!chains.length) throw new FormatError(operation, "the structure has no protein chain", "Give one that has");
  const first = (category: string, item: string): CifValue => values(block, category, item)[0] ?? null;
  const resolutions = [first("refine", "ls_d_res_high"), first("em_3d_reconstruction", "resolution"), first("reflns", "d_resolution_high")];
  // Files before 2017 have their revisions under another name.
  const released = [...values(block, "pdbx_audit_revision_history", "revision_date"), ...values(block, "database_pdb_rev", "date")]
    .filter((date) => date !== null)
    .sort();
  return {
    id: first("entry", "id") ?? block.name,
    method: first("exptl", "method"),
    resolution: resolutions.map((r) => Number(r ?? Number.NaN)).find((r) => r > 0) ?? null,
    date: released[0] ?? first("pdbx_database_status", "recvd_initial_deposition_date"),
    chains,
  };
}

const values = (block: CifBlock, category: string, item: string): readonly CifValue[] =>
  block.categories.get(category)?.columns.get(item) ?? [];

interface Group {
  readonly id: string;
  readonly entity: string;
  readonly residues: ResidueList;
}

function chainsOf(block: CifBlock): Chain[] {
  const parents = parentsOf(block);
  const polymers = polymersOf(block, parents);
  const chains: Chain[] = [];
  const count = countResidues(operation);
  for (const { id, entity, residues } of groupsOf(block.categories.get("atom_site")!, polymers)) {
    const polymer = polymers?.get(entity);
    count(polymer?.length ?? residues.size);
    const chain = polymer ? withSequence(id, polymer, residues, parents) : withoutSequence(id, residues, parents);
    if (chain) chains.push(chain);
  }
  return chains;
}

/** What modified residues come from. */
function parentsOf(block: CifBlock): Map<string, string> {
  const parents = new Map<string, string>();
  const add = (category: string, item: string, parent: string): void => {
    const known = values(block, category, parent);
    values(block, category, item).forEach((name, i) => {
      if (name !== null && known[i] != null) parents.set(name, known[i]);
    });
  };
  add("chem_comp", "id", "mon_nstd_parent_comp_id");
  add("pdbx_struct_mod_residue", "label_comp_id", "parent_comp_id");
  return parents;
}

/** The residue types of a polymer; several where a crystal has several kinds in one place. */
type Polymer = readonly { readonly names: readonly string[]; readonly type: number }[];

/** Sequences of proteins by entity; undefined for files that give no sequences at all. Polymers of other kinds are left out. */
function polymersOf(block: CifBlock, parents: ReadonlyMap<string, string>): Map<string, Polymer> | undefined {
  const [entities, numbers, names] = ["entity_id", "num", "mon_id"].map((item) => values(block, "entity_poly_seq", item));
  if (!entities!.length) return undefined;
  if (!numbers!.length || !names!.length) throw new FormatError(operation, "the sequences have no numbers or names (_entity_poly_seq)");
  const types = new Map<string, string>();
  const letters = new Map<string, string>();
  values(block, "entity_poly", "entity_id").forEach((entity, i) => {
    types.set(entity ?? "", values(block, "entity_poly", "type")[i] ?? "");
    letters.set(entity ?? "", values(block, "entity_poly", "pdbx_seq_one_letter_code_can")[i]?.replace(/\s/g, "") ?? "");
  });
  const found = new Map<string, string[][]>();
  entities!.forEach((value, i) => {
    const entity = value ?? "";
    let list = found.get(entity);
    if (!list) found.set(entity, (list = []));
    const number = Number(numbers![i] ?? Number.NaN);
    const next = number === list.length + 1;
    if (!(next || (number === list.length && number > 0)) || names![i] === null)
      throw new FormatError(
        operation,
        `the sequence of entity ${entity} has ${names![i]} with the number ${numbers![i]} after ${list.length}`,
      );
    if (list.length >= longestChain) throw new FormatError(operation, `the sequence of entity ${entity} is longer than ${longestChain}`);
    if (next) list.push([names![i]!]);
    else list[number - 1]!.push(names![i]!);
  });
  const polymers = new Map<string, Polymer>();
  for (const [entity, list] of found) {
    const kind = types.get(entity);
    const canonical = letters.get(entity)?.length === list.length ? letters.get(entity)! : "";
    const polymer = list.map((kinds, i) => {
      const type = typeOfResidue(kinds[0]!, parents);
      return { names: kinds, type: type === unknownResidue ? typeOfLetter(canonical[i] ?? "X") : type };
    });
    const protein = kind ? /polypeptide/i.test(kind) : polymer.some(({ type }) => type !== unknownResidue);
    if (protein) polymers.set(entity, polymer);
  }
  return polymers;
}

/** The atoms of the first model by chain. */
function groupsOf(sites: CifCategory, polymers: ReadonlyMap<string, Polymer> | undefined): Group[] {
  const column = (...items: string[]): readonly CifValue[] | undefined => items.map((item) => sites.columns.get(item)).find(Boolean);
  const required = (...items: string[]): readonly CifValue[] => {
    const found = column(...items);
    if (!found) throw new FormatError(operation, `the atoms have no ${items[0]} (_atom_site)`, "Give a complete mmCIF file");
    return found;
  };
  const names = required("label_atom_id", "auth_atom_id");
  const kinds = required("label_comp_id", "auth_comp_id");
  const chains = required("label_asym_id", "auth_asym_id");
  const [xs, ys, zs] = ["cartn_x", "cartn_y", "cartn_z"].map((item) => required(item)) as [
    readonly CifValue[],
    readonly CifValue[],
    readonly CifValue[],
  ];
  const entities = column("label_entity_id");
  const places = column("label_seq_id");
  const authorChains = column("auth_asym_id", "label_asym_id")!;
  const authorNumbers = column("auth_seq_id", "label_seq_id");
  const insertions = column("pdbx_pdb_ins_code");
  const occupancies = column("occupancy");
  const bFactors = column("b_iso_or_equiv");
  const models = column("pdbx_pdb_model_num");
  if (polymers && (!entities || !places))
    throw new FormatError(operation, "the atoms do not say to which residue of a sequence they belong (_atom_site)");

  const groups = new Map<string, Group>();
  for (let i = 0; i < sites.rows; i++) {
    if (models && models[i] !== models[0]) continue;
    const entity = entities?.[i] ?? "";
    // Water, ligands and other polymers.
    if (polymers && !polymers.has(entity)) continue;
    const name = names[i];
    const kind = kinds[i];
    if (name == null || kind == null) throw new FormatError(operation, `atom ${i + 1} has no name`);
    const where = (): string => `atom ${i + 1} (${kind} ${name})`;
    const number = `${authorNumbers?.[i] ?? ""}${insertions?.[i] ?? ""}`;
    const key = polymers ? places![i] : number;
    if (key == null || key === "") throw new FormatError(operation, `${where()} has no number in its chain`);
    const chain = chains[i] ?? "";
    let group = groups.get(chain);
    if (!group) groups.set(chain, (group = { id: authorChains[i] ?? chain, entity, residues: new ResidueList() }));
    group.residues.add(key, number, kind, {
      name,
      x: coordinate(operation, xs[i], where),
      y: coordinate(operation, ys[i], where),
      z: coordinate(operation, zs[i], where),
      occupancy: numberOr(occupancies?.[i], 1),
      bFactor: numberOr(bFactors?.[i], 0),
    });
  }
  return [...groups.values()];
}

/** A chain as its sequence says, with the atoms that are there. */
function withSequence(id: string, polymer: Polymer, list: ResidueList, parents: ReadonlyMap<string, string>): Chain {
  const places: Place[] = polymer.map(({ type }) => ({ type }));
  for (const [key, residue] of list.residues()) {
    const at = Number(key) - 1;
    const expected = polymer[at];
    if (!expected) throw new FormatError(operation, `chain ${id} has atoms of residue ${key}, its sequence has ${polymer.length}`);
    if (!expected.names.includes(residue.name))
      throw new FormatError(
        operation,
        `residue ${key} of chain ${id} is ${expected.names[0]} in the sequence and ${residue.name} among the atoms`,
        "Give a file that agrees with itself",
      );
    const type = residue.name === expected.names[0] ? expected.type : typeOfResidue(residue.name, parents);
    places[at] = { type, residue };
  }
  return chainOf(id, places);
}

/** A chain of what has atoms, where a file tells no sequence. */
function withoutSequence(id: string, list: ResidueList, parents: ReadonlyMap<string, string>): Chain | undefined {
  const residues = [...list.residues().values()].filter((residue) => isAminoAcid(residue, parents));
  return residues.length ? chainOfObserved(id, residues, parents) : undefined;
}
