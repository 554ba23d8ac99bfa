import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const source = new URL("../src/", import.meta.url);
const read = (file: URL): string => readFileSync(file, "utf8");

/** A named value that a module exports: where it is declared, and under which name. */
interface Exported {
  readonly name: string;
  readonly declared: string;
  readonly file: URL;
}

/** What `export { a, b as c } from "x"` and `export * as ns from "x"` of an index lead to, types left out. */
function exportsOf(index: URL): Exported[] {
  const text = read(index);
  const named = [...text.matchAll(/^export \{([^}]*)\} from "([^"]+)";/gm)].flatMap(([, list, path]) => {
    const file = new URL(path!, index);
    const names = list!
      .split(",")
      .map((s) => s.trim())
      .filter((s) => s && !s.startsWith("type "));
    return names.map((entry) => {
      const [inner, outer = inner] = entry.split(" as ") as [string, string?];
      return find(file, inner, outer);
    });
  });
  const spaces = [...text.matchAll(/^export \* as \w+ from "([^"]+)";/gm)].flatMap(([, path]) => exportsOf(new URL(path!, index)));
  return [...named, ...spaces];
}

/** Follows a name through files that only pass it on or rename it. */
function find(file: URL, inner: string, name: string): Exported {
  const text = read(file);
  for (const [, list, path] of text.matchAll(/^export \{([^}]*)\}(?: from "([^"]+)")?;/gm))
    for (const entry of list!.split(",").map((s) => s.trim())) {
      const [from, to = from] = entry.split(" as ") as [string, string?];
      if (to === inner) return find(path ? new URL(path, file) : file, from, name);
    }
  return { name, declared: inner, file };
}

/** The comment that stands directly before a declaration, without its stars; "" if there is none. */
function docstring({ file, declared }: Exported): string {
  const text = read(file);
  const at = text.search(new RegExp(`^export (?:async )?(?:function\\*?|const|class) ${declared}\\b`, "m"));
  if (at < 0) throw new Error(`${declared} is not declared in ${file.pathname}`);
  const comment = /\/\*\*((?:(?!\*\/).)*)\*\/\n$/s.exec(text.slice(0, at))?.[1] ?? "";
  return comment
    .replaceAll(/^\s*\* ?/gm, "")
    .split(/^@example$/m)[0]!
    .trim();
}

describe.each(["index.ts", "io/index.ts"])("what %s exports", (index) => {
  const all = exportsOf(new URL(index, source));

  test("is found by this test", () => {
    expect(all.length).toBeGreaterThan(index === "index.ts" ? 300 : 10);
  });

  test("is documented in one to five lines of whole sentences", () => {
    const bad = all.filter((e) => {
      const doc = docstring(e);
      return !/[.]$/.test(doc) || doc.length < 8 || doc.split("\n").length > 5;
    });
    expect(bad.map((e) => e.name)).toEqual([]);
  });
});
