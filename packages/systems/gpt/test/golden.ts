import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArrayData, safetensorsChunks } from "@gradus/tensor/io";
import { afterAll } from "vitest";
import { formula, sizeOf, uniform } from "../../test/formula.ts";

type Gradients = Readonly<Record<string, readonly [norm: number, along: number]>>;
type Config = Readonly<Record<string, unknown>>;

interface DecoderCase {
  readonly name: string;
  readonly config: Config;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly ids: number[][];
  readonly logits: readonly number[];
  readonly loss: number;
  readonly gradients: Gradients;
  readonly continued: readonly number[];
}

interface EncoderCase extends Omit<DecoderCase, "continued"> {
  readonly targets: number[][];
  readonly mask: number[][];
  readonly segments: number[][] | null;
  readonly guessed: number[][];
  readonly hidden: readonly (readonly number[])[];
  readonly pooled: readonly number[] | null;
}

/** PyTorch's numbers, and what `gpt.golden.py` computes weights with. */
export const golden = JSON.parse(readFileSync(new URL("gpt.golden.json", import.meta.url), "utf8")) as {
  readonly decoders: readonly DecoderCase[];
  readonly encoders: readonly EncoderCase[];
};

export type Arrays = Map<string, ArrayData>;

/** The weights of a case, under Hugging Face's names. */
export function arraysOf(shapes: DecoderCase["shapes"]): Arrays {
  const names = Object.keys(shapes).sort();
  return new Map(names.map((name, i) => [name, { dtype: "float32", shape: shapes[name]!, data: formula(name, shapes[name]!, i + 1) }]));
}

export const filled = (shape: readonly number[], value: number): ArrayData => ({
  dtype: "float32",
  shape,
  data: new Float32Array(sizeOf(shape)).fill(value),
});

/** The files of a folder. */
export type Files = Map<string, Uint8Array>;

export const bytesOf = (value: string | object): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

const safetensors = (arrays: Iterable<readonly [string, ArrayData]>): Uint8Array => Buffer.concat([...safetensorsChunks(arrays)]);

/** `config.json` and `model.safetensors`. */
export const filesOf = (config: Config, arrays: Arrays): Files =>
  new Map([
    ["config.json", bytesOf(config)],
    ["model.safetensors", safetensors(arrays)],
  ]);

/** The same in so many shards with their index. */
export function sharded(config: Config, arrays: Arrays, count: number): Files {
  const files: Files = new Map([["config.json", bytesOf(config)]]);
  const list = [...arrays];
  const each = Math.ceil(list.length / count);
  const weight_map: Record<string, string> = {};
  for (let i = 0; i < count; i++) {
    const name = `model-0000${i + 1}-of-0000${count}.safetensors`;
    const part = list.slice(i * each, (i + 1) * each);
    for (const [array] of part) weight_map[array] = name;
    files.set(name, safetensors(part));
  }
  return files.set("model.safetensors.index.json", bytesOf({ metadata: { total_size: 0 }, weight_map }));
}

/** Makes temporary folders, which go when the file's tests are over. */
export function temporaryFolders(): () => string {
  const made: string[] = [];
  afterAll(() => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    made.push(mkdtempSync(join(tmpdir(), "gradus-gpt-")));
    return made.at(-1)!;
  };
}

export async function writeFolder(folder: string, files: Files): Promise<string> {
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return folder;
}

/** The largest difference as a share of the largest expected number. */
export function difference(given: Iterable<number>, expected: readonly number[]): number {
  const list = [...given];
  if (list.length !== expected.length) throw new Error(`${list.length} numbers, ${expected.length} expected`);
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...list.map((v, i) => Math.abs(v - expected[i]!))) / scale;
}

/** How far arrays of gradients are from PyTorch's: the largest difference in length or direction, as a share of the length. */
export function gradientDifference(given: Readonly<Record<string, ArrayData>>, expected: Gradients): number {
  const names = Object.keys(expected).sort();
  if (Object.keys(given).sort().join() !== names.join()) throw new Error(`gradients of ${Object.keys(given).sort().join()}`);
  const longest = Math.max(...names.map((name) => expected[name]![0]));
  const differences = names.map((name, i) => {
    const [norm, along] = expected[name]!;
    const g = given[name]!.data as Float32Array;
    const probe = uniform(g.length, 2000 + i);
    let [squares, product] = [0, 0];
    g.forEach((v, j) => {
      squares += v * v;
      product += v * (2 * probe[j]! - 1);
    });
    // What is 0 by theory, such as the gradient of BERT's biases of keys, is rounding here and there.
    return Math.max(Math.abs(Math.sqrt(squares) - norm), Math.abs(product - along)) / Math.max(norm, 1e-3 * longest);
  });
  return Math.max(...differences);
}
