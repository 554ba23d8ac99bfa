import { FormatError } from "@gradus/tensor";

/** Numbers with NaN, dates as milliseconds since 1970 (UTC) with NaN, or strings with null where a value is missing. */
export type Column =
  | { readonly kind: "number" | "date"; readonly values: Float64Array }
  | { readonly kind: "string"; readonly values: readonly (string | null)[] };

export type ColumnKind = Column["kind"];

export interface ColumnOptions {
  /** Texts that stand for a missing value. Default "", NA, N/A, NaN, nan, null, None, ? and -. */
  readonly missing?: readonly string[];
  /** What columns hold, by name, where it is not to be guessed. */
  readonly types?: Readonly<Record<string, ColumnKind>>;
  /** The decimal mark. Default ".". */
  readonly decimal?: "." | ",";
  /** How dates are written, in YYYY MM DD hh mm ss. Default ISO 8601: YYYY-MM-DD, with or without time and zone. */
  readonly dateFormat?: string;
}

const defaultMissing = ["", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-"];
const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const infinity = /^[+-]?inf(inity)?$/i;
const iso = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?$/;

/** Reads a column of texts: numbers if all are numbers, dates if all are dates, else strings. Times without a zone are UTC. */
export function parseColumn(name: string, texts: readonly string[], options: ColumnOptions = {}): Column {
  const missing = new Set(options.missing ?? defaultMissing);
  const trimmed = texts.map((t) => t.trim());
  const present = trimmed.filter((t) => !missing.has(t));
  const date = dateParser(options.dateFormat);
  const wanted = options.types?.[name];
  const parseNumber = numberParser(options.decimal ?? ".");
  const kind = wanted ?? guessKind(present, parseNumber, date);
  if (kind === "string") return { kind, values: texts.map((t, i) => (missing.has(trimmed[i]!) ? null : t)) };
  const parse = kind === "number" ? parseNumber : date;
  const values = Float64Array.from(trimmed, (text, i) => {
    if (missing.has(text)) return Number.NaN;
    const value = parse(text);
    if (Number.isNaN(value)) throw new FormatError("table", `${name} in row ${i + 1} is no ${kind}: ${JSON.stringify(text.slice(0, 40))}`);
    return value;
  });
  return { kind, values };
}

function guessKind(texts: readonly string[], asNumber: (text: string) => number, asDate: (text: string) => number): ColumnKind {
  if (texts.every((t) => !Number.isNaN(asNumber(t)))) return "number"; // an empty column too: all missing
  return texts.every((t) => !Number.isNaN(asDate(t))) ? "date" : "string";
}

const numberParser =
  (decimal: "." | ",") =>
  (text: string): number => {
    const plain = decimal === "," ? text.replace(",", ".") : text;
    if (number.test(plain)) return Number(plain);
    return infinity.test(plain) ? (plain.startsWith("-") ? -Infinity : Infinity) : Number.NaN;
  };

function dateParser(format: string | undefined): (text: string) => number {
  if (format === undefined) return parseIso;
  const order: string[] = [];
  const escaped = format.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = new RegExp(
    `^${escaped.replace(/YYYY|MM|DD|hh|mm|ss/g, (token) => {
      order.push(token);
      return token === "YYYY" ? "(\\d{4})" : "(\\d{1,2})";
    })}$`,
  );
  return (text) => {
    const found = pattern.exec(text);
    if (!found) return Number.NaN;
    const part = (token: string, otherwise: number) => (order.includes(token) ? Number(found[order.indexOf(token) + 1]) : otherwise);
    return utc(part("YYYY", 1970), part("MM", 1), part("DD", 1), part("hh", 0), part("mm", 0), part("ss", 0));
  };
}

function parseIso(text: string): number {
  const found = iso.exec(text);
  if (!found) return Number.NaN;
  const [year, month, day, hour, minute, second, fraction] = found.slice(1, 8).map((part) => Number(part ?? 0));
  const zone = found[8] ?? "Z";
  const sign = zone.startsWith("-") ? -1 : 1;
  const offset = zone === "Z" ? 0 : sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  return utc(year!, month!, day!, hour!, minute!, second!) + 1000 * fraction! - 60_000 * offset;
}

/** NaN for days that do not exist. */
function utc(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(time);
  return back.getUTCMonth() === month - 1 && back.getUTCDate() === day && hour < 24 && minute < 60 && second < 60 ? time : Number.NaN;
}

/** A column of values from code: numbers and booleans, Dates, or strings; null, undefined and NaN are missing. */
export function columnOf(name: string, values: ArrayLike<unknown>): Column {
  if (values instanceof Float64Array) return { kind: "number", values };
  if (ArrayBuffer.isView(values)) return { kind: "number", values: Float64Array.from(values as unknown as ArrayLike<number>) };
  const list = Array.from(values);
  const present = list.filter((v) => v !== null && v !== undefined);
  const missing = (v: unknown) => v === null || v === undefined;
  if (present.every((v) => typeof v === "number" || typeof v === "boolean"))
    return { kind: "number", values: Float64Array.from(list, (v) => (missing(v) ? Number.NaN : Number(v))) };
  if (present.every((v) => v instanceof Date))
    return { kind: "date", values: Float64Array.from(list, (v) => (missing(v) ? Number.NaN : (v as Date).getTime())) };
  if (present.every((v) => typeof v === "string")) return { kind: "string", values: list.map((v) => (missing(v) ? null : (v as string))) };
  throw new FormatError("table", `${name} mixes numbers, dates and strings`, "Make them one kind");
}

/** What a row shows of a column: a number, a Date, a string, or null where the value is missing. */
export type Cell = number | string | Date | null;

export function cell(column: Column, row: number): Cell {
  const value = column.values[row];
  if (column.kind === "string") return value as string | null;
  if (Number.isNaN(value)) return null;
  return column.kind === "date" ? new Date(value as number) : (value as number);
}

/** The rows of a column in another order, or some of them. */
export function takeRows(column: Column, rows: ArrayLike<number>): Column {
  if (column.kind === "string") return { kind: "string", values: Array.from(rows, (i) => column.values[i]!) };
  return { kind: column.kind, values: Float64Array.from(rows, (i) => column.values[i]!) };
}

export const isMissing = (column: Column, row: number): boolean =>
  column.kind === "string" ? column.values[row] === null : Number.isNaN(column.values[row]);
