import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

/**
 * Runs the `ts` blocks of a README as one program, inside of `folder` so that its package's name resolves, and gives what it
 * printed beside what its comments `// → ...` say, line by line.
 */
export function runSnippets(readme: URL, folder: URL): { printed: string[]; expected: string[]; errors: string } {
  const blocks = [...readFileSync(readme, "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  const file = fileURLToPath(new URL(`readme-${process.pid}.tmp.ts`, folder));
  const listen =
    'import { format } from "node:util";\nconst printed: string[] = [];\nconsole.log = (...xs) => printed.push(format(...xs));';
  writeFileSync(file, [listen, ...blocks, "process.stdout.write(JSON.stringify(printed));"].join("\n"));
  try {
    const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
    return {
      printed: stdout ? (JSON.parse(stdout) as string[]).map(oneLine) : [],
      expected: blocks.flatMap((code) => [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, text]) => oneLine(text!))),
      errors: stderr,
    };
  } finally {
    rmSync(file);
  }
}
