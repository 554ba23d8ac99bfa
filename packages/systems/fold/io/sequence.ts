import { type ByteSource, fasta, type LinesOptions } from "@gradus/data";
import { ArgumentError, FormatError } from "@gradus/tensor";
import { residueLetters } from "../constants/residues.ts";

/** A sequence to be folded. */
export interface Query {
  readonly id: string;
  readonly sequence: string;
}

/** More needs more memory than any machine at hand has: the network's pair representation grows with the square. */
const longestQuery = 5000;

/** What may be meant by letters that are no amino acid of the twenty. */
const advice: Readonly<Record<string, string>> = {
  B: "B is aspartate or asparagine: write D or N",
  J: "J is leucine or isoleucine: write L or I",
  O: "O is pyrrolysine: write K, from which it is made",
  U: "U is selenocysteine: write C, which it resembles",
  Z: "Z is glutamate or glutamine: write E or Q",
  "*": "* is the end of translation: leave it out",
  "-": "- is a gap: give the sequence without gaps",
  ".": ". is a gap: give the sequence without gaps",
};

/**
 * A sequence in capital letters, without blanks. ArgumentError for an empty one, one too long, and for letters other than the twenty amino
 * acids and X, which stands for any.
 */
export function checkSequence(text: string, operation = "fold", maxLength = longestQuery): string {
  const sequence = text.replace(/\s+/g, "").toUpperCase();
  if (!sequence) throw new ArgumentError(operation, "the sequence is empty", "Give the amino acids as letters, such as MKTAYIAKQR");
  if (sequence.length > maxLength)
    throw new ArgumentError(operation, `the sequence has ${sequence.length} residues`, `Give at most ${maxLength}: a domain, for instance`);
  for (let i = 0; i < sequence.length; i++) {
    const letter = sequence[i]!;
    if (residueLetters.includes(letter)) continue;
    const fix = advice[letter] ?? `The twenty amino acids are ${residueLetters.slice(0, 20)}; write X for an unknown one`;
    throw new ArgumentError(operation, `there is ${JSON.stringify(letter)} at place ${i + 1} of the sequence`, fix);
  }
  return sequence;
}

/** The sequences of a FASTA file, each checked as by `checkSequence`. FormatError where there is none, or for one that is refused, by its name. */
export async function readQueries(source: ByteSource | string, options: LinesOptions = {}): Promise<Query[]> {
  const queries: Query[] = [];
  for await (const { id, sequence } of fasta(source, { maxLength: 1e6, ...options })) {
    const name = id || `sequence ${queries.length + 1}`;
    try {
      queries.push({ id: name, sequence: checkSequence(sequence, "FASTA") });
    } catch (error) {
      if (error instanceof ArgumentError) throw new FormatError("FASTA", `${name}: ${error.problem}`, error.fix);
      throw error;
    }
  }
  if (!queries.length)
    throw new FormatError("FASTA", "the file holds no sequence", "Give > and a name on one line, the amino acids below it");
  return queries;
}
