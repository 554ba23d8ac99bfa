import { sizeOf } from "../shape.ts";
import { coalesce } from "./fuse.ts";
import type { Access, ChainKernel, ContractionKernel, Kernel, LoopKernel, Slot, Value } from "./kernel.ts";
import type { Lowered } from "./lower.ts";

/*
 * Convolutions with kernels of 3 x 3 at stride 1, by Winograd's algorithm F(4 x 4, 3 x 3) (Lavin & Gray 2016): a tile of
 * 4 x 4 outputs takes 36 multiplications for each pair of channels in place of 144.
 *
 *   y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A        x a 6 x 6 tile of the input, w the kernel, y a 4 x 4 tile of the output
 *   dw = Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ x B)] G      the same map transposed in w: the weights' gradient, summed over tiles
 *
 * ⊙ stands for 36 matrix products over channels (or tiles). A block of tiles at a time goes through all stages, so what
 * passes between them stays in cache. Errors measured are below 1e-5 of the largest result (1e-6 to 2.4e-6 in the root mean
 * square), ten times those of a direct sum; an infinity or NaN reaches the results of its whole tile, and numbers beyond
 * 1e36 overflow.
 */

/** A step through tiles: how many, and strides in the input and the output. */
interface Step {
  readonly size: number;
  readonly x: number;
  readonly y: number;
}

/** A convolution, by strides in elements. Of the weights' gradient `y` is the cotangent. */
interface Convolution {
  /** Steps over blocks of tiles, and over the tiles of a block. */
  readonly blocks: readonly Step[];
  readonly tiles: readonly Step[];
  readonly channels: number;
  readonly filters: number;
  readonly x: Plane;
  readonly y: Plane;
}

/** An image: its first element, and strides of rows, columns and channels. */
interface Plane {
  readonly slot: Slot;
  readonly offset: number;
  readonly strides: readonly [number, number, number];
}

/** Multiplications of the direct sum from which on the transforms pay. */
const worthIt = 2 ** 21;
const fewestChannels = 12;
/** The transformed kernel is read again for every block: 36 · this · 4 bytes of it should be near. */
const mostWeights = 128 * 128;
/** Transformed tiles of a block should stay in the second cache: bytes, and tiles at least. */
const blockBytes = 320 * 1024;
const [fewestTiles, mostTiles] = [16, 64];
/** For threads to share. */
const fewestBlocks = 8;

/** Replaces contractions that are such convolutions. */
export function winograd({ kernels, slots }: Lowered): Lowered {
  const list = kernels.flatMap((kernel): Kernel[] => (kernel.kind === "contraction" ? (convolution(kernel, slots) ?? [kernel]) : [kernel]));
  return { kernels: list, slots };
}

function convolution(kernel: ContractionKernel, slots: Slot[]): Kernel[] | null {
  const { a, b, rows, columns, inner } = kernel;
  const points = sizeOf(rows) * sizeOf(columns) * sizeOf(inner);
  if (kernel.dtype !== "float32" || sizeOf(kernel.batch) !== 1 || columns.length !== 1 || points < worthIt) return null;
  if (rows.length !== 3 || inner.length !== 3) return null;
  const filters = columns[0]!;
  if (inner[0] === 3 && inner[1] === 3 && a.inner[0] === a.free[1] && a.inner[1] === a.free[2] && a.inner[2] === 1) {
    const [N, H, W] = rows as [number, number, number];
    const channels = inner[2]!;
    const x: Plane = { slot: a.slot, offset: a.offset, strides: [a.free[1]!, a.free[2]!, 1] };
    const y: Plane = { slot: kernel.out, offset: 0, strides: [W * filters, filters, 1] };
    const found = tile(N, H, W, [a.free[0]!, H * W * filters], { channels, filters, x, y });
    return found && forward(found, kernel, slots);
  }
  if (b.free[0] === 1 && rows[1] === 3 && rows[2] === 3 && a.free[1] === a.inner[1] && a.free[2] === a.inner[2] && a.free[0] === 1) {
    const [N, H, W] = inner as [number, number, number];
    const x: Plane = { slot: a.slot, offset: a.offset, strides: [a.inner[1]!, a.inner[2]!, 1] };
    const y: Plane = { slot: b.slot, offset: b.offset, strides: [b.inner[1]!, b.inner[2]!, 1] };
    const found = tile(N, H, W, [a.inner[0]!, b.inner[0]!], { channels: rows[0]!, filters, x, y });
    return found && weightsGradient(found, kernel, slots);
  }
  return null;
}

/** Cuts N images of H x W outputs into blocks of tiles; null where they do not fit or do not pay. */
function tile(
  N: number,
  H: number,
  W: number,
  imageStrides: readonly [number, number],
  rest: Pick<Convolution, "channels" | "filters" | "x" | "y">,
): Convolution | null {
  const { channels, filters, x, y } = rest;
  if (H % 4 || W % 4 || channels < fewestChannels || filters < fewestChannels || channels * filters > mostWeights) return null;
  const [down, across] = [H / 4, W / 4];
  const all = N * down * across;
  const aim = Math.max(fewestTiles, Math.min(mostTiles, blockBytes / (36 * 4 * (channels + filters)), all / fewestBlocks));
  const image = (size: number, each = 1): Step => ({ size, x: each * imageStrides[0], y: each * imageStrides[1] });
  const along = (d: 0 | 1, size: number, each = 1): Step => ({ size, x: 4 * each * x.strides[d], y: 4 * each * y.strides[d] });
  if (all < fewestTiles) return null;
  if (down * across > aim) {
    const lines = largestDivisor(down, aim / across);
    return { ...rest, blocks: [image(N), along(0, down / lines, lines)], tiles: [along(0, lines), along(1, across)] };
  }
  const images = largestDivisor(N, aim / (down * across));
  return { ...rest, blocks: [image(N / images, images)], tiles: [image(images), along(0, down), along(1, across)] };
}

/** The largest divisor of n that is not above `most`, or 1. */
function largestDivisor(n: number, most: number): number {
  for (let d = Math.floor(Math.min(n, most)); d > 1; d--) if (n % d === 0) return d;
  return 1;
}

/**
 * Elements from one of 36 matrices of a size to the next: a cache line more than their size, often a power of two,
 * since addresses at such distances share few places in the first cache.
 */
const apart = (size: number): number => size + 16;
const matrix = (c: Convolution, channels: number): number => apart(count(c.tiles) * channels);

const count = (steps: readonly Step[]): number => steps.reduce((n, s) => n * s.size, 1);

function forward(c: Convolution, kernel: ContractionKernel, slots: Slot[]): Kernel[] {
  const { channels: C, filters: F } = c;
  const [units, T] = [count(c.blocks), count(c.tiles)];
  const weights = newSlot(slots, 36 * apart(C * F), { kind: "arena", offset: -1 });
  const [eachLeft, eachProduct] = [36 * matrix(c, C), 36 * matrix(c, F)];
  const [left, product] = [newSlot(slots, units * eachLeft, { kind: "block" }), newSlot(slots, units * eachProduct, { kind: "block" })];
  const { b } = kernel;
  const kernelPlane: Plane = { slot: b.slot, offset: b.offset, strides: [b.inner[0]!, b.inner[1]!, 0] };
  const transformWeights = transform(
    [C, F],
    (i, j) => at(kernelPlane, i, j, [b.inner[2]!, b.free[0]!]),
    (i, j) => ({ slot: weights, offset: (6 * i + j) * apart(C * F), strides: [F, 1], guards: [] }),
    [3, kernelTransform],
  );
  const products: ContractionKernel = {
    kind: "contraction",
    dtype: "float32",
    batch: [units, 36],
    rows: [T],
    columns: [F],
    inner: [C],
    a: { slot: left, offset: 0, batch: [eachLeft, matrix(c, C)], free: [C], inner: [1] },
    b: { slot: weights, offset: 0, batch: [0, apart(C * F)], free: [1], inner: [F] },
    out: product,
    gap: matrix(c, F) - T * F,
  };
  const untransform = transform(
    [...sizes(c), F],
    (i, j) => transformed(product, c, F, i, j),
    (i, j) => at(c.y, i, j, [...strides(c, "y"), 1]),
    [6, outputTransform],
  );
  const chained: ChainKernel = {
    kind: "chain",
    units,
    stages: [
      { kernel: transformTiles(c, left), each: T * C },
      { kernel: products, each: 36 * T },
      { kernel: untransform, each: T * F },
    ],
    blocks: [
      { slot: left, each: eachLeft },
      { slot: product, each: eachProduct },
    ],
  };
  return [transformWeights, chained];
}

function weightsGradient(c: Convolution, kernel: ContractionKernel, slots: Slot[]): Kernel[] {
  const { channels: C, filters: F } = c;
  const [units, T] = [count(c.blocks), count(c.tiles)];
  const [eachLeft, eachRight] = [36 * matrix(c, C), 36 * matrix(c, F)];
  const [left, right] = [newSlot(slots, units * eachLeft, { kind: "block" }), newSlot(slots, units * eachRight, { kind: "block" })];
  const partial = newSlot(slots, units * 36 * C * F, { kind: "arena", offset: -1 });
  const total = newSlot(slots, 36 * apart(C * F), { kind: "arena", offset: -1 });
  const transformCotangents = transform(
    [...sizes(c), F],
    (i, j) => at(c.y, i, j, [...strides(c, "y"), 1]),
    (i, j) => transformed(right, c, F, i, j),
    [4, cotangentTransform],
  );
  const products: ContractionKernel = {
    kind: "contraction",
    dtype: "float32",
    batch: [units, 36],
    rows: [C],
    columns: [F],
    inner: [T],
    a: { slot: left, offset: 0, batch: [eachLeft, matrix(c, C)], free: [1], inner: [C] },
    b: { slot: right, offset: 0, batch: [eachRight, matrix(c, F)], free: [1], inner: [F] },
    out: partial,
  };
  const chained: ChainKernel = {
    kind: "chain",
    units,
    stages: [
      { kernel: transformTiles(c, left), each: T * C },
      { kernel: transformCotangents, each: T * F },
      { kernel: products, each: 36 * C },
    ],
    blocks: [
      { slot: left, each: eachLeft },
      { slot: right, each: eachRight },
    ],
  };
  const sum: LoopKernel = {
    kind: "loop",
    dims: [36, C * F, units],
    split: 2,
    body: [
      { op: "load", access: { slot: partial, offset: 0, strides: [C * F, 1, 36 * C * F], guards: [] }, args: [], dtype: "float32" },
      { op: "reduce", kind: "sum", args: [0], dtype: "float32" },
    ],
    stores: [{ value: 1, access: { slot: total, offset: 0, strides: [apart(C * F), 1, 0], guards: [] } }],
  };
  const untransform = transform(
    [C, F],
    (i, j) => ({ slot: total, offset: (6 * i + j) * apart(C * F), strides: [F, 1], guards: [] }),
    (i, j) => ({ slot: kernel.out, offset: (3 * i + j) * F, strides: [9 * F, 1], guards: [] }),
    [6, kernelUntransform],
  );
  return [chained, sum, untransform];
}

/** Bᵀ x B for each tile and channel. */
const transformTiles = (c: Convolution, to: Slot): LoopKernel =>
  transform(
    [...sizes(c), c.channels],
    (i, j) => at(c.x, i, j, [...strides(c, "x"), 1]),
    (i, j) => transformed(to, c, c.channels, i, j),
    [6, inputTransform],
  );

const sizes = (c: Convolution): number[] => [...c.blocks, ...c.tiles].map((s) => s.size);
const strides = (c: Convolution, of: "x" | "y"): number[] => [...c.blocks, ...c.tiles].map((s) => s[of]);

const at = (p: Plane, i: number, j: number, strides: readonly number[]): Access => ({
  slot: p.slot,
  offset: p.offset + i * p.strides[0] + j * p.strides[1],
  strides,
  guards: [],
});

/** Element (i, j) of transformed tiles, laid out [blocks, 36, tiles, channels]. */
function transformed(slot: Slot, c: Convolution, channels: number, i: number, j: number): Access {
  const steps: number[] = [];
  let stride = channels;
  for (const { size } of [...c.tiles].reverse()) {
    steps.unshift(stride);
    stride *= size;
  }
  const offset = (6 * i + j) * matrix(c, channels);
  stride = 36 * matrix(c, channels);
  for (const { size } of [...c.blocks].reverse()) {
    steps.unshift(stride);
    stride *= size;
  }
  return { slot, offset, strides: [...steps, 1], guards: [] };
}

function newSlot(slots: Slot[], size: number, place: Slot["place"]): Slot {
  const slot: Slot = { index: slots.length, dtype: "float32", size, bytes: 4 * size, place };
  slots.push(slot);
  return slot;
}

/** A one-dimensional transform, spelled with a few operations. */
type Transform = (x: readonly Term[]) => Term[];

/** M X Mᵀ at each place of an iteration space, for a transform M of `n` values. */
function transform(
  dims: readonly number[],
  from: (i: number, j: number) => Access,
  to: (i: number, j: number) => Access,
  [n, one]: readonly [number, Transform],
): LoopKernel {
  const body: Value[] = [];
  const columns = Array.from({ length: n }, (_, j) =>
    one(Array.from({ length: n }, (_, i) => Term.of(body, { op: "load", access: from(i, j), args: [], dtype: "float32" }))),
  );
  const stores: LoopKernel["stores"][number][] = [];
  columns[0]!.forEach((_, i) => {
    one(columns.map((column) => column[i]!)).forEach((value, j) => {
      stores.push({ value: value.index, access: to(i, j) });
    });
  });
  return coalesce({ kind: "loop", dims, split: dims.length, body, stores });
}

/** A value of a body under construction. */
class Term {
  readonly index: number;
  private readonly body: Value[];

  private constructor(body: Value[], index: number) {
    this.body = body;
    this.index = index;
  }

  static of(body: Value[], value: Value): Term {
    return new Term(body, body.push(value) - 1);
  }

  private binary(op: "add" | "sub" | "mul", other: Term): Term {
    return Term.of(this.body, { op, args: [this.index, other.index], dtype: "float32" });
  }

  plus(other: Term): Term {
    return this.binary("add", other);
  }

  minus(other: Term): Term {
    return this.binary("sub", other);
  }

  times(factor: number): Term {
    const value = Math.fround(factor);
    let index = this.body.findIndex((v) => v.op === "constant" && v.value === value);
    if (index < 0) index = this.body.push({ op: "constant", value, args: [], dtype: "float32" }) - 1;
    return this.binary("mul", new Term(this.body, index));
  }
}

type Six = readonly [Term, Term, Term, Term, Term, Term];

/** Bᵀ, with 0, 1, -1, 2, -2 and ∞ as points. */
const inputTransform: Transform = (x) => {
  const [a, b, c, d, e, f] = x as unknown as Six;
  const [even, odd] = [e.minus(c.times(4)), d.minus(b.times(4))];
  const [near, rise] = [e.minus(c), d.minus(b)];
  const twice = rise.plus(rise);
  return [
    a.minus(c).times(4).plus(near), // 4a - 5c + e
    even.plus(odd), // -4b - 4c + d + e
    even.minus(odd), // 4b - 4c - d + e
    near.plus(twice), // -2b - c + 2d + e
    near.minus(twice), // 2b - c - 2d + e
    f.minus(d).minus(rise.times(4)), // 4b - 5d + f
  ];
};

/** Aᵀ */
const outputTransform: Transform = (x) => {
  const [a, b, c, d, e, f] = x as unknown as Six;
  const [sum, difference, sum2, difference2] = [b.plus(c), b.minus(c), d.plus(e), d.minus(e)];
  return [
    a.plus(sum).plus(sum2),
    difference.plus(difference2.times(2)),
    sum.plus(sum2.times(4)),
    difference.plus(difference2.times(8)).plus(f),
  ];
};

/** A */
const cotangentTransform: Transform = (x) => {
  const [a, b, c, d] = x as [Term, Term, Term, Term];
  const [even, odd, even2, odd2] = [a.plus(c), b.plus(d), a.plus(c.times(4)), b.times(2).plus(d.times(8))];
  return [a, even.plus(odd), even.minus(odd), even2.plus(odd2), even2.minus(odd2), d];
};

/** G */
const kernelTransform: Transform = (x) => {
  const [a, b, c] = x as [Term, Term, Term];
  const [even, odd] = [a.plus(c).times(-1 / 6), b.times(1 / 6)];
  const [even2, odd2] = [a.times(1 / 24).plus(c.times(1 / 6)), b.times(1 / 12)];
  return [a.times(1 / 4), even.minus(odd), even.plus(odd), even2.plus(odd2), even2.minus(odd2), c];
};

/** Gᵀ */
const kernelUntransform: Transform = (x) => {
  const [a, b, c, d, e, f] = x as unknown as Six;
  const [sum, sum2] = [b.plus(c).times(-1 / 6), d.plus(e)];
  return [
    a
      .times(1 / 4)
      .plus(sum)
      .plus(sum2.times(1 / 24)),
    c
      .minus(b)
      .times(1 / 6)
      .plus(d.minus(e).times(1 / 12)),
    sum.plus(sum2.times(1 / 6)).plus(f),
  ];
};
