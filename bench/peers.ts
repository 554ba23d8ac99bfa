import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Timing } from "./timing.ts";

/** Names people use for peers, and the variants that the peers' script knows. */
const javascript: Record<string, readonly string[]> = {
  tfjs: ["tfjs-node", "tfjs-chromium"],
  "jax-js": ["jaxjs-node", "jaxjs-chromium"],
  ort: ["ort-web-node", "ort-node"],
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
  [/^resnet/, "resnet"],
  [/^gpt/, "gpt"],
];

function lines(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Record<string, unknown>[]> {
  return new Promise((resolve) => {
    execFile(file, args, { env: { ...process.env, ...env }, maxBuffer: 2 ** 26, timeout: 1_800_000 }, (_, out) => {
      resolve(
        out.split("\n").flatMap((line) => {
          try {
            return line.startsWith("{") ? [JSON.parse(line) as Record<string, unknown>] : [];
          } catch {
            return [];
          }
        }),
      );
    });
  });
}

function missing(peer: string, names: readonly string[], why: string): Timing[] {
  return names.map((name) => ({ peer, name, error: why }));
}

async function torch(names: readonly string[]): Promise<Timing[]> {
  const script = `${anchors}/torch_bench.py`;
  if (!existsSync(script)) return missing("torch", names, `not installed: no torch_bench.py in the anchors' folder (GRADUS_ANCHORS)`);
  const python = ["/usr/bin/python3", "python3"].find((p) => {
    try {
      execFileSync(p, ["-c", "import torch"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
  if (!python) return missing("torch", names, "not installed: Debian's python3-torch and libopenblas0-pthread");
  const groups = [...new Set(names.flatMap((n) => torchGroups.filter(([re]) => re.test(n)).map(([, g]) => g)))];
  const found = await lines(python, [script, ...groups], { OMP_NUM_THREADS: "2" });
  return found
    .filter((r) => names.includes(r.name as string))
    .map((r) => ({
      peer: "torch",
      name: r.name as string,
      ms: r.ms as number,
      ...(typeof r.rss_mb === "number" ? { rss_mb: Math.round(r.rss_mb) } : {}),
    }));
}

async function javascriptPeer(peer: string, names: readonly string[]): Promise<Timing[]> {
  const script = `${anchors}/js_peers_bench.mjs`;
  const folder = process.env.PEERS_DIR;
  if (!existsSync(script) || !folder || !existsSync(`${folder}/node_modules`))
    return missing(peer, names, "not installed: set PEERS_DIR to a folder with the anchors' package.json installed");
  const found = await lines(process.execPath, [script, ...javascript[peer]!, ...names], {
    CHROMIUM: process.env.CHROMIUM ?? "/usr/bin/chromium",
  });
  return found as unknown as Timing[];
}

export function timePeer(peer: string, names: readonly string[]): Promise<Timing[]> {
  return peer === "torch" ? torch(names) : javascriptPeer(peer, names);
}
