import type { Kernel, Slot } from "../../compile/kernel.ts";
import type { DType } from "../../dtype.ts";
import { emitContraction } from "./contraction.ts";
import { emitLoop } from "./loop.ts";
import { emitOpaque } from "./opaque.ts";
import type { Dispatch, Traits } from "./shader.ts";
import type { Tuner } from "./tuning.ts";

/** Memory that lives while one kernel runs. */
export type Workspace = (dtype: DType, size: number) => Slot;

/** A kernel as dispatches, in order; null for what has no shader. */
export function emitKernel(kernel: Kernel, name: string, traits: Traits, tuner: Tuner, workspace: Workspace): readonly Dispatch[] | null {
  if (kernel.kind === "loop") return [emitLoop(kernel, name, traits)];
  if (kernel.kind === "contraction") return emitContraction(kernel, name, traits, workspace, tuner.cut(kernel));
  if (kernel.kind === "opaque") return emitOpaque(kernel, name, traits, workspace);
  throw new Error("plans for a GPU have no chains");
}
