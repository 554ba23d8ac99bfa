import { ArgumentError } from "@gradus/tensor";
import { residueNames } from "../constants/residues.ts";
import { listedAtoms } from "./listed-atoms.ts";
import type { Structure } from "./structure.ts";
import type { WriteOptions } from "./write-mmcif.ts";

/**
 * A structure in the PDB format (3.3): SEQRES, ATOM and TER records. ArgumentError for what its columns cannot hold: more than 99,999 atoms,
 * numbers of more than four digits, names of chains of more than one letter.
 */
export function writePdb({ id, chains }: Structure, { plddt = false }: WriteOptions = {}): string {
  const fail = (problem: string): never => {
    throw new ArgumentError("writePdb", `${problem}, which the PDB format cannot hold`, "Write mmCIF instead");
  };
  const names = chains.map((chain, i) => chain.id || (chains.length === 1 ? "A" : String.fromCharCode(65 + (i % 26))));
  for (const name of names) if (!/^[\x21-\x7e]$/.test(name)) fail(`a chain is called ${JSON.stringify(name)}`);
  if (new Set(names).size !== names.length) fail("two chains have the same name");
  const lines = [`HEADER    ${"PROTEIN".padEnd(52)}${/^\w{4}$/.test(id) ? id.toUpperCase() : ""}`];
  if (plddt) lines.push("REMARK 220", "REMARK 220 PREDICTED; THE B FACTORS ARE PLDDT, 0 TO 100");
  chains.forEach(({ aatype }, i) => {
    if (aatype.length > 9999) fail(`chain ${names[i]} has ${aatype.length} residues`);
    for (let row = 0; row * 13 < aatype.length; row++) {
      const some = Array.from(aatype.subarray(row * 13, row * 13 + 13), (type) => residueNames[type]!);
      lines.push(`SEQRES ${right(row + 1, 3)} ${names[i]} ${right(aatype.length, 4)}  ${some.join(" ")}`);
    }
  });
  let serial = 0;
  chains.forEach((chain, i) => {
    let end = "";
    for (const { name, element, residueName, number, insertion, position, bFactor } of listedAtoms("writePdb", chain)) {
      if (++serial > 99_999) fail("there are more than 99,999 atoms");
      if (number > 9999 || number < -999) fail(`a residue has the number ${number}`);
      const residue = `${residueName} ${names[i]}${right(number, 4)}${insertion || " "}`;
      const xyz = position.map((c) => right(c.toFixed(3), 8)).join("");
      // Names of atoms begin in the second column, those of four letters in the first.
      const atom = name.length < 4 ? ` ${name.padEnd(3)}` : name;
      lines.push(`ATOM  ${right(serial, 5)} ${atom} ${residue}   ${xyz}  1.00${right(bFactor.toFixed(2), 6)}${right(element, 12)}`);
      end = residue;
    }
    if (end) lines.push(`TER   ${right(++serial, 5)}      ${end}`);
  });
  return `${[...lines, "END"].map((line) => line.padEnd(80)).join("\n")}\n`;
}

const right = (text: string | number, width: number): string => String(text).padStart(width);
