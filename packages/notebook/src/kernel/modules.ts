import * as data from "@gradus/data";
import * as nn from "@gradus/nn";
import * as diffusion from "@gradus/systems/diffusion";
import * as scenes from "@gradus/systems/diffusion/scenes";
import * as fold from "@gradus/systems/fold";
import * as foldNetwork from "@gradus/systems/fold/network";
import * as gpt from "@gradus/systems/gpt";
import * as tokenizers from "@gradus/systems/gpt/tokenizers";
import * as resnet from "@gradus/systems/resnet";
import * as zero from "@gradus/systems/zero";
import * as tensor from "@gradus/tensor";
import * as notebook from "../index.ts";

/** What cells can import, by name; of a module that few want, what loads it when a cell first asks for it. */
export type Modules = Readonly<Record<string, object | (() => Promise<object>)>>;

/** What every kernel has. */
const always = {
  "@gradus/tensor": tensor,
  "@gradus/nn": nn,
  "@gradus/data": data,
  "@gradus/notebook": notebook,
  "@gradus/systems/diffusion": diffusion,
  "@gradus/systems/diffusion/scenes": scenes,
  "@gradus/systems/fold": fold,
  "@gradus/systems/fold/network": foldNetwork,
  "@gradus/systems/resnet": resnet,
  "@gradus/systems/gpt": gpt,
  "@gradus/systems/gpt/tokenizers": tokenizers,
  "@gradus/systems/zero": zero,
} as const;

/** Loaded by who imports them: chess rests on a library under another licence than ours. */
const onDemand = ["@gradus/systems/zero/chess"];

/** What cells can import; `load` brings what not every kernel has. */
export const modulesWith = (load: (name: string) => Promise<object>): Modules => ({
  ...always,
  ...Object.fromEntries(onDemand.map((name) => [name, () => load(name)])),
});

/** What cells can import where packages are installed. */
export const modules: Modules = modulesWith((name) => import(/* @vite-ignore */ name));

/** Those of the modules that are named somewhere in a text, or need no loading, loaded. */
export async function loadedModules(text: string): Promise<Record<string, object>> {
  const wanted = Object.entries(modules).filter(([name, module]) => typeof module !== "function" || text.includes(name));
  return Object.fromEntries(await Promise.all(wanted.map(async ([name, m]) => [name, typeof m === "function" ? await m() : m] as const)));
}
