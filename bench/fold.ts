import { SGD } from "@gradus/nn";
import {
  backboneFape,
  configOf,
  evoformerBlock,
  evoformerBlockParameters,
  framesFromPoints,
  framesOf,
  type Parameters,
  structureModule,
  structureParameters,
  visitParameters,
  type Weights,
} from "@gradus/systems/fold/network";
import { compile, concat, reshape, type Tensor, tensor, type Variable, valueAndGrad, variable } from "@gradus/tensor";
import type { Workload } from "./workloads.ts";

/** Parts of AlphaFold 2 with the sizes of model_1, in Gradus and in PyTorch with the same weights and inputs. */

const config = configOf("model_1");
const { msa, pair, single } = config.channels;

/** A part of the network: what it is given, what it gives as few numbers, and a loss to learn from. */
interface Part {
  readonly detail: string;
  readonly parameters: Parameters;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  output(inputs: Readonly<Record<string, Tensor>>, weights: unknown): Tensor;
  loss(inputs: Readonly<Record<string, Tensor>>, weights: unknown): Tensor;
}

type EvoformerWeights = Weights<ReturnType<typeof evoformerBlockParameters>>;
type StructureWeights = Weights<ReturnType<typeof structureParameters>>;

function evoformer(sequences: number, residues: number): Part {
  const run = ({ m, z }: Readonly<Record<string, Tensor>>, weights: unknown) =>
    evoformerBlock({ m: m!, z: z! }, { msa: null, pair: null }, weights as EvoformerWeights);
  return {
    detail: `AlphaFold 2, an Evoformer block of model_1, ${sequences} sequences, ${residues} residues`,
    parameters: evoformerBlockParameters(msa, pair, config.evoformer),
    inputs: { m: [sequences, residues, msa], z: [residues, residues, pair] },
    output(inputs, weights) {
      const { m, z } = run(inputs, weights);
      return concat([m.mean({ axis: 0 }).flatten(), z.mean({ axis: 0 }).flatten()]);
    },
    loss(inputs, weights) {
      const { m, z } = run(inputs, weights);
      return m.square().mean().add(z.square().mean());
    },
  };
}

function structure(residues: number): Part {
  const run = ({ s, z }: Readonly<Record<string, Tensor>>, weights: unknown) =>
    structureModule(s!, z!, null, weights as StructureWeights, config.structure.layers);
  return {
    detail: `AlphaFold 2, the structure module of model_1, ${residues} residues`,
    parameters: structureParameters(single, pair, config.structure),
    inputs: { s: [residues, single], z: [residues, residues, pair], back: [residues, 3], origin: [residues, 3], beside: [residues, 3] },
    output(inputs, weights) {
      const { backbone, angles } = run(inputs, weights).at(-1)!;
      return concat([backbone.translation.flatten(), angles.flatten()]);
    },
    loss(inputs, weights) {
      const { back, origin, beside } = inputs;
      const target = framesFromPoints(back!, origin!, beside!);
      const frames = run(inputs, weights).map(({ backbone }) => framesOf(backbone));
      return backboneFape(frames, { ...target, translation: target.translation.mul(10) }, origin!.get(":", 0).mul(0).add(1));
    },
  };
}

/** A part by the name of its workload: evoformer-RESIDUESxSEQUENCES or structure-RESIDUES. */
export function partOf(name: string): Part {
  const [, residues, sequences] = /^(?:evoformer|structure)-(\d+)(?:x(\d+))?$/.exec(name)!.map(Number);
  return name.startsWith("evoformer") ? evoformer(sequences!, residues!) : structure(residues!);
}

/** Numbers between ±bound, the same for the same seed. */
function uniform(shape: readonly number[], bound: number, seed: number): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    data[i] = bound * (seed / 2 ** 31 - 1);
  }
  return reshape(tensor(data), shape).realize();
}

/** Inputs and weights, none of them zero as many of the network's are at first. */
export function prepare({ inputs, parameters }: Part) {
  let seed = 0;
  const given = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, uniform(shape, 1, ++seed)]));
  const variables: Variable[] = [];
  const weights = visitParameters(parameters, ({ shape }, path) => {
    const inputs = path.at(-1) === "output_w" ? shape.slice(0, -1).reduce((a, b) => a * b) : shape[0]!;
    const start = uniform(shape, shape.length === 1 ? 0.1 : Math.sqrt(3 / inputs), ++seed);
    // Gains and shifts of normalisations are near 1 and 0.
    const value = variable(path.at(-1) === "scale" ? start.add(1) : start, { name: path.join("/") });
    variables.push(value);
    return value;
  });
  return { given, weights, variables };
}

/** The rate of steps that are compared; small, since squares of outputs are no sensible loss. */
const RATE = 1e-4;

type Prepared = ReturnType<typeof prepare>;

/** The loss and the gradients of all weights, in their order. */
const lossAndGradients = (part: Part, { given, weights, variables }: Prepared) =>
  valueAndGrad(() => part.loss(given, weights), { wrt: variables })() as [Tensor, Tensor[]];

export function stepOf(part: Part, prepared: Prepared): () => Promise<number> {
  const { variables } = prepared;
  const optimizer = new SGD(RATE);
  optimizer.build(variables);
  const step = compile(() => {
    const [loss, gradients] = lossAndGradients(part, prepared);
    optimizer.apply(gradients, variables);
    return loss;
  });
  return () => step().item();
}

/** Gradients by the names of weights, of the first step. */
export async function gradientsOf(part: Part, prepared: Prepared): Promise<Map<string, Float32Array>> {
  const gradients = compile(() => lossAndGradients(part, prepared)[1])();
  const data = await Promise.all(gradients.map(async (gradient) => (await gradient.data()) as Float32Array));
  return new Map(prepared.variables.map(({ name }, i) => [name!, data[i]!]));
}

export const outputOf = (part: Part, { given, weights }: Prepared): (() => Tensor) => compile(() => part.output(given, weights));

/** The workloads: forward, and a step of training that reads back the loss. */
export const foldWorkloads: Readonly<Record<string, Workload>> = Object.fromEntries(
  ["evoformer-128x64", "structure-64"].flatMap((name): [string, Workload][] => [
    [
      name,
      {
        detail: partOf(name).detail,
        prepare: () => {
          const part = partOf(name);
          const run = outputOf(part, prepare(part));
          return () => run().dispose();
        },
      },
    ],
    [
      `${name}-train`,
      {
        detail: `${partOf(name).detail}, forward, backward and a step along the gradient`,
        prepare: () => {
          const part = partOf(name);
          const step = stepOf(part, prepare(part));
          return async () => {
            await step();
          };
        },
      },
    ],
  ]),
);
