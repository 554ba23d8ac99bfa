import { existsSync, readFileSync } from "node:fs";
import type { Layer } from "@gradus/nn";
import { Tensor } from "@gradus/tensor";
import { type ArrayData, readNpz, toTensor } from "@gradus/tensor/io";
import type { AutoencoderConfig, ClipTextConfig, UNetConfig } from "../index.ts";
import { parametersOf, setParameter } from "../parameters.ts";

/** Numbers of other implementations, made outside of this repository: its README.md says how. */
const folder = new URL("../../../../../shared/fixtures/diffusion/", import.meta.url).pathname;
export const missing = !existsSync(folder);
export const why = "(skipped where shared/fixtures/diffusion is missing)";

export const namesFile = `${folder}NAMES.csv`;

export interface Fixture {
  // biome-ignore lint/suspicious/noExplicitAny: JSON of another program, which tests read field by field
  readonly config: any;
  readonly arrays: ReadonlyMap<string, ArrayData>;
  /** An array as it lies there: pictures are [B, C, H, W]. */
  get(name: string): Tensor;
  /** A picture as we have it, [B, H, W, C]. */
  image(name: string): Tensor;
  /** Arrays whose names begin with `param/` and a prefix, without both. */
  parameters(prefix?: string): Map<string, ArrayData>;
}

export async function fixture(name: string): Promise<Fixture> {
  const arrays = await readNpz(readFileSync(`${folder}${name}.npz`));
  const get = (key: string): Tensor => {
    const array = arrays.get(key);
    if (!array) throw new Error(`${name} has no ${key}`);
    return toTensor(array);
  };
  return {
    config: JSON.parse(new TextDecoder().decode(arrays.get("config")!.data as Uint8Array)),
    arrays,
    get,
    image: (key) => get(key).permuteDims([0, 2, 3, 1]),
    parameters: (prefix = "") => {
      const start = `param/${prefix}`;
      return new Map([...arrays].flatMap(([key, array]) => (key.startsWith(start) ? [[key.slice(start.length), array] as const] : [])));
    },
  };
}

/** Sets all weights of a network or a piece of one; each array is used, and none is missing. */
export function fill(network: Layer, arrays: ReadonlyMap<string, ArrayData>): void {
  const parameters = parametersOf(network);
  const names = parameters.map((p) => p.name).sort();
  const given = [...arrays.keys()].sort();
  if (names.join() !== given.join()) throw new Error(`weights ${names.join()} are not ${given.join()}`);
  for (const parameter of parameters) {
    const array = arrays.get(parameter.name)!;
    if (array.shape.join() !== parameter.shape.join()) throw new Error(`${parameter.name} is [${parameter.shape}], given [${array.shape}]`);
    setParameter(parameter, array);
  }
}

/** [B, H, W, C] as [B, C, H, W]. */
export const channelsFirst = (x: Tensor): Tensor => x.permuteDims([0, 3, 1, 2]);

/** The largest difference, divided by max(1, |expected|). */
export async function difference(given: Tensor | readonly number[], expected: Tensor): Promise<number> {
  const [a, b] = [given instanceof Tensor ? await given.data() : given, await expected.data()];
  if (given instanceof Tensor && given.shape.join() !== expected.shape.join())
    throw new Error(`[${given.shape}] instead of [${expected.shape}]`);
  if (a.length !== b.length) throw new Error(`${a.length} numbers instead of ${b.length}`);
  let most = 0;
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(b[i]!));
    if (!(d <= most)) most = d; // NaN counts as a difference
    if (Number.isNaN(d)) return Number.NaN;
  }
  return most;
}

/** Our configurations by diffusers' arguments, leniently: they are ours. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of another program
export function unetOf(args: any): UNetConfig {
  return {
    inChannels: args.in_channels,
    outChannels: args.out_channels,
    channels: args.block_out_channels,
    layersPerBlock: args.layers_per_block,
    attention: args.down_block_types.map((type: string) => type.startsWith("CrossAttn")),
    heads: args.attention_head_dim,
    contextWidth: args.cross_attention_dim,
    groups: args.norm_num_groups,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of another program
export const autoencoderOf = (args: any): AutoencoderConfig => ({
  inChannels: args.in_channels,
  latentChannels: args.latent_channels,
  channels: args.block_out_channels,
  layersPerBlock: args.layers_per_block,
  groups: args.norm_num_groups,
  scalingFactor: args.scaling_factor,
});

// biome-ignore lint/suspicious/noExplicitAny: JSON of another program
export const clipOf = (args: any): ClipTextConfig => ({
  vocabulary: args.vocab_size,
  context: args.max_position_embeddings,
  width: args.hidden_size,
  layers: args.num_hidden_layers,
  heads: args.num_attention_heads,
  hidden: args.intermediate_size,
  activation: "quickGelu",
  end: args.eos_token_id,
});
