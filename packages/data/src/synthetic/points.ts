import type { ArrayData } from "@gradus/tensor/io";
import { checkCount } from "../dataset/batch.ts";
import { allocate } from "../dataset/element.ts";
import { Random } from "../random.ts";

/** Points of the plane with classes: `x` float32 [count, 2], `y` the class of each. */
export interface Points {
  readonly x: ArrayData;
  readonly y: Int32Array;
}

export interface PointsOptions {
  readonly seed?: number;
  /** Standard deviation of what is added to both coordinates. */
  readonly noise?: number;
}

function points(
  count: number,
  classes: number,
  { seed = 0, noise = 0 }: PointsOptions,
  place: (k: number, t: number) => [number, number],
): Points {
  checkCount("points", count, 0);
  checkCount("points", classes);
  const random = new Random(seed);
  const x = allocate([count, 2], "float32");
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const k = i % classes; // as many of each class as of the others
    const [u, v] = place(k, random.uniform());
    x.data[2 * i] = u + noise * random.normal();
    x.data[2 * i + 1] = v + noise * random.normal();
    y[i] = k;
  }
  return { x, y };
}

/**
 * Arms of a spiral within the unit circle, `classes` of them (default 2), each of `turns` turns (default 1). Noise 0.02.
 * @example
 * const { x, y } = spirals(300, { seed: 1 });
 * plot(dots(x.data.filter((_, i) => i % 2 === 0), x.data.filter((_, i) => i % 2 === 1), { groups: y }))
 */
export function spirals(count: number, options: PointsOptions & { readonly classes?: number; readonly turns?: number } = {}): Points {
  const { classes = 2, turns = 1 } = options;
  return points(count, classes, { noise: 0.02, ...options }, (k, t) => {
    const angle = 2 * Math.PI * (turns * t + k / classes);
    return [t * Math.cos(angle), t * Math.sin(angle)];
  });
}

/**
 * Two half circles, each around an end of the other (scikit-learn's `make_moons`). Noise 0.1.
 * @example
 * const { x, y } = moons(300, { seed: 1 });
 * plot(dots(x.data.filter((_, i) => i % 2 === 0), x.data.filter((_, i) => i % 2 === 1), { groups: y }))
 */
export function moons(count: number, options: PointsOptions = {}): Points {
  return points(count, 2, { noise: 0.1, ...options }, (k, t) => {
    const [c, s] = [Math.cos(Math.PI * t), Math.sin(Math.PI * t)];
    return k === 0 ? [c, s] : [1 - c, 0.5 - s];
  });
}
