import { type Alignment, Rows } from "./alignment.ts";

const operation = "A3M";

/**
 * An alignment in the A3M format (of HH-suite), made for `query`: capital letters and `-` stand below the query's residues, small letters are
 * inserted between them. Lines that begin with # are comments. FormatError, in a sentence, for what is none or does not fit the query.
 */
export function readA3m(text: string, query: string): Alignment {
  const found = new Rows(operation, query);
  let name: string | undefined;
  let parts: string[] = [];
  const end = (): void => {
    if (name === undefined) return;
    const { row, inserted } = split(parts.join(""), query.length, () => found.label(name!), found);
    found.add(name, row, inserted);
  };
  let number = 0;
  // Files that hold alignments of several queries end each with a zero byte.
  const body = text.replace(/\0\s*$/, "");
  if (body.includes("\0")) found.fail("the file holds several alignments", "Give the one that was made for the query");
  for (const raw of body.split("\n")) {
    number++;
    const line = raw.trim();
    if (!line || line.startsWith("#")) continue;
    if (line.startsWith(">")) {
      end();
      name = line.slice(1).trim();
      parts = [];
    } else {
      if (name === undefined)
        found.fail(`line ${number} stands before the first name: ${JSON.stringify(line.slice(0, 40))}`, "An A3M file begins with >");
      parts.push(line);
    }
  }
  end();
  return found.done();
}

function split(text: string, n: number, label: () => string, rows: Rows): { row: string; inserted?: Int32Array } {
  const strange = /[^A-Za-z.-]/.exec(text);
  if (strange) rows.fail(`${label()} has ${JSON.stringify(strange[0])} in it`, "Rows of an A3M file consist of letters and -");
  const row = text.replace(/[a-z.]+/g, "");
  if (row.length === text.length || row.length !== n) return { row };
  const inserted = new Int32Array(n);
  let column = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Small letters count before the next column; points only fill up.
    if (code >= 97) {
      if (column < n) inserted[column]!++;
    } else if (code !== 46) column++;
  }
  return { row, inserted };
}
