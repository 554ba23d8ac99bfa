import { ArgumentError } from "@gradus/tensor";
import { type Colour, colours, plural, type Shape, shapes } from "../../scenes/things.ts";

/** What captions are about, how they say it, and what a caption says. */

/** Things of one kind: "two red circles". */
export interface Group {
  /** 1 to 4 */
  readonly count: number;
  readonly colour: Colour;
  readonly shape: Shape;
}

/** Where the things of the only group are. */
export const places = ["left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right"] as const;
export type Place = (typeof places)[number];

/** Where the first group is, seen from the second. */
export type Relation = "above" | "below" | "left of" | "right of";
const opposite: Readonly<Record<Relation, Relation>> = { above: "below", below: "above", "left of": "right of", "right of": "left of" };

/** What a caption says: one group and its place, or two and how they lie to each other. */
export type Statement =
  | { readonly groups: readonly [Group]; readonly position: Place }
  | { readonly groups: readonly [Group, Group]; readonly position: Relation };

const numbers = ["a", "two", "three", "four"] as const;
const placeWords = (place: Place): string =>
  place === "left" || place === "right" ? `on the ${place}` : place === "middle" ? "in the middle" : `at the ${place}`;
const relationWords = (relation: Relation): string => (relation.endsWith("of") ? `to the ${relation}` : relation);

function groupWords({ count, colour, shape }: Group): string {
  const number = count === 1 && colour === "orange" ? "an" : numbers[count - 1]!;
  return `${number} ${colour} ${count === 1 ? shape : plural(shape)}`;
}

/** "two red circles on the left", "a blue square above a green triangle". */
export function captionOf({ groups: [first, second], position }: Statement): string {
  return second
    ? `${groupWords(first)} ${relationWords(position as Relation)} ${groupWords(second)}`
    : `${groupWords(first)} ${placeWords(position as Place)}`;
}

const byWords = <T>(all: readonly T[], words: (value: T) => string): ReadonlyMap<string, T> => new Map(all.map((v) => [words(v), v]));
const placesByWords = byWords(places, placeWords);
const relationsByWords = byWords(Object.keys(opposite) as Relation[], relationWords);

/** What a caption says; null where it is none of this grammar. */
export function parseCaption(caption: string): Statement | null {
  const words = caption.split(" ");
  const first = groupOf(words.slice(0, 3));
  if (!first) return null;
  const rest = words.slice(3).join(" ");
  const place = placesByWords.get(rest);
  if (place) return { groups: [first], position: place };
  const second = groupOf(words.slice(-3));
  const relation = relationsByWords.get(words.slice(3, -3).join(" "));
  return second && relation ? { groups: [first, second], position: relation } : null;
}

function groupOf([number, colour, shape]: readonly string[]): Group | null {
  for (let count = 1; count <= 4; count++)
    for (const s of shapes)
      if ((count === 1 ? s : plural(s)) === shape && colours.includes(colour as Colour)) {
        const group = { count, colour: colour as Colour, shape: s };
        if (groupWords(group).startsWith(`${number} `)) return group;
      }
  return null;
}

/** What of a caption is right. */
export interface Verdict {
  /** Groups that there are, and those of them whose colour, shape and count were told. */
  readonly groups: number;
  readonly colour: number;
  readonly shape: number;
  readonly count: number;
  readonly position: boolean;
  /** All of it, and nothing else was told. */
  readonly exact: boolean;
}

/**
 * Compares what was said with what is so. Which group comes first does not matter: "a red ring above a blue cross" is "a blue cross below
 * a red ring". Groups are paired so that most is right; a group that was not mentioned counts as wrong in all.
 */
export function judge(said: Statement | null, truth: Statement): Verdict {
  const groups = truth.groups.length;
  if (!said) return { groups, colour: 0, shape: 0, count: 0, position: false, exact: false };
  const verdict = (swapped: boolean): Verdict => {
    const told = swapped ? [said.groups[1], said.groups[0]] : said.groups;
    const same = (what: keyof Group): number => truth.groups.filter((group, i) => told[i]?.[what] === group[what]).length;
    const [colour, shape, count] = [same("colour"), same("shape"), same("count")];
    const position = (swapped ? opposite[said.position as Relation] : said.position) === truth.position;
    const complete = said.groups.length === groups && colour + shape + count === 3 * groups;
    return { groups, colour, shape, count, position, exact: complete && position };
  };
  const right = (v: Verdict): number => v.colour + v.shape + v.count + Number(v.position) / 2;
  const plain = verdict(false);
  const swapped = said.groups.length === 2 ? verdict(true) : plain;
  return right(swapped) > right(plain) ? swapped : plain;
}

/** Every word of the grammar; 0 begins and ends a caption. */
const vocabulary: readonly string[] = [
  "<|endoftext|>",
  ...[...numbers, "an"],
  ...colours,
  ...shapes.flatMap((s) => [s, plural(s)]),
  ...["on", "in", "at", "to", "of", "the", "above", "below", "left", "right", "top", "bottom", "middle"],
];
export const vocabularySize = vocabulary.length;
export const endOfText = 0;
/** "two orange crosses to the right of two orange squares": the most words of a caption. */
export const mostWords = 10;

const ids = new Map(vocabulary.map((word, id) => [word, id]));

/** Numbers of a caption's words. ArgumentError for words that no caption has. */
export function encodeCaption(caption: string): number[] {
  return (caption ? caption.split(" ") : []).map((word) => {
    const id = ids.get(word);
    if (id === undefined) throw new ArgumentError("encodeCaption", `${JSON.stringify(word)} is no word of a caption`);
    return id;
  });
}

export const decodeCaption = (tokens: Iterable<number>): string => Array.from(tokens, (id) => vocabulary[id]!).join(" ");
