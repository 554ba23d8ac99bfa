import fc from "fast-check";
import type { Backend } from "../../src/backends/backend.ts";
import { ReferenceBackend } from "../../src/backends/reference/index.ts";
import { type DType, decode, dtypeInfo, dtypes, encode, isFloat, type TypedArray } from "../../src/dtype.ts";
import { linearise } from "../../src/graph/graph.ts";
import { make, type Node } from "../../src/graph/node.ts";
import { binaryOps, compareOps, reduceOps, unaryOps } from "../../src/graph/primitives.ts";

/**
 * What every backend must do: the same graphs on the same data as `reference`, the specification. Sentences and the
 * functions that throw where they are false, so that they run in pages as well as in Vitest.
 */
const reference = new ReferenceBackend();

export type Suite = Record<string, () => Promise<void>>;

/** Tolerance relative to 1 + the magnitudes that were added up; integers, bool and movement are exact. */
const tolerance: Record<string, number> = { float16: 4e-3, bfloat16: 3e-2, float32: 4e-6, float64: 1e-13 };

async function run(
  backend: Backend,
  inputs: readonly Node[],
  outputs: readonly Node[],
  data: readonly TypedArray[],
): Promise<TypedArray[]> {
  const graph = { nodes: linearise([...inputs, ...outputs]), inputs, outputs, inPlace: outputs.map(() => -1) };
  const program = backend.build(graph);
  const ins = inputs.map((n, i) => {
    const buffer = backend.allocate(n.dtype, n.size);
    backend.write(buffer, data[i]!);
    return buffer;
  });
  const outs = outputs.map((n) => backend.allocate(n.dtype, n.size));
  program.run(ins, outs);
  const results = await Promise.all(outs.map((o, i) => backend.read(o, outputs[i]!.dtype, outputs[i]!.size)));
  for (const b of [...ins, ...outs]) backend.free(b);
  program.dispose();
  return results;
}

function text(outputs: readonly Node[]): string {
  return linearise(outputs)
    .map((n) => `%${n.id} = ${n.op} ${JSON.stringify(n.attrs)} (${n.inputs.map((x) => `%${x.id}`).join(" ")}) ${n.dtype}[${n.shape}]`)
    .join("\n");
}

async function agree(
  backend: Backend,
  inputs: readonly Node[],
  outputs: readonly Node[],
  data: readonly TypedArray[],
  scale = 1,
): Promise<void> {
  return agreeInGroups(backend, inputs, [outputs], data, scale);
}

/** Each group is a program of its own on the backend; the reference computes all of them once. */
async function agreeInGroups(
  backend: Backend,
  inputs: readonly Node[],
  groups: readonly (readonly Node[])[],
  data: readonly TypedArray[],
  scale = 1,
): Promise<void> {
  const all = [...new Set(groups.flat())];
  const wanted = await run(reference, inputs, all, data);
  for (const outputs of groups) {
    const got = await run(backend, inputs, outputs, data);
    compare(
      backend,
      outputs,
      outputs.map((node) => wanted[all.indexOf(node)]!),
      got,
      scale,
    );
  }
}

function compare(
  backend: Backend,
  outputs: readonly Node[],
  wanted: readonly TypedArray[],
  got: readonly TypedArray[],
  scale: number,
): void {
  outputs.forEach((node, k) => {
    const [a, b] = [decode(node.dtype, wanted[k]!), decode(node.dtype, got[k]!)];
    const allowed = isFloat(node.dtype) ? tolerance[node.dtype]! * scale : 0;
    for (let i = 0; i < a.length; i++) {
      const [x, y] = [a[i]!, b[i]!];
      if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
      if (Math.abs(x - y) <= allowed * (1 + Math.abs(x))) continue;
      throw new Error(`output ${k}, element ${i}: reference ${x}, ${backend.name} ${y}\n${text(outputs)}`);
    }
  });
}

function same(got: readonly (number | string)[], wanted: readonly (number | string)[], of: string): void {
  if (got.length !== wanted.length) throw new Error(`${got.length} values, not ${wanted.length}: ${of}`);
  got.forEach((x, i) => {
    if (!Object.is(x, wanted[i])) throw new Error(`element ${i} is ${x}, not ${wanted[i]}: ${of}`);
  });
}

let state = 7;
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const allSpecial = [0, -0, 1, -1, 0.5, -0.5, 2.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-40, 3e38, -7];
let special = allSpecial;

function values(dtype: DType, size: number, specials = false): TypedArray {
  const { kind, min, max } = dtypeInfo(dtype);
  const numbers = Array.from({ length: size }, () => {
    if (kind === "bool") return random() < 0.5 ? 0 : 1;
    if (kind !== "float")
      return specials && random() < 0.2 ? (random() < 0.5 ? min : max) : Math.floor(random() * 17) - (kind === "int" ? 8 : 0);
    return specials && random() < 0.3 ? special[Math.floor(random() * special.length)]! : Math.fround(random() * 4 - 2);
  });
  return encode(dtype, numbers);
}

const shapes = [[], [0], [1], [3], [4], [5], [67], [2, 3], [4, 1], [1, 9], [0, 3], [7, 8], [5, 33], [2, 3, 4], [3, 1, 65], [2, 0, 2]];
const accepts = (f: () => Node): Node | null => {
  try {
    return f();
  } catch {
    return null;
  }
};
const zeros = (n: number) => new Array<number>(n).fill(0);
const ones = (n: number) => new Array<number>(n).fill(1);

/** Arbitrary movement in front of or behind a primitive, driven by a list of choices. */
function moved(x: Node, choices: readonly number[]): Node {
  for (const c of choices) {
    const rank = x.shape.length;
    const kind = c % 6;
    const axis = rank ? Math.floor(c / 6) % rank : 0;
    if (kind === 0 && rank > 1)
      x = make.permute(
        x,
        [...Array(rank).keys()].map((i) => (i + 1) % rank),
      );
    else if (kind === 1 && rank)
      x = make.slice(
        x,
        x.shape.map((n, i) => (i === axis ? Math.max(0, n - 1) : 0)),
        x.shape.map((_, i) => (i === axis ? -1 : 1)),
        x.shape,
      );
    else if (kind === 2 && rank && x.shape[axis]! > 2)
      x = make.slice(
        x,
        x.shape.map((_, i) => (i === axis ? 1 : 0)),
        x.shape.map((_, i) => (i === axis ? 2 : 1)),
        x.shape.map((n, i) => (i === axis ? Math.floor(n / 2) : n)),
      );
    else if (kind === 3 && rank && x.size < 500)
      x = make.pad(
        x,
        x.shape.map((_, i) => (i === axis ? 2 : 0)),
        x.shape.map((_, i) => (i === axis ? 1 : 0)),
      );
    else if (kind === 4) x = make.reshape(x, rank === 2 ? [x.size] : [...x.shape, 1]);
    else if (kind === 5 && x.size < 300) x = make.expand(make.reshape(x, [1, ...x.shape]), [3, ...x.shape]);
  }
  return x;
}
const choices = fc.array(fc.nat(59), { maxLength: 4 });
const settings = { numRuns: 60, seed: 20261123 };

/** What a device is excused from. */
export interface Allowances {
  /** Numbers below 2^-126 may count as zero, as GPUs may take them. */
  readonly subnormals?: boolean;
  /** Running sums and products of floats may round at every step. */
  readonly roundingScans?: boolean;
  /** Only one of so many cases is tried (a prime, so that no loop is cut short): a GPU that is a program builds slowly. Default 1. */
  readonly every?: number;
}

export const gpuAllowances: Allowances = { subnormals: true, roundingScans: true };

export function conformance(backend: Backend, allowed: Allowances = {}): Suite {
  const suite: Suite = {};
  const test = (sentence: string, body: () => Promise<void>): void => {
    suite[sentence] = () => {
      special = allowed.subnormals ? allSpecial.filter((x) => x !== 1e-40) : allSpecial;
      return body();
    };
  };
  let cases = 0;
  const isDue = (): boolean => cases++ % (allowed.every ?? 1) === 0;
  const check = async (...args: Parameters<typeof agree>): Promise<void> => {
    if (isDue()) await agree(...args);
  };
  const checkInGroups = async (...[device, inputs, groups, ...rest]: Parameters<typeof agreeInGroups>): Promise<void> => {
    const due = groups.filter(isDue);
    if (due.length) await agreeInGroups(device, inputs, due, ...rest);
  };
  /** Errors of long running sums, as multiples of the tolerance. */
  const scanScale = (dtype: DType): number => (dtype === "float32" ? 300 : 2);
  const isNormal = (x: number): boolean => !allowed.subnormals || x === 0 || Math.abs(x) >= 2 ** -126;
  test("it computes every unary primitive of every type, special values included, on every shape", async () => {
    for (const op of unaryOps)
      for (const dtype of dtypes)
        for (const shape of shapes) {
          const x = make.parameter(shape, dtype);
          const y = accepts(() => make.unary(op, x));
          // Beyond what the types hold, results of float32 functions may differ in the last place of a large number.
          if (y) await check(backend, [x], [y], [values(dtype, x.size, true)]);
        }
  });

  test("it computes every binary primitive and comparison of every type, special values included", async () => {
    for (const op of [...binaryOps, ...compareOps])
      for (const dtype of dtypes)
        for (const shape of [[], [0], [67], [3, 5]]) {
          const [a, b] = [make.parameter(shape, dtype), make.parameter(shape, dtype)];
          const y = accepts(() =>
            (compareOps as readonly string[]).includes(op) ? make.compare(op as "eq", a, b) : make.binary(op as "add", a, b),
          );
          if (y) await check(backend, [a, b], [y], [values(dtype, a.size, true), values(dtype, b.size, op !== "pow")]);
        }
  });

  test("it wraps integers and overflows floats also where all operands are constants", async () => {
    const x = make.parameter([3], "int32");
    const number = (value: number, dtype: DType) => make.constant(value, [3], dtype);
    const outputs = [
      make.binary("add", number(2147483647, "int32"), number(1, "int32")),
      make.binary("mul", number(4000000000, "uint32"), number(3, "uint32")),
      make.unary("neg", number(-2147483648, "int32")),
      make.binary("shl", number(1, "int32"), number(40, "int32")),
      make.binary("pow", number(1e30, "float32"), number(2, "float32")),
      make.unary("exp", number(1000, "float32")),
      make.binary("floorDiv", number(7, "int32"), number(0, "int32")),
      make.binary("mul", make.unary("floor", number(3e38, "float32")), make.unary("floor", number(3e38, "float32"))),
    ];
    await check(backend, [x], outputs, [values("int32", 3)], 0);
  });

  test("it casts every type to every other", async () => {
    for (const from of dtypes)
      for (const to of dtypes) {
        const x = make.parameter([67], from);
        await check(backend, [x], [make.cast(x, to)], [values(from, 67, true)]);
      }
  });

  test("every float16 and bfloat16 becomes the right float32, and every float32 rounds to the nearest of them, ties to even", async () => {
    for (const half of ["float16", "bfloat16"] as const) {
      const bits = Uint16Array.from({ length: 65_536 + 3 }, (_, i) => i);
      const exact = decode(half, bits);
      const x = make.parameter([bits.length], half);
      const [wide] = await run(backend, [x], [make.cast(x, "float32")], [bits]);
      same([...wide!], [...exact], half);
      // The numbers themselves, those half-way between two, and their neighbours on both sides.
      const words = new Uint32Array(Float32Array.from(exact).buffer);
      const halfWay = half === "float16" ? 0x1000 : 0x8000;
      for (const beyond of [0, halfWay - 1, halfWay, halfWay + 1]) {
        const numbers = new Float32Array(words.map((w) => w + beyond).buffer);
        const y = make.parameter([numbers.length], "float32");
        // Rounded where it is stored, and where it is computed with.
        const narrow = make.cast(y, half);
        const outputs = [narrow, make.cast(make.unary("neg", narrow), "float32"), make.bitcast(narrow, "int16")];
        const rounded = async (b: Backend) =>
          (await run(b, [y], outputs, [numbers])).flatMap((r, k) =>
            [...decode(outputs[k]!.dtype, r)].filter((_, i) => !Number.isNaN(numbers[i]!) && isNormal(numbers[i]!)),
          );
        same(await rounded(backend), await rounded(reference), half);
      }
    }
  });

  test("it reduces over any axes of any view", async () => {
    for (const op of reduceOps)
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...shapes),
          fc.constantFrom<DType>("float32", "float64", "int32", "uint8", "float16", "bool"),
          choices,
          fc.nat(7),
          async (shape, dtype, how, mask) => {
            const x = make.parameter(shape, dtype);
            const v = moved(x, how);
            const axes = v.shape.map((_, i) => i).filter((i) => mask & (1 << i));
            const y = accepts(() => make.reduce(op, v, op.startsWith("arg") ? axes.slice(0, 1) : axes));
            if (y) await check(backend, [x], [y], [values(dtype, x.size)], 8 * Math.max(1, v.size / Math.max(1, y.size)));
          },
        ),
        settings,
      );
  });

  test("max and min keep NaN and the signs of zeros, along rows, across them and beside a constant", async () => {
    const samples = [
      [-0, 0],
      [0, -0],
      [-0],
      [-0, -1],
      [0, 1],
      [-0, 1],
      [0, -1],
      [-0, 0, Number.NaN],
      [-0, Number.NEGATIVE_INFINITY],
      special,
    ];
    const signed = (dtype: DType, array: TypedArray) => [...decode(dtype, array)].map((v) => (Object.is(v, -0) ? "-0" : String(v)));
    for (const dtype of ["float32", "float64", "float16"] as const)
      for (const kind of ["max", "min"] as const)
        for (const sample of samples)
          for (const often of [1, 0.1]) {
            const x = make.parameter([19, 29], dtype);
            const base = kind === "max" ? -5 : 5;
            const numbers = Array.from({ length: x.size }, () => (random() < often ? sample[Math.floor(random() * sample.length)]! : base));
            const outputs = [
              ...[[0], [1], [0, 1]].map((axes) => make.reduce(kind === "max" ? "reduceMax" : "reduceMin", x, axes)),
              ...[0, -0, 1.5, -1, Number.POSITIVE_INFINITY, Number.NaN].map((bound) =>
                make.binary(kind, x, make.constant(bound, x.shape, dtype)),
              ),
            ];
            for (const y of outputs.filter(isDue)) {
              const results = async (b: Backend) => signed(dtype, (await run(b, [x], [y], [encode(dtype, numbers)]))[0]!);
              same(await results(backend), await results(reference), `${text([y])} of ${sample}`);
            }
          }
  });

  test("it mixes float64 with other types, with conditions, indices, padding and values kept from one pass to the next", async () => {
    for (const other of dtypes)
      for (const shape of [
        [6, 37],
        [37, 6],
        [5, 4],
        [3, 2],
      ]) {
        const [x, y] = [make.parameter(shape, "float64"), make.parameter(shape, other)];
        const edges = (n: Node) => make.pad(n, [0, 2], [0, 3]);
        const padded = edges(x).shape;
        const one = make.constant(1, padded, "float64");
        const index = make.cast(make.iota(padded, 1, "int32"), "float64");
        const mixed = make.binary("add", edges(x), make.cast(edges(y), "float64"));
        const condition = make.compare("lt", mixed, index);
        const root = make.unary("sqrt", make.unary("abs", mixed));
        const chosen = make.where(condition, root, make.binary("div", mixed, make.binary("add", index, one)));
        const sums = [[0], [1]].map((axes) => {
          const total = make.reduce("reduceSum", chosen, axes);
          const kept = make.expand(make.reshape(total, axes[0] === 0 ? [1, padded[1]!] : [padded[0]!, 1]), padded);
          return make.binary("div", chosen, kept);
        });
        const narrow = make.reduce("reduceMax", make.cast(chosen, "float32"), [1]);
        const outputs = [chosen, condition, ...sums, narrow, make.cast(chosen, other), make.reduce("reduceMin", chosen, [0])];
        const groups = [...outputs.map((output) => [output]), outputs];
        await checkInGroups(backend, [x, y], groups, [values("float64", x.size), values(other, y.size)], 1e3);
      }
  });

  test("it reduces long arrays, in one row, in many, down columns and over the middle", async () => {
    for (const [shape, axes] of [
      [[100_003], [0]],
      [[5, 40_000], [1]],
      [[40_000, 5], [0]],
      [[4096, 64], [0]],
      [
        [64, 700, 5],
        [0, 1],
      ],
      [[3, 5000, 7], [1]],
    ] as const)
      for (const op of ["reduceSum", "reduceMax"] as const) {
        const x = make.parameter(shape, "float32");
        await check(backend, [x], [make.reduce(op, x, axes)], [values("float32", x.size)], 300);
      }
  });

  test("it moves elements through any chain of views", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...shapes), fc.constantFrom(...dtypes), choices, choices, async (shape, dtype, before, after) => {
        const x = make.parameter(shape, dtype);
        const v = moved(x, before);
        const y = isFloat(dtype) ? make.unary("neg", v) : v;
        await check(backend, [x], [moved(y, after), v], [values(dtype, x.size, true)]);
      }),
      { ...settings, numRuns: 300 },
    );
  });

  test("it opens windows and folds them back, overlapping or not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 9 }),
        async (size, stride, dilation, extra) => {
          const n = (size - 1) * dilation + 1 + extra;
          const attrs = { axes: [1], size: [size], stride: [stride], dilation: [dilation] };
          const x = make.parameter([2, n, 3], "float32");
          const w = make.windows(x, attrs);
          await check(
            backend,
            [x],
            [w, make.fold(make.unary("exp", w), attrs, x.shape), make.fold(w, attrs, [2, n + 2, 3])],
            [values("float32", x.size)],
            10,
          );
        },
      ),
      settings,
    );
  });

  test("it contracts any axes, with batches, transposed and windowed operands", async () => {
    for (const dtype of ["float32", "float64", "int32", "float16"] as const) {
      const cases: [number[], number[], Parameters<typeof make.contract>[2]][] = [
        [[70, 130], [130, 90], { batch: [[], []], contract: [[1], [0]] }],
        [[130, 70], [90, 130], { batch: [[], []], contract: [[0], [1]] }],
        [[3, 17, 5], [3, 5, 33], { batch: [[0], [0]], contract: [[2], [1]] }],
        [
          [2, 3, 4, 5],
          [3, 5, 4, 6],
          {
            batch: [[1], [0]],
            contract: [
              [3, 2],
              [1, 2],
            ],
          },
        ],
        [[9], [9], { batch: [[], []], contract: [[0], [0]] }],
        [[1, 40], [40, 1], { batch: [[], []], contract: [[1], [0]] }],
        [[5, 0], [0, 9], { batch: [[], []], contract: [[1], [0]] }],
        [[40], [30], { batch: [[], []], contract: [[], []] }],
      ];
      for (const [sa, sb, attrs] of cases) {
        const [a, b] = [make.parameter(sa, dtype), make.parameter(sb, dtype)];
        await check(backend, [a, b], [make.contract(a, b, attrs)], [values(dtype, a.size), values(dtype, b.size)], 100);
      }
      const [x, w] = [make.parameter([2, 9, 8, 3], dtype), make.parameter([3, 2, 3, 16], dtype)];
      const seen = make.windows(make.pad(x, [0, 1, 0, 0], [0, 1, 1, 0]), {
        axes: [1, 2],
        size: [3, 2],
        stride: [2, 1],
        dilation: [1, 2],
      });
      await check(
        backend,
        [x, w],
        [
          make.contract(seen, w, {
            batch: [[], []],
            contract: [
              [4, 5, 3],
              [0, 1, 2],
            ],
          }),
        ],
        [values(dtype, x.size), values(dtype, w.size)],
        100,
      );
    }
  });

  /** Along one axis of these: lone lines, odd widths, columns beyond a block, lines beyond where algorithms change. */
  const lineShapes: [number[], number][] = [
    [[1], 0],
    [[67], 0],
    [[5000], 0],
    [[7, 48], 1],
    [[3, 41, 2], 1],
    [[33, 37], 0],
    [[33, 37], 1],
    [[2, 9, 523], 1],
    [[4500, 3], 0],
    [[0, 3], 1],
    [[3, 0], 1],
  ];

  test("it finds where the greatest and smallest are, in every type, exactly", async () => {
    for (const dtype of dtypes)
      for (const [shape, axis] of lineShapes) {
        const x = make.parameter(shape, dtype);
        const outs = (["argmax", "argmin"] as const).map((op) => accepts(() => make.reduce(op, x, [axis]))).filter((y) => y !== null);
        if (outs.length) for (const specials of [false, true]) await check(backend, [x], outs, [values(dtype, x.size, specials)], 0);
      }
    // One best element, or one NaN, anywhere in a long row.
    for (const at of [0, 1, 15, 16, 2047, 2048, 4999])
      for (const value of [9, -9, Number.NaN]) {
        const x = make.parameter([5000], "float32");
        const data = values("float32", 5000);
        data[at] = value;
        await check(backend, [x], [make.reduce("argmax", x, [0]), make.reduce("argmin", x, [0])], [data], 0);
      }
  });

  test("it sorts every type either way, stably, with NaN last", async () => {
    for (const dtype of dtypes)
      for (const [shape, axis] of lineShapes) {
        const x = make.parameter(shape, dtype);
        for (const specials of [false, true])
          await check(backend, [x], [make.argsort(x, axis), make.argsort(x, axis, true)], [values(dtype, x.size, specials)], 0);
      }
    // All bits of a key decide, and none.
    const u = make.parameter([9000], "uint32");
    const order = [make.argsort(u, 0), make.argsort(u, 0, true)];
    for (const data of [Uint32Array.from({ length: 9000 }, () => random() * 2 ** 32), new Uint32Array(9000).fill(7)])
      await check(backend, [u], order, [data], 0);
  });

  test("it scans every type either way, rounding once", async () => {
    for (const dtype of dtypes)
      for (const [shape, axis] of lineShapes)
        for (const reverse of [false, true]) {
          const x = make.parameter(shape, dtype);
          const outs = (["sum", "prod", "max", "min"] as const).map((kind) => make.scan(x, axis, kind, reverse));
          const rounds = allowed.roundingScans && isFloat(dtype);
          await check(backend, [x], outs, [values(dtype, x.size)], rounds ? scanScale(dtype) : 0);
          // Where sums round to float32 at every step, two large numbers make an infinity before a third is subtracted.
          await check(backend, [x], rounds ? outs.slice(2) : outs, [values(dtype, x.size, true)], 0);
        }
  });

  test("it does the same on arrays that threads share", async () => {
    for (const dtype of ["float32", "float64"] as const)
      for (const shape of [[300, 1100], [5, 200, 130], [330_000]]) {
        const x = make.parameter(shape, dtype);
        const axes = shape.length === 1 ? [0] : [0, 1];
        const orders = axes.flatMap((axis) => [
          make.argsort(x, axis),
          make.scan(x, axis, "sum"),
          make.scan(x, axis, "min", true),
          make.reduce("argmax", x, [axis]),
        ]);
        await check(backend, [x], orders, [values(dtype, x.size)], allowed.roundingScans ? scanScale(dtype) : 0);
      }
    for (const dtype of ["float16", "int32"] as const)
      for (const [shape, axis] of [
        [[20, 3000], 0],
        [[40, 30, 50], 1],
      ] as const) {
        const x = make.parameter(shape, dtype);
        const i = make.parameter([70], "int32");
        const u = make.parameter([...shape.slice(0, axis), 70, ...shape.slice(axis + 1)], dtype);
        const outs = (["add", "set", "max"] as const).map((mode) => make.scatter(x, i, u, axis, mode));
        const indices = Int32Array.from({ length: 70 }, () => Math.floor(random() * shape[axis]!));
        await check(backend, [x, i, u], outs, [values(dtype, x.size), indices, values(dtype, u.size)], 0);
      }
  });

  test("it gathers and scatters every type, at indices that repeat and lie outside", async () => {
    for (const dtype of dtypes)
      for (const [shape, axis] of lineShapes)
        for (const count of [0, 6, 80]) {
          const x = make.parameter(shape, dtype);
          const i = make.parameter([2, count / 2], "int32");
          const n = shape[axis]!;
          const picked = [...shape.slice(0, axis), ...i.shape, ...shape.slice(axis + 1)];
          const u = make.parameter(picked, dtype);
          const indices = Int32Array.from({ length: count }, () => Math.floor(random() * (n + 4)) - 2);
          const outs = [accepts(() => make.gather(x, i, axis)), make.scatter(x, i, u, axis, "set")].filter((y) => y !== null);
          const extremes = [make.scatter(x, i, u, axis, "max"), make.scatter(x, i, u, axis, "min")];
          await check(backend, [x, i, u], [...outs, ...extremes], [values(dtype, x.size, true), indices, values(dtype, u.size, true)], 0);
          const exact = dtype !== "float32";
          const sum = [make.scatter(x, i, u, axis, "add")];
          await check(backend, [x, i, u], sum, [values(dtype, x.size), indices, values(dtype, u.size)], exact ? 0 : 80);
        }
  });

  test("it draws the same Threefry words", async () => {
    const [key, counter] = [make.parameter([2], "uint32"), make.parameter([67], "uint32")];
    await check(
      backend,
      [key, counter],
      [make.threefry(key, counter)],
      [Uint32Array.of(0x13198a2e, 0x03707344), Uint32Array.from({ length: 67 }, (_, i) => i * 2654435761)],
    );
  });

  test("it attends, with a mask, causally, and where everything is masked", async () => {
    const [q, k, v, m] = [
      [2, 3, 5, 4],
      [2, 3, 7, 4],
      [2, 3, 7, 6],
      [2, 3, 5, 7],
    ].map((s) => make.parameter(s, "float32")) as [Node, Node, Node, Node];
    const mask = values("float32", m.size);
    mask.fill(Number.NEGATIVE_INFINITY, 0, 7);
    await check(
      backend,
      [q, k, v, m],
      [make.attention(q, k, v, m, true, 0.5), make.attention(q, k, v, null, false, 0.3)],
      [values("float32", q.size), values("float32", k.size), values("float32", v.size), mask],
      10,
    );
  });

  test("it attends to infinite and undefined numbers as the reference does", async () => {
    const [T, S] = [19, 205];
    const [q, k, v] = [
      [1, 1, T, 4],
      [1, 1, S, 4],
      [1, 1, S, 7],
    ].map((s) => make.parameter(s, "float32")) as [Node, Node, Node];
    const m = make.parameter([1, 1, T, S], "float32");
    const [keys, seen, mask] = [values("float32", k.size), values("float32", v.size), new Float32Array(m.size)];
    mask.fill(Number.NEGATIVE_INFINITY, 0, 2 * S); // two queries see nothing
    for (let t = 2; t < T; t++) mask[t * S + 3] = Number.NEGATIVE_INFINITY; // nobody sees key 3
    mask[5 * S + 120] = Number.NaN;
    mask[6 * S + 120] = Number.POSITIVE_INFINITY;
    mask.fill(Number.NEGATIVE_INFINITY, 7 * S, 7 * S + 150); // first seen in a later block of keys
    (seen as Float32Array).set([Number.POSITIVE_INFINITY, Number.NaN, Number.NEGATIVE_INFINITY], 3 * 7);
    (seen as Float32Array)[204 * 7 + 2] = Number.POSITIVE_INFINITY; // causal: only the last query sees it
    const outputs = [make.attention(q, k, v, m, true, 0.5), make.attention(q, k, v, m, false, -0.5)];
    await check(backend, [q, k, v, m], outputs, [values("float32", q.size), keys, seen, mask], 10);
  });

  test("it differentiates attention, in all sizes", async () => {
    for (const [B, H, T, S, d, e, causal, masked] of [
      [1, 2, 5, 7, 4, 6, false, true],
      [2, 1, 64, 64, 8, 8, true, false],
      [1, 1, 70, 131, 3, 1, true, true],
      [1, 2, 131, 70, 5, 9, true, false],
      [1, 3, 9, 200, 1, 5, false, false],
      [3, 3, 100, 97, 33, 18, true, true],
      [1, 2, 13, 21, 32, 20, false, true],
    ] as const) {
      const shapes = [
        [B, H, T, d],
        [B, H, S, d],
        [B, H, S, e],
        [B, H, T, e],
        [B, 1, 1, S],
      ];
      const [q, k, v, g, m] = shapes.map((s) => make.parameter(s, "float32")) as [Node, Node, Node, Node, Node];
      const mask = values("float32", m.size);
      mask[0] = Number.NEGATIVE_INFINITY;
      const y = make.attention(q, k, v, masked ? make.expand(m, [B, H, T, S]) : null, causal, 0.4) as Node<"attention">;
      await check(
        backend,
        [q, k, v, g, m],
        [y, ...([0, 1, 2] as const).map((of) => make.attentionGradient(y, g, of))],
        [...[q, k, v, g].map((x) => values("float32", x.size)), mask],
        10,
      );
    }
  });

  test("it fuses random graphs without changing their values", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom([6, 8], [33, 20], [4, 1], [3, 65], [20, 16], [64, 3]),
        fc.array(fc.tuple(fc.nat(11), fc.nat(1000), fc.nat(1000)), { minLength: 3, maxLength: 14 }),
        async (shape, steps) => {
          const inputs = [0, 1, 2].map(() => make.parameter(shape, "float32"));
          const pool: Node[] = [...inputs];
          const again = (r: Node, axis: number) =>
            make.expand(
              make.reshape(
                r,
                shape.map((n, i) => (i === axis ? 1 : n)),
              ),
              shape,
            );
          for (const [kind, i, j] of steps) {
            const [a, b] = [pool[i % pool.length]!, pool[j % pool.length]!];
            if (kind === 0) pool.push(make.binary("add", a, b));
            else if (kind === 1) pool.push(make.binary("mul", make.unary("tanh", a), b));
            else if (kind === 2) pool.push(make.unary("tanh", a));
            else if (kind === 3) pool.push(make.binary("sub", a, again(make.reduce("reduceMax", a, [1]), 1)));
            else if (kind === 4) pool.push(make.binary("mul", again(make.reduce("reduceSum", make.unary("tanh", a), [1]), 1), b));
            else if (kind === 5) pool.push(make.binary("add", again(make.reduce("reduceSum", make.unary("sin", a), [0]), 0), b));
            else if (kind === 6) pool.push(make.where(make.compare("lt", a, b), a, make.unary("neg", b)));
            else if (kind === 7) {
              const e = make.unary("exp", make.binary("sub", a, again(make.reduce("reduceMax", a, [1]), 1)));
              pool.push(make.binary("div", e, again(make.reduce("reduceSum", e, [1]), 1)));
            } else if (kind === 8)
              pool.push(
                make.slice(
                  a,
                  shape.map((n) => n - 1),
                  shape.map(() => -1),
                  shape,
                ),
              );
            else if (kind === 9) pool.push(make.slice(make.pad(a, [1, 2], [0, 0]), zeros(2), ones(2), shape));
            else if (kind === 10) {
              const row = make.reduce("reduceSum", make.unary("sin", a), [1]);
              pool.push(
                make.binary("mul", make.contract(row, make.reduce("reduceMax", b, [0]), { batch: [[], []], contract: [[], []] }), b),
              );
            } else
              pool.push(
                make.unary(
                  "tanh",
                  make.contract(make.contract(a, b, { batch: [[], []], contract: [[1], [1]] }), a, {
                    batch: [[], []],
                    contract: [[1], [0]],
                  }),
                ),
              );
          }
          const outputs = pool.slice(-3);
          await check(
            backend,
            inputs,
            outputs,
            inputs.map((n) => values("float32", n.size)),
            200,
          );
        },
      ),
      { ...settings, numRuns: 150 },
    );
  });

  test("it convolves with kernels of 3 x 3 (by Winograd's algorithm), and takes the kernel's gradient", async () => {
    for (const [N, H, W, C, F] of [
      [1, 32, 32, 16, 16],
      [3, 8, 20, 13, 27],
      [10, 4, 8, 64, 40],
    ] as const) {
      const x = make.parameter([N, H, W, C], "float32");
      const w = make.parameter([3, 3, C, F], "float32");
      const bias = make.parameter([F], "float32");
      const g = make.parameter([N, H, W, F], "float32");
      const padded = make.pad(x, [0, 1, 1, 0], [0, 1, 1, 0]);
      const windows = make.windows(padded, { axes: [1, 2], size: [3, 3], stride: [1, 1], dilation: [1, 1] });
      const y = make.contract(windows, w, {
        batch: [[], []],
        contract: [
          [4, 5, 3],
          [0, 1, 2],
        ],
      });
      const shifted = make.unary("tanh", make.binary("add", y, make.expand(make.reshape(bias, [1, 1, 1, F]), [N, H, W, F])));
      const dw = make.contract(windows, g, {
        batch: [[], []],
        contract: [
          [0, 1, 2],
          [0, 1, 2],
        ],
      });
      const inputs = [x, w, bias, g];
      await checkInGroups(
        backend,
        inputs,
        [[shifted], [y, dw]],
        inputs.map((n) => Float32Array.from({ length: n.size }, (_, i) => Math.sin(7.3 * i))),
        50,
      );
    }
  });

  test("it goes on with a contraction's rows: bias, activation, residual, normalisation", async () => {
    for (const [B, M, K, N] of [
      [1, 5, 3, 9],
      [1, 301, 20, 33],
      [3, 64, 70, 130],
      [2, 1, 40, 64],
      [1, 700, 300, 60],
    ] as const) {
      const x = make.parameter([B, M, K], "float32");
      const w = make.parameter([K, N], "float32");
      const bias = make.parameter([N], "float32");
      const residual = make.parameter([B, M, N], "float32");
      const spread = (v: Node) => make.expand(make.reshape(v, [1, 1, N]), [B, M, N]);
      const along = (v: Node) => make.expand(make.reshape(v, [B, M, 1]), [B, M, N]);
      const product = make.contract(x, w, { batch: [[], []], contract: [[2], [0]] });
      const active = make.unary("tanh", make.binary("add", product, spread(bias)));
      const sum = make.binary("add", active, residual);
      const norm = make.binary("div", sum, along(make.reduce("reduceSum", make.unary("abs", sum), [2])));
      const turned = make.permute(make.binary("mul", product, residual), [2, 0, 1]);
      const beside = make.unary("tanh", make.concat([make.binary("mul", product, residual), residual], 2)); // in part by others
      const inputs = [x, w, bias, residual];
      await checkInGroups(
        backend,
        inputs,
        [[active], [sum, norm], [norm, product], [turned, sum], [beside]],
        inputs.map((n) => Float32Array.from({ length: n.size }, (_, i) => Math.sin(7.3 * i))),
        20,
      );
    }
  });

  test("contractions go on with their rows, also into an array that other kernels write parts of", async () => {
    for (const rows of [2, 64]) {
      const [a, b, c] = [make.parameter([rows, 4], "float32"), make.parameter([4, 8], "float32"), make.parameter([rows, 8], "float32")];
      const product = make.contract(a, b, { batch: [[], []], contract: [[1], [0]] });
      const soft = make.unary("tanh", product);
      const beside = make.concat([make.reshape(soft, [rows, 1, 8]), make.reshape(c, [rows, 1, 8])], 1);
      const last = make.slice(beside, [0, 1, 0], [1, 1, 1], [rows, 1, 8]);
      const first = make.slice(beside, [0, 0, 3], [1, 1, 1], [rows, 1, 2]);
      const data = [a, b, c].map((n) => values("float32", n.size));
      const groups = [[last], [first], [last, first], [soft, last], [beside, make.reduce("reduceSum", soft, [0])]];
      await checkInGroups(backend, [a, b, c], groups, data, 10);
    }
  });

  test("it updates in place, also where outputs swap their inputs or read them late", async () => {
    const [a, b] = [make.parameter([50], "float32"), make.parameter([50], "float32")];
    const total = make.expand(make.reshape(make.reduce("reduceSum", a, [0]), [1]), [50]);
    const outputs = [make.binary("add", a, b), make.binary("mul", a, total)];
    for (const [outs, places] of [
      [outputs, [0, 1]],
      [
        [b, a],
        [0, 1],
      ],
      [
        [make.slice(a, [49], [-1], [50]), b],
        [0, 1],
      ],
    ] as const) {
      const data = [values("float32", 50), values("float32", 50)];
      const results: TypedArray[][] = [];
      for (const device of [reference, backend]) {
        const program = device.build({ nodes: linearise([a, b, ...outs]), inputs: [a, b], outputs: outs, inPlace: places });
        const buffers = data.map((d) => {
          const buffer = device.allocate("float32", 50);
          device.write(buffer, d);
          return buffer;
        });
        program.run(buffers, buffers);
        results.push(await Promise.all(buffers.map((x) => device.read(x, "float32", 50))));
      }
      results[0]!.forEach((r, i) => {
        for (let j = 0; j < 50; j++)
          if (!(Math.abs(results[1]![i]![j]! - r[j]!) < 1e-3)) throw new Error(`${results[1]![i]![j]} is not ${r[j]}`);
      });
    }
  });
  return suite;
}
