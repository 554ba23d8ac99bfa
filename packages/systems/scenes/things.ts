/** Coloured shapes on a picture: what generated scenes are made of. */

export const colours = ["red", "orange", "yellow", "green", "blue", "purple"] as const;
export const shapes = ["circle", "square", "triangle", "cross", "ring"] as const;
export type Colour = (typeof colours)[number];
export type Shape = (typeof shapes)[number];

export interface Thing {
  readonly shape: Shape;
  readonly colour: Colour;
  /** Centre, in pixels from the left and from the top. */
  readonly x: number;
  readonly y: number;
  /** From the centre to the outermost point. */
  readonly radius: number;
  /** Clockwise, in radians. */
  readonly angle: number;
}

/** Red, green and blue, 0 to 255. */
export type Paint = readonly [red: number, green: number, blue: number];

export const paints: Readonly<Record<Colour, Paint>> = {
  red: [214, 40, 40],
  orange: [245, 130, 20],
  yellow: [240, 205, 30],
  green: [45, 150, 70],
  blue: [40, 90, 205],
  purple: [135, 60, 170],
};

/** The plural in a caption. */
export const plural = (shape: Shape): string => (shape === "cross" ? "crosses" : `${shape}s`);

/** Whether a point is inside of a shape, (0, 0) being its centre and 1 its radius; down is positive. */
const inside: Readonly<Record<Shape, (u: number, v: number) => boolean>> = {
  circle: (u, v) => u * u + v * v < 0.9,
  square: (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.75,
  triangle: (u, v) => v < 0.6 && v > 2 * Math.abs(u) - 1,
  cross: (u, v) => Math.min(Math.abs(u), Math.abs(v)) < 0.3 && Math.max(Math.abs(u), Math.abs(v)) < 0.95,
  ring: (u, v) => u * u + v * v < 1 && u * u + v * v > 0.3,
};

/** Points of a pixel's side that are looked at: edges are smooth. */
const fine = 4;

/** Paints a thing over the pixels of a square picture [size, size, 3], as far as it lies in it. */
export function paintThing(pixels: Float32Array, size: number, thing: Thing, paint: Paint): void {
  const { x, y, radius } = thing;
  for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(size - 1, y + radius); row++)
    for (let column = Math.max(0, Math.floor(x - radius)); column <= Math.min(size - 1, x + radius); column++) {
      const share = coverage(thing, row, column);
      for (let i = 3 * (row * size + column), c = 0; share > 0 && c < 3; c++, i++) pixels[i] = pixels[i]! * (1 - share) + paint[c]! * share;
    }
}

/** The share of a pixel that a thing covers. */
function coverage({ shape, x, y, radius, angle }: Thing, row: number, column: number): number {
  const within = inside[shape];
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
  let covered = 0;
  for (let k = 0; k < fine * fine; k++) {
    const dx = column + ((k % fine) + 0.5) / fine - x;
    const dy = row + (Math.floor(k / fine) + 0.5) / fine - y;
    if (within(cos * dx + sin * dy, cos * dy - sin * dx)) covered++;
  }
  return covered / fine ** 2;
}
