// Collects what the editor's language service knows: declarations of the packages that cells import, and of their language.
import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { moduleNames, modules, typesOf } from "../src/lib/modules.ts";
import { writeWhole } from "./record.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const files: Record<string, string> = {};

/** The language without comments: those of our own packages are worth showing. */
function addLibrary(name: string): void {
  const path = `/lib/${name}`;
  if (files[path] !== undefined) return;
  const text = readFileSync(join(dirname(createRequire(import.meta.url).resolve("typescript")), name), "utf8");
  files[path] = text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/(?!\/).*$/gm, "")
    .replace(/\n\s*\n+/g, "\n");
  for (const [, other] of text.matchAll(/^\/\/\/ <reference lib="([^"]+)"/gm)) addLibrary(`lib.${other}.d.ts`);
}

const entries = Object.values(modules).map((folder) => join(root, `packages/${folder}/index.ts`));
const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) => readFileSync(path, "utf8"));
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const program = ts.createProgram(entries, {
  ...options,
  noEmit: false,
  declaration: true,
  emitDeclarationOnly: true,
  outDir: "/out",
  rootDir: join(root, "packages"),
});
program.emit(undefined, (path, text) => {
  // "/out/tensor/src/ops/core.d.ts" becomes "/gradus/tensor/ops/core.d.ts".
  const shown = path.replace(/^\/out\/(?:(\w+)\/src\/|(?=systems\/))/, (_, p?: string) => (p ? `/gradus/${p}/` : "/gradus/"));
  if (shown.startsWith("/gradus/")) files[shown] = text.replace(/(["'])(\.{1,2}\/[^"']+)\.ts\1/g, "$1$2.js$1").replace(/^\/\/# .*$/gm, "");
});
for (const p of moduleNames) if (!files[typesOf(p)]) throw new Error(`No declarations came out for @gradus/${p}.`);
addLibrary("lib.esnext.d.ts");
addLibrary("lib.webworker.d.ts");

const text = JSON.stringify(files);
const version = createHash("sha256").update(text).digest("hex").slice(0, 12);
const folder = fileURLToPath(new URL("../static/generated/", import.meta.url));
rmSync(folder, { recursive: true, force: true });
await writeWhole(join(folder, `types-${version}.json`), text);
await writeWhole(
  fileURLToPath(new URL("../src/lib/generated/types.json", import.meta.url)),
  JSON.stringify({ file: basename(`types-${version}.json`) }),
);
console.log(`types ${version}: ${Object.keys(files).length} files, ${(text.length / 1e6).toFixed(2)} MB`);
