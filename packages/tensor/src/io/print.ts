import type { ArrayData } from "../array-data.ts";
import { type DType, decode, isFloat } from "../dtype.ts";
import { sizeOf } from "../shape.ts";

/** NumPy's print options, under its names. */
export interface PrintOptions {
  /** Digits after the point at most. */
  readonly precision?: number;
  /** Arrays of more elements are summarised. */
  readonly threshold?: number;
  /** Elements shown at each end of an axis of a summary. */
  readonly edgeItems?: number;
  readonly lineWidth?: number;
  /** Never use scientific notation. */
  readonly suppress?: boolean;
}

let defaults: Required<PrintOptions> = { precision: 8, threshold: 1000, edgeItems: 3, lineWidth: 75, suppress: false };

/**
 * Changes how arrays are printed from now on; what is left out stays. NumPy's set_printoptions.
 * @example
 * setPrintOptions({ precision: 2 });
 * array([Math.PI, Math.E])
 */
export function setPrintOptions(options: PrintOptions): void {
  defaults = { ...defaults, ...options };
}

/** The array as NumPy's `str` shows it. */
export function formatArray({ dtype, shape, data }: ArrayData, options: PrintOptions = {}): string {
  const o = { ...defaults, ...options };
  const values = decode(dtype, data);
  const summarise = sizeOf(shape) > o.threshold;
  if (sizeOf(shape) === 0) return shape.length === 1 || shape.every((n) => n === 0) ? "[]" : `[] with shape [${shape.join(", ")}]`;
  const shown: number[] = [];
  const visible = (n: number): (number | null)[] =>
    summarise && n > 2 * o.edgeItems
      ? [...Array(o.edgeItems).keys(), null, ...Array.from({ length: o.edgeItems }, (_, i) => n - o.edgeItems + i)]
      : [...Array(n).keys()];
  const collect = (axis: number, start: number): void => {
    if (axis === shape.length) {
      shown.push(values[start]!);
      return;
    }
    const step = sizeOf(shape.slice(axis + 1));
    for (const i of visible(shape[axis]!)) if (i !== null) collect(axis + 1, start + i * step);
  };
  collect(0, 0);
  const format = formatter(dtype, shown, o);
  if (!shape.length) return formatter(dtype, shown, { ...o, precision: 17 })(values[0]!).trim();

  const lines = (axis: number, start: number, indent: number): string => {
    const step = sizeOf(shape.slice(axis + 1));
    if (axis === shape.length - 1) {
      const rows: string[] = [];
      let line = "";
      const room = o.lineWidth - indent - shape.length; // room for the closing brackets, on every line
      const elements = visible(shape[axis]!);
      for (const i of elements) {
        const word = i === null ? "..." : format(values[start + i]!);
        if (line && line.length + 1 + word.length > room) {
          rows.push(line.trimEnd());
          line = word;
        } else line = line ? `${line} ${word}` : word;
      }
      rows.push(line);
      return `[${rows.join(`\n${" ".repeat(indent)}`)}]`;
    }
    const between = `\n${"\n".repeat(shape.length - axis - 2)}${" ".repeat(indent)}`;
    const parts = visible(shape[axis]!).map((i) => (i === null ? "..." : lines(axis + 1, start + i * step, indent + 1)));
    return `[${parts.join(between)}]`;
  };
  return lines(0, 0, 1);
}

/** Shortest digits that name the number among those of its type. */
function shortest(x: number, dtype: DType): string {
  if (dtype === "float64") return x.toExponential();
  for (let digits = 0; digits < 9; digits++) {
    const text = x.toExponential(digits);
    if (Math.fround(Number(text)) !== x) continue;
    // Of two equally near, the even one.
    const [mantissa, exponent] = text.split("e") as [string, string];
    const last = Number(mantissa.at(-1));
    const down = `${mantissa.slice(0, -1)}${last - 1}e${exponent}`;
    return last % 2 && Math.abs(Number(down) - x) === Math.abs(Number(text) - x) && Math.fround(Number(down)) === x ? down : text;
  }
  return x.toExponential(8);
}

/** Digits before and after the point of a number, in plain notation, rounded to `precision`. */
function plain(x: number, dtype: DType, precision: number): [string, string] {
  const [mantissa, exponent] = shortest(Math.abs(x), dtype).split("e") as [string, string];
  const digits = mantissa.replace(".", "");
  const e = Number(exponent);
  const needed = Math.max(0, digits.length - 1 - e);
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  if (needed > precision) {
    const [whole, fraction = ""] = Math.abs(x).toFixed(precision).split(".") as [string, string?];
    return [`${sign}${whole}`, fraction.replace(/0+$/, "")];
  }
  if (e < 0) return [`${sign}0`, "0".repeat(-e - 1) + digits.replace(/0+$/, "")];
  return [`${sign}${digits.slice(0, e + 1).padEnd(e + 1, "0")}`, digits.slice(e + 1).replace(/0+$/, "")];
}

function formatter(dtype: DType, shown: readonly number[], o: Required<PrintOptions>): (x: number) => string {
  if (dtype === "bool") {
    return (x) => (x ? "True" : "False").padStart(5);
  }
  if (!isFloat(dtype)) {
    const width = Math.max(...shown.map((x) => String(x).length));
    return (x) => String(x).padStart(width);
  }
  const finite = shown.filter(Number.isFinite);
  const words = (x: number) => (Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf");
  const special = Math.max(0, ...shown.filter((x) => !Number.isFinite(x)).map((x) => words(x).length));
  const sizes = finite.filter((x) => x !== 0).map(Math.abs);
  const [largest, smallest] = [
    sizes.length ? sizes.reduce((a, b) => Math.max(a, b)) : 0,
    sizes.length ? sizes.reduce((a, b) => Math.min(a, b)) : 0,
  ];
  // NumPy's rule for leaving plain notation.
  if (sizes.length > 0 && !o.suppress && (largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1000)) {
    const parts = new Map(finite.map((x) => [x, exponential(x, dtype, o.precision)]));
    const digits = Math.max(0, ...[...parts.values()].map((p) => p.fraction.length));
    const left = Math.max(...[...parts.values()].map((p) => p.whole.length), 0);
    const width = Math.max(special, ...[...parts.values()].map((p) => left + 1 + digits + p.exponent.length));
    return (x) => {
      if (!Number.isFinite(x)) return words(x).padStart(width);
      // All with as many digits as the one that needs most: the true ones, not zeros.
      const [mantissa] = x.toExponential(digits).split("e") as [string];
      const point = digits ? mantissa : `${mantissa}.`;
      return `${Object.is(x, -0) ? "-" : ""}${point}${exponential(x, dtype, o.precision).exponent}`.padStart(width);
    };
  }
  const parts = finite.map((x) => plain(x, dtype, o.precision));
  const digits = Math.max(0, ...parts.map(([, f]) => f.length));
  const left = Math.max(0, ...parts.map(([w]) => w.length));
  const width = Math.max(special, left + 1 + digits);
  return (x) => {
    if (!Number.isFinite(x)) return words(x).padStart(width);
    const [whole, fraction] = plain(x, dtype, o.precision);
    return `${whole.padStart(left)}.${fraction.padEnd(digits)}`.padStart(width);
  };
}

function exponential(x: number, dtype: DType, precision: number): { whole: string; fraction: string; exponent: string } {
  const short = shortest(x, dtype);
  const long = x.toExponential(precision);
  const [mantissa, e] = ((short.split("e")[0]!.split(".")[1] ?? "").length > precision ? long : short).split("e") as [string, string];
  const [whole, fraction = ""] = mantissa.split(".") as [string, string?];
  const power = Number(e);
  const exponent = `e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return { whole: Object.is(x, -0) ? "-0" : whole, fraction: fraction.replace(/0+$/, ""), exponent };
}
