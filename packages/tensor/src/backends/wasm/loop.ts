import type { Access, Affine, Guard, LoopKernel, Value } from "../../compile/kernel.ts";
import { bytesOf, type DType } from "../../dtype.ts";
import { sizeOf } from "../../shape.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
import { neutral, registerOf, type Speller, vectorises } from "./values.ts";

/** Terms of a float32 sum that are added in float32 before the sum so far goes to float64. */
const sumBlock = 1024;
/** Vectors worked on side by side where additions would otherwise wait for each other. */
const unroll = 4;
const columnStrip = 8;

/** Emits a loop kernel as a function of (args, begin, end, scratch); `slots` gives each slot's place in the table. */
export function emitLoop(f: FunctionBuilder, kernel: LoopKernel, speller: Speller, slotPlace: (access: Access) => number): void {
  new LoopEmitter(f, kernel, speller, slotPlace).run();
}

/** Bytes of scratch a thread needs for values kept from one pass over a row to the next. */
export function loopScratch(kernel: LoopKernel): number {
  const analysis = analyse(kernel);
  return analysis.spilled.size * rowBytes(kernel);
}

/** Neighbouring units that are worked on together and read whole cache lines: a chunk should hold a multiple of them. */
export function unitsTogether(kernel: LoopKernel): number {
  const { byRow, laneDim } = analyse(kernel);
  if (byRow || laneDim < 0) return 1;
  const n = kernel.dims[laneDim]!;
  return kernel.split < kernel.dims.length && n <= 8 * columnStrip ? n : 4;
}

const rowBytes = (kernel: LoopKernel): number => Math.ceil((sizeOf(kernel.dims.slice(kernel.split)) * 8) / 64) * 64;

interface Analysis {
  /** Along which dimension the four lanes lie: the last inner one, or the last outer one. */
  readonly laneDim: number;
  readonly byRow: boolean;
  readonly vector: boolean;
  /** Varies over the inner dimensions. */
  readonly varies: readonly boolean[];
  /** The pass over the row in which a value can first be had. */
  readonly stage: readonly number[];
  readonly passes: number;
  readonly spilled: ReadonlySet<number>;
}

function analyse(kernel: LoopKernel): Analysis {
  const { dims, split, body, stores } = kernel;
  const innerVaries = (a: Affine) => a.strides.some((s, d) => d >= split && s !== 0);
  const varies: boolean[] = [];
  const stage: number[] = [];
  for (const v of body) {
    let own = v.args.some((a) => varies[a]);
    if (v.op === "load") own = innerVaries(v.access) || v.access.guards.some(innerVaries);
    else if (v.op === "index") own = innerVaries(v.index);
    else if (v.op === "guard") own = v.guards.some(innerVaries);
    else if (v.op === "reduce") own = false;
    varies.push(own);
    const from = Math.max(0, ...v.args.map((a) => stage[a]!));
    stage.push(v.op === "reduce" ? from + 1 : from);
  }
  const accesses = [...body.flatMap((v) => (v.op === "load" ? [v.access] : [])), ...stores.map((s) => s.access)];
  const rank = dims.length;
  // Lanes lie where most accesses are next to each other.
  const score = (dim: number) => accesses.reduce((n, a) => n + (a.strides[dim] === 1 ? 2 : a.strides[dim] === 0 ? 1 : -1), 0);
  const rowStores = stores.some((s) => varies[s.value]);
  let byRow = split < rank;
  if (byRow && split > 0 && !rowStores && dims[split - 1]! >= 4) byRow = score(rank - 1) >= score(split - 1);
  if (split === 0) byRow = split < rank;
  const laneDim = byRow ? rank - 1 : split - 1;
  const guardsLane = (gs: readonly Guard[]) => gs.some((g) => g.strides[laneDim] !== 0);
  const vector =
    laneDim >= 0 &&
    dims[laneDim]! >= 4 &&
    body.every((v) =>
      vectorises(
        v,
        v.args.map((a) => body[a]!.dtype),
      ),
    ) &&
    !body.some((v) => (v.op === "load" && guardsLane(v.access.guards)) || (v.op === "guard" && guardsLane(v.guards)));
  const passes = Math.max(0, ...stage) + 1;
  // What is costly and wanted in a later pass again is kept in scratch.
  const cost = body.map(() => 0);
  body.forEach((v, i) => {
    const own =
      v.op === "load" || v.op === "constant" || v.op === "reduce"
        ? 0
        : ["add", "sub", "mul", "max", "min", "cast", "where"].includes(v.op)
          ? 1
          : 8;
    cost[i] = own + v.args.reduce((s, a) => s + (varies[a] ? cost[a]! : 0), 0);
  });
  const spilled = new Set<number>();
  if (byRow && passes > 1) {
    body.forEach((v, i) => {
      if (!varies[i] || cost[i]! < 8) return;
      const wantedLater = body.some((w, j) => w.args.includes(i) && (w.op === "reduce" ? stage[w.args[0]!]! : stage[j]!) > stage[i]!);
      const wantedNow = body.some((w) => w.op === "reduce" && stage[w.args[0]!] === stage[i] && reaches(body, w.args[0]!, i));
      if (wantedLater && wantedNow && bytesOf(v.dtype) <= 8) spilled.add(i);
    });
  }
  return { laneDim, byRow, vector, varies, stage, passes, spilled };
}

function reaches(body: readonly Value[], from: number, to: number): boolean {
  return from === to || (from > to && body[from]!.args.some((a) => reaches(body, a, to)));
}

class LoopEmitter {
  private readonly f: FunctionBuilder;
  private readonly kernel: LoopKernel;
  private readonly speller: Speller;
  private readonly slotPlace: (access: Access) => number;
  private readonly a: Analysis;
  /** Current index along each dimension. */
  private readonly index: Local[];
  /** Pointer of each access at the current place, lane dimension excluded. */
  private readonly pointers = new Map<Access, Local>();
  /** Accesses that move alike share the pointer of the one with the least offset, and lie at constant distances from it. */
  private readonly leaders = new Map<Access, Access>();
  private readonly slotBase = new Map<number, Local>();
  /** Values that hold for the row; with lanes across rows, for each group of four that is worked on side by side. */
  private rowValues: Map<number, Local>[] = [new Map()];
  private readonly splats = new Map<number, Local>();
  private readonly spillPlace = new Map<number, number>();

  constructor(f: FunctionBuilder, kernel: LoopKernel, speller: Speller, slotPlace: (access: Access) => number) {
    this.f = f;
    this.kernel = kernel;
    this.speller = speller;
    this.slotPlace = slotPlace;
    this.a = analyse(kernel);
    this.index = kernel.dims.map(() => f.local("i32"));
    [...this.a.spilled].forEach((v, i) => {
      this.spillPlace.set(v, i * rowBytes(kernel));
    });
  }

  run(): void {
    const { f, kernel } = this;
    const { dims, split, body, stores } = kernel;
    const accesses = [...body.flatMap((v) => (v.op === "load" ? [v.access] : [])), ...stores.map((s) => s.access)];
    for (const access of accesses) {
      const place = this.slotPlace(access);
      if (!this.slotBase.has(place)) {
        const base = f.local("i32");
        f.get(f.param(0))
          .load("i32.load", 4 * place)
          .set(base);
        this.slotBase.set(place, base);
      }
    }
    this.sharePointers(accesses);
    const u = f.local("i32");
    f.get(f.param(1)).set(u);
    const { laneDim, byRow } = this.a;
    this.whileLess(u, f.param(2), () => {
      const rest = f.local("i32");
      f.get(u).set(rest);
      const last = byRow ? split : split - 1; // dimensions decoded from the unit
      let low: Local | null = null;
      let high: Local | null = null;
      if (!byRow && split > 0) {
        // Units lie along the lane dimension: this stretch goes from `low` to `high` of one row.
        [low, high] = [f.local("i32"), f.local("i32")];
        f.get(rest).i32(dims[laneDim]!).op("i32.rem_u").set(low);
        f.get(rest).i32(dims[laneDim]!).op("i32.div_u").set(rest);
        f.get(low).get(f.param(2)).op("i32.add").get(u).op("i32.sub").set(high);
        f.i32(dims[laneDim]!).get(high).get(high).i32(dims[laneDim]!).op("i32.gt_u").select().set(high);
      }
      for (let d = last - 1; d >= 0; d--) {
        if (d === 0) f.get(rest).set(this.index[0]!);
        else {
          f.get(rest).i32(dims[d]!).op("i32.rem_u").set(this.index[d]!);
          f.get(rest).i32(dims[d]!).op("i32.div_u").set(rest);
        }
      }
      for (const access of accesses) this.point(access, (d) => d < last);
      if (byRow || split === 0) {
        this.row();
        f.get(u).i32(1).op("i32.add").set(u);
      } else {
        f.get(u).get(high!).op("i32.add").get(low!).op("i32.sub").set(u);
        const c = this.index[laneDim]!;
        f.get(low!).set(c);
        if (this.a.vector) {
          const end = f.local("i32");
          const strip = (wide: number): void => {
            f.get(high!)
              .i32(4 * wide - 1)
              .op("i32.sub")
              .set(end);
            this.whileLess(
              c,
              end,
              () => {
                this.across(4, wide);
                f.get(c)
                  .i32(4 * wide)
                  .op("i32.add")
                  .set(c);
              },
              true,
            );
          };
          // Reductions down columns read wide strips, so that whole cache lines are used at each step.
          if (split < dims.length && body.length <= 24) {
            const wide = [columnStrip, columnStrip / 2, columnStrip / 4].find((n) => dims[laneDim]! >= 4 * n);
            if (wide) strip(wide);
          }
          strip(1);
          f.release(end);
        }
        this.whileLess(c, high!, () => {
          this.across(1, 1);
          f.get(c).i32(1).op("i32.add").set(c);
        });
        f.release(low!, high!);
      }
      f.release(rest);
    });
  }

  private sharePointers(accesses: readonly Access[]): void {
    const groups = new Map<string, Access>();
    // A guarded access may point outside of memory where it is not read, which no constant distance brings back.
    const key = (a: Access) => `${this.slotPlace(a)} ${a.strides.join()}${a.guards.length ? ` ${accesses.indexOf(a)}` : ""}`;
    for (const access of accesses) {
      const leader = groups.get(key(access));
      if (!leader || access.offset < leader.offset) groups.set(key(access), access);
    }
    for (const access of accesses) this.leaders.set(access, groups.get(key(access))!);
    for (const leader of new Set(this.leaders.values())) this.pointers.set(leader, this.f.local("i32"));
  }

  /** Sets an access's pointer: slot base + bytes · (offset + Σ over chosen dimensions). */
  private point(access: Access, chosen: (d: number) => boolean): void {
    if (this.leaders.get(access) !== access) return;
    const { f } = this;
    const bytes = bytesOf(access.slot.dtype);
    f.get(this.slotBase.get(this.slotPlace(access))!);
    if (access.offset) f.i32(access.offset * bytes).op("i32.add");
    access.strides.forEach((s, d) => {
      if (s === 0 || !chosen(d)) return;
      f.get(this.index[d]!)
        .i32(s * bytes)
        .op("i32.mul")
        .op("i32.add");
    });
    f.set(this.pointers.get(access)!);
  }

  /** Signed comparison: an end below zero means no turn at all. */
  private whileLess(i: Local, end: Local, body: () => void, signed = false): void {
    const { f } = this;
    const less = signed ? "i32.lt_s" : "i32.lt_u";
    f.get(i)
      .get(end)
      .op(less)
      .if_(() => {
        f.loop((again) => {
          body();
          f.get(i).get(end).op(less).br_if(again);
        });
      });
  }

  /** All passes of one row, lanes along it. */
  private row(): void {
    this.allPasses(1, 1);
  }

  /** All passes of `lanes` times `wide` neighbouring rows, lanes across them. */
  private across(lanes: 1 | 4, wide: number): void {
    this.allPasses(lanes, wide);
  }

  private allPasses(lanes: 1 | 4, wide: number): void {
    const { f } = this;
    this.rowValues = Array.from({ length: wide }, () => new Map());
    this.splats.clear();
    for (let pass = 0; pass < this.a.passes; pass++) this.pass(pass, lanes, wide);
    for (const { value, access } of this.kernel.stores) {
      if (this.a.varies[value]) continue;
      this.rowValues.forEach((values, step) => {
        this.store(access, values.get(value)!, this.kernel.body[value]!.dtype, lanes, step);
      });
    }
    for (const values of this.rowValues) f.release(...values.values());
    f.release(...this.splats.values());
    this.splats.clear();
  }

  /** Values the row needs in this pass that do not vary along it, then one sweep for reductions and stores. */
  private pass(pass: number, lanes: 1 | 4, wide: number): void {
    const { f, kernel } = this;
    const { body, stores, dims, split } = kernel;
    const { varies, stage, byRow, vector } = this.a;
    const wantedRow = (i: number) => !varies[i] && stage[i] === pass && body[i]!.op !== "reduce";
    body.forEach((v, i) => {
      if (!wantedRow(i)) return;
      this.rowValues.forEach((values, step) => {
        const local = this.valueLocal(v.dtype, lanes);
        this.compute(v, (a) => values.get(a)!, lanes, step);
        f.set(local);
        values.set(i, local);
      });
    });
    const reduces = body.map((_, i) => i).filter((i) => body[i]!.op === "reduce" && stage[body[i]!.args[0]!] === pass);
    const sweepStores = stores.filter((s) => varies[s.value] && stage[s.value] === pass);
    if (!reduces.length && !sweepStores.length) return;

    const wanted = new Set<number>();
    const visit = (i: number): void => {
      if (!varies[i] || wanted.has(i)) return;
      wanted.add(i);
      if (!(this.a.spilled.has(i) && stage[i]! < pass)) for (const a of body[i]!.args) visit(a);
    };
    for (const i of reduces) visit(body[i]!.args[0]!);
    for (const s of sweepStores) visit(s.value);
    const order = [...wanted].sort((a, b) => a - b);

    const count = sizeOf(dims.slice(split));
    const sums = reduces.map((i) => {
      const v = body[i]! as Value & { op: "reduce" };
      return new Accumulator(f, this.speller, v, count > 256 || byRow);
    });
    for (const acc of sums) acc.start(lanes, byRow && vector, byRow ? 1 : wide);

    const sweepBody = (w: 1 | 4, step: number): void => {
      const locals = new Map<number, Local>();
      const get = (a: number): Local => {
        if (varies[a]) return locals.get(a)!;
        if (w === 4 && byRow) return this.splat(a);
        return this.rowValues[byRow ? 0 : step]!.get(a)!;
      };
      for (const i of order) {
        const v = body[i]!;
        const local = this.valueLocal(v.dtype, w);
        if (this.a.spilled.has(i) && stage[i]! < pass) this.loadSpilled(i, w, step);
        else this.compute(v, get, w, step);
        f.set(local);
        locals.set(i, local);
        if (this.a.spilled.has(i) && stage[i] === pass) this.storeSpilled(i, local, w, step);
      }
      reduces.forEach((i, k) => {
        sums[k]!.add(get(body[i]!.args[0]!), w, step);
      });
      for (const s of sweepStores) this.store(s.access, get(s.value), body[s.value]!.dtype, w, step);
      f.release(...locals.values());
    };

    if (byRow && vector) for (const i of this.rowValuesNeeded(order, reduces, sweepStores)) this.splat(i);
    this.nest(split, sweepBody, sums, lanes, wide);
    reduces.forEach((i, k) => {
      this.rowValues.forEach((values, step) => {
        const local = this.valueLocal(body[i]!.dtype, lanes);
        sums[k]!.finish(lanes, step);
        f.set(local);
        values.set(i, local);
      });
    });
    for (const acc of sums) acc.release();
  }

  private rowValuesNeeded(order: readonly number[], reduces: readonly number[], stores: readonly { value: number }[]): number[] {
    const { body } = this.kernel;
    const needed = new Set<number>();
    for (const i of order) for (const a of body[i]!.args) if (!this.a.varies[a]) needed.add(a);
    for (const i of reduces) if (!this.a.varies[body[i]!.args[0]!]) needed.add(body[i]!.args[0]!);
    for (const s of stores) if (!this.a.varies[s.value]) needed.add(s.value);
    return [...needed].filter((a) => this.rowValues[0]!.has(a));
  }

  /** Loops over the inner dimensions from `d` on; the innermost of a row is vectorised. */
  private nest(d: number, body: (w: 1 | 4, step: number) => void, sums: readonly Accumulator[], lanes: 1 | 4, wide: number): void {
    const { f, kernel } = this;
    const { dims } = kernel;
    const { byRow, vector, laneDim } = this.a;
    if (d === dims.length) {
      for (let step = 0; step < wide; step++) body(lanes, step);
      return;
    }
    const i = this.index[d]!;
    if (byRow && d === laneDim) {
      this.pointInner(d, (e) => e < d);
      const n = dims[d]!;
      const blocked = sums.some((s) => s.blocked);
      const sweep = (from: Local | number, to: Local | number, whole: boolean): void => {
        push(f, from).set(i);
        const end = f.local("i32");
        if (vector) {
          const beside = sums.length ? unroll : 1;
          if (beside > 1 && (!whole || n >= 4 * beside)) {
            push(f, to)
              .i32(4 * beside - 1)
              .op("i32.sub")
              .set(end);
            this.whileLess(
              i,
              end,
              () => {
                for (let step = 0; step < beside; step++) body(4, step);
                f.get(i)
                  .i32(4 * beside)
                  .op("i32.add")
                  .set(i);
              },
              true,
            );
          }
          push(f, to).i32(3).op("i32.sub").set(end);
          this.whileLess(
            i,
            end,
            () => {
              body(4, 0);
              f.get(i).i32(4).op("i32.add").set(i);
            },
            true,
          );
        }
        push(f, to).set(end);
        if (!whole || !vector || n % 4 !== 0)
          this.whileLess(i, end, () => {
            body(1, 0);
            f.get(i).i32(1).op("i32.add").set(i);
          });
        f.release(end);
      };
      if (blocked && n > 2 * sumBlock) {
        const [from, to] = [f.local("i32"), f.local("i32")];
        f.i32(0).set(from);
        f.loop((again) => {
          f.get(from).i32(sumBlock).op("i32.add").set(to);
          f.i32(n).get(to).get(to).i32(n).op("i32.gt_u").select().set(to);
          sweep(from, to, false);
          for (const s of sums) s.flush();
          f.get(to).set(from).get(from).i32(n).op("i32.lt_u").br_if(again);
        });
        f.release(from, to);
      } else {
        sweep(0, n, true);
        for (const s of sums) s.flush();
      }
      return;
    }
    // Loops over inner dimensions that carry no lanes.
    const innermost = !byRow && d === dims.length - 1;
    const flush = (): void => {
      for (const s of sums) s.flush();
    };
    f.i32(0).set(i);
    const end = f.local("i32");
    f.i32(dims[d]!).set(end);
    this.whileLess(i, end, () => {
      if (d === dims.length - 1) this.pointInner(d, (e) => (byRow ? e <= d : e !== laneDim));
      this.nest(d + 1, body, sums, lanes, wide);
      if (innermost && dims[d]! > 512) f.get(i).i32(255).op("i32.and").i32(255).op("i32.eq").if_(flush);
      f.get(i).i32(1).op("i32.add").set(i);
    });
    f.release(end);
    if (innermost) flush();
  }

  /** Moves the pointers of everything that varies along the row to the current inner place. */
  private pointInner(_d: number, chosen: (e: number) => boolean): void {
    const { body, stores, split } = this.kernel;
    const moves = (a: Access) => a.strides.some((s, e) => e >= split && s !== 0 && e !== this.a.laneDim);
    for (const v of body) if (v.op === "load" && moves(v.access)) this.point(v.access, chosen);
    for (const s of stores) if (moves(s.access)) this.point(s.access, chosen);
  }

  private valueLocal(dtype: DType, lanes: 1 | 4): Local {
    return this.f.local(lanes === 4 ? "v128" : registerOf(dtype));
  }

  /** A row value in all four lanes. */
  private splat(i: number): Local {
    let local = this.splats.get(i);
    if (!local) {
      const { dtype } = this.kernel.body[i]!;
      local = this.f.local("v128");
      this.splatScalar(this.rowValues[0]!.get(i)!, dtype);
      this.f.set(local);
      this.splats.set(i, local);
    }
    return local;
  }

  private splatScalar(x: Local, dtype: DType): void {
    const { f } = this;
    if (dtype === "bool") f.i32(0).get(x).op("i32.sub").op("i32x4.splat");
    else f.get(x).op(registerOf(dtype) === "f32" ? "f32x4.splat" : "i32x4.splat");
  }

  /** Leaves a value on the stack. `step` shifts along the lanes by 4·step. */
  private compute(v: Value, get: (a: number) => Local, w: 1 | 4, step: number): void {
    const { f, speller } = this;
    if (v.op === "constant") speller.constant(f, v.value, v.dtype, w);
    else if (v.op === "load") this.load(v.access, v.dtype, w, step);
    else if (v.op === "index") this.indexValue(v.index, v.dtype, w, step);
    else if (v.op === "guard") {
      this.guard(v.guards, step);
      if (w === 4) f.op("i32x4.splat").constant(Int32Array.of(0)).op("i32x4.ne");
    } else
      speller.apply(
        f,
        v,
        v.args.map(get),
        v.args.map((a) => this.kernel.body[a]!.dtype),
        w,
      );
  }

  /** offset + Σ index·stride, as an i32. */
  private affine(a: Affine, step: number): void {
    const { f } = this;
    const shift = this.a.laneDim >= 0 ? (a.strides[this.a.laneDim] ?? 0) * 4 * step : 0;
    f.i32(a.offset + shift);
    a.strides.forEach((s, d) => {
      if (s !== 0) f.get(this.index[d]!).i32(s).op("i32.mul").op("i32.add");
    });
  }

  private guard(guards: readonly Guard[], step: number): void {
    guards.forEach((g, k) => {
      this.affine(g, step);
      this.f.i32(g.size).op("i32.lt_u");
      if (k > 0) this.f.op("i32.and");
    });
  }

  private indexValue(index: Affine, dtype: DType, w: 1 | 4, step: number): void {
    const { f } = this;
    this.affine(index, step);
    const register = registerOf(dtype);
    if (w === 4) {
      const s = index.strides[this.a.laneDim] ?? 0;
      f.op("i32x4.splat")
        .constant(Int32Array.of(0, s, 2 * s, 3 * s))
        .op("i32x4.add");
      if (dtype === "bool") f.constant(Int32Array.of(0)).op("i32x4.ne");
      else if (register === "f32") f.op("f32x4.convert_i32x4_s");
    } else if (register === "f32") f.op("f32.convert_i32_s");
    else if (register === "f64") f.op("f64.convert_i32_s");
    else if (dtype === "bool") f.i32(0).op("i32.ne");
  }

  private laneStride(access: Access): number {
    return this.a.laneDim < 0 ? 0 : access.strides[this.a.laneDim]!;
  }

  /** Address of an access at the current lane; returns the immediate offset that goes with it. */
  private address(access: Access, step: number, lane = 0): number {
    const { f } = this;
    const size = bytesOf(access.slot.dtype);
    const bytes = size * this.laneStride(access);
    const leader = this.leaders.get(access)!;
    const apart = size * (access.offset - leader.offset);
    f.get(this.pointers.get(leader)!);
    if (bytes === 0) return apart;
    f.get(this.index[this.a.laneDim]!).i32(bytes).op("i32.mul").op("i32.add");
    const ahead = bytes * (4 * step + lane) + apart;
    if (ahead >= 0) return ahead;
    f.i32(ahead).op("i32.add");
    return 0;
  }

  private load(access: Access, dtype: DType, w: 1 | 4, step: number): void {
    const { f, speller } = this;
    if (access.guards.length) {
      this.guard(access.guards, step);
      f.if_(
        () => this.loadPlain(access, dtype, w, step),
        () => speller.constant(f, 0, dtype, w),
        w === 4 ? "v128" : registerOf(dtype),
      );
      return;
    }
    this.loadPlain(access, dtype, w, step);
  }

  private loadPlain(access: Access, dtype: DType, w: 1 | 4, step: number): void {
    const { f, speller } = this;
    if (w === 1) {
      speller.load(f, dtype, this.address(access, step));
      return;
    }
    const stride = this.laneStride(access);
    if (stride === 1 && dtype !== "bool") f.load("v128.load", this.address(access, step), 4);
    else if (stride === 1) {
      f.load("v128.load32_zero", this.address(access, step), 1).op("i16x8.extend_low_i8x16_u").op("i32x4.extend_low_i16x8_u");
      f.constant(Int32Array.of(0)).op("i32x4.ne");
    } else if (stride === 0) {
      speller.load(f, dtype, this.address(access, step));
      if (dtype === "bool")
        f.scope(() => {
          const x = f.local("i32");
          f.set(x);
          this.splatScalar(x, dtype);
        });
      else f.op(registerOf(dtype) === "f32" ? "f32x4.splat" : "i32x4.splat");
    } else if (dtype === "bool") {
      f.i32x4(0);
      for (let lane = 0; lane < 4; lane++) {
        f.load("i32.load8_u", this.address(access, step, lane)).lane("i32x4.replace_lane", lane);
      }
      f.constant(Int32Array.of(0)).op("i32x4.ne");
    } else {
      f.load("v128.load32_zero", this.address(access, step), 4);
      for (let lane = 1; lane < 4; lane++) f.load("i32.load", this.address(access, step, lane)).lane("i32x4.replace_lane", lane);
    }
  }

  private store(access: Access, value: Local, dtype: DType, w: 1 | 4, step: number): void {
    const { f, speller } = this;
    if (w === 1) {
      const offset = this.address(access, step);
      f.get(value);
      speller.store(f, dtype, offset);
      return;
    }
    const stride = this.laneStride(access);
    if (stride === 1 && dtype !== "bool") {
      const offset = this.address(access, step);
      f.get(value).store("v128.store", offset, 4);
    } else if (stride === 1) {
      const offset = this.address(access, step);
      f.get(value).get(value).op("i16x8.narrow_i32x4_s").get(value).get(value).op("i16x8.narrow_i32x4_s").op("i8x16.narrow_i16x8_s");
      f.constant(Int8Array.of(1)).op("v128.and").memoryLane("v128.store32_lane", 0, offset, 1);
    } else
      for (let lane = 0; lane < 4; lane++) {
        const offset = this.address(access, step, lane);
        f.get(value).lane(registerOf(dtype) === "f32" ? "f32x4.extract_lane" : "i32x4.extract_lane", lane);
        if (dtype === "bool") f.i32(1).op("i32.and");
        speller.store(f, dtype, offset);
      }
  }

  /** Address in scratch of the current place of the row: 8 bytes an element, whatever the type. */
  private spillAddress(step: number): number {
    const { f, kernel } = this;
    const { dims, split } = kernel;
    f.get(f.param(3));
    let stride = 8;
    for (let d = dims.length - 1; d >= split; d--) {
      // Lanes of a vector lie side by side: 4 bytes each in the vector case.
      const unit = this.a.vector ? stride / 2 : stride;
      f.get(this.index[d]!).i32(unit).op("i32.mul").op("i32.add");
      stride *= dims[d]!;
    }
    return 16 * step;
  }

  private loadSpilled(i: number, w: 1 | 4, step: number): void {
    const { f } = this;
    const { dtype } = this.kernel.body[i]!;
    const offset = this.spillAddress(step) + this.spillPlace.get(i)!;
    if (w === 4) f.load("v128.load", offset, 4);
    else {
      f.load(`${registerOf(dtype)}.load`, offset);
      if (this.a.vector && dtype === "bool") f.i32(1).op("i32.and");
    }
  }

  private storeSpilled(i: number, value: Local, w: 1 | 4, step: number): void {
    const { f } = this;
    const { dtype } = this.kernel.body[i]!;
    const offset = this.spillAddress(step) + this.spillPlace.get(i)!;
    f.get(value);
    if (w === 4) f.store("v128.store", offset, 4);
    else {
      if (this.a.vector && dtype === "bool") f.i32(-1).op("i32.mul");
      f.store(`${registerOf(dtype)}.store`, offset);
    }
  }
}

function push(f: FunctionBuilder, x: Local | number): FunctionBuilder {
  return typeof x === "number" ? f.i32(x) : f.get(x);
}

/** The running result of one reduction: vectors side by side, a scalar, and for float32 sums a float64 that collects blocks. */
class Accumulator {
  readonly blocked: boolean;
  private readonly f: FunctionBuilder;
  private readonly speller: Speller;
  private readonly v: Value & { op: "reduce" };
  private vectors: Local[] = [];
  private scalar: Local | null = null;
  private total: Local[] = [];
  /** Lanes are along the row: vectors are summed up in the end. */
  private along = false;

  constructor(f: FunctionBuilder, speller: Speller, v: Value & { op: "reduce" }, blocked: boolean) {
    this.f = f;
    this.speller = speller;
    this.v = v;
    this.blocked = blocked && v.kind === "sum" && registerOf(v.dtype) === "f32";
  }

  start(lanes: 1 | 4, along: boolean, wide: number): void {
    const { f, v } = this;
    this.along = along;
    if (along || lanes === 4) this.vectors = Array.from({ length: along ? unroll : wide }, () => f.local("v128"));
    if (lanes === 1) this.scalar = f.local(registerOf(v.dtype));
    if (this.blocked) this.total = lanes === 4 ? Array.from({ length: 2 * wide }, () => f.local("v128")) : [f.local("f64")];
    for (const t of this.total) {
      if (t.type === "v128") f.constant(Float64Array.of(0)).set(t);
      else f.f64(0).set(t);
    }
    this.clear();
  }

  private clear(): void {
    const { f, speller, v } = this;
    const zero = neutral(v.kind, v.dtype);
    for (const x of this.vectors) {
      speller.constant(f, zero, v.dtype, 4);
      f.set(x);
    }
    if (this.scalar) {
      speller.constant(f, zero, v.dtype, 1);
      f.set(this.scalar);
    }
  }

  add(x: Local, w: 1 | 4, step: number): void {
    const { f, speller, v } = this;
    const acc = w === 4 ? this.vectors[step]! : this.scalar!;
    speller.combine(f, v.kind, acc, x, v.dtype, w);
    f.set(acc);
  }

  /** Moves a block's float32 sum to the float64 total. */
  flush(): void {
    if (!this.blocked) return;
    const { f } = this;
    if (this.along || this.vectors.length === 0) {
      const [total] = this.total as [Local];
      f.get(total);
      this.collect();
      f.op("f64.promote_f32").op("f64.add").set(total);
    } else {
      this.vectors.forEach((x, step) => {
        const [low, high] = this.total.slice(2 * step) as [Local, Local];
        f.get(low).get(x).op("f64x2.promote_low_f32x4").op("f64x2.add").set(low);
        f.get(high)
          .get(x)
          .get(x)
          .shuffle(8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
          .op("f64x2.promote_low_f32x4")
          .op("f64x2.add")
          .set(high);
      });
    }
    this.clear();
  }

  /** Brings vectors along the row and the scalar together; leaves the scalar on the stack. */
  private collect(): void {
    const { f, speller, v } = this;
    const scalar = this.scalar!;
    if (this.vectors.length) {
      const [first, ...others] = this.vectors as [Local, ...Local[]];
      for (const x of others) {
        speller.combine(f, v.kind, first, x, v.dtype, 4);
        f.set(first);
      }
      const lane = f.local(registerOf(v.dtype));
      for (let k = 0; k < 4; k++) {
        f.get(first)
          .lane(registerOf(v.dtype) === "f32" ? "f32x4.extract_lane" : "i32x4.extract_lane", k)
          .set(lane);
        speller.combine(f, v.kind, scalar, lane, v.dtype, 1);
        f.set(scalar);
      }
      f.release(lane);
    }
    f.get(scalar);
  }

  /** Leaves the result on the stack. */
  finish(lanes: 1 | 4, step: number): void {
    const { f } = this;
    if (this.blocked && lanes === 1) f.get(this.total[0]!).op("f32.demote_f64");
    else if (this.blocked) {
      const [low, high] = this.total.slice(2 * step) as [Local, Local];
      f.get(low)
        .op("f32x4.demote_f64x2_zero")
        .get(high)
        .op("f32x4.demote_f64x2_zero")
        .shuffle(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    } else if (lanes === 4) f.get(this.vectors[step]!);
    else this.collect();
  }

  release(): void {
    this.f.release(...this.vectors, ...this.total, ...(this.scalar ? [this.scalar] : []));
  }
}
