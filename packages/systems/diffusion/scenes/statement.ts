import { type Colour, colours, plural, type Shape, shapes } from "../../scenes/things.ts";

/** What captions of scenes say, and how they say it. */

export const sizes = ["small", "large"] as const;
export const grounds = ["white", "grey", "black", "beige"] as const;
export type Size = (typeof sizes)[number];
export type Ground = (typeof grounds)[number];

/** Things of one kind: "two small red triangles". */
export interface Group {
  /** 1 to 4 */
  readonly count: number;
  /** null: the caption leaves it open */
  readonly size: Size | null;
  readonly colour: Colour;
  readonly shape: Shape;
}

/** Where the things of the only group are. */
export const places = ["left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right"] as const;
export type Place = (typeof places)[number];

/** Where the first group is, seen from the second. */
export const relations = ["above", "below", "left of", "right of"] as const;
export type Relation = (typeof relations)[number];

/** What a caption says. null: the caption leaves it open. */
export type Statement = { readonly ground: Ground | null } & (
  | { readonly groups: readonly [Group]; readonly position: Place | null }
  | { readonly groups: readonly [Group, Group]; readonly position: Relation | null }
);

const numbers = ["a", "two", "three", "four"] as const;

function groupWords({ count, size, colour, shape }: Group): string {
  const kind = [...(size ? [size] : []), colour, count === 1 ? shape : plural(shape)].join(" ");
  return `${count === 1 && kind.startsWith("o") ? "an" : numbers[count - 1]} ${kind}`;
}

const placeWords = (place: Place): string =>
  place === "left" || place === "right" ? `on the ${place}` : place === "middle" ? "in the middle" : `at the ${place}`;

/** "two small red triangles left of a blue circle", "a large green ring in the middle on a black background". */
export function captionOf({ groups: [first, second], position, ground }: Statement): string {
  const end = ground ? [`on a ${ground} background`] : [];
  const place = position ? [second ? position : placeWords(position as Place)] : second ? ["and"] : [];
  return [groupWords(first), ...place, ...(second ? [groupWords(second)] : []), ...end].join(" ");
}

/** What a caption says; null where it is none of this grammar. Capital letters, a full stop and "to the left of" are understood. */
export function parseCaption(caption: string): Statement | null {
  const reader = new Reader(normalWords(caption));
  const first = reader.group();
  if (!first) return null;
  const relation = relations.find((r) => reader.take(...r.split(" "))) ?? null;
  const second = relation || reader.take("and") ? reader.group() : null;
  if (relation && !second) return null;
  // From the end: "top left" before "top".
  const place = second ? null : (places.findLast((p) => reader.take(...placeWords(p).split(" "))) ?? null);
  const ground = grounds.find((g) => reader.take("on", "a", g, "background")) ?? null;
  if (!reader.atEnd) return null;
  return second ? { groups: [first, second], position: relation, ground } : { groups: [first], position: place, ground };
}

/** Small letters, no signs, one spelling: "Two red circles, to the left of ..." is "two red circles left of ...". */
export const normalWords = (caption: string): string[] =>
  caption
    .toLowerCase()
    .replace(/[.,;:!?"]/g, " ")
    .replace(/\bto the (left|right) of\b/g, "$1 of")
    .replace(/\bgray\b/g, "grey")
    .replace(/\b(1|one)\b/g, "a")
    .replace(/\b([234])\b/g, (n) => numbers[Number(n) - 1]!)
    .split(/\s+/)
    .filter(Boolean);

class Reader {
  private readonly words: readonly string[];
  private at = 0;
  constructor(words: readonly string[]) {
    this.words = words;
  }

  get atEnd(): boolean {
    return this.at === this.words.length;
  }

  /** Goes past these words, if they come next. */
  take(...words: readonly string[]): boolean {
    const found = words.every((w, i) => this.words[this.at + i] === w);
    if (found) this.at += words.length;
    return found;
  }

  group(): Group | null {
    const count = this.take("an") ? 1 : numbers.findIndex((n) => this.take(n)) + 1;
    const size = sizes.find((s) => this.take(s)) ?? null;
    const colour = colours.find((c) => this.take(c));
    const shape = shapes.find((s) => this.take(count === 1 ? s : plural(s)));
    return count && colour && shape ? { count, size, colour, shape } : null;
  }
}

/** Every word of the grammar, once. */
export const words: readonly string[] = [
  ...new Set([
    ...[...numbers, "an", "and", ...sizes, ...colours],
    ...shapes.flatMap((s) => [s, plural(s)]),
    ...[...relations, ...places.map(placeWords), ...grounds.map((g) => `on a ${g} background`)].flatMap((w) => w.split(" ")),
  ]),
];

/** "three large orange triangles left of three small purple crosses on a white background": the most words of a caption. */
export const mostWords = 14;
