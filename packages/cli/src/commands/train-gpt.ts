import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import {
  complete,
  configOf,
  countWeights,
  finetune,
  finetuneRecipe,
  type Gpt,
  type GptConfig,
  mergeAdapters,
  type Recipe,
  recipeOf,
  saveAdapters,
  saveLanguageModel,
  splitText,
  type TokenSplit,
  type Trained,
  type TrainingUpdate,
  train,
} from "@gradus/systems/gpt";
import { CharacterTokenizer, type Tokenizer, trainBPE } from "@gradus/systems/gpt/tokenizers";
import { ArgumentError } from "@gradus/tensor";
import { languageModel } from "../models.ts";
import { gptReport } from "../reports/gpt.ts";
import { beginRun, Pace, trainingErrors, writeText } from "../run.ts";
import { bar, indented, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus train gpt";

export interface TrainGptOptions {
  readonly data: string;
  readonly config?: string;
  readonly tokenizer?: string;
  readonly context?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly width?: number;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly accumulate?: number;
  readonly rate?: number;
  readonly dropout?: number;
  readonly evaluate?: number;
  /** A folder with a model to train further. */
  readonly from?: string;
  readonly lora?: number;
  readonly seed: number;
  readonly out?: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

/** What is trained: on which tokens, how, and how it begins. */
interface Job {
  readonly name: string;
  readonly config: GptConfig;
  readonly tokenizer: Tokenizer;
  readonly beginnings?: readonly number[];
  readonly endings: readonly number[];
  readonly tokens: TokenSplit;
  readonly recipe: Recipe;
  /** What the run's numbers depend on besides recipe and seed. */
  readonly settings: object;
  start(options: RunOptions): AsyncGenerator<TrainingUpdate, Trained>;
}

type RunOptions = Parameters<typeof train>[2];

/** `gradus train gpt`: trains or fine-tunes, can be stopped and goes on, and leaves a model and a report. */
export async function trainGpt(options: TrainGptOptions): Promise<void> {
  const { seed, json = false, lora, context } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  const text = await readText(options.data);
  const job = await (options.from === undefined ? newNetwork : knownNetwork)(options, text);
  const { name, config, tokenizer, beginnings = [], endings, tokens, recipe } = job;
  const folder = options.out ?? join("runs", name);
  if (options.from !== undefined && resolve(folder) === resolve(options.from))
    throw new ArgumentError(command, "--out is the folder of the model that is trained further", "Give another one");
  const data = createHash("sha256").update(text).digest("hex");
  const settings = { system: "gpt", ...job.settings, ...recipe, seed, data };
  const { checkpoint, resumed, end } = await beginRun(command, folder, settings, options.fresh);

  const perStep = recipe.batchSize * recipe.accumulate * (context ?? config.context);
  say(
    `${styled("bold", name)}, ${countWeights(config).toLocaleString("en")} weights, ${config.vocabulary} tokens known; ` +
      `${tokens.train.length.toLocaleString("en")} tokens to train with, ${tokens.validation.length.toLocaleString("en")} to validate; ` +
      `${recipe.steps} steps of ${perStep.toLocaleString("en")} tokens`,
  );
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);

  const best = join(folder, "best.safetensors");
  // A new line, or whatever the text has, to begin with.
  const first = text.includes("\n") ? "\n" : String.fromCodePoint(text.codePointAt(0)!);
  const sample = async (network: Gpt) =>
    first + (await complete({ network, tokenizer, beginnings, endings }, first, { tokens: 200, temperature: 0.8 }));
  const run = job.start({ ...recipe, seed, checkpoint, best, sample, ...(context ? { context } : {}) });
  const progress = bar("{bar} {percentage}% | {rate} tokens/s | loss {loss} | {left} left", json);
  const pace = new Pace();
  for (;;) {
    const { value: update, done } = await trainingErrors(command, () => run.next());
    if (done) {
      progress.stop();
      const { network, history, final } = update;
      const seconds = Math.round(update.seconds);
      if (lora !== undefined) {
        await saveAdapters(network, join(folder, "adapters.safetensors"));
        mergeAdapters(network);
      }
      const record = {
        ...{
          command: `gradus ${process.argv.slice(2).join(" ")}`,
          name,
          ...recipe,
          seed,
          ...(lora === undefined ? {} : { lora }),
          ...(context ? { context } : {}),
        },
        ...{ data: options.data, trainingTokens: tokens.train.length, validationTokens: tokens.validation.length, seconds, resumed },
        ...{ step: final.step, loss: final.loss, validationLoss: final.validationLoss, history },
      };
      await saveLanguageModel(folder, { network, tokenizer, beginnings, endings }, record);
      await writeText(join(folder, "report.html"), gptReport(record, config));
      await end(() => rm(best, { force: true }));
      tell({ event: "end", step: final.step, loss: final.loss, validationLoss: final.validationLoss, seconds, folder });
      say(`\nValidation loss ${final.validationLoss.toFixed(4)} nats a token at step ${final.step}, whose weights are kept.`);
      say(`${join(folder, "report.html")} shows how it went; weights.safetensors and model.json are the model.`);
      return;
    }
    const now = pace.at(update.step, update.steps);
    const rate = Math.round(now.rate * perStep);
    const left = now.left === null ? "?" : timeLeft(now.left);
    if (update.kind === "progress") {
      progress.update(update.step, update.steps, { rate, loss: update.loss.toFixed(3), left });
      continue;
    }
    const { kind: _, steps, step, loss, validationLoss, ...more } = update;
    tell({ event: "evaluation", step, steps, loss, validationLoss, ...more, tokensPerSecond: rate });
    progress.above(() => {
      const where = `${String(step).padStart(String(steps).length)}/${steps}`;
      say(
        `step ${where}  loss ${loss.toFixed(3)}  validation ${validationLoss.toFixed(4)}  ${rate} tokens/s${step < steps ? `  ${left} left` : ""}`,
      );
      say(styled("dim", indented(more.sample!.trim())));
    });
  }
}

async function readText(path: string): Promise<string> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile()) throw new ArgumentError(command, `there is no file ${path}`, "Give a text file in UTF-8");
  // Node.js has no longer strings.
  if (stats.size > 5e8) throw new ArgumentError(command, `${path} has ${Math.round(stats.size / 1e6)} MB`, "Give a text of at most 500 MB");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch {
    throw new ArgumentError(command, `${path} is not text in UTF-8`, "Give a plain text file");
  }
  if (!text) throw new ArgumentError(command, `${path} is empty`, "Give a file with some text");
  return text;
}

/** The numbers of a recipe, with those that were given in their place. */
function recipeWith(options: TrainGptOptions, recipe: Recipe): Recipe {
  const { steps, batchSize, accumulate, rate, dropout, evaluate: evaluateEvery } = options;
  const given = Object.entries({ steps, batchSize, accumulate, rate, dropout, evaluateEvery }).filter(([, value]) => value !== undefined);
  return { ...recipe, ...(Object.fromEntries(given) as Partial<Recipe>) };
}

async function newNetwork(options: TrainGptOptions, text: string): Promise<Job> {
  if (options.lora !== undefined) throw new ArgumentError(command, "--lora changes a network that there is", "Say which: --from FOLDER");
  const { config: name = "small", tokenizer: kind = "characters" } = options;
  const sized = sizedConfig(options, name);
  const tokenizer = tokenizerOf(kind, text);
  const config = { ...sized, vocabulary: tokenizer.size };
  const recipe = recipeWith(options, recipeOf(name, config));
  const tokens = splitText(text, tokenizer, config.context);
  const start = (run: RunOptions) => train(tokens, config, run);
  return { name, config, tokenizer, endings: [], tokens, recipe, settings: { name, config, tokenizer: kind }, start };
}

async function knownNetwork(options: TrainGptOptions, text: string): Promise<Job> {
  const { from, lora, seed } = options;
  for (const option of ["config", "tokenizer", "layers", "heads", "width"] as const)
    if (options[option] !== undefined)
      throw new ArgumentError(command, `--${option} and --from exclude each other`, "The model that is trained further has its own");
  const { network, tokenizer, beginnings = [], endings } = await languageModel(command, from!, { dropout: options.dropout ?? 0, seed });
  if (network.tokens.bits !== 32)
    throw new ArgumentError(
      command,
      `the weights in ${from} have ${network.tokens.bits} bits, which cannot be trained`,
      "Give the model of 32",
    );
  const { context: most } = network.config;
  if (options.context !== undefined && options.context > most)
    throw new ArgumentError(command, `--context is ${options.context}, and the model sees ${most} tokens at once`, `Give at most ${most}`);
  const recipe = recipeWith(options, { ...finetuneRecipe(network, lora !== undefined), dropout: 0 });
  const tokens = splitText(text, tokenizer, options.context ?? most);
  const start = (run: RunOptions) => finetune(network, tokens, { ...run, ...(lora === undefined ? {} : { adapters: { rank: lora } }) });
  const settings = { from: await digest(await modelFiles(from!)), lora, context: options.context };
  const name = `${basename(resolve(from!))}-tuned`;
  return { name, config: network.config, tokenizer, beginnings, endings, tokens, recipe, settings, start };
}

/** A configuration by name, of the sizes given. */
function sizedConfig({ context, layers, heads, width }: TrainGptOptions, name: string): GptConfig {
  const named = configOf(name);
  const sizes = {
    context: context ?? named.context,
    layers: layers ?? named.layers,
    heads: heads ?? named.heads,
    width: width ?? named.width,
  };
  if (heads === undefined && width === undefined) return configOf(name, sizes);
  if (sizes.width % sizes.heads)
    throw new ArgumentError(command, `${sizes.heads} heads do not divide a width of ${sizes.width}`, "Give a multiple");
  // Heads share keys and values in groups of one size: about as many as in the network named.
  const shared = (named.keyValueHeads * sizes.heads) / named.heads;
  const divisors = Array.from({ length: sizes.heads }, (_, i) => i + 1).filter((n) => sizes.heads % n === 0);
  const keyValueHeads = divisors.reduce((best, n) => (Math.abs(n - shared) < Math.abs(best - shared) ? n : best));
  const hidden = Math.round((named.hidden * sizes.width) / named.width);
  return configOf(name, { ...sizes, keyValueHeads, headWidth: sizes.width / sizes.heads, hidden });
}

function tokenizerOf(kind: string, text: string): Tokenizer {
  if (kind === "characters") return CharacterTokenizer.from(text);
  const [, size] = /^bpe:(\d+)$/.exec(kind) ?? [];
  if (size === undefined) throw new ArgumentError(command, `there is no tokenizer ${kind}`, "Use characters, or bpe:SIZE such as bpe:1024");
  // From what the network is trained with alone.
  return trainBPE(text.slice(0, Math.floor(0.9 * text.length)), { size: Number(size) });
}

/** What a model's folder says and holds, ours or one of Hugging Face. */
async function modelFiles(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /\.(json|safetensors)$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

async function digest(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
