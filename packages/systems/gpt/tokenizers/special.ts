import { ArgumentError, FormatError } from "@gradus/tensor/errors";
import { escapePattern } from "./pattern.ts";

/** A pattern for any of these texts, the longest where several fit. */
export function anyOf(texts: readonly string[]): RegExp | undefined {
  if (!texts.length) return undefined;
  return new RegExp(
    [...texts]
      .sort((a, b) => b.length - a.length)
      .map(escapePattern)
      .join("|"),
    "gu",
  );
}

/** Special tokens with ids from `first` on. ArgumentError for names that are empty, occur twice or are no well-formed text. */
export function specialFrom(operation: string, names: readonly string[], first: number): Map<string, number> {
  const special = new Map<string, number>();
  for (const name of names) {
    if (typeof name !== "string" || !name || !name.isWellFormed() || special.has(name))
      throw new ArgumentError(operation, `${JSON.stringify(name)} is empty, not text or named twice`, "Give every special token a name");
    special.set(name, first + special.size);
  }
  return special;
}

/** Special tokens of a description, an object of ids. FormatError for anything else, or an id that `taken` says is used. */
export function specialOf(operation: string, value: unknown, taken: (id: number) => boolean): Map<string, number> {
  if (value === undefined || value === null) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) throw new FormatError(operation, `"special" is no object of names and ids`);
  const special = new Map<string, number>();
  const ids = new Set<number>();
  for (const [name, id] of Object.entries(value)) {
    if (name === "" || !name.isWellFormed() || !isId(id))
      throw new FormatError(operation, `the special token ${JSON.stringify(name)} has the id ${JSON.stringify(id)}`);
    if (ids.has(id) || taken(id)) throw new FormatError(operation, `the id ${id} of ${JSON.stringify(name)} belongs to another token too`);
    ids.add(id);
    special.set(name, id);
  }
  return special;
}

/** Ids above have no place in any vocabulary; a file may not make us set memory aside for them. */
const maxId = 2 ** 22;
export const isId = (id: unknown): id is number => Number.isInteger(id) && (id as number) >= 0 && (id as number) < maxId;

/** A text as ordinary pieces and the ids of the special tokens between them. */
export class SpecialTokens {
  readonly ids: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
  readonly #pattern: RegExp | undefined;

  constructor(ids: ReadonlyMap<string, number>) {
    this.ids = ids;
    this.names = new Map([...ids].map(([name, id]) => [id, name]));
    this.#pattern = anyOf([...ids.keys()]);
  }

  *split(text: string): Generator<string | number> {
    let at = 0;
    for (const match of this.#pattern ? text.matchAll(this.#pattern) : []) {
      if (match.index > at) yield text.slice(at, match.index);
      yield this.ids.get(match[0])!;
      at = match.index + match[0].length;
    }
    if (at < text.length) yield text.slice(at);
  }
}
