import { Table } from "@gradus/data";
import { History, Model } from "@gradus/nn";
import { Tensor } from "@gradus/tensor";
import { type ArrayData, formatArray } from "@gradus/tensor/io";
import inspect from "object-inspect";
import type { Content, TableContent } from "../output.ts";
import { type Coming, View } from "../view.ts";

/** Rows of a table that are shown. */
const shownRows = 12;

/** What stands below a cell for a value; null where there is nothing to show or it is shown already. */
export function describe(value: unknown): Coming | null {
  if (value === undefined || value instanceof View) return null;
  if (value instanceof Tensor) return describeTensor(value);
  if (value instanceof Table)
    return tableOf(
      value.names,
      value.length,
      (row, name) => value.row(row)[name],
      (name) => value.kind(name) === "number",
    );
  if (value instanceof Model) return { kind: "text", level: "log", text: value.summaryText() };
  if (value instanceof History) return describeHistory(value);
  if (typeof value === "string") return { kind: "value", text: value.length > 100_000 ? `${value.slice(0, 100_000)}…` : value };
  if (ArrayBuffer.isView(value) && !(value instanceof DataView) && typeof (value as Float64Array)[0] === "number")
    return describeTyped(value as Float64Array);
  if (Array.isArray(value) && value.length > 0 && value.every(isPlain)) return describeRows(value as Record<string, unknown>[]);
  return { kind: "value", text: inspect(value, { depth: 4, indent: 2, maxStringLength: 10_000 }) };
}

const isPlain = (x: unknown): boolean => typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;

function describeTensor(x: Tensor): Coming {
  const { dtype, shape } = x;
  const content = (data: ArrayData["data"]): Content => ({
    kind: "value",
    text: formatArray({ dtype, shape, data }),
    type: `${dtype} [${shape.join(", ")}]`,
  });
  try {
    return content(x.dataSync());
  } catch {
    return x.data().then(content); // the device reads asynchronously, or the error comes again
  }
}

function describeTyped(data: Float64Array): Content {
  const name = data.constructor.name;
  const dtype = name.replace("Array", "").replace("Clamped", "").toLowerCase() as ArrayData["dtype"];
  return { kind: "value", text: formatArray({ dtype, shape: [data.length], data }), type: `${name} of ${data.length}` };
}

function describeHistory({ epoch, history }: History): Content {
  const last = Object.entries(history).map(([name, values]) => `${name} ${values.at(-1)!.toPrecision(4)}`);
  return { kind: "value", text: last.join(", "), type: `History of ${epoch.length} epochs; the last` };
}

function describeRows(rows: Record<string, unknown>[]): Content {
  const names = [...new Set(rows.slice(0, 100).flatMap((r) => Object.keys(r)))].slice(0, 50);
  return tableOf(
    names,
    rows.length,
    (row, name) => rows[row]![name],
    (name) => typeof rows[0]![name] === "number",
  );
}

/** @internal */
export function tableOf(
  names: readonly string[],
  total: number,
  at: (row: number, name: string) => unknown,
  numeric: (name: string) => boolean,
  most = shownRows,
): TableContent {
  return {
    kind: "table",
    columns: names.map((name) => ({ name, numeric: numeric(name) })),
    rows: Array.from({ length: Math.min(total, most) }, (_, row) => names.map((name) => cellText(at(row, name)))),
    total,
  };
}

function cellText(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (value instanceof Date)
    return value
      .toISOString()
      .replace(/T00:00:00.000Z$/, "")
      .replace("T", " ")
      .replace(/\.\d+Z$/, "");
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  const text = typeof value === "object" ? inspect(value, { depth: 2 }) : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
