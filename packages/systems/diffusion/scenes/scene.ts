import { Random } from "@gradus/data";
import type { ArrayData } from "@gradus/tensor/io";
import { type Colour, colours, type Paint, paints, paintThing, type Shape, shapes, type Thing } from "../../scenes/things.ts";
import {
  captionOf,
  type Ground,
  type Group,
  grounds,
  type Place,
  places,
  type Relation,
  relations,
  type Size,
  type Statement,
  sizes,
} from "./statement.ts";

/** Height and width of a picture in pixels. */
export const sceneSize = 64;

/**
 * Scenes to train on; scenes whose captions no training scene has; and scenes with a kind of thing that no training scene has, although
 * its colour and its shape occur.
 */
export const parts = ["training", "unseen", "held-out"] as const;
export type Part = (typeof parts)[number];

/** The colours and shapes that are never seen together in training: each shape once. */
export const heldOut: readonly (readonly [Colour, Shape])[] = [
  ["red", "cross"],
  ["blue", "circle"],
  ["green", "triangle"],
  ["yellow", "square"],
  ["purple", "ring"],
];
/** Whether a kind of thing is one of these. */
export const isHeldOut = (colour: Colour, shape: Shape): boolean => heldOut.some(([c, s]) => c === colour && s === shape);

/** One caption in eight is kept from training, whatever it says. */
function isUnseen(caption: string): boolean {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < caption.length; i++) hash = Math.imul(hash ^ caption.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) % 8 === 0;
}

/** A picture with what is on it. */
export interface Scene {
  readonly statement: Statement;
  readonly caption: string;
  /** uint8 [64, 64, 3] */
  readonly picture: ArrayData;
}

/**
 * Scene number `index` of a part: one to four things of a kind, or one to three of each of two kinds, on a plain ground. It depends on
 * seed, part and index alone; the parts draw from different random numbers.
 */
export function scene(seed: number, part: Part, index: number): Scene {
  const random = new Random(seed, parts.indexOf(part), index);
  for (;;) {
    const statement = drawStatement(random, part);
    const caption = captionOf(statement);
    if (part !== "held-out" && isUnseen(caption) !== (part === "unseen")) continue;
    const picture = pictureOf(statement, random);
    if (picture) return { statement, caption, picture };
  }
}

/** One of the pictures that a statement describes; null where the things did not fit in this time. */
export function pictureOf(statement: Statement, random: Random): ArrayData | null {
  const things = layout(statement, random);
  return things && paintScene(things, statement.ground ?? pick(grounds, random), random);
}

const pick = <T>(list: readonly T[], random: Random): T => list[random.integer(list.length)]!;
/** Captions leave out a quarter of what they could say. */
const perhaps = <T>(list: readonly T[], random: Random): T | null => (random.chance(0.75) ? pick(list, random) : null);

function drawStatement(random: Random, part: Part): Statement {
  const kind = (wanted: boolean): readonly [Colour, Shape] => {
    if (wanted) return pick(heldOut, random);
    for (;;) {
      const [colour, shape] = [pick(colours, random), pick(shapes, random)];
      if (!isHeldOut(colour, shape)) return [colour, shape];
    }
  };
  const group = (most: number, [colour, shape]: readonly [Colour, Shape]): Group => ({
    ...{ count: 1 + random.integer(most), size: perhaps(sizes, random), colour, shape },
  });
  const first = kind(part === "held-out");
  const ground = perhaps(grounds, random);
  if (random.chance(0.4)) {
    const only = group(4, first);
    return { groups: [only], position: perhaps(only.count === 1 ? places : places.slice(0, 5), random), ground };
  }
  let second = kind(false);
  while (second.join() === first.join()) second = kind(false);
  const [a, b] = [group(3, first), group(3, second)];
  return { groups: random.chance(0.5) ? [a, b] : [b, a], position: perhaps(relations, random), ground };
}

type Span = readonly [low: number, high: number];

/** Radii in pixels. Between them lies a gap, so that a thing is never in doubt. */
const radii: Readonly<Record<Size, Span>> = { small: [4.5, 5.5], large: [8.5, 10] };
/** What is in between divides small from large. */
export const middleRadius = 7;

/** Where centres may be: all over the picture, in its halves and thirds. Gaps are left here too. */
const whole: Span = [0, 64];
const halves: readonly [Span, Span] = [
  [0, 26],
  [38, 64],
];
const thirds: readonly [Span, Span, Span] = [
  [0, 20],
  [26, 38],
  [44, 64],
];
/** Several things in the middle. */
const core: Span = [17, 47];

/** Things that lie as the statement says and do not touch; null where there was no room. */
function layout({ groups, position }: Statement, random: Random): readonly Thing[] | null {
  const chosen = groups.map((g) => ({ ...g, size: g.size ?? pick(sizes, random) }));
  const alone = groups.length === 1 && groups[0].count === 1;
  for (let attempt = 0; attempt < 6; attempt++) {
    const placed: Thing[] = [];
    const complete = chosen.every(({ count, size, colour, shape }, i) => {
      const [across, down] = spans(position, i, alone);
      for (let n = 0; n < count; n++) {
        const radius = random.uniform(...radii[size]);
        const within = ([low, high]: Span): number => random.uniform(Math.max(low, radius + 1), Math.min(high, sceneSize - radius - 1));
        let room = false;
        for (let tries = 0; tries < 20 && !room; tries++) {
          const [x, y] = [within(across), within(down)];
          room = placed.every((t) => Math.hypot(t.x - x, t.y - y) > t.radius + radius + 1.5);
          if (room) placed.push({ shape, colour, x, y, radius, angle: random.uniform(-0.2, 0.2) });
        }
        if (!room) return false;
      }
      return true;
    });
    if (complete) return placed;
  }
  return null;
}

/** Where the things of group `i` may be, across and down. */
function spans(position: Place | Relation | null, i: number, alone: boolean): readonly [across: Span, down: Span] {
  if (position === null) return [whole, whole];
  if (position === "above" || position === "below") return [whole, halves[Number((i === 0) !== (position === "above"))]!];
  if (position === "left of" || position === "right of") return [halves[Number((i === 0) !== (position === "left of"))]!, whole];
  if (position === "middle" && !alone) return [core, core];
  const side = (first: string, last: string): Span => {
    if (position.includes(first)) return alone ? thirds[0] : halves[0];
    if (position.includes(last)) return alone ? thirds[2] : halves[1];
    return alone ? thirds[1] : whole;
  };
  return [side("left", "right"), side("top", "bottom")];
}

export const groundPaints: Readonly<Record<Ground, Paint>> = {
  white: [246, 246, 246],
  grey: [150, 150, 152],
  black: [22, 22, 24],
  beige: [226, 205, 165],
};

/** Things in their order on a ground, each a little off its colour. */
export function paintScene(things: readonly Thing[], ground: Ground, random: Random): ArrayData {
  const pixels = new Float32Array(sceneSize * sceneSize * 3);
  const shade = (paint: Paint, by: number): Paint => {
    const light = random.uniform(-by, by);
    return paint.map((v) => v + light + random.uniform(-by / 2, by / 2)) as unknown as Paint;
  };
  const base = shade(groundPaints[ground], 5);
  for (let i = 0; i < pixels.length; i++) pixels[i] = base[i % 3]!;
  for (const thing of things) paintThing(pixels, sceneSize, thing, shade(paints[thing.colour], 10));
  // A clamped array rounds, and keeps to 0 to 255.
  return { dtype: "uint8", shape: [sceneSize, sceneSize, 3], data: new Uint8Array(Uint8ClampedArray.from(pixels).buffer) };
}
