// Makes the files of lesson 14 out of the nouns of Princeton WordNet, and trains the encoder that the lesson starts from:
//   node course/14-transfer/make.ts FOLDER/OF/WORDNET [epochs] [folder for what is unfinished]
// FOLDER/OF/WORDNET holds data.noun (Debian's package wordnet-base puts it into /usr/share/wordnet). Stopped, it goes on after
// the last epoch that it had finished. What it makes, and under which licence, is in README.md.
import { execSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Random } from "@gradus/data";
import {
  AdamW,
  Add,
  Dense,
  Dropout,
  Embedding,
  Input,
  Lambda,
  LayerNormalization,
  Model,
  MultiHeadAttention,
  PositionEmbedding,
  type SymbolicTensor,
  schedules,
  setRandomSeed,
} from "@gradus/nn";
import { array, loadSafetensorsFile, oneHot, saveSafetensors, type Tensor } from "@gradus/tensor";

const [wordnet = "/usr/share/wordnet", epochsWanted = "16", unfinished = join(tmpdir(), "gradus-lesson-14")] = process.argv.slice(2);
const files = fileURLToPath(new URL("files/", import.meta.url));
const epochs = Number(epochsWanted);
const [places, width, heads, masked, batchSize] = [20, 64, 4, 3, 64];
const vocabularySize = 4000;
const newField = "plant";
mkdirSync(files, { recursive: true });
mkdirSync(unfinished, { recursive: true });

// The definitions: without their examples, between 6 and 20 words, at most two of which are rare, none twice.
const fields =
  "Tops act animal artifact attribute body cognition communication event feeling food group location motive object person phenomenon plant possession process quantity relation shape state substance time".split(
    " ",
  );
interface Definition {
  readonly field: string;
  readonly word: string;
  readonly text: string;
  readonly words: readonly string[];
}
const all: Definition[] = [];
for (const line of readFileSync(join(wordnet, "data.noun"), "utf8").split("\n")) {
  const [head, gloss] = line.split(" | ");
  if (!/^\d/.test(line) || !head || !gloss) continue;
  const [, fileNumber, , , word] = head.split(" ");
  const text = gloss.replace(/;?\s*"[\s\S]*$/, "").trim();
  all.push({
    field: fields[Number(fileNumber) - 3]!,
    word: word!.replaceAll("_", " "),
    text,
    words: text.toLowerCase().match(/[a-z]+/g) ?? [],
  });
}
const counts = new Map<string, number>();
for (const { words } of all) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
const frequent = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([word]) => word);
const vocabulary = ["[PAD]", "[UNK]", "[MASK]", ...frequent.slice(0, vocabularySize - 3)];
const idOf = new Map(vocabulary.map((word, i) => [word, i]));

const known = new Set<string>();
const kept = all.filter(({ words }) => {
  const key = words.join(" ");
  const rare = words.filter((word) => !idOf.has(word)).length;
  if (words.length < 6 || words.length > places || rare > 2 || known.has(key)) return false;
  known.add(key);
  return true;
});
new Random(14).shuffle(kept);
const plants = kept.filter((d) => d.field === newField).slice(0, 4000);
const others = kept.filter((d) => d.field !== newField);
const [heldOut, training] = [others.slice(0, 6000), others.slice(6000)];
const shipped = new Random(15).shuffle([...heldOut, ...plants]);
writeFileSync(join(files, "vocabulary.txt"), `${vocabulary.join("\n")}\n`);
writeFileSync(
  join(files, "definitions.tsv"),
  `field\tword\tdefinition\n${shipped.map((d) => `${d.field}\t${d.word}\t${d.text}`).join("\n")}\n`,
);
console.log(`${training.length} definitions to train with, ${heldOut.length} held out, ${plants.length} of plants`);

// The network: as in the lesson.
function block(x: SymbolicTensor, k: number): SymbolicTensor {
  const a = new LayerNormalization({ name: `norm_a${k}` })(x);
  const found = new MultiHeadAttention(heads, width / heads, { name: `attention_${k}` })(a, a);
  const y = new Add()([x, new Dropout(0.1)(found)]);
  const b = new LayerNormalization({ name: `norm_b${k}` })(y);
  const wide = new Dense(4 * width, { activation: "relu", name: `wide_${k}` })(b);
  return new Add()([y, new Dropout(0.1)(new Dense(width, { name: `narrow_${k}` })(wide))]);
}
setRandomSeed(1);
const ids = Input({ shape: [places], dtype: "int32", name: "ids" });
const where = Input({ shape: [null], dtype: "int32", name: "where" });
const embedded = new Embedding(vocabulary.length, width, { maskZero: true, name: "words" })(ids);
let x = new Add()([embedded, new PositionEmbedding(places, { name: "places" })(embedded)]);
for (let k = 1; k <= 2; k++) x = block(x, k);
const encoder = new Model({ inputs: ids, outputs: new LayerNormalization({ name: "norm" })(x), name: "encoder" });
const pick = new Lambda<readonly Tensor[]>(([vectors, at]) => oneHot(at!, places).matmul(vectors!));
const scores = new Dense(vocabulary.length, { activation: "softmax", name: "scores" })(pick([encoder.output as SymbolicTensor, where]));
const model = new Model({ inputs: [ids, where], outputs: scores });

function masks(definitions: readonly Definition[], seed: number) {
  const random = new Random(seed);
  const n = definitions.length;
  const [hidden, at, truth] = [new Int32Array(n * places), new Int32Array(n * masked), new Int32Array(n * masked)];
  definitions.forEach(({ words }, i) => {
    words.forEach((word, j) => {
      hidden[i * places + j] = idOf.get(word) ?? 1;
    });
    const candidates = random.shuffle(words.map((_, j) => j).filter((j) => hidden[i * places + j]! > 2));
    for (let m = 0; m < masked; m++) {
      const j = candidates[m]!;
      at[i * masked + m] = j;
      truth[i * masked + m] = hidden[i * places + j]!;
    }
    for (let m = 0; m < masked; m++) if (random.chance(0.9)) hidden[i * places + candidates[m]!] = 2;
  });
  const rows = (values: Int32Array) => array(values).reshape([n, values.length / n]);
  return { x: [rows(hidden), rows(at)] as const, y: rows(truth) };
}

// One pass after another, each with masks of its own.
const stepsOfEpoch = Math.ceil(training.length / batchSize);
const warmup = Math.round(stepsOfEpoch / 2);
model.compile({
  optimizer: new AdamW({
    learningRate: new schedules.CosineDecay(0, epochs * stepsOfEpoch - warmup, { warmupTarget: 0.003, warmupSteps: warmup, alpha: 0.01 }),
    weightDecay: 0.01,
  }),
  loss: "sparse_categorical_crossentropy",
});
const statePath = (epoch: number) => join(unfinished, `epoch-${epoch}.json`);
let epoch = 0;
for (let e = epochs; e > 0 && !epoch; e--) if (existsSync(statePath(e))) epoch = e;
const begun = epoch;
let seconds = 0;
const log: { epoch: number; loss: number; heldOut: number; seconds: number }[] = [];
if (epoch) {
  const state = JSON.parse(readFileSync(statePath(epoch), "utf8")) as { log: typeof log; seconds: number };
  log.push(...state.log);
  seconds = state.seconds;
}
const checkpoint = (e: number) => join(unfinished, `epoch-${e}.safetensors`);
const test = masks(heldOut.slice(0, 2000), 0);
if (begun) {
  const { tensors } = await loadSafetensorsFile(checkpoint(begun));
  await model.trainOnBatch([test.x[0].get(":1"), test.x[1].get(":1")], test.y.get(":1")); // makes the optimizer's state
  for (const [i, v] of [...model.weights, ...model.trainingState()].entries()) v.assign(tensors[`${i}`]!.astype(v.dtype));
}
for (epoch++; epoch <= epochs; epoch++) {
  const begin = performance.now();
  const { x, y } = masks(training, epoch);
  const { history } = await model.fit(x, y, { epochs: 1, batchSize, verbose: 0 });
  const { loss: heldOutLoss } = await model.evaluate(test.x, test.y, { batchSize: 256, verbose: 0 });
  seconds += (performance.now() - begin) / 1000;
  log.push({ epoch, loss: history["loss"]![0]!, heldOut: heldOutLoss!, seconds: Math.round(seconds) });
  console.log(JSON.stringify(log.at(-1)), `perplexity ${Math.exp(heldOutLoss!).toFixed(1)}`);
  const state = [...model.weights, ...model.trainingState()];
  await saveSafetensors(checkpoint(epoch), Object.fromEntries(state.map((v, i) => [`${i}`, v as Tensor])));
  writeFileSync(statePath(epoch), JSON.stringify({ log, seconds }));
}

// The weights, in half precision, under the names by which a model of the same layers loads them.
await model.saveWeights(join(unfinished, "weights.safetensors"));
const { tensors } = await loadSafetensorsFile(join(unfinished, "weights.safetensors"));
const halves = Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, t.astype("float16")]));
const record = {
  what: "An encoder of definitions (WordNet 3.0, without plants), trained to guess masked words, for lesson 14 of Gradus",
  command: "node course/14-transfer/make.ts /usr/share/wordnet",
  commit: execSync("git rev-parse HEAD", { encoding: "utf8" }).trim(),
  definitions: String(training.length),
  epochs: String(epochs),
  seconds: String(Math.round(seconds)),
  loss: log.at(-1)!.loss.toFixed(4),
  heldOutLoss: log.at(-1)!.heldOut.toFixed(4),
  date: new Date().toISOString().slice(0, 10),
  licence: "Trained on WordNet 3.0, Copyright 2006 by Princeton University; see WORDNET-LICENSE.txt",
};
await saveSafetensors(join(files, "encoder.safetensors"), halves, record);
writeFileSync(fileURLToPath(new URL("record.json", import.meta.url)), `${JSON.stringify({ ...record, log }, null, 2)}\n`);
