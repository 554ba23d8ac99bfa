import type { OpaqueKernel, Slot } from "../../compile/kernel.ts";
import { is } from "../../graph/node.ts";
import { emitAttention, emitAttentionGradient } from "./attention.ts";
import type { Workspace } from "./emit.ts";
import { emitExtreme } from "./extremes.ts";
import { emitGather, emitScatter } from "./indexing.ts";
import { linesOf } from "./lines.ts";
import { emitScan } from "./scan.ts";
import type { Dispatch, Traits } from "./shader.ts";
import { emitSort } from "./sort.ts";

/** A primitive that has shaders of its own; null for what runs on the host. */
export function emitOpaque(kernel: OpaqueKernel, name: string, traits: Traits, workspace: Workspace): readonly Dispatch[] | null {
  const { node } = kernel;
  if (is(node, "gather")) return emitGather(kernel, node, name, traits);
  if (is(node, "scatter")) return emitScatter(kernel, node, name, traits, workspace);
  if (is(node, "scan")) return emitScan(kernel, node, name, traits);
  if (is(node, "argmax") || is(node, "argmin")) return emitExtreme(kernel, node, name, traits);
  if (is(node, "argsort")) {
    const lines = linesOf(node.shape, node.attrs.axis);
    return emitSort(kernel.inputs[0] as Slot, kernel.out, lines, node.attrs.descending, name, traits, workspace);
  }
  if (is(node, "attention")) return emitAttention(kernel, node, name, traits);
  if (is(node, "attentionGradient")) return emitAttentionGradient(kernel, node, name, traits);
  return null;
}
