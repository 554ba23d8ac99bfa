import type { Access, Affine, Guard, LoopKernel, Value } from "../../compile/kernel.ts";
import { bytesOf, type DType } from "../../dtype.ts";
import { sizeOf } from "../../shape.ts";
import { Accumulator, unroll } from "./accumulator.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
import { type Dot, dotOf, dotPlaces, emitDot } from "./dots.ts";
import { registerOf, type Speller, shapeOf, vectorises, type Width } from "./values.ts";

/** Terms of a float32 sum that are added in float32 before the sum so far goes to float64. */
const sumBlock = 1024;
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

/** Vectors of a map worked on side by side: the more, the better latencies overlap, until registers run out. */
function besideCount({ body }: LoopKernel): number {
  // A load with guards is long: it has a path for vectors that are partly inside.
  const values = body.reduce((n, v) => n + (v.op === "load" && v.access.guards.length ? 8 : 1), 0);
  return values <= 16 ? unroll : values <= 40 ? 2 : 1;
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
  /** Along which dimension the lanes lie: the last inner one, or the last outer one. */
  readonly laneDim: number;
  readonly byRow: boolean;
  readonly vector: boolean;
  /** Lanes of a vector: four, or two where float64 occurs. */
  readonly width: 2 | 4;
  /** Varies over the inner dimensions. */
  readonly varies: readonly boolean[];
  /** The pass over the row in which a value can first be had. */
  readonly stage: readonly number[];
  readonly passes: number;
  readonly spilled: ReadonlySet<number>;
  /** Stores that happen all along a row; the others happen once. */
  readonly sweeping: ReadonlySet<LoopKernel["stores"][number]>;
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
  const sweeping = new Set(stores.filter((s) => varies[s.value] || innerVaries(s.access)));
  let byRow = split < rank;
  if (byRow && split > 0 && !sweeping.size && dims[split - 1]! >= 4) byRow = score(rank - 1) >= score(split - 1);
  if (split === 0) byRow = split < rank;
  const laneDim = byRow ? rank - 1 : split - 1;
  const vector =
    laneDim >= 0 &&
    dims[laneDim]! >= 4 &&
    body.every((v) =>
      vectorises(
        v,
        v.args.map((a) => body[a]!.dtype),
      ),
    );
  const width = body.some((v) => v.dtype === "float64") ? 2 : 4;
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
  return { laneDim, byRow, vector, width, varies, stage, passes, spilled, sweeping };
}

function reaches(body: readonly Value[], from: number, to: number): boolean {
  return from === to || (from > to && body[from]!.args.some((a) => reaches(body, a, to)));
}

const guarded = (v: Value): boolean => v.op === "load" && v.access.guards.length > 0;

/** Guards at the current place, the lane dimension excluded. */
interface Conditions {
  /** Whether all guards hold that do not depend on the lane; null without such guards. */
  readonly outer: Local | null;
  /** Guards that do, with the part of their sum that does not. */
  readonly lane: readonly { readonly guard: Guard; readonly base: Local }[];
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
  /** By the access or the value that the guards belong to. */
  private readonly conditions = new Map<object, Conditions>();
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
      this.addConditions(access, access.guards);
    }
    for (const v of body) if (v.op === "guard") this.addConditions(v, v.guards);
    this.sharePointers(accesses);
    const u = f.local("i32");
    f.get(f.param(1)).set(u);
    const { laneDim, byRow, width } = this.a;
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
      for (const v of body) if (v.op === "guard") this.pointGuards(v, (d) => d < last);
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
              .i32(width * wide - 1)
              .op("i32.sub")
              .set(end);
            this.whileLess(
              c,
              end,
              () => {
                this.across(width, wide);
                f.get(c)
                  .i32(width * wide)
                  .op("i32.add")
                  .set(c);
              },
              true,
            );
          };
          // Reductions down columns read wide strips, so that whole cache lines are used at each step.
          if (split < dims.length && body.length <= 24) {
            const wide = [columnStrip, columnStrip / 2, columnStrip / 4].find((n) => dims[laneDim]! >= width * n);
            if (wide) strip(wide);
          }
          const beside = besideCount(this.kernel);
          if (split === dims.length && beside > 1 && dims[laneDim]! >= width * beside) strip(beside);
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
    this.pointGuards(access, chosen);
  }

  private addConditions(owner: object, guards: readonly Guard[]): void {
    const { f } = this;
    const onLane = (g: Guard) => this.a.laneDim >= 0 && g.strides[this.a.laneDim] !== 0;
    this.conditions.set(owner, {
      outer: guards.every(onLane) ? null : f.local("i32"),
      lane: guards.filter(onLane).map((guard) => ({ guard, base: f.local("i32") })),
    });
  }

  /** Evaluates the guards of an access or value as far as the chosen dimensions go. */
  private pointGuards(owner: Access | (Value & { op: "guard" }), chosen: (d: number) => boolean): void {
    const { f } = this;
    const { outer, lane } = this.conditions.get(owner)!;
    for (const { guard, base } of lane) {
      this.affine(guard, (d) => d !== this.a.laneDim && chosen(d));
      f.set(base);
    }
    if (!outer) return;
    const others = owner.guards.filter((g) => lane.every(({ guard }) => guard !== g));
    others.forEach((g, k) => {
      this.affine(g, chosen);
      f.i32(g.size).op("i32.lt_u");
      if (k > 0) f.op("i32.and");
    });
    f.set(outer);
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
  private across(lanes: Width, wide: number): void {
    this.allPasses(lanes, wide);
  }

  private allPasses(lanes: Width, wide: number): void {
    const { f } = this;
    this.rowValues = Array.from({ length: wide }, () => new Map());
    this.splats.clear();
    for (let pass = 0; pass < this.a.passes; pass++) this.pass(pass, lanes, wide);
    for (const store of this.kernel.stores) {
      if (this.a.sweeping.has(store)) continue;
      const { value, access } = store;
      this.rowValues.forEach((values, step) => {
        this.store(access, values.get(value)!, this.kernel.body[value]!.dtype, lanes, step);
      });
    }
    for (const values of this.rowValues) f.release(...values.values());
    f.release(...this.splats.values());
    this.splats.clear();
  }

  /** Values the row needs in this pass that do not vary along it, then one sweep for reductions and stores. */
  private pass(pass: number, lanes: Width, wide: number): void {
    const { f, kernel } = this;
    const { body, stores, dims, split } = kernel;
    const { varies, stage, byRow, vector, sweeping } = this.a;
    const wantedRow = (i: number) => !varies[i] && stage[i] === pass && body[i]!.op !== "reduce";
    body.forEach((v, i) => {
      if (!wantedRow(i)) return;
      const locals = this.rowValues.map(() => this.valueLocal(v.dtype, lanes));
      this.compute(v, [...this.rowValues.keys()], (step, a) => this.rowValues[step]!.get(a)!, lanes, locals);
      this.rowValues.forEach((values, step) => {
        values.set(i, locals[step]!);
      });
    });
    const reduces = body.map((_, i) => i).filter((i) => body[i]!.op === "reduce" && stage[body[i]!.args[0]!] === pass);
    const sweepStores = stores.filter((s) => sweeping.has(s) && stage[s.value] === pass);
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
      return new Accumulator(f, this.speller, v, this.a.width, count > 256 || byRow);
    });
    for (const acc of sums) acc.start(lanes, byRow && vector, byRow ? 1 : wide);

    /** One vector (or element) at each of the given steps, worked on side by side. */
    const sweepBody = (w: Width, steps: readonly number[]): void => {
      const locals = new Map<number, Map<number, Local>>(steps.map((step) => [step, new Map()]));
      const get = (step: number, a: number): Local => {
        if (varies[a]) return locals.get(step)!.get(a)!;
        if (w > 1 && byRow) return this.splat(a);
        return this.rowValues[byRow ? 0 : step]!.get(a)!;
      };
      for (const i of order) {
        const v = body[i]!;
        const targets = steps.map(() => this.valueLocal(v.dtype, w));
        const kept = this.a.spilled.has(i);
        if (kept && stage[i]! < pass) this.loadSpilled(i, w, steps, targets);
        else this.compute(v, steps, get, w, targets);
        if (kept && stage[i] === pass) this.storeSpilled(i, targets, w, steps);
        steps.forEach((step, k) => {
          locals.get(step)!.set(i, targets[k]!);
        });
      }
      for (const step of steps) {
        reduces.forEach((i, k) => {
          sums[k]!.add(get(step, body[i]!.args[0]!), w, step);
        });
        for (const s of sweepStores) this.store(s.access, get(step, s.value), body[s.value]!.dtype, w, step);
        f.release(...locals.get(step)!.values());
      }
    };

    if (byRow && vector) for (const i of this.rowValuesNeeded(order, reduces, sweepStores)) this.splat(i);
    const dots = byRow && vector && !sweepStores.length ? reduces.map((i) => dotOf(body, i, this.a.laneDim)) : [];
    const whole = dots.every((dot) => dot !== null) ? dots : [];
    this.nest(split, sweepBody, sums, lanes, wide, whole);
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

  /** Loops over the inner dimensions from `d` on; the innermost of a row is vectorised. `dots`: what `sums` add up, where that goes faster. */
  private nest(
    d: number,
    body: (w: Width, steps: readonly number[]) => void,
    sums: readonly Accumulator[],
    lanes: Width,
    wide: number,
    dots: readonly Dot[],
  ): void {
    const { f, kernel } = this;
    const { dims } = kernel;
    const { byRow, vector, laneDim, width } = this.a;
    if (d === dims.length) {
      for (let step = 0; step < wide; step++) body(lanes, [step]);
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
        if (dots.length) {
          push(f, to)
            .i32(dotPlaces - 1)
            .op("i32.sub")
            .set(end);
          this.whileLess(
            i,
            end,
            () => {
              dots.forEach((dot, k) => {
                emitDot(f, dot, (access, ahead) => this.address(access, 0, ahead), sums[k]!.lanesAlong);
              });
              f.get(i).i32(dotPlaces).op("i32.add").set(i);
            },
            true,
          );
          if (whole && n % dotPlaces === 0) {
            f.release(end);
            return;
          }
        }
        if (vector) {
          const count = sums.length && !kernel.body.some(guarded) ? unroll : besideCount(kernel);
          if (count > 1 && (!whole || n >= width * count)) {
            push(f, to)
              .i32(width * count - 1)
              .op("i32.sub")
              .set(end);
            this.whileLess(
              i,
              end,
              () => {
                body(width, [...Array(count).keys()]);
                f.get(i)
                  .i32(width * count)
                  .op("i32.add")
                  .set(i);
              },
              true,
            );
          }
          push(f, to)
            .i32(width - 1)
            .op("i32.sub")
            .set(end);
          this.whileLess(
            i,
            end,
            () => {
              body(width, [0]);
              f.get(i).i32(width).op("i32.add").set(i);
            },
            true,
          );
        }
        push(f, to).set(end);
        if (!whole || !vector || n % width !== 0)
          this.whileLess(i, end, () => {
            body(1, [0]);
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
      this.nest(d + 1, body, sums, lanes, wide, dots);
      if (innermost && dims[d]! > 512) f.get(i).i32(255).op("i32.and").i32(255).op("i32.eq").if_(flush);
      f.get(i).i32(1).op("i32.add").set(i);
    });
    f.release(end);
    if (innermost) flush();
  }

  /** Moves the pointers of everything that varies along the row to the current inner place. */
  private pointInner(_d: number, chosen: (e: number) => boolean): void {
    const { body, stores, split } = this.kernel;
    const inner = (a: Affine) => a.strides.some((s, e) => e >= split && s !== 0 && e !== this.a.laneDim);
    const moves = (a: Access) => inner(a) || a.guards.some(inner);
    for (const v of body) {
      if (v.op === "load" && moves(v.access)) this.point(v.access, chosen);
      if (v.op === "guard" && v.guards.some(inner)) this.pointGuards(v, chosen);
    }
    for (const s of stores) if (moves(s.access)) this.point(s.access, chosen);
  }

  private valueLocal(dtype: DType, lanes: Width): Local {
    return this.f.local(lanes > 1 ? "v128" : registerOf(dtype));
  }

  /** A row value in all lanes. */
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
    else f.get(x).op(`${shapeOf(dtype)}.splat`);
  }

  /** Computes a value at each of the steps into the local of the same place; a step shifts along the lanes by a vector. */
  private compute(v: Value, steps: readonly number[], get: (step: number, a: number) => Local, w: Width, targets: readonly Local[]): void {
    const { f, speller } = this;
    if (v.op === "constant" || v.op === "load" || v.op === "index" || v.op === "guard") {
      steps.forEach((step, k) => {
        if (v.op === "constant") speller.constant(f, v.value, v.dtype, w);
        else if (v.op === "load") this.load(v.access, v.dtype, w, step);
        else if (v.op === "index") this.indexValue(v.index, v.dtype, w, step);
        else this.guardValue(v, w, step);
        f.set(targets[k]!);
      });
      return;
    }
    const { body } = this.kernel;
    if ((v.op === "max" || v.op === "min") && registerOf(v.dtype) !== "i32" && w > 1) {
      const [x, limit] = v.args as [number, number];
      const bound = body[limit]!;
      if (bound.op === "constant" && speller.hasLimit(v.op, bound.value)) {
        steps.forEach((step, k) => {
          speller.limit(
            f,
            registerOf(v.dtype) === "f64" ? "f64x2" : "f32x4",
            v.op as "max" | "min",
            get(step, x),
            get(step, limit),
            bound.value,
          );
          f.set(targets[k]!);
        });
        return;
      }
    }
    const types = v.args.map((a) => body[a]!.dtype);
    const args = steps.map((step) => v.args.map((a) => get(step, a)));
    // A cast to a half type rounds, but so does a store: once is enough where nothing else reads the value.
    const stored = v.op === "cast" && registerOf(v.dtype) === "f32" && !body.some((u) => u.args.some((a) => body[a] === v));
    speller.applyBeside(f, stored ? { ...v, dtype: "float32" } : v, args, types, w, targets);
  }

  private guardValue(v: Value & { op: "guard" }, w: Width, step: number): void {
    const { f } = this;
    if (w === 1) {
      this.holds(v, 0);
      return;
    }
    const { outer, lane } = this.conditions.get(v)!;
    if (outer) f.i32(0).get(outer).op("i32.sub").op("i32x4.splat");
    else f.constant(Int32Array.of(-1));
    for (const { guard, base } of lane) {
      const s = guard.strides[this.a.laneDim]!;
      this.atLane(base, s, w * step);
      f.op("i32x4.splat")
        .constant(Int32Array.of(0, s, 2 * s, 3 * s))
        .op("i32x4.add")
        .constant(Int32Array.of(guard.size))
        .op("i32x4.lt_u")
        .op("v128.and");
    }
  }

  /** base + stride · (lane index + ahead) */
  private atLane(base: Local, stride: number, ahead: number): void {
    const { f } = this;
    f.get(this.index[this.a.laneDim]!);
    if (stride !== 1) f.i32(stride).op("i32.mul");
    f.get(base).op("i32.add");
    if (ahead !== 0) f.i32(stride * ahead).op("i32.add");
  }

  /** Whether all guards hold at the lane this far ahead of the current one. */
  private holds(owner: object, ...ahead: readonly number[]): void {
    const { f } = this;
    const { outer, lane } = this.conditions.get(owner)!;
    if (outer) f.get(outer);
    else f.i32(1);
    for (const { guard, base } of lane)
      for (const lanes of ahead) {
        this.atLane(base, guard.strides[this.a.laneDim]!, lanes);
        f.i32(guard.size).op("i32.lt_u").op("i32.and");
      }
  }

  /** offset + Σ index·stride over the chosen dimensions, as an i32. */
  private affine(a: Affine, chosen: (d: number) => boolean): void {
    const { f } = this;
    f.i32(a.offset);
    a.strides.forEach((s, d) => {
      if (s !== 0 && chosen(d)) f.get(this.index[d]!).i32(s).op("i32.mul").op("i32.add");
    });
  }

  private indexValue(index: Affine, dtype: DType, w: Width, step: number): void {
    const { f } = this;
    this.affine(index, () => true);
    const s = index.strides[this.a.laneDim] ?? 0;
    if (s !== 0 && step > 0) f.i32(w * step * s).op("i32.add");
    const register = registerOf(dtype);
    if (w > 1) {
      f.op("i32x4.splat")
        .constant(Int32Array.of(0, s, 2 * s, 3 * s))
        .op("i32x4.add");
      if (dtype === "bool") f.constant(Int32Array.of(0)).op("i32x4.ne");
      else if (register === "f32") f.op("f32x4.convert_i32x4_s");
      else if (register === "f64") f.op("f64x2.convert_low_i32x4_s");
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
    const ahead = bytes * (this.a.width * step + lane) + apart;
    // What a guarded access points to may lie before all memory where it is not read. Adding wraps around, an immediate offset does not.
    const mayWrap = access.guards.length > 0 && (access.offset < 0 || access.strides.some((s) => s < 0));
    if (ahead >= 0 && !mayWrap) return ahead;
    if (ahead !== 0) f.i32(ahead).op("i32.add");
    return 0;
  }

  private load(access: Access, dtype: DType, w: Width, step: number): void {
    const { f, speller } = this;
    if (!access.guards.length) {
      this.loadPlain(access, dtype, w, step);
      return;
    }
    const { outer, lane } = this.conditions.get(access)!;
    const zero = () => speller.constant(f, 0, dtype, w);
    const type = w > 1 ? "v128" : registerOf(dtype);
    if (w === 1) this.holds(access, 0);
    else this.holds(access, w * step, w * step + w - 1); // what holds at both ends holds between them
    const plain = () => void this.loadPlain(access, dtype, w, step);
    if (w === 1 || lane.length === 0) f.if_(plain, zero, type);
    else {
      const partly = () => void this.loadPartly(access, dtype, w, step);
      f.if_(
        plain,
        () => {
          if (outer) f.get(outer).if_(partly, zero, type);
          else partly();
        },
        type,
      );
    }
  }

  /** A vector of which some lanes are outside: those are zero, and never read. */
  private loadPartly(access: Access, dtype: DType, w: Width, step: number): void {
    const { f, speller } = this;
    f.scope(() => {
      const raw = f.local("v128");
      f.constant(Int32Array.of(0)).set(raw);
      for (let lane = 0; lane < w; lane++) {
        this.holds(access, w * step + lane);
        f.if_(() => {
          f.get(raw);
          speller.loadRaw(f, dtype, this.address(access, step, lane));
          f.lane(`${rawShape(dtype)}.replace_lane`, lane).set(raw);
        });
      }
      f.get(raw);
    });
    speller.decode4(f, dtype);
  }

  private loadPlain(access: Access, dtype: DType, w: Width, step: number): void {
    const { f, speller } = this;
    if (w === 1) {
      speller.load(f, dtype, this.address(access, step));
      return;
    }
    const stride = this.laneStride(access);
    if (stride === 1) speller.loadVector(f, dtype, w, this.address(access, step));
    else if (stride === 0) {
      speller.loadRaw(f, dtype, this.address(access, step));
      f.op(`${rawShape(dtype)}.splat`);
    } else {
      const bytes = bytesOf(dtype);
      if (bytes >= 4) f.load(bytes === 8 ? "v128.load64_zero" : "v128.load32_zero", this.address(access, step), bytes);
      else f.constant(Int32Array.of(0));
      for (let lane = bytes >= 4 ? 1 : 0; lane < w; lane++) {
        speller.loadRaw(f, dtype, this.address(access, step, lane));
        f.lane(`${rawShape(dtype)}.replace_lane`, lane);
      }
    }
    speller.decode4(f, dtype);
  }

  private store(access: Access, value: Local, dtype: DType, w: Width, step: number): void {
    const { f, speller } = this;
    if (w === 1) {
      const offset = this.address(access, step);
      f.get(value);
      speller.store(f, dtype, offset);
      return;
    }
    if (this.laneStride(access) === 1) {
      const offset = this.address(access, step);
      f.get(value);
      speller.encode4(f, dtype);
      speller.storeVector(f, dtype, w, offset);
      return;
    }
    f.scope(() => {
      const raw = f.local("v128");
      f.get(value);
      speller.encode4(f, dtype);
      f.set(raw);
      for (let lane = 0; lane < w; lane++) {
        const offset = this.address(access, step, lane);
        f.get(raw).lane(`${rawShape(dtype)}.extract_lane`, lane);
        speller.storeRaw(f, dtype, offset);
      }
    });
  }

  /** Pushes the scratch address of the current place of the row; returns the offset of a step's vector from there. */
  private spillAddress(i: number, step: number): number {
    const { f, kernel } = this;
    const { dims, split } = kernel;
    // Lanes of a vector lie side by side; a scalar kernel takes 8 bytes an element, whatever the type.
    const bytes = this.a.vector ? registerBytes(kernel.body[i]!.dtype) : 8;
    f.get(f.param(3));
    let stride = bytes;
    for (let d = dims.length - 1; d >= split; d--) {
      f.get(this.index[d]!).i32(stride).op("i32.mul").op("i32.add");
      stride *= dims[d]!;
    }
    return this.a.width * bytes * step + this.spillPlace.get(i)!;
  }

  private loadSpilled(i: number, w: Width, steps: readonly number[], targets: readonly Local[]): void {
    const { f } = this;
    const { dtype } = this.kernel.body[i]!;
    steps.forEach((step, k) => {
      const offset = this.spillAddress(i, step);
      if (w > 1) f.load(w * registerBytes(dtype) === 16 ? "v128.load" : "v128.load64_zero", offset, 4);
      else {
        f.load(`${registerOf(dtype)}.load`, offset);
        if (this.a.vector && dtype === "bool") f.i32(1).op("i32.and");
      }
      f.set(targets[k]!);
    });
  }

  private storeSpilled(i: number, values: readonly Local[], w: Width, steps: readonly number[]): void {
    const { f } = this;
    const { dtype } = this.kernel.body[i]!;
    steps.forEach((step, k) => {
      const offset = this.spillAddress(i, step);
      f.get(values[k]!);
      if (w > 1 && w * registerBytes(dtype) === 16) f.store("v128.store", offset, 4);
      else if (w > 1) f.memoryLane("v128.store64_lane", 0, offset, 4);
      else {
        if (this.a.vector && dtype === "bool") f.i32(-1).op("i32.mul");
        f.store(`${registerOf(dtype)}.store`, offset);
      }
    });
  }
}

/** Bytes of a lane. */
const registerBytes = (dtype: DType): number => (registerOf(dtype) === "f64" ? 8 : 4);
/** How lanes are spelled as loaded or stored; `shapeOf`: as computed with. */
const rawShape = (dtype: DType) => (dtype === "float64" ? "f64x2" : "i32x4");

function push(f: FunctionBuilder, x: Local | number): FunctionBuilder {
  return typeof x === "number" ? f.i32(x) : f.get(x);
}
