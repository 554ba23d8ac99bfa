// A kernel that keeps what its cells show, for pages that show it before anything runs.
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Kernel, modules, type Reply } from "@gradus/notebook/kernel";
import type { Output } from "@gradus/notebook/output";

const packages = fileURLToPath(new URL("../../packages/", import.meta.url));

/** A hash of anything that may change what a cell shows. */
export function fingerprintOfEngine(...more: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of more) hash.update(text);
  for (const file of globSync("{{tensor,nn,data,notebook}/src,systems}/**/*.ts", { cwd: packages, exclude: ["**/test/**"] }).sort())
    hash.update(readFileSync(packages + file));
  return hash.digest("hex");
}

export interface Recording {
  readonly kernel: Kernel;
  readonly cells: Record<string, Output[]>;
  /** A line for each cell that failed. */
  readonly errors: string[];
}

/** A kernel in this thread, whose global variables are the cells' own. */
export function record(title: string, readFile: (name: string) => Promise<Uint8Array<ArrayBuffer>>): Recording {
  const cells: Record<string, Output[]> = {};
  const errors: string[] = [];
  const tell = (reply: Reply): void => {
    if (reply.type === "output") {
      const list = (cells[reply.cell] ??= []);
      const at = list.findIndex((o) => o.id === reply.output.id);
      if (at < 0) list.push(reply.output);
      else list[at] = reply.output;
    }
    if (reply.type === "done" && reply.error)
      errors.push(`${title}, cell ${reply.cell}, line ${reply.error.line ?? "?"}: ${reply.error.name}: ${reply.error.message}`);
  };
  return { kernel: new Kernel({ modules, tell, readFile }), cells, errors };
}

/** Writes a file whole or not at all. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
}
