import type { PlainData } from "@gradus/notebook/output";
import type { Component } from "svelte";

/** What draws a special kind of output is given. */
export interface CustomProps {
  /** From a cell, so from anybody: to be checked, and never used as HTML. */
  readonly data: unknown;
  /** The words that stand for it. */
  readonly alt: string;
  /** The last event's value, or the first one; also to be checked. */
  readonly value: PlainData;
  /** Tells the cell what the reader did: the cell runs again with this value. Null where nobody listens, as on paper. */
  readonly send: ((value: PlainData) => void) | null;
}

/** Loads a component when the first output of its type comes. Its styles are attributes: the build draws it too, as plain SVG. */
export type CustomRenderer = () => Promise<{ default: Component<CustomProps> }>;

/** Boards, molecules and the like register here, by the type that cells name: `custom("board", ...)`. */
export const renderers: ReadonlyMap<string, CustomRenderer> = new Map<string, CustomRenderer>([
  ["board", () => import("./BoardView.svelte")],
  ["structure", () => import("./StructureView.svelte")],
]);
