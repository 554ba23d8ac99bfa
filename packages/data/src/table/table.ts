import { ArgumentError, type DType, dtypeInfo, type Tensor } from "@gradus/tensor";
import { type ArrayData, toTensor } from "@gradus/tensor/io";
import { Dataset } from "../dataset/dataset.ts";
import type { ByteSource } from "../formats/source.ts";
import { type Cell, type Column, type ColumnKind, type ColumnOptions, cell, columnOf, isMissing, parseColumn, takeRows } from "./column.ts";
import { type CsvOptions, csvRows } from "./csv.ts";
import { Groups } from "./groups.ts";
import { type NumberSummary, quantile, summarise } from "./summary.ts";

/** Number types a column can be stored in as it is. */
export type NumberType = Exclude<DType, "bool" | "float16" | "bfloat16">;

/** A row as functions see it. */
export type TableRow = Readonly<Record<string, Cell>>;

export interface TableOptions extends CsvOptions, ColumnOptions {
  /** Refuse more rows. Default 50 million. */
  readonly maxRows?: number;
}

/**
 * Reads a CSV or TSV text: separator, types and dates are guessed unless given. For data beyond memory there is `csvRows`.
 * @example
 * const bikes = await readTable("season;bikes\nspring;120\nsummer;340\nsummer;\n", { separator: ";" });
 * bikes.describe()
 */
export async function readTable(source: ByteSource | string, options: TableOptions = {}): Promise<Table> {
  const { maxRows = 5e7 } = options;
  let names: string[] | null = null;
  let texts: string[][] = [];
  let count = 0;
  for await (const row of csvRows(source, options)) {
    if (!names) {
      names = row;
      texts = row.map(() => []);
      continue;
    }
    if (++count > maxRows)
      throw new ArgumentError("readTable", `there are more than ${maxRows} rows`, "Raise maxRows, or stream with csvRows");
    for (let i = 0; i < row.length; i++) texts[i]!.push(row[i]!);
  }
  for (const name of Object.keys(options.types ?? {})) if (!names?.includes(name)) throw unknownColumn("readTable", name, names ?? []);
  return new Table(new Map((names ?? []).map((name, i) => [name, parseColumn(name, texts[i]!, options)])));
}

const unknownColumn = (operation: string, name: string, names: readonly string[]) =>
  new ArgumentError(operation, `there is no column ${JSON.stringify(name)}`, `The columns are ${names.slice(0, 30).join(", ")}`);

/**
 * Columns of equal length under names. Tables do not change: every method gives a new one, which shares what stays equal.
 * @example
 * const t = Table.from({ city: ["Ulm", "Bonn", "Ulm"], bikes: [10, 20, 30] });
 * t.filter((row) => Number(row.bikes) > 10).oneHot("city")
 */
export class Table {
  private readonly columns: ReadonlyMap<string, Column>;
  /** Number of rows. */
  readonly length: number;

  /** @internal Use `readTable`, `Table.from` or `Table.fromRows`. */
  constructor(columns: ReadonlyMap<string, Column>) {
    this.columns = columns;
    this.length = columns.values().next().value?.values.length ?? 0;
    for (const [name, { values }] of columns)
      if (values.length !== this.length) throw new ArgumentError("Table", `${name} has ${values.length} rows, others ${this.length}`);
  }

  /** A table from lists, by column: numbers, booleans, strings or Dates; null is missing. */
  static from(columns: Readonly<Record<string, ArrayLike<unknown>>>): Table {
    return new Table(new Map(Object.entries(columns).map(([name, values]) => [name, columnOf(name, values)])));
  }

  /** A table from objects with the keys of the first. */
  static fromRows(rows: readonly Readonly<Record<string, unknown>>[]): Table {
    return Table.from(Object.fromEntries(Object.keys(rows[0] ?? {}).map((name) => [name, rows.map((row) => row[name])])));
  }

  // --------------------------------------------------------------------------------------------------------------- look

  /** Names of the columns. */
  get names(): string[] {
    return [...this.columns.keys()];
  }

  kind(name: string): ColumnKind {
    return this.get("kind", name).kind;
  }

  /** The values of a column: numbers (dates as milliseconds, UTC) with NaN, or strings with null. */
  column(name: string): Float64Array | readonly (string | null)[] {
    return this.get("column", name).values;
  }

  /** The values of a column of numbers or dates. */
  numbers(name: string): Float64Array {
    const column = this.get("numbers", name);
    if (column.kind === "string") throw new ArgumentError("numbers", `${name} holds strings`, "Encode it with oneHot or codes");
    return column.values;
  }

  row(index: number): TableRow {
    if (!Number.isInteger(index) || index < 0 || index >= this.length)
      throw new ArgumentError("row", `there is no row ${index} of ${this.length}`);
    return Object.fromEntries([...this.columns].map(([name, column]) => [name, cell(column, index)]));
  }

  *rows(): Generator<TableRow> {
    for (let i = 0; i < this.length; i++) yield this.row(i);
  }

  /** The different values of a column, sorted; missing ones are left out. */
  unique(name: string): (number | string)[] {
    const column = this.get("unique", name);
    const found = new Set<number | string>();
    for (let i = 0; i < this.length; i++) if (!isMissing(column, i)) found.add(column.values[i]!);
    return [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  /** Count, mean, standard deviation and quartiles of every column of numbers, one row each. */
  describe(): Table {
    const summaries = this.names
      .filter((name) => this.kind(name) === "number")
      .map((name) => ({ column: name, ...(summarise(this.numbers(name)) satisfies NumberSummary) }));
    return Table.fromRows(summaries);
  }

  /** The first rows as text, for looking at. */
  toString(): string {
    const shown = this.head(10);
    const show = (v: Cell) => (v === null ? "·" : v instanceof Date ? v.toISOString().replace(/T00:00:00.000Z$|\.000Z$/, "") : String(v));
    const lists = shown.names.map((name) => [name, ...[...shown.rows()].map((row) => show(row[name]!))]);
    const widths = lists.map((list) => Math.max(...list.map((text) => text.length)));
    const lines = Array.from({ length: shown.length + 1 }, (_, i) => lists.map((list, c) => list[i]!.padStart(widths[c]!)).join("  "));
    return [...lines, `${this.length} rows`].join("\n");
  }

  // ------------------------------------------------------------------------------------------------------------- change

  /** These columns, in this order. */
  select(...names: string[]): Table {
    return new Table(new Map(names.map((name) => [name, this.get("select", name)])));
  }

  /** All columns but these. */
  drop(...names: string[]): Table {
    for (const name of names) this.get("drop", name);
    return new Table(new Map([...this.columns].filter(([name]) => !names.includes(name))));
  }

  /** New names for some columns, old to new. */
  rename(names: Readonly<Record<string, string>>): Table {
    for (const name of Object.keys(names)) this.get("rename", name);
    return new Table(new Map([...this.columns].map(([name, column]) => [names[name] ?? name, column])));
  }

  /** Adds or replaces a column, from its values or from a function of the row. */
  with(name: string, values: ArrayLike<unknown> | ((row: TableRow, index: number) => unknown)): Table {
    const list = typeof values === "function" ? Array.from(this.rows(), values) : values;
    return new Table(new Map([...this.columns, [name, columnOf(name, list)]]));
  }

  filter(keep: (row: TableRow, index: number) => boolean): Table {
    return this.take(indices(this.length).filter((i) => keep(this.row(i), i)));
  }

  /** Rows by number, in this order. */
  take(rows: ArrayLike<number>): Table {
    for (let i = 0; i < rows.length; i++)
      if (!(rows[i]! >= 0 && rows[i]! < this.length)) throw new ArgumentError("take", `there is no row ${rows[i]} of ${this.length}`);
    return new Table(new Map([...this.columns].map(([name, column]) => [name, takeRows(column, rows)])));
  }

  slice(begin: number, end = this.length): Table {
    return this.take(indices(this.length).slice(begin, end));
  }

  head(count = 5): Table {
    return this.slice(0, count);
  }

  /** Rows by the values of a column; equal ones keep their order, missing ones come last. */
  sort(name: string, { descending = false } = {}): Table {
    const column = this.get("sort", name);
    const sign = descending ? -1 : 1;
    const order = indices(this.length).sort((i, j) => {
      const [a, b] = [isMissing(column, i), isMissing(column, j)];
      if (a || b) return Number(a) - Number(b);
      const [x, y] = [column.values[i]!, column.values[j]!];
      return x < y ? -sign : x > y ? sign : 0;
    });
    return this.take(order);
  }

  /** Without the rows in which one of these columns (default: any) has no value. */
  dropMissing(...names: string[]): Table {
    const columns = (names.length ? names : this.names).map((name) => this.get("dropMissing", name));
    return this.take(indices(this.length).filter((i) => !columns.some((column) => isMissing(column, i))));
  }

  /** Puts values where there are none: by column, a value, or "mean" or "median" of the column. */
  fillMissing(values: Readonly<Record<string, number | string>>): Table {
    const columns = new Map(this.columns);
    for (const [name, value] of Object.entries(values)) {
      const column = this.get("fillMissing", name);
      if (column.kind === "string") columns.set(name, { kind: "string", values: column.values.map((v) => v ?? String(value)) });
      else {
        const filler = typeof value === "number" ? value : statistic(name, column.values, value);
        columns.set(name, { kind: column.kind, values: column.values.map((v) => (Number.isNaN(v) ? filler : v)) });
      }
    }
    return new Table(columns);
  }

  /** The rows in groups of equal values of these columns: `groupBy("year").mean("temperature")`. */
  groupBy(...names: string[]): Groups {
    if (!names.length) throw new ArgumentError("groupBy", "no column is named");
    return new Groups(
      this,
      names,
      names.map((name) => this.get("groupBy", name)),
      (columns) => new Table(columns),
    );
  }

  /**
   * Replaces a column by one of zeros and ones for each of its values, called `name=value`. Give `categories` to have the
   * same columns as another table; a value that is none of them is an error, a missing one gives zeros.
   */
  oneHot(name: string, { categories = this.unique(name) }: { readonly categories?: readonly (number | string)[] } = {}): Table {
    const codes = this.codes(name, { categories });
    const added = categories.map((category, k): [string, Column] => [
      `${name}=${category}`,
      { kind: "number", values: Float64Array.from(codes, (code) => Number(code === k)) },
    ]);
    return new Table(
      new Map([...this.columns].flatMap(([other, column]) => (other === name ? added : [[other, column] as [string, Column]]))),
    );
  }

  /** Numbers for the values of a column: the place of each among `categories` (default: its sorted values), -1 if missing. */
  codes(name: string, { categories = this.unique(name) }: { readonly categories?: readonly (number | string)[] } = {}): Int32Array {
    const column = this.get("codes", name);
    const places = new Map(categories.map((value, k) => [value, k]));
    return Int32Array.from({ length: this.length }, (_, i) => {
      if (isMissing(column, i)) return -1;
      const place = places.get(column.values[i]!);
      if (place === undefined) throw new ArgumentError("codes", `${name} holds ${JSON.stringify(column.values[i])}, which is no category`);
      return place;
    });
  }

  /**
   * Columns of numbers shifted and scaled to mean 0 and standard deviation 1; missing values stay missing. `statistics`
   * are those of `standardisation`: take the training set's for the test set.
   */
  standardise(statistics: Readonly<Record<string, Standardisation>> = this.standardisation()): Table {
    const columns = new Map(this.columns);
    for (const [name, { mean, deviation }] of Object.entries(statistics))
      columns.set(name, { kind: "number", values: this.numbers(name).map((v) => (v - mean) / (deviation || 1)) });
    return new Table(columns);
  }

  /** Mean and standard deviation of columns (default: all of numbers). */
  standardisation(...names: string[]): Record<string, Standardisation> {
    const chosen = names.length ? names : this.names.filter((name) => this.kind(name) === "number");
    return Object.fromEntries(
      chosen.map((name) => {
        const { mean, std } = summarise(this.numbers(name), 0);
        return [name, { mean, deviation: std }];
      }),
    );
  }

  // -------------------------------------------------------------------------------------------------------------- leave

  /** Columns side by side as an array in plain memory, [rows, columns]; one column given by its name alone is [rows]. */
  toArray(names: string | readonly string[] = this.names, { dtype = "float32" }: { readonly dtype?: NumberType } = {}): ArrayData {
    const list = typeof names === "string" ? [names] : names;
    const columns = list.map((name) => this.numbers(name));
    const values = new Float64Array(this.length * columns.length);
    columns.forEach((column, c) => {
      for (let i = 0; i < this.length; i++) values[i * columns.length + c] = column[i]!;
    });
    const { kind, min, max, array } = dtypeInfo(dtype);
    if (kind !== "float") {
      const bad = values.findIndex((v) => !Number.isInteger(v) || v < min || v > max);
      if (bad >= 0) throw new ArgumentError("toArray", `${list[bad % list.length]} holds ${values[bad]}, which is no ${dtype}`);
    }
    const data = new array(values.length);
    data.set(values);
    return { dtype, shape: typeof names === "string" ? [this.length] : [this.length, list.length], data };
  }

  /** As `toArray`, on the device. */
  toTensor(names: string | readonly string[] = this.names, options: { readonly dtype?: NumberType } = {}): Tensor {
    return toTensor(this.toArray(names, options));
  }

  /** The rows as a data set of inputs `x` (float32, the columns `features`) and of `y`, the column `target`. */
  toDataset(
    features: readonly string[],
    target: string,
    { targetType = "float32" }: { readonly targetType?: NumberType } = {},
  ): Dataset<{ x: ArrayData; y: number }> {
    return Dataset.fromTensorSlices({ x: this.toArray(features), y: this.toArray(target, { dtype: targetType }).data });
  }

  /** @internal */
  get(operation: string, name: string): Column {
    const column = this.columns.get(name);
    if (!column) throw unknownColumn(operation, name, this.names);
    return column;
  }
}

export interface Standardisation {
  readonly mean: number;
  readonly deviation: number;
}

const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

function statistic(name: string, values: Float64Array, which: string): number {
  if (which === "mean") return summarise(values).mean;
  if (which === "median") return quantile(values, 0.5);
  throw new ArgumentError("fillMissing", `${name} is to be filled with ${JSON.stringify(which)}`, 'Give a number, "mean" or "median"');
}
