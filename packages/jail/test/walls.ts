import { fileURLToPath } from "node:url";
import type { Walls } from "../src/command.ts";
import { probe } from "../src/protection.ts";

export const entryAt = (name: string): string => fileURLToPath(new URL(`./entries/${name}.ts`, import.meta.url));

const { available, limits } = await probe();

/** All combinations of the outer walls; `missing` says why one cannot be tried here. */
export const combinations: readonly { readonly name: string; readonly walls: Walls; readonly missing: string | null }[] = (
  ["bwrap", "namespaces", null] as const
).flatMap((sandbox) =>
  [true, false].map((permission) => ({
    name: [sandbox ?? "no sandbox", permission ? "permission model" : "no permission model"].join(", "),
    walls: { sandbox, permission, limits },
    missing: sandbox && !available.includes(sandbox) ? `${sandbox} does not work on this machine` : null,
  })),
);
