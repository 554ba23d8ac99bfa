import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { init } from "@gradus/tensor";
import { peerNames, type Timing, timePeer } from "./peers.ts";
import { workloads } from "./workloads.ts";

const usage = `npm run bench -- [names] [--against ${peerNames.join(",")}] [--threads N] [--json]
names: ${Object.keys(workloads).join(" ")}
Examples:
  npm run bench -- matmul-1024 gelu-4m
  npm run bench -- --against torch --json`;

function fail(problem: string): never {
  console.error(`bench: ${problem}\n${usage}`);
  process.exit(2);
}

const options = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { against: { type: "string" }, json: { type: "boolean" }, threads: { type: "string" }, help: { type: "boolean" } },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
})();
if (options.values.help) {
  console.log(usage);
  process.exit(0);
}
const names = options.positionals.length ? options.positionals : Object.keys(workloads).filter((n) => n !== "gpt-baby");
for (const name of names) if (!(name in workloads)) fail(`unknown workload ${name}`);
const against = options.values.against?.split(",").filter(Boolean) ?? [];
for (const peer of against) if (!peerNames.includes(peer)) fail(`unknown peer ${peer}`);
const threads = options.values.threads === undefined ? undefined : Number(options.values.threads);
if (threads !== undefined && !(Number.isInteger(threads) && threads > 0))
  fail(`--threads ${options.values.threads} is not a positive integer`);
const json = options.values.json ?? false;

const { description } = await init(threads === undefined ? {} : { threads });
const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}, Node.js ${process.version}, ${description}`;
if (!json) console.log(machine);

/** Median over enough calls after warm-up, compilation excluded. */
async function time(name: string): Promise<Timing & { first_ms: number; detail: string }> {
  const work = workloads[name]!;
  const run = work.prepare();
  const start = performance.now();
  run();
  const first = performance.now() - start;
  // Warm up until the optimising compiler is done: half a second, at least three calls.
  const warm = performance.now();
  for (let i = 0; i < 3 || performance.now() - warm < 500; i++) {
    run();
    if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < 15 || (performance.now() - begin < 1000 && times.length < 400)) {
    const t = performance.now();
    run();
    times.push(performance.now() - t);
    if (times.length % 32 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  times.sort((a, b) => a - b);
  return { peer: "gradus", name, ms: times[times.length >> 1]!, first_ms: first, detail: work.detail };
}

const ours = new Map<string, number>();
const say = (line: object) => console.log(JSON.stringify({ ...line, machine }));
for (const name of names) {
  const timing = await time(name);
  ours.set(name, timing.ms!);
  const { flops } = workloads[name]!;
  if (json) say({ ...timing, ...(flops ? { gflops: flops / timing.ms! / 1e6 } : {}) });
  else
    console.log(
      `${name.padEnd(22)} ${timing.ms!.toFixed(3).padStart(10)} ms${flops ? `  ${(flops / timing.ms! / 1e6).toFixed(1)} GFLOP/s` : ""}`,
    );
}
for (const peer of against)
  for (const t of await timePeer(peer, names)) {
    const ratio = t.ms === undefined || !ours.has(t.name) ? undefined : t.ms / ours.get(t.name)!;
    if (json) say({ ...t, ...(ratio === undefined ? {} : { ratio }) });
    else
      console.log(
        `${t.name.padEnd(22)} ${t.ms === undefined ? `${t.peer}: ${t.error}` : `${t.ms.toFixed(3).padStart(10)} ms  ${t.peer}, ${ratio!.toFixed(2)} times ours`}`,
      );
  }
process.exit(0);
