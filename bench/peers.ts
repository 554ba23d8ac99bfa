import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { foldWorkloads } from "./fold.ts";
import { timeFold } from "./fold-peers.ts";
import { timeNetwork } from "./networks.ts";
import { runForLines } from "./process.ts";
import type { Timing } from "./timing.ts";
import { rounding, timeTokens } from "./tokens.ts";
import { workloads } from "./workloads.ts";

/** Names people use for peers, and the variants that the peers' script knows. */
const javascript: Record<string, readonly string[]> = {
  tfjs: ["tfjs-node", "tfjs-chromium"],
  "tfjs-cpu": ["tfjs-cpu-node"],
  "jax-js": ["jaxjs-node", "jaxjs-chromium"],
  ort: ["ort-web-node", "ort-node"],
  "transformers-js": ["transformers-js-node"],
};
export const peerNames = ["torch", ...Object.keys(javascript)];

/** Scripts that time the same work elsewhere; the folder is no part of the repository. */
const anchors = process.env.GRADUS_ANCHORS ?? fileURLToPath(new URL("../../shared/anchors", import.meta.url));
const torchGroups: readonly [RegExp, string][] = [
  [/^matmul/, "matmul"],
  [/^(gelu|softmax|sum|layernorm)/, "elementwise"],
  [/^mlp-1-/, "mlp"],
  [/^mlp-19/, "table"],
  [/^cnn/, "cnn"],
  [/^encoder/, "encoder"],
  [/^gpt/, "gpt"],
];

function missing(peer: string, names: readonly string[], why: string): Timing[] {
  return names.map((name) => ({ peer, name, error: why }));
}

/** The variants that generate tokens with weights of so many bits; with codes, those that multiply by them as they are. */
function tokenVariants(peer: string, bits: number): readonly string[] {
  if (bits !== 32) return peer === "ort" ? ["ort-node", rounding] : [];
  return ["torch", "ort", "transformers-js"].includes(peer) ? (javascript[peer] ?? [peer]) : [];
}

/**
 * Who times a workload in a peer: the workload; networks.ts, tokens.ts or fold.ts, with our weights; a script of the folder, training in
 * JavaScript too; or nobody.
 */
function whoTimes(peer: string, name: string): "workload" | "networks" | "tokens" | "fold" | "script" | null {
  if (name in foldWorkloads) return peer === "torch" ? "fold" : null;
  if (workloads[name]!.torch) return peer === "torch" ? "workload" : null;
  const { decoding } = workloads[name]!;
  if (decoding) return tokenVariants(peer, decoding.bits).length ? "tokens" : null;
  if (peer === "transformers-js") return null;
  if (!workloads[name]!.network) return "script";
  if (peer === "torch" || (peer !== "jax-js" && name.endsWith("-infer"))) return "networks";
  return ["resnet20-b128", "resnet20-b1-infer"].includes(name) ? "script" : null;
}

async function torchScript(names: readonly string[], python: string): Promise<Timing[]> {
  const groups = torchGroups.filter(([re]) => names.some((n) => re.test(n))).map(([, group]) => group);
  if (!groups.length) return [];
  const script = `${anchors}/torch_bench.py`;
  if (!existsSync(script)) return missing("torch", names, "not installed: no torch_bench.py in the anchors' folder (GRADUS_ANCHORS)");
  const { found, problem } = await runForLines(python, [script, ...groups], { OMP_NUM_THREADS: "2" });
  if (!found.length) return missing("torch", names, problem);
  return found.filter((r) => names.includes(r.name as string)).map((r) => ({ peer: "torch", name: r.name as string, ms: r.ms as number }));
}

async function javascriptScript(peer: string, names: readonly string[]): Promise<Timing[]> {
  const script = `${anchors}/js_peers_bench.mjs`;
  if (!existsSync(script)) return missing(peer, names, "not installed: no js_peers_bench.mjs in the anchors' folder (GRADUS_ANCHORS)");
  const { found, problem } = await runForLines(process.execPath, [script, ...javascript[peer]!, ...names], {
    CHROMIUM: process.env.CHROMIUM ?? "/usr/bin/chromium",
  });
  return found.length ? (found as unknown as Timing[]) : missing(peer, names, problem);
}

/** A Python that has PyTorch. */
export const findPython = (): string | undefined =>
  ["/usr/bin/python3", "python3"].find((p) => {
    try {
      execFileSync(p, ["-c", "import torch"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });

export async function timePeer(peer: string, names: readonly string[]): Promise<Timing[]> {
  const python = peer === "torch" ? findPython() : "";
  if (python === undefined) return missing(peer, names, "not installed: Debian's python3-torch, python3-torchvision, libopenblas0-pthread");
  const folder = process.env.PEERS_DIR;
  if (!python && !(folder && existsSync(`${folder}/node_modules`)))
    return missing(peer, names, "not installed: set PEERS_DIR to a folder with the anchors' package.json installed");
  if (peer === "transformers-js" && !existsSync(`${folder}/node_modules/@huggingface/transformers`))
    return missing(peer, names, "not installed: npm install --ignore-scripts @huggingface/transformers, in PEERS_DIR");
  const by = (who: string | null): string[] => names.filter((n) => whoTimes(peer, n) === who);
  const found = missing(peer, by(null), "nothing here times it there");
  for (const name of by("workload")) found.push({ peer, name, ...(await workloads[name]!.torch!(python)) });
  for (const name of by("networks")) found.push(...(await timeNetwork(name, javascript[peer] ?? [peer], python)));
  for (const name of by("fold")) found.push(await timeFold(name, python));
  for (const name of by("tokens")) {
    const decoding = workloads[name]!.decoding!;
    found.push(...(await timeTokens(name, decoding, tokenVariants(peer, decoding.bits), python)));
  }
  const rest = by("script");
  if (rest.length) found.push(...(await (python ? torchScript(rest, python) : javascriptScript(peer, rest))));
  return found;
}
