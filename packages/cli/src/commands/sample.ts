import { beamSearch, type GenerateOptions, generate } from "@gradus/systems/gpt";
import { languageModel } from "../models.ts";
import { refuseGiven } from "../options.ts";
import { line, styled } from "../terminal.ts";

const command = "gradus sample";

export interface SampleOptions {
  /** Default: a new line. */
  readonly prompt?: readonly string[];
  readonly tokens: number;
  readonly seed: number;
  readonly model?: string;
  readonly bits?: 8 | 4;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly stop?: readonly string[];
  readonly beams?: number;
  readonly draft?: string;
  readonly lookahead?: number;
  readonly probabilities?: boolean;
  readonly json?: boolean;
}

/** `gradus sample`: goes on with a text, as it is generated. */
export async function sample(options: SampleOptions): Promise<void> {
  const { tokens, seed, json = false, beams, probabilities = false } = options;
  // New lines are hard to type.
  const [prompts, stop] = [options.prompt ?? ["\n"], options.stop].map((list) => list?.map((text) => text.replaceAll("\\n", "\n"))) as [
    string[],
    string[]?,
  ];
  const byChance = ["temperature", "topK", "topP", "minP", "repetitionPenalty", "stop", "draft", "probabilities"];
  if (beams !== undefined) refuseGiven(command, options, byChance, "for texts drawn by chance, not for --beams", "Leave one of them out");
  if (options.draft === undefined) refuseGiven(command, options, ["lookahead"], "how far --draft guesses ahead", "Give --draft, too");
  const model = await languageModel(command, options.model, { bits: options.bits });
  if (beams !== undefined) {
    for (const prompt of prompts) {
      const found = await beamSearch(model, prompt, { beams, tokens });
      if (json) line(JSON.stringify({ prompt, beams: found.map(({ text, logProbability, score }) => ({ text, logProbability, score })) }));
      else
        for (const { text, logProbability } of found)
          line(`${styled("dim", `${logProbability.toFixed(2)}  `)}${styled("bold", prompt)}${text}\n`);
    }
    return;
  }
  const draft = options.draft === undefined ? undefined : await languageModel(command, options.draft, { bits: options.bits });
  const { temperature = 0.8, topK, topP, minP, repetitionPenalty, lookahead } = options;
  const given = { tokens, seed, temperature, topK, topP, minP, repetitionPenalty, stop, draft, lookahead };
  const settings = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as GenerateOptions;
  const run = generate(model, prompts, { ...settings, alternatives: probabilities ? 3 : 0 });
  const texts = prompts.map(() => "");
  const logs: number[][] = prompts.map(() => []);
  // One text is shown as it comes; several, when they are whole.
  const streams = !json && !probabilities && prompts.length === 1;
  let begun = false;
  const begin = performance.now();
  for (;;) {
    const { value: step, done } = await run.next();
    // Not before: a prompt that is refused is told in a sentence of its own.
    if (streams && !begun) process.stdout.write(styled("bold", prompts[0]!));
    begun = true;
    if (done) {
      const seconds = (performance.now() - begin) / 1000;
      const count = logs.reduce((n, l) => n + l.length, 0);
      if (streams) line();
      else if (!probabilities)
        for (const [row, prompt] of prompts.entries())
          line(
            json
              ? JSON.stringify({ prompt, text: texts[row], ending: step[row], tokens: logs[row]!.length, logProbabilities: logs[row] })
              : `${styled("bold", prompt)}${texts[row]}\n`,
          );
      if (!json) process.stderr.write(styled("dim", `${count} tokens, ${(count / seconds).toFixed(1)} a second\n`));
      return;
    }
    texts[step.row] += step.text;
    logs[step.row]!.push(step.logProbability);
    if (streams) process.stdout.write(step.text);
    if (!probabilities) continue;
    const others = step.alternatives.map((a) => ({ token: a.token, probability: Number(a.probability.toFixed(4)) }));
    const token = model.tokenizer.token(step.id);
    if (json) line(JSON.stringify({ row: step.row, token, logProbability: step.logProbability, alternatives: others }));
    else
      line(
        `${JSON.stringify(token).padEnd(14)} ${others.map((a) => `${JSON.stringify(a.token)} ${(100 * a.probability).toFixed(1)} %`).join("   ")}`,
      );
  }
}
