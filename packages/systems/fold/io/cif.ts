import { FormatError } from "@gradus/tensor";

/** A value as it stands in a file; null for `?` (unknown) and `.` (not applicable). */
export type CifValue = string | null;

/** What a file tells under one category, such as `_atom_site`: columns of equal length by the name of the item, in small letters. */
export interface CifCategory {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, readonly CifValue[]>;
}

export interface CifBlock {
  readonly name: string;
  /** By name in small letters, without the underscore: "atom_site". */
  readonly categories: ReadonlyMap<string, CifCategory>;
}

/**
 * The data blocks of a CIF file (Hall, Allen and Brown 1991; version 1.1) with names as mmCIF has them, `_category.item`. Categories that
 * `wanted` refuses are read over. FormatError, with the line, for what is no CIF.
 */
export function readCif(text: string, wanted: (category: string) => boolean = () => true): CifBlock[] {
  const scanner = new Scanner(text);
  const blocks: CifBlock[] = [];
  let categories: Map<string, Table> | undefined;
  for (let kind = scanner.next(); kind !== "end"; ) {
    if (kind === "data") {
      categories = new Map();
      blocks.push({ name: scanner.text.slice(5), categories });
      kind = scanner.next();
      continue;
    }
    if (!categories) return scanner.fail("nothing may stand before data_");
    if (kind === "tag") {
      const column = columnOf(scanner, categories, wanted);
      if (scanner.next() !== "value") return scanner.fail(`there is no value for ${column.tag}`);
      if (column.table) column.table.add(scanner, column.item, [scanner.value]);
    } else if (kind === "loop") {
      const columns: Column[] = [];
      for (kind = scanner.next(); kind === "tag"; kind = scanner.next()) columns.push(columnOf(scanner, categories, wanted));
      if (!columns.length) return scanner.fail("loop_ names no items");
      const lists = columns.map((): CifValue[] => []);
      let n = 0;
      for (; kind === "value"; kind = scanner.next()) {
        const i = n++ % columns.length;
        if (columns[i]!.table) lists[i]!.push(scanner.value);
      }
      if (n % columns.length)
        return scanner.fail(`the loop of ${columns[0]!.tag} has ${n} values for ${columns.length} items; the file may be truncated`);
      columns.forEach(({ table, item }, i) => table?.add(scanner, item, lists[i]!));
      continue;
    } else return scanner.fail(`there is ${JSON.stringify(scanner.text.slice(0, 40))} where a name or loop_ should be`);
    kind = scanner.next();
  }
  if (!blocks.length) throw new FormatError("mmCIF", "the text holds no data block", "A CIF file begins with data_ and a name");
  return blocks;
}

class Table implements CifCategory {
  rows = 0;
  readonly columns = new Map<string, readonly CifValue[]>();

  add(scanner: Scanner, item: string, values: readonly CifValue[]): void {
    if (this.columns.has(item)) scanner.fail(`${item} stands twice in its category`);
    if (this.columns.size && values.length !== this.rows)
      scanner.fail(`${item} has ${values.length} values, others of its category ${this.rows}`);
    this.rows = values.length;
    this.columns.set(item, values);
  }
}

interface Column {
  readonly tag: string;
  readonly item: string;
  /** Undefined for a category that nobody asked for. */
  readonly table: Table | undefined;
}

/** Where the values of the tag go at which the scanner stands. */
function columnOf(scanner: Scanner, categories: Map<string, Table>, wanted: (category: string) => boolean): Column {
  const tag = scanner.text;
  const dot = tag.indexOf(".");
  const category = tag.slice(1, dot < 0 ? undefined : dot).toLowerCase();
  if (!wanted(category)) return { tag, item: "", table: undefined };
  let table = categories.get(category);
  if (!table) categories.set(category, (table = new Table()));
  return { tag, item: dot < 0 ? "" : tag.slice(dot + 1).toLowerCase(), table };
}

type Kind = "data" | "loop" | "tag" | "value" | "other" | "end";

const [tab, newline, carriageReturn, space, hash, quote, doubleQuote, semicolon, underscore] = [9, 10, 13, 32, 35, 39, 34, 59, 95];
const isBlank = (code: number): boolean => code === space || code === newline || code === tab || code === carriageReturn;

/** Goes through a CIF text word by word. */
class Scanner {
  private readonly source: string;
  /** Where the next word may begin. */
  private at = 0;
  private start = 0;
  private stop = 0;
  private delimited = false;

  constructor(source: string) {
    this.source = source;
  }

  /** The word that `next` found, without quotes. */
  get text(): string {
    return this.source.slice(this.start, this.stop);
  }

  get value(): CifValue {
    if (!this.delimited && this.stop === this.start + 1) {
      const only = this.source[this.start];
      if (only === "?" || only === ".") return null;
    }
    return this.text;
  }

  next(): Kind {
    const { source } = this;
    let at = this.at;
    for (;;) {
      while (at < source.length && isBlank(source.charCodeAt(at))) at++;
      if (source.charCodeAt(at) !== hash) break;
      at = source.indexOf("\n", at);
      if (at < 0) at = source.length;
    }
    this.start = this.stop = this.at = at;
    if (at >= source.length) return "end";
    const first = source.charCodeAt(at);
    if (first === semicolon && (at === 0 || source.charCodeAt(at - 1) === newline)) return this.field();
    if (first === quote || first === doubleQuote) return this.quoted(first);
    while (at < source.length && !isBlank(source.charCodeAt(at))) at++;
    this.stop = this.at = at;
    this.delimited = false;
    if (first === underscore) return "tag";
    return this.keyword() ?? "value";
  }

  /** Lines between semicolons that begin a line. */
  private field(): Kind {
    const end = this.source.indexOf("\n;", this.at);
    if (end < 0) return this.fail("a text between semicolons does not end; the file may be truncated");
    this.start = this.at + 1;
    this.stop = this.source.charCodeAt(end - 1) === carriageReturn && end > this.start ? end - 1 : end;
    this.at = end + 2;
    this.delimited = true;
    return "value";
  }

  /** A quote only ends the value where a blank follows. */
  private quoted(mark: number): Kind {
    const { source } = this;
    let at = this.at + 1;
    for (; at < source.length; at++) {
      const code = source.charCodeAt(at);
      if (code === newline) break;
      if (code === mark && (at + 1 >= source.length || isBlank(source.charCodeAt(at + 1)))) {
        this.start = this.at + 1;
        this.stop = at;
        this.at = at + 1;
        this.delimited = true;
        return "value";
      }
    }
    return this.fail("a quoted value does not end on its line");
  }

  private keyword(): Kind | undefined {
    // Values are many and keywords few: most words are ruled out by their first letter.
    const first = this.source[this.start]!;
    if (!"dlsgDLSG".includes(first) || this.stop - this.start < 5) return undefined;
    const word = this.source.slice(this.start, Math.min(this.stop, this.start + 7)).toLowerCase();
    if (word.startsWith("data_")) return "data";
    if (word === "loop_" && this.stop === this.start + 5) return "loop";
    if (word.startsWith("save_") || word === "stop_" || word === "global_") return "other";
    return undefined;
  }

  fail(problem: string): never {
    let line = 1;
    for (let at = this.source.indexOf("\n"); at >= 0 && at < this.at; at = this.source.indexOf("\n", at + 1)) line++;
    throw new FormatError("mmCIF", `line ${line}: ${problem}`, "Give a structure in the mmCIF format");
  }
}
