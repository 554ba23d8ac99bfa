import type { ContractionKernel } from "../../compile/kernel.ts";
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from "./assembler.ts";
import type { PlainOp } from "./opcodes.ts";

/**
 * Contractions as WebAssembly, specialised to their exact sizes and strides.
 *
 * The plain formula: out[batch, row, column] = Σ over inner of a[batch, row, inner] · b[batch, inner, column].
 *
 * The fast version follows Goto and van de Geijn (2008): a tile of 6 rows x 8 columns of the result stays in registers while
 * the inner index runs; b is copied beforehand into panels of 8 columns, `block` inner indices at a time, so that a panel
 * fits the first cache and a block of panels the second. The rows of a are mostly read where they lie: a pointer for each of
 * the 6 rows is all that a convolution's overlapping windows need. Three more shapes have loops of their own: vectors along
 * the inner index (matrix · vector with contiguous rows, and its mirror image), vectors along the rows (transposed matrix ·
 * vector), and results of which no inner index contributes.
 */

export interface ContractionStep {
  /** The exported function's name. */
  readonly name: string;
  readonly units: number;
  readonly grain: number;
  /** Units that a piece should have a multiple of. */
  readonly together: number;
  readonly scratchBytes: number;
  readonly parallel: boolean;
  /** Adds the function `(args, begin, end, scratch)`, where args is the table [a, b, out, packed]. */
  emit(module: ModuleBuilder): FunctionRef;
}

export interface ContractionCode {
  /** To be run in order. The last one's units are the rows [batch · rows] of the result. */
  readonly kernels: readonly ContractionStep[];
  /** Bytes of the buffer `packed`; 0 when there is none. */
  readonly packedBytes: number;
}

/** A dimension with its strides in bytes; an operand that lacks it has stride 0. */
interface Dim {
  readonly size: number;
  readonly a: number;
  readonly b: number;
}

/** A contraction in normal form: few dimensions, strides in bytes, inner strides of a not negative and descending. */
interface Problem {
  readonly type: "float32" | "float64";
  readonly relaxed: boolean;
  readonly name: string;
  readonly bytes: number;
  readonly lanes: number;
  readonly batch: readonly Dim[];
  readonly rows: readonly Dim[];
  readonly columns: readonly Dim[];
  readonly inner: readonly Dim[];
  readonly offsetA: number;
  readonly offsetB: number;
  /** Bytes between the results of two batches. */
  readonly gap: number;
  /** Products of sizes. */
  readonly batches: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Inner indices in a block: 256 of 8 columns are 8 KiB of float32, a quarter of most first caches. */
const BLOCK = 256;
/** What of b is used again and again should stay in the second cache. */
const SECOND_CACHE = 384 * 1024;
const FIRST_CACHE = 32 * 1024;
/** Work that is worth waking threads for, and work for one chunk, in multiplications. */
const PARALLEL_WORK = 5e5;
const CHUNK_WORK = 4e5;

/** Chooses how to compute a contraction. Exported functions are named after `name`. */
export function planContraction(kernel: ContractionKernel, relaxed: boolean, name = "contraction"): ContractionCode {
  const problem = normalise(kernel, relaxed, name);
  const { rows, columns, inner, batches, bytes, M, N, K } = problem;
  if (batches * M * N * K === 0) return single(problem, (module) => emitZeros(problem, module));

  const only = inner.length <= 1 ? (inner[0] ?? { size: 1, a: bytes, b: bytes }) : null;
  const contiguousInner = only !== null && only.a === bytes && only.b === bytes && K >= 4;
  if (contiguousInner && rows.length <= 1 && columns.length <= 1 && (N === 1 || (M <= 3 && batches === 1))) {
    return single(problem, (module) => emitDot(problem, module));
  }
  if (N === 1 && rows.length === 1 && rows[0]!.a === bytes && M >= 4) {
    return single(problem, (module) => emitRowVectors(problem, module));
  }
  return planTiles(problem);
}

function normalise(kernel: ContractionKernel, relaxed: boolean, name: string): Problem {
  const bytes = kernel.dtype === "float32" ? 4 : 8;
  const dims = (sizes: readonly number[], a: readonly number[] | null, b: readonly number[] | null): Dim[] =>
    sizes.map((size, i) => ({ size, a: a ? a[i]! * bytes : 0, b: b ? b[i]! * bytes : 0 })).filter(({ size }) => size !== 1);
  const { a, b } = kernel;
  let batch = dims(kernel.batch, a.batch, b.batch);
  let rows = dims(kernel.rows, a.free, null);
  if (batch.every((dim) => dim.b === 0) && !kernel.gap) {
    rows = [...batch, ...rows];
    batch = [];
  }
  let offsetA = a.offset * bytes;
  let offsetB = b.offset * bytes;
  // The order of summation is ours: upwards, and with a's closest elements innermost.
  const inner = dims(kernel.inner, a.inner, b.inner).map((dim) => {
    if (dim.a > 0 || (dim.a === 0 && dim.b >= 0)) return dim;
    offsetA += (dim.size - 1) * dim.a;
    offsetB += (dim.size - 1) * dim.b;
    return { size: dim.size, a: -dim.a, b: -dim.b };
  });
  inner.sort((x, y) => y.a - x.a || Math.abs(y.b) - Math.abs(x.b));
  const problem = {
    batch: merge(batch),
    rows: merge(rows),
    columns: merge(dims(kernel.columns, null, b.free)),
    inner: merge(inner),
  };
  return {
    ...problem,
    ...{
      type: kernel.dtype as "float32" | "float64",
      relaxed,
      name,
      bytes,
      lanes: 16 / bytes,
      offsetA,
      offsetB,
      gap: (kernel.gap ?? 0) * bytes,
    },
    batches: volume(problem.batch),
    M: volume(problem.rows),
    N: volume(problem.columns),
    K: volume(problem.inner),
  };
}

/** Makes one dimension of two adjacent ones where stepping over the inner one's end is a step of the outer one. */
function merge(dims: readonly Dim[]): Dim[] {
  const merged: Dim[] = [];
  for (const dim of dims) {
    const outer = merged.at(-1);
    if (outer && outer.a === dim.size * dim.a && outer.b === dim.size * dim.b) {
      merged[merged.length - 1] = { ...dim, size: outer.size * dim.size };
    } else {
      merged.push(dim);
    }
  }
  return merged;
}

function volume(dims: readonly { readonly size: number }[]): number {
  return dims.reduce((product, { size }) => product * size, 1);
}

/** Units a chunk: enough work to be worth handing out, few enough chunks, whole tiles, and whole batches where they fit. */
function grainOf({ batches, M, N, K }: Problem, tileRows: number): number {
  const units = batches * M;
  const enough = Math.max(CHUNK_WORK / Math.max(1, N * K), units / 24);
  if (batches > 1 && enough > M / 2) return M * Math.max(1, Math.round(enough / M));
  return Math.max(1, Math.ceil(enough / tileRows)) * tileRows;
}

function single(problem: Problem, emit: (module: ModuleBuilder) => FunctionRef): ContractionCode {
  const { name, batches, M, N, K } = problem;
  const units = batches * M;
  const parallel = units * N * Math.max(1, K) >= PARALLEL_WORK;
  return { kernels: [{ name, units, grain: grainOf(problem, 8), together: 8, scratchBytes: 0, parallel, emit }], packedBytes: 0 };
}

// ---------------------------------------------------------------------------------------------------------------------
// Small vocabulary over the assembler.

/** Pushes `base + index · stride`. */
function pushAddress(f: FunctionBuilder, base: Local, index: Local, stride: number): void {
  f.get(base);
  if (stride !== 0) f.get(index).i32(stride).op("i32.mul").op("i32.add");
}

function advance(f: FunctionBuilder, local: Local, by: number): void {
  if (by !== 0) f.get(local).i32(by).op("i32.add").set(local);
}

/** Runs `body` while `left` >= `step`, taking `step` off each time. */
function countDown(f: FunctionBuilder, left: Local, step: number, body: () => void): void {
  f.block((exit) => {
    f.loop((again) => {
      f.get(left).i32(step).op("i32.lt_s").br_if(exit);
      body();
      advance(f, left, -step);
      f.br(again);
    });
  });
}

/** Runs `body` `times` >= 1 times. */
function repeat(f: FunctionBuilder, times: number | Local, body: () => void): void {
  if (times === 1) {
    body();
    return;
  }
  const left = f.local("i32");
  if (typeof times === "number") f.i32(times);
  else f.get(times);
  f.set(left);
  f.loop((again) => {
    body();
    f.get(left).i32(1).op("i32.sub").tee(left).br_if(again);
  });
  f.release(left);
}

/** Pointers that move together: bytes to go for a step of each loop of a nest. */
interface Moving {
  readonly pointers: readonly Local[];
  readonly strides: readonly number[];
}

/**
 * A nest of loops over inner indices. `body(steps)` does that many steps of the innermost loop, at offsets from the pointers
 * (one step if `unroll` is 1); the nest moves the pointers. Only the outermost count may be a local.
 */
function nest(
  f: FunctionBuilder,
  counts: readonly (number | Local)[],
  moving: readonly Moving[],
  unroll: number,
  body: (steps: number) => void,
): void {
  const last = counts.length - 1;
  const steps = (count: number) => {
    body(count);
    for (const { pointers, strides } of moving) for (const p of pointers) advance(f, p, count * strides[last]!);
  };
  const level = (depth: number): void => {
    const count = counts[depth]!;
    if (depth < last) {
      repeat(f, count, () => {
        level(depth + 1);
        for (const { pointers, strides } of moving) {
          const back = (counts[depth + 1] as number) * strides[depth + 1]!;
          for (const p of pointers) advance(f, p, strides[depth]! - back);
        }
      });
    } else if (typeof count !== "number") {
      const left = f.local("i32");
      f.get(count).set(left);
      countDown(f, left, unroll, () => steps(unroll));
      if (unroll > 1) countDown(f, left, 1, () => steps(1));
      f.release(left);
    } else if (count <= 2 * unroll && unroll > 1) {
      steps(count);
    } else {
      repeat(f, Math.floor(count / unroll), () => steps(unroll));
      if (count % unroll > 0) steps(count % unroll);
    }
  };
  level(0);
}

/** Instructions by number type. */
class Vectors {
  readonly bytes: number;
  readonly lanes: number;
  private readonly shape: "f32x4" | "f64x2";
  private readonly relaxed: boolean;

  constructor({ bytes, relaxed }: { bytes: number; relaxed: boolean }) {
    this.bytes = bytes;
    this.lanes = 16 / bytes;
    this.shape = bytes === 4 ? "f32x4" : "f64x2";
    this.relaxed = relaxed;
  }

  op(name: "add" | "mul" | "splat"): PlainOp {
    return `${this.shape}.${name}` as PlainOp;
  }

  zero(f: FunctionBuilder, local: Local): void {
    f.i64x2(0n).set(local);
  }

  loadSplat(f: FunctionBuilder, pointer: Local, offset: number): void {
    f.get(pointer).load(this.bytes === 4 ? "v128.load32_splat" : "v128.load64_splat", offset, this.bytes);
  }

  /** The first `count` elements from there, the rest zeros; touches no others. */
  load(f: FunctionBuilder, pointer: Local, offset: number, count = this.lanes): void {
    const bytes = count * this.bytes;
    if (bytes === 12) f.get(pointer);
    f.get(pointer);
    if (bytes === 16) f.load("v128.load", offset, this.bytes);
    else if (bytes === 4) f.load("v128.load32_zero", offset, 4);
    else f.load("v128.load64_zero", offset, this.bytes);
    if (bytes === 12) {
      const low = f.local("v128");
      f.set(low)
        .get(low)
        .memoryLane("v128.load32_lane", 2, offset + 8, 4)
        .release(low);
    }
  }

  /** Stores the first `count` elements. */
  store(f: FunctionBuilder, pointer: Local, offset: number, value: Local, count = this.lanes): void {
    const bytes = count * this.bytes;
    f.get(pointer).get(value);
    if (bytes === 16) f.store("v128.store", offset, this.bytes);
    else if (bytes === 4) f.memoryLane("v128.store32_lane", 0, offset, 4);
    else f.memoryLane("v128.store64_lane", 0, offset, this.bytes);
    if (bytes === 12)
      f.get(pointer)
        .get(value)
        .memoryLane("v128.store32_lane", 2, offset + 8, 4);
  }

  /** sum += x · y */
  multiplyAdd(f: FunctionBuilder, x: Local, y: Local, sum: Local): void {
    if (this.relaxed) f.get(x).get(y).get(sum).op(`${this.shape}.relaxed_madd`);
    else f.get(x).get(y).op(this.op("mul")).get(sum).op(this.op("add"));
    f.set(sum);
  }

  /** The lanes' sums of `vectors` (one, or as many as lanes), as one vector. */
  pushLaneSums(f: FunctionBuilder, vectors: readonly Local[]): void {
    const add = this.op("add");
    const at = (i: number) => vectors[i % vectors.length]!;
    if (this.bytes === 8) {
      f.get(at(0)).get(at(1)).shuffle32(0, 1, 4, 5).get(at(0)).get(at(1)).shuffle32(2, 3, 6, 7).op(add);
      return;
    }
    const [low, high] = [f.local("v128"), f.local("v128")];
    const halves = (x: Local, y: Local) => f.get(x).get(y).shuffle32(0, 4, 1, 5).get(x).get(y).shuffle32(2, 6, 3, 7).op(add);
    halves(at(0), at(1)).set(low);
    halves(at(2), at(3)).set(high);
    f.get(low).get(high).shuffle32(0, 1, 4, 5).get(low).get(high).shuffle32(2, 3, 6, 7).op(add);
    f.release(low, high);
  }

  /** Turns `lanes` vectors, one a column, into `lanes` vectors, one a row. */
  transpose(f: FunctionBuilder, vectors: readonly Local[]): void {
    const pair = (x: Local, y: Local, first: readonly [number, number, number, number], second: typeof first) => {
      const swapped = f.local("v128");
      f.get(x)
        .get(y)
        .shuffle32(...first)
        .set(swapped);
      f.get(x)
        .get(y)
        .shuffle32(...second)
        .set(y);
      f.get(swapped).set(x).release(swapped);
    };
    const [p, q, r, s] = vectors as [Local, Local, Local, Local];
    if (this.bytes === 8) {
      pair(p, q, [0, 1, 4, 5], [2, 3, 6, 7]);
      return;
    }
    pair(p, q, [0, 4, 1, 5], [2, 6, 3, 7]);
    pair(r, s, [0, 4, 1, 5], [2, 6, 3, 7]);
    // Now p, q = (p0 q0 p1 q1), (p2 q2 p3 q3), and r, s alike.
    pair(p, r, [0, 1, 4, 5], [2, 3, 6, 7]);
    pair(q, s, [0, 1, 4, 5], [2, 3, 6, 7]);
    // The rows are p, r, q, s: put them in order.
    const third = f.local("v128");
    f.get(q).set(third).get(r).set(q).get(third).set(r).release(third);
  }
}

/** Steps through the elements of a group of dimensions in row-major order. */
class Cursor {
  readonly pointer: Local;
  private readonly f: FunctionBuilder;
  private readonly dims: readonly Dim[];
  private readonly operand: "a" | "b";
  /** The position in each dimension but the first, which never ends early. */
  private readonly positions: readonly Local[];

  constructor(f: FunctionBuilder, dims: readonly Dim[], operand: "a" | "b") {
    this.f = f;
    this.dims = dims;
    this.operand = operand;
    this.pointer = f.local("i32");
    this.positions = dims.slice(1).map(() => f.local("i32"));
  }

  /** Goes to the element number `index`. */
  seek(base: Local, index: Local): void {
    const { f, dims, operand, pointer } = this;
    f.get(base).set(pointer);
    const rest = f.local("i32");
    f.get(index).set(rest);
    for (let d = dims.length - 1; d >= 0; d--) {
      const { size } = dims[d]!;
      const position = d > 0 ? this.positions[d - 1]! : rest;
      if (d > 0) {
        f.get(rest).i32(size).op("i32.rem_u").set(position);
        f.get(rest).i32(size).op("i32.div_u").set(rest);
      }
      pushAddress(f, pointer, position, dims[d]![operand]);
      f.set(pointer);
    }
    f.release(rest);
  }

  next(): void {
    const { f, dims, operand, pointer } = this;
    const step = (d: number): void => {
      advance(f, pointer, dims[d]![operand]);
      if (d === 0) return;
      const position = this.positions[d - 1]!;
      const { size } = dims[d]!;
      f.get(position).i32(1).op("i32.add").tee(position).i32(size).op("i32.eq");
      f.if_(() => {
        f.i32(0).set(position);
        advance(f, pointer, -size * dims[d]![operand]);
        step(d - 1);
      });
    };
    if (dims.length > 0) step(dims.length - 1);
  }

  release(): void {
    this.f.release(this.pointer, ...this.positions);
  }
}

/** A function over rows: loads the operands' addresses, and calls `body` once for the rows of each batch in the range. */
function emitOverBatches(
  problem: Problem,
  module: ModuleBuilder,
  packedBatchBytes: number | null,
  body: (f: FunctionBuilder, at: { a: Local; b: Local; out: Local; first: Local; count: Local; scratch: Local }) => void,
): FunctionRef {
  const { name, batch, batches, M, N, bytes, offsetA, offsetB, gap } = problem;
  return module.func(name, ["i32", "i32", "i32", "i32"], [], (f) => {
    const [args, begin, end, scratch] = f.params as [Local, Local, Local, Local];
    const [a, b, out, first, count] = Array.from({ length: 5 }, () => f.local("i32")) as [Local, Local, Local, Local, Local];
    const number = f.local("i32");
    const pushB = () => {
      if (packedBatchBytes !== null) f.get(args).load("i32.load", 12);
      else f.get(args).load("i32.load", 4).i32(offsetB).op("i32.add");
    };
    f.get(args)
      .load("i32.load", 8)
      .get(begin)
      .i32(N * bytes)
      .op("i32.mul")
      .op("i32.add")
      .set(out);
    f.block((exit) => {
      f.get(begin).get(end).op("i32.ge_s").br_if(exit);
      if (batches === 1) {
        f.get(args).load("i32.load", 0).i32(offsetA).op("i32.add").set(a);
        pushB();
        f.set(b);
        f.get(begin).set(first).get(end).get(begin).op("i32.sub").set(count);
        body(f, { a, b, out, first, count, scratch });
        return;
      }
      if (gap > 0) {
        f.get(begin).i32(M).op("i32.div_u").set(number);
        pushAddress(f, out, number, gap);
        f.set(out);
      }
      f.loop((again) => {
        f.get(begin).i32(M).op("i32.div_u").set(number);
        f.get(begin).i32(M).op("i32.rem_u").set(first);
        f.i32(M).get(first).op("i32.sub").tee(count);
        f.get(end).get(begin).op("i32.sub").get(count).get(end).get(begin).op("i32.sub").op("i32.lt_s").select().set(count);
        f.get(args).load("i32.load", 0).i32(offsetA).op("i32.add").set(a);
        const cursorA = new Cursor(f, batch, "a");
        cursorA.seek(a, number);
        f.get(cursorA.pointer).set(a);
        cursorA.release();
        pushB();
        f.set(b);
        if (packedBatchBytes !== null) {
          pushAddress(f, b, number, packedBatchBytes);
          f.set(b);
        } else {
          const cursorB = new Cursor(f, batch, "b");
          cursorB.seek(b, number);
          f.get(cursorB.pointer).set(b);
          cursorB.release();
        }
        body(f, { a, b, out, first, count, scratch });
        pushAddress(f, out, count, N * bytes);
        f.set(out);
        advance(f, out, gap); // the next rows are another batch's, or the last were done
        f.get(begin).get(count).op("i32.add").tee(begin).get(end).op("i32.lt_s").br_if(again);
      });
    });
  });
}

function emitZeros({ name, N, bytes }: Problem, module: ModuleBuilder): FunctionRef {
  return module.func(name, ["i32", "i32", "i32", "i32"], [], (f) => {
    const [args, begin, end] = f.params as [Local, Local, Local, Local];
    f.get(args)
      .load("i32.load", 8)
      .get(begin)
      .i32(N * bytes)
      .op("i32.mul")
      .op("i32.add");
    f.i32(0)
      .get(end)
      .get(begin)
      .op("i32.sub")
      .i32(N * bytes)
      .op("i32.mul")
      .memoryFill();
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// One vector times many: vectors along the inner index.

function emitDot(problem: Problem, module: ModuleBuilder): FunctionRef {
  const { N, bytes, rows, columns } = problem;
  const many = N === 1 ? (rows[0]?.a ?? 0) : (columns[0]?.b ?? 0);
  const groups = many >= 0 ? [8, 4, 1] : [1];
  const functions = groups.map((group) => defineDots(problem, module, group, many));
  return emitOverBatches(problem, module, null, (f, { a, b, out, first, count }) => {
    const [one, other, result, left] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
    const line = () => {
      groups.forEach((group, i) => {
        countDown(f, left, group, () => {
          f.get(one).get(other).get(result).call(functions[i]!);
          advance(f, other, group * many);
          advance(f, result, group * bytes);
        });
      });
    };
    f.get(out).set(result);
    if (N === 1) {
      f.get(b).set(one).get(count).set(left);
      pushAddress(f, a, first, many);
      f.set(other);
      line();
    } else {
      const stride = rows[0]?.a ?? 0;
      pushAddress(f, a, first, stride);
      f.set(one);
      countDown(f, count, 1, () => {
        f.get(b).set(other).i32(N).set(left);
        line();
        advance(f, one, stride);
      });
    }
  });
}

/** (x, y, out): out[i] = Σ x[k] · y[i · stride + k] for i < group. */
function defineDots(problem: Problem, module: ModuleBuilder, group: number, stride: number): FunctionRef {
  const { K } = problem;
  const vectors = new Vectors(problem);
  const { lanes } = vectors;
  // A single sum would wait for each addition: four take turns.
  const turns = group === 1 ? 4 : 1;
  return module.func(null, ["i32", "i32", "i32"], [], (f) => {
    const [x, y, out] = f.params as [Local, Local, Local];
    const sums = Array.from({ length: group * turns }, () => f.local("v128"));
    for (const sum of sums) vectors.zero(f, sum);
    const [vx, vy] = [f.local("v128"), f.local("v128")];
    const step = (offset: number, count: number, turn: number) => {
      vectors.load(f, x, offset, count);
      f.set(vx);
      for (let i = 0; i < group; i++) {
        vectors.load(f, y, i * stride + offset, count);
        f.set(vy);
        vectors.multiplyAdd(f, vx, vy, sums[i * turns + turn]!);
      }
    };
    const unroll = group === 1 ? 4 : 2;
    const whole = Math.floor(K / lanes);
    if (whole > 0) {
      nest(f, [whole], [{ pointers: [x, y], strides: [16] }], unroll, (steps) => {
        for (let s = 0; s < steps; s++) step(16 * s, lanes, s % turns);
      });
    }
    if (K % lanes > 0) step(0, K % lanes, 0);
    if (group === 1) {
      for (let turn = 1; turn < 4; turn++) f.get(sums[0]!).get(sums[turn]!).op(vectors.op("add")).set(sums[0]!);
      vectors.pushLaneSums(f, sums.slice(0, 1));
      f.set(vx);
      vectors.store(f, out, 0, vx, 1);
    } else {
      for (let i = 0; i < group; i += lanes) {
        vectors.pushLaneSums(f, sums.slice(i, i + lanes));
        f.set(vx);
        vectors.store(f, out, i * vectors.bytes, vx);
      }
    }
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Transposed matrix times vector: vectors along the rows.

function emitRowVectors(problem: Problem, module: ModuleBuilder): FunctionRef {
  const { inner, bytes } = problem;
  const vectors = new Vectors(problem);
  const { lanes } = vectors;
  /** (a, b, out): `rows` results from there on. */
  const define = (rows: number): FunctionRef =>
    module.func(null, ["i32", "i32", "i32"], [], (f) => {
      const [a, b, out] = f.params as [Local, Local, Local];
      const sums = Array.from({ length: Math.ceil(rows / lanes) }, () => f.local("v128"));
      for (const sum of sums) vectors.zero(f, sum);
      const [va, vb] = [f.local("v128"), f.local("v128")];
      const count = Math.min(rows, lanes);
      const { sizes, moving } = innerLoops(inner, [a], [b]);
      // Strides of b may be negative, so b moves at every step.
      nest(f, sizes, moving, 1, () => {
        vectors.loadSplat(f, b, 0);
        f.set(vb);
        sums.forEach((sum, i) => {
          vectors.load(f, a, 16 * i, count);
          f.set(va);
          vectors.multiplyAdd(f, va, vb, sum);
        });
      });
      sums.forEach((sum, i) => {
        vectors.store(f, out, 16 * i, sum, count);
      });
    });
  const groups = [8 * lanes, lanes, 1];
  const functions = groups.map(define);
  return emitOverBatches(problem, module, null, (f, { a, b, out, first, count }) => {
    const [from, to] = [f.local("i32"), f.local("i32")];
    pushAddress(f, a, first, bytes);
    f.set(from).get(out).set(to);
    const left = f.local("i32");
    f.get(count).set(left);
    groups.forEach((group, i) => {
      countDown(f, left, group, () => {
        f.get(from).get(b).get(to).call(functions[i]!);
        advance(f, from, group * bytes);
        advance(f, to, group * bytes);
      });
    });
  });
}

/** All inner loops, with pointers into a and b as they lie. */
function innerLoops(inner: readonly Dim[], a: readonly Local[], b: readonly Local[]) {
  const dims = inner.length > 0 ? inner : [{ size: 1, a: 0, b: 0 }];
  return {
    sizes: dims.map(({ size }) => size),
    moving: [
      { pointers: a, strides: dims.map((dim) => dim.a) },
      { pointers: b, strides: dims.map((dim) => dim.b) },
    ],
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Tiles.

/**
 * Inner loops cut in two: blocks, over `outer` dimensions and over stretches of `step` indices of the dimension `cut`, and
 * the loops within a block, over one stretch of `cut` and over `within`.
 */
interface Blocking {
  readonly outer: readonly Dim[];
  readonly cut: Dim;
  readonly step: number;
  readonly within: readonly Dim[];
  /** Stretches of `cut`, and blocks in all. */
  readonly stretches: number;
  readonly blocks: number;
  /** Inner indices for one index of `cut`. */
  readonly volumeWithin: number;
}

function blocking(inner: readonly Dim[]): Blocking {
  let at = inner.length - 1;
  let volumeWithin = 1;
  while (at > 0 && volumeWithin * inner[at]!.size <= BLOCK) volumeWithin *= inner[at--]!.size;
  const cut = inner[at] ?? { size: 1, a: 0, b: 0 };
  const outer = inner.slice(0, Math.max(at, 0));
  const within = inner.slice(at + 1);
  const aim = Math.max(1, Math.round((cut.size * volumeWithin) / BLOCK));
  let step = Math.ceil(cut.size / aim);
  if (aim > 1 && within.length === 0) step = Math.ceil(step / 4) * 4;
  const stretches = Math.ceil(cut.size / step);
  return { outer, cut, step, within, stretches, blocks: volume(outer) * stretches, volumeWithin };
}

interface Tiling {
  readonly problem: Problem;
  readonly blocking: Blocking;
  /** Rows of a tile, and vectors and columns of its width. */
  readonly height: number;
  readonly width: number;
  readonly panelColumns: number;
  /** Whole panels, and columns of the narrower one after them. */
  readonly panels: number;
  readonly edge: number;
  readonly packA: boolean;
  readonly packB: boolean;
  /** Rows lie at equal distances, not negative. */
  readonly evenRows: boolean;
  /** Rows of a packed at a time, and panels that are used together. */
  readonly rowsTogether: number;
  readonly panelsTogether: number;
}

function planTiles(problem: Problem): ContractionCode {
  const { name, bytes, lanes, batches, rows, columns, inner, relaxed, M, N, K } = problem;
  const blocks = blocking(inner);
  const innermost = inner.at(-1) ?? { size: 1, a: bytes, b: 0 };
  const evenRows = rows.length === 0 || (rows.length === 1 && rows[0]!.a >= 0);

  // Sums stay in registers, of which there are 16: one row can be wide, six rows are two vectors wide.
  const vectorsNeeded = Math.ceil(N / lanes);
  const widest = M <= 3 ? [8, 8, 4, 3][M]! : 2;
  const width = Math.min(widest, vectorsNeeded);
  // Without fused multiply-add the product takes a register, and a sixth row would spill: half the speed.
  const tallest = width === 1 && evenRows ? 8 : relaxed ? 6 : 5;
  const height = Math.min(M, tallest);
  const panelColumns = width * lanes;

  const evenColumns = columns.length === 0 || (columns.length === 1 && columns[0]!.b === bytes);
  const readableB = evenColumns && innermost.b >= 0;
  const packB = !(readableB && (M < 24 || K * N * bytes <= FIRST_CACHE));
  const packA = innermost.a !== bytes && N > 2 * panelColumns && K > 1 && M * K * bytes > FIRST_CACHE / 2;
  const blockVolume = blocks.step * blocks.volumeWithin;
  const panelBytes = blockVolume * panelColumns * bytes;
  const tiling: Tiling = {
    ...{ problem, blocking: blocks, height, width, panelColumns, packA, packB, evenRows },
    panels: Math.floor(N / panelColumns),
    edge: N % panelColumns,
    rowsTogether: 8 * height,
    panelsTogether: Math.max(4, Math.floor(SECOND_CACHE / panelBytes)),
  };

  const kernels: ContractionStep[] = [];
  const allPanels = Math.ceil(N / panelColumns);
  if (packB) {
    const units = batches * blocks.blocks * allPanels;
    const perUnit = blockVolume * panelColumns;
    kernels.push({
      name: `${name}.pack`,
      units,
      grain: Math.max(1, Math.ceil(32768 / perUnit), Math.ceil(units / 64)),
      together: 1,
      scratchBytes: 0,
      parallel: units * perUnit >= 65536,
      emit: (module) => emitPackB(tiling, `${name}.pack`, module),
    });
  }
  kernels.push({
    name,
    units: batches * M,
    grain: grainOf(problem, height),
    together: height,
    scratchBytes: packA ? tiling.rowsTogether * blockVolume * bytes : 0,
    parallel: batches * M * N * K >= PARALLEL_WORK,
    emit: (module) => emitTiles(tiling, module),
  });
  return { kernels, packedBytes: packB ? batches * K * allPanels * panelColumns * bytes : 0 };
}

/** Counts of the loops within a block; the outermost is a local where blocks differ. */
function countsWithin({ cut, step, within, stretches }: Blocking, count: Local | null): (number | Local)[] {
  return [stretches > 1 ? count! : Math.min(step, cut.size), ...within.map(({ size }) => size)];
}

/** Strides, in the loops within a block, of something packed at `stride` bytes an inner index. */
function packedStrides({ within }: Blocking, stride: number): number[] {
  const strides = [stride];
  for (const { size } of [...within].reverse()) strides.unshift(strides[0]! * size);
  return strides;
}

function stridesWithin({ cut, within }: Blocking, operand: "a" | "b"): number[] {
  return [cut, ...within].map((dim) => dim[operand]);
}

function emitTiles(tiling: Tiling, module: ModuleBuilder): FunctionRef {
  const { problem, blocking, height, panelColumns, panels, edge, packA, packB, evenRows } = tiling;
  const { bytes, M, N, K, rows } = problem;
  const { outer, cut, step, stretches, blocks, volumeWithin } = blocking;
  const allPanels = panels + (edge > 0 ? 1 : 0);
  const variesInCount = stretches > 1;
  const manyBlocks = blocks > 1;
  const parts = panels > tiling.panelsTogether * 1.5 ? Math.ceil(panels / tiling.panelsTogether) : 1;
  const panelsAPart = Math.ceil(panels / parts);
  const shape: StripShape = { variesInCount, manyBlocks, manyParts: parts > 1 };
  // Rows that do not fill a tile: those at the end have a function of their own, any others go one by one.
  const heights = [...new Set([height, M % height, 1])].filter((h) => h > 0);
  const strips = new Map(heights.map((h) => [h, defineStrip(tiling, module, h, shape)]));
  const packs = packA ? new Map(heights.map((h) => [h, definePackA(tiling, module, h, variesInCount)])) : null;
  const rowStride = rows[0]?.a ?? 0;
  const packedPanelStride = height * bytes;

  return emitOverBatches(problem, module, packB ? K * allPanels * panelColumns * bytes : null, (f, at) => {
    const { first, count, scratch } = at;
    const [a, b, part, out, left] = Array.from({ length: 5 }, () => f.local("i32")) as [Local, Local, Local, Local, Local];
    const stretch = f.local("i32");
    const later = f.local("i32");
    const partPanels = f.local("i32");
    const isLast = f.local("i32");
    const cursor = new Cursor(f, rows, "a");
    const pointers = Array.from({ length: evenRows ? 1 : height }, () => f.local("i32"));

    /** Sets the pointers to the next `h` rows. */
    const takeRows = (h: number) => {
      for (let i = 0; i < (evenRows ? 1 : h); i++) {
        f.get(cursor.pointer).set(pointers[i]!);
        if (!evenRows) cursor.next();
      }
      if (evenRows) advance(f, cursor.pointer, h * rowStride);
    };
    const callStrip = (h: number, from: readonly Local[]) => {
      for (const p of from) f.get(p);
      f.get(part).get(out);
      if (variesInCount) f.get(stretch);
      if (manyBlocks) f.get(later);
      if (shape.manyParts) f.get(partPanels).get(isLast);
      f.call(strips.get(h)!);
      advance(f, out, h * N * bytes);
    };
    /** Calls `each` for tiles of `left` rows. */
    const overTiles = (each: (h: number) => void) => {
      countDown(f, left, height, () => each(height));
      const end = M % height;
      if (end > 1) {
        f.get(left).i32(end).op("i32.eq");
        f.if_(() => {
          each(end);
          f.i32(0).set(left);
        });
      }
      if (height > 1) countDown(f, left, 1, () => each(1));
    };

    const rowsOfPart = () => {
      cursor.seek(a, first);
      if (!packA) {
        f.get(count).set(left);
        overTiles((h) => {
          takeRows(h);
          callStrip(h, evenRows ? pointers : pointers.slice(0, h));
        });
        return;
      }
      const remaining = f.local("i32");
      const together = f.local("i32");
      const panel = f.local("i32");
      f.get(count).set(remaining);
      f.loop((again) => {
        f.i32(tiling.rowsTogether).get(remaining);
        f.i32(tiling.rowsTogether).get(remaining).op("i32.lt_s").select().set(together);
        const nextPanel = () => {
          f.get(panel);
          if (variesInCount)
            f.get(stretch)
              .i32(volumeWithin * packedPanelStride)
              .op("i32.mul");
          else f.i32(step * volumeWithin * packedPanelStride);
          f.op("i32.add").set(panel);
        };
        f.get(scratch).set(panel).get(together).set(left);
        overTiles((h) => {
          takeRows(h);
          for (const p of evenRows ? pointers : pointers.slice(0, h)) f.get(p);
          f.get(panel);
          if (variesInCount) f.get(stretch);
          f.call(packs!.get(h)!);
          nextPanel();
        });
        f.get(scratch).set(panel).get(together).set(left);
        overTiles((h) => {
          callStrip(h, [panel]);
          nextPanel();
        });
        f.get(remaining).get(together).op("i32.sub").tee(remaining).br_if(again);
      });
      f.release(remaining, together, panel);
    };

    const panelsOfBlock = () => {
      f.get(b).set(part).get(at.out).set(out);
      if (parts === 1) return rowsOfPart();
      const [panelsLeft, partOut] = [f.local("i32"), f.local("i32")];
      f.i32(panels).set(panelsLeft).get(at.out).set(partOut);
      f.loop((again) => {
        f.i32(panelsAPart).get(panelsLeft).i32(panelsAPart).get(panelsLeft).op("i32.lt_s").select().set(partPanels);
        f.get(partPanels).get(panelsLeft).op("i32.eq").set(isLast);
        f.get(partOut).set(out);
        rowsOfPart();
        pushAddress(f, partOut, partPanels, panelColumns * bytes);
        f.set(partOut);
        f.get(part).get(partPanels);
        if (!packB) f.i32(panelColumns * bytes).op("i32.mul");
        else {
          f.i32(volumeWithin * panelColumns * bytes).op("i32.mul");
          if (variesInCount) f.get(stretch).op("i32.mul");
          else f.i32(step).op("i32.mul");
        }
        f.op("i32.add").set(part);
        f.get(panelsLeft).get(partPanels).op("i32.sub").tee(panelsLeft).br_if(again);
      });
      f.release(panelsLeft, partOut);
    };

    const overStretches = () => {
      const done = f.local("i32");
      f.i32(0).set(done);
      f.loop((again) => {
        f.i32(step).i32(cut.size).get(done).op("i32.sub");
        f.i32(step).i32(cut.size).get(done).op("i32.sub").op("i32.lt_s").select().set(stretch);
        panelsOfBlock();
        f.i32(1).set(later);
        pushAddress(f, a, stretch, cut.a);
        f.set(a);
        pushAddress(f, b, stretch, packB ? volumeWithin * allPanels * panelColumns * bytes : cut.b);
        f.set(b);
        f.get(done).get(stretch).op("i32.add").tee(done).i32(cut.size).op("i32.lt_s").br_if(again);
      });
      f.release(done);
      advance(f, a, -cut.size * cut.a);
      if (!packB) advance(f, b, -cut.size * cut.b);
    };
    const overBlocks = (depth: number): void => {
      if (depth < outer.length) {
        const dim = outer[depth]!;
        repeat(f, dim.size, () => {
          overBlocks(depth + 1);
          advance(f, a, dim.a);
          if (!packB) advance(f, b, dim.b);
        });
        advance(f, a, -dim.size * dim.a);
        if (!packB) advance(f, b, -dim.size * dim.b);
      } else if (variesInCount) {
        overStretches();
      } else {
        panelsOfBlock();
        f.i32(1).set(later);
        if (packB) advance(f, b, step * volumeWithin * allPanels * panelColumns * bytes);
      }
    };
    f.get(at.a).set(a).get(at.b).set(b).i32(0).set(later);
    overBlocks(0);
  });
}

interface StripShape {
  readonly variesInCount: boolean;
  readonly manyBlocks: boolean;
  readonly manyParts: boolean;
}

/**
 * (rows of a..., b, out, [count], [later], [panels, last]): one row of tiles over one block of inner indices. `later` adds to
 * what earlier blocks have left in out; `last` takes the narrower panel along.
 */
function defineStrip(tiling: Tiling, module: ModuleBuilder, height: number, shape: StripShape): FunctionRef {
  const { problem, blocking, panelColumns, panels, edge, packA, packB, evenRows } = tiling;
  const { N, bytes, rows } = problem;
  const vectors = new Vectors(problem);
  const { lanes } = vectors;
  const single = packA || evenRows;
  const rowPointers = single ? 1 : height;
  const rowOffset = packA ? bytes : (rows[0]?.a ?? 0);
  const stridesA = packA ? packedStrides(blocking, tiling.height * bytes) : stridesWithin(blocking, "a");
  const stridesB = packB ? packedStrides(blocking, panelColumns * bytes) : stridesWithin(blocking, "b");
  const stepA = stridesA.at(-1)!;
  const stepB = stridesB.at(-1)!;
  const extras = (shape.variesInCount ? 1 : 0) + (shape.manyBlocks ? 1 : 0) + (shape.manyParts ? 2 : 0);

  return module.func(null, new Array(rowPointers + 2 + extras).fill("i32"), [], (f) => {
    const given = [...f.params];
    const from = given.splice(0, rowPointers);
    const [b, out] = given.splice(0, 2) as [Local, Local];
    const count = shape.variesInCount ? given.shift()! : null;
    const later = shape.manyBlocks ? given.shift()! : null;
    const [panelsNow, last] = shape.manyParts ? (given as [Local, Local]) : [null, null];
    const a = from.map(() => f.local("i32"));
    const bNow = f.local("i32");

    const tile = (columns: number) => {
      const across = Math.ceil(columns / lanes);
      const lanesOf = (v: number) => Math.min(lanes, columns - v * lanes);
      const sums = Array.from({ length: height }, () => Array.from({ length: across }, () => f.local("v128")));
      for (const sum of sums.flat()) vectors.zero(f, sum);
      const right = Array.from({ length: across }, () => f.local("v128"));
      const leftElement = f.local("v128");
      from.forEach((p, i) => {
        f.get(p).set(a[i]!);
      });
      f.get(b).set(bNow);
      const moving = [
        { pointers: a, strides: stridesA },
        { pointers: [bNow], strides: stridesB },
      ];
      nest(f, countsWithin(blocking, count), moving, 4, (steps) => {
        for (let s = 0; s < steps; s++) {
          right.forEach((vector, v) => {
            vectors.load(f, bNow, s * stepB + 16 * v, packB ? lanes : lanesOf(v));
            f.set(vector);
          });
          for (let row = 0; row < height; row++) {
            vectors.loadSplat(f, a[single ? 0 : row]!, s * stepA + (single ? row * rowOffset : 0));
            f.set(leftElement);
            right.forEach((vector, v) => {
              vectors.multiplyAdd(f, leftElement, vector, sums[row]![v]!);
            });
          }
        }
      });
      if (later) {
        f.get(later).if_(() => {
          sums.forEach((line, row) => {
            line.forEach((sum, v) => {
              vectors.load(f, out, row * N * bytes + 16 * v, lanesOf(v));
              f.get(sum).op(vectors.op("add")).set(sum);
            });
          });
        });
      }
      sums.forEach((line, row) => {
        line.forEach((sum, v) => {
          vectors.store(f, out, row * N * bytes + 16 * v, sum, lanesOf(v));
        });
      });
      f.release(...sums.flat(), ...right, leftElement);
    };

    if (panels > 0) {
      repeat(f, panelsNow ?? panels, () => {
        tile(panelColumns);
        advance(f, out, panelColumns * bytes);
        if (packB) f.get(bNow).set(b);
        else advance(f, b, panelColumns * bytes);
      });
    }
    if (edge > 0) {
      if (last) f.get(last).if_(() => tile(edge));
      else tile(edge);
    }
  });
}

/** (rows of a..., to, [count]): copies `height` rows of a block, an inner index after the other. */
function definePackA(tiling: Tiling, module: ModuleBuilder, height: number, variesInCount: boolean): FunctionRef {
  const { problem, blocking, evenRows } = tiling;
  const { bytes, rows } = problem;
  const vectors = new Vectors(problem);
  const rowOffset = rows[0]?.a ?? 0;
  const rowPointers = evenRows ? 1 : height;
  const toStride = tiling.height * bytes;
  const contiguous = evenRows && rowOffset === bytes;
  return module.func(null, new Array(rowPointers + 1 + (variesInCount ? 1 : 0)).fill("i32"), [], (f) => {
    const given = [...f.params];
    const from = given.splice(0, rowPointers);
    const to = given.shift()!;
    const count = given.shift() ?? null;
    const stridesA = stridesWithin(blocking, "a");
    const stepA = stridesA.at(-1)!;
    const moving = [
      { pointers: from, strides: stridesA },
      { pointers: [to], strides: packedStrides(blocking, toStride) },
    ];
    const value = f.local("v128");
    nest(f, countsWithin(blocking, count), moving, 4, (steps) => {
      for (let s = 0; s < steps; s++) {
        for (let row = 0; row < height; row += contiguous ? vectors.lanes : 1) {
          if (contiguous) {
            const some = Math.min(vectors.lanes, height - row);
            vectors.load(f, from[0]!, s * stepA + row * bytes, some);
            f.set(value);
            vectors.store(f, to, s * toStride + row * bytes, value, some);
          } else {
            f.get(to).get(from[evenRows ? 0 : row]!);
            const offset = s * stepA + (evenRows ? row * rowOffset : 0);
            if (bytes === 4) f.load("i32.load", offset).store("i32.store", s * toStride + row * bytes);
            else f.load("i64.load", offset).store("i64.store", s * toStride + row * bytes);
          }
        }
      }
    });
  });
}

/** Copies b: for each batch, block and panel, in this order (the units), an inner index after the other. */
function emitPackB(tiling: Tiling, name: string, module: ModuleBuilder): FunctionRef {
  const { problem, blocking, panelColumns, panels, edge } = tiling;
  const { bytes, lanes, batch, columns, offsetB, K } = problem;
  const { outer, cut, step, stretches, blocks, volumeWithin } = blocking;
  const vectors = new Vectors(problem);
  const allPanels = panels + (edge > 0 ? 1 : 0);
  const toStride = panelColumns * bytes;
  const stridesB = stridesWithin(blocking, "b");
  const stepB = stridesB.at(-1)!;
  const contiguousColumns = columns.length === 1 && columns[0]!.b === bytes;

  return module.func(name, ["i32", "i32", "i32", "i32"], [], (f) => {
    const [args, unit, end] = f.params as [Local, Local, Local, Local];
    const locals = Array.from({ length: 8 }, () => f.local("i32"));
    const [from, to, panel, block, number, stretch, count, column] = locals as [
      ...[Local, Local, Local, Local, Local, Local, Local, Local],
    ];

    /** Copies `width` columns; `to` gets whole panels' width. */
    const copy = (width: number) => {
      const pointers = [from];
      if (!contiguousColumns) {
        const cursor = new Cursor(f, columns, "b");
        cursor.seek(from, column);
        pointers[0] = f.local("i32");
        for (let i = 0; i < width; i++) {
          pointers[i] ??= f.local("i32");
          f.get(cursor.pointer).set(pointers[i]!);
          if (i < width - 1) cursor.next();
        }
        cursor.release();
      } else {
        pushAddress(f, from, column, bytes);
        f.set(from);
      }
      const moving = [
        { pointers, strides: stridesB },
        { pointers: [to], strides: packedStrides(blocking, toStride) },
      ];
      const counts = countsWithin(blocking, count);
      const value = f.local("v128");
      const scalars = (steps: number) => {
        for (let s = 0; s < steps; s++) {
          for (let i = 0; i < panelColumns; i++) {
            f.get(to).get(pointers[Math.min(i, width - 1)]!);
            if (bytes === 4) f.load("i32.load").store("i32.store", s * toStride + i * bytes);
            else f.load("i64.load").store("i64.store", s * toStride + i * bytes);
          }
        }
      };
      if (contiguousColumns) {
        nest(f, counts, moving, 1, () => {
          for (let i = 0; i < width; i += lanes) {
            vectors.load(f, from, i * bytes, Math.min(lanes, width - i));
            f.set(value);
            vectors.store(f, to, i * bytes, value);
          }
        });
      } else if (stepB === bytes && width === panelColumns) {
        nest(f, counts, moving, lanes, (steps) => {
          if (steps % lanes !== 0) {
            for (let s = 0; s < steps; s++) {
              for (let i = 0; i < panelColumns; i++) {
                f.get(to).get(pointers[i]!);
                if (bytes === 4) f.load("i32.load", s * 4).store("i32.store", s * toStride + i * bytes);
                else f.load("i64.load", s * 8).store("i64.store", s * toStride + i * bytes);
              }
            }
            return;
          }
          for (let s = 0; s < steps; s += lanes) {
            for (let i = 0; i < panelColumns; i += lanes) {
              const square = Array.from({ length: lanes }, () => f.local("v128"));
              square.forEach((vector, j) => {
                vectors.load(f, pointers[i + j]!, s * bytes);
                f.set(vector);
              });
              vectors.transpose(f, square);
              square.forEach((vector, j) => {
                vectors.store(f, to, (s + j) * toStride + i * bytes, vector);
              });
              f.release(...square);
            }
          }
        });
      } else {
        nest(f, counts, moving, 1, scalars);
      }
      f.release(value, ...pointers.filter((p) => p !== from));
    };

    f.block((exit) => {
      f.loop((again) => {
        f.get(unit).get(end).op("i32.ge_s").br_if(exit);
        f.get(unit).i32(allPanels).op("i32.rem_u").set(panel);
        f.get(unit).i32(allPanels).op("i32.div_u").tee(block).i32(blocks).op("i32.div_u").set(number);
        f.get(block).i32(blocks).op("i32.rem_u").set(block);
        // from = b of this batch and block
        f.get(args).load("i32.load", 4).i32(offsetB).op("i32.add").set(from);
        seekB(f, batch, from, number);
        f.get(block).i32(stretches).op("i32.rem_u").i32(step).op("i32.mul").set(stretch);
        f.get(block).i32(stretches).op("i32.div_u").set(block);
        seekB(f, outer, from, block);
        pushAddress(f, from, stretch, cut.b);
        f.set(from);
        f.i32(step).i32(cut.size).get(stretch).op("i32.sub");
        f.i32(step).i32(cut.size).get(stretch).op("i32.sub").op("i32.lt_s").select().set(count);
        // to = packed + (number · K · allPanels + start of the block · allPanels + panel · its size) · toStride
        f.get(args).load("i32.load", 12);
        f.get(number)
          .i32(K * allPanels)
          .op("i32.mul");
        f.get(block)
          .i32(cut.size)
          .op("i32.mul")
          .get(stretch)
          .op("i32.add")
          .i32(volumeWithin * allPanels)
          .op("i32.mul");
        f.op("i32.add").get(panel).get(count).op("i32.mul").i32(volumeWithin).op("i32.mul").op("i32.add");
        f.i32(toStride).op("i32.mul").op("i32.add").set(to);
        f.get(panel).i32(panelColumns).op("i32.mul").set(column);
        if (edge > 0 && panels > 0) {
          f.get(panel).i32(panels).op("i32.eq");
          f.if_(
            () => copy(edge),
            () => copy(panelColumns),
          );
        } else {
          copy(edge > 0 ? edge : panelColumns);
        }
        advance(f, unit, 1);
        f.br(again);
      });
    });
  });
}

/** Moves `pointer` to element number `index` of `dims` of b. */
function seekB(f: FunctionBuilder, dims: readonly Dim[], pointer: Local, index: Local): void {
  if (dims.length === 0) return;
  const cursor = new Cursor(f, dims, "b");
  cursor.seek(pointer, index);
  f.get(cursor.pointer).set(pointer);
  cursor.release();
}
