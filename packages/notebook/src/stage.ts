import type { Content, InputValue, Output } from "./output.ts";

/** Where cells show things and get things from: the kernel while one runs, the console in a program of its own. */
export interface Stage {
  emit(output: Output): void;
  /** The value that the reader has given an input, if any. */
  inputValue(label: string): InputValue | undefined;
  readFile(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Throws when the reader has asked the cell to stop. */
  check(): void;
}

const fromConsole: Stage = {
  emit({ content }) {
    const text = asText(content);
    if (text) console.log(text);
  },
  inputValue: () => undefined,
  async readFile(name) {
    const { readFile } = await import(/* @vite-ignore */ "node:fs/promises");
    return new Uint8Array(await readFile(name));
  },
  check() {},
};

let current: Stage = fromConsole;

export const stage = (): Stage => current;

export function setStage(next: Stage | null): void {
  current = next ?? fromConsole;
}

/** What a terminal shows of an output. */
export function asText(content: Content): string {
  switch (content.kind) {
    case "text":
    case "value":
    case "markdown":
      return content.text;
    case "table":
      return [content.columns.map((c) => c.name).join("\t"), ...content.rows.map((r) => r.join("\t"))].join("\n");
    case "plot":
      return `[plot] ${content.options.alt ?? content.options.title ?? content.marks.map((m) => m.label ?? m.mark).join(", ")}`;
    case "images":
      return `[${content.images.length} images] ${content.alt}`;
    case "input":
      return `${content.label}: ${String(content.value)}`;
    case "progress":
      return content.total !== null && content.done >= content.total ? `${content.label} ${content.note ?? ""}`.trim() : "";
    case "grid":
      return content.cells.map((c) => `${c.label ?? ""} ${asText(c.content)}`.trim()).join("\n");
    case "custom":
      return content.alt;
  }
}
