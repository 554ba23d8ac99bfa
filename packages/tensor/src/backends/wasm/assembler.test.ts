import { expect, test } from "vitest";
import type { FunctionBuilder } from "./assembler.ts";
import { hasRelaxedSimd, hasThreads, ModuleBuilder } from "./assembler.ts";
import type { AtomicOp, LaneOp, LoadOp, MemoryLaneOp, PlainOp, StoreOp, ValType } from "./opcodes.ts";
import { atomicOps, laneOps, loadOps, memoryLaneOps, plainOps, storeOps } from "./opcodes.ts";

type Body = (f: FunctionBuilder) => void;

// biome-ignore lint/suspicious/noExplicitAny: a wasm export takes and gives numbers or bigints, by its signature
type Exported = (...values: any[]) => any;

/** Compiles one function, exported as "f", over one page of memory. */
function compile(params: ValType[], results: ValType[], body: Body) {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", { initialPages: 1 });
  module.func("f", params, results, body);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { env: { memory } });
  return { f: instance.exports.f as Exported, memory };
}

function run(params: ValType[], results: ValType[], body: Body, ...values: unknown[]) {
  return compile(params, results, body).f(...values);
}

function isValid(params: ValType[], results: ValType[], body: Body): boolean {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", { initialPages: 1, maximumPages: 1, shared: true });
  module.func("f", params, results, body);
  return WebAssembly.validate(module.finish());
}

// ---------------------------------------------------------------------------------------------------------------------
// Every instruction has the type that the specification gives to its name.

const laneType = (shape: string) => (({ i8x16: "i32", i16x8: "i32" })[shape] ?? shape.slice(0, 3)) as ValType;
const repeat = (type: ValType, count: number) => new Array<ValType>(count).fill(type);

/** Parameters and results, derived from the name alone. */
function signature(name: PlainOp): [params: ValType[], results: ValType[]] {
  const [type, op] = name.split(".") as [string, string | undefined];
  if (op === undefined) {
    if (name === "drop") return [["f64"], []];
    if (name === "select") return [["f64", "f64", "i32"], ["f64"]];
    return [[], []];
  }
  if (type === "v128" || type.includes("x")) {
    if (op === "splat") return [[laneType(type)], ["v128"]];
    if (/^(any_true|all_true|bitmask)$/.test(op)) return [["v128"], ["i32"]];
    if (/^(shl|shr_[su])$/.test(op)) return [["v128", "i32"], ["v128"]];
    if (/^(bitselect|relaxed_n?madd|relaxed_laneselect|.*_add_s)$/.test(op)) return [repeat("v128", 3), ["v128"]];
    const unary = /^(not|abs|neg|sqrt|ceil|floor|trunc|nearest|popcnt)$|^(extend|extadd|convert|promote|demote)|trunc_/;
    return [repeat("v128", unary.test(op) ? 1 : 2), ["v128"]];
  }
  const source = /_([if](?:32|64))(_[su])?$/.exec(op)?.[1];
  if (source) return [[source as ValType], [type as ValType]];
  if (op === "eqz") return [[type as ValType], ["i32"]];
  if (/^(eq|ne|[lg][te](_[su])?)$/.test(op)) return [repeat(type as ValType, 2), ["i32"]];
  const unary = /^(clz|ctz|popcnt|abs|neg|sqrt|ceil|floor|trunc|nearest|extend\d+_s)$/;
  return [repeat(type as ValType, unary.test(op) ? 1 : 2), [type as ValType]];
}

/** Applies an instruction to the parameters in order. */
const onParams =
  (name: PlainOp): Body =>
  (f) => {
    for (const param of f.params) f.get(param);
    f.op(name);
  };

test("every instruction without immediates validates with the type its name says", () => {
  for (const name of Object.keys(plainOps) as PlainOp[]) {
    if (name.includes("relaxed") && !hasRelaxedSimd()) continue;
    const [params, results] = signature(name);
    expect(isValid(params, results, onParams(name)), name).toBe(true);
  }
});

test("every load, store, lane and atomic instruction validates", () => {
  const typeOf = (name: string) => name.slice(0, name.indexOf(".")) as ValType;
  for (const name of Object.keys(loadOps) as LoadOp[]) {
    expect(
      isValid(["i32"], [typeOf(name)], (f) => f.get(f.param(0)).load(name, 300)),
      name,
    ).toBe(true);
  }
  for (const name of Object.keys(storeOps) as StoreOp[]) {
    const body: Body = (f) => f.get(f.param(0)).get(f.param(1)).store(name, 70000, 1);
    expect(isValid(["i32", typeOf(name)], [], body), name).toBe(true);
  }
  for (const name of Object.keys(memoryLaneOps) as MemoryLaneOp[]) {
    const results: ValType[] = name.includes("load") ? ["v128"] : [];
    const body: Body = (f) => f.get(f.param(0)).get(f.param(1)).memoryLane(name, 1, 8);
    expect(isValid(["i32", "v128"], results, body), name).toBe(true);
  }
  for (const name of Object.keys(laneOps) as LaneOp[]) {
    const extracts = name.includes("extract");
    const params: ValType[] = extracts ? ["v128"] : ["v128", laneType(name.slice(0, 5))];
    const body: Body = (f) => {
      for (const param of f.params) f.get(param);
      f.lane(name, 1);
    };
    expect(isValid(params, [extracts ? laneType(name.slice(0, 5)) : "v128"], body), name).toBe(true);
  }
  for (const name of Object.keys(atomicOps) as AtomicOp[]) {
    const type = name.startsWith("i64") || name.endsWith("wait64") ? "i64" : "i32";
    let params: ValType[] = ["i32", type];
    if (name.endsWith(".load")) params = ["i32"];
    if (name.includes("wait")) params = ["i32", type, "i64"];
    if (name.includes("cmpxchg")) params = ["i32", type, type];
    const results: ValType[] = name.endsWith(".store") ? [] : [name.startsWith("memory") ? "i32" : type];
    const body: Body = (f) => {
      for (const param of f.params) f.get(param);
      f.atomic(name, 16);
    };
    expect(isValid(params, results, body), name).toBe(true);
  }
});

// ---------------------------------------------------------------------------------------------------------------------
// What instructions of equal type do.

test("scalar integer instructions compute what their names say", () => {
  const cases: [PlainOp, number[], number][] = [
    ["i32.eqz", [0], 1],
    ["i32.clz", [1], 31],
    ["i32.ctz", [8], 3],
    ["i32.popcnt", [255], 8],
    ["i32.add", [5, -7], -2],
    ["i32.sub", [5, -7], 12],
    ["i32.mul", [5, -7], -35],
    ["i32.div_s", [-7, 2], -3],
    ["i32.div_u", [-1, 2], 0x7fffffff],
    ["i32.rem_s", [-7, 4], -3],
    ["i32.rem_u", [-1, 10], 5],
    ["i32.and", [6, 3], 2],
    ["i32.or", [6, 3], 7],
    ["i32.xor", [6, 3], 5],
    ["i32.shl", [3, 4], 48],
    ["i32.shr_s", [-8, 1], -4],
    ["i32.shr_u", [-8, 1], 0x7ffffffc],
    ["i32.rotl", [0x80000001 | 0, 1], 3],
    ["i32.rotr", [3, 1], 0x80000001 | 0],
    ["i32.eq", [1, 1], 1],
    ["i32.ne", [1, 1], 0],
    ["i32.lt_s", [-1, 1], 1],
    ["i32.lt_u", [-1, 1], 0],
    ["i32.gt_s", [-1, 1], 0],
    ["i32.gt_u", [-1, 1], 1],
    ["i32.le_s", [-1, 1], 1],
    ["i32.le_u", [-1, 1], 0],
    ["i32.ge_s", [-1, 1], 0],
    ["i32.ge_u", [-1, 1], 1],
    ["i32.extend8_s", [0x80], -128],
    ["i32.extend16_s", [0x8000], -32768],
  ];
  for (const [name, values, expected] of cases) {
    const count = values.length;
    expect(run(repeat("i32", count), ["i32"], onParams(name), ...values), name).toBe(expected);
    const wide = name.replace("i32", "i64") as PlainOp;
    // These depend on the width.
    if (/clz|_u|rot/.test(name)) continue;
    const result = run(repeat("i64", count), signature(wide)[1], onParams(wide), ...values.map(BigInt));
    expect(Number(result), wide).toBe(expected);
  }
});

test("scalar conversions truncate, saturate, wrap and reinterpret", () => {
  const cases: [PlainOp, number | bigint, number | bigint][] = [
    ["i32.wrap_i64", 0x1_0000_0005n, 5],
    ["i64.extend_i32_s", -1, -1n],
    ["i64.extend_i32_u", -1, 0xffffffffn],
    ["i64.extend8_s", 0x80n, -128n],
    ["i64.extend16_s", 0x8000n, -32768n],
    ["i64.extend32_s", 0x8000_0000n, -(2n ** 31n)],
    ["i32.trunc_f32_s", -2.9, -2],
    ["i32.trunc_f32_u", 3e9, 3e9 | 0],
    ["i32.trunc_f64_s", -2.9, -2],
    ["i32.trunc_f64_u", 3e9, 3e9 | 0],
    ["i64.trunc_f32_s", -2.9, -2n],
    ["i64.trunc_f64_u", 1e15, 10n ** 15n],
    ["i32.trunc_sat_f32_s", 1e20, 0x7fffffff],
    ["i32.trunc_sat_f32_u", -5, 0],
    ["i32.trunc_sat_f64_s", Number.NaN, 0],
    ["i32.trunc_sat_f64_u", 1e20, -1],
    ["i64.trunc_sat_f32_s", -1e30, -(2n ** 63n)],
    ["i64.trunc_sat_f64_u", 1e30, -1n],
    ["f32.convert_i32_s", -3, -3],
    ["f32.convert_i32_u", -1, 2 ** 32],
    ["f32.convert_i64_s", -3n, -3],
    ["f64.convert_i32_s", -3, -3],
    ["f64.convert_i32_u", -1, 2 ** 32 - 1],
    ["f64.convert_i64_s", -3n, -3],
    ["f64.convert_i64_u", -1n, 2 ** 64],
    ["f32.demote_f64", 0.1, Math.fround(0.1)],
    ["f64.promote_f32", 0.5, 0.5],
    ["i32.reinterpret_f32", 1, 0x3f800000],
    ["f32.reinterpret_i32", 0x3f800000, 1],
    ["i64.reinterpret_f64", 1, 0x3ff0000000000000n],
    ["f64.reinterpret_i64", 0x3ff0000000000000n, 1],
  ];
  for (const [name, value, expected] of cases) {
    const [params, results] = signature(name);
    expect(run(params, results, onParams(name), value), name).toBe(expected);
  }
});

/** Number or bigint, by the shape: the operators used below mean the same on both. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Lane = any;

const views = {
  i8x16: { s: Int8Array, u: Uint8Array, bits: 8 },
  i16x8: { s: Int16Array, u: Uint16Array, bits: 16 },
  i32x4: { s: Int32Array, u: Uint32Array, bits: 32 },
  i64x2: { s: BigInt64Array, u: BigUint64Array, bits: 64 },
  f32x4: { s: Float32Array, u: Float32Array, bits: 32 },
  f64x2: { s: Float64Array, u: Float64Array, bits: 64 },
} as const;
type Shape = keyof typeof views;
type LaneArray = { [i: number]: Lane; length: number; buffer: ArrayBufferLike };

type LaneArrayType = { new (buffer: ArrayBuffer, offset: number, length: number): unknown; BYTES_PER_ELEMENT: number };

function vectorView(kind: LaneArrayType, memory: WebAssembly.Memory, at: number): LaneArray {
  return new kind(memory.buffer, at, 16 / kind.BYTES_PER_ELEMENT) as LaneArray;
}

/** Runs one vector instruction on random bytes with some special lanes, and compares every lane with `expected`. */
function checkLanes(name: PlainOp, arity: number, sign: "s" | "u", expected: (...lanes: Lane[]) => Lane) {
  const [shape, op] = name.split(".") as [Shape, string];
  const { f, memory } = compile([], [], (g) => {
    g.i32(64);
    for (let i = 0; i < arity; i++) g.i32(16 * i).load("v128.load");
    g.op(name).store("v128.store");
  });
  const View = views[shape][sign] as unknown as LaneArrayType;
  const isFloat = shape.startsWith("f");
  const operands = [0, 16, 32].map((at) => vectorView(View, memory, at));
  const compares = /^(eq|ne|[lg][te])(_|$)/.test(op);
  const Result = compares ? views[isFloat ? (shape.replace("f", "i") as Shape) : shape].s : View;
  const results = vectorView(Result as LaneArrayType, memory, 64);
  for (let round = 0; round < 20; round++) {
    for (const operand of operands) {
      for (let i = 0; i < operand.length; i++) {
        const random = Math.sin(round * 97 + i * 31 + operands.indexOf(operand) * 7 + 1) * 1e4;
        if (isFloat) operand[i] = round % 5 === 4 ? Number.NaN : random % 9;
        else if (shape === "i64x2") operand[i] = BigInt(Math.trunc(random)) * 0x1234567_1234567n;
        else operand[i] = Math.trunc(random * 54321);
      }
    }
    // Equal lanes, for the comparisons.
    if (arity > 1) (operands[1] as LaneArray)[0] = operands[0]?.[0];
    const wanted = new (Result as typeof Float32Array)(results.length) as LaneArray;
    for (let i = 0; i < wanted.length; i++) {
      const value = expected(...operands.slice(0, arity).map((operand) => operand[i]));
      if (typeof value !== "boolean") wanted[i] = value;
      else wanted[i] = shape.startsWith("i64") || shape.startsWith("f64") ? BigInt(-Number(value)) : -Number(value);
    }
    f();
    expect(Array.from(results as ArrayLike<Lane>), name).toEqual(Array.from(wanted as ArrayLike<Lane>));
  }
}

test("vector arithmetic and comparisons work on every lane", () => {
  const smaller = (a: Lane, b: Lane) => (b < a ? b : a);
  const larger = (a: Lane, b: Lane) => (a < b ? b : a);
  const comparisons: Record<string, (a: Lane, b: Lane) => boolean> = {
    eq: (a, b) => a === b,
    ne: (a, b) => a !== b,
    lt: (a, b) => a < b,
    gt: (a, b) => a > b,
    le: (a, b) => a <= b,
    ge: (a, b) => a >= b,
  };
  for (const [shape, { bits }] of Object.entries(views)) {
    const check = (op: string, arity: number, sign: "s" | "u", expected: (...lanes: Lane[]) => Lane) => {
      const name = `${shape}.${op}`;
      if (name in plainOps) checkLanes(name as PlainOp, arity, sign, expected);
    };
    for (const [op, expected] of Object.entries(comparisons)) {
      check(op, 2, "s", expected);
      check(`${op}_s`, 2, "s", expected);
      check(`${op}_u`, 2, "u", expected);
    }
    const isFloat = shape.startsWith("f");
    const cut = (value: Lane) => (typeof value === "bigint" ? BigInt.asIntN(64, value) : value);
    check("abs", 1, "s", (a) => (a < 0 ? -a : a));
    check("neg", 1, "s", (a) => -a);
    check("add", 2, "s", (a, b) => cut(a + b));
    check("sub", 2, "s", (a, b) => cut(a - b));
    check("mul", 2, "s", (a, b) => (isFloat || bits === 64 ? cut(a * b) : Math.imul(a, b)));
    check("div", 2, "s", (a, b) => a / b);
    check("sqrt", 1, "s", Math.sqrt);
    check("ceil", 1, "s", Math.ceil);
    check("floor", 1, "s", Math.floor);
    check("trunc", 1, "s", Math.trunc);
    check("nearest", 1, "s", (a) => {
      const below = Math.floor(a);
      const odd = Math.abs(below % 2);
      return a - below < 0.5 || (a - below === 0.5 && odd === 0) ? below : Math.sign(a) * Math.abs(below + 1);
    });
    check("pmin", 2, "s", smaller);
    check("pmax", 2, "s", larger);
    check("min", 2, "s", Math.min);
    check("max", 2, "s", Math.max);
    check("min_s", 2, "s", smaller);
    check("max_s", 2, "s", larger);
    check("min_u", 2, "u", smaller);
    check("max_u", 2, "u", larger);
    check("avgr_u", 2, "u", (a, b) => (a + b + 1) >> 1);
    const limit = (low: number, high: number) => (value: number) => Math.min(Math.max(value, low), high);
    const signed = limit(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1);
    const unsigned = limit(0, 2 ** bits - 1);
    check("add_sat_s", 2, "s", (a, b) => signed(a + b));
    check("sub_sat_s", 2, "s", (a, b) => signed(a - b));
    check("add_sat_u", 2, "u", (a, b) => unsigned(a + b));
    check("sub_sat_u", 2, "u", (a, b) => unsigned(a - b));
    check("popcnt", 1, "u", (a) => a.toString(2).replaceAll("0", "").length);
  }
});

/** The four int32 lanes of the vector that `body` leaves. */
function lanesOf(body: Body): number[] {
  const { f, memory } = compile([], [], (g) => {
    g.i32(0);
    body(g);
    g.store("v128.store");
  });
  f();
  return [...new Int32Array(memory.buffer, 0, 4)];
}

const floatLanesOf = (body: Body) => [...new Float32Array(Int32Array.from(lanesOf(body)).buffer)];
const doubleLanesOf = (body: Body) => [...new Float64Array(Int32Array.from(lanesOf(body)).buffer)];

test("vector logic, shifts, shuffles and lane access", () => {
  expect(lanesOf((f) => f.i32x4(12).i32x4(10).op("v128.and"))).toEqual([8, 8, 8, 8]);
  expect(lanesOf((f) => f.i32x4(12).i32x4(10).op("v128.or"))).toEqual([14, 14, 14, 14]);
  expect(lanesOf((f) => f.i32x4(12).i32x4(10).op("v128.xor"))).toEqual([6, 6, 6, 6]);
  expect(lanesOf((f) => f.i32x4(12).i32x4(10).op("v128.andnot"))).toEqual([4, 4, 4, 4]);
  expect(lanesOf((f) => f.i32x4(0).op("v128.not"))).toEqual([-1, -1, -1, -1]);
  expect(lanesOf((f) => f.i32x4(1, 2, 3, 4).i32x4(9).i32x4(-1, 0, -1, 0).op("v128.bitselect"))).toEqual([1, 9, 3, 9]);
  expect(lanesOf((f) => f.i32x4(-8).i32(1).op("i32x4.shl"))).toEqual([-16, -16, -16, -16]);
  expect(lanesOf((f) => f.i32x4(-8).i32(1).op("i32x4.shr_s"))).toEqual([-4, -4, -4, -4]);
  expect(lanesOf((f) => f.i32x4(-8).i32(28).op("i32x4.shr_u"))).toEqual([15, 15, 15, 15]);
  expect(lanesOf((f) => f.i16x8(-8).i32(12).op("i16x8.shr_u"))[0]).toBe(0x000f000f);
  expect(lanesOf((f) => f.i8x16(-8).i32(4).op("i8x16.shr_u"))[0]).toBe(0x0f0f0f0f);
  expect(lanesOf((f) => f.i64x2(1n, -1n).i32(33).op("i64x2.shl"))).toEqual([0, 2, 0, -2]);
  expect(lanesOf((f) => f.i64x2(-1n).i32(63).op("i64x2.shr_u"))).toEqual([1, 0, 1, 0]);
  expect(lanesOf((f) => f.i64x2(-4n).i32(1).op("i64x2.shr_s"))).toEqual([-2, -1, -2, -1]);
  expect(lanesOf((f) => f.i32x4(1, 2, 3, 4).i32x4(5, 6, 7, 8).shuffle32(3, 4, 0, 7))).toEqual([4, 5, 1, 8]);
  expect(lanesOf((f) => f.i32x4(1, 2, 3, 4).i32(9).lane("i32x4.replace_lane", 2))).toEqual([1, 2, 9, 4]);
  expect(floatLanesOf((f) => f.f32x4(1, 2, 3, 4).f32(9).lane("f32x4.replace_lane", 1))).toEqual([1, 9, 3, 4]);
  expect(run([], ["f32"], (f) => f.f32x4(1, 2, 3, 4).lane("f32x4.extract_lane", 3))).toBe(4);
  expect(run([], ["f64"], (f) => f.f64x2(1, 2).lane("f64x2.extract_lane", 1))).toBe(2);
  expect(run([], ["i32"], (f) => f.i8x16(-1).lane("i8x16.extract_lane_s", 3))).toBe(-1);
  expect(run([], ["i32"], (f) => f.i8x16(-1).lane("i8x16.extract_lane_u", 3))).toBe(255);
  expect(run([], ["i32"], (f) => f.i16x8(-1).lane("i16x8.extract_lane_u", 3))).toBe(65535);
  expect(run([], ["i32"], (f) => f.i32x4(0, 0, 1, 0).op("v128.any_true"))).toBe(1);
  expect(run([], ["i32"], (f) => f.i32x4(0).op("v128.any_true"))).toBe(0);
  expect(run([], ["i32"], (f) => f.i32x4(1, 1, 0, 1).op("i32x4.all_true"))).toBe(0);
  expect(run([], ["i32"], (f) => f.i32x4(-1, 1, 0, -1).op("i32x4.bitmask"))).toBe(9);
});

test("vector conversions", () => {
  expect(floatLanesOf((f) => f.i32x4(-1, 2, 3, 4).op("f32x4.convert_i32x4_s"))).toEqual([-1, 2, 3, 4]);
  expect(floatLanesOf((f) => f.i32x4(-1).op("f32x4.convert_i32x4_u"))[0]).toBe(2 ** 32);
  expect(lanesOf((f) => f.f32x4(-1.5, 2.5, 1e20, Number.NaN).op("i32x4.trunc_sat_f32x4_s"))).toEqual([-1, 2, 0x7fffffff, 0]);
  expect(lanesOf((f) => f.f32x4(-1.5, 2.5, 1e20, 3e9).op("i32x4.trunc_sat_f32x4_u"))).toEqual([0, 2, -1, 3e9 | 0]);
  expect(lanesOf((f) => f.f64x2(-1.5, 1e20).op("i32x4.trunc_sat_f64x2_s_zero"))).toEqual([-1, 0x7fffffff, 0, 0]);
  expect(lanesOf((f) => f.f64x2(-1.5, 1e20).op("i32x4.trunc_sat_f64x2_u_zero"))).toEqual([0, -1, 0, 0]);
  expect(doubleLanesOf((f) => f.i32x4(-1, 2, 3, 4).op("f64x2.convert_low_i32x4_s"))).toEqual([-1, 2]);
  expect(doubleLanesOf((f) => f.i32x4(-1, 2, 3, 4).op("f64x2.convert_low_i32x4_u"))).toEqual([2 ** 32 - 1, 2]);
  expect(doubleLanesOf((f) => f.f32x4(1.5, 2, 3, 4).op("f64x2.promote_low_f32x4"))).toEqual([1.5, 2]);
  expect(floatLanesOf((f) => f.f64x2(1.5, 2).op("f32x4.demote_f64x2_zero"))).toEqual([1.5, 2, 0, 0]);
  expect(lanesOf((f) => f.i16x8(-1).op("i32x4.extend_low_i16x8_u"))[0]).toBe(65535);
  expect(lanesOf((f) => f.i16x8(-1).op("i32x4.extend_high_i16x8_s"))[0]).toBe(-1);
  expect(lanesOf((f) => f.i8x16(-1).op("i16x8.extend_low_i8x16_u"))[0]).toBe(0x00ff00ff);
  expect(lanesOf((f) => f.i32x4(70000).i32x4(-70000).op("i16x8.narrow_i32x4_s"))).toEqual([
    0x7fff7fff,
    0x7fff7fff,
    0x80008000 | 0,
    0x80008000 | 0,
  ]);
  expect(lanesOf((f) => f.i16x8(300).i16x8(-5).op("i8x16.narrow_i16x8_u"))).toEqual([-1, -1, 0, 0]);
});

test.runIf(hasRelaxedSimd())("relaxed multiply-add, select, minimum and maximum", () => {
  expect(floatLanesOf((f) => f.f32x4(2).f32x4(3).f32x4(1).op("f32x4.relaxed_madd"))[0]).toBe(7);
  expect(floatLanesOf((f) => f.f32x4(2).f32x4(3).f32x4(1).op("f32x4.relaxed_nmadd"))[0]).toBe(-5);
  expect(doubleLanesOf((f) => f.f64x2(2).f64x2(3).f64x2(1).op("f64x2.relaxed_madd"))[0]).toBe(7);
  expect(doubleLanesOf((f) => f.f64x2(2).f64x2(3).f64x2(1).op("f64x2.relaxed_nmadd"))[0]).toBe(-5);
  const select: Body = (f) => f.i32x4(1, 2, 3, 4).i32x4(9).i32x4(-1, 0, -1, 0).op("i32x4.relaxed_laneselect");
  expect(lanesOf(select)).toEqual([1, 9, 3, 9]);
  expect(floatLanesOf((f) => f.f32x4(2).f32x4(3).op("f32x4.relaxed_min"))[0]).toBe(2);
  expect(floatLanesOf((f) => f.f32x4(2).f32x4(3).op("f32x4.relaxed_max"))[0]).toBe(3);
});

test("loads and stores of parts, splats, and bulk memory", () => {
  const { f, memory } = compile([], [], (g) => {
    g.i32(16).i32(0).load("v128.load32_splat", 4).store("v128.store");
    g.i32(32).i32(0).load("v128.load64_splat").store("v128.store");
    g.i32(48).i32(0).load("v128.load32_zero").store("v128.store");
    g.i32(64).i32(0).load("v128.load8x8_u").store("v128.store");
    g.i32(80).i32(0).i32x4(7).memoryLane("v128.load32_lane", 1, 8).store("v128.store");
    g.i32(96).i32x4(1, 2, 3, 4).memoryLane("v128.store32_lane", 2);
    g.i32(112).i32(0).i32(16).memoryCopy();
    g.i32(128).i32(5).i32(4).memoryFill();
  });
  const words = new Int32Array(memory.buffer);
  words.set([0x040302ff, 20, 30, 40]);
  f();
  expect([...words.slice(4, 8)]).toEqual([20, 20, 20, 20]);
  expect([...words.slice(8, 12)]).toEqual([0x040302ff, 20, 0x040302ff, 20]);
  expect([...words.slice(12, 16)]).toEqual([0x040302ff, 0, 0, 0]);
  expect([...words.slice(16, 20)]).toEqual([0x000200ff, 0x00040003, 20, 0]);
  expect([...words.slice(20, 24)]).toEqual([7, 30, 7, 7]);
  expect([...words.slice(24, 26)]).toEqual([3, 0]);
  expect([...words.slice(28, 33)]).toEqual([0x040302ff, 20, 30, 40, 0x05050505]);
});

test.runIf(hasThreads())("atomic instructions act on shared memory", () => {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", { initialPages: 1, maximumPages: 1, shared: true });
  module.func("f", [], ["i32"], (f) => {
    f.i32(0).i32(5).atomic("i32.atomic.store");
    f.i32(0).i32(3).atomic("i32.atomic.rmw.add").drop();
    f.i32(0).i32(1).atomic("i32.atomic.rmw.sub").drop();
    f.i32(0).i32(7).i32(9).atomic("i32.atomic.rmw.cmpxchg").drop();
    f.atomicFence();
    f.i32(0).i32(1).atomic("memory.atomic.notify").drop();
    f.i32(0).i32(0).i64(0).atomic("memory.atomic.wait32").drop();
    f.i32(0).atomic("i32.atomic.load");
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { env: { memory } });
  expect((instance.exports.f as Exported)()).toBe(9);
});

// ---------------------------------------------------------------------------------------------------------------------
// Structure.

test("constants of every size survive their encoding", () => {
  for (const value of [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 0x7fffffff, -0x80000000]) {
    expect(run([], ["i32"], (f) => f.i32(value))).toBe(value);
    const wide = BigInt(value) * 0x7fff_ffffn;
    expect(run([], ["i64"], (f) => f.i64(wide))).toBe(wide);
  }
  expect(run([], ["f32"], (f) => f.f32(0.1))).toBe(Math.fround(0.1));
  expect(run([], ["f64"], (f) => f.f64(0.1))).toBe(0.1);
});

test("a loop with a block and branches by label counts to its end", () => {
  const result = run(
    ["i32"],
    ["i32"],
    (f) => {
      const sum = f.local("i32");
      const i = f.local("i32");
      f.block((exit) => {
        f.loop((again) => {
          f.get(i).get(f.param(0)).op("i32.ge_s").br_if(exit);
          f.get(i).i32(1).op("i32.add").tee(i).get(sum).op("i32.add").set(sum);
          f.br(again);
        });
      });
      f.get(sum);
    },
    10,
  );
  expect(result).toBe(55);
});

test("if_ takes one side and may leave a value", () => {
  const sign: Body = (f) => {
    f.get(f.param(0)).i32(0).op("i32.lt_s");
    f.if_(
      () => f.i32(-1),
      () => f.i32(1),
      "i32",
    );
  };
  expect(run(["i32"], ["i32"], sign, -5)).toBe(-1);
  expect(run(["i32"], ["i32"], sign, 5)).toBe(1);
  expect(run(["i32"], ["i32"], (f) => f.i32(7).i32(8).get(f.param(0)).select(), 0)).toBe(8);
});

test("functions may be called before they are defined, and imports added in the middle of a body", () => {
  const module = new ModuleBuilder();
  const later = module.declare(null, ["i32"], ["i32"]);
  module.func("f", ["i32"], ["i32"], (f) => {
    f.get(f.param(0)).call(later);
    f.call(module.importFunction("env", "triple", ["i32"], ["i32"]));
  });
  module.define(later, (f) => f.get(f.param(0)).i32(1).op("i32.add"));
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), {
    env: { triple: (x: number) => 3 * x },
  });
  expect((instance.exports.f as Exported)(4)).toBe(15);
});

test("released locals are used again, and a scope releases what it took", () => {
  compile([], [], (f) => {
    const first = f.local("v128");
    f.release(first);
    expect(f.local("v128")).toBe(first);
    let inner = first;
    f.scope(() => {
      inner = f.local("i32");
      expect(inner).not.toBe(first);
    });
    expect(f.local("i32")).toBe(inner);
    expect(f.local("i32")).not.toBe(inner);
  });
});

test("a constant is made once at entry, however often it is used", () => {
  expect(
    floatLanesOf((f) => {
      const two = Float32Array.of(2);
      f.constant(two)
        .constant(two)
        .op("f32x4.mul")
        .constant(Float32Array.of(1, 2, 3, 4))
        .op("f32x4.add");
    }),
  ).toEqual([5, 6, 7, 8]);
});

test("mistakes are named", () => {
  const module = new ModuleBuilder();
  const missing = module.declare("later", [], []);
  expect(() => module.finish()).toThrow("later was declared but never defined");
  module.define(missing, () => {});
  expect(() => module.define(missing, () => {})).toThrow("defined already");
  expect(() => compile([], [], (f) => f.param(0))).toThrow("no parameter 0");
  expect(() => compile([], [], (f) => f.shuffle(1, 2))).toThrow("16 lanes");
  expect(() => compile(["i32"], [], (f) => f.release(f.param(0)))).toThrow("parameter");
  expect(() => module.importMemory("env", "memory", { initialPages: 1, shared: true })).not.toThrow();
  expect(() => module.finish()).toThrow("maximumPages");
});
