// Writes the API reference: names, signatures and docstrings by TypeDoc, and what the docstrings' examples show.
import { readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { highlight } from "@gradus/course/markdown";
import { prepare } from "@gradus/notebook/kernel";
import type { Output } from "@gradus/notebook/output";
import { Application, type DeclarationReflection, TSConfigReader } from "typedoc";
import { moduleNames, modules } from "../src/lib/modules.ts";
import type { ReferencePage } from "../src/lib/reference.ts";
import { fingerprintOfEngine, record, writeWhole } from "./record.ts";
import { type Contents, contents, packageOf } from "./reference/contents.ts";
import { before, type Entry, entriesOf, linked } from "./reference/entries.ts";

const out = fileURLToPath(new URL("../src/lib/generated/reference/", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The packages that export a name, for the import line of examples that have none. */
type Exports = ReadonlyMap<string, readonly string[]>;

async function everyEntry(): Promise<Entry[]> {
  const app = await Application.bootstrap(
    {
      entryPoints: Object.values(modules).map((folder) => `${root}packages/${folder}/index.ts`),
      ...{ tsconfig: `${root}tsconfig.json`, basePath: root, disableGit: true, sourceLinkTemplate: "{path}", gitRevision: "main" },
      // `tsc` has checked the types already; names that stay private appear in signatures by their name.
      ...{ skipErrorChecking: true, excludePrivate: true, excludeInternal: true, logLevel: "Error", sort: ["source-order"] },
    },
    [new TSConfigReader()],
  );
  const project = await app.convert();
  if (!project) throw new Error("TypeDoc could not read the packages.");
  const parts = project.children as DeclarationReflection[];
  return moduleNames.flatMap((name) =>
    entriesOf(name, parts.find((m) => m.sources?.[0]?.fileName.endsWith(`packages/${modules[name]}/index.ts`))!),
  );
}

/** An example as a cell: with the imports that it takes for granted. */
function completed(source: string, own: string, exports: Exports): string {
  if (/^import /m.test(source)) return source;
  const wanted = new Map<string, string[]>();
  for (const name of prepare(source).uses) {
    const all = exports.get(name);
    const from = all?.includes(own) ? own : all?.[0];
    if (from) wanted.set(from, [...(wanted.get(from) ?? []), name]);
  }
  const imports = [...wanted].map(([from, names]) => `import { ${names.sort().join(", ")} } from "@gradus/${from}";\n`).join("");
  return imports ? `${imports}\n${source}` : source;
}

async function run(page: Contents, entries: readonly Entry[], exports: Exports): Promise<[ReferencePage<unknown>, string[]]> {
  const { kernel, cells, errors } = record(`${page.module}/${page.slug}`, async (name) => {
    throw new Error(`An example has no file ${JSON.stringify(name)}.`);
  });
  const result = [];
  for (const { page: _page, text: _text, ...entry } of entries) {
    const examples = [];
    for (const [i, text] of entry.examples.entries()) {
      const id = `${entry.id}-${i + 1}`;
      const source = completed(text, page.module, exports);
      await kernel.run(id, source, {});
      const first: readonly Output[] = cells[id] ?? [];
      if (!first.length) errors.push(`${page.module}/${page.slug}: the example of ${entry.name} shows nothing`);
      examples.push({ id, source, html: highlight(source), first });
    }
    result.push({ ...entry, examples });
  }
  return [{ package: packageOf(page), module: page.module, slug: page.slug, title: page.title, entries: result }, errors];
}

const mark = `${out}fingerprint.json`;
const scripts = ["reference.ts", "reference/contents.ts", "reference/entries.ts"];
const key = fingerprintOfEngine(...(await Promise.all(scripts.map((f) => readFile(new URL(f, import.meta.url), "utf8")))));
if ((await readFile(mark, "utf8").catch(() => "")) === JSON.stringify(key)) process.exit(0);
await rm(out, { recursive: true, force: true });

const begin = performance.now();
const entries = await everyEntry();
const exports = new Map<string, string[]>();
for (const e of entries) {
  const name = e.name.split(".")[0]!;
  exports.set(name, [...(exports.get(name) ?? []), e.page.module]);
}
// What a signature can name.
const links = new Map(
  entries
    .filter((e) => e.kind === "class" || e.kind === "type")
    .map((e) => [e.name.split(".").at(-1)!, `../${packageOf(e.page)}/${e.page.slug}#${e.id}`]),
);
const signature = (code: string) => linked(code, before(code), links);
const parameter = <P extends { readonly type: string }>(p: P): P => ({ ...p, type: linked(p.type, "type T = ", links) });
const failures: string[] = [];
const index = [];
let shown = 0;
for (const page of contents) {
  const own = entries
    .filter((e) => e.page === page)
    .sort((a, b) => Number(a.kind === "type") - Number(b.kind === "type"))
    .map((e) => ({
      ...e,
      signatures: e.signatures.map(signature),
      parameters: e.parameters.map(parameter),
      members: e.members.map((m) => ({ ...m, signatures: m.signatures.map(signature), parameters: m.parameters.map(parameter) })),
    }));
  const [made, errors] = await run(page, own, exports);
  failures.push(...errors);
  shown += own.reduce((n, e) => n + e.examples.length, 0);
  await writeWhole(`${out}${packageOf(page)}-${page.slug}.json`, JSON.stringify(made));
  index.push({
    ...page,
    package: packageOf(page),
    entries: own.map(({ id, name, kind, text }) => ({ id, name, kind, summary: text })),
  });
}
await writeWhole(`${out}index.json`, JSON.stringify(index));
for (const failure of failures) console.error(failure);
if (failures.length) process.exit(1);
await writeWhole(mark, JSON.stringify(key));
console.log(`Reference: ${entries.length} names, ${shown} examples in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
process.exit(0);
