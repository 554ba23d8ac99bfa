import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type DeviceName, init } from "@gradus/tensor";
import { timeInPage } from "./page.ts";
import { peerNames, timePeer } from "./peers.ts";
import { timeInProcess } from "./process.ts";
import type { Timing, Where } from "./timing.ts";
import { type Workload, workloads } from "./workloads.ts";

const usage = `npm run bench -- [names] [--against ${peerNames.join(",")}] [--chromium] [--threads N] [--device wasm|webgpu] [--count] [--json]
--device webgpu: on the GPU, with the workloads that are too large for a CPU
--count: with --device webgpu, count dispatches, operations and bytes of a run instead of doing it
--chromium: time ours in a page too, and compare with it what peers do in a page
names: ${Object.keys(workloads).join(" ")}
Examples:
  npm run bench -- matmul-1024 gelu-4m
  npm run bench -- --against torch --json
  npm run bench -- --device webgpu --count gpt2-124m`;

function fail(problem: string): never {
  console.error(`bench: ${problem}\n${usage}`);
  process.exit(2);
}

const options = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        against: { type: "string" },
        json: { type: "boolean" },
        chromium: { type: "boolean" },
        threads: { type: "string" },
        device: { type: "string", default: "wasm" },
        count: { type: "boolean", default: false },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
})();
if (options.values.help) {
  console.log(usage);
  process.exit(0);
}
const { count, device } = options.values;
if (device !== "wasm" && device !== "webgpu") fail(`--device ${device} is neither wasm nor webgpu`);
const onGpu = device === "webgpu";
if (count && !onGpu) fail("--count is for --device webgpu");
const names = options.positionals.length
  ? options.positionals
  : Object.keys(workloads).filter((n) => (onGpu ? n !== "gpt-baby" || count : n !== "gpt-baby" && !workloads[n]!.large));
for (const name of names) if (!(name in workloads)) fail(`unknown workload ${name}`);
const against = options.values.against?.split(",").filter(Boolean) ?? [];
for (const peer of against) if (!peerNames.includes(peer)) fail(`unknown peer ${peer}`);
const threads = options.values.threads === undefined ? undefined : Number(options.values.threads);
if (threads !== undefined && !(Number.isInteger(threads) && threads > 0))
  fail(`--threads ${options.values.threads} is not a positive integer`);
const json = options.values.json ?? false;

const where: Where = { device: device as DeviceName, count, ...(threads === undefined ? {} : { threads }) };
const { description } = await init({ device: device as DeviceName, ...(threads === undefined ? {} : { threads }) }).catch((error: Error) =>
  fail(error.message),
);
const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}, Node.js ${process.version}, ${description}`;
if (!json) console.log(machine);

/** Work as people read it, with the least that is possible where that is known. */
function worked({ dispatches, operations, bytes }: NonNullable<Timing["work"]>, { least }: Workload): string {
  const beside = (value: number, unit: string, lowest: number | undefined) =>
    `${value.toPrecision(4)} ${unit}${lowest ? ` (${(value / lowest).toFixed(2)} times the least)` : ""}`;
  const parts = [
    `${dispatches} dispatches`,
    beside(operations / 1e9, "billion operations", least && least.operations / 1e9),
    beside(bytes / 1e6, "MB", least && least.bytes / 1e6),
  ];
  return parts.join(", ");
}

const ours = new Map<string, number>();
const oursInPage = new Map<string, number>();
const print = (timing: Timing, reference?: number): void => {
  const { name, peer, ms, error } = timing;
  const { flops, images, tokens, simulations, positions, least } = workloads[name]!;
  const own = peer.startsWith("gradus");
  const ratio = ms === undefined || reference === undefined ? undefined : ms / reference;
  const gflops = own && flops && ms ? flops / ms / 1e6 : undefined;
  const each = (count: number | undefined) => (count && ms ? Number(((1000 * count) / ms).toPrecision(4)) : undefined);
  const [pictureRate, tokenRate, simulationRate, positionRate] = [images, tokens, simulations, positions].map(each);
  const bandwidth = own && least && ms ? least.bytes / ms / 1e6 : undefined;
  if (json) {
    console.log(
      JSON.stringify({
        ...{ ...timing, gflops, images_per_second: pictureRate, tokens_per_second: tokenRate },
        ...{ simulations_per_second: simulationRate, positions_per_second: positionRate, bandwidth, ratio, machine },
      }),
    );
    return;
  }
  if (timing.work) return console.log(`${name.padEnd(22)} ${worked(timing.work, workloads[name]!)}`);
  const time = ms === undefined ? `${peer}: ${error}` : `${ms.toFixed(3).padStart(10)} ms`;
  const notes = [
    pictureRate ? `${pictureRate} images/s` : "",
    tokenRate ? `${tokenRate} tokens/s` : "",
    simulationRate ? `${simulationRate} simulations/s` : "",
    positionRate ? `${positionRate} positions/s` : "",
    timing.network === undefined ? "" : `${Math.round(100 * timing.network)} % in the network`,
    bandwidth ? `${bandwidth.toFixed(1)} GB/s at least` : "",
    gflops ? `${gflops.toFixed(1)} GFLOP/s` : "",
    ms === undefined || peer === "gradus" ? "" : peer,
    timing.off !== undefined && timing.off > 1e-3 ? `off ours by ${timing.off.toPrecision(2)} of the largest` : "",
    ratio === undefined ? "" : `${ratio.toFixed(2)} times ours`,
    timing.peak_mb === undefined ? "" : `${timing.peak_mb} MiB at most`,
    timing.rss_mb === undefined ? "" : `${timing.rss_mb} MiB at the end`,
  ];
  console.log(`${name.padEnd(22)} ${time}  ${notes.filter(Boolean).join(", ")}`.trimEnd());
};

for (const name of names) {
  const timing = await timeInProcess(name, where);
  if (timing.ms !== undefined) ours.set(name, timing.ms);
  print(timing);
}
if (options.values.chromium) {
  for (const timing of await timeInPage(names, where)) {
    if (timing.ms !== undefined) oursInPage.set(timing.name, timing.ms);
    print(timing);
  }
}
// A peer that ran in a page is compared with ours in a page, where that was timed.
for (const peer of against)
  for (const t of await timePeer(peer, names)) print(t, (t.peer.endsWith("-chromium") ? oursInPage : ours).get(t.name) ?? ours.get(t.name));
process.exit(0);
