import type { OpaqueKernel, Slot } from "../../compile/kernel.ts";
import type { Node } from "../../graph/node.ts";
import { keyOf, linesOf, startOf } from "./lines.ts";
import { type Dispatch, Shader, type Traits, threads } from "./shader.ts";

/** Where the greatest or smallest element is, the first of equals: of (key, index), as many threads a line as pay. */
export function emitExtreme(kernel: OpaqueKernel, node: Node<"argmax" | "argmin">, name: string, traits: Traits): Dispatch[] {
  const x = kernel.inputs[0] as Slot;
  const lines = linesOf(node.inputs[0]!.shape, node.attrs.axes[0]!);
  const { n, inner, count } = lines;
  const lanes = Math.min(threads, 2 ** Math.floor(Math.log2(Math.max(1, inner === 1 ? n / 4 : Math.min(n / 8, 2 ** 16 / count)))));
  const beside = threads / lanes;
  const shader = new Shader(traits);
  shader.line(`let asked = group * ${beside} + thread / ${lanes};`);
  shader.line(`let line = min(asked, ${count - 1});`);
  shader.line(`let lane = thread % ${lanes};`);
  shader.line(`let start = ${startOf(lines, "line")};`);
  shader.line("var best = 0u;");
  shader.line(`var place = ${n};`);
  shader.block(`for (var i = lane; i < ${n}; i += ${lanes})`, () => {
    shader.line(`let key = ${keyOf(shader, x, `start + i * ${inner}`, node.op === "argmin")};`);
    shader.line(`if (place == ${n} || key > best) { best = key; place = i; }`);
  });
  if (lanes > 1) {
    const [keys, places] = [shader.workgroup("u32", threads), shader.workgroup("i32", threads)];
    shader.line(`${keys}[thread] = best;`);
    shader.line(`${places}[thread] = place;`);
    for (let half = lanes / 2; half >= 1; half /= 2) {
      shader.line("workgroupBarrier();");
      shader.block(`if (lane < ${half})`, () => {
        shader.line(`let key = ${keys}[thread + ${half}];`);
        shader.line(`let other = ${places}[thread + ${half}];`);
        shader.block(`if (other < ${n} && (place == ${n} || key > best || (key == best && other < place)))`, () => {
          shader.line("best = key;");
          shader.line("place = other;");
        });
        shader.line(`${keys}[thread] = best;`);
        shader.line(`${places}[thread] = place;`);
      });
    }
  }
  shader.block(`if (lane == 0 && asked < ${count})`, () => shader.write(kernel.out, "line", "place"));
  return [shader.finish(name, Math.ceil(count / beside), { flops: n * count, bytes: x.bytes + kernel.out.bytes })];
}
