import { ArgumentError, FormatError } from "@gradus/tensor";
import Papa from "papaparse";
import type { ByteSource, ReadOptions } from "../formats/source.ts";
import { texts } from "../formats/text.ts";

export interface CsvOptions extends ReadOptions {
  /** One character, or "blanks" for any number of blanks and tabs. Default: what the first line suggests of , ; tab | and blanks. */
  readonly separator?: string;
  /** Names of the columns; true: the first line has them (default); false: they are called "0", "1", ... */
  readonly header?: boolean | readonly string[];
  /** Lines that begin with this are left out. Default: none. */
  readonly comment?: string;
  /** Refuse longer rows: an open quote makes one row of all the rest. Default 2^24 characters. */
  readonly maxRowLength?: number;
  /** Refuse more columns. Default 100,000. */
  readonly maxColumns?: number;
}

const candidates = [",", ";", "\t", "|"];

/**
 * The rows of a CSV or TSV text as lists of strings, one by one, holding one chunk in memory; the first of them are the
 * names of the columns. Throws FormatError for open quotes and for rows of another length than the first, with their number.
 * @example
 * for await (const row of csvRows("a,b\n1,\"two, three\"\n")) console.log(row);
 */
export async function* csvRows(source: ByteSource | string, options: CsvOptions = {}): AsyncGenerator<string[]> {
  const { header = true, maxColumns = 100_000, comment } = options;
  let names: string[] | null = Array.isArray(header) ? [...header] : null;
  if (names) yield checkNames(names);
  let row = 0;
  for await (const fields of rawRows(source, options)) {
    row++;
    if (fields.length === 1 && fields[0] === "") continue;
    if (comment && fields[0]!.startsWith(comment)) continue;
    if (fields.length > maxColumns) throw new FormatError("csv", `row ${row} has ${fields.length} columns, more than ${maxColumns}`);
    if (!names) {
      names = header === false ? fields.map((_, i) => String(i)) : fields.map((name) => name.trim());
      yield checkNames(names);
      if (header !== false) continue;
    }
    if (fields.length !== names.length)
      throw new FormatError("csv", `row ${row} has ${fields.length} fields, ${names.length} were expected`, "Is the separator right?");
    yield fields;
  }
}

function checkNames(names: string[]): string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new FormatError("csv", `two columns are called ${JSON.stringify(twice)}`, "Name them with { header: [...] }");
  return names;
}

async function* rawRows(source: ByteSource | string, options: CsvOptions): AsyncGenerator<string[]> {
  const { maxRowLength = 2 ** 24 } = options;
  let separator = options.separator;
  if (separator !== undefined && separator !== "blanks" && separator.length !== 1)
    throw new ArgumentError("csv", `the separator is ${JSON.stringify(separator)}`, 'Give one character, or "blanks"');
  let rest = "";
  let first = true;
  for await (const piece of texts(source, options)) {
    rest += first && piece.startsWith("\ufeff") ? piece.slice(1) : piece;
    if (first && piece) first = false;
    if (separator === undefined) {
      if (!rest.includes("\n") && rest.length <= maxRowLength) continue;
      separator = guessSeparator(rest);
    }
    const { rows, used } = parse(rest, separator, false);
    rest = rest.slice(used);
    if (rest.length > maxRowLength)
      throw new FormatError("csv", `a row is longer than ${maxRowLength} characters`, "Is a quote left open?");
    yield* rows;
  }
  if (rest) yield* parse(rest, separator ?? guessSeparator(rest), true).rows;
}

/** The rows of a text, and how much of it they take: without the last one, which may go on, unless the text is complete. */
function parse(text: string, separator: string, complete: boolean): { rows: string[][]; used: number } {
  if (separator === "blanks") {
    const used = complete ? text.length : text.lastIndexOf("\n") + 1;
    const list = text.slice(0, used).split("\n");
    if (list.at(-1) === "") list.pop();
    return { rows: list.map((line) => line.trim().split(/\s+/)), used };
  }
  // With \r\n, the low-level parser wants to know the line end; a lone \r cut off from its \n waits with its row.
  const newline = /\r\n/.test(text.slice(0, text.indexOf("\n") + 1)) ? "\r\n" : "\n";
  const parser = new (Papa as unknown as { Parser: new (config: object) => PapaParser }).Parser({ delimiter: separator, newline });
  const { data, errors, meta } = parser.parse(text, 0, !complete);
  const [error] = errors;
  if (error && (complete || error.code !== "MissingQuotes")) throw new FormatError("csv", `row ${(error.row ?? 0) + 1}: ${error.message}`);
  return { rows: data, used: complete ? text.length : meta.cursor };
}

interface PapaParser {
  parse(text: string, base: number, ignoreLastRow: boolean): Papa.ParseResult<string[]>;
}

/** The separator that stands most often in the first line, outside of quotes. */
function guessSeparator(text: string): string {
  const line = text.slice(0, text.includes("\n") ? text.indexOf("\n") : text.length).replace(/"[^"]*"/g, "");
  const counts = candidates.map((c) => line.split(c).length - 1);
  const most = Math.max(...counts);
  if (most > 0) return candidates[counts.indexOf(most)]!;
  const second = text.split("\n")[1]?.trim();
  const parts = (s: string) => s.trim().split(/\s+/).length;
  return second && parts(line) > 1 && parts(line) === parts(second) ? "blanks" : ",";
}
