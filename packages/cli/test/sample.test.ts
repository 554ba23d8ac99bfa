import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configOf, Gpt, saveLanguageModel } from "@gradus/systems/gpt";
import { CharacterTokenizer } from "@gradus/systems/gpt/tokenizers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gradus, jsonLines } from "./gradus.ts";

interface Said {
  readonly prompt: string;
  readonly text: string;
  readonly tokens: number;
  readonly logProbabilities: readonly number[];
}

describe("gradus sample, with the model that comes with Gradus", () => {
  const ask = (...args: string[]) => gradus("sample", "--tokens", "30", ...args);

  test("goes on with a prompt, the same for the same seed", () => {
    const [a, b, c] = [ask("--prompt", "ROMEO:\\n"), ask("--prompt", "ROMEO:\\n"), ask("--prompt", "ROMEO:\\n", "--seed", "5")];
    expect(a.stdout.startsWith("ROMEO:\n")).toBe(true);
    expect(a.stdout.length).toBe("ROMEO:\n".length + 30 + 1);
    expect(b.stdout).toBe(a.stdout);
    expect(c.stdout).not.toBe(a.stdout);
  });

  test("tells texts of several prompts as JSON, with log-probabilities, and ends before a stop string", () => {
    const { stdout } = ask("--prompt", "ROMEO:", "--prompt", "JULIET:", "--stop", "\\n", "--json", "--temperature", "0");
    const found: Said[] = jsonLines(stdout);
    expect(found.map((f) => f.prompt)).toEqual(["ROMEO:", "JULIET:"]);
    for (const f of found) {
      expect(f.text).not.toContain("\n");
      expect(f.logProbabilities.every((x) => x <= 0)).toBe(true);
      expect(f.logProbabilities).toHaveLength(f.tokens);
    }
  });

  test("shows how likely tokens were, and the likeliest texts by beam search", () => {
    const lines = ask("--prompt", "The ", "--probabilities").stdout.trim().split("\n");
    expect(lines).toHaveLength(30);
    for (const l of lines) expect(l).toMatch(/^".*" +".*" [\d.]+ %/);
    const { stdout } = ask("--prompt", "The ", "--beams", "3", "--json");
    const { beams } = JSON.parse(stdout) as { beams: { text: string; score: number }[] };
    expect(beams).toHaveLength(3);
    expect(beams[0]!.score).toBeGreaterThanOrEqual(beams[2]!.score);
  });

  test.each([
    [["--prompt", "é"], /é/],
    [["--prompt", "x".repeat(500)], /500 tokens/],
    [["--model", "nowhere"], /no folder nowhere/],
    [["--temperature", "hot"], /number from 0/],
    [["--top-p", "2"], /topP is 2/],
    [["--beams", "3", "--stop", "x"], /--stop is for texts drawn by chance, not for --beams/],
    [["--beams", "3", "--temperature", "0.5"], /--temperature is for texts drawn by chance, not for --beams/],
    [["--lookahead", "3"], /--lookahead is how far --draft guesses ahead\. Give --draft, too/],
    [["--bits", "4"], /--bits is 4, and the model's weights have 8 bits already/],
  ])("%j fails with a sentence", (args, said) => {
    const { status, stdout, stderr } = ask(...args);
    expect(status).toBeGreaterThan(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(said);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

describe("gradus quantize", () => {
  const folder = mkdtempSync(join(tmpdir(), "gradus-cli-quantize-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const [whole, few] = ["whole", "few"].map((name) => join(folder, name)) as [string, string];
  beforeAll(async () => {
    mkdirSync(whole);
    const sizes = { vocabulary: 3, context: 16, layers: 1, heads: 1, keyValueHeads: 1, headWidth: 32, width: 32, hidden: 64 };
    const network = new Gpt(configOf("small", sizes));
    await saveLanguageModel(whole, { network, tokenizer: CharacterTokenizer.from("abc"), endings: [] }, { steps: 7 });
  });

  test.each(["8", "4"])("leaves a smaller model with its record, which samples, and refuses it the next time: %s bits", (bits) => {
    const out = few + bits;
    expect(gradus("quantize", whole, "--bits", bits, "--out", out).status).toBe(0);
    const size = (at: string): number => statSync(join(at, "weights.safetensors")).size;
    expect(size(out)).toBeLessThan(0.6 * size(whole));
    const description = JSON.parse(readFileSync(join(out, "model.json"), "utf8")) as object;
    expect(description).toMatchObject({ bits: Number(bits), training: { steps: 7 } });
    expect(gradus("sample", "--model", out, "--prompt", "a", "--tokens", "5").stdout).toMatch(/^a[abc]{5}\n$/);
    const again = gradus("quantize", out, "--bits", "8", "--out", join(folder, "again"));
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch(new RegExp(`^gradus quantize: .* have ${bits} bits already`));
    expect(existsSync(join(folder, "again"))).toBe(false);
  });
});
