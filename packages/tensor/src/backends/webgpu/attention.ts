import type { OpaqueKernel, Slot } from "../../compile/kernel.ts";
import type { Node } from "../../graph/node.ts";
import { type Dispatch, Shader, type Traits } from "./shader.ts";

/**
 * Attention that never stores its scores, and its gradient (Dao et al. 2022), in float32.
 *
 * A workgroup owns a block of rows and goes over all blocks of columns. For the result and dq rows are queries and columns
 * keys; for dk and dv the other way round. Each thread has 4 x 4 scores of the two blocks in registers; products over
 * features go through shared memory, 32 features at a time; weights are passed through shared memory to be multiplied by
 * what is added up.
 */

/** Rows and columns of a block, and features taken at a time. */
const block = 32;
/** Threads: 8 down, 8 across. */
const size = 64;
/** Vectors of four in 32 numbers. */
const vectors = block / 4;
/** Features that sums in registers may have. */
export const mostFeatures = 128;

interface Problem {
  readonly heads: number;
  readonly H: number;
  readonly T: number;
  readonly S: number;
  readonly d: number;
  readonly e: number;
  readonly causal: boolean;
  readonly scale: number;
  readonly mask: { readonly slot: Slot; readonly strides: readonly number[] } | null;
}

function problemOf(node: Node<"attention" | "attentionGradient">, mask: Slot | undefined): Problem {
  const [q, k, v] = node.inputs as [Node, Node, Node];
  const [B, H, T, d] = q.shape as [number, number, number, number];
  const shape = mask ? node.inputs.at(-1)!.shape : [];
  // The mask before it was broadcast: dimensions of one element are stepped over.
  const strides = shape.map((n, i) => (n === 1 ? 0 : shape.slice(i + 1).reduce((x, y) => x * y, 1)));
  return {
    ...{ heads: B * H, H, T, S: k.shape[2]!, d, e: v.shape[3]! },
    ...{ causal: node.attrs.causal, scale: node.attrs.scale, mask: mask ? { slot: mask, strides } : null },
  };
}

/** A matrix of one head: `rows` rows of `width` numbers. */
interface Matrix {
  readonly slot: Slot;
  readonly rows: number;
  readonly width: number;
}

/** The four rows of a thread. */
const rowsOfThread = [0, 1, 2, 3];

class Attention {
  readonly shader: Shader;
  readonly problem: Problem;
  /** Whether rows are queries. */
  private readonly byQuery: boolean;
  private readonly left: string;
  private readonly right: string;

  constructor(traits: Traits, problem: Problem, byQuery: boolean) {
    this.shader = new Shader(traits);
    this.problem = problem;
    this.byQuery = byQuery;
    const { shader } = this;
    this.left = shader.workgroup("vec4f", block * vectors);
    this.right = shader.workgroup("vec4f", block * vectors);
    const blocks = Math.ceil((byQuery ? problem.T : problem.S) / block);
    shader.line("let tx = thread % 8;");
    shader.line("let ty = thread / 8;");
    shader.line(`let head = group / ${blocks};`);
    shader.line(`let first = group % ${blocks} * ${block};`);
  }

  get groups(): number {
    const { heads, T, S } = this.problem;
    return heads * Math.ceil((this.byQuery ? T : S) / block);
  }

  /** A loop over the blocks of columns of which some row sees some column; `column` is the first of them. */
  overColumns(body: () => void): void {
    const { T, S, causal } = this.problem;
    const count = this.byQuery ? S : T;
    let [from, to] = ["0", String(count)];
    if (causal && this.byQuery) to = `min(${count}, first + ${block + S - T})`;
    if (causal && !this.byQuery) from = `max(0, first + ${T - S}) / ${block} * ${block}`;
    this.shader.block(`for (var column = ${from}; column < ${to}; column += ${block})`, body);
  }

  /** Declares the sums that a thread keeps of 4 rows x all features: vectors of four features, 32 features apart. */
  declareSums(prefix: string, width: number): string[][] {
    const sums = Array.from({ length: Math.ceil(width / block) }, (_, c) => Array.from({ length: 4 }, (_, i) => `${prefix}_${c}_${i}`));
    for (const s of sums.flat()) this.shader.line(`var ${s} = vec4f();`);
    return sums;
  }

  private at({ rows, width }: Matrix, row: string, feature: string): string {
    return `(head * ${rows} + min(${row}, ${rows - 1})) * ${width} + ${feature}`;
  }

  /** Products of the rows of one matrix and the columns' rows of another: vectors of four columns for rows ty * 4 + i. */
  products(prefix: string, rows: Matrix, columns: Matrix): string[] {
    const { shader, left, right } = this;
    const names = rowsOfThread.map((i) => `${prefix}${i}`);
    for (const name of names) shader.line(`var ${name} = vec4f();`);
    const { width } = rows;
    shader.block(`for (var chunk = 0; chunk < ${width}; chunk += ${block})`, () => {
      shader.line("workgroupBarrier();");
      shader.line(`let row = thread % ${block};`);
      shader.block(`for (var k = thread / ${block}; k < ${block}; k += ${size / block})`, () => {
        shader.line("let feature = chunk + k;");
        for (const [shared, matrix, start] of [
          [left, rows, "first"],
          [right, columns, "column"],
        ] as const) {
          const element = shader.read(matrix.slot, this.at(matrix, `${start} + row`, `min(feature, ${width - 1})`));
          const value = width % block ? `select(0.0, ${element}, feature < ${width})` : element;
          shader.line(`${shared}[k * ${vectors} + (row >> 2u)][row & 3] = ${value};`);
        }
      });
      shader.line("workgroupBarrier();");
      shader.block(`for (var k = 0; k < ${block}; k++)`, () => {
        shader.line(`let a = ${left}[k * ${vectors} + ty];`);
        shader.line(`let b = ${right}[k * ${vectors} + tx];`);
        names.forEach((name, i) => {
          shader.line(`${name} = fma(vec4f(a[${i}]), b, ${name});`);
        });
      });
    });
    return names;
  }

  /** Turns products into scores: scale, mask, and -infinity where a query sees no such key. */
  score(names: readonly string[]): void {
    const { shader, problem } = this;
    const { T, S, H, causal, scale, mask } = problem;
    shader.line("let columns = vec4i(column + tx * 4) + vec4i(0, 1, 2, 3);");
    names.forEach((name, i) => {
      shader.block("", () => {
        const own = `vec4i(first + ty * 4 + ${i})`;
        shader.line(`let t = ${this.byQuery ? own : "columns"};`);
        shader.line(`let s = ${this.byQuery ? "columns" : own};`);
        shader.line(`${name} *= ${literalOf(scale)};`);
        if (mask) {
          const [b, h, mt, ms] = mask.strides as [number, number, number, number];
          shader.line(
            `let at = head / ${H} * ${b} + head % ${H} * ${h} + min(t, vec4i(${T - 1})) * ${mt} + min(s, vec4i(${S - 1})) * ${ms};`,
          );
          const parts = rowsOfThread.map((j) => shader.read(mask.slot, `at[${j}]`));
          shader.line(`${name} += vec4f(${parts.join(", ")});`);
        }
        const hidden = [`s >= vec4i(${S})`, `t >= vec4i(${T})`, ...(causal ? [`s > t + ${S - T}`] : [])];
        shader.line(`${name} = select(${name}, vec4f(-infinity_()), ${hidden.map((h) => `(${h})`).join(" | ")});`);
      });
    });
  }

  /** Memory for weights, [column][4 rows]. */
  weights(): string {
    return this.shader.workgroup("vec4f", block * vectors);
  }

  pass(shared: string, names: readonly string[]): void {
    for (const j of rowsOfThread)
      this.shader.line(`${shared}[(tx * 4 + ${j}) * ${vectors} + ty] = vec4f(${names.map((row) => `${row}[${j}]`).join(", ")});`);
  }

  /**
   * Adds weights times the columns' rows of a matrix to sums. `careful`: a weight of zero makes nothing of an infinity or
   * NaN, which costs time where there are such.
   */
  accumulate(shared: string, matrix: Matrix, sums: readonly (readonly string[])[], careful = false): void {
    const { shader, right } = this;
    const { rows, width } = matrix;
    const flag = careful ? shader.workgroup("atomic<u32>", 1) : "";
    sums.forEach((chunk, c) => {
      shader.line("workgroupBarrier();");
      if (careful) {
        shader.line(`if (thread == 0) { atomicStore(&${flag}[0], 0u); }`);
        shader.line("workgroupBarrier();");
      }
      shader.block("", () => {
        shader.line(`let feature = ${c * block} + thread % ${block};`);
        shader.block(`for (var k = thread / ${block}; k < ${block}; k += ${size / block})`, () => {
          const element = shader.read(matrix.slot, this.at(matrix, "column + k", `min(feature, ${width - 1})`));
          const conditions = [...(width % block ? [`feature < ${width}`] : []), ...(rows % block ? [`column + k < ${rows}`] : [])];
          shader.line(`let value = ${conditions.length ? `select(0.0, ${element}, ${conditions.join(" && ")})` : element};`);
          shader.line(`${right}[k * ${vectors} + ((thread % ${block}) >> 2u)][thread & 3] = value;`);
          if (careful) shader.line(`if (not_finite(value)) { atomicStore(&${flag}[0], 1u); }`);
        });
      });
      shader.line("workgroupBarrier();");
      const add = (term: (i: number) => string) =>
        shader.block(`for (var k = 0; k < ${block}; k++)`, () => {
          shader.line(`let a = ${shared}[k * ${vectors} + ty];`);
          shader.line(`let b = ${right}[k * ${vectors} + tx];`);
          chunk.forEach((s, i) => {
            shader.line(`${s} = ${term(i)};`);
          });
        });
      const plain = (i: number) => `fma(vec4f(a[${i}]), b, ${chunk[i]})`;
      if (!careful) add(plain);
      else {
        shader.line(`let tainted${c} = atomicLoad(&${flag}[0]) != 0u;`);
        shader.block(`if (tainted${c})`, () => add((i) => `${chunk[i]} + select(vec4f(a[${i}]) * b, vec4f(), a[${i}] == 0.0)`));
        shader.block("else", () => add(plain));
      }
    });
  }

  /** Stores sums as rows of an output, from `start` on. */
  store(
    out: Slot,
    start: number,
    { rows, width }: { rows: number; width: number },
    sums: readonly (readonly string[])[],
    value: (s: string, i: number) => string,
  ): void {
    const { shader } = this;
    sums.forEach((chunk, c) => {
      chunk.forEach((s, i) => {
        shader.block(`if (first + ty * 4 + ${i} < ${rows})`, () => {
          shader.line(`let to = ${start} + (head * ${rows} + first + ty * 4 + ${i}) * ${width} + ${c * block} + tx * 4;`);
          for (let j = 0; j < 4; j++) {
            const write = () => shader.write(out, `to + ${j}`, value(`${s}[${j}]`, i));
            if (width % block) shader.block(`if (${c * block} + tx * 4 + ${j} < ${width})`, write);
            else write();
          }
        });
      });
    });
  }
}

const literalOf = (x: number): string => `f32(${Math.fround(x)})`;

/** The kernel of an `attention` node. Packed: after the result, maximum and 1 / total of each query. */
export function emitAttention(kernel: OpaqueKernel, node: Node<"attention">, name: string, traits: Traits): Dispatch[] {
  const [q, k, v, maskSlot] = kernel.inputs as [Slot, Slot, Slot, Slot | undefined];
  const problem = problemOf(node, maskSlot);
  const { heads, T, S, d, e } = problem;
  const code = new Attention(traits, problem, true);
  const { shader } = code;
  const weights = code.weights();
  const exchange = shader.workgroup("f32", block * 8);
  for (let i = 0; i < 4; i++) {
    shader.line(`var top${i} = -infinity_();`);
    shader.line(`var total${i} = 0.0;`);
  }
  const sums = code.declareSums("sum", e);
  code.overColumns(() => {
    const scores = code.products("s", { slot: q, rows: T, width: d }, { slot: k, rows: S, width: d });
    code.score(scores);
    // A score of NaN counts as +infinity, and either makes the whole row NaN in the end.
    scores.forEach((row, i) => {
      shader.line(`let nan${i} = any((bitcast<vec4u>(${row}) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));`);
      const most = `max(max(${row}[0], ${row}[1]), max(${row}[2], ${row}[3]))`;
      shader.line(`${exchange}[(ty * 4 + ${i}) * 8 + tx] = select(${most}, infinity_(), nan${i});`);
    });
    shader.line("workgroupBarrier();");
    scores.forEach((row, i) => {
      shader.block("", () => {
        shader.line(`var top = top${i};`);
        shader.line(`for (var x = 0; x < 8; x++) { top = max(top, ${exchange}[(ty * 4 + ${i}) * 8 + x]); }`);
        // Where nothing was seen before there is nothing to shrink, and where nothing is seen yet no weight.
        shader.line(`let shrink = select(exp(top${i} - top), 0.0, top${i} == -infinity_());`);
        shader.line(`top${i} = top;`);
        shader.line(`${row} = select(exp(${row} - top), vec4f(), ${row} == vec4f(-infinity_()));`);
        shader.line(`total${i} = total${i} * shrink + dot(${row}, vec4f(1.0));`);
        for (const chunk of sums) shader.line(`${chunk[i]} *= shrink;`);
      });
    });
    code.pass(weights, scores);
    code.accumulate(weights, { slot: v, rows: S, width: e }, sums, true);
  });
  shader.line("workgroupBarrier();");
  for (let i = 0; i < 4; i++) shader.line(`${exchange}[(ty * 4 + ${i}) * 8 + tx] = total${i};`);
  shader.line("workgroupBarrier();");
  for (let i = 0; i < 4; i++) {
    shader.line(`total${i} = 0.0;`);
    shader.line(`for (var x = 0; x < 8; x++) { total${i} += ${exchange}[(ty * 4 + ${i}) * 8 + x]; }`);
    shader.line(`var inverse${i} = select(1.0 / total${i}, 0.0, top${i} == -infinity_());`);
    shader.line(`if (top${i} == infinity_()) { inverse${i} = nan_(); }`);
  }
  code.store(kernel.out, 0, { rows: T, width: e }, sums, (s, i) => `select(${s} * inverse${i}, inverse${i}, is_nan(inverse${i}))`);
  if (node.attrs.packed)
    for (let i = 0; i < 4; i++)
      shader.block(`if (tx == 0 && first + ty * 4 + ${i} < ${T})`, () => {
        shader.line(`let to = ${heads * T * e} + (head * ${T} + first + ty * 4 + ${i}) * 2;`);
        shader.write(kernel.out, "to", `top${i}`);
        shader.write(kernel.out, "to + 1", `inverse${i}`);
      });
  const flops = (2 * heads * T * S * (d + e)) / (problem.causal ? 2 : 1);
  return [shader.finish(name, code.groups, { flops, bytes: q.bytes + k.bytes + v.bytes + kernel.out.bytes }, { size })];
}

/** The kernels of a packed `attentionGradient` over [q, k, v, g, sums, packed, mask?]: dq, then dk and dv. */
export function emitAttentionGradient(kernel: OpaqueKernel, node: Node<"attentionGradient">, name: string, traits: Traits): Dispatch[] {
  const [q, k, v, g, dots, packed, maskSlot] = kernel.inputs as [Slot, Slot, Slot, Slot, Slot, Slot, Slot | undefined];
  const problem = problemOf(node, maskSlot);
  const { heads, T, S, d, e, scale, causal } = problem;
  const [Q, K, V, G] = [
    { slot: q, rows: T, width: d },
    { slot: k, rows: S, width: d },
    { slot: v, rows: S, width: e },
    { slot: g, rows: T, width: e },
  ];
  const flops = (products: number) => (2 * heads * T * S * products) / (causal ? 2 : 1);
  const bytes = q.bytes + k.bytes + v.bytes + g.bytes;

  /** Maximum, 1 / total and dot product of a query. */
  const statistics = (shader: Shader, query: string) => {
    const at = `${heads * T * e} + ${query} * 2`;
    return [shader.read(packed, at), shader.read(packed, `${at} + 1`), shader.read(dots, query)] as const;
  };
  /** Weights and their cotangents, in place of scores and products. */
  const weigh = (
    code: Attention,
    scores: readonly string[],
    products: readonly string[],
    known: (i: number) => readonly [string, string, string],
  ) => {
    const { shader } = code;
    code.score(scores);
    scores.forEach((w, i) => {
      const [top, inverse, dot] = known(i);
      const p = products[i]!;
      shader.line(`${w} = select(exp(${w} - ${top}) * ${inverse}, vec4f(), ${w} == vec4f(-infinity_()));`);
      shader.line(`${p} = select(${w} * (${p} - ${dot}) * ${literalOf(scale)}, vec4f(), ${w} == vec4f());`);
    });
  };

  const forQueries = new Attention(traits, problem, true);
  {
    const { shader } = forQueries;
    const shared = forQueries.weights();
    const sums = forQueries.declareSums("sum", d);
    for (const i of rowsOfThread) {
      shader.line(`let query${i} = head * ${T} + min(first + ty * 4 + ${i}, ${T - 1});`);
      statistics(shader, `query${i}`).forEach((value, n) => {
        shader.line(`let known${i}_${n} = ${value};`);
      });
    }
    forQueries.overColumns(() => {
      const scores = forQueries.products("s", Q, K);
      const products = forQueries.products("p", G, V);
      weigh(forQueries, scores, products, (i) => [`known${i}_0`, `known${i}_1`, `known${i}_2`]);
      forQueries.pass(shared, products);
      forQueries.accumulate(shared, K, sums);
    });
    forQueries.store(kernel.out, 0, Q, sums, (s) => s);
  }
  const forKeys = new Attention(traits, problem, false);
  {
    const [sharedWeights, shared] = [forKeys.weights(), forKeys.weights()];
    const [sumsK, sumsV] = [forKeys.declareSums("dk", d), forKeys.declareSums("dv", e)];
    forKeys.overColumns(() => {
      const scores = forKeys.products("s", K, Q);
      const products = forKeys.products("p", V, G);
      const { shader } = forKeys;
      const queries = rowsOfThread.map((j) =>
        statistics(shader, shader.let(`head * ${T} + min(column + tx * 4 + ${j}, ${T - 1})`, "query")),
      );
      [0, 1, 2].forEach((n) => {
        shader.line(`let known${n} = vec4f(${queries.map((values) => values[n]).join(", ")});`);
      });
      weigh(forKeys, scores, products, () => ["known0", "known1", "known2"]);
      forKeys.pass(sharedWeights, scores);
      forKeys.pass(shared, products);
      forKeys.accumulate(sharedWeights, G, sumsV);
      forKeys.accumulate(shared, Q, sumsK);
    });
    forKeys.store(kernel.out, q.size, K, sumsK, (s) => s);
    forKeys.store(kernel.out, q.size + k.size, V, sumsV, (s) => s);
  }
  return [
    forQueries.shader.finish(`${name}.q`, forQueries.groups, { flops: flops(2 * d + e), bytes }, { size }),
    forKeys.shader.finish(`${name}.kv`, forKeys.groups, { flops: flops(2 * d + 2 * e), bytes }, { size }),
  ];
}
