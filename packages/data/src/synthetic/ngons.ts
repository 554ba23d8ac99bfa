import { ArgumentError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { checkCount } from "../dataset/batch.ts";
import { allocate } from "../dataset/element.ts";
import { Random } from "../random.ts";

/** One number, or the two ends between which it is drawn anew for every image. */
export type Range = number | readonly [low: number, high: number];

export interface NgonOptions {
  /** Default 0. Image i depends on the seed and i alone. */
  readonly seed?: number;
  /** Width and height of the images in pixels. Default 32. */
  readonly size?: number;
  /** Numbers of corners to choose from; the label is the place in this list. Default [3, 4, 5, 6]. */
  readonly corners?: readonly number[];
  /** From the centre to a corner, in pixels. Default 6.4. */
  readonly radius?: Range;
  /** Angle of the first corner, in radians clockwise from the right. Default 0. */
  readonly rotation?: Range;
  /** Default 1.2. */
  readonly lineWidth?: Range;
  /** Strength of the noise, 0 to 1: see `ngons`. Default [0.1, 0.4]. */
  readonly noise?: Range;
}

/**
 * Grey images of regular polygons, white on black, under noise: the course's data set of n-gons. With the defaults they
 * follow the images of its test file (DataCompetency/KI-Block, `ngons-test.npz`), whose figures were measured: radius 6.4,
 * first corner to the right, lines that cover the pixels within 0.6 of them, centres on all half pixels where the polygon
 * fits, and noise of a strength s in [0.1, 0.4): background uniform below 255 s, then every pixel with probability s
 * replaced by a uniform grey below 255, then 100 s squares of 3 x 3 filled likewise.
 *
 * Gives `images`, uint8 [count, size, size], and `labels`, one of each image.
 * @example
 * const { images: pictures } = ngons(6, { seed: 1 });
 * images(pictures, { scale: 2 })
 */
export function ngons(count: number, options: NgonOptions = {}): { images: ArrayData; labels: Int32Array } {
  checkCount("ngons", count, 0);
  const { seed = 0, size = 32, corners = [3, 4, 5, 6] } = options;
  checkCount("ngons", size, 8);
  if (!corners.length || corners.some((n) => !Number.isInteger(n) || n < 3))
    throw new ArgumentError("ngons", `corners are [${corners.join(", ")}]`, "Give integers from 3 on");
  const images = allocate([count, size, size], "uint8");
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const random = new Random(seed, i);
    const label = random.integer(corners.length);
    labels[i] = label;
    drawNgon(images.data.subarray(i * size * size, (i + 1) * size * size) as Uint8Array, size, corners[label]!, random, options);
  }
  return { images, labels };
}

const draw = (range: Range, random: Random): number => (typeof range === "number" ? range : random.uniform(range[0], range[1]));

function drawNgon(image: Uint8Array, size: number, corners: number, random: Random, options: NgonOptions): void {
  const radius = draw(options.radius ?? 6.4, random);
  const rotation = draw(options.rotation ?? 0, random);
  const reach = draw(options.lineWidth ?? 1.2, random) / 2;
  const strength = draw(options.noise ?? [0.1, 0.4], random);
  // Centres lie between pixels, at k + 1/2, where the whole polygon is inside.
  const first = Math.ceil(radius - 0.5);
  const places = size - 1 - 2 * first;
  if (places < 1) throw new ArgumentError("ngons", `a polygon of radius ${radius} does not fit ${size} pixels`);
  const centre = { x: first + 0.5 + random.integer(places), y: first + 0.5 + random.integer(places) };
  const corner = (k: number) => {
    const angle = rotation + (2 * Math.PI * k) / corners;
    return { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) };
  };

  for (let i = 0; i < image.length; i++) image[i] = 255 * strength * random.uniform();
  for (let k = 0; k < corners; k++) drawLine(image, size, corner(k), corner(k + 1), reach);
  for (let i = 0; i < image.length; i++) if (random.chance(strength)) image[i] = random.integer(255);
  const patches = Math.floor(100 * strength * (size / 32) ** 2);
  for (let k = 0; k < patches; k++) {
    const [left, top] = [random.integer(size - 3), random.integer(size - 3)];
    for (let y = top; y < top + 3; y++) for (let x = left; x < left + 3; x++) image[y * size + x] = random.integer(255);
  }
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Makes the pixels white whose centres are nearer than `reach` to a segment. */
function drawLine(image: Uint8Array, size: number, a: Point, b: Point, reach: number): void {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length2 = dx * dx + dy * dy;
  const from = (u: number, v: number) => Math.max(0, Math.floor(Math.min(u, v) - reach));
  const to = (u: number, v: number) => Math.min(size - 1, Math.ceil(Math.max(u, v) + reach));
  for (let y = from(a.y, b.y); y <= to(a.y, b.y); y++)
    for (let x = from(a.x, b.x); x <= to(a.x, b.x); x++) {
      const along = Math.min(1, Math.max(0, ((x - a.x) * dx + (y - a.y) * dy) / length2));
      if (Math.hypot(x - a.x - along * dx, y - a.y - along * dy) < reach) image[y * size + x] = 255;
    }
}
