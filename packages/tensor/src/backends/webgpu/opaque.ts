import type { OpaqueKernel } from "../../compile/kernel.ts";
import type { Workspace } from "./emit.ts";
import type { Dispatch, Traits } from "./shader.ts";

/** A primitive that has shaders of its own; null for what runs on the host. */
export function emitOpaque(_kernel: OpaqueKernel, _name: string, _traits: Traits, _workspace: Workspace): readonly Dispatch[] | null {
  return null;
}
