import { ArgumentError } from "@gradus/tensor";
import type { InputContent, InputValue, OpenedFile } from "../output.ts";
import { stage } from "../stage.ts";

const isFiles = (value: InputValue): value is readonly OpenedFile[] => Array.isArray(value) && value.every((f) => typeof f === "object");

/** Shows a control and gives its value: the reader's, or the first one. A change runs the cell again, and what depends on it. */
function input<T extends InputValue>(label: string, kind: InputContent["input"], first: T, accept: (value: InputValue) => value is T): T {
  if (typeof label !== "string" || label.length === 0)
    throw new ArgumentError(kind.type, "it has no label", `Give what it stands for: ${kind.type}("learning rate", ...)`);
  const given = stage().inputValue(label);
  const value = given !== undefined && accept(given) ? given : first;
  const shown = isFiles(value)
    ? value
        .map((f) => f.name)
        .join(", ")
        .slice(0, 200)
    : value;
  stage().emit({ id: `input ${label}`, content: { kind: "input", label, input: kind, value: shown as InputContent["value"] } });
  return value;
}

export interface SliderOptions {
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly value?: number;
  /** Equal ways multiply by equal factors. */
  readonly log?: boolean;
}

/**
 * A number from `min` to `max`: `const rate = slider("learning rate", { min: 0.001, max: 1, log: true, value: 0.1 })`.
 * @example
 * const k = slider("k", { min: 1, max: 10, value: 3 });
 * const x = linspace(0, 6, 200);
 * plot(line(x, sin(x.mul(k))))
 */
export function slider(label: string, { min = 0, max = 1, step, value, log = false }: SliderOptions = {}): number {
  if (!(min < max)) throw new ArgumentError("slider", `min is ${min} and max is ${max}`, "Give a smaller min");
  if (log && min <= 0) throw new ArgumentError("slider", `min is ${min} on a logarithmic scale`, "Give a positive min");
  const steps = step ?? (Number.isInteger(min) && Number.isInteger(max) && max - min >= 5 ? 1 : (max - min) / 100);
  const first = value ?? (log ? Math.sqrt(min * max) : min);
  const inside = (v: InputValue): v is number => typeof v === "number" && v >= min && v <= max;
  return input(label, { type: "slider", min, max, step: steps, log }, first, inside);
}

/**
 * One of several words: `const name = select("activation", ["relu", "tanh"])`.
 * @example
 * const name = select("function", ["sin", "cos"]);
 * const x = linspace(0, 6, 200);
 * plot(line(x, name === "sin" ? sin(x) : cos(x)))
 */
export function select<T extends string>(label: string, options: readonly T[], { value = options[0] }: { readonly value?: T } = {}): T {
  if (!options.length) throw new ArgumentError("select", "there is nothing to choose from", "Give a list of words");
  return input(label, { type: "select", options }, value!, (v): v is T => options.includes(v as T));
}

/**
 * Yes or no.
 * @example
 * toggle("shuffle")
 */
export const toggle = (label: string, value = false): boolean =>
  input(label, { type: "toggle" }, value as boolean, (v): v is boolean => typeof v === "boolean");

export interface TextOptions {
  /** Longer texts are not taken. Default 1000 characters. */
  readonly maxLength?: number;
  /** Lines of the field; with more than one, the text may have several, and can be pasted. Default 1. */
  readonly lines?: number;
}

/**
 * A line of text, or several: `textInput("your text", "", { lines: 8, maxLength: 20_000 })`.
 * @example
 * const name = textInput("name", "Ada");
 * `Hello, ${name}`
 */
export function textInput(label: string, value = "", { maxLength = 1000, lines = 1 }: TextOptions = {}): string {
  if (!(Number.isInteger(lines) && lines >= 1 && lines <= 40))
    throw new ArgumentError("textInput", `lines is ${lines}`, "Give a whole number from 1 to 40");
  const kind = { type: "text", maxLength, ...(lines > 1 ? { lines } : {}) } as const;
  return input(label, kind, value, (v): v is string => typeof v === "string" && v.length <= maxLength);
}

/**
 * How often a button has been pressed: each time, the cell runs again.
 * @example
 * button("roll");
 * Math.ceil(Math.random() * 6)
 */
export const button = (label: string): number => input(label, { type: "button" }, 0 as number, (v): v is number => typeof v === "number");

export interface PointOptions {
  readonly x?: readonly [number, number];
  readonly y?: readonly [number, number];
  readonly value?: readonly [number, number];
}

/**
 * A point that can be dragged over a field, by mouse, finger or arrow keys.
 * @example
 * const [x, y] = point("start", { x: [-1, 1], y: [-1, 1], value: [0.5, 0.5] });
 * x ** 2 + y ** 2
 */
export function point(label: string, { x = [0, 1], y = [0, 1], value }: PointOptions = {}): readonly [number, number] {
  const first: readonly [number, number] = value ?? [(x[0] + x[1]) / 2, (y[0] + y[1]) / 2];
  const inside = (v: InputValue): v is readonly [number, number] => Array.isArray(v) && v.length === 2 && v.every(Number.isFinite);
  return input(label, { type: "point", x, y }, first, inside);
}

export interface OpenOptions {
  /** Endings or kinds, as a web page names them: ".csv,.txt" or "image/*". Default: any. */
  readonly accept?: string;
  /** Several files at once. Default false. */
  readonly multiple?: boolean;
  /** A folder with all that is in it. Default false. */
  readonly folder?: boolean;
}

/**
 * Files of the reader's, opened by a click or dropped; none before: `const [file] = openFiles("your table", { accept: ".csv" })`.
 * They stay in the page: nothing is sent anywhere.
 * @example
 * const [opened] = openFiles("a table (.csv)", { accept: ".csv" });
 * opened ? opened.name : "no file yet"
 */
export function openFiles(label: string, { accept = "", multiple = false, folder = false }: OpenOptions = {}): readonly OpenedFile[] {
  return input(label, { type: "files", accept, multiple, folder }, [] as readonly OpenedFile[], isFiles);
}
