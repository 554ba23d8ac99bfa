import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Decoder } from "../decoder.ts";
import { fillMask } from "../fill-mask.ts";
import { complete, promptTokens } from "../generate.ts";
import { loadMaskedModel } from "../masked-model.ts";
import { logSoftmax } from "../sampling.ts";
import { loadHuggingFace } from "../weights.ts";

/** What `transformers.golden.py` wrote: folders by their files' names, in base64. */
interface Golden {
  readonly prompt: string;
  readonly cases: readonly {
    readonly name: string;
    readonly files: Readonly<Record<string, string>>;
    readonly ids: readonly number[];
    /** Of all tokens after the prompt. */
    readonly logProbabilities: readonly number[];
    /** The likeliest twelve tokens. */
    readonly text: string;
  }[];
  readonly gaps: readonly {
    readonly name: string;
    readonly files: Readonly<Record<string, string>>;
    readonly best: readonly { readonly id: number; readonly probability: number }[];
  }[];
}
const golden = JSON.parse(readFileSync(new URL("transformers.golden.json", import.meta.url), "utf8")) as Golden;
const folder = (files: Readonly<Record<string, string>>) =>
  new Map(Object.entries(files).map(([name, text]) => [name, new Uint8Array(Buffer.from(text, "base64"))]));

describe("a folder that Hugging Face's transformers wrote", () => {
  test.each(golden.cases.map((c) => [c.name, c] as const))("%s: tokens, logits and text are the same", async (_, c) => {
    const model = await loadHuggingFace(folder(c.files));
    const ids = promptTokens(model, golden.prompt);
    expect(ids).toEqual(c.ids);
    const decoder = new Decoder(model.network);
    const said = logSoftmax((await decoder.read([ids]))[0]!);
    decoder.dispose();
    expect(Math.max(...c.logProbabilities.map((v, i) => Math.abs(v - said[i]!)))).toBeLessThan(2e-5);
    expect(await complete(model, golden.prompt, { tokens: 12, temperature: 0 })).toBe(c.text);
  });

  test.each(golden.gaps.map((c) => [c.name, c] as const))("%s: the likeliest tokens for a gap are the same", async (_, c) => {
    const model = await loadMaskedModel(folder(c.files));
    const [found] = await fillMask(model, "the network [MASK] a test", { top: c.best.length });
    expect(found!.map(({ id }) => id)).toEqual(c.best.map(({ id }) => id));
    for (const [i, { probability }] of found!.entries()) expect(probability).toBeCloseTo(c.best[i]!.probability, 5);
  });
});
