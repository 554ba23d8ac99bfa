import { readFile } from "node:fs/promises";
import type { Output } from "@gradus/notebook/output";
import type { ReferenceExample, ReferencePage, ReferenceSummary } from "../reference.ts";
import { drawn } from "./lesson-page.ts";

/** What scripts/reference.ts has written. */
const folder = process.env["GRADUS_REFERENCE"] ?? "src/lib/generated/reference";

type Recorded = Omit<ReferenceExample, "first"> & { readonly first: readonly Output[] };

let index: Promise<ReferenceSummary[]> | null = null;

export const referenceIndex = (): Promise<ReferenceSummary[]> => {
  index ??= readFile(`${folder}/index.json`, "utf8").then((text) => JSON.parse(text) as ReferenceSummary[]);
  return index;
};

/** A page of the reference, or undefined where there is none of these names. */
export async function referencePage(name: string, slug: string): Promise<ReferencePage | undefined> {
  if (!(await referenceIndex()).some((p) => p.package === name && p.slug === slug)) return undefined;
  const page = JSON.parse(await readFile(`${folder}/${name}-${slug}.json`, "utf8")) as ReferencePage<Recorded>;
  return {
    ...page,
    entries: page.entries.map((e) => ({
      ...e,
      examples: e.examples.map((x) => ({ ...x, first: x.first.map(({ id, content }) => ({ id, content: drawn(content) })) })),
    })),
  };
}
