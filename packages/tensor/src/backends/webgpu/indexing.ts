import type { OpaqueKernel, Slot } from "../../compile/kernel.ts";
import type { Node } from "../../graph/node.ts";
import type { Workspace } from "./emit.ts";
import { linesOf } from "./lines.ts";
import { type Dispatch, Shader, type Traits, threads } from "./shader.ts";
import { emitSort } from "./sort.ts";
import { foldStep } from "./values.ts";

/** Up to as many updates, each looks for others of the same place itself. */
const fewUpdates = 128;

/** One thread an element of the result. */
export function emitGather(kernel: OpaqueKernel, node: Node<"gather">, name: string, traits: Traits): Dispatch[] {
  const [x, indices] = kernel.inputs as [Slot, Slot];
  const { n, inner } = linesOf(node.inputs[0]!.shape, node.attrs.axis);
  const shader = new Shader(traits);
  shader.line(`let id = group * ${threads} + thread;`);
  shader.line(`if (id >= ${node.size}) { return; }`);
  shader.line(`let rest = id / ${inner};`);
  shader.line(`let index = clamp(${shader.read(indices, `rest % ${indices.size}`)}, 0, ${n - 1});`);
  shader.copy(kernel.out, "id", x, `(rest / ${indices.size} * ${n} + index) * ${inner} + id % ${inner}`);
  const bytes = kernel.out.bytes * 2 + indices.bytes;
  return [shader.finish(name, Math.ceil(node.size / threads), { flops: 0, bytes })];
}

/**
 * A copy of the array, then the updates: sorted by place, so that one thread does all of one place in their order, and
 * results are the same at every run.
 */
export function emitScatter(kernel: OpaqueKernel, node: Node<"scatter">, name: string, traits: Traits, workspace: Workspace): Dispatch[] {
  const [x, indices, updates] = kernel.inputs as [Slot, Slot, Slot];
  const { out } = kernel;
  const { n, inner } = linesOf(node.shape, node.attrs.axis);
  const { mode } = node.attrs;
  const copy = new Shader(traits);
  copy.line(`let id = group * ${threads} + thread;`);
  copy.line(`if (id >= ${node.size}) { return; }`);
  copy.copy(out, "id", x, "id");
  const dispatches = [copy.finish(`${name}.copy`, Math.ceil(node.size / threads), { flops: 0, bytes: 2 * out.bytes })];
  const count = indices.size;
  if (!updates.size) return dispatches;

  const shader = new Shader(traits);
  const place = (at: string) => `clamp(${shader.read(indices, at)}, 0, ${n - 1})`;
  shader.line(`let id = group * ${threads} + thread;`);
  shader.line(`if (id >= ${updates.size}) { return; }`);
  shader.line(`let rest = id / ${inner};`);
  shader.line(`let p = rest % ${count};`);
  shader.line(`let outer = rest / ${count};`);
  const update = (at: string) => shader.read(updates, `(outer * ${count} + ${at}) * ${inner} + id % ${inner}`);
  const fold = (at: string) => {
    const value = update(at);
    shader.line(`value = ${mode === "set" ? value : foldStep(mode === "add" ? "sum" : mode, out.dtype, "value", value)};`);
  };
  const begin = (first: string) => {
    shader.line(`let to = (outer * ${n} + ${place(first)}) * ${inner} + id % ${inner};`);
    shader.line(`var value = ${shader.read(out, "to")};`);
  };
  if (count <= fewUpdates) {
    shader.line(`let mine = ${place("p")};`);
    shader.block("for (var q = 0; q < p; q++)", () => shader.line(`if (${place("q")} == mine) { return; }`));
    begin("p");
    shader.block(`for (var q = p; q < ${count}; q++)`, () => shader.block(`if (${place("q")} == mine)`, () => fold("q")));
  } else {
    const order = workspace("int32", count);
    const clamped: Dispatch[] = emitSort(
      indices,
      order,
      { outer: 1, n: count, inner: 1, count: 1 },
      false,
      `${name}.sort`,
      traits,
      workspace,
      n - 1,
    );
    dispatches.push(...clamped);
    shader.line(`let first = ${shader.read(order, "p")};`);
    shader.line(`let mine = ${place("first")};`);
    shader.line(`if (p > 0) { if (${place(shader.read(order, "p - 1"))} == mine) { return; } }`);
    begin("first");
    shader.block(`for (var q = p; q < ${count}; q++)`, () => {
      shader.line(`let at = ${shader.read(order, "q")};`);
      shader.line(`if (${place("at")} != mine) { break; }`);
      fold("at");
    });
  }
  shader.write(out, "to", "value");
  const bytes = updates.bytes * 3 + indices.bytes;
  dispatches.push(shader.finish(name, Math.ceil(updates.size / threads), { flops: updates.size, bytes }));
  return dispatches;
}
