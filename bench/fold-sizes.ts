import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  configOf,
  configs,
  estimate,
  type Features,
  FoldNetwork,
  type ModelWeights,
  modelParameters,
  visitParameters,
} from "@gradus/systems/fold/network";
import { GradusError, init, memoryReport, type Tensor, tensor } from "@gradus/tensor";
import { toTensor } from "@gradus/tensor/io";
import { peakMemory } from "./memory.ts";

/** Time and memory of whole passes of AlphaFold 2 by length of the chain, each length in a process of its own. */

const usage = `node bench/fold-sizes.ts [RESIDUES...] [--config model_1] [--sequences N] [--extra N] [--chunk N] [--blocks N] [--passes N] [--threads N]
Folds made-up chains (64 128 256 384 residues) with weights of a formula, and prints seconds a pass, on the clock and of all threads together
(which other work on the machine hardly changes), and the most memory, with what was estimated.
--sequences, --extra: those the network is given, templates among the first; default: as many as the configuration allows
--chunk: rows at a time; default: all, which for 384 residues and all sequences is more than the engine can hold
--blocks: of the Evoformer, in place of all 48; memory stays the same but for their weights, time grows with them
--passes: default 2; the first makes the programs, "a pass" is the fastest of the others`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: "string", default: "model_1" },
    sequences: { type: "string" },
    extra: { type: "string" },
    chunk: { type: "string" },
    blocks: { type: "string" },
    passes: { type: "string", default: "2" },
    threads: { type: "string" },
    child: { type: "boolean", default: false },
    tell: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function fail(problem: string): never {
  console.error(`fold-sizes: ${problem}\n${usage}`);
  process.exit(2);
}
const given: [string, string][] = [
  ...positionals.map((text): [string, string] => ["RESIDUES", text]),
  ...(["sequences", "extra", "chunk", "blocks", "passes", "threads"] as const).flatMap((name): [string, string][] =>
    values[name] === undefined ? [] : [[`--${name}`, values[name]]],
  ),
];
for (const [name, text] of given) if (!/^[1-9]\d*$/.test(text)) fail(`${name} is ${text}, not a whole number from 1 on`);
if (!Object.hasOwn(configs, values.config)) fail(`there is no network ${values.config}, but ${Object.keys(configs).join(", ")}`);

let seed = 1;
/** Numbers from -bound to bound. */
function uniform(shape: readonly number[], bound: number): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    data[i] = bound * (seed / 2 ** 31 - 1);
  }
  // No second copy, which the engine would have reserved memory for.
  return toTensor({ dtype: "float32", shape, data });
}
const integers = (shape: readonly number[], count: number): Tensor =>
  uniform(shape, count / 2)
    .add(count / 2)
    .floor()
    .minimum(count - 1)
    .astype("int32")
    .realize();

type Measured = Readonly<Record<string, number>>;

async function measure(residues: number): Promise<Measured> {
  await init({ device: "wasm", ...(values.threads ? { threads: Number(values.threads) } : {}) });
  const full = configOf(values.config);
  const config = { ...full, evoformer: { ...full.evoformer, blocks: Number(values.blocks ?? full.evoformer.blocks) } };
  const templates = config.most.templates;
  const sequences = Number(values.sequences ?? config.most.clusters) - templates;
  const extra = Number(values.extra ?? config.most.extraSequences);
  const weights = visitParameters(modelParameters(config), ({ shape }, path) => {
    const inputs = path.at(-1) === "output_w" ? shape.slice(0, -1).reduce((a, b) => a * b) : shape[0]!;
    if (path.at(-1) === "scale") return uniform(shape, 0.1).add(1).realize();
    return uniform(shape, shape.length === 1 ? 0.1 : Math.sqrt(3 / inputs));
  }) as ModelWeights;
  const features: Features = {
    aatype: integers([residues], 20),
    residueIndex: tensor(Int32Array.from({ length: residues }, (_, i) => i)),
    seqMask: null,
    targetFeat: uniform([residues, 22], 1),
    msaFeat: uniform([sequences, residues, 49], 1),
    msaMask: null,
    extraMsa: integers([extra, residues], 23),
    extraHasDeletion: uniform([extra, residues], 1),
    extraDeletionValue: uniform([extra, residues], 1),
    extraMsaMask: null,
    templates: templates
      ? {
          aatype: integers([templates, residues], 20),
          positions: uniform([templates, residues, 37, 3], 30),
          atomMask: uniform([templates, residues, 37], 0).add(1).realize(),
          mask: uniform([templates], 0).add(1).realize(),
        }
      : null,
  };
  const network = new FoldNetwork(config, weights);
  const chunk = values.chunk === undefined ? {} : { chunk: Number(values.chunk) };
  const task = { residues, sequences, extraSequences: extra, templates };
  const { bytes, operations } = estimate(config, task, chunk.chunk);
  const passes = Number(values.passes);
  const [seconds, cpuSeconds]: [number[], number[]] = [[], []];
  const progress = (block: number, blocks: number): void =>
    tell(`${residues} residues: pass ${seconds.length + 1} of ${passes}, block ${block} of ${blocks}`);
  tell(`${residues} residues: making programs`);
  let [start, cpuStart] = [performance.now(), process.cpuUsage()];
  for await (const { plddt } of network.fold(() => features, { recycles: passes - 1, progress, ...chunk })) {
    if (!plddt.every(Number.isFinite)) throw new Error("the network gives numbers that are not finite");
    const { user, system } = process.cpuUsage(cpuStart);
    seconds.push((performance.now() - start) / 1000);
    cpuSeconds.push((user + system) / 1e6);
    [start, cpuStart] = [performance.now(), process.cpuUsage()];
  }
  const { arenas, reserved } = memoryReport();
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
  return {
    residues,
    first: seconds[0]!,
    ...(seconds.length > 1 ? { pass: Math.min(...seconds.slice(1)) } : {}),
    cpu: Math.min(...cpuSeconds),
    ...{ peak: peakMemory(), reserved: mib(reserved), intermediates: mib(arenas), estimated: mib(bytes) },
    rate: operations / Math.min(...seconds) / 1e9,
  };
}

/** A line that the next one takes the place of; files and pipes get none. */
function tell(text: string): void {
  if (values.tell || process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
}

/** A length in a process of its own: memory that was reserved is not given back. */
async function inProcess(residues: number): Promise<Measured | { readonly problem: string }> {
  const given = Object.entries(values).flatMap(([name, value]) => (typeof value === "string" ? [`--${name}`, value] : []));
  const args = [fileURLToPath(import.meta.url), String(residues), "--child", ...given, ...(process.stderr.isTTY ? ["--tell"] : [])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (part) => (text += part));
  const status = await new Promise((resolve) => child.once("close", resolve));
  tell("");
  if (status !== 0) throw new Error(`the process for ${residues} residues ended with ${status}`);
  return JSON.parse(text) as Measured | { readonly problem: string };
}

const columns = [
  ["residues", "residues"],
  ["first", "first pass, s"],
  ["pass", "a pass, s"],
  ["cpu", "of all threads, s"],
  ["rate", "GFLOP/s"],
  ["peak", "resident at most, MiB"],
  ["reserved", "of the engine, MiB"],
  ["intermediates", "intermediates, MiB"],
  ["estimated", "estimated, MiB"],
] as const;

if (values.help) console.log(usage);
else if (values.child) {
  const found = await measure(Number(positionals[0])).catch((error) => {
    if (error instanceof GradusError) return { problem: error.problem };
    throw error;
  });
  console.log(JSON.stringify(found));
  process.exit(0);
} else {
  console.log(columns.map(([, title]) => title).join("  "));
  for (const residues of positionals.length ? positionals.map(Number) : [64, 128, 256, 384]) {
    const found = await inProcess(residues);
    if ("problem" in found) {
      console.log(`${residues} residues: ${found.problem}`);
      continue;
    }
    const cell = (value: number | undefined, width: number): string =>
      (value === undefined ? "" : value < 1000 ? String(Number(value.toPrecision(3))) : value.toFixed(0)).padStart(width);
    console.log(columns.map(([key, title]) => cell(found[key], title.length)).join("  "));
  }
}
