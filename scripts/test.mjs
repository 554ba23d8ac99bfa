// `npm test`: types, lint and format, unused code, unit tests, browser tests, tests of the site. Arguments go to Vitest.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { install, pinnedNode, root } from "./setup.mjs";

install();
const scratch = mkdtempSync(join(tmpdir(), "gradus-test-"));
const browserResults = join(scratch, "browser.json");
const bin = (name) => `node_modules/.bin/${name}`;

/** Tests of some of Vitest's projects. */
function vitest(name, after, projects) {
  const results = join(scratch, `${name}.json`);
  return {
    ...{ name, after, results, count: (r) => [r.numPassedTests, r.numFailedTests, r.numPendingTests] },
    command: [
      ...[pinnedNode, "node_modules/vitest/vitest.mjs", "run", "--passWithNoTests"],
      ...projects.flatMap((project) => ["--project", project]),
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${results}`],
      ...process.argv.slice(2),
    ],
  };
}

// Each begins when those it comes `after` have ended, well or not; of those that may begin, the first does.
const system = "browser and software GPU";
const built = "the site builds";
const steps = [
  { name: system, command: [pinnedNode, "scripts/system.ts"] },
  { name: built, after: [system], command: [pinnedNode, "scripts/build-site.ts"] },
  { name: "types", after: [system], command: [bin("tsc"), "-p", "tsconfig.json"] },
  { name: "lint and format", after: [system], command: [bin("biome"), "check", "--error-on-warnings", "."] },
  {
    name: "browser tests",
    after: [system],
    command: [pinnedNode, "scripts/browser-tests.mjs", browserResults],
    results: browserResults,
    count: (r) => [r.passed, r.failed, r.skipped],
  },
  vitest("unit tests", [system], ["wasm", "reference"]),
  vitest("tests of the site", [built], ["site"]),
  {
    name: "types of the site",
    after: [built],
    command: ["site/node_modules/.bin/svelte-check", "--workspace", "site", "--threshold", "warning"],
  },
  { name: "unused code", after: [built], command: [bin("knip")] },
];

const total = [0, 0, 0];
const broken = [];

/** Runs a step, its lines marked with its name; what it has counted is added to the total. */
async function run({ name, command, results, count }) {
  const start = Date.now();
  console.log(`── ${name}`);
  const env = { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}` };
  const child = spawn(command[0], command.slice(1), { cwd: root, stdio: ["ignore", "pipe", "pipe"], env });
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => console.log(line.trim() ? `${name} │ ${line}` : ""));
  const status = await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  if (status !== 0) broken.push(name);
  console.log(`── ${name}: ${status === 0 ? "passed" : `FAILED (${status})`} in ${((Date.now() - start) / 1000).toFixed(1)} s`);
  if (!results) return;
  try {
    count(JSON.parse(readFileSync(results, "utf8"))).forEach((n, i) => {
      total[i] += n;
    });
  } catch {
    if (!broken.includes(name)) broken.push(name);
  }
}

/** Two at a time: most steps keep one core busy, or wait. */
async function runAll() {
  const waiting = [...steps];
  const running = new Map();
  const ended = new Set();
  while (waiting.length || running.size) {
    const next = waiting.findIndex(({ after = [] }) => after.every((name) => ended.has(name)));
    if (next < 0 || running.size === 2) {
      await Promise.race(running.values());
      continue;
    }
    const [step] = waiting.splice(next, 1);
    const done = run(step).then(() => {
      ended.add(step.name);
      running.delete(step.name);
    });
    running.set(step.name, done);
  }
}

await runAll();
rmSync(scratch, { recursive: true, force: true });
if (broken.length) console.log(`\nFailed: ${broken.join(", ")}`);
// A step that failed without a failing test counts as one failure, so that the last line never looks green by mistake.
const failed = total[1] || broken.length;
console.log(`\n${total[0]} passed, ${failed} failed, ${total[2]} skipped`);
process.exit(broken.length ? 1 : 0);
