import type { Extension } from "@codemirror/state";
import type { Session } from "../notebook/session.svelte.ts";

/** Completion, signatures and type errors; see language.ts. */
export function typeSupport(_session: Session, _id: string): Extension {
  return [];
}
