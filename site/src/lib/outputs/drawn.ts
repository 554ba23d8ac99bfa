import type { Content, CustomContent, GridContent } from "@gradus/notebook/output";

/** What a page shows: contents of cells, and plots that the build has drawn already. */
export type Shown =
  | Exclude<Content, GridContent>
  | DrawnPlot
  | (Omit<GridContent, "cells"> & { readonly cells: readonly { readonly label?: string; readonly content: Shown }[] });

export interface DrawnPlot {
  readonly kind: "drawn";
  /** SVG of our own build; never from a cell of the page. */
  readonly svg: string;
  /** What it was drawn from, where the page can do more with it. */
  readonly from?: CustomContent;
}

export interface ShownOutput {
  readonly id: string;
  readonly content: Shown;
}
