import { readSlots, writtenSlots } from "../../compile/fuse.ts";
import type { Access, Affine, Guard, LoopKernel, Value } from "../../compile/kernel.ts";
import { sizeOf } from "../../shape.ts";
import { foldTogether } from "./fold.ts";
import { type Dispatch, Shader, type Traits, threads } from "./shader.ts";
import { foldStart, foldStep, literal, registerOf, spell } from "./values.ts";

/** Elements of a row that one thread keeps in registers from one pass over the row to the next. */
const mostKept = 8;
/** Serial sums longer than this are summed in blocks, so that their rounding errors stay small. */
const longSum = 256;
/** Threads that keep a large device busy. */
const busy = 2 ** 16;

/** A loop kernel as one dispatch. Without reductions each thread does one element; else `lanes` threads share each row. */
export function emitLoop(kernel: LoopKernel, name: string, traits: Traits): Dispatch {
  const slots = new Set([...readSlots(kernel), ...writtenSlots(kernel)]);
  const operations = kernel.body.filter((v) => !["load", "constant", "index", "guard"].includes(v.op)).length;
  const work = { flops: sizeOf(kernel.dims) * operations, bytes: [...slots].reduce((n, s) => n + s.bytes, 0) };
  const shader = new Shader(traits);
  if (!kernel.body.some((v) => v.op === "reduce")) {
    const elements = sizeOf(kernel.dims);
    shader.line(`let id = group * ${threads} + thread;`);
    shader.line(`if (id >= ${elements}) { return; }`);
    const space = new Space(shader, kernel.dims, unravel(shader, "id", kernel.dims));
    emitElement(shader, kernel, space, new Map());
    return shader.finish(name, Math.ceil(elements / threads), work);
  }
  const rows = new Rows(shader, kernel, traits);
  rows.emit();
  return shader.finish(name, rows.groups, work);
}

/** The values and stores of one point of an elementwise kernel; `given` holds names of loads that are known already. */
export function emitElement(shader: Shader, kernel: LoopKernel, space: Space, given: ReadonlyMap<number, string>): void {
  const names: string[] = [];
  kernel.body.forEach((value, v) => {
    names.push(given.get(v) ?? space.value(value, names, kernel.body));
  });
  for (const { value, access } of kernel.stores) shader.write(access.slot, space.affine(access), names[value]!);
}

/** The indices of the row-major position `linear`, as names or literals. */
export function unravel(shader: Shader, linear: string, dims: readonly number[]): string[] {
  const index = new Array<string>(dims.length);
  let rest = linear;
  for (let d = dims.length - 1; d >= 0; d--) {
    if (dims[d] === 1) index[d] = "0";
    else if (dims.slice(0, d).every((n) => n === 1)) index[d] = rest;
    else {
      const size = Math.max(1, dims[d]!); // an empty space is never entered, but must compile
      index[d] = shader.let(`${rest} % ${size}`, "i");
      rest = shader.let(`${rest} / ${size}`, "r");
    }
  }
  return index;
}

/** A point of an iteration space: what its values look like in WGSL. */
export class Space {
  private readonly shader: Shader;
  private readonly dims: readonly number[];
  private readonly index: readonly string[];

  constructor(shader: Shader, dims: readonly number[], index: readonly string[]) {
    this.shader = shader;
    this.dims = dims;
    this.index = index;
  }

  affine({ offset, strides }: Affine): string {
    const terms = offset ? [String(offset)] : [];
    strides.forEach((s, d) => {
      if (s && this.dims[d] !== 1 && this.index[d] !== "0") terms.push(s === 1 ? this.index[d]! : `${this.index[d]} * ${s}`);
    });
    return terms.length ? terms.join(" + ") : "0";
  }

  /** A condition, or "true" or "false" where it is known beforehand. */
  private guarded(guards: readonly Guard[]): string {
    const conditions: string[] = [];
    for (const guard of guards) {
      const at = this.affine(guard);
      if (!/^-?\d+$/.test(at)) conditions.push(`u32(${at}) < ${guard.size}u`);
      else if (Number(at) < 0 || Number(at) >= guard.size) return "false";
    }
    return conditions.join(" && ") || "true";
  }

  load(access: Access): string {
    const { shader } = this;
    const element = shader.read(access.slot, this.affine(access));
    const condition = this.guarded(access.guards);
    if (condition === "true") return shader.let(element, "v");
    if (condition === "false") return literal(0, access.slot.dtype);
    const name = shader.name("v");
    shader.line(`var ${name} = ${literal(0, access.slot.dtype)};`);
    shader.line(`if (${condition}) { ${name} = ${element}; }`);
    return name;
  }

  /** The name of a value that is no reduction; names of its arguments are known. */
  value(value: Value, names: readonly string[], body: readonly Value[]): string {
    if (value.op === "load") return this.load(value.access);
    if (value.op === "constant") return literal(value.value, value.dtype);
    if (value.op === "guard") return this.shader.let(this.guarded(value.guards), "v");
    if (value.op === "index") {
      const at = this.affine(value.index);
      const index: Value = { op: "cast", dtype: value.dtype, args: [] };
      return this.shader.let(registerOf(value.dtype) === "i32" ? at : spell(index, [`i32(${at})`], ["int32"]), "v");
    }
    const args = value.args.map((a) => names[a]!);
    const types = value.args.map((a) => body[a]!.dtype);
    return this.shader.let(spell(value, args, types), "v");
  }
}

/** A kernel with reductions: `lanes` threads go over each row, as many rows as fit side by side in a workgroup. */
class Rows {
  readonly groups: number;
  private readonly shader: Shader;
  private readonly kernel: LoopKernel;
  private readonly traits: Traits;
  private readonly units: number;
  private readonly inner: number;
  private readonly lanes: number;
  /** Whether neighbouring threads take neighbouring elements of a row, rather than neighbouring rows. */
  private readonly along: boolean;
  /** How many elements of its row a thread keeps in registers; 0 where each pass reads them again. */
  private readonly kept: number;
  /** The pass after which a value is known; whether it differs along a row. */
  private readonly stage: number[] = [];
  private readonly varies: boolean[] = [];
  /** Names of values that are the same along a row, and of the others for each kept element. */
  private readonly row: string[] = [];
  private readonly elements: string[][] = [];
  private rowSpace!: Space;

  constructor(shader: Shader, kernel: LoopKernel, traits: Traits) {
    this.shader = shader;
    this.kernel = kernel;
    this.traits = traits;
    this.units = sizeOf(kernel.dims.slice(0, kernel.split));
    this.inner = sizeOf(kernel.dims.slice(kernel.split));
    this.along = followsRows(kernel);
    this.lanes = this.chooseLanes();
    this.groups = Math.ceil(this.units / (threads / this.lanes));
    const inside = (a: Affine) => a.strides.some((s, d) => d >= kernel.split && s !== 0 && kernel.dims[d] !== 1);
    kernel.body.forEach((v, i) => {
      const stage = v.args.reduce((most, a) => Math.max(most, this.stage[a]!), 0);
      this.stage[i] = v.op === "reduce" ? stage + 1 : stage;
      if (v.op === "reduce") this.varies[i] = false;
      else if (v.op === "load") this.varies[i] = inside(v.access) || v.access.guards.some(inside);
      else if (v.op === "index") this.varies[i] = inside(v.index);
      else if (v.op === "guard") this.varies[i] = v.guards.some(inside);
      else this.varies[i] = v.args.some((a) => this.varies[a]!);
    });
    const each = Math.ceil(this.inner / this.lanes);
    const passes = Math.max(...this.stage) + 1;
    this.kept = passes > 1 && each <= mostKept ? each : 0;
  }

  private chooseLanes(): number {
    const { inner, units, traits, along } = this;
    const powerBelow = (n: number) => 2 ** Math.floor(Math.log2(Math.max(1, n)));
    if (along) {
      const wanted = Math.min(threads, powerBelow(inner / 4));
      // With subgroups, rows are shared by a part of one or by all of the workgroup.
      if (traits.subgroups && wanted > traits.subgroups.least)
        return wanted >= threads / 2 || inner >= 1024 ? threads : traits.subgroups.least;
      return wanted;
    }
    return Math.min(64, powerBelow(inner / 8), powerBelow(busy / units));
  }

  emit(): void {
    const { shader, kernel, units, lanes, along } = this;
    const rowsBeside = threads / lanes;
    const [unit, lane] = along ? [`thread / ${lanes}`, `thread % ${lanes}`] : [`thread % ${rowsBeside}`, `thread / ${rowsBeside}`];
    shader.line(`let unit_asked = group * ${rowsBeside} + ${lanes === threads ? "0" : unit};`);
    shader.line(`let lane = ${lanes === 1 ? "0" : lane};`);
    // Threads beyond the last row repeat it, so that all meet at the barriers.
    const exact = units % rowsBeside === 0;
    shader.line(exact ? "let unit = unit_asked;" : `let unit = min(unit_asked, ${units - 1});`);
    const outer = unravel(shader, "unit", kernel.dims.slice(0, kernel.split));
    const inside = kernel.dims.slice(kernel.split);
    this.rowSpace = new Space(shader, kernel.dims, [...outer, ...inside.map(() => "0")]);
    const positions = Array.from({ length: this.kept }, (_, k) => {
      const at = shader.let(k ? `lane + ${k * lanes}` : "lane", "at");
      const valid = (k + 1) * lanes <= this.inner ? null : shader.let(`${at} < ${this.inner}`, "in");
      const index = unravel(shader, valid ? shader.let(`min(${at}, ${this.inner - 1})`, "at") : at, inside);
      return { valid, space: new Space(shader, kernel.dims, [...outer, ...index]) };
    });
    this.elements.push(...positions.map(() => []));
    const last = Math.max(...this.stage);
    for (let pass = 0; ; pass++) {
      this.emitRowValues(pass);
      if (pass === last) break;
      const folds = kernel.body.flatMap((v, i) => (v.op === "reduce" && this.stage[i] === pass + 1 ? [{ i, ...v }] : []));
      const sums = folds.map(({ kind, dtype }) => {
        const name = shader.name("sum");
        shader.line(`var ${name} = ${foldStart(kind, dtype)};`);
        return name;
      });
      const fold = (names: readonly string[], into: readonly string[]) =>
        folds.forEach(({ kind, dtype, args }, f) => {
          shader.line(`${into[f]} = ${foldStep(kind, dtype, into[f]!, names[args[0]!] ?? this.row[args[0]!]!)};`);
        });
      const needed = this.neededBy(folds.map((f) => f.args[0]!));
      if (this.kept)
        positions.forEach(({ valid, space }, k) => {
          this.emitElementValues(needed, space, this.elements[k]!);
          if (valid) shader.block(`if (${valid})`, () => fold(this.elements[k]!, sums));
          else fold(this.elements[k]!, sums);
        });
      else
        this.overRow(outer, sums, folds, (space, into) => {
          const names: string[] = [];
          this.emitElementValues(needed, space, names);
          fold(names, into);
        });
      folds.forEach(({ i, kind, dtype }, f) => {
        const group = { traits: this.traits, lanes, along };
        this.row[i] = foldTogether(
          shader,
          sums[f]!,
          group,
          registerOf(dtype),
          (a, b) => foldStep(kind, dtype, a, b),
          foldStart(kind, dtype),
        );
      });
    }
    this.emitStores(outer, positions);
  }

  /** Values that are the same along a row, as soon as they are known. */
  private emitRowValues(pass: number): void {
    this.kernel.body.forEach((value, i) => {
      if (!this.varies[i] && value.op !== "reduce" && this.stage[i] === pass)
        this.row[i] = this.rowSpace.value(value, this.row, this.kernel.body);
    });
  }

  private neededBy(values: readonly number[]): Set<number> {
    const needed = new Set<number>();
    const visit = (i: number): void => {
      if (needed.has(i) || !this.varies[i]) return;
      needed.add(i);
      for (const a of this.kernel.body[i]!.args) visit(a);
    };
    for (const v of values) visit(v);
    return needed;
  }

  private emitElementValues(needed: ReadonlySet<number>, space: Space, names: string[]): void {
    this.kernel.body.forEach((value, i) => {
      if (!needed.has(i) || names[i] !== undefined) return;
      const known = value.args.reduce<string[]>((all, a) => {
        all[a] = names[a] ?? this.row[a]!;
        return all;
      }, []);
      names[i] = space.value(value, known, this.kernel.body);
    });
  }

  /** A loop over the row's elements that belong to this thread; long sums in blocks. */
  private overRow(
    outer: readonly string[],
    sums: readonly string[],
    folds: readonly { kind: "sum" | "prod" | "max" | "min"; dtype: Value["dtype"] }[],
    body: (space: Space, into: readonly string[]) => void,
  ): void {
    const { shader, kernel, lanes, inner } = this;
    const inside = kernel.dims.slice(kernel.split);
    const step = (head: string, into: readonly string[]) =>
      shader.block(head, () => body(new Space(shader, kernel.dims, [...outer, ...unravel(shader, "j", inside)]), into));
    const each = Math.ceil(inner / lanes);
    if (each <= longSum || !folds.some((f) => f.kind === "sum" && registerOf(f.dtype) === "f32")) {
      step(`for (var j = lane; j < ${inner}; j += ${lanes})`, sums);
      return;
    }
    const stretch = lanes * 2 ** Math.ceil(Math.log2(Math.sqrt(each)));
    shader.block(`for (var start = 0; start < ${inner}; start += ${stretch})`, () => {
      const parts = folds.map(({ kind, dtype }) => {
        const name = shader.name("part");
        shader.line(`var ${name} = ${foldStart(kind, dtype)};`);
        return name;
      });
      step(`for (var j = start + lane; j < min(start + ${stretch}, ${inner}); j += ${lanes})`, parts);
      folds.forEach(({ kind, dtype }, f) => {
        shader.line(`${sums[f]} = ${foldStep(kind, dtype, sums[f]!, parts[f]!)};`);
      });
    });
  }

  private emitStores(outer: readonly string[], positions: readonly { valid: string | null; space: Space }[]): void {
    const { shader, kernel, units, lanes } = this;
    const inside = kernel.dims.slice(kernel.split);
    const varying = (a: Access) => a.strides.some((s, d) => d >= kernel.split && s !== 0 && kernel.dims[d] !== 1);
    const [along, once] = [kernel.stores.filter((s) => varying(s.access)), kernel.stores.filter((s) => !varying(s.access))];
    const exact = units % (threads / lanes) === 0;
    const mine = exact ? null : "unit == unit_asked";
    const where = (conditions: (string | null)[], body: () => void): void => {
      const asked = conditions.filter((c) => c !== null);
      if (asked.length) shader.block(`if (${asked.join(" && ")})`, body);
      else body();
    };
    if (once.length)
      where([mine, lanes > 1 ? "lane == 0" : null], () => {
        const names: string[] = [];
        // A value that differs along a row but is stored once a row is that of its first element.
        this.emitElementValues(this.neededBy(once.map((s) => s.value)), this.rowSpace, names);
        for (const { value, access } of once) shader.write(access.slot, this.rowSpace.affine(access), names[value] ?? this.row[value]!);
      });
    if (!along.length) return;
    const needed = this.neededBy(along.map((s) => s.value));
    const store = (space: Space, names: readonly string[]) => {
      for (const { value, access } of along) shader.write(access.slot, space.affine(access), names[value] ?? this.row[value]!);
    };
    if (this.kept) {
      positions.forEach(({ space }, k) => {
        this.emitElementValues(needed, space, this.elements[k]!);
      });
      positions.forEach(({ valid, space }, k) => {
        where([mine, valid], () => store(space, this.elements[k]!));
      });
      return;
    }
    where([mine], () => {
      shader.block(`for (var j = lane; j < ${this.inner}; j += ${lanes})`, () => {
        const space = new Space(shader, kernel.dims, [...outer, ...unravel(shader, "j", inside)]);
        const names: string[] = [];
        this.emitElementValues(needed, space, names);
        store(space, names);
      });
    });
  }
}

/** Whether memory is read in its order by going along rows, rather than from row to row. */
function followsRows(kernel: LoopKernel): boolean {
  let score = 0;
  const steps = (a: Affine, from: number, to: number): number => {
    for (let d = to - 1; d >= from; d--) if (kernel.dims[d] !== 1) return Math.abs(a.strides[d]!);
    return 0;
  };
  for (const v of kernel.body)
    if (v.op === "load") {
      const [inner, outer] = [steps(v.access, kernel.split, kernel.dims.length), steps(v.access, 0, kernel.split)];
      if (inner === 1 || (outer !== 1 && inner !== 0)) score += v.access.slot.size;
      else if (outer === 1) score -= v.access.slot.size;
    }
  return score > 0;
}
