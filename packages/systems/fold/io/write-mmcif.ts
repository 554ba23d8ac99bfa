import { residueNames } from "../constants/residues.ts";
import { listedAtoms, numberOf } from "./listed-atoms.ts";
import type { Chain, Structure } from "./structure.ts";

export interface WriteOptions {
  /** The B factors are pLDDT, 0 to 100, and the file says so, for viewers that colour by confidence. Default false. */
  readonly plddt?: boolean;
}

/**
 * A structure as mmCIF: sequences, atoms, and, for predictions, the confidence of each residue (ModelCIF's `_ma_qa_metric_local`, as in
 * AlphaFold DB's files). ArgumentError for atoms that are nowhere.
 */
export function writeMmcif({ id, chains }: Structure, { plddt = false }: WriteOptions = {}): string {
  const name = id.replace(/[^\x21-\x7e]+/g, "_") || "structure";
  const sequences = [...new Set(chains.map(({ sequence }) => sequence))];
  const entity = (chain: Chain): number => sequences.indexOf(chain.sequence) + 1;
  const labels = chains.map((_, i) => asymId(i));
  const author = (chain: Chain, i: number): string => chain.id || labels[i]!;
  const typesOf = (sequence: string): Int32Array => chains.find((chain) => chain.sequence === sequence)!.aatype;
  const used = [...new Set(chains.flatMap(({ aatype }) => [...aatype]))].sort((a, b) => a - b);

  const parts = [
    `data_${name}\n#\n_entry.id ${value(name)}\n`,
    loop(
      "chem_comp",
      ["id", "type"],
      used.map((type) => [residueNames[type]!, residueNames[type] === "GLY" ? "PEPTIDE LINKING" : "L-PEPTIDE LINKING"]),
    ),
    loop(
      "entity",
      ["id", "type", "pdbx_description"],
      sequences.map((_, i) => [i + 1, "polymer", `Protein ${i + 1}`]),
    ),
    loop(
      "entity_poly",
      ["entity_id", "type", "nstd_linkage", "nstd_monomer", "pdbx_strand_id", "pdbx_seq_one_letter_code", "pdbx_seq_one_letter_code_can"],
      sequences.map((sequence, i) => {
        const strands = chains.flatMap((chain, k) => (chain.sequence === sequence ? [author(chain, k)] : []));
        return [i + 1, "polypeptide(L)", "no", "no", strands.join(","), sequence, sequence];
      }),
    ),
    loop(
      "entity_poly_seq",
      ["entity_id", "num", "mon_id", "hetero"],
      sequences.flatMap((sequence, i) => Array.from(typesOf(sequence), (type, k) => [i + 1, k + 1, residueNames[type]!, "n"])),
    ),
    loop(
      "struct_asym",
      ["id", "entity_id"],
      chains.map((chain, i) => [labels[i]!, entity(chain)]),
    ),
  ];

  parts.push(
    loop(
      "pdbx_poly_seq_scheme",
      ["asym_id", "entity_id", "seq_id", "mon_id", "pdb_seq_num", "pdb_ins_code", "pdb_strand_id", "hetero"],
      chains.flatMap((chain, i) =>
        Array.from(chain.aatype, (type, k) => {
          const { number, insertion } = numberOf(chain, k);
          return [labels[i]!, entity(chain), k + 1, residueNames[type]!, number, insertion || ".", author(chain, i), "n"];
        }),
      ),
    ),
  );
  const atoms: (string | number)[][] = [];
  const confidences: (string | number)[][] = [];
  let sum = 0;
  chains.forEach((chain, i) => {
    let last = -1;
    for (const atom of listedAtoms("writeMmcif", chain)) {
      const seq = atom.residue + 1;
      const [x, y, z] = atom.position.map((c) => c.toFixed(3)) as [string, string, string];
      atoms.push([
        ...[
          "ATOM",
          atoms.length + 1,
          atom.element,
          atom.name,
          ".",
          atom.residueName,
          labels[i]!,
          entity(chain),
          seq,
          atom.insertion || "?",
        ],
        ...[x, y, z, "1.00", atom.bFactor.toFixed(2), atom.number, atom.residueName, author(chain, i), atom.name, 1],
      ]);
      if (atom.residue === last) continue;
      last = atom.residue;
      sum += atom.bFactor;
      confidences.push([labels[i]!, atom.residueName, seq, 2, atom.bFactor.toFixed(2), 1, confidences.length + 1]);
    }
  });
  if (plddt && confidences.length)
    parts.push(
      loop(
        "ma_qa_metric",
        ["id", "mode", "name", "type"],
        [
          [1, "global", "pLDDT", "pLDDT"],
          [2, "local", "pLDDT", "pLDDT"],
        ],
      ),
      loop(
        "ma_qa_metric_global",
        ["metric_id", "metric_value", "model_id", "ordinal_id"],
        [[1, (sum / confidences.length).toFixed(2), 1, 1]],
      ),
      loop(
        "ma_qa_metric_local",
        ["label_asym_id", "label_comp_id", "label_seq_id", "metric_id", "metric_value", "model_id", "ordinal_id"],
        confidences,
      ),
    );
  parts.push(loop("atom_site", siteItems, atoms));
  return `${parts.join("#\n")}#\n`;
}

const siteItems = (
  "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id label_seq_id pdbx_PDB_ins_code " +
  "Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv auth_seq_id auth_comp_id auth_asym_id auth_atom_id pdbx_PDB_model_num"
).split(" ");

/** A, B, ... Z, AA, BA, ... as the PDB names chains. */
function asymId(i: number): string {
  let name = "";
  for (; i >= 0; i = Math.floor(i / 26) - 1) name += String.fromCharCode(65 + (i % 26));
  return name;
}

function loop(category: string, items: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = ["loop_", ...items.map((item) => `_${category}.${item}`), ...rows.map((row) => row.map(value).join(" "))];
  return `${lines.join("\n")}\n`;
}

/** A value with the quotes it needs. `?` and `.` stand for what is unknown and what does not apply. */
function value(given: string | number): string {
  const text = String(given);
  if (/^[^\s#$'"_;[\]][^\s]*$/.test(text) && !/^(data_|loop_$|save_|stop_$|global_$)/i.test(text) && text.length < 80) return text;
  if (!/[\n\r]/.test(text) && text.length < 1000) {
    if (!/'(\s|$)/.test(text)) return `'${text}'`;
    if (!/"(\s|$)/.test(text)) return `"${text}"`;
  }
  return `\n;${text.replace(/\r\n?/g, "\n").replace(/\n;/g, "\n ;")}\n;`;
}
