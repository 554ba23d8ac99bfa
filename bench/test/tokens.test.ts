import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configOf, Gpt, loadGpt } from "@gradus/systems/gpt";
import * as ort from "onnxruntime-web";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { DecoderStep } from "../decoder-step.ts";
import { held } from "../held.ts";
import { timePeer } from "../peers.ts";
import { compared, logitsOf, networkOf, rounding, taskOf, timeTokens, tokensOf, writeModel } from "../tokens.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const folder = mkdtempSync(join(tmpdir(), "gradus-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const config = configOf("small", { layers: 2 });
const decodings = ([32, 8, 4] as const).map((bits) => ({ config, bits, after: 12, next: 17, generated: 16 }));

/** Reads tokens in onnxruntime, keys and values of all before going in and of all coming out. */
async function reader(file: string) {
  const session = await ort.InferenceSession.create(await readFile(file));
  const wide = (numbers: readonly number[]) => new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
  const names = session.inputNames.filter((name) => name.startsWith("past_key_values."));
  const shape = [1, config.heads, 0, config.headWidth];
  let past: Record<string, ort.Tensor> = Object.fromEntries(names.map((name) => [name, new ort.Tensor("float32", [], shape)]));
  let length = 0;
  const read = async (ids: readonly number[]): Promise<number[]> => {
    const position_ids = wide(ids.map((_, i) => length + i));
    const { logits, ...present } = await session.run({ input_ids: wide(ids), position_ids, ...past });
    past = Object.fromEntries(names.map((name) => [name, present[name.replace("past_key_values", "present")]!]));
    length += ids.length;
    return Array.from(logits!.data as Float32Array).slice(-config.vocabulary);
  };
  return { read, session };
}

test.each(decodings)(
  "the decoder's step with weights of $bits bits gives our logits and our tokens in onnxruntime, token by token",
  async (decoding) => {
    const at = join(folder, String(decoding.bits));
    const task = taskOf(decoding);
    const network = await networkOf(decoding);
    await writeModel(network, task, at, ["ort-node"]);
    const [logits, tokens] = [await logitsOf(network, task), await tokensOf(network, task)];
    // A text of one token would be the same with a cache that is wrong.
    expect(new Set(tokens).size).toBeGreaterThan(3);

    const first = await reader(join(at, "onnx/model.onnx"));
    await first.read(task.prompt);
    expect(held({ outputs: await first.read([task.next]) }, logits)).toEqual({ off: expect.any(Number) });
    const second = await reader(join(at, "onnx/model.onnx"));
    const found: number[] = [];
    for (let fresh = task.prompt; found.length < task.generated; fresh = found.slice(-1)) {
      const scores = await second.read(fresh);
      found.push(scores.indexOf(Math.max(...scores)));
    }
    expect(compared({ tokens: found }, { logits, tokens })).toEqual({});
    await first.session.release();
    await second.session.release();
  },
);

test("the step's arrays go by the names of optimum, keys and values of each layer", async () => {
  const { signature } = new DecoderStep(new Gpt(config));
  const of = (kind: string) => [0, 1].flatMap((i) => [`${kind}.${i}.key`, `${kind}.${i}.value`]);
  expect(signature.inputs.map((x) => x.name)).toEqual(["input_ids", "position_ids", ...of("past_key_values")]);
  expect(signature.outputNames).toEqual(["logits", ...of("present")]);
});

test("the step is of GPT-2's kind of networks alone", () => {
  expect(() => new DecoderStep(new Gpt({ ...config, positions: "rotary" }))).toThrow(/not of GPT-2's kind/);
});

test("PyTorch gets a folder of Hugging Face with our weights", async () => {
  const [decoding] = decodings as [(typeof decodings)[0]];
  const network = await networkOf(decoding);
  const task = taskOf(decoding);
  const at = join(folder, "torch");
  await writeModel(network, task, at, ["torch"]);
  expect(existsSync(join(at, "onnx/model.onnx"))).toBe(false);
  expect(JSON.parse(await readFile(join(at, "task.json"), "utf8"))).toEqual(task);
  expect(await logitsOf(await loadGpt(at), task)).toEqual(await logitsOf(network, task));
});

describe("what peers come to", () => {
  const ours = { logits: [1, -4, 2], tokens: [3, 5] };

  test("is told how far it is off", () => {
    const { off, ms } = compared({ ms: 1, outputs: [1, -4.002, 2] }, ours);
    expect([off, ms]).toEqual([expect.closeTo(5e-4, 8), 1]);
  });

  test.each([
    ["other logits", { ms: 1, outputs: [1, -4.1, 2] }, /off ours by 0\.025 of the largest/],
    ["fewer logits", { ms: 1, outputs: [1, -4] }, /off ours by NaN/],
    ["other tokens", { ms: 1, tokens: [3, 6] }, /goes on with the tokens 3, 6, ours with 3, 5/],
    ["fewer tokens", { ms: 1, tokens: [3] }, /goes on with the tokens 3, ours with 3, 5/],
  ])("has no time with %s", (_, result, message) => {
    const { ms, error } = compared(result, ours);
    expect([ms, error]).toEqual([undefined, expect.stringMatching(message)]);
  });
});

describe("a peer that is not there", () => {
  const errorsOf = async (peer: string, ...names: string[]) => (await timePeer(peer, names)).map(({ error }) => error);

  test("is said to be missing", async () => {
    vi.stubEnv("PEERS_DIR", join(folder, "nowhere"));
    expect(await errorsOf("ort", "gpt-small-token")).toEqual([expect.stringMatching(/^not installed: set PEERS_DIR/)]);
    expect(await errorsOf("transformers-js", "gpt-small-token")).toEqual([expect.stringMatching(/^not installed: set PEERS_DIR/)]);
  });

  test("or does not do the work, is said so", async () => {
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(folder, "peers/node_modules"), { recursive: true });
    vi.stubEnv("PEERS_DIR", join(folder, "peers"));
    expect(await errorsOf("transformers-js", "gpt-small-token")).toEqual([expect.stringMatching(/install .*@huggingface\/transformers/)]);
    await mkdir(join(folder, "peers/node_modules/@huggingface/transformers"), { recursive: true });
    const nobody = "nothing here times it there";
    expect(await errorsOf("transformers-js", "matmul-256", "gpt2-124m-token-int8", "structure-64")).toEqual([nobody, nobody, nobody]);
    expect(await errorsOf("tfjs", "gpt-small-token")).toEqual([nobody]);
  });
});

const peers = process.env.PEERS_DIR;
test.skipIf(!peers || !existsSync(`${peers}/node_modules/@huggingface/transformers`))(
  "onnxruntime-node and transformers.js come to our logits and tokens (skipped where PEERS_DIR has no transformers.js)",
  async () => {
    const [floats, codes] = decodings as [(typeof decodings)[0], (typeof decodings)[0]];
    const timings = await timeTokens("small", floats, ["ort-node", "transformers-js-node"]);
    timings.push(...(await timeTokens("small", codes, ["ort-node", rounding])));
    expect(timings.map(({ peer, error }) => [peer, error])).toEqual(
      ["ort-node", "transformers-js-node", "ort-node", rounding].map((peer) => [peer, undefined]),
    );
    const offs = timings.map(({ off = 0 }) => off > 1e-3);
    expect(offs).toEqual([false, false, false, true]);
    for (const { ms, peak_mb } of timings) expect([ms! > 0, peak_mb! > 10]).toEqual([true, true]);
  },
);
