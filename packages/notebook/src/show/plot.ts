import { ArgumentError, isArrayData } from "@gradus/tensor";
import type { Box, Color, Content, PlotOptions, PlottedMark } from "../output.ts";
import { type Coming, View } from "../view.ts";
import { type Numbers, type Values, withNumbers } from "./values.ts";

/** A layer of a plot, made by `line`, `dots`, `contour` and the like. */
export interface Mark {
  /** @internal */
  readonly resolve: () => PlottedMark | Promise<PlottedMark>;
}

export interface MarkOptions {
  /** What it shows decides its colour: "data", "model", "truth", "error", "muted", or a number. */
  readonly color?: Color;
  /** Written next to it. */
  readonly label?: string;
}

const isMark = (x: unknown): x is Mark => typeof (x as Mark | null)?.resolve === "function";

/**
 * Draws marks over each other: `plot(dots(x, y), line(x, model), { x: "hour", y: "bikes" })`.
 * @example
 * const x = linspace(0, 6, 100);
 * plot(line(x, sin(x), { label: "sin" }), line(x, cos(x), { label: "cos" }), { x: "angle", y: "value" })
 */
export function plot(...parts: readonly (Mark | PlotOptions)[]): Plot {
  return new Plot(parts);
}

/** A plot below its cell; `update` draws other marks in its place. */
export class Plot extends View {
  constructor(parts: readonly (Mark | PlotOptions)[]) {
    super(() => resolved(parts));
  }

  /** Draws these marks instead. In a loop it may be called as often as one likes. */
  update(...parts: readonly (Mark | PlotOptions)[]): void {
    this.replace(() => resolved(parts));
  }
}

/** @internal */
export function resolved(parts: readonly (Mark | PlotOptions)[]): Coming {
  const marks = parts.filter(isMark);
  const rest = parts.filter((p) => !isMark(p));
  if (rest.some((r) => typeof r !== "object" || r === null || Array.isArray(r)) || rest.length > 1)
    throw new ArgumentError(
      "plot",
      `it was given ${rest.length} things that are no marks`,
      "Give marks such as line(x, y), then at most one { options }",
    );
  const options = (rest[0] ?? {}) as PlotOptions;
  const content = (list: readonly PlottedMark[]): Content => ({ kind: "plot", marks: list, options });
  const list = marks.map((m) => m.resolve());
  return list.some((m) => m instanceof Promise) ? Promise.all(list).then(content) : content(list as PlottedMark[]);
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** x and y, where x may be left out. */
function points<T>(operation: string, x: Values, y: Values | undefined, then: (x: readonly number[], y: readonly number[]) => T) {
  if (y === undefined) return withNumbers(operation, [x], (ys) => then(range(ys.data.length), ys.data));
  return withNumbers(operation, [x, y], (xs, ys) => {
    if (xs.data.length !== ys.data.length)
      throw new ArgumentError(operation, `x has ${xs.data.length} numbers, y has ${ys.data.length}`, "Give as many of both");
    return then(xs.data, ys.data);
  });
}

const isOptions = (x: unknown): x is Record<string, unknown> =>
  typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype && !isArrayData(x);

export interface LineOptions extends MarkOptions {
  readonly width?: number;
  readonly dashed?: boolean;
  /** Arrow heads along the way, for paths. */
  readonly arrows?: boolean;
}

/**
 * A line through points, in their order: `line(y)` or `line(x, y)`.
 * @example
 * plot(line([1, 4, 2, 8]))
 */
export function line(y: Values, options?: LineOptions): Mark;
export function line(x: Values, y: Values, options?: LineOptions): Mark;
export function line(a: Values, b?: Values | LineOptions, c?: LineOptions): Mark {
  const [y, options] = isOptions(b) ? [undefined, b as LineOptions] : [b as Values | undefined, c ?? {}];
  return { resolve: () => points("line", a, y, (xs, ys) => ({ mark: "line", x: xs, y: ys, ...options })) };
}

export interface DotsOptions extends MarkOptions {
  readonly size?: number;
  /** A class or a number for each dot, shown as colour. */
  readonly groups?: Values | readonly string[];
}

/**
 * A dot at each point: `dots(y)` or `dots(x, y)`.
 * @example
 * const rng = defaultRng(1);
 * plot(dots(rng.normal(0, 1, [200]), rng.normal(0, 1, [200])))
 */
export function dots(y: Values, options?: DotsOptions): Mark;
export function dots(x: Values, y: Values, options?: DotsOptions): Mark;
export function dots(a: Values, b?: Values | DotsOptions, c?: DotsOptions): Mark {
  const [y, { groups, ...options }] = isOptions(b) ? [undefined, b as DotsOptions] : [b as Values | undefined, c ?? {}];
  return {
    resolve: () => {
      const bare = points("dots", a, y, (xs, ys) => ({ mark: "dots", x: xs, y: ys, ...options }) as const);
      if (!groups) return bare;
      const names = Array.isArray(groups) && typeof groups[0] === "string" ? (groups as string[]) : null;
      if (names) return bare instanceof Promise ? bare.then((m) => ({ ...m, groups: names })) : { ...bare, groups: names };
      const numbers = withNumbers("dots", [groups as Values], (g) => g.data);
      if (bare instanceof Promise || numbers instanceof Promise)
        return Promise.all([bare, numbers]).then(([m, g]): PlottedMark => ({ ...m, groups: g }));
      return { ...bare, groups: numbers };
    },
  };
}

/**
 * The area between two curves.
 * @example
 * const x = linspace(0, 6, 100);
 * plot(area(x, sin(x).sub(0.3), sin(x).add(0.3)), line(x, sin(x)))
 */
export function area(x: Values, low: Values, high: Values, options: MarkOptions = {}): Mark {
  return {
    resolve: () =>
      withNumbers("area", [x, low, high], (xs, lows, highs) => ({
        mark: "area",
        x: xs.data,
        low: lows.data,
        high: highs.data,
        ...options,
      })),
  };
}

/**
 * A bar for each name.
 * @example
 * plot(bars(["spring", "summer", "autumn"], [120, 340, 210]))
 */
export function bars(names: readonly (string | number)[], values: Values, options: MarkOptions = {}): Mark {
  return {
    resolve: () =>
      withNumbers("bars", [values], (v) => {
        if (v.data.length !== names.length)
          throw new ArgumentError("bars", `there are ${names.length} names and ${v.data.length} values`, "Give one value a name");
        return { mark: "bars", names: names.map(String), values: v.data, ...options };
      }),
  };
}

/**
 * How many values fall into each of `bins` equal intervals.
 * @example
 * plot(histogram(defaultRng(1).normal(0, 1, [2000])))
 */
export function histogram(values: Values, { bins = 30, ...options }: MarkOptions & { readonly bins?: number } = {}): Mark {
  if (!(Number.isInteger(bins) && bins > 0 && bins <= 1000))
    throw new ArgumentError("histogram", `bins is ${bins}`, "Give a whole number from 1 to 1000");
  return {
    resolve: () =>
      withNumbers("histogram", [values], ({ data }) => {
        const finite = data.filter(Number.isFinite);
        const [low, high] = extent(finite);
        const width = (high - low || 1) / bins;
        const counts = new Array<number>(bins).fill(0);
        for (const v of finite) counts[Math.min(bins - 1, Math.floor((v - low) / width))]!++;
        return { mark: "histogram", edges: range(bins + 1).map((i) => low + i * width), counts, ...options };
      }),
  };
}

const extent = (data: readonly number[]): [number, number] => {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const v of data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return data.length ? [low, high] : [0, 1];
};

export interface ContourOptions extends MarkOptions {
  readonly x?: readonly [number, number];
  readonly y?: readonly [number, number];
  /** About so many lines. */
  readonly levels?: number;
  readonly filled?: boolean;
  /** Points a side where a function is given. */
  readonly points?: number;
}

/**
 * Lines of equal value of a function of x and y, or of a matrix whose rows are values of y.
 * @example
 * plot(contour((x, y) => x ** 2 + 3 * y ** 2))
 */
export function contour(surface: Values | ((x: number, y: number) => number), options: ContourOptions = {}): Mark {
  const { x = [0, 1], y = [0, 1], levels = 12, filled = false, points: side = 60, ...style } = options;
  const content = ({ data, shape }: Numbers): PlottedMark => {
    if (shape.length !== 2) throw new ArgumentError("contour", `the array has the shape [${shape.join(", ")}]`, "Give a matrix");
    return { mark: "contour", values: data, rows: shape[0]!, columns: shape[1]!, x, y, levels, filled, ...style };
  };
  if (typeof surface !== "function") return { resolve: () => withNumbers("contour", [surface], content) };
  const at = ([low, high]: readonly [number, number], i: number) => low + ((high - low) * i) / (side - 1);
  return {
    resolve: () => content({ data: range(side).flatMap((j) => range(side).map((i) => surface(at(x, i), at(y, j)))), shape: [side, side] }),
  };
}

export interface HeatmapOptions extends MarkOptions {
  readonly rows?: readonly string[];
  readonly columns?: readonly string[];
  /** The values of the darkest and the lightest colour. */
  readonly range?: readonly [number, number];
  /** Write the numbers into the cells. Default: where there are few. */
  readonly numbers?: boolean;
}

/**
 * A matrix as colours, its first row on top.
 * @example
 * plot(heatmap([[1, 2, 3], [4, 5, 6]]))
 */
export function heatmap(
  matrix: Values,
  { rows: rowNames, columns: columnNames, range: shown, numbers, ...style }: HeatmapOptions = {},
): Mark {
  return {
    resolve: () =>
      withNumbers("heatmap", [matrix], ({ data, shape }) => {
        const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : shape;
        if (shape.length > 2 || rows === undefined || columns === undefined)
          throw new ArgumentError("heatmap", `the array has the shape [${shape.join(", ")}]`, "Give a matrix");
        return {
          ...{ mark: "heatmap", values: data, rows, columns, x: [0, columns], y: [0, rows], numbers: numbers ?? data.length <= 144 },
          ...(rowNames ? { rowNames } : {}),
          ...(columnNames ? { columnNames } : {}),
          ...(shown ? { range: shown } : {}),
          ...style,
        };
      }),
  };
}

/**
 * A box plot for each name.
 * @example
 * const rng = defaultRng(1);
 * plot(boxplot({ winter: rng.normal(0, 1, [100]), summer: rng.normal(0, 1, [100]).add(2) }))
 */
export function boxplot(groups: Readonly<Record<string, Values>>, options: MarkOptions = {}): Mark {
  const names = Object.keys(groups);
  return {
    resolve: () =>
      withNumbers("boxplot", Object.values(groups), (...lists) => ({
        mark: "boxes",
        boxes: lists.map(({ data }, i) => box(names[i]!, data)),
        ...options,
      })),
  };
}

function box(name: string, data: readonly number[]): Box {
  const sorted = data.filter(Number.isFinite).sort((a, b) => a - b);
  const at = (q: number): number => {
    const place = q * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN];
    return low + (high - low) * (place - Math.floor(place));
  };
  const [q1, median, q3] = [at(0.25), at(0.5), at(0.75)];
  const reach = 1.5 * (q3 - q1);
  const inside = sorted.filter((v) => v >= q1 - reach && v <= q3 + reach);
  const outliers = sorted.filter((v) => v < q1 - reach || v > q3 + reach);
  // More outliers than one could see are thinned.
  const step = Math.ceil(outliers.length / 200);
  return { name, low: inside[0] ?? q1, q1, median, q3, high: inside.at(-1) ?? q3, outliers: outliers.filter((_, i) => i % step === 0) };
}

/**
 * Words at points.
 * @example
 * plot(dots([1, 2], [3, 4]), text([1, 2], [3, 4], ["one", "two"]))
 */
export function text(x: Values, y: Values, texts: readonly string[], options: MarkOptions = {}): Mark {
  return { resolve: () => points("text", x, y, (xs, ys) => ({ mark: "text", x: xs, y: ys, texts: texts.map(String), ...options })) };
}

/**
 * A straight line across the plot at one x or one y.
 * @example
 * plot(line([1, 4, 2, 8]), rule({ y: 3 }))
 */
export function rule(at: { readonly x?: number; readonly y?: number }, options: MarkOptions = {}): Mark {
  return { resolve: () => ({ mark: "rule", ...at, ...options }) };
}
