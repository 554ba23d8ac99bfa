import { ArgumentError } from "@gradus/tensor";
import type { Content, CustomContent, GridContent, PlainData } from "../output.ts";
import { stage } from "../stage.ts";
import { type Coming, View } from "../view.ts";
import { describe, tableOf } from "./describe.ts";
import { heatmap, type Mark, resolved } from "./plot.ts";
import type { Values } from "./values.ts";

const nothing: Content = { kind: "value", text: "undefined" };

/**
 * Shows a value below the cell, as the cell's last expression is shown; `update` shows another in its place.
 * @example
 * for (const n of [1, 2, 3]) show(n * n);
 */
export const show = (value: unknown): Shown => new Shown(() => describe(value) ?? nothing);

/** A value below its cell. */
export class Shown extends View {
  update(value: unknown): void {
    this.replace(() => describe(value) ?? nothing);
  }
}

/**
 * Shows rows as a table, up to `rows` of them.
 * @example
 * table([{ city: "Ulm", bikes: 10 }, { city: "Bonn", bikes: 20 }])
 */
export function table(rows: readonly Readonly<Record<string, unknown>>[], { rows: most = 50 }: { readonly rows?: number } = {}): Shown {
  if (!Array.isArray(rows)) throw new ArgumentError("table", `it was given ${typeof rows}`, "Give a list of objects, one a row");
  const names = [...new Set(rows.flatMap((r) => Object.keys(r)))];
  return new Shown(() =>
    tableOf(
      names,
      rows.length,
      (row, name) => rows[row]![name],
      (name) => typeof rows[0]?.[name] === "number",
      most,
    ),
  );
}

/**
 * Shows Markdown, with mathematics between dollar signs.
 * @example
 * markdown("The loss is $\\frac12 (y - t)^2$.")
 */
export const markdown = (text: string): Markdown => new Markdown(() => ({ kind: "markdown", text: String(text) }));

/** A text below its cell. */
export class Markdown extends View {
  update(text: string): void {
    this.replace(() => ({ kind: "markdown", text: String(text) }));
  }
}

/**
 * Shows plots or matrices side by side: lists of marks as plots, arrays as heat maps.
 * @example
 * grid({ sine: [line(sin(linspace(0, 6, 50)))], noise: defaultRng(1).normal(0, 1, [8, 8]) })
 */
export function grid(parts: Readonly<Record<string, readonly Mark[] | Values>>, { columns = 4 }: { readonly columns?: number } = {}): Grid {
  return new Grid(() => gridOf(parts, columns), columns);
}

/** Values beside each other. */
export class Grid extends View {
  private readonly columns: number;

  constructor(content: () => Coming, columns: number) {
    super(content);
    this.columns = columns;
  }

  update(parts: Readonly<Record<string, readonly Mark[] | Values>>): void {
    this.replace(() => gridOf(parts, this.columns));
  }
}

function gridOf(parts: Readonly<Record<string, readonly Mark[] | Values>>, columns: number): Coming {
  const isMarks = (p: readonly Mark[] | Values): p is readonly Mark[] =>
    Array.isArray(p) && typeof (p[0] as Mark | undefined)?.resolve === "function";
  const labels = Object.keys(parts);
  const contents = Object.values(parts).map((p) => resolved(isMarks(p) ? p : [heatmap(p as Values, { numbers: false })]));
  const content = (list: readonly Content[]): GridContent => ({
    kind: "grid",
    columns,
    cells: list.map((c, i) => ({ label: labels[i]!, content: c })),
  });
  return contents.some((c) => c instanceof Promise) ? Promise.all(contents).then(content) : content(contents as Content[]);
}

export interface CustomOptions<T> {
  /** What it shows, in a sentence, for those who do not see it. */
  readonly alt: string | ((value: T) => string);
  /** The value before the reader has done anything; giving one lets the reader act. */
  readonly value?: T;
  /** Tells two of a type in one cell apart. Default: the type. */
  readonly label?: string;
}

/**
 * Shows what the site draws specially (boards, molecules) from plain data; elsewhere `alt` stands for it. With a `value`, what the
 * reader does (a move, an atom chosen) becomes the value and the cell runs again, as with a slider; `data` and `alt` may be
 * functions of it.
 * @example
 * const stones = (moves: number[]) => Array.from({ length: 9 }, (_, i) => ["", "x", "o"][moves.indexOf(i) < 0 ? 0 : 1 + (moves.indexOf(i) % 2)]);
 * const { value } = custom("board", (moves: number[]) => ({ rows: 3, columns: 3, fields: stones(moves) }), {
 *   alt: (moves) => `a board after ${moves.length} moves`,
 *   value: [4, 0],
 * });
 */
export function custom<T = null>(type: string, data: unknown | ((value: T) => unknown), options: CustomOptions<T>): Custom<T> {
  const { alt } = options ?? {};
  if (typeof type !== "string" || !type) throw new ArgumentError("custom", "it has no type", 'Name what draws it: custom("board", ...)');
  if (typeof alt !== "string" && typeof alt !== "function")
    throw new ArgumentError("custom", "alt is missing", "Say in a sentence what is shown, for those who do not see it");
  const label = options.label ?? type;
  const listens = options.value !== undefined;
  const given = listens ? stage().inputValue(label) : undefined;
  const value = (given ?? options.value ?? null) as T;
  const of = <R>(part: R | ((value: T) => R)): R => (typeof part === "function" ? (part as (value: T) => R)(value) : part);
  return new Custom(value, of(data), of(alt), { type, label, value: value as PlainData, listens });
}

/** Something that the site draws from plain data, and what the reader did with it last. */
export class Custom<T = unknown> extends View {
  /** The last event's value, or the one given. */
  readonly value: T;
  private readonly fixed: Pick<CustomContent, "type" | "label" | "value" | "listens">;

  constructor(value: T, data: unknown, alt: string, fixed: Pick<CustomContent, "type" | "label" | "value" | "listens">) {
    super(() => ({ kind: "custom", ...fixed, data, alt }));
    this.value = value;
    this.fixed = fixed;
  }

  /** Shows other data in its place. */
  update(data: unknown, alt: string): void {
    this.replace(() => ({ kind: "custom", ...this.fixed, data, alt }));
  }
}
