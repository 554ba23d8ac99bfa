import type { Access, ContractionKernel, LoopKernel, OperandStrides, Slot, Value } from "../../compile/kernel.ts";
import { sizeOf, stridesOf } from "../../shape.ts";
import type { Workspace } from "./emit.ts";
import { emitElement, emitLoop, Space, unravel } from "./loop.ts";
import { byUnits, type MatrixUnit, unitBytes, unitFits, unitSubgroups } from "./matrix-units.ts";
import { type Dispatch, Shader, type Traits, threads } from "./shader.ts";

/**
 * How a matrix product is cut: each workgroup makes a tile of `rows` x `columns`, `depth` terms at a time through shared
 * memory; each thread a part of it of `height` x `width` in registers.
 */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly height: 4 | 8;
  readonly width: 4 | 8;
  /** Made by the device's matrix units instead, by four subgroups in a square. */
  readonly units?: true;
}

export const tiles: readonly Tile[] = [
  { rows: 32, columns: 32, depth: 16, height: 4, width: 4 },
  { rows: 64, columns: 32, depth: 16, height: 8, width: 4 },
  { rows: 64, columns: 64, depth: 16, height: 4, width: 4 },
  { rows: 64, columns: 64, depth: 16, height: 8, width: 8 },
  { rows: 128, columns: 64, depth: 16, height: 8, width: 4 },
  { rows: 128, columns: 128, depth: 8, height: 8, width: 8 },
  { rows: 128, columns: 128, depth: 16, height: 8, width: 8 },
  { rows: 128, columns: 8, depth: 8, height: 4, width: 4 },
  { rows: 8, columns: 128, depth: 8, height: 4, width: 4 },
  { rows: 128, columns: 16, depth: 8, height: 8, width: 4 },
  { rows: 16, columns: 128, depth: 8, height: 4, width: 8 },
  { rows: 64, columns: 64, depth: 16, height: 8, width: 8, units: true },
  { rows: 128, columns: 64, depth: 32, height: 8, width: 8, units: true },
];

/** A tile, and into how many stretches the sum is cut that are added up afterwards. */
export interface Cut {
  readonly tile: Tile;
  readonly splits: number;
}

const threadsOf = (t: Tile, traits: Traits): number =>
  t.units ? unitSubgroups * traits.subgroups!.most : (t.rows / t.height) * (t.columns / t.width);
/** Rows in shared memory are a little longer than they must be, so that neighbours fall into different banks. */
const pitch = (n: number): number => n + 4;
const sharedBytes = (t: Tile, unit?: MatrixUnit): number =>
  (unit?.type === "f16" ? 2 : 4) * t.depth * (pitch(t.rows) + pitch(t.columns)) + (unit ? unitBytes(unit) : 0);

const fitsUnit = (tile: Tile, unit: MatrixUnit, traits: Traits): boolean =>
  unitFits(unit, tile) && sharedBytes(tile, unit) <= traits.workgroupBytes && threadsOf(tile, traits) <= threads;

/** Whether the device can make such tiles. */
export const fits = (tile: Tile, traits: Traits): boolean =>
  tile.units
    ? traits.matrixUnits.some((unit) => fitsUnit(tile, unit, traits))
    : sharedBytes(tile) <= traits.workgroupBytes && threadsOf(tile, traits) <= threads;

/** What multiplies a tile without rounding its operands; undefined where the device has nothing of the kind. */
const unitFor = (kernel: ContractionKernel, tile: Tile, traits: Traits): MatrixUnit | undefined =>
  traits.matrixUnits.find(
    (unit) => fitsUnit(tile, unit, traits) && (unit.type === "f32" || [kernel.a, kernel.b].every(({ slot }) => slot.dtype === "float16")),
  );

/** Sizes of a contraction. */
export function sizesOf(kernel: ContractionKernel): { batch: number; rows: number; columns: number; inner: number } {
  return { batch: sizeOf(kernel.batch), rows: sizeOf(kernel.rows), columns: sizeOf(kernel.columns), inner: sizeOf(kernel.inner) };
}

/** Rows or columns below which a product is a few scalar products, limited by reading its operands. */
const few = 4;

export const isFlat = (kernel: ContractionKernel): boolean => {
  const { rows, columns } = sizesOf(kernel);
  return Math.min(rows, columns) <= few;
};

/** What writing and reading a partial sum costs, in multiplications at rate 1. */
const partialCost = 16;
/** How much faster than its registers alone a device is taken to be with matrix units, before it is measured. */
const unitSpeed = 4;
/** Workgroups that keep a large device busy. */
const busyGroups = 256;

/**
 * Cuts by how long they should take, the best first: multiplications with what sticks out over the edges, at a rate that
 * grows with the numbers each thread has in registers, and no faster than there are workgroups to share them.
 */
export function likelyCuts(kernel: ContractionKernel, traits: Traits): Cut[] {
  const { batch, rows, columns, inner } = sizesOf(kernel);
  const estimates = tiles
    .filter((tile) => fits(tile, traits) && (!tile.units || unitFor(kernel, tile, traits)))
    .map((tile) => {
      const groups = batch * Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
      const splits = Math.max(1, Math.min(Math.floor(busyGroups / groups), Math.floor(inner / (16 * tile.depth)), 64));
      const rate = ((tile.units ? unitSpeed : 1) * (tile.height * tile.width)) / (tile.height + tile.width);
      const size = tile.units ? 1 : threadsOf(tile, traits) / threads;
      const busy = Math.min(1, (groups * splits * size) / busyGroups);
      const partial = splits > 1 ? splits * batch * rows * columns * partialCost : 0;
      return { tile, splits, time: (groups * tile.rows * tile.columns * inner) / rate / busy + partial };
    });
  return estimates.sort((x, y) => x.time - y.time).map(({ tile, splits }) => ({ tile, splits }));
}

export function emitContraction(
  kernel: ContractionKernel,
  name: string,
  traits: Traits,
  workspace: Workspace,
  { tile, splits }: Cut,
): readonly Dispatch[] {
  if (isFlat(kernel)) return asLoops(kernel, workspace).map((loop, i) => emitLoop(loop, i ? `${name}.${i}` : name, traits));
  if (splits === 1) return [emitTiles(kernel, name, traits, tile, 1, kernel.out)];
  const { batch, rows, columns } = sizesOf(kernel);
  const size = batch * rows * columns;
  const partial = workspace("float32", splits * size);
  const shader = new Shader(traits);
  shader.line(`let id = group * ${threads} + thread;`);
  shader.line(`if (id >= ${size}) { return; }`);
  shader.line("var total = 0.0;");
  shader.line(`for (var s = 0; s < ${splits}; s++) { total += ${shader.read(partial, `s * ${size} + id`)}; }`);
  finishElement(shader, kernel, "id", "total");
  const bytes = partial.bytes + kernel.out.bytes;
  return [
    emitTiles(kernel, name, traits, tile, splits, partial),
    shader.finish(`${name}.sum`, Math.ceil(size / threads), { flops: splits * size, bytes }),
  ];
}

/** Stores an element of the product, at its row-major position, or what the epilogue makes of it. */
function finishElement(shader: Shader, kernel: ContractionKernel, at: string, value: string): void {
  const { epilogue, out } = kernel;
  if (!epilogue || epilogue.storesProduct) shader.write(out, at, value);
  if (!epilogue) return;
  const given = new Map<number, string>();
  let strides: readonly number[] = [];
  epilogue.kernel.body.forEach((v, i) => {
    if (v.op !== "load" || v.access.slot !== out) return;
    given.set(i, value);
    strides = v.access.strides;
  });
  // The point that reads this element.
  const { dims } = epilogue.kernel;
  const index = isRowMajor(dims, strides)
    ? unravel(shader, at, dims)
    : dims.map((n, d) => (n === 1 ? "0" : shader.let(`(${at} / ${strides[d]}) % ${n}`, "i")));
  emitElement(shader, epilogue.kernel, new Space(shader, dims, index), given);
}

function isRowMajor(dims: readonly number[], strides: readonly number[]): boolean {
  const rowMajor = stridesOf(dims);
  return dims.every((n, d) => n === 1 || strides[d] === rowMajor[d]);
}

/** Joins neighbouring dimensions through which all strides step as through one. */
function joined(dims: readonly number[], ...lists: readonly (readonly number[])[]): { dims: number[]; strides: number[][] } {
  const out: number[] = [];
  const strides: number[][] = lists.map(() => []);
  dims.forEach((n, d) => {
    if (n === 1) return;
    const last = out.length - 1;
    if (last >= 0 && lists.every((l, k) => strides[k]![last] === l[d]! * n)) {
      out[last]! *= n;
      lists.forEach((l, k) => {
        strides[k]![last] = l[d]!;
      });
    } else {
      out.push(n);
      lists.forEach((l, k) => {
        strides[k]!.push(l[d]!);
      });
    }
  });
  return { dims: out, strides };
}

/** Tiles of the product over one stretch of the sum; `target` is the result, or [splits, ...result]. */
function emitTiles(kernel: ContractionKernel, name: string, traits: Traits, tile: Tile, splits: number, target: Slot): Dispatch {
  const { batch, rows, columns, inner } = sizesOf(kernel);
  const size = threadsOf(tile, traits);
  const unit = tile.units ? unitFor(kernel, tile, traits)! : null;
  const shader = new Shader(traits);
  const [tilesDown, tilesAcross] = [Math.ceil(rows / tile.rows), Math.ceil(columns / tile.columns)];
  const stretch = Math.ceil(inner / splits / tile.depth) * tile.depth;
  const sharedTile = (span: number) =>
    unit ? shader.workgroup(unit.type, tile.depth * pitch(span)) : shader.workgroup("vec4f", (tile.depth * pitch(span)) / 4);
  const left = sharedTile(tile.rows);
  const right = sharedTile(tile.columns);

  shader.line(`let across = group % ${tilesAcross};`);
  shader.line(`let down = (group / ${tilesAcross}) % ${tilesDown};`);
  shader.line(`let layer = group / ${tilesAcross * tilesDown};`);
  const [batchIndex, split] =
    splits === 1 ? ["layer", "0"] : [shader.let(`layer / ${splits}`, "batch"), shader.let(`layer % ${splits}`, "split")];
  const guards = { a: kernel.a.guards ?? [], b: kernel.b.guards ?? [] };
  // Of every group: the strides of a and b, then those of their guards.
  const strideLists = (group: "batch" | "inner") => [kernel.a, kernel.b, ...guards.a, ...guards.b].map((s) => s[group]);
  const guardAt = { a: 2, b: 2 + guards.a.length };
  const batches = joined(kernel.batch, ...strideLists("batch"));
  const batchSpace = new Space(shader, batches.dims, batches.dims.length ? unravel(shader, batchIndex, batches.dims) : []);
  const innerDims = joined(kernel.inner, ...strideLists("inner"));
  const begin = splits === 1 ? "0" : shader.let(`${split} * ${stretch}`, "begin");
  const end = splits === 1 ? String(inner) : shader.let(`min(${begin} + ${stretch}, ${inner})`, "end");
  // Whether stretches end in the middle of a step.
  const ragged = inner % tile.depth !== 0 || stretch * splits !== inner;

  /** How an operand gets into shared memory: `load` begins a step, `store` ends it. */
  const carrier = (side: "a" | "b") => {
    const operand = kernel[side];
    const own = guards[side];
    const [span, count, freeDims] = side === "a" ? [tile.rows, rows, kernel.rows] : [tile.columns, columns, kernel.columns];
    const first = side === "a" ? `down * ${tile.rows}` : `across * ${tile.columns}`;
    const free = joined(freeDims, operand.free, ...own.map((g) => g.free));
    const innerStrides = innerDims.strides[side === "a" ? 0 : 1]!;
    // Neighbouring threads read along whichever dimension is dense in memory.
    const alongInner = (innerStrides.at(-1) ?? 0) === 1 && free.strides[0]!.at(-1) !== 1;
    const base = shader.let(batchSpace.affine({ offset: operand.offset, strides: batches.strides[side === "a" ? 0 : 1]! }), "base");
    const clamped = (at: string) => (count % span === 0 ? `${first} + ${at}` : `min(${first} + ${at}, ${count - 1})`);
    /** Number `e` of the elements of a step. */
    const place = (e: string) =>
      alongInner ? { free: `${e} / ${tile.depth}`, inner: `${e} % ${tile.depth}` } : { free: `${e} % ${span}`, inner: `${e} / ${span}` };
    const put = (shared: string, freeAt: string, innerAt: string, value: string) =>
      shader.line(
        unit
          ? `${shared}[${innerAt} * ${pitch(span)} + ${freeAt}] = ${unit.type}(${value});`
          : `${shared}[${innerAt} * ${pitch(span) / 4} + (${freeAt} >> 2u)][${freeAt} & 3] = ${value};`,
      );
    const elements = span * tile.depth;

    if (free.dims.length > 1 || innerDims.dims.length > 1 || own.length || elements % size) {
      // Windows: where rows begin, and how far they are from the edges, is worked out once, into shared memory.
      const width = 1 + own.length;
      const table = shader.workgroup("i32", span * width);
      shader.block(`for (var f = thread; f < ${span}; f += ${size})`, () => {
        const index = free.dims.length ? unravel(shader, shader.let(clamped("f"), "row"), free.dims) : [];
        const space = new Space(shader, free.dims, index);
        shader.line(`${table}[f * ${width}] = ${base} + ${space.affine({ offset: 0, strides: free.strides[0]! })};`);
        own.forEach((g, i) => {
          const edge = batchSpace.affine({ offset: g.offset, strides: batches.strides[guardAt[side] + i]! });
          shader.line(`${table}[f * ${width} + ${i + 1}] = ${edge} + ${space.affine({ offset: 0, strides: free.strides[i + 1]! })};`);
        });
      });
      return {
        load: (_: string) => {},
        store: (shared: string) =>
          shader.block(`for (var e = thread; e < ${elements}; e += ${size})`, () => {
            const at = place("e");
            shader.line(`let f = ${at.free};`);
            shader.line(`let d = ${at.inner};`);
            shader.line("let k = start + d;");
            const space = new Space(shader, innerDims.dims, innerDims.dims.length ? unravel(shader, "k", innerDims.dims) : []);
            const step = (list: number) => space.affine({ offset: 0, strides: innerDims.strides[list]! });
            const conditions = [
              ...(ragged ? [`k < ${end}`] : []),
              ...own.map((g, i) => `u32(${table}[f * ${width} + ${i + 1}] + ${step(guardAt[side] + i)}) < ${g.size}u`),
            ];
            const element = shader.read(operand.slot, `${table}[f * ${width}] + ${step(side === "a" ? 0 : 1)}`);
            // An element outside is read from somewhere inside of the buffer, and dropped.
            put(shared, "f", "d", conditions.length ? `select(0.0, ${element}, ${conditions.join(" && ")})` : element);
          }),
      };
    }

    // A plain matrix: the next step's elements travel to registers while this one is multiplied.
    const [freeStride, innerStride] = [free.strides[0]![0] ?? 0, innerStrides[0] ?? 0];
    const parts = Array.from({ length: elements / size }, (_, l) => {
      const at = place(shader.let(`thread + ${l * size}`, "e"));
      const [freeAt, innerAt] = [shader.let(at.free, "free"), shader.let(at.inner, "inner")];
      const from = shader.let(`${base} + (${clamped(freeAt)}) * ${freeStride} + ${innerAt} * ${innerStride}`, "from");
      const register = shader.name("carried");
      shader.line(`var ${register}: f32;`);
      return { freeAt, innerAt, from, register };
    });
    return {
      load: (start: string) => {
        for (const { innerAt, from, register } of parts) {
          const element = shader.read(operand.slot, `${from} + ${start} * ${innerStride}`);
          shader.line(`${register} = ${ragged ? `select(0.0, ${element}, ${start} + ${innerAt} < ${end})` : element};`);
        }
      },
      store: (shared: string) => {
        for (const { freeAt, innerAt, register } of parts) put(shared, freeAt, innerAt, register);
      },
    };
  };

  const a = carrier("a");
  const b = carrier("b");
  /** The stretch of the sum, step by step; `multiply` takes up what a step brought into shared memory. */
  const accumulate = (multiply: () => void): void => {
    a.load(begin);
    b.load(begin);
    shader.block(`for (var start = ${begin}; start < ${end}; start += ${tile.depth})`, () => {
      shader.line("workgroupBarrier();");
      a.store(left);
      b.store(right);
      shader.line("workgroupBarrier();");
      shader.block(`if (start + ${tile.depth} < ${end})`, () => {
        a.load(shader.let(`start + ${tile.depth}`, "next"));
        b.load(shader.let(`start + ${tile.depth}`, "next"));
      });
      multiply();
    });
  };
  const plane = rows * columns;
  const origin = shader.let(
    target === kernel.out ? `layer * ${plane + (kernel.gap ?? 0)}` : `${split} * ${batch * plane} + ${batchIndex} * ${plane}`,
    "origin",
  );
  const whole = rows % tile.rows === 0 && columns % tile.columns === 0;
  /** Stores an element of the tile. */
  const finish = (r: string, c: string, value: string): void => {
    const store = () => {
      const at = shader.let(`${origin} + (${r}) * ${columns} + ${c}`, "at");
      const y = shader.let(value, "y");
      if (target === kernel.out) finishElement(shader, kernel, at, y);
      else shader.write(target, at, y);
    };
    if (whole) store();
    else shader.block(`if (${r} < ${rows} && ${c} < ${columns})`, store);
  };
  const corner = { row: `down * ${tile.rows}`, column: `across * ${tile.columns}` };
  if (unit)
    byUnits(shader, unit, { left, right, ...tile, pitches: [pitch(tile.rows), pitch(tile.columns)] }, accumulate, (r, c, value) =>
      finish(shader.let(`${corner.row} + ${r}`, "r"), shader.let(`${corner.column} + ${c}`, "c"), value),
    );
  else
    byRegisters(shader, tile, left, right, accumulate, (r, c, value) => finish(`${corner.row} + ${r}`, `${corner.column} + ${c}`, value));
  const flops = 2 * batch * rows * columns * inner;
  const bytes = kernel.a.slot.bytes + kernel.b.slot.bytes + target.bytes;
  return shader.finish(name, tilesDown * tilesAcross * batch * splits, { flops, bytes }, { size });
}

/** Each thread sums a part of the tile in registers. */
function byRegisters(
  shader: Shader,
  tile: Tile,
  left: string,
  right: string,
  accumulate: (multiply: () => void) => void,
  finish: (row: string, column: string, value: string) => void,
): void {
  const beside = tile.columns / tile.width;
  shader.line(`let tx = thread % ${beside};`);
  shader.line(`let ty = thread / ${beside};`);
  const [high, wide] = [tile.height / 4, tile.width / 4];
  const sums = Array.from({ length: tile.height }, (_, i) => Array.from({ length: wide }, (_, j) => `sum_${i}_${j}`));
  for (const s of sums.flat()) shader.line(`var ${s} = vec4f();`);
  accumulate(() =>
    shader.block(`for (var k = 0; k < ${tile.depth}; k++)`, () => {
      for (let i = 0; i < high; i++)
        shader.line(`let a${i} = ${left}[k * ${pitch(tile.rows) / 4} + ${(i * tile.rows) / tile.height} + ty];`);
      for (let j = 0; j < wide; j++) shader.line(`let b${j}_ = ${right}[k * ${pitch(tile.columns) / 4} + ${j * beside} + tx];`);
      sums.forEach((row, i) => {
        row.forEach((s, j) => {
          shader.line(`${s} = fma(vec4f(a${i >> 2}[${i & 3}]), b${j}_, ${s});`);
        });
      });
    }),
  );
  sums.forEach((row, i) => {
    const r = shader.let(`${(i >> 2) * (tile.rows / high)} + ty * 4 + ${i & 3}`, "r");
    row.forEach((s, j) => {
      const c = shader.let(`${j * (tile.columns / wide)} + tx * 4`, "c");
      for (let lane = 0; lane < 4; lane++) finish(r, `${c} + ${lane}`, `${s}[${lane}]`);
    });
  });
}

/** Cuts dimensions further until both lists are the same; null where their sizes do not fit. */
function refine(a: readonly number[], b: readonly number[]): number[] | null {
  const ends = new Set<number>();
  for (const dims of [a, b]) {
    let product = 1;
    for (const n of [...dims].reverse()) {
      product *= n;
      ends.add(product);
    }
  }
  const sorted = [...ends].sort((x, y) => x - y);
  const out: number[] = [];
  let before = 1;
  for (const end of sorted) {
    if (end % before) return null;
    out.unshift(end / before);
    before = end;
  }
  return out;
}

/** Strides over `dims` as strides over `fine`, which cuts them further. */
function refined(dims: readonly number[], strides: readonly number[], fine: readonly number[]): number[] {
  const out: number[] = new Array(fine.length).fill(0);
  let at = fine.length - 1;
  for (let d = dims.length - 1; d >= 0; d--) {
    let done = 1;
    while (done < dims[d]!) {
      out[at] = strides[d]! * done;
      done *= fine[at]!;
      at--;
    }
  }
  return out;
}

/** A contraction as a sum over an elementwise product, with its epilogue where their dimensions fit together. */
function asLoops(kernel: ContractionKernel, workspace: Workspace): LoopKernel[] {
  const { a, b, batch, rows, columns, inner, epilogue } = kernel;
  const outer = [...batch, ...rows, ...columns];
  const inOrder = epilogue?.kernel.body.every(
    (v) => v.op !== "load" || v.access.slot !== kernel.out || isRowMajor(epilogue.kernel.dims, v.access.strides),
  );
  const fine = epilogue ? (inOrder ? refine(outer.length ? outer : [1], epilogue.kernel.dims) : null) : outer;
  if (epilogue && !fine) {
    const product = epilogue.storesProduct ? kernel.out : workspace(kernel.dtype, kernel.out.size);
    const { epilogue: _, ...plain } = kernel;
    const after = epilogue.kernel.body.map(
      (v): Value => (v.op === "load" && v.access.slot === kernel.out ? { ...v, access: { ...v.access, slot: product } } : v),
    );
    return [...asLoops({ ...plain, out: product }, workspace), { ...epilogue.kernel, body: after }];
  }
  const dims = [...fine!, ...inner];
  const zeros = (group: readonly number[]) => group.map(() => 0);
  type Groups = Pick<OperandStrides, "batch" | "free" | "inner">;
  const overRows = (s: Groups) => [...refined(outer, [...s.batch, ...s.free, ...zeros(columns)], fine!), ...s.inner];
  const overColumns = (s: Groups) => [...refined(outer, [...s.batch, ...zeros(rows), ...s.free], fine!), ...s.inner];
  const load = ({ slot, offset, guards = [], ...groups }: OperandStrides, over: (s: Groups) => number[]): Value => ({
    op: "load",
    access: { slot, offset, strides: over(groups), guards: guards.map((g) => ({ offset: g.offset, size: g.size, strides: over(g) })) },
    args: [],
    dtype: slot.dtype,
  });
  const body: Value[] = [
    load(a, overRows),
    load(b, overColumns),
    { op: "mul", args: [0, 1], dtype: kernel.dtype },
    { op: "reduce", kind: "sum", args: [2], dtype: kernel.dtype },
  ];
  const row: Access = { slot: kernel.out, offset: 0, strides: [...stridesOf(fine!), ...zeros(inner)], guards: [] };
  const stores = !epilogue || epilogue.storesProduct ? [{ value: 3, access: row }] : [];
  if (epilogue) {
    const wide = (access: Access): Access => ({
      ...access,
      strides: [...refined(epilogue.kernel.dims, access.strides, fine!), ...zeros(inner)],
      guards: access.guards.map((g) => ({ ...g, strides: [...refined(epilogue.kernel.dims, g.strides, fine!), ...zeros(inner)] })),
    });
    const place: number[] = [];
    for (const v of epilogue.kernel.body) {
      const args = v.args.map((x) => place[x]!);
      if (v.op === "load" && v.access.slot === kernel.out) place.push(3);
      else if (v.op === "load") place.push(body.push({ ...v, access: wide(v.access) }) - 1);
      else if (v.op === "index" || v.op === "guard") {
        const strides = (affine: { strides: readonly number[] }) => [
          ...refined(epilogue.kernel.dims, affine.strides, fine!),
          ...zeros(inner),
        ];
        if (v.op === "index") place.push(body.push({ ...v, index: { ...v.index, strides: strides(v.index) } }) - 1);
        else place.push(body.push({ ...v, guards: v.guards.map((g) => ({ ...g, strides: strides(g) })) }) - 1);
      } else place.push(body.push({ ...v, args } as Value) - 1);
    }
    for (const s of epilogue.kernel.stores) stores.push({ value: place[s.value]!, access: wide(s.access) });
  }
  return [{ kind: "loop", dims, split: fine!.length, body, stores }];
}
