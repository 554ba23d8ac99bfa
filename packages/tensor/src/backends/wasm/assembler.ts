/**
 * A WebAssembly binary encoder: just enough of the format for generated kernels.
 *
 * Instructions go by the names of the specification's text format, in stack order:
 *
 * ```ts
 * const module = new ModuleBuilder();
 * module.importMemory("env", "memory", { initialPages: 1 });
 * module.func("double", ["i32"], ["f32"], (f) => {
 *   f.get(f.param(0)).load("f32.load").f32(2).op("f32.mul");
 * });
 * const { instance } = await WebAssembly.instantiate(module.finish(), { env: { memory } });
 * ```
 */

export type ValType = "i32" | "i64" | "f32" | "f64" | "v128";

const valTypes: Record<ValType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

// ---------------------------------------------------------------------------------------------------------------------
// The instruction set. Each run of names is numbered from its first opcode upwards, in the specification's order.

type Opcode = readonly number[];

/** Plain opcodes are one byte; the others a prefix byte and a LEB128 number. */
const opcodes =
  (prefix?: number) =>
  <const Name extends string>(first: number, names: readonly Name[]) =>
    Object.fromEntries(
      names.map((name, i): [Name, Opcode] => [name, prefix === undefined ? [first + i] : [prefix, ...unsigned(first + i)]]),
    ) as Record<Name, Opcode>;

const plain = opcodes();
const saturating = opcodes(0xfc);
const simd = opcodes(0xfd);
const atomic = opcodes(0xfe);

/** Instructions without immediate operands. */
// prettier-ignore
export const plainOps = {
  ...plain(0x00, ["unreachable", "nop"]),
  ...plain(0x0f, ["return"]),
  ...plain(0x1a, ["drop", "select"]),
  ...plain(0x45, [
    "i32.eqz",
    "i32.eq",
    "i32.ne",
    "i32.lt_s",
    "i32.lt_u",
    "i32.gt_s",
    "i32.gt_u",
    "i32.le_s",
    "i32.le_u",
    "i32.ge_s",
    "i32.ge_u",
  ]),
  ...plain(0x50, [
    "i64.eqz",
    "i64.eq",
    "i64.ne",
    "i64.lt_s",
    "i64.lt_u",
    "i64.gt_s",
    "i64.gt_u",
    "i64.le_s",
    "i64.le_u",
    "i64.ge_s",
    "i64.ge_u",
  ]),
  ...plain(0x5b, ["f32.eq", "f32.ne", "f32.lt", "f32.gt", "f32.le", "f32.ge"]),
  ...plain(0x61, ["f64.eq", "f64.ne", "f64.lt", "f64.gt", "f64.le", "f64.ge"]),
  ...plain(0x67, [
    "i32.clz",
    "i32.ctz",
    "i32.popcnt",
    "i32.add",
    "i32.sub",
    "i32.mul",
    "i32.div_s",
    "i32.div_u",
    "i32.rem_s",
    "i32.rem_u",
    "i32.and",
    "i32.or",
    "i32.xor",
    "i32.shl",
    "i32.shr_s",
    "i32.shr_u",
    "i32.rotl",
    "i32.rotr",
  ]),
  ...plain(0x79, [
    "i64.clz",
    "i64.ctz",
    "i64.popcnt",
    "i64.add",
    "i64.sub",
    "i64.mul",
    "i64.div_s",
    "i64.div_u",
    "i64.rem_s",
    "i64.rem_u",
    "i64.and",
    "i64.or",
    "i64.xor",
    "i64.shl",
    "i64.shr_s",
    "i64.shr_u",
    "i64.rotl",
    "i64.rotr",
  ]),
  ...plain(0x8b, [
    "f32.abs",
    "f32.neg",
    "f32.ceil",
    "f32.floor",
    "f32.trunc",
    "f32.nearest",
    "f32.sqrt",
    "f32.add",
    "f32.sub",
    "f32.mul",
    "f32.div",
    "f32.min",
    "f32.max",
    "f32.copysign",
  ]),
  ...plain(0x99, [
    "f64.abs",
    "f64.neg",
    "f64.ceil",
    "f64.floor",
    "f64.trunc",
    "f64.nearest",
    "f64.sqrt",
    "f64.add",
    "f64.sub",
    "f64.mul",
    "f64.div",
    "f64.min",
    "f64.max",
    "f64.copysign",
  ]),
  ...plain(0xa7, [
    "i32.wrap_i64",
    "i32.trunc_f32_s",
    "i32.trunc_f32_u",
    "i32.trunc_f64_s",
    "i32.trunc_f64_u",
    "i64.extend_i32_s",
    "i64.extend_i32_u",
    "i64.trunc_f32_s",
    "i64.trunc_f32_u",
    "i64.trunc_f64_s",
    "i64.trunc_f64_u",
    "f32.convert_i32_s",
    "f32.convert_i32_u",
    "f32.convert_i64_s",
    "f32.convert_i64_u",
    "f32.demote_f64",
    "f64.convert_i32_s",
    "f64.convert_i32_u",
    "f64.convert_i64_s",
    "f64.convert_i64_u",
    "f64.promote_f32",
    "i32.reinterpret_f32",
    "i64.reinterpret_f64",
    "f32.reinterpret_i32",
    "f64.reinterpret_i64",
    "i32.extend8_s",
    "i32.extend16_s",
    "i64.extend8_s",
    "i64.extend16_s",
    "i64.extend32_s",
  ]),
  ...saturating(0, [
    "i32.trunc_sat_f32_s",
    "i32.trunc_sat_f32_u",
    "i32.trunc_sat_f64_s",
    "i32.trunc_sat_f64_u",
    "i64.trunc_sat_f32_s",
    "i64.trunc_sat_f32_u",
    "i64.trunc_sat_f64_s",
    "i64.trunc_sat_f64_u",
  ]),

  ...simd(14, ["i8x16.swizzle", "i8x16.splat", "i16x8.splat", "i32x4.splat", "i64x2.splat", "f32x4.splat", "f64x2.splat"]),
  ...simd(35, [
    "i8x16.eq",
    "i8x16.ne",
    "i8x16.lt_s",
    "i8x16.lt_u",
    "i8x16.gt_s",
    "i8x16.gt_u",
    "i8x16.le_s",
    "i8x16.le_u",
    "i8x16.ge_s",
    "i8x16.ge_u",
  ]),
  ...simd(45, [
    "i16x8.eq",
    "i16x8.ne",
    "i16x8.lt_s",
    "i16x8.lt_u",
    "i16x8.gt_s",
    "i16x8.gt_u",
    "i16x8.le_s",
    "i16x8.le_u",
    "i16x8.ge_s",
    "i16x8.ge_u",
  ]),
  ...simd(55, [
    "i32x4.eq",
    "i32x4.ne",
    "i32x4.lt_s",
    "i32x4.lt_u",
    "i32x4.gt_s",
    "i32x4.gt_u",
    "i32x4.le_s",
    "i32x4.le_u",
    "i32x4.ge_s",
    "i32x4.ge_u",
  ]),
  ...simd(65, ["f32x4.eq", "f32x4.ne", "f32x4.lt", "f32x4.gt", "f32x4.le", "f32x4.ge"]),
  ...simd(71, ["f64x2.eq", "f64x2.ne", "f64x2.lt", "f64x2.gt", "f64x2.le", "f64x2.ge"]),
  ...simd(77, ["v128.not", "v128.and", "v128.andnot", "v128.or", "v128.xor", "v128.bitselect", "v128.any_true"]),
  ...simd(94, ["f32x4.demote_f64x2_zero", "f64x2.promote_low_f32x4"]),
  ...simd(96, [
    "i8x16.abs",
    "i8x16.neg",
    "i8x16.popcnt",
    "i8x16.all_true",
    "i8x16.bitmask",
    "i8x16.narrow_i16x8_s",
    "i8x16.narrow_i16x8_u",
  ]),
  ...simd(103, ["f32x4.ceil", "f32x4.floor", "f32x4.trunc", "f32x4.nearest"]),
  ...simd(107, [
    "i8x16.shl",
    "i8x16.shr_s",
    "i8x16.shr_u",
    "i8x16.add",
    "i8x16.add_sat_s",
    "i8x16.add_sat_u",
    "i8x16.sub",
    "i8x16.sub_sat_s",
    "i8x16.sub_sat_u",
  ]),
  ...simd(116, ["f64x2.ceil", "f64x2.floor"]),
  ...simd(118, ["i8x16.min_s", "i8x16.min_u", "i8x16.max_s", "i8x16.max_u"]),
  ...simd(122, ["f64x2.trunc", "i8x16.avgr_u"]),
  ...simd(124, [
    "i16x8.extadd_pairwise_i8x16_s",
    "i16x8.extadd_pairwise_i8x16_u",
    "i32x4.extadd_pairwise_i16x8_s",
    "i32x4.extadd_pairwise_i16x8_u",
  ]),
  ...simd(128, [
    "i16x8.abs",
    "i16x8.neg",
    "i16x8.q15mulr_sat_s",
    "i16x8.all_true",
    "i16x8.bitmask",
    "i16x8.narrow_i32x4_s",
    "i16x8.narrow_i32x4_u",
    "i16x8.extend_low_i8x16_s",
    "i16x8.extend_high_i8x16_s",
    "i16x8.extend_low_i8x16_u",
    "i16x8.extend_high_i8x16_u",
    "i16x8.shl",
    "i16x8.shr_s",
    "i16x8.shr_u",
    "i16x8.add",
    "i16x8.add_sat_s",
    "i16x8.add_sat_u",
    "i16x8.sub",
    "i16x8.sub_sat_s",
    "i16x8.sub_sat_u",
    "f64x2.nearest",
    "i16x8.mul",
    "i16x8.min_s",
    "i16x8.min_u",
    "i16x8.max_s",
    "i16x8.max_u",
  ]),
  ...simd(155, [
    "i16x8.avgr_u",
    "i16x8.extmul_low_i8x16_s",
    "i16x8.extmul_high_i8x16_s",
    "i16x8.extmul_low_i8x16_u",
    "i16x8.extmul_high_i8x16_u",
    "i32x4.abs",
    "i32x4.neg",
  ]),
  ...simd(163, ["i32x4.all_true", "i32x4.bitmask"]),
  ...simd(167, [
    "i32x4.extend_low_i16x8_s",
    "i32x4.extend_high_i16x8_s",
    "i32x4.extend_low_i16x8_u",
    "i32x4.extend_high_i16x8_u",
    "i32x4.shl",
    "i32x4.shr_s",
    "i32x4.shr_u",
    "i32x4.add",
  ]),
  ...simd(177, ["i32x4.sub"]),
  ...simd(181, ["i32x4.mul", "i32x4.min_s", "i32x4.min_u", "i32x4.max_s", "i32x4.max_u", "i32x4.dot_i16x8_s"]),
  ...simd(188, [
    "i32x4.extmul_low_i16x8_s",
    "i32x4.extmul_high_i16x8_s",
    "i32x4.extmul_low_i16x8_u",
    "i32x4.extmul_high_i16x8_u",
    "i64x2.abs",
    "i64x2.neg",
  ]),
  ...simd(195, ["i64x2.all_true", "i64x2.bitmask"]),
  ...simd(199, [
    "i64x2.extend_low_i32x4_s",
    "i64x2.extend_high_i32x4_s",
    "i64x2.extend_low_i32x4_u",
    "i64x2.extend_high_i32x4_u",
    "i64x2.shl",
    "i64x2.shr_s",
    "i64x2.shr_u",
    "i64x2.add",
  ]),
  ...simd(209, ["i64x2.sub"]),
  ...simd(213, [
    "i64x2.mul",
    "i64x2.eq",
    "i64x2.ne",
    "i64x2.lt_s",
    "i64x2.gt_s",
    "i64x2.le_s",
    "i64x2.ge_s",
    "i64x2.extmul_low_i32x4_s",
    "i64x2.extmul_high_i32x4_s",
    "i64x2.extmul_low_i32x4_u",
    "i64x2.extmul_high_i32x4_u",
    "f32x4.abs",
    "f32x4.neg",
  ]),
  ...simd(227, [
    "f32x4.sqrt",
    "f32x4.add",
    "f32x4.sub",
    "f32x4.mul",
    "f32x4.div",
    "f32x4.min",
    "f32x4.max",
    "f32x4.pmin",
    "f32x4.pmax",
    "f64x2.abs",
    "f64x2.neg",
  ]),
  ...simd(239, [
    "f64x2.sqrt",
    "f64x2.add",
    "f64x2.sub",
    "f64x2.mul",
    "f64x2.div",
    "f64x2.min",
    "f64x2.max",
    "f64x2.pmin",
    "f64x2.pmax",
    "i32x4.trunc_sat_f32x4_s",
    "i32x4.trunc_sat_f32x4_u",
    "f32x4.convert_i32x4_s",
    "f32x4.convert_i32x4_u",
    "i32x4.trunc_sat_f64x2_s_zero",
    "i32x4.trunc_sat_f64x2_u_zero",
    "f64x2.convert_low_i32x4_s",
    "f64x2.convert_low_i32x4_u",
  ]),

  // Relaxed SIMD: only where hasRelaxedSimd().
  ...simd(256, [
    "i8x16.relaxed_swizzle",
    "i32x4.relaxed_trunc_f32x4_s",
    "i32x4.relaxed_trunc_f32x4_u",
    "i32x4.relaxed_trunc_f64x2_s_zero",
    "i32x4.relaxed_trunc_f64x2_u_zero",
    "f32x4.relaxed_madd",
    "f32x4.relaxed_nmadd",
    "f64x2.relaxed_madd",
    "f64x2.relaxed_nmadd",
    "i8x16.relaxed_laneselect",
    "i16x8.relaxed_laneselect",
    "i32x4.relaxed_laneselect",
    "i64x2.relaxed_laneselect",
    "f32x4.relaxed_min",
    "f32x4.relaxed_max",
    "f64x2.relaxed_min",
    "f64x2.relaxed_max",
    "i16x8.relaxed_q15mulr_s",
    "i16x8.relaxed_dot_i8x16_i7x16_s",
    "i32x4.relaxed_dot_i8x16_i7x16_add_s",
  ]),
};

export const loadOps = {
  ...plain(0x28, [
    "i32.load",
    "i64.load",
    "f32.load",
    "f64.load",
    "i32.load8_s",
    "i32.load8_u",
    "i32.load16_s",
    "i32.load16_u",
    "i64.load8_s",
    "i64.load8_u",
    "i64.load16_s",
    "i64.load16_u",
    "i64.load32_s",
    "i64.load32_u",
  ]),
  ...simd(0, [
    "v128.load",
    "v128.load8x8_s",
    "v128.load8x8_u",
    "v128.load16x4_s",
    "v128.load16x4_u",
    "v128.load32x2_s",
    "v128.load32x2_u",
    "v128.load8_splat",
    "v128.load16_splat",
    "v128.load32_splat",
    "v128.load64_splat",
  ]),
  ...simd(92, ["v128.load32_zero", "v128.load64_zero"]),
};

export const storeOps = {
  ...plain(0x36, [
    "i32.store",
    "i64.store",
    "f32.store",
    "f64.store",
    "i32.store8",
    "i32.store16",
    "i64.store8",
    "i64.store16",
    "i64.store32",
  ]),
  ...simd(11, ["v128.store"]),
};

/** Loads and stores of one lane of a vector. */
export const memoryLaneOps = simd(84, [
  "v128.load8_lane",
  "v128.load16_lane",
  "v128.load32_lane",
  "v128.load64_lane",
  "v128.store8_lane",
  "v128.store16_lane",
  "v128.store32_lane",
  "v128.store64_lane",
]);

export const laneOps = simd(21, [
  "i8x16.extract_lane_s",
  "i8x16.extract_lane_u",
  "i8x16.replace_lane",
  "i16x8.extract_lane_s",
  "i16x8.extract_lane_u",
  "i16x8.replace_lane",
  "i32x4.extract_lane",
  "i32x4.replace_lane",
  "i64x2.extract_lane",
  "i64x2.replace_lane",
  "f32x4.extract_lane",
  "f32x4.replace_lane",
  "f64x2.extract_lane",
  "f64x2.replace_lane",
]);

export const atomicOps = {
  ...atomic(0, ["memory.atomic.notify", "memory.atomic.wait32", "memory.atomic.wait64"]),
  ...atomic(0x10, ["i32.atomic.load", "i64.atomic.load"]),
  ...atomic(0x17, ["i32.atomic.store", "i64.atomic.store"]),
  ...atomic(0x1e, ["i32.atomic.rmw.add", "i64.atomic.rmw.add"]),
  ...atomic(0x25, ["i32.atomic.rmw.sub", "i64.atomic.rmw.sub"]),
  ...atomic(0x2c, ["i32.atomic.rmw.and", "i64.atomic.rmw.and"]),
  ...atomic(0x33, ["i32.atomic.rmw.or", "i64.atomic.rmw.or"]),
  ...atomic(0x3a, ["i32.atomic.rmw.xor", "i64.atomic.rmw.xor"]),
  ...atomic(0x41, ["i32.atomic.rmw.xchg", "i64.atomic.rmw.xchg"]),
  ...atomic(0x48, ["i32.atomic.rmw.cmpxchg", "i64.atomic.rmw.cmpxchg"]),
};

export type PlainOp = keyof typeof plainOps;
export type LoadOp = keyof typeof loadOps;
export type StoreOp = keyof typeof storeOps;
export type MemoryLaneOp = keyof typeof memoryLaneOps;
export type LaneOp = keyof typeof laneOps;
export type AtomicOp = keyof typeof atomicOps;

/** Bytes an instruction touches: "i32.load8_u" 1, "v128.load32x2_s" 8, "f64.store" 8, "v128.load" 16. */
function accessBytes(name: LoadOp | StoreOp | MemoryLaneOp | AtomicOp): number {
  if (name === "memory.atomic.notify") return 4;
  const narrow = /(?:load|store|wait)(\d+)(?:x(\d))?/.exec(name);
  if (narrow) return (Number(narrow[1]) * Number(narrow[2] ?? 1)) / 8;
  return { i32: 4, f32: 4, i64: 8, f64: 8, v128: 16 }[name.slice(0, name.indexOf(".")) as ValType];
}

// ---------------------------------------------------------------------------------------------------------------------
// Number encodings (LEB128, little-endian IEEE).

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Always five bytes, so that a later value can be written over it. */
function unsignedPadded(value: number): number[] {
  return [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)) {
      bytes.push(low);
      return bytes;
    }
    bytes.push(low | 0x80);
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

// ---------------------------------------------------------------------------------------------------------------------

/** A local variable (or parameter) of one function. */
export interface Local {
  readonly type: ValType;
  readonly index: number;
}

/** A function of a module; its number is settled by `finish`, since imports come first. */
export interface FunctionRef {
  readonly name: string | null;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** The target of a branch: the end of a block or if, the start of a loop. */
export interface Label {
  readonly level: number;
}

/** Appends instructions to one function's body. Every method returns the builder, so short sequences chain. */
export class FunctionBuilder {
  readonly params: readonly Local[];
  private readonly locals: ValType[] = [];
  private readonly free: Record<ValType, Local[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private readonly scopes: Local[][] = [];
  private readonly constants = new Map<string, { local: Local; bytes: Uint8Array }>();
  private readonly bytes: number[] = [];
  private readonly calls: { position: number; target: FunctionRef }[] = [];
  private readonly labels: Label[] = [];

  constructor(params: readonly ValType[]) {
    this.params = params.map((type, index) => ({ type, index }));
  }

  // Locals

  param(index: number): Local {
    const local = this.params[index];
    if (!local) throw new Error(`param: there is no parameter ${index}, only ${this.params.length}`);
    return local;
  }

  /** A local of this type. One handed back by `release` may be reused, so its first value is unspecified. */
  local(type: ValType): Local {
    const local = this.free[type].pop() ?? this.newLocal(type);
    this.scopes.at(-1)?.push(local);
    return local;
  }

  private newLocal(type: ValType): Local {
    this.locals.push(type);
    return { type, index: this.params.length + this.locals.length - 1 };
  }

  /** Lets later calls of `local` reuse these. */
  release(...locals: Local[]): this {
    for (const local of locals) {
      if (local.index < this.params.length || this.free[local.type].includes(local)) {
        throw new Error(`release: local ${local.index} (${local.type}) is a parameter or was released before`);
      }
      this.free[local.type].push(local);
      for (const scope of this.scopes) {
        const position = scope.indexOf(local);
        if (position >= 0) scope.splice(position, 1);
      }
    }
    return this;
  }

  /** Runs `body`, then releases the locals that it took and still holds. */
  scope(body: () => void): this {
    this.scopes.push([]);
    body();
    const taken = this.scopes.pop() as Local[];
    return this.release(...taken);
  }

  get(local: Local): this {
    return this.emit([0x20, ...unsigned(local.index)]);
  }

  set(local: Local): this {
    return this.emit([0x21, ...unsigned(local.index)]);
  }

  tee(local: Local): this {
    return this.emit([0x22, ...unsigned(local.index)]);
  }

  // Constants

  i32(value: number): this {
    return this.emit([0x41, ...signed(BigInt(value | 0))]);
  }

  i64(value: bigint | number): this {
    return this.emit([0x42, ...signed(BigInt.asIntN(64, BigInt(value)))]);
  }

  f32(value: number): this {
    return this.emit([0x43, ...bytesOf(Float32Array.of(value))]);
  }

  f64(value: number): this {
    return this.emit([0x44, ...bytesOf(Float64Array.of(value))]);
  }

  /** Vector constants: one value for all lanes, or one a lane. */
  i8x16(...lanes: number[]): this {
    return this.v128(Int8Array.from(spread(lanes, 16)));
  }

  i16x8(...lanes: number[]): this {
    return this.v128(Int16Array.from(spread(lanes, 8)));
  }

  i32x4(...lanes: number[]): this {
    return this.v128(Int32Array.from(spread(lanes, 4)));
  }

  i64x2(...lanes: bigint[]): this {
    return this.v128(BigInt64Array.from(spread(lanes, 2)));
  }

  f32x4(...lanes: number[]): this {
    return this.v128(Float32Array.from(spread(lanes, 4)));
  }

  f64x2(...lanes: number[]): this {
    return this.v128(Float64Array.from(spread(lanes, 2)));
  }

  private v128(lanes: ArrayBufferView): this {
    return this.emit([0xfd, 12, ...bytesOf(lanes)]);
  }

  /**
   * Pushes a vector constant that is made once, when the function is entered, and kept in a local. In loops this is
   * cheaper: engines build a `v128.const` anew at every use. `constant(Float32Array.of(2))` splats; or give every lane.
   */
  constant(lanes: Float32Array | Float64Array | Int32Array | BigInt64Array | Int8Array | Int16Array): this {
    const given = bytesOf(lanes);
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => given[i % given.length] as number);
    const key = bytes.join();
    let entry = this.constants.get(key);
    if (!entry) {
      entry = { local: this.newLocal("v128"), bytes };
      this.constants.set(key, entry);
    }
    return this.get(entry.local);
  }

  // Instructions

  op(name: PlainOp): this {
    return this.emit(plainOps[name]);
  }

  /** Address on the stack. `alignment` in bytes is a hint, the natural one unless told. */
  load(name: LoadOp, offset = 0, alignment = accessBytes(name)): this {
    return this.emit([...loadOps[name], ...memoryArgument(alignment, offset)]);
  }

  /** Address and value on the stack. */
  store(name: StoreOp, offset = 0, alignment = accessBytes(name)): this {
    return this.emit([...storeOps[name], ...memoryArgument(alignment, offset)]);
  }

  /** Address and vector on the stack. */
  memoryLane(name: MemoryLaneOp, lane: number, offset = 0, alignment = accessBytes(name)): this {
    return this.emit([...memoryLaneOps[name], ...memoryArgument(alignment, offset), lane]);
  }

  lane(name: LaneOp, lane: number): this {
    return this.emit([...laneOps[name], lane]);
  }

  /** Lanes 0-15 are bytes of the first operand, 16-31 of the second. */
  shuffle(...lanes: number[]): this {
    if (lanes.length !== 16 || lanes.some((lane) => lane < 0 || lane > 31)) {
      throw new Error(`i8x16.shuffle: expected 16 lanes from 0 to 31. Received: ${lanes}`);
    }
    return this.emit([0xfd, 13, ...lanes]);
  }

  /** `shuffle` in lanes of 32 bits: 0-3 of the first operand, 4-7 of the second. */
  shuffle32(a: number, b: number, c: number, d: number): this {
    return this.shuffle(...[a, b, c, d].flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]));
  }

  atomic(name: AtomicOp, offset = 0): this {
    return this.emit([...atomicOps[name], ...memoryArgument(accessBytes(name), offset)]);
  }

  atomicFence(): this {
    return this.emit([0xfe, 0x03, 0x00]);
  }

  /** Destination, source and length on the stack. */
  memoryCopy(): this {
    return this.emit([0xfc, 10, 0, 0]);
  }

  /** Destination, byte value and length on the stack. */
  memoryFill(): this {
    return this.emit([0xfc, 11, 0]);
  }

  memorySize(): this {
    return this.emit([0x3f, 0]);
  }

  call(target: FunctionRef): this {
    this.emit([0x10]);
    this.calls.push({ position: this.bytes.length, target });
    return this.emit(unsignedPadded(0));
  }

  // Control

  /** A branch to the label given to `body` leaves the block. */
  block(body: (exit: Label) => void, result?: ValType): this {
    return this.nest(0x02, body, result);
  }

  /** A branch to the label given to `body` starts the loop over; falling off the end leaves it. */
  loop(body: (again: Label) => void, result?: ValType): this {
    return this.nest(0x03, body, result);
  }

  /** Takes `then` when the i32 on the stack is not zero. */
  if_(then: (exit: Label) => void, otherwise?: (exit: Label) => void, result?: ValType): this {
    return this.nest(
      0x04,
      (label) => {
        then(label);
        if (otherwise) {
          this.emit([0x05]);
          otherwise(label);
        }
      },
      result,
    );
  }

  private nest(opcode: number, body: (label: Label) => void, result?: ValType): this {
    this.emit([opcode, result ? valTypes[result] : 0x40]);
    const label: Label = { level: this.labels.length };
    this.labels.push(label);
    body(label);
    this.labels.pop();
    return this.emit([0x0b]);
  }

  /** `target`: a label, or how many enclosing constructs to skip (0: the innermost). */
  br(target: Label | number): this {
    return this.emit([0x0c, ...unsigned(this.depth(target))]);
  }

  /** Branches when the i32 on the stack is not zero. */
  br_if(target: Label | number): this {
    return this.emit([0x0d, ...unsigned(this.depth(target))]);
  }

  private depth(target: Label | number): number {
    if (typeof target === "number") return target;
    if (this.labels[target.level] !== target) throw new Error("br: the label's block has ended");
    return this.labels.length - 1 - target.level;
  }

  select(): this {
    return this.op("select");
  }

  drop(): this {
    return this.op("drop");
  }

  return(): this {
    return this.op("return");
  }

  private emit(bytes: Iterable<number>): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  /** The body as the code section wants it, with every call's function number filled in. */
  encode(number: (target: FunctionRef) => number): number[] {
    const code = [...this.bytes];
    for (const { position, target } of this.calls) {
      unsignedPadded(number(target)).forEach((byte, i) => {
        code[position + i] = byte;
      });
    }
    const prologue = [...this.constants.values()].flatMap(({ local, bytes }) => [
      ...[0xfd, 12, ...bytes],
      ...[0x21, ...unsigned(local.index)],
    ]);
    const locals = this.locals.flatMap((type) => [1, valTypes[type]]);
    return [...unsigned(this.locals.length), ...locals, ...prologue, ...code, 0x0b];
  }
}

function spread<T>(lanes: T[], count: number): T[] {
  if (lanes.length === count) return lanes;
  if (lanes.length === 1) return new Array<T>(count).fill(lanes[0] as T);
  throw new Error(`A constant of ${count} lanes takes 1 or ${count} values. Received: ${lanes.length}`);
}

function memoryArgument(alignment: number, offset: number): number[] {
  return [Math.log2(alignment), ...unsigned(offset)];
}

// ---------------------------------------------------------------------------------------------------------------------

export interface MemoryLimits {
  initialPages: number;
  maximumPages?: number;
  /** Needs `maximumPages`. */
  shared?: boolean;
}

/** Collects imports and functions, and encodes them as one module. */
export class ModuleBuilder {
  private memory: { module: string; name: string; limits: MemoryLimits } | undefined;
  private readonly imports: { module: string; ref: FunctionRef }[] = [];
  private readonly functions: { ref: FunctionRef; body: FunctionBuilder | undefined }[] = [];

  importMemory(module: string, name: string, limits: MemoryLimits): void {
    this.memory = { module, name, limits };
  }

  /** May be called at any time, even while a body is being emitted. */
  importFunction(module: string, name: string, params: readonly ValType[], results: readonly ValType[]): FunctionRef {
    const ref = { name, params, results };
    this.imports.push({ module, ref });
    return ref;
  }

  /** A function to be defined later, so that others can call it now. Exported when named. */
  declare(name: string | null, params: readonly ValType[], results: readonly ValType[]): FunctionRef {
    const ref = { name, params, results };
    this.functions.push({ ref, body: undefined });
    return ref;
  }

  define(ref: FunctionRef, body: (f: FunctionBuilder) => void): void {
    const entry = this.functions.find((candidate) => candidate.ref === ref);
    if (!entry) throw new Error(`define: function ${ref.name} was not declared in this module`);
    if (entry.body) throw new Error(`define: function ${ref.name} is defined already`);
    entry.body = new FunctionBuilder(ref.params);
    body(entry.body);
  }

  /** Declares and defines. */
  func(name: string | null, params: readonly ValType[], results: readonly ValType[], body: (f: FunctionBuilder) => void): FunctionRef {
    const ref = this.declare(name, params, results);
    this.define(ref, body);
    return ref;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const types: number[][] = [];
    const typeNumbers = new Map<string, number>();
    const typeOf = ({ params, results }: FunctionRef): number => {
      const key = `${params}>${results}`;
      let number = typeNumbers.get(key);
      if (number === undefined) {
        number = types.length;
        typeNumbers.set(key, number);
        types.push([0x60, ...vector(params.map((t) => [valTypes[t]])), ...vector(results.map((t) => [valTypes[t]]))]);
      }
      return number;
    };

    const refs = [...this.imports.map(({ ref }) => ref), ...this.functions.map(({ ref }) => ref)];
    const numbers = new Map(refs.map((ref, number) => [ref, number]));
    const numberOf = (ref: FunctionRef): number => {
      const number = numbers.get(ref);
      if (number === undefined) throw new Error(`call: function ${ref.name} belongs to another module`);
      return number;
    };

    const imports = this.imports.map(({ module, ref }) => [...text(module), ...text(ref.name as string), 0x00, ...unsigned(typeOf(ref))]);
    if (this.memory) {
      const { module, name, limits } = this.memory;
      imports.push([...text(module), ...text(name), 0x02, ...encodeLimits(limits)]);
    }
    const functions = this.functions.map(({ ref }) => unsigned(typeOf(ref)));
    const exports = this.functions
      .filter(({ ref }) => ref.name !== null)
      .map(({ ref }) => [...text(ref.name as string), 0x00, ...unsigned(numberOf(ref))]);
    const code = this.functions.map(({ ref, body }) => {
      if (!body) throw new Error(`finish: function ${ref.name} was declared but never defined`);
      const bytes = body.encode(numberOf);
      return [...unsigned(bytes.length), ...bytes];
    });

    return Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      ...section(1, types),
      ...section(2, imports),
      ...section(3, functions),
      ...section(7, exports),
      ...section(10, code),
    ]);
  }
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, items: readonly number[][]): number[] {
  if (items.length === 0) return [];
  const body = vector(items);
  return [id, ...unsigned(body.length), ...body];
}

function encodeLimits({ initialPages, maximumPages, shared = false }: MemoryLimits): number[] {
  if (maximumPages === undefined) {
    if (shared) throw new Error("importMemory: a shared memory needs maximumPages");
    return [0x00, ...unsigned(initialPages)];
  }
  return [shared ? 0x03 : 0x01, ...unsigned(initialPages), ...unsigned(maximumPages)];
}

// ---------------------------------------------------------------------------------------------------------------------

/** Whether this engine has relaxed SIMD (fused multiply-add among it). */
export function hasRelaxedSimd(): boolean {
  const module = new ModuleBuilder();
  module.func("probe", ["v128"], ["v128"], (f) => {
    const x = f.param(0);
    f.get(x).get(x).get(x).op("f32x4.relaxed_madd");
  });
  return WebAssembly.validate(module.finish());
}

/** Whether shared memory can be made and used here (in a browser: only on cross-origin isolated pages). */
export function hasThreads(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", { initialPages: 1, maximumPages: 1, shared: true });
  module.func("probe", [], ["i32"], (f) => f.i32(0).atomic("i32.atomic.load"));
  return WebAssembly.validate(module.finish());
}
