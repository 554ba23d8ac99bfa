// Builds the site when anything that goes into it has changed since the last time.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const site = join(root, "site");
const isStatic = process.env["GRADUS_STATIC"] === "1";
const out = join(site, isStatic ? "build-static" : "build");
const mark = join(out, ".fingerprint");
/** What goes into the pages is the same whether they become files or a server's. */
const parts = ["src/lib/generated", "static/generated", "static/sandbox"].map((folder) => join(site, folder));
const partsMark = join(parts[0]!, ".fingerprint");

function fingerprint(): string {
  const hash = createHash("sha256");
  const patterns = [
    "package-lock.json",
    "packages/*/src/**",
    "packages/systems/**",
    "course/**",
    "site/*.ts",
    "site/scripts/**",
    "site/src/**",
    "site/static/*",
    "site/migrations/**",
  ];
  const files = globSync(patterns, {
    cwd: root,
    exclude: ["**/node_modules/**", "packages/systems/*/test/**", "site/src/lib/generated/**"],
  }).sort();
  for (const file of files) if (statSync(join(root, file)).isFile()) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

const is = (file: string, text: string) => existsSync(file) && readFileSync(file, "utf8") === text;
const sources = fingerprint();
const now = `${sources} ${process.env["GRADUS_BASE"] ?? ""}`;
if (is(mark, now)) process.exit(0);

const node = process.execPath;
const steps: [string, string[]][] = [
  ["types of the pages", ["node_modules/@sveltejs/kit/svelte-kit.js", "sync"]],
  ["types of the lessons' language", ["site/scripts/types.ts"]],
  ["engine for cells", ["site/scripts/sandbox.ts"]],
  ["first outputs of all lessons", ["site/scripts/outputs.ts"]],
  ["reference", ["site/scripts/reference.ts"]],
  ["pages", ["../node_modules/vite/bin/vite.js", "build", "--logLevel", "error"]],
];
const prepared = is(partsMark, sources) && parts.every((folder) => existsSync(folder));
if (!prepared) rmSync(partsMark, { force: true });
const begin = performance.now();
for (const [i, [name, args]] of steps.entries()) {
  const last = i === steps.length - 1;
  if (prepared && !last) continue;
  if (last) writeFileSync(partsMark, sources);
  const cwd = name.endsWith("pages") ? site : root;
  if (!existsSync(join(cwd, args[0]!))) continue;
  console.error(`Building the site (${i + 1}/${steps.length}): ${name} ...`);
  const { status } = spawnSync(node, args, { cwd, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    console.error(`Building the site failed at: ${name}.`);
    process.exit(1);
  }
}
mkdirSync(out, { recursive: true });
writeFileSync(mark, now);
console.error(`The site is built (${((performance.now() - begin) / 1000).toFixed(0)} s).`);
