import { expect, test } from "vitest";
import { hasRelaxedSimd, ModuleBuilder } from "./assembler.ts";
import type { BinaryMathName, MathName, UnaryMathName } from "./math.ts";
import { binaryMath, erf64, MathLibrary, mathImports, pow64, unaryMath } from "./math.ts";
import type { ValType } from "./opcodes.ts";

const unaryNames = Object.keys(unaryMath) as UnaryMathName[];
const binaryNames = Object.keys(binaryMath) as BinaryMathName[];
const modes = hasRelaxedSimd() ? [true, false] : [false];

/** Values a call; x, y and results follow each other in memory. */
const COUNT = 4096;
const BYTES = 4 * COUNT;

/** Maps arrays of float32 through the vector form, "name", and single numbers through "name f32" and "name f64". */
function build(names: readonly MathName[], relaxed: boolean) {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", { initialPages: 1 });
  const math = new MathLibrary(module, { relaxed });
  for (const name of names) {
    const binary = name in binaryMath;
    module.func(name, [], [], (f) => {
      const i = f.local("i32");
      f.loop((again) => {
        f.get(i).get(i).load("v128.load");
        if (binary) f.get(i).load("v128.load", BYTES);
        math.emit(name, f, "f32x4");
        f.store("v128.store", 2 * BYTES);
        f.get(i).i32(16).op("i32.add").tee(i).i32(BYTES).op("i32.lt_u").br_if(again);
      });
    });
    for (const type of ["f32", "f64"] as const) {
      const params: ValType[] = binary ? [type, type] : [type];
      module.func(`${name} ${type}`, params, [type], (f) => {
        for (const param of f.params) f.get(param);
        math.emit(name, f, type);
      });
    }
  }
  const memory = new WebAssembly.Memory({ initial: 1 });
  const imports = { env: { memory }, math: mathImports } as unknown as WebAssembly.Imports;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), imports);
  const run = (name: string, ...x: number[]) => (exports[name] as (...x: number[]) => number)(...x);
  return {
    run,
    x: new Float32Array(memory.buffer, 0, COUNT),
    xBits: new Uint32Array(memory.buffer, 0, COUNT),
    y: new Float32Array(memory.buffer, BYTES, COUNT),
    result: new Float32Array(memory.buffer, 2 * BYTES, COUNT),
  };
}

/** The distance between float32 neighbours at x. */
function ulp(x: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(x)));
  return 2 ** (Math.min(Math.max(exponent, -126), 127) - 23);
}

/** Distance in ulp; infinite where one is NaN or the signs of zero differ. Overflow counts as 2^128. */
function error(actual: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(actual, rounded)) return Number.isFinite(rounded) ? Math.abs(actual - exact) / ulp(exact || 1) : 0;
  if (Number.isNaN(actual) || Number.isNaN(exact) || (actual === 0 && rounded === 0)) return Number.POSITIVE_INFINITY;
  const finite = (x: number) => (Math.abs(x) < 2 ** 128 ? x : Math.sign(x) * 2 ** 128);
  return Math.abs(finite(actual) - finite(exact)) / ulp(finite(exact));
}

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  2 ** -127,
  -(2 ** -126),
  3.4028234663852886e38,
  -3.4028234663852886e38,
  88.72283,
  88.72284,
  -87.33655,
  -103.97208,
  -103.97209,
  2 ** 24,
  1.5 * 2 ** 24,
  2 ** 25,
  1e10,
  -1e30,
  Math.PI,
  Math.PI / 2,
  -Math.PI / 4,
  1e-10,
  -1e-10,
  0.92,
  1.65,
  -1.65,
  4,
  9.02,
  10,
  17.4,
  2 / 3,
  4 / 3,
  -1 / 3,
];

for (const relaxed of modes) {
  const arithmetic = relaxed ? "with fused multiply-add" : "without fused multiply-add";

  for (const name of unaryNames) {
    test(`${name} of float32 is within 2 ulp over the whole range ${arithmetic}`, () => {
      const { run, x, xBits, result } = build([name], relaxed);
      const scalar: (x: number) => number = unaryMath[name].scalar;
      let worst = { error: 0, x: 0 };
      const check = () => {
        run(name);
        for (let i = 0; i < COUNT; i++) {
          const distance = error(result[i] as number, scalar(x[i] as number));
          if (!(distance <= worst.error)) worst = { error: distance, x: x[i] as number };
        }
      };
      x.set(SPECIAL);
      check();
      // Every 10007th float: all exponents, both signs, subnormal numbers and NaNs of all kinds.
      for (let bits = 0; bits < 2 ** 32; ) {
        for (let i = 0; i < COUNT; i++, bits += 10007) xBits[i] = bits;
        check();
      }
      // And densely where functions bend.
      for (const range of [0.7, 2, 20, 100]) {
        for (let i = 0; i < COUNT; i++) x[i] = range * ((2 * i) / COUNT - 1);
        check();
      }
      expect(worst.error, `${name}(${worst.x})`).toBeLessThanOrEqual(2);
    });
  }

  test(`pow and atan2 of float32 are within 2 ulp ${arithmetic}`, () => {
    const { run, x, y, result } = build(binaryNames, relaxed);
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      return (seed >>> 0) / 2 ** 32;
    };
    const powers = [
      0,
      -0,
      1,
      -1,
      2,
      3,
      -2,
      0.5,
      -0.5,
      1 / 3,
      1e10,
      -1e10,
      16777217,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ];
    const fills: (() => [x: number, y: number])[] = [
      () => [SPECIAL[Math.floor(random() * SPECIAL.length)] as number, powers[Math.floor(random() * 16)] as number],
      () => [random() * 10 - 5, Math.round(random() * 20 - 10)],
      () => [random() * 10, random() * 20 - 10],
      () => [Math.exp(random() * 170 - 85), random() * 4 - 2],
      () => [1 + (random() - 0.5) * 1e-3, (random() - 0.5) * 2e5],
    ];
    for (const fill of fills) {
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < COUNT; i++) [x[i], y[i]] = fill() as [number, number];
        for (const name of binaryNames) {
          run(name);
          for (let i = 0; i < COUNT; i++) {
            const exact = binaryMath[name].scalar(x[i] as number, y[i] as number);
            expect(error(result[i] as number, exact), `${name}(${x[i]}, ${y[i]})`).toBeLessThanOrEqual(2);
          }
        }
      }
    }
  });

  test(`one float32 gives what four lanes give ${arithmetic}`, () => {
    const { run, x, y, result } = build([...unaryNames, ...binaryNames], relaxed);
    for (let i = 0; i < COUNT; i++) x[i] = SPECIAL[i] ?? Math.tan(i);
    y.fill(1.5);
    for (const name of unaryNames) {
      run(name);
      for (let i = 0; i < 200; i++) expect(run(`${name} f32`, x[i] as number), `${name}(${x[i]})`).toBe(result[i]);
    }
    for (const name of binaryNames) {
      run(name);
      for (let i = 0; i < 200; i++) expect(run(`${name} f32`, x[i] as number, 1.5), `${name}(${x[i]})`).toBe(result[i]);
    }
  });
}

test("float64 goes through JavaScript's functions unchanged", () => {
  const { run } = build([...unaryNames, ...binaryNames], false);
  for (const value of [0.3, -2.5, 1e-300, Number.NaN]) {
    for (const name of unaryNames) expect(run(`${name} f64`, value)).toBe(unaryMath[name].scalar(value));
    for (const name of binaryNames) expect(run(`${name} f64`, value, 0.7)).toBe(binaryMath[name].scalar(value, 0.7));
  }
});

test("the functions see all lanes: a special value in one leaves the others as they are", () => {
  const { run, x, result } = build(unaryNames, modes[0] as boolean);
  const ordinary = [0.25, 0.5, 0.75, 0.375];
  for (const name of unaryNames) {
    x.set(ordinary);
    run(name);
    const expected = [...result.slice(0, 4)];
    for (const special of [Number.NaN, Number.POSITIVE_INFINITY, -0, -5, 1e30, 1e-42]) {
      x.set(ordinary);
      x[2] = special;
      run(name);
      expect([result[0], result[1], result[3]], `${name} beside ${special}`).toEqual([expected[0], expected[1], expected[3]]);
    }
  }
});

test("erf of float64 is accurate to 2 ulp", () => {
  // 17 digits, from a computation in 40.
  const exact: [x: number, erf: number][] = [
    [5e-324, 5e-324],
    [1e-300, 1.1283791670955126e-300],
    [1e-9, 1.1283791670955127e-9],
    [0.1, 0.1124629160182849],
    [0.3, 0.3286267594591274],
    [0.5, 0.5204998778130465],
    [0.7, 0.6778011938374184],
    [0.84375, 0.7672256612323416],
    [0.9, 0.7969082124228322],
    [0.99, 0.8385080695553698],
    [1.0, 0.8427007929497149],
    [1.01, 0.8468104962282768],
    [1.2, 0.9103139782296353],
    [1.25, 0.9229001282564583],
    [1.5, 0.9661051464753108],
    [2.0, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [2.857, 0.9999466417399131],
    [3.0, 0.9999779095030014],
    [3.5, 0.9999992569016276],
    [4.0, 0.9999999845827421],
    [5.0, 0.9999999999984626],
    [5.5, 0.9999999999999927],
    [5.9, 0.9999999999999999],
    [6.0, 1.0],
    [7.0, 1.0],
  ];
  for (const [x, expected] of exact) {
    const spacing = 2 ** (Math.max(Math.floor(Math.log2(expected)), -1022) - 52);
    expect(Math.abs(erf64(x) - expected) / spacing, `erf(${x})`).toBeLessThanOrEqual(2);
    expect(erf64(-x)).toBe(-erf64(x));
  }
  expect(erf64(-0)).toBe(-0);
  expect(erf64(Number.POSITIVE_INFINITY)).toBe(1);
  expect(erf64(Number.NEGATIVE_INFINITY)).toBe(-1);
  expect(erf64(Number.NaN)).toBe(Number.NaN);
});

test("pow follows IEEE 754 where JavaScript does not", () => {
  expect(pow64(1, Number.NaN)).toBe(1);
  expect(pow64(-1, Number.NEGATIVE_INFINITY)).toBe(1);
  expect(pow64(2, 10)).toBe(1024);
  expect(pow64(Number.NaN, 0)).toBe(1);
});
