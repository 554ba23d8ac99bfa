import { FormatError } from "@gradus/tensor";
import type { ByteSource } from "./source.ts";
import { type LinesOptions, lines } from "./text.ts";

export interface FastaRecord {
  /** What stands between > and the first blank. */
  readonly id: string;
  /** The rest of that line. */
  readonly description: string;
  /** All lines until the next record, joined, in the case they have. */
  readonly sequence: string;
}

/**
 * The records of a FASTA file one by one. `maxLength` bounds a whole sequence. Throws FormatError for other letters than a sequence has.
 * @example
 * for await (const entry of fasta(">first\nACGT\n>second\nGG\n")) console.log(entry);
 */
export async function* fasta(source: ByteSource | string, options: LinesOptions = {}): AsyncGenerator<FastaRecord> {
  const { maxLength = 2 ** 28 } = options;
  let id: string | null = null;
  let description = "";
  let parts: string[] = [];
  let length = 0;
  let number = 0;
  for await (const raw of lines(source, options)) {
    number++;
    const line = raw.trim();
    if (!line || line.startsWith(";")) continue;
    if (line.startsWith(">")) {
      if (id !== null) yield { id, description, sequence: parts.join("") };
      const blank = line.search(/\s/);
      id = blank < 0 ? line.slice(1) : line.slice(1, blank);
      description = blank < 0 ? "" : line.slice(blank).trim();
      parts = [];
      length = 0;
      continue;
    }
    if (id === null) throw new FormatError("fasta", `line ${number} stands before the first record`, "A FASTA file begins with >");
    if (!/^[A-Za-z*.-]+$/.test(line))
      throw new FormatError("fasta", `line ${number} is no part of a sequence: ${JSON.stringify(line.slice(0, 40))}`);
    length += line.length;
    if (length > maxLength)
      throw new FormatError("fasta", `the sequence of ${id} is longer than ${maxLength}`, "Raise maxLength if that is expected");
    parts.push(line);
  }
  if (id !== null) yield { id, description, sequence: parts.join("") };
}
