import type { OpaqueKernel } from "../../compile/kernel.ts";
import { is } from "../../graph/node.ts";
import type { FunctionBuilder, ModuleBuilder } from "./assembler.ts";
import { planAttention } from "./attention.ts";
import { planAttentionGradient } from "./attention-gradient.ts";
import { planExtreme } from "./extremes.ts";
import { planGather, planScatter } from "./indexing.ts";
import type { AxisCode } from "./lines.ts";
import type { MathLibrary } from "./math.ts";
import { planScan } from "./scan.ts";
import { planArgsort } from "./sort.ts";
import type { Speller } from "./values.ts";

/** Code for a primitive that has a kernel of its own, over the table [inputs..., out, workspace in the arena]. */
interface OpaqueCode {
  readonly units: number;
  /** Elementary operations a unit. */
  readonly work: number;
  /** Workspace: in the arena, and in each thread's scratch. */
  readonly arenaBytes: number;
  readonly scratchBytes: number;
  emit(f: FunctionBuilder, module: ModuleBuilder, math: MathLibrary): void;
}

/** Code for an opaque kernel; null for what runs on the host. */
export function planOpaque(kernel: OpaqueKernel, speller: Speller, threads: number): OpaqueCode | null {
  const { node } = kernel;
  if (is(node, "attention") && node.dtype === "float32") return { ...planAttention(kernel), arenaBytes: 0 };
  if (is(node, "attentionGradient") && node.attrs.of === "all") return { ...planAttentionGradient(kernel), arenaBytes: 0 };
  const code = codeOf(kernel, speller);
  if (!code) return null;
  const { units, work, workspace = 0 } = code;
  // Every thread has scratch, for good. Where there are fewer units than threads, a workspace a unit takes less.
  const inArena = units < Math.max(2, threads);
  const stride = Math.ceil(workspace / 128) * 128;
  return {
    units,
    work,
    arenaBytes: inArena ? units * stride : 0,
    scratchBytes: inArena ? 0 : workspace,
    emit(f) {
      code.emit(f, (unit) => {
        if (!inArena) f.get(f.param(3));
        else {
          f.get(f.param(0)).load("i32.load", 4 * (kernel.inputs.length + 1));
          f.get(unit).i32(stride).op("i32.mul").op("i32.add");
        }
      });
    },
  };
}

function codeOf(kernel: OpaqueKernel, speller: Speller): AxisCode | null {
  const { node } = kernel;
  if (is(node, "gather")) return planGather(kernel, node.attrs);
  if (is(node, "scatter")) return planScatter(kernel, node.attrs, speller);
  if (is(node, "scan")) return planScan(kernel, node.attrs, speller);
  if (is(node, "argsort")) return planArgsort(kernel, node.attrs);
  if (is(node, "argmax") || is(node, "argmin")) return planExtreme(kernel, node.attrs.axes[0]!);
  return null;
}
