import type { NotebookDocument } from "@gradus/course/notebooks";

export interface Placed {
  /** Code for cells of the lesson, by their ids, where it differs from what they have. */
  readonly changes: ReadonlyMap<string, string>;
  /** Cells that were found, changed or not. */
  readonly found: number;
  /** Code of the file that has no place. */
  readonly left: number;
}

/**
 * Where the code of a notebook belongs in a lesson: to the cells of the same ids; where there are none, as in plain programs, to the
 * cells of the same places, if there are as many.
 */
export function placeIn(cells: readonly { readonly id: string; readonly source: string }[], notebook: NotebookDocument): Placed {
  const code = notebook.cells.filter((c) => c.kind === "code");
  const known = new Set(cells.map((c) => c.id));
  const byId = code.some((c) => known.has(c.id));
  const pairs = byId
    ? code.map((c) => [c.id, c.source] as const)
    : code.length === cells.length
      ? code.map((c, i) => [cells[i]!.id, c.source] as const)
      : [];
  const wanted = new Map(pairs.filter(([id]) => known.has(id)));
  // Files end their cells without the empty lines that an editor may have.
  const changes = cells.flatMap(({ id, source }) => {
    const to = wanted.get(id);
    return to === undefined || to.trimEnd() === source.trimEnd() ? [] : [[id, to] as const];
  });
  return { changes: new Map(changes), found: wanted.size, left: code.length - wanted.size };
}
