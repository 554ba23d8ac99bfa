import { type ByteSource, readText } from "@gradus/data";
import { readA3m } from "./a3m.ts";
import type { Alignment } from "./alignment.ts";
import { readStockholm } from "./stockholm.ts";

/** An alignment in the A3M or Stockholm format, packed by gzip or not, for `query`. FormatError, in a sentence, where they do not fit. */
export async function readAlignment(source: ByteSource | string, query: string): Promise<Alignment> {
  const text = typeof source === "string" ? source : await readText(source, { maxBytes: 2 ** 29 });
  return text.trimStart().startsWith("# STOCKHOLM") ? readStockholm(text, query) : readA3m(text, query);
}
