import type { OpaqueKernel, Slot } from "../../compile/kernel.ts";
import type { Node } from "../../graph/node.ts";
import { linesOf } from "./lines.ts";
import { type Dispatch, Shader, type Traits, threads } from "./shader.ts";
import { foldStart, foldStep, registerOf } from "./values.ts";

/** Neighbours that a thread takes at a time. */
const each = 4;
/** Threads whose totals are added up one after the other: the square root of all. */
const stretch = Math.sqrt(threads);
/** Lines enough, or short enough, for a thread each. */
const manyLines = 8192;
const shortLine = 64;

/** Running sums, products, maxima and minima: a thread a line where there are many, else a workgroup a line. */
export function emitScan(kernel: OpaqueKernel, node: Node<"scan">, name: string, traits: Traits): Dispatch[] {
  const x = kernel.inputs[0] as Slot;
  const { axis, kind, reverse } = node.attrs;
  const lines = linesOf(node.shape, axis);
  const { count } = lines;
  const { dtype } = node;
  const shader = new Shader(traits);
  const step = (a: string, b: string) => foldStep(kind, dtype, a, b);
  const at = (i: string) => `start + ${reverse ? `(n - 1 - ${i})` : i} * inner`;
  const parameters = [lines.n, lines.inner, count];
  ["n", "inner", "count"].forEach((size, i) => {
    shader.line(`let ${size} = parameters[${i}];`);
  });
  const start = (line: string) => `let start = ${line} / inner * (n * inner) + ${line} % inner;`;
  const work = { flops: node.size, bytes: x.bytes + kernel.out.bytes };
  if (count >= manyLines || lines.n <= shortLine) {
    shader.line(`let line = group * ${threads} + thread;`);
    shader.line("if (line >= count) { return; }");
    shader.line(start("line"));
    shader.line(`var total = ${foldStart(kind, dtype)};`);
    shader.block("for (var i = 0; i < n; i++)", () => {
      shader.line(`total = ${step("total", shader.read(x, at("i")))};`);
      shader.write(kernel.out, at("i"), "total");
    });
    return [shader.finish(name, Math.ceil(count / threads), work, { parameters })];
  }
  const totals = shader.workgroup(registerOf(dtype), threads);
  shader.line(start("group"));
  shader.line(`var carried = ${foldStart(kind, dtype)};`);
  shader.block(`for (var block = 0; block < n; block += ${threads * each})`, () => {
    for (let e = 0; e < each; e++) {
      shader.line(`let i${e} = block + thread * ${each} + ${e};`);
      shader.line(`var x${e} = ${foldStart(kind, dtype)};`);
      shader.line(`if (i${e} < n) { x${e} = ${shader.read(x, at(`i${e}`))}; }`);
      if (e) shader.line(`x${e} = ${step(`x${e - 1}`, `x${e}`)};`);
    }
    shader.line("workgroupBarrier();");
    shader.line(`${totals}[thread] = x${each - 1};`);
    // The threads' totals: stretches of them one after the other, then what lies before each stretch.
    shader.line("workgroupBarrier();");
    shader.block(`if (thread < ${stretch})`, () => {
      shader.block(`for (var t = thread * ${stretch} + 1; t < (thread + 1) * ${stretch}; t++)`, () => {
        shader.line(`${totals}[t] = ${step(`${totals}[t - 1]`, `${totals}[t]`)};`);
      });
    });
    shader.line("workgroupBarrier();");
    shader.line("var before = carried;");
    shader.block(`for (var s = 0; s < ${stretch}; s++)`, () => {
      shader.line(`let sum = ${totals}[s * ${stretch} + ${stretch - 1}];`);
      shader.line(`if (s < thread / ${stretch}) { before = ${step("before", "sum")}; }`);
      shader.line(`carried = ${step("carried", "sum")};`);
    });
    shader.line(`if (thread % ${stretch} > 0) { before = ${step("before", `${totals}[thread - 1]`)}; }`);
    for (let e = 0; e < each; e++) shader.block(`if (i${e} < n)`, () => shader.write(kernel.out, at(`i${e}`), step("before", `x${e}`)));
  });
  return [shader.finish(name, count, work, { parameters })];
}
