/** What cells can import, as @gradus/NAME, and the folder of its index.ts below packages/. */
export const modules = {
  tensor: "tensor/src",
  nn: "nn/src",
  data: "data/src",
  notebook: "notebook/src",
  "systems/diffusion": "systems/diffusion",
  "systems/diffusion/scenes": "systems/diffusion/scenes",
  "systems/resnet": "systems/resnet",
  "systems/fold": "systems/fold",
  "systems/fold/network": "systems/fold/network",
  "systems/gpt": "systems/gpt",
  "systems/gpt/tokenizers": "systems/gpt/tokenizers",
  "systems/zero": "systems/zero",
  "systems/zero/chess": "systems/zero/games/chess",
} as const;

export type ModuleName = keyof typeof modules;
export const moduleNames = Object.keys(modules) as readonly ModuleName[];

/** Where the editor finds a module's declarations, as scripts/types.ts collects them. */
export const typesOf = (name: ModuleName): string => `/gradus/${modules[name].replace(/\/src$/, "")}/index.d.ts`;
