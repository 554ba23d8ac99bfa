import { FormatError } from "@gradus/tensor";
import type { Json } from "./folder.ts";
import { mostSteps } from "./schedule.ts";

/** The most that files may ask for: what is larger is no network that anybody has, and would take all time and memory before it fails. */
export const limits = {
  levels: 8,
  /** Residual blocks of a level; transformer blocks one after the other. */
  layersPerBlock: 16,
  layers: 256,
  width: 2 ** 15,
  heads: 1024,
  /** Tokens that there are, and of a prompt. */
  vocabulary: 2 ** 20,
  context: 4096,
  classes: 2 ** 16,
  patch: 64,
  /** Of the width inside of feed-forward parts. */
  ratio: 64,
  /** Height and width of pictures. */
  size: 1024,
  /** Times of a schedule. */
  times: mostSteps,
} as const;

/** The fields of a JSON object in a file, checked as they are read. What is null counts as absent. */
export class Fields {
  private readonly operation: string;
  private readonly file: string;
  private readonly json: Json;
  private readonly path: string;
  private readonly known = new Set<string>();

  /** `path` is where the object lies in the file, as it goes before a field's name. */
  constructor(operation: string, file: string, json: Json, path = "") {
    this.operation = operation;
    this.file = file;
    this.json = json;
    this.path = path;
  }

  refuse(name: string, reason: string): never {
    throw new FormatError(this.operation, `${this.file} says ${this.path}${name} ${shown(this.json[name])}: ${reason}`);
  }

  has(name: string): boolean {
    this.known.add(name);
    return (this.json[name] ?? null) !== null;
  }

  private given<T>(name: string, fallback: T | undefined, fits: (value: unknown) => boolean, expected: string): T {
    this.known.add(name);
    const value = this.json[name] ?? fallback;
    if (value === undefined)
      throw new FormatError(this.operation, `${this.file} has no ${this.path}${name}`, "Is it the configuration of this part?");
    return fits(value) ? (value as T) : this.refuse(name, `${expected} is expected`);
  }

  count(name: string, most: number, fallback?: number): number {
    return this.given(name, fallback, (v) => isCount(v, most), `a whole number from 1 to ${most}`);
  }

  /** From 0 on. */
  index(name: string, most: number, fallback?: number): number {
    return this.given(name, fallback, (v) => v === 0 || isCount(v, most), `a whole number from 0 to ${most}`);
  }

  number(name: string, least: number, most: number, fallback?: number): number {
    const inside = (v: unknown): boolean => typeof v === "number" && v >= least && v <= most;
    return this.given(name, fallback, inside, `a number from ${least} to ${most}`);
  }

  flag(name: string, fallback?: boolean): boolean {
    return this.given(name, fallback, (v) => typeof v === "boolean", "true or false");
  }

  oneOf<T extends string>(name: string, words: readonly T[], fallback?: T): T {
    return this.given<T>(name, fallback, (v) => words.includes(v as T), words.map((w) => JSON.stringify(w)).join(" or "));
  }

  /** One of the words that are keys of a table, as its value. */
  word<T>(name: string, table: Readonly<Record<string, T>>, fallback?: string): T {
    return table[this.oneOf(name, Object.keys(table), fallback)]!;
  }

  isList(name: string): boolean {
    return Array.isArray(this.json[name]);
  }

  counts(name: string, length: number, most: number): number[] {
    return this.list(name, (v) => isCount(v, most), `up to ${length} whole numbers from 1 to ${most}`, 1, length);
  }

  flags(name: string, length: number): boolean[] {
    return this.list(name, (v) => typeof v === "boolean", `${length} times true or false`, length, length);
  }

  words(name: string, allowed: readonly string[]): string[] {
    return this.list(name, (v) => allowed.includes(v as string), allowed.join(" and "), 1, limits.levels);
  }

  /** Any texts, perhaps none. */
  texts(name: string, most: number): string[] {
    return this.list(name, (v) => typeof v === "string", `up to ${most} texts`, 0, most);
  }

  private list<T>(name: string, fits: (value: unknown) => boolean, what: string, least: number, most: number): T[] {
    const inside = (v: unknown): boolean => Array.isArray(v) && v.length >= least && v.length <= most && v.every(fits);
    return this.given<T[]>(name, undefined, inside, `a list of ${what}`);
  }

  /** The fields of an object within. */
  within(name: string): Fields {
    const object = this.given<Json>(name, undefined, (v) => typeof v === "object" && !Array.isArray(v), "an object");
    return new Fields(this.operation, this.file, object, `${this.path}${name}.`);
  }

  /** Refuses other values than those that we compute with; absent fields have them. */
  expect(values: Json): void {
    for (const [name, value] of Object.entries(values)) {
      const given = this.json[name] ?? value;
      if (given !== value)
        this.refuse(name, value === undefined ? "it is not computed here" : `only ${JSON.stringify(value)} is computed here`);
    }
  }

  /** Refuses fields that nobody asked for: they would say something that is not computed. */
  done(): void {
    const more = Object.keys(this.json).find((name) => !this.known.has(name));
    if (more !== undefined) this.refuse(more.slice(0, 40), "there is no such setting");
  }
}

const isCount = (v: unknown, most: number): boolean => Number.isInteger(v) && (v as number) >= 1 && (v as number) <= most;

/** A file's value for a sentence: what is long or deep is not told in full. */
function shown(value: unknown): string {
  if (Array.isArray(value) && (value.length > limits.levels || value.some((v) => typeof v === "object" && v !== null)))
    return `(a list of ${value.length})`;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return "(an object)";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
