import { colourOf, type DrawnChain, type DrawnStructure, type Point } from "./structure.ts";

/** Chains as tubes along their CA atoms, drawn from far to near: what stands where there is no WebGL, on paper and before scripts run. */

/** A rotation, row by row. */
export type Rotation = readonly (readonly [number, number, number])[];

const dot = (a: readonly number[], b: readonly number[]): number => a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
const times = (r: Rotation, p: Point): Point => r.map((row) => dot(row, p)) as unknown as Point;

export const multiply = (a: Rotation, b: Rotation): Rotation =>
  a.map((row) => [0, 1, 2].map((j) => dot(row, [b[0]![j]!, b[1]![j]!, b[2]![j]!])) as unknown as Point);

/** Half turns of `degrees` about the screen's x or y axis. */
export function turn(axis: "x" | "y", degrees: number): Rotation {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  if (axis === "x")
    return [
      [1, 0, 0],
      [0, c, -s],
      [0, s, c],
    ];
  return [
    [c, 0, s],
    [0, 1, 0],
    [-s, 0, c],
  ];
}

const alphas = ({ residues }: DrawnChain): Point[] => residues.flatMap(({ alpha }) => (alpha ? [alpha] : []));

export function centreOf(points: readonly Point[]): Point {
  const n = Math.max(1, points.length);
  return [0, 1, 2].map((k) => points.reduce((sum, p) => sum + p[k]!, 0) / n) as unknown as Point;
}

/**
 * The rotation that lays a chain's longest direction along x and its shortest into depth, its beginning to the left: eigenvectors of the
 * CA atoms' covariance, by Jacobi's method.
 */
export function widestView(chain: DrawnChain): Rotation {
  const points = alphas(chain);
  const c = centreOf(points);
  const m = [0, 1, 2].map((i) => [0, 1, 2].map((j) => points.reduce((sum, p) => sum + (p[i]! - c[i]!) * (p[j]! - c[j]!), 0)));
  const v = [0, 1, 2].map((i) => [0, 1, 2].map((j) => +(i === j)));
  for (let sweep = 0; sweep < 12; sweep++)
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      if (Math.abs(m[p]![q]!) < 1e-12) continue;
      const angle = 0.5 * Math.atan2(2 * m[p]![q]!, m[q]![q]! - m[p]![p]!);
      const [co, si] = [Math.cos(angle), Math.sin(angle)];
      for (let k = 0; k < 3; k++) [m[k]![p], m[k]![q]] = [co * m[k]![p]! - si * m[k]![q]!, si * m[k]![p]! + co * m[k]![q]!];
      for (let k = 0; k < 3; k++) [m[p]![k], m[q]![k]] = [co * m[p]![k]! - si * m[q]![k]!, si * m[p]![k]! + co * m[q]![k]!];
      for (let k = 0; k < 3; k++) [v[k]![p], v[k]![q]] = [co * v[k]![p]! - si * v[k]![q]!, si * v[k]![p]! + co * v[k]![q]!];
    }
  const order = [0, 1, 2].sort((a, b) => m[b]![b]! - m[a]![a]!);
  const axes = order.map((k) => [v[0]![k]!, v[1]![k]!, v[2]![k]!]);
  const way = points.length > 1 ? [0, 1, 2].map((k) => points.at(-1)![k]! - points[0]![k]!) : [1, 0, 0];
  const x = dot(axes[0]!, way) < 0 ? axes[0]!.map((a) => -a) : axes[0]!;
  const y = axes[1]!;
  // A right-handed frame: mirrored, helices would wind the wrong way.
  const z = [x[1]! * y[2]! - x[2]! * y[1]!, x[2]! * y[0]! - x[0]! * y[2]!, x[0]! * y[1]! - x[1]! * y[0]!];
  return [x, y, z] as unknown as Rotation;
}

export interface Stroke {
  readonly path: string;
  readonly colour: string;
  readonly width: number;
  /** Of a link. */
  readonly dashed: boolean;
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** From far to near. */
  readonly strokes: readonly Stroke[];
  /** Where each residue of the first chain is, and how large a ball there would be; null where it has no CA. */
  readonly places: readonly (readonly [x: number, y: number] | null)[];
}

const size = { width: 480, height: 320, margin: 26 };

/** Points of a Catmull-Rom spline between b and c. */
function between(a: Point, b: Point, c: Point, d: Point, t: number): Point {
  return [0, 1, 2].map(
    (k) =>
      0.5 *
      (2 * b[k]! +
        (c[k]! - a[k]!) * t +
        (2 * a[k]! - 5 * b[k]! + 4 * c[k]! - d[k]!) * t * t +
        (3 * b[k]! - a[k]! - 3 * c[k]! + d[k]!) * t ** 3),
  ) as unknown as Point;
}

/** Beyond this two CA atoms are no neighbours: residues between them are missing. */
const longestStep = 6;

/** The drawing of a structure, seen along z after a rotation. */
export function drawing({ chains, links }: DrawnStructure, view: Rotation): Drawing {
  const seen = chains.map((chain) => chain.residues.map(({ alpha }) => alpha && times(view, alpha)));
  const points = seen.flat().filter((p) => p !== null);
  const low = [0, 1, 2].map((k) => Math.min(...points.map((p) => p[k]!)));
  const high = [0, 1, 2].map((k) => Math.max(...points.map((p) => p[k]!)));
  const range = (k: number): number => Math.max(4, high[k]! - low[k]!);
  const scale = Math.min((size.width - 2 * size.margin) / range(0), (size.height - 2 * size.margin) / range(1), 16);
  const onPaper = ([x, y]: Point): readonly [number, number] => [
    size.width / 2 + scale * (x - (low[0]! + high[0]!) / 2),
    size.height / 2 - scale * (y - (low[1]! + high[1]!) / 2),
  ];
  const nearness = (z: number): number => (z - low[2]!) / range(2);
  const step = (p: Point): string =>
    onPaper(p)
      .map((x) => x.toFixed(1))
      .join(" ");
  const strokes: (Stroke & { depth: number })[] = [];
  seen.forEach((line, n) => {
    line.forEach((b, i) => {
      const c = line[i + 1];
      if (!b || !c || Math.hypot(...[0, 1, 2].map((k) => b[k]! - c[k]!)) > longestStep) return;
      const [a, d] = [line[i - 1] ?? b, line[i + 2] ?? c];
      for (const [from, owner] of [
        [0, i],
        [0.5, i + 1],
      ] as const) {
        const some = [0, 0.25, 0.5].map((t) => between(a, b, c, d, from + t));
        const depth = some[1]![2];
        const width = Math.max(2.5, Math.min(11, 0.85 * scale)) * (0.75 + 0.5 * nearness(depth));
        const path = `M${some.map(step).join("L")}`;
        strokes.push({ path, colour: colourOf(chains[n]!, owner), width: Math.round(10 * width) / 10, dashed: false, depth });
      }
    });
  });
  for (const { from, to, weight } of links) {
    const [a, b] = [seen[0]![from], seen[0]![to]];
    if (a && b)
      strokes.push({
        path: `M${step(a)}L${step(b)}`,
        colour: "var(--model)",
        width: 1 + 4 * weight,
        dashed: true,
        depth: (a[2] + b[2]) / 2,
      });
  }
  strokes.sort((p, q) => p.depth - q.depth);
  return { width: size.width, height: size.height, strokes, places: seen[0]!.map((p) => p && onPaper(p)) };
}
