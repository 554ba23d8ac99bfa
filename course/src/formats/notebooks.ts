/** A notebook apart from any lesson: what is exported, imported and shared. */
export interface NotebookDocument {
  readonly title: string;
  readonly cells: readonly NotebookCell[];
}

export interface NotebookCell {
  readonly kind: "code" | "markdown";
  readonly id: string;
  readonly source: string;
}

/** Bounds on notebooks from outside. */
const mostCells = 2000;
const mostCharacters = 2_000_000;

/** A notebook that cannot be read. */
export class NotebookFormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotebookFormatError";
  }
}

/** A Jupyter notebook (nbformat 4.5) for a TypeScript kernel. */
export function toIpynb({ title, cells }: NotebookDocument): string {
  const lines = (text: string) => text.split("\n").map((line, i, all) => (i < all.length - 1 ? `${line}\n` : line));
  const ids = new Set<string>();
  const notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      title,
      kernelspec: { name: "typescript", display_name: "TypeScript", language: "typescript" },
      language_info: { name: "typescript", file_extension: ".ts", mimetype: "text/typescript" },
    },
    cells: cells.map(({ kind, id, source }, i) => {
      const free = ids.has(id) || !/^[\w-]{1,64}$/.test(id) ? `cell-${i}` : id;
      ids.add(free);
      const common = { id: free, metadata: {}, source: lines(source) };
      return kind === "markdown"
        ? { cell_type: "markdown", ...common }
        : { cell_type: "code", ...common, execution_count: null, outputs: [] };
    }),
  };
  return `${JSON.stringify(notebook, null, 1)}\n`;
}

/** Reads a Jupyter notebook's texts and code; outputs are left out. Throws NotebookFormatError. */
export function fromIpynb(text: string): NotebookDocument {
  if (text.length > 4 * mostCharacters)
    throw new NotebookFormatError(`The notebook has ${text.length} characters; at most ${4 * mostCharacters} are read.`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new NotebookFormatError("This is not a Jupyter notebook: it is not JSON.");
  }
  const { cells, nbformat, metadata } = (parsed ?? {}) as { cells?: unknown; nbformat?: unknown; metadata?: { title?: unknown } };
  if (!Array.isArray(cells) || nbformat !== 4)
    throw new NotebookFormatError(`This is not a Jupyter notebook of format 4 (nbformat: ${JSON.stringify(nbformat)}).`);
  const read = cells.slice(0, mostCells + 1).map((cell: unknown, i): NotebookCell => {
    const { cell_type: kind, source, id } = (cell ?? {}) as { cell_type?: unknown; source?: unknown; id?: unknown };
    const code = Array.isArray(source) && source.every((s) => typeof s === "string") ? source.join("") : source;
    if (typeof code !== "string") throw new NotebookFormatError(`Cell ${i + 1} has no source.`);
    return {
      kind: kind === "code" ? "code" : "markdown",
      id: typeof id === "string" && /^[\w-]{1,64}$/.test(id) ? id : `cell-${i}`,
      source: code,
    };
  });
  return bounded({ title: typeof metadata?.title === "string" ? metadata.title.slice(0, 200) : "Notebook", cells: read });
}

const marker = "// %%";

/** A program: code as it is, Markdown as comments, `// %%` before each cell (as editors with cells know it). */
export function toScript({ title, cells }: NotebookDocument): string {
  const parts = cells.map(({ kind, source }) =>
    kind === "code"
      ? `${marker}\n${source.trimEnd()}\n`
      : `${marker} [markdown]\n${source.trimEnd().replace(/^/gm, "// ").replace(/ +$/gm, "")}\n`,
  );
  return `// ${title}\n\n${parts.join("\n")}`;
}

/** Reads a program with `// %%` marks; one without is a single cell. */
export function fromScript(text: string): NotebookDocument {
  const sections = text.replaceAll("\r\n", "\n").split(/^\/\/ %%(.*)$/m);
  const head = sections[0]!.trim();
  const titled = /^\/\/ (.+)$/.exec(head);
  const cells: NotebookCell[] = head && !titled ? [{ kind: "code", id: "cell-0", source: head }] : [];
  for (let i = 1; i < sections.length; i += 2) {
    const source = sections[i + 1]!.replace(/^\n/, "").trimEnd();
    const isText = sections[i]!.includes("[markdown]");
    cells.push({
      kind: isText ? "markdown" : "code",
      id: `cell-${cells.length}`,
      source: isText ? source.replace(/^\/\/ ?/gm, "") : source,
    });
  }
  return bounded({ title: titled?.[1]?.slice(0, 200) ?? "Notebook", cells });
}

function bounded(notebook: NotebookDocument): NotebookDocument {
  const size = notebook.cells.reduce((n, c) => n + c.source.length, 0);
  if (notebook.cells.length > mostCells || size > mostCharacters)
    throw new NotebookFormatError(
      `The notebook has ${notebook.cells.length} cells and ${size} characters; at most ${mostCells} and ${mostCharacters} are read.`,
    );
  return notebook;
}
