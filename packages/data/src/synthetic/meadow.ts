import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { checkCount } from "../dataset/batch.ts";
import { allocate } from "../dataset/element.ts";
import { Random } from "../random.ts";

export interface MeadowOptions {
  /** Default 0. Picture i depends on the seed and i alone. */
  readonly seed?: number;
  /** Width and height in pixels. Default 48. */
  readonly size?: number;
}

type Colour = readonly [red: number, green: number, blue: number];

/** What a drawn thing is at (u, v), both from -1 to 1 with v downwards: its colour, or null beside it. */
type Drawing = (u: number, v: number) => Colour | null;

const disc = (u: number, v: number, x: number, y: number, rx: number, ry = rx): boolean => ((u - x) / rx) ** 2 + ((v - y) / ry) ** 2 < 1;

/** A colour from a hue in turns, a saturation and a lightness from 0 to 1. */
function hsl(hue: number, saturation: number, lightness: number): Colour {
  const a = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number): number => {
    const k = (n + 12 * (((hue % 1) + 1) % 1)) % 12;
    return 255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}

const shade = ([r, g, b]: Colour, by: number): Colour => [r * by, g * by, b * by];
const black: Colour = [25, 22, 20];
const white: Colour = [240, 236, 226];

function butterfly(random: Random): Drawing {
  const wings = hsl(random.uniform(), random.uniform(0.5, 0.9), random.uniform(0.4, 0.65));
  const spots = random.chance(0.5) ? white : shade(wings, 0.4);
  const spread = random.uniform(0.85, 1.1);
  return (u, v) => {
    const side = Math.abs(u) / spread;
    if (disc(u, v, 0, 0, 0.08, 0.62)) return black;
    if (v < -0.45 && Math.abs(side - 0.35 * (-v - 0.45)) < 0.035 && v > -0.95) return black;
    if (disc(side, v, 0.5, -0.28, 0.17)) return spots;
    if (disc(side, v, 0.5, -0.32, 0.46, 0.42)) return disc(side, v, 0.48, -0.3, 0.38, 0.34) ? wings : shade(wings, 0.45);
    if (disc(side, v, 0.38, 0.42, 0.34, 0.38)) return disc(side, v, 0.36, 0.4, 0.27, 0.3) ? shade(wings, 0.85) : shade(wings, 0.4);
    return null;
  };
}

function fish(random: Random): Drawing {
  const body = hsl(random.uniform(), random.uniform(0.45, 0.9), random.uniform(0.45, 0.65));
  const stripes = random.integer(4) + 2;
  const high = random.uniform(0.32, 0.48);
  return (u, v) => {
    if (disc(u, v, -0.5, -0.08, 0.07)) return black;
    if (disc(u, v, -0.5, -0.08, 0.13)) return white;
    if (disc(u, v, -0.12, 0, 0.74, high))
      return u > -0.3 && Math.sin(stripes * 5 * u) > 0.45 ? shade(body, 0.5) : shade(body, 1.1 - 0.5 * v);
    if (u > 0.42 && u < 0.95 && Math.abs(v) < 0.85 * (u - 0.38)) return shade(body, 0.75);
    if (v < 0 && v > -high - 0.28 && u > -0.3 && u < 0.25 + 0.5 * v) return shade(body, 0.7);
    return null;
  };
}

function flower(random: Random): Drawing {
  const petals = 5 + random.integer(5);
  const colour = random.chance(0.25) ? white : hsl(random.uniform(0.72, 1.18), random.uniform(0.6, 0.95), random.uniform(0.5, 0.72));
  const heart = hsl(random.uniform(0.08, 0.15), 0.85, random.uniform(0.3, 0.55));
  return (u, v) => {
    const [r, angle] = [Math.hypot(u, v), Math.atan2(v, u)];
    if (r < 0.24) return shade(heart, 0.75 + 0.35 * Math.sin(40 * u) * Math.sin(40 * v));
    return r < 0.35 + 0.62 * Math.abs(Math.cos((petals * angle) / 2)) ** 0.7 ? shade(colour, 0.7 + 0.4 * r) : null;
  };
}

function ladybird(random: Random): Drawing {
  const wings = hsl(random.uniform(-0.02, 0.11), 0.9, random.uniform(0.42, 0.52));
  const spots = [0, 1, 2].map((k) => ({ x: random.uniform(0.2, 0.45), y: -0.25 + 0.38 * k + random.uniform(-0.06, 0.06) }));
  return (u, v) => {
    const side = Math.abs(u);
    if (disc(side, v, 0.16, -0.72, 0.07)) return white;
    if (disc(u, v, 0, -0.62, 0.36, 0.26)) return black;
    if (disc(u, v, 0, 0.12, 0.68, 0.76)) {
      if (side < 0.035 || spots.some((s) => disc(side, v, s.x, s.y, 0.13))) return black;
      return shade(wings, 1.15 - 0.35 * (u * u + v * v));
    }
    const legs = [-0.25, 0.15, 0.5].some((y) => Math.abs(v - y - 0.25 * (side - 0.6)) < 0.045);
    return side > 0.55 && side < 0.92 && legs ? black : null;
  };
}

function leaf(random: Random): Drawing {
  const green = hsl(random.uniform(0.14, 0.36), random.uniform(0.45, 0.8), random.uniform(0.3, 0.48));
  const [wide, veins] = [random.uniform(0.3, 0.55), random.uniform(9, 15)];
  return (u, v) => {
    if (u > 0.75 && u < 1 && Math.abs(v) < 0.035) return shade(green, 0.6);
    if (Math.abs(u) > 0.85 || Math.abs(v) > wide * (1 - (u / 0.85) ** 2) * (1 + 0.06 * Math.sin(40 * u))) return null;
    if (Math.abs(v) < 0.035) return shade(green, 1.6);
    return Math.cos(veins * (u + 0.8 * Math.abs(v))) > 0.86 ? shade(green, 1.4) : shade(green, 1 - 0.25 * Math.sign(v) * Math.abs(v));
  };
}

function mushroom(random: Random): Drawing {
  const cap = hsl(random.uniform(-0.04, 0.13), random.uniform(0.4, 0.9), random.uniform(0.32, 0.55));
  const dots = random.chance(0.6)
    ? Array.from({ length: 7 }, () => ({ x: random.uniform(-0.7, 0.7), y: random.uniform(-0.65, -0.1) }))
    : [];
  const stem = random.uniform(0.13, 0.24);
  return (u, v) => {
    if (v < 0.05 && disc(u, v, 0, 0.05, 0.88, 0.85)) {
      if (dots.some((d) => disc(u, v, d.x, d.y, 0.11, 0.08))) return white;
      return shade(cap, 0.75 - 0.45 * v);
    }
    if (v >= 0.05 && v < 0.17 && Math.abs(u) < 0.8 - 2 * (v - 0.05)) return shade(white, 0.68 + 0.2 * Math.sin(60 * u));
    if (v >= 0.05 && v < 0.92 && Math.abs(u) < stem * (0.85 + 0.5 * v)) return shade(white, 0.95 - 0.5 * Math.abs(u + 0.05));
    return null;
  };
}

const drawings = { butterfly, fish, flower, ladybird, leaf, mushroom };

/** How far a thing may be turned, in radians: mushrooms stand, ladybirds walk anywhere. */
const turns: Partial<Record<string, number>> = { mushroom: 0.25, fish: 0.5 };

/** Smooth noise: random values on a grid, eased between. */
function noise(random: Random, size: number, cells: number): (x: number, y: number) => number {
  const values = Float64Array.from({ length: (cells + 2) ** 2 }, () => random.uniform());
  const ease = (t: number) => t * t * (3 - 2 * t);
  return (x, y) => {
    const [gx, gy] = [(x / size) * cells, (y / size) * cells];
    const [i, j] = [Math.floor(gx), Math.floor(gy)];
    const [a, b] = [ease(gx - i), ease(gy - j)];
    const at = (p: number, q: number) => values[(j + q) * (cells + 2) + i + p]!;
    return (1 - b) * ((1 - a) * at(0, 0) + a * at(1, 0)) + b * ((1 - a) * at(0, 1) + a * at(1, 1));
  };
}

/**
 * Coloured pictures of a made-up meadow, one thing on each: a butterfly, fish, flower, ladybird, leaf or mushroom, in many colours,
 * somewhere, turned and of varying size, before grass, sky, soil or water. Drawn by formulas; nobody holds rights in them.
 *
 * Gives `images`, uint8 [count, size, size, 3], `labels`, one of each image, and `classes`, the names of the labels.
 * @example
 * const { images: pictures, labels, classes } = meadow(12, { seed: 1 });
 * images(pictures, { labels: Array.from(labels, (k) => classes[k]!) })
 */
export function meadow(
  count: number,
  { seed = 0, size = 48 }: MeadowOptions = {},
): { images: ArrayData; labels: Int32Array; classes: readonly string[] } {
  checkCount("meadow", count, 0);
  checkCount("meadow", size);
  if (size < 16 || size > 1024) throw new ArgumentError("meadow", `size is ${size}`, "Give 16 to 1024 pixels");
  const classes = Object.keys(drawings) as (keyof typeof drawings)[];
  const images = allocate([count, size, size, 3], "uint8");
  const labels = new Int32Array(count);
  const length = size * size * 3;
  for (let i = 0; i < count; i++) {
    const random = new Random(seed, i);
    labels[i] = random.integer(classes.length);
    const name = classes[labels[i]!]!;
    drawScene(
      images.data.subarray(i * length, (i + 1) * length) as Uint8Array,
      size,
      drawings[name](random),
      turns[name] ?? Math.PI,
      random,
    );
  }
  return { images, labels, classes };
}

function drawScene(image: Uint8Array, size: number, drawing: Drawing, turn: number, random: Random): void {
  const ground = hsl(
    [0.27, 0.56, 0.09, 0.5][random.integer(4)]! + random.uniform(-0.04, 0.04),
    random.uniform(0.2, 0.6),
    random.uniform(0.3, 0.7),
  );
  const [coarse, fine] = [noise(random, size, 3), noise(random, size, Math.round(size / 4))];
  const radius = size * random.uniform(0.24, 0.4);
  const centre = { x: random.uniform(radius, size - radius), y: random.uniform(radius, size - radius) };
  const angle = random.uniform(-turn, turn);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [light, grain] = [random.uniform(0.75, 1.15), random.uniform(2, 14)];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const back = shade(ground, 0.55 + 0.6 * coarse(x, y) + 0.3 * fine(x, y));
      const sum = [0, 0, 0];
      // Four points a pixel, for smooth edges.
      for (const [dx, dy] of [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
      ] as const) {
        const [px, py] = [(x + dx - centre.x) / radius, (y + dy - centre.y) / radius];
        const seen = Math.abs(px) + Math.abs(py) < 2 ? (drawing(cos * px + sin * py, cos * py - sin * px) ?? back) : back;
        for (let c = 0; c < 3; c++) sum[c]! += seen[c]! / 4;
      }
      const speck = grain * random.normal();
      for (let c = 0; c < 3; c++) image[(y * size + x) * 3 + c] = Math.max(0, Math.min(255, Math.round(sum[c]! * light + speck)));
    }
}
