import { type Alignment, Rows } from "./alignment.ts";

const operation = "Stockholm";

/**
 * An alignment in the Stockholm format (of HMMER), made for `query`, which is its first sequence. Columns where the query has a gap are left
 * out; what others have there counts as deletions. FormatError, in a sentence, for what is none or does not fit the query.
 */
export function readStockholm(text: string, query: string): Alignment {
  const found = new Rows(operation, query);
  const fail = (problem: string): never => found.fail(problem, "Give an alignment in the Stockholm format");
  const sequences = new Map<string, string[]>();
  let [begun, ended, number] = [false, false, 0];
  for (const raw of text.split("\n")) {
    number++;
    const line = raw.trimEnd();
    if (line.startsWith("# STOCKHOLM")) begun = true;
    else if (!line || line.startsWith("#")) continue;
    else if (line === "//") {
      ended = true;
      break;
    } else {
      const [, name, row] =
        /^(\S+)\s+(\S+)$/.exec(line) ?? fail(`line ${number} is no name with a row: ${JSON.stringify(line.slice(0, 40))}`);
      const parts = sequences.get(name!);
      if (parts) parts.push(row!);
      else sequences.set(name!, [row!]);
    }
  }
  if (!begun) fail("it does not begin with # STOCKHOLM");
  if (!ended) fail("it does not end with //; the file may be truncated");

  let first: string | undefined;
  for (const [name, parts] of sequences) {
    const row = parts.join("").toUpperCase().replace(/[.~_]/g, "-");
    const strange = /[^A-Z-]/.exec(row);
    if (strange) fail(`${found.label(name)} has ${JSON.stringify(strange[0])} in it`);
    first ??= row;
    if (row.length !== first.length) fail(`${found.label(name)} has ${row.length} columns, the first has ${first.length}`);
    const { aligned, inserted } = below(first, row);
    found.add(name, aligned, inserted);
  }
  return found.done();
}

/** What of a row stands below the query's residues, and how many residues stand before each of them where the query has gaps. */
function below(query: string, row: string): { aligned: string; inserted?: Int32Array } {
  let aligned = "";
  const counts: number[] = [];
  let [before, any] = [0, false];
  for (let i = 0; i < query.length; i++)
    if (query[i] === "-") {
      if (row[i] !== "-") before++;
    } else {
      aligned += row[i];
      counts.push(before);
      any ||= before > 0;
      before = 0;
    }
  return any ? { aligned, inserted: Int32Array.from(counts) } : { aligned };
}
