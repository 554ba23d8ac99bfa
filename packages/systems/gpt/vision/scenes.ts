import { Random } from "@gradus/data";
import type { ArrayData } from "@gradus/tensor/io";
import { type Colour, colours, type Paint, paints, paintThing, type Shape, shapes, type Thing } from "../../scenes/things.ts";
import { captionOf, type Group, type Place, places, type Relation, type Statement } from "./captions.ts";

/** Height and width of a picture in pixels. */
export const sceneSize = 48;

/**
 * Training scenes; unseen ones, of the same kinds of things; and those with a kind of thing that no training scene has, although its
 * colour and its shape occur.
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
const isHeldOut = (colour: Colour, shape: Shape): boolean => heldOut.some(([c, s]) => c === colour && s === shape);

/** A picture with its truth. */
export interface Scene {
  readonly statement: Statement;
  /** One way to say it. */
  readonly caption: string;
  /** uint8 [48, 48, 3] */
  readonly picture: ArrayData;
}

/**
 * Scene number `index` of a part: one to four things of one or two kinds on a light, noisy ground. It depends on seed, part and index
 * alone; the parts draw from different random numbers.
 */
export function scene(seed: number, part: Part, index: number): Scene {
  const random = new Random(seed, parts.indexOf(part), index);
  const statement = drawStatement(random, part);
  const things = layout(statement, random);
  return { statement, caption: captionOf(statement), picture: paint(things, random) };
}

const pick = <T>(list: readonly T[], random: Random): T => list[random.integer(list.length)]!;

/** How many of each kind: as likely one kind as two, and each number of things of one kind as likely. */
const pairs: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 2],
  [2, 1],
  [1, 3],
  [3, 1],
  [2, 2],
];

function drawStatement(random: Random, part: Part): Statement {
  const kind = (wanted: boolean): readonly [Colour, Shape] => {
    if (wanted) return pick(heldOut, random);
    for (;;) {
      const [colour, shape] = [pick(colours, random), pick(shapes, random)];
      if (!isHeldOut(colour, shape)) return [colour, shape];
    }
  };
  const group = (count: number, [colour, shape]: readonly [Colour, Shape]): Group => ({ count, colour, shape });
  const first = kind(part === "held-out");
  if (random.chance(0.5)) {
    const count = 1 + random.integer(4);
    return { groups: [group(count, first)], position: pick(count === 1 ? places : places.slice(0, 4), random) };
  }
  let second = kind(false);
  while (second.join() === first.join()) second = kind(false);
  const [a, b] = pick(pairs, random);
  const groups: [Group, Group] = [group(a, first), group(b, second)];
  return {
    groups: random.chance(0.5) ? groups : [groups[1], groups[0]],
    position: pick(["above", "below", "left of", "right of"], random),
  };
}

type Span = readonly [low: number, high: number];
/** Where centres may be along a side of the picture: between thirds and halves a gap is left, so that captions are never in doubt. */
const whole: Span = [7.5, 40.5];
const [near, far]: readonly [Span, Span] = [
  [7.5, 18.5],
  [29.5, 40.5],
];
const thirds: readonly [Span, Span, Span] = [
  [7.5, 12.5],
  [20, 28],
  [35.5, 40.5],
];

/** Draws things until they lie as the statement says, and none touches another. */
function layout(statement: Statement, random: Random): readonly Thing[] {
  for (;;) {
    const things = attempt(statement, random);
    if (things && lieAsStated(things, statement)) return things.flat();
  }
}

function attempt({ groups, position }: Statement, random: Random): Thing[][] | null {
  const placed: Thing[] = [];
  const total = groups.reduce((n, g) => n + g.count, 0);
  const result: Thing[][] = [];
  for (const [i, { count, colour, shape }] of groups.entries()) {
    const [across, down] = spans(position, i, total === 1);
    const group: Thing[] = [];
    while (group.length < count) {
      let found: Thing | null = null;
      for (let tries = 0; tries < 12 && !found; tries++) {
        const [x, y, radius] = [random.uniform(...across), random.uniform(...down), random.uniform(4.5, total > 2 ? 5.7 : 6.5)];
        if (placed.every((t) => Math.hypot(t.x - x, t.y - y) > t.radius + radius + 1))
          found = { shape, colour, x, y, radius, angle: random.uniform(-0.2, 0.2) };
      }
      if (!found) return null;
      group.push(found);
      placed.push(found);
    }
    result.push(group);
  }
  return result;
}

/** Where the things of group `i` may be, across and down. */
function spans(position: Place | Relation, i: number, alone: boolean): readonly [across: Span, down: Span] {
  if (position === "above" || position === "below") return [whole, (i === 0) === (position === "above") ? near : far];
  if (position === "left of" || position === "right of") return [(i === 0) === (position === "left of") ? near : far, whole];
  const side = (first: string, last: string, spans: readonly [Span, Span, Span]): Span =>
    position.includes(first) ? spans[0] : position.includes(last) ? spans[2] : spans[1];
  const along = alone ? thirds : ([near, whole, far] as const);
  return [side("left", "right", along), side("top", "bottom", along)];
}

/** Several things on one side fill it, rather than one of its corners; groups lie straight above or beside each other. */
function lieAsStated(groups: readonly (readonly Thing[])[], { position }: Statement): boolean {
  const along = ["left", "right", "left of", "right of"].includes(position) ? "y" : "x";
  const [a, b] = groups.map((things) => things.map((t) => t[along])) as [number[], number[]?];
  const mean = (list: number[]): number => list.reduce((x, y) => x + y, 0) / list.length;
  if (b) return Math.abs(mean(a) - mean(b)) < 6;
  return a.length === 1 || Math.max(...a) - Math.min(...a) > 16;
}

function paint(things: readonly Thing[], random: Random): ArrayData {
  const size = sceneSize;
  const pixels = new Float32Array(size * size * 3);
  const light = random.uniform(215, 250);
  for (let c = 0; c < 3; c++) {
    const ground = light + random.uniform(-7, 7);
    const [right, down] = [random.uniform(-0.3, 0.3), random.uniform(-0.3, 0.3)];
    for (let p = 0; p < size * size; p++)
      pixels[3 * p + c] = ground + right * ((p % size) - size / 2) + down * (Math.floor(p / size) - size / 2);
  }
  for (const thing of things) {
    const shade = random.uniform(-12, 12);
    const own = paints[thing.colour].map((v) => v + shade + random.uniform(-10, 10)) as unknown as Paint;
    paintThing(pixels, size, thing, own);
  }
  // One draw of 32 bits gives the noise of a pixel's three channels, -8 to 7 each. A clamped array rounds, and keeps to 0 to 255.
  const data = new Uint8ClampedArray(pixels.length);
  for (let p = 0; p < data.length; p += 3) {
    const bits = random.bits();
    data[p] = pixels[p]! + (bits & 15) - 8;
    data[p + 1] = pixels[p + 1]! + ((bits >>> 4) & 15) - 8;
    data[p + 2] = pixels[p + 2]! + ((bits >>> 8) & 15) - 8;
  }
  return { dtype: "uint8", shape: [size, size, 3], data: new Uint8Array(data.buffer) };
}
