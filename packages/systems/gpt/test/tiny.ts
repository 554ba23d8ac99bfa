import { configOf, type GptConfig } from "../config.ts";
import { type Recipe, recipeOf } from "../train.ts";

/** A network of some thousand weights, for tests. */
export const tiny = (vocabulary: number, changes: Partial<GptConfig> = {}): GptConfig =>
  configOf("small", { vocabulary, context: 8, layers: 1, heads: 2, keyValueHeads: 2, headWidth: 8, width: 16, hidden: 32, ...changes });

export const recipe: Recipe = {
  ...recipeOf("small", configOf("small")),
  ...{ steps: 40, batchSize: 8, rate: 1e-2, warmup: 4, evaluateEvery: 20, validationWindows: 16 },
};

/** What a generator returns, with what it gave on the way. */
export async function all<T, R>(run: AsyncGenerator<T, R>): Promise<{ readonly updates: T[]; readonly result: R }> {
  const updates: T[] = [];
  for (;;) {
    const { value, done } = await run.next();
    if (done) return { updates, result: value };
    updates.push(value);
  }
}
