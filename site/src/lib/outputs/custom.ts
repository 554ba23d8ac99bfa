import type { Component } from "svelte";

/** What draws a special kind of output; it gets data that it must check, and the words that stand for it. */
export type CustomRenderer = () => Promise<{ default: Component<{ data: unknown; alt: string }> }>;

/** Boards, molecules and the like register here, by the type that cells name. */
const renderers = new Map<string, CustomRenderer>();

/** Draws outputs of this type from now on. @public */
export function registerRenderer(type: string, renderer: CustomRenderer): void {
  renderers.set(type, renderer);
}

export const rendererOf = (type: string): CustomRenderer | undefined => renderers.get(type);
