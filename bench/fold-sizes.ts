import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { configOf, type Features, FoldNetwork, type ModelWeights, modelParameters, visitParameters } from "@gradus/systems/fold/network";
import { init, memoryReport, reshape, type Tensor, tensor } from "@gradus/tensor";
import { peakMemory } from "./memory.ts";

/** Time and memory of whole passes of AlphaFold 2 by length of the chain, each length in a process of its own. */

const usage = `node bench/fold-sizes.ts [RESIDUES...] [--config model_1] [--sequences N] [--extra N] [--chunk N] [--passes N] [--threads N]
Folds made-up chains (64 128 256 384 residues) with weights of a formula, and prints seconds a pass and the most memory.
--sequences, --extra: those the network is given; default: as many as the configuration allows
--chunk: rows at a time; default: all`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: "string", default: "model_1" },
    sequences: { type: "string" },
    extra: { type: "string" },
    chunk: { type: "string" },
    passes: { type: "string", default: "2" },
    threads: { type: "string" },
    child: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

let seed = 1;
/** Numbers from -bound to bound. */
function uniform(shape: readonly number[], bound: number): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    data[i] = bound * (seed / 2 ** 31 - 1);
  }
  return reshape(tensor(data), shape).realize();
}
const integers = (shape: readonly number[], count: number): Tensor =>
  uniform(shape, count / 2)
    .add(count / 2)
    .floor()
    .minimum(count - 1)
    .astype("int32")
    .realize();

async function measure(residues: number): Promise<Record<string, number>> {
  await init({ device: "wasm", ...(values.threads ? { threads: Number(values.threads) } : {}) });
  const config = configOf(values.config);
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
  const seconds: number[] = [];
  let start = performance.now();
  for await (const { plddt } of network.fold(() => features, { recycles: Number(values.passes) - 1, ...chunk })) {
    if (!plddt.every(Number.isFinite)) throw new Error("the network gives numbers that are not finite");
    seconds.push((performance.now() - start) / 1000);
    start = performance.now();
  }
  const { arenas, reserved } = memoryReport();
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
  return {
    residues,
    first: seconds[0]!,
    ...(seconds.length > 1 ? { pass: Math.min(...seconds.slice(1)) } : {}),
    ...{ peak: peakMemory(), reserved: mib(reserved), intermediates: mib(arenas) },
  };
}

if (values.help) console.log(usage);
else if (values.child) {
  console.log(JSON.stringify(await measure(Number(positionals[0]))));
  process.exit(0);
} else {
  console.log("residues  first pass, s  a pass, s  resident at most, MiB  of the engine, MiB  intermediates, MiB");
  for (const residues of positionals.length ? positionals.map(Number) : [64, 128, 256, 384]) {
    const given = Object.entries(values).flatMap(([name, value]) => (typeof value === "string" ? [`--${name}`, value] : []));
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), String(residues), "--child", ...given]);
    const found = JSON.parse(stdout) as Record<string, number>;
    const cell = (value: number | undefined, width: number): string => (value === undefined ? "" : value.toPrecision(4)).padStart(width);
    console.log(
      [
        String(residues).padStart(8),
        cell(found["first"], 13),
        cell(found["pass"], 9),
        cell(found["peak"], 21),
        cell(found["reserved"], 18),
        cell(found["intermediates"], 18),
      ].join("  "),
    );
  }
}
