import { bytesOf, type DType, decode, dtypeInfo, type TypedArray } from "../../dtype.ts";
import { OutOfMemoryError } from "../../errors.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Node } from "../../graph/node.ts";
import { type Attributes, binaryOps, compareOps, type Op, unaryOps } from "../../graph/primitives.ts";
import { type Shape, sizeOf, stridesOf } from "../../shape.ts";
import type { Backend, BackendMemory, DeviceBuffer, Executable } from "../backend.ts";
import { hostLinalg } from "../host/linalg.ts";
import {
  evaluateBinary,
  evaluateBitcast,
  evaluateCast,
  evaluateCompare,
  evaluateThreefry,
  evaluateUnary,
  evaluateWhere,
  store,
} from "./elementwise.ts";

/**
 * Plain loops over typed arrays: what every primitive means. Each takes its inputs as stored, row-major, and gives a new
 * array. Sums are float64 and rounded once.
 */
type Evaluate<K extends Op> = (node: Node<K>, inputs: readonly TypedArray[]) => TypedArray;

/** Calls `visit` for every index of a shape, in row-major order. The index array is reused. */
function forEachIndex(shape: Shape, visit: (index: number[], position: number) => void): void {
  const index = shape.map(() => 0);
  const size = sizeOf(shape);
  for (let position = 0; position < size; position++) {
    visit(index, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

const empty = (node: Node): TypedArray => new (dtypeInfo(node.dtype).array)(node.size);
function dot(index: readonly number[], strides: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < index.length; i++) sum += index[i]! * strides[i]!;
  return sum;
}

/** Where the elements lie that differ in these axes only, in row-major order of the axes. */
function placesAlong(shape: Shape, axes: readonly number[]): number[] {
  const strides = stridesOf(shape);
  const places: number[] = [];
  const [sizes, steps] = [axes.map((axis) => shape[axis]!), axes.map((axis) => strides[axis]!)];
  forEachIndex(sizes, (index) => places.push(dot(index, steps)));
  return places;
}

/** Of an operand of a contraction. */
type Places = Readonly<Record<"batch" | "free" | "inner", readonly number[]>>;

/** A view: an element is where its index leads, from `start` by so much a step along each axis. */
function view(node: Node, x: TypedArray, steps: readonly number[], start = 0): TypedArray {
  const out = empty(node);
  forEachIndex(node.shape, (index, position) => {
    out[position] = x[start + dot(index, steps)]!;
  });
  return out;
}

type Step = (acc: number, x: number) => number;
const steps: Record<"sum" | "prod" | "max" | "min", { start: number; step: Step }> = {
  sum: { start: 0, step: (a, x) => a + x },
  prod: { start: 1, step: (a, x) => a * x },
  max: { start: Number.NEGATIVE_INFINITY, step: Math.max },
  min: { start: Number.POSITIVE_INFINITY, step: Math.min },
};

/** Integer sums and products are exact modulo 2^32 at every step. */
function stepFor(kind: keyof typeof steps, dtype: DType): Step {
  if (dtypeInfo(dtype).kind === "float" || kind === "max" || kind === "min") return steps[kind].step;
  return kind === "sum" ? (a, x) => (a + x) | 0 : Math.imul;
}

function reduce(kind: keyof typeof steps): Evaluate<"reduceSum" | "reduceProd" | "reduceMax" | "reduceMin"> {
  return (node, [x]) => {
    const { shape } = node.inputs[0]!;
    const { axes } = node.attrs;
    const values = decode(node.dtype, x!);
    const acc = new Float64Array(node.size).fill(steps[kind].start);
    const step = stepFor(kind, node.dtype);
    // The axes that go do not move the place.
    const left = stridesOf(shape.map((n, i) => (axes.includes(i) ? 1 : n))).map((stride, i) => (axes.includes(i) ? 0 : stride));
    forEachIndex(shape, (index, position) => {
      const to = dot(index, left);
      acc[to] = step(acc[to]!, values[position]!);
    });
    return store(node.dtype, acc);
  };
}

function arg(better: (candidate: number, best: number) => boolean): Evaluate<"argmax" | "argmin"> {
  return (node, [x]) => {
    const { shape, dtype } = node.inputs[0]!;
    const axis = node.attrs.axes[0]!;
    const values = decode(dtype, x!);
    const stride = stridesOf(shape)[axis]!;
    const out = new Int32Array(node.size);
    forEachIndex(node.shape, (index, position) => {
      const full = [...index.slice(0, axis), 0, ...index.slice(axis)];
      const base = dot(full, stridesOf(shape));
      let best = 0;
      for (let i = 1; i < shape[axis]!; i++) {
        const [now, so] = [values[base + i * stride]!, values[base + best * stride]!];
        if (!Number.isNaN(so) && (Number.isNaN(now) || better(now, so))) best = i;
      }
      out[position] = best;
    });
    return out;
  };
}

/** Positions along each line of an axis, in the order of `order`. */
function lines(shape: Shape, axis: number, visit: (base: number, stride: number, n: number) => void): void {
  const strides = stridesOf(shape);
  const rest = shape.map((n, i) => (i === axis ? Math.min(n, 1) : n));
  forEachIndex(rest, (index) => visit(dot(index, strides), strides[axis]!, shape[axis]!));
}

/** How far apart in x are the elements of its windows: along each axis of x, then inside of a window. */
function windowSteps({ axes, stride, dilation }: Attributes["windows"], shape: Shape): number[] {
  const strides = stridesOf(shape);
  const along = strides.map((s, axis) => s * (axes.includes(axis) ? stride[axes.indexOf(axis)]! : 1));
  return [...along, ...axes.map((axis, i) => strides[axis]! * dilation[i]!)];
}

/** Where gather reads and scatter writes: the element of x for an element of the result. Indices are clamped. */
function takePosition(x: Node, indices: Node, axis: number, values: TypedArray): (index: readonly number[]) => number {
  const strides = stridesOf(x.shape);
  const none = (axes: readonly number[]) => axes.map(() => 0);
  const [before, after] = [strides.slice(0, axis), strides.slice(axis + 1)];
  const steps = [...before, ...none(indices.shape), ...after];
  const indexSteps = [...none(before), ...stridesOf(indices.shape), ...none(after)];
  return (index) => {
    const at = Math.min(Math.max(values[dot(index, indexSteps)]!, 0), x.shape[axis]! - 1);
    return dot(index, steps) + at * strides[axis]!;
  };
}

const combine: Record<Attributes["scatter"]["mode"], (old: number, update: number) => number> = {
  add: (a, b) => a + b,
  set: (_, b) => b,
  max: Math.max,
  min: Math.min,
};

const table = <O extends Op>(ops: readonly O[], f: (op: O, node: Node, inputs: readonly TypedArray[]) => TypedArray) =>
  Object.fromEntries(ops.map((op) => [op, (node: Node, inputs: readonly TypedArray[]) => f(op, node, inputs)])) as unknown as {
    [K in O]: Evaluate<K>;
  };

const evaluators: { readonly [K in Op]: Evaluate<K> } = {
  ...table(unaryOps, evaluateUnary),
  ...table(binaryOps, evaluateBinary),
  ...table(compareOps, evaluateCompare),
  buffer: () => {
    throw new Error("a buffer has a value");
  },
  constant: (node) => store(node.dtype, new Float64Array(node.size).fill(node.attrs.value)),
  iota: (node) => {
    const out = new Float64Array(node.size);
    forEachIndex(node.shape, (index, position) => {
      out[position] = index[node.attrs.axis]!;
    });
    return store(node.dtype, out);
  },
  cast: evaluateCast,
  bitcast: evaluateBitcast,
  where: evaluateWhere,
  threefry: evaluateThreefry,
  reduceSum: reduce("sum"),
  reduceProd: reduce("prod"),
  reduceMax: reduce("max"),
  reduceMin: reduce("min"),
  argmax: arg((a, b) => a > b),
  argmin: arg((a, b) => a < b),
  reshape: (_, [x]) => x!.slice(),
  permute: (node, [x]) => {
    const strides = stridesOf(node.inputs[0]!.shape);
    return view(
      node,
      x!,
      node.attrs.axes.map((axis) => strides[axis]!),
    );
  },
  expand: (node, [x]) => {
    const { shape } = node.inputs[0]!;
    return view(
      node,
      x!,
      stridesOf(shape).map((s, i) => (shape[i] === 1 ? 0 : s)),
    );
  },
  slice: (node, [x]) => {
    const strides = stridesOf(node.inputs[0]!.shape);
    const steps = strides.map((s, i) => s * node.attrs.steps[i]!);
    return view(node, x!, steps, dot(node.attrs.starts, strides));
  },
  pad: (node, [x]) => {
    const out = empty(node);
    const strides = stridesOf(node.shape);
    const start = dot(node.attrs.before, strides);
    forEachIndex(node.inputs[0]!.shape, (index, position) => {
      out[start + dot(index, strides)] = x![position]!;
    });
    return out;
  },
  windows: (node, [x]) => view(node, x!, windowSteps(node.attrs, node.inputs[0]!.shape)),
  fold: (node, [y]) => {
    const out = new Float64Array(node.size);
    const values = decode(node.dtype, y!);
    const steps = windowSteps(node.attrs, node.shape);
    forEachIndex(node.inputs[0]!.shape, (index, position) => {
      const to = dot(index, steps);
      out[to] = out[to]! + values[position]!;
    });
    return store(node.dtype, out);
  },
  concat: (node, inputs) => {
    const out = empty(node);
    const strides = stridesOf(node.shape);
    let start = 0;
    node.inputs.forEach((x, k) => {
      forEachIndex(x.shape, (index, position) => {
        out[dot(index, strides) + start * strides[node.attrs.axis]!] = inputs[k]![position]!;
      });
      start += x.shape[node.attrs.axis]!;
    });
    return out;
  },
  contract: (node, [a, b]) => {
    const { batch, contract } = node.attrs;
    const X = decode(node.dtype, a!);
    const Y = decode(node.dtype, b!);
    const integer = dtypeInfo(node.dtype).kind !== "float";
    const [x, y] = node.inputs.map(({ shape }, side) => {
      const free = shape.map((_, i) => i).filter((i) => !batch[side]!.includes(i) && !contract[side]!.includes(i));
      return { batch: placesAlong(shape, batch[side]!), free: placesAlong(shape, free), inner: placesAlong(shape, contract[side]!) };
    }) as unknown as readonly [Places, Places];
    const out = new Float64Array(node.size);
    let position = 0;
    for (let n = 0; n < x.batch.length; n++)
      for (const i of x.free)
        for (const j of y.free) {
          const [from, to] = [x.batch[n]! + i, y.batch[n]! + j];
          let sum = 0;
          for (let k = 0; k < x.inner.length; k++) {
            const [u, v] = [X[from + x.inner[k]!]!, Y[to + y.inner[k]!]!];
            sum = integer ? (sum + Math.imul(u, v)) | 0 : sum + u * v;
          }
          out[position++] = sum;
        }
    return store(node.dtype, out);
  },
  gather: (node, [x, indices]) => {
    const out = empty(node);
    const position = takePosition(node.inputs[0]!, node.inputs[1]!, node.attrs.axis, indices!);
    forEachIndex(node.shape, (index, at) => {
      out[at] = x![position(index)]!;
    });
    return out;
  },
  scatter: (node, [x, indices, updates]) => {
    const out = Float64Array.from(decode(node.dtype, x!));
    const values = decode(node.dtype, updates!);
    const position = takePosition(node, node.inputs[1]!, node.attrs.axis, indices!);
    const f = combine[node.attrs.mode];
    if (node.shape[node.attrs.axis] !== 0)
      forEachIndex(node.inputs[2]!.shape, (index, at) => {
        const to = position(index);
        out[to] = f(out[to]!, values[at]!);
      });
    return store(node.dtype, out);
  },
  scan: (node, [x]) => {
    const values = decode(node.dtype, x!);
    const out = new Float64Array(node.size);
    const { axis, kind, reverse } = node.attrs;
    const step = stepFor(kind, node.dtype);
    lines(node.shape, axis, (base, stride, n) => {
      let acc = steps[kind].start;
      for (let i = 0; i < n; i++) {
        const at = base + (reverse ? n - 1 - i : i) * stride;
        acc = step(acc, values[at]!);
        out[at] = acc;
      }
    });
    return store(node.dtype, out);
  },
  argsort: (node, [x]) => {
    const values = decode(node.inputs[0]!.dtype, x!);
    const out = new Int32Array(node.size);
    lines(node.shape, node.attrs.axis, (base, stride, n) => {
      const at = (i: number) => values[base + i * stride]!;
      const order = Array.from({ length: n }, (_, i) => i);
      const sign = node.attrs.descending ? -1 : 1;
      order.sort((i, j) => {
        const [a, b] = [at(i), at(j)];
        if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || i - j;
        return sign * (a < b ? -1 : a > b ? 1 : 0) || i - j;
      });
      order.forEach((i, k) => {
        out[base + k * stride] = i;
      });
    });
    return out;
  },
  attention: (node, [q, k, v, mask]) => {
    const E = node.shape[3]!;
    const out = new Float64Array(node.size);
    const V = decode(node.dtype, v!);
    attend(node, [q!, k!], mask, (row, keys, weights) => {
      for (let e = 0; e < E; e++) {
        let sum = 0;
        weights.forEach((w, s) => {
          if (w !== 0) sum += w * V[(keys + s) * E + e]!;
        });
        out[row * E + e] = sum;
      }
    });
    return store(node.dtype, out);
  },
  attentionGradient: (node, [q, k, v, g, mask]) => {
    const [d, E] = [node.inputs[0]!.shape[3]!, node.inputs[2]!.shape[3]!];
    const [Q, K, V, G] = [q!, k!, v!, g!].map((x) => decode(node.dtype, x)) as [TypedArray, TypedArray, TypedArray, TypedArray];
    const out = new Float64Array(node.size);
    attend(node, [q!, k!], mask, (row, keys, weights) => {
      const dw = weights.map((_, s) => {
        let sum = 0;
        for (let e = 0; e < E; e++) sum += G[row * E + e]! * V[(keys + s) * E + e]!;
        return sum;
      });
      const mean = weights.reduce((sum, w, s) => sum + w * dw[s]!, 0);
      weights.forEach((w, s) => {
        const ds = w * (dw[s]! - mean) * node.attrs.scale;
        if (node.attrs.of === 0) for (let i = 0; i < d; i++) out[row * d + i]! += ds * K[(keys + s) * d + i]!;
        else if (node.attrs.of === 1) for (let i = 0; i < d; i++) out[(keys + s) * d + i]! += ds * Q[row * d + i]!;
        else for (let e = 0; e < E; e++) out[(keys + s) * E + e]! += w * G[row * E + e]!;
      });
    });
    return store(node.dtype, out);
  },
  linalg: (node, inputs) => {
    const doubles = inputs.map((x, i) => Float64Array.from(decode(node.inputs[i]!.dtype, x)));
    return store(
      node.dtype,
      hostLinalg[node.attrs.name].run(
        doubles,
        node.inputs.map((x) => x.shape),
        node.attrs,
      ),
    );
  },
  alias: (_, [x]) => x!.slice(),
};

/** Visits the queries of an attention that see something: number of the row, of the head's first key, and the keys' weights. */
function attend(
  node: Node<"attention" | "attentionGradient">,
  [q, k]: readonly [TypedArray, TypedArray],
  mask: TypedArray | undefined,
  visit: (row: number, keys: number, weights: number[]) => void,
): void {
  const [B, H, T, d] = node.inputs[0]!.shape as [number, number, number, number];
  const S = node.inputs[1]!.shape[2]!;
  const [Q, K] = [decode(node.dtype, q), decode(node.dtype, k)];
  const M = mask ? decode(node.dtype, mask) : null;
  for (let bh = 0; bh < B * H; bh++)
    for (let t = 0; t < T; t++) {
      const row = bh * T + t;
      const scores = Array.from({ length: S }, (_, s) => {
        if (node.attrs.causal && s > t + S - T) return Number.NEGATIVE_INFINITY;
        let sum = 0;
        for (let i = 0; i < d; i++) sum += Q[row * d + i]! * K[(bh * S + s) * d + i]!;
        return sum * node.attrs.scale + (M ? M[row * S + s]! : 0);
      });
      const top = Math.max(...scores);
      if (top === Number.NEGATIVE_INFINITY) continue; // nothing to attend to: zeros
      const weights = scores.map((x) => Math.exp(x - top));
      const total = weights.reduce((a, b) => a + b, 0);
      visit(
        row,
        bh * S,
        weights.map((w) => w / total),
      );
    }
}

/** The value of one primitive. Also what other CPU backends call for primitives they have no kernel for. */
export function evaluate(node: Node, inputs: readonly TypedArray[]): TypedArray {
  return (evaluators[node.op] as Evaluate<Op>)(node, inputs);
}

class ReferenceBuffer implements DeviceBuffer {
  readonly backend: ReferenceBackend;
  readonly bytes: number;
  data: ArrayBuffer;

  constructor(backend: ReferenceBackend, bytes: number) {
    this.backend = backend;
    this.bytes = bytes;
    this.data = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
  }
}

/** The specification, slow and plain. */
export class ReferenceBackend implements Backend {
  readonly name = "reference";
  readonly description = "plain TypeScript, the specification of all primitives";
  private readonly limit: number;
  private used = 0;
  private count = 0;

  constructor(options: { readonly limitBytes?: number } = {}) {
    this.limit = options.limitBytes ?? 2 ** 32;
  }

  allocate(dtype: DType, length: number): DeviceBuffer {
    const bytes = length * bytesOf(dtype);
    if (this.used + bytes > this.limit)
      throw new OutOfMemoryError(
        "allocate",
        `${bytes} bytes asked, ${this.used} of ${this.limit} in use`,
        "Dispose arrays that are no longer needed",
      );
    this.used += bytes;
    this.count++;
    return new ReferenceBuffer(this, bytes);
  }

  free(buffer: DeviceBuffer): void {
    this.used -= buffer.bytes;
    this.count--;
  }

  write(buffer: DeviceBuffer, data: TypedArray): void {
    new Uint8Array((buffer as ReferenceBuffer).data).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  readSync(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray {
    return this.view(buffer, dtype, length).slice();
  }

  read(buffer: DeviceBuffer, dtype: DType, length: number): Promise<TypedArray> {
    return Promise.resolve(this.readSync(buffer, dtype, length));
  }

  private view(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray {
    return new (dtypeInfo(dtype).array)((buffer as ReferenceBuffer).data, 0, length);
  }

  build(graph: Graph): Executable {
    return {
      arenaBytes: graph.nodes.reduce((n, x) => n + x.size * bytesOf(x.dtype), 0),
      run: (inputs, outputs) => {
        const values = new Map<Node, TypedArray>();
        graph.inputs.forEach((node, i) => values.set(node, this.view(inputs[i]!, node.dtype, node.size)));
        for (const node of graph.nodes)
          if (!values.has(node))
            values.set(
              node,
              evaluate(
                node,
                node.inputs.map((x) => values.get(x)!),
              ),
            );
        // All results before any is written: an output may share its buffer with an input.
        const results = graph.outputs.map((node) => values.get(node)!.slice());
        results.forEach((result, i) => this.write(outputs[i]!, result));
      },
      explain: () =>
        graph.nodes
          .map((n) => `%${n.id} = ${n.op}(${n.inputs.map((x) => `%${x.id}`).join(", ")}) : ${n.dtype}[${n.shape.join(", ")}]`)
          .join("\n"),
      dispose: () => {},
    };
  }

  memory(): BackendMemory {
    return { buffers: this.used, arenas: 0, reserved: this.used, count: this.count };
  }
}
