import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface Input {
  readonly ways: readonly string[];
  readonly values: object;
  readonly open: boolean;
}

/** Tries ways out, one after the other, and tells for each what it reached, or why not. */
export default async function run({ ways, values, open }: Input, seal: () => void): Promise<unknown> {
  existsSync(fileURLToPath(import.meta.url)); // a module of the host that untrusted code might find loaded
  const begin = process.env["PATH"];
  const programs = ways.map(
    (way) =>
      new Function("values", `return (async ({ port, secret, folder, parent }) => {${way}\n})(values)`) as (v: object) => Promise<unknown>,
  );
  if (!open) seal();
  const results: { reached: boolean; detail: string }[] = [];
  for (const program of programs) {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), 2000));
    await Promise.race([program(values), late]).then(
      (found) => results.push({ reached: Boolean(found), detail: String(found).slice(0, 100) }),
      (error) => results.push({ reached: false, detail: String(error).slice(0, 200) }),
    );
  }
  return begin === undefined ? results : "the environment was there";
}
