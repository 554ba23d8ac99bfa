import { residueLetters, unknownResidue } from "../constants/residues.ts";

/** What stands in alignments: the types of residues 0 to 20, a gap, and, in training, a mask. */
export const gapToken = 21;
export const maskToken = 22;
/** Tokens without the mask, and with it. */
export const tokens = 22;
export const tokensWithMask = 23;

/** Letters for several amino acids, or for rare ones, count as the likeliest of the twenty, as in AlphaFold. */
const similar: Readonly<Record<string, string>> = { B: "D", Z: "E", U: "C", J: "X", O: "X" };

const byCode = new Uint8Array(128).fill(unknownResidue);
for (let code = 65; code <= 90; code++) {
  const letter = String.fromCharCode(code);
  const type = residueLetters.indexOf(similar[letter] ?? letter);
  byCode[code] = type < 0 ? unknownResidue : type;
}
byCode["-".charCodeAt(0)] = gapToken;

/** The token of a capital letter or `-`, by its character code. */
export const tokenOf = (code: number): number => byCode[code] ?? unknownResidue;
